// The tables of types against the running kernel: its own enumerations, and what it loads.

import { describe, expect, it } from "vitest";
import { assemble } from "../isa/index.ts";
import { kernelBtf, loadObject } from "../kernel/index.ts";
import {
  attachType,
  attachTypeNames,
  helperId,
  helperName,
  MAP_TYPES,
  PROGRAM_TYPES,
  type ProgramType,
} from "./index.ts";
import { programOfSection, sectionName } from "./section-names.ts";

/** The enumerators of a type of the kernel by their names; undefined for one that it has not. */
const btf = kernelBtf();
function enumerators(name: string): ReadonlyMap<string, number> {
  const id = btf.find(name, "enum");
  const type = id === undefined ? undefined : btf.type(id);
  return new Map(type?.kind === "enum" ? type.values.map((v) => [v.name, Number(v.value)]) : []);
}

describe("numbers are the kernel's", () => {
  it.each([
    [
      "bpf_prog_type",
      "BPF_PROG_TYPE_",
      Object.entries(PROGRAM_TYPES).map(([type, { number }]) => [type, number] as const),
    ],
    [
      "bpf_map_type",
      "BPF_MAP_TYPE_",
      Object.entries(MAP_TYPES).map(([name, { number }]): [string, number] => [name, number]),
    ],
    ["bpf_attach_type", "BPF_", attachTypeNames().map((name) => [name, attachType(name)] as const)],
  ] as const)("%s", (name, prefix, rows) => {
    const known = enumerators(name);
    expect(known.size).toBeGreaterThan(20);
    for (const [row, number] of rows) {
      const theirs = known.get(`${prefix}${row.toUpperCase()}`);
      // A kernel may be older than a row.
      if (theirs !== undefined) expect([row, number]).toEqual([row, theirs]);
    }
    expect(rows.filter(([row]) => known.has(`${prefix}${row.toUpperCase()}`)).length).toBeGreaterThan(rows.length - 6);
  });

  it("bpf_func_id", () => {
    for (const [name, number] of enumerators("bpf_func_id"))
      if (name !== "BPF_FUNC_unspec" && name !== "__BPF_FUNC_MAX_ID")
        expect([name, helperName(number)]).toEqual([name, name.slice("BPF_FUNC_".length)]);
    expect(helperId("map_lookup_elem")).toBe(1);
  });
});

describe("a section of each type says what is loaded", () => {
  const returns: Readonly<Record<string, number>> = { cgroup_sock_addr: 1, cgroup_sock: 1 };
  const rows = (Object.keys(PROGRAM_TYPES) as ProgramType[]).flatMap((type) =>
    PROGRAM_TYPES[type].sections
      .filter(
        (s) =>
          s.target === undefined &&
          /^(cgroup|xdp|tc|socket|sockops|sk_lookup|sk_msg|sk_skb|sk_reuseport|flow_dissector|lwt_(in|out|xmit))/.test(
            s.prefix,
          ) &&
          !/unix/.test(s.prefix),
      )
      .map((s) => [s.prefix, type] as const),
  );

  it.each(rows)("%s", (prefix, type) => {
    const kind = programOfSection(prefix);
    expect(kind?.type).toBe(type);
    const code = assemble(`r0 = ${returns[type] ?? 0}\nexit`);
    const program = { name: "p", functions: [{ name: "p", code, parameters: 1 }], ...kind!, attach: [] };
    expect(programOfSection(sectionName(program))?.attachType).toBe(kind?.attachType);
    loadObject({ maps: [], programs: [program], license: "GPL" }).close();
  });
});
