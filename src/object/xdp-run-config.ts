// Where an XDP program wants to stand among others of an interface, as its object says it: section `.xdp_run_config`, by
// libxdp's custom a struct for each program whose members are pointers to arrays, with numbers as the arrays' lengths.
//
//     struct { __uint(priority, 10); __uint(XDP_PASS, 1); } _NAME SEC(".xdp_run_config");
//
// Source: xdp-tools, lib/libxdp/protocol.org, "Processing program metadata".

import type { Btf, BtfWriter } from "../btf/index.ts";

/** `enum xdp_action` (linux/bpf.h), lower case, without `XDP_`, by number. */
export const XDP_ACTIONS = ["aborted", "drop", "pass", "tx", "redirect"] as const;
export type XdpAction = (typeof XDP_ACTIONS)[number];

/** Where an XDP program stands among others of its interface. */
export interface XdpRunConfig {
  /** 0 to 2^32 - 1; lower ones run first. */
  readonly priority: number;
  /** After which of its answers the next program is asked; any other is what is done with the packet. */
  readonly chainCall: readonly XdpAction[];
}

/** That of a program that says nothing. */
export const XDP_RUN_CONFIG: XdpRunConfig = { priority: 50, chainCall: ["pass"] };

/** The section that says it: nothing that a program reads, and no map. */
export const XDP_RUN_SECTION = ".xdp_run_config";

/**
 * What the object says of a program; what it leaves out is as in `XDP_RUN_CONFIG`. Members of other names are passed over.
 * Throws a FormatError for types that make no sense.
 */
export function xdpRunConfig(types: Btf | undefined, program: string): XdpRunConfig {
  const section = types?.find(XDP_RUN_SECTION, "datasec");
  const found = section === undefined ? undefined : types?.type(section);
  if (types === undefined || found?.kind !== "datasec") return XDP_RUN_CONFIG;
  const variable = found.variables.map(({ type }) => types.type(type)).find(({ name }) => name === `_${program}`);
  if (variable?.kind !== "var") return XDP_RUN_CONFIG;
  let { priority } = XDP_RUN_CONFIG;
  const chain = new Set<XdpAction>(XDP_RUN_CONFIG.chainCall);
  for (const { name, type } of types.members(variable.type)) {
    const value = lengthOf(types, type);
    if (value === undefined) continue;
    if (name === "priority") priority = value;
    const action = XDP_ACTIONS.find((one) => name === `XDP_${one.toUpperCase()}`);
    if (action === undefined) continue;
    if (value === 0) chain.delete(action);
    else chain.add(action);
  }
  return { priority, chainCall: XDP_ACTIONS.filter((action) => chain.has(action)) };
}

/** `int (*name)[N]` */
function lengthOf(types: Btf, id: number): number | undefined {
  const pointer = types.resolve(id);
  const array = pointer.kind === "ptr" ? types.resolve(pointer.type) : undefined;
  return array?.kind === "array" ? array.count : undefined;
}

/** The section as it lies in a file, whose bytes nobody reads. */
export interface RunConfigSection {
  readonly sectionBytes: number;
  readonly variables: readonly { readonly name: string; readonly offset: number; readonly size: number }[];
}

/** That of an object by its types; of no bytes where it has none. */
export function runConfigSection(types: Btf | undefined): RunConfigSection {
  const id = types?.find(XDP_RUN_SECTION, "datasec");
  const section = id === undefined ? undefined : types?.type(id);
  if (types === undefined || section?.kind !== "datasec") return { sectionBytes: 0, variables: [] };
  const variables = section.variables.map(({ type, offset, size }) => ({ name: types.name(type), offset, size }));
  return { sectionBytes: section.size, variables };
}

/** `int (struct xdp_md *ctx)`: the type of XDP programs, and of functions of theirs that others may stand in for. */
export function xdpFunction(writer: BtfWriter): number {
  const word = writer.int("unsigned int", 4);
  const names = ["data", "data_end", "data_meta", "ingress_ifindex", "rx_queue_index", "egress_ifindex"];
  const members = names.map((name, i) => ({ name, type: word, bitOffset: 32 * i, bitfieldSize: 0 }));
  const context = writer.ptr(writer.struct("xdp_md", 4 * names.length, members));
  return writer.funcProto(writer.int("int", 4, { signed: true }), [{ name: "ctx", type: context }]);
}
