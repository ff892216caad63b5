// The program that lets several XDP programs share an interface: it calls one function after the other, each of which a
// program stands in for (freplace), and goes on as long as their answers say so. libxdp's, made anew by its protocol, so
// that its tools and we understand each other's: xdp-tools, lib/libxdp/protocol.org, version 2.
//
//     conf, in a map that is frozen, so that the verifier drops what is not used:
//     ┌ u8 magic 236, version, programs, frags ┬ u32 chain_call_actions[10] ┬ u32 run_prios[10] ┬ u32 program_flags[10] ┐
//     version 1 has u8 programs and three bytes of nothing before the same two lists, and no flags.

import { type Btf, BtfWriter } from "../btf/index.ts";
import {
  assembleCode,
  BPF_F_RDONLY_PROG,
  type BpfObject,
  type FunctionSpec,
  XDP_ACTIONS,
  type XdpRunConfig,
  xdpFunction,
} from "../object/index.ts";
import { FormatError } from "../source/index.ts";
import { BPF_F_XDP_HAS_FRAGS } from "./numbers.ts";

/** What its program is called: by this name others know it. */
export const DISPATCHER_NAME = "xdp_dispatcher";
/** Programs that it has room for. */
export const DISPATCHER_SLOTS = 10;
/** The version of the protocol that is spoken here. */
export const DISPATCHER_VERSION = 2;
/** The function that the program of a slot stands in for. */
export const slotFunction = (slot: number): string => `prog${slot}`;
/** By the name of this variable its types tell its version. */
export const VERSION_VARIABLE = { section: "xdp_metadata", name: "dispatcher_version" } as const;

const MAGIC = 236;
/** The answer of a function that nobody stands in for; after it the next one is always asked. */
const NOBODY = 31;
const CHAIN = 4;
const PRIORITIES = CHAIN + 4 * DISPATCHER_SLOTS;
const FLAGS = PRIORITIES + 4 * DISPATCHER_SLOTS;
const SIZES: Readonly<Record<number, number>> = { 1: FLAGS, 2: FLAGS + 4 * DISPATCHER_SLOTS };

/** What a dispatcher is told of one program. */
export interface DispatcherEntry extends XdpRunConfig {
  /** It takes packets in several pieces. */
  readonly frags: boolean;
}

export interface DispatcherConfig {
  readonly version: number;
  /** In the order in which they run; empty for a version that is not known here. */
  readonly entries: readonly DispatcherEntry[];
}

/** Do all programs take packets in several pieces? Then the dispatcher does. */
export const allFrags = (entries: readonly DispatcherEntry[]): boolean => entries.every(({ frags }) => frags);

export function encodeDispatcherConfig(entries: readonly DispatcherEntry[]): Uint8Array {
  const bytes = new Uint8Array(SIZES[DISPATCHER_VERSION] as number);
  const view = new DataView(bytes.buffer);
  bytes.set([MAGIC, DISPATCHER_VERSION, entries.length, allFrags(entries) ? 1 : 0]);
  entries.forEach(({ priority, chainCall, frags }, i) => {
    const bits = chainCall.reduce((all, action) => all | (1 << XDP_ACTIONS.indexOf(action)), 1 << NOBODY);
    view.setUint32(CHAIN + 4 * i, bits >>> 0, true);
    view.setUint32(PRIORITIES + 4 * i, priority, true);
    view.setUint32(FLAGS + 4 * i, frags ? BPF_F_XDP_HAS_FRAGS : 0, true);
  });
  return bytes;
}

/**
 * What is in the map of a dispatcher; `byTypes` is the version that its types tell, which only the first one needs.
 * Undefined where it is none. Throws a FormatError where it says something that cannot be.
 */
export function decodeDispatcherConfig(bytes: Uint8Array, byTypes?: number): DispatcherConfig | undefined {
  const marked = bytes[0] === MAGIC;
  const version = marked ? bytes[1] : byTypes;
  if (version === undefined) return undefined;
  const size = SIZES[version];
  if (size === undefined) return { version, entries: [] };
  const what = `the configuration of an XDP dispatcher (version ${version})`;
  if (bytes.length !== size) throw new FormatError(what, `it has ${bytes.length} bytes, not ${size}`);
  const count = (marked ? bytes[2] : bytes[0]) ?? 0;
  if (count > DISPATCHER_SLOTS) throw new FormatError(what, `it tells of ${count} programs`, marked ? 2 : 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = Array.from({ length: count }, (_, i): DispatcherEntry => {
    const bits = view.getUint32(CHAIN + 4 * i, true);
    return {
      priority: view.getUint32(PRIORITIES + 4 * i, true),
      chainCall: XDP_ACTIONS.filter((_action, number) => (bits >>> number) & 1),
      frags: version > 1 && (view.getUint32(FLAGS + 4 * i, true) & BPF_F_XDP_HAS_FRAGS) !== 0,
    };
  });
  return { version, entries };
}

/** The version that the types of a program tell (`__uint(dispatcher_version, 2) SEC("xdp_metadata")`). */
export function dispatcherVersion(types: Btf | undefined): number | undefined {
  const id = types?.find(VERSION_VARIABLE.section, "datasec");
  const section = id === undefined ? undefined : types?.type(id);
  if (types === undefined || section?.kind !== "datasec") return undefined;
  const variable = section.variables
    .map(({ type }) => types.type(type))
    .find((one) => one.name === VERSION_VARIABLE.name);
  const pointer = variable?.kind === "var" ? types.resolve(variable.type) : undefined;
  const array = pointer?.kind === "ptr" ? types.resolve(pointer.type) : undefined;
  return array?.kind === "array" ? array.count : undefined;
}

/** A function that others verify against, and stand in for: what it answers is unknown to the verifier. */
const compatTest = "compat_test";

/**
 * A dispatcher for these programs. All ten functions are in it, whose calls the verifier drops where there are fewer; each
 * could move the packet's ends, or no program that does could stand in for it (Linux 6.13).
 */
export function dispatcherObject(entries: readonly DispatcherEntry[]): BpfObject {
  const { types, functionType } = dispatcherTypes();
  const stub = assembleCode("r2 = 0\ncall xdp_adjust_tail\nr0 = 31\nexit");
  const names = Array.from({ length: DISPATCHER_SLOTS }, (_, slot) => slotFunction(slot));
  const fn = (name: string, code: FunctionSpec["code"]): FunctionSpec => ({
    name,
    code,
    parameters: 1,
    type: functionType(name),
  });
  const calls = names.map(
    (name, slot) => `
      if r7 < ${slot + 1} goto out
      r1 = r6
      call ${name}
      r1 = 1
      w1 <<= w0
      r2 = map_value[${CONFIG_MAP}] + ${CHAIN + 4 * slot} ll
      r2 = *(u32 *)(r2 + 0)
      r1 &= r2
      if r1 == 0 goto end`,
  );
  const main = assembleCode(`
      r6 = r1
      r7 = map_value[${CONFIG_MAP}] + 2 ll
      r7 = *(u8 *)(r7 + 0)
      ${calls.join("\n")}
      if r7 < ${DISPATCHER_SLOTS + 1} goto out
      r1 = r6
      call ${compatTest}
    out:
      r0 = 2
    end:
      exit`);
  const config = encodeDispatcherConfig(entries);
  return {
    maps: [
      {
        name: CONFIG_MAP,
        type: "array",
        keySize: 4,
        valueSize: config.length,
        maxEntries: 1,
        flags: BPF_F_RDONLY_PROG,
        initial: config,
      },
    ],
    programs: [
      {
        name: DISPATCHER_NAME,
        type: "xdp",
        attach: [],
        attachType: "xdp",
        functions: [fn(DISPATCHER_NAME, main), ...[...names, compatTest].map((name) => fn(name, stub))],
        ...(entries.length > 0 && allFrags(entries) ? { frags: true } : {}),
      },
    ],
    types,
    license: "GPL",
  };
}

/** As libbpf calls it. */
const CONFIG_MAP = "xdp_disp.rodata";

/** `int f(struct xdp_md *ctx)` for each function, and what tells the version. */
function dispatcherTypes(): { types: Btf; functionType: (name: string) => number } {
  const writer = new BtfWriter();
  const proto = xdpFunction(writer);
  const names = [DISPATCHER_NAME, ...Array.from({ length: DISPATCHER_SLOTS }, (_, i) => slotFunction(i)), compatTest];
  const ids = new Map(names.map((name) => [name, writer.func(name, proto, "global")]));
  const number = writer.int("int", 4, { signed: true });
  const version = writer.ptr(writer.array(number, DISPATCHER_VERSION, number));
  const variable = writer.var(VERSION_VARIABLE.name, version);
  writer.datasec(VERSION_VARIABLE.section, 8, [{ type: variable, offset: 0, size: 8 }]);
  return { types: writer.btf(), functionType: (name) => ids.get(name) as number };
}
