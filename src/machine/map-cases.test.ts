// Maps of the embedded machine: from outside, and by programs on every tier, where compiled code looks them up itself.

import { describe, it } from "vitest";
import { objectOf } from "../../test/data/machine-cases.ts";
import { mapCases, walkCases } from "../../test/data/map-cases.ts";
import { type BpfMap, type MapDump, type MapSpec, UPDATE_FLAGS } from "../object/index.ts";
import { embedded } from "./machine.ts";
import { MapError } from "./maps.ts";
import type { Tier } from "./run.ts";

const VALUE = 16;
/** Where in the context's memory key, flags and value are; the answer replaces the flags. */
const [KEY, FLAGS, DATA] = [0, 8, 16];
const at = (register: string, offset: number): string => `*(u64 *)(${register} + ${offset})`;
const head = `r6 = r1\nr1 = map[m] ll\nr2 = r6\nr2 += ${KEY}\n`;
const tail = `${at("r6", FLAGS)} = r0\nr0 = 0\nexit`;
const programs = {
  lookup: `${head}call map_lookup_elem\nif r0 == 0 goto none\nr1 = ${at("r0", 0)}\n${at("r6", DATA)} = r1\nr1 = ${at("r0", 8)}\n${at("r6", DATA + 8)} = r1\nr0 = 1\nnone: ${tail}`,
  update: `${head}r3 = r6\nr3 += ${DATA}\nr4 = ${at("r6", FLAGS)}\ncall map_update_elem\n${tail}`,
  delete: `${head}call map_delete_elem\n${tail}`,
};

/** A map as a program of one CPU sees it. */
function byPrograms(spec: MapSpec, tier: Tier): BpfMap {
  const objects = Object.entries(programs).map(([name, code]) =>
    objectOf({ code, maps: [spec] }).programs.map((p) => ({ ...p, name })),
  );
  const machine = embedded({ maps: [spec], programs: objects.flat(), license: "GPL" }, { tier, verify: false });
  const call = (
    name: keyof typeof programs,
    key: Uint8Array,
    flags = 0,
    value?: Uint8Array,
  ): { result: number; value: Uint8Array } => {
    const memory = new Uint8Array(DATA + VALUE);
    memory.set(key, KEY);
    memory[FLAGS] = flags;
    if (value !== undefined) memory.set(value.subarray(0, VALUE), DATA);
    const { trap, packet } = machine.run(name, { memory });
    if (trap !== undefined || packet === undefined) throw new Error(trap?.message);
    const result = Number(new DataView(packet.buffer, packet.byteOffset).getBigInt64(FLAGS, true));
    return { result, value: packet.slice(DATA) };
  };
  const none = (): never => {
    throw new Error("a program does not do that");
  };
  return {
    spec,
    perCpu: false,
    valueStride: VALUE,
    valueBytes: VALUE,
    lookup: (key) => {
      const { result, value } = call("lookup", key);
      return result === 0 ? undefined : value;
    },
    update: (key, value, mode = "any") => {
      const { result } = call("update", key, UPDATE_FLAGS[mode], value);
      if (result !== 0) throw new MapError("m", "update", -result);
    },
    delete: (key) => {
      const { result } = call("delete", key);
      if (result !== 0 && result !== -2) throw new MapError("m", "delete", -result);
      return result === 0;
    },
    dump: none as () => MapDump,
    clear: none,
  };
}

describe("from outside", () => {
  it.each([...mapCases, ...walkCases])("$name", ({ spec, run }) => {
    const { maps } = embedded(objectOf({ code: "r0 = 0\nexit", maps: [spec] }), { cpus: 2 });
    run(maps.get(spec.name) as BpfMap);
  });
});

describe.each(["interpreter", "wasm-interpreter", "jit"] as const)("by programs on the %s", (tier) => {
  it.each(mapCases)("$name", ({ spec, run }) => run(byPrograms(spec, tier)));
});
