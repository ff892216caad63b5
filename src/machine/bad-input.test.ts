// What nobody should give the machine: each ends in a refusal that says why, or in a counted trap, in every tier that
// checks, within a few seconds; never in a hang, an exception out of a run, or a look at what is not the program's.

import { describe, expect, test } from "vitest";
import { instructionsOf, map, objectOf, UDP } from "../../test/data/machine-cases.ts";
import { TIERS } from "../../test/data/machine-differential.ts";
import { randomNumbers } from "../../test/data/random-program.ts";
import { EncodingError } from "../isa/index.ts";
import { DiagnosticError } from "../source/index.ts";
import { embedded, embeddedRaw } from "./machine.ts";
import { CONTEXT, STACK_BASE, STACK_TOP, State } from "./memory.ts";
import type { RunResult } from "./run.ts";

const SEED = Number(process.env.SCRY_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Slots of eight bytes: opcode, registers, offset, immediate. */
type Slot = readonly [op: number, dst?: number, src?: number, off?: number, imm?: number];
const EXIT: Slot = [0x95];
const ADD_ONE: Slot = [0x07, 1, 0, 0, 1];

function bytesOf(slots: readonly Slot[]): Uint8Array {
  const bytes = new Uint8Array(slots.length * 8);
  const view = new DataView(bytes.buffer);
  slots.forEach(([op, dst = 0, src = 0, off = 0, imm = 0], i) => {
    bytes[i * 8] = op;
    bytes[i * 8 + 1] = (src << 4) | dst;
    view.setInt16(i * 8 + 2, off, true);
    view.setInt32(i * 8 + 4, imm, true);
  });
  return bytes;
}

const CHECKED = TIERS.filter(({ verified }) => !verified);
const RAW = CHECKED.filter(({ verify }) => verify === false);

/** What a raw program comes to, which must be the same in all tiers. */
function runRaw(slots: readonly Slot[], budget = 1_000_000): string {
  const outcomes = RAW.map(({ tier }) => {
    const machine = embeddedRaw(bytesOf(slots), { batchBytes: 64, budget, tier });
    const { r0, trap } = machine.run(undefined, { memory: new Uint8Array(64) });
    expect(trap?.message).not.toBe("");
    return trap === undefined ? `r0 ${r0}` : trap.kind;
  });
  expect(new Set(outcomes).size, outcomes.join(", ")).toBe(1);
  return outcomes[0] as string;
}

function runAll(code: string, maps: Parameters<typeof map>[] = [], budget = 2_000_000): RunResult[] {
  const object = objectOf({ code, maps: maps.map((args) => map(...args)) });
  return CHECKED.map(({ tier, verify }) => embedded(object, { tier, verify, budget }).run(undefined, { packet: UDP }));
}

describe("truncated", () => {
  const whole = bytesOf([[0x18, 1, 0, 0, 5], [0], [0x15, 1, 0, 1, 5], [0xb7], [0xbf, 0, 1], EXIT]);
  test.each(Array.from({ length: whole.length }, (_, i) => i))("after %i bytes", (length) => {
    const cut = whole.subarray(0, length);
    // Half an instruction is none, and a jump must not lead out; one that only lacks its end is found out at run time.
    if (length === 16 || length === 40)
      expect(embeddedRaw(cut).run(undefined, { memory: new Uint8Array(8) }).trap?.kind).toBe("instruction");
    else expect(() => embeddedRaw(cut)).toThrow(length === 0 ? DiagnosticError : EncodingError);
  });
});

test("oversized: more than a million instructions", () => {
  const slots = Array.from({ length: 1_000_001 }, () => EXIT);
  expect(() => embeddedRaw(bytesOf(slots))).toThrow(/at most 1,000,000/);
  const [exit] = instructionsOf("exit");
  const code = Array.from({ length: 1_000_001 }, () => exit as NonNullable<typeof exit>);
  const object = objectOf({ code: "exit" });
  const program = {
    ...(object.programs[0] as (typeof object.programs)[0]),
    functions: [{ name: "f", code, parameters: 1 }],
  };
  expect(() => embedded({ ...object, programs: [program] })).toThrow(/SCRY7008.*at most 1,000,000/);
});

describe("malformed", () => {
  const cases: { readonly [name: string]: readonly Slot[] } = {
    "an opcode that does not exist": [[0xff], EXIT],
    r11: [[0xb7, 11], EXIT],
    "a source register where there is none": [[0xb7, 0, 1], EXIT],
    "a jump before the program": [[0x05, 0, 0, -2], EXIT],
    "a jump behind the program": [[0x05, 0, 0, 9], EXIT],
    "a jump into a wide instruction": [[0x05, 0, 0, 1], [0x18, 1], [0], EXIT],
    "a call into a wide instruction": [[0x85, 0, 1, 0, 1], [0x18, 1], [0], EXIT],
    "a wide instruction with something in its second half": [[0x18, 1], [1], EXIT],
    "a map that nobody knows": [[0x18, 1, 1, 0, 3], [0], EXIT],
    "a write to r10": [[0xb7, 10], EXIT],
    "a helper that does not exist": [[0x85, 0, 0, 0, 9999], EXIT],
  };
  test.each(Object.entries(cases))("%s", (_, slots) => {
    let refusal: unknown;
    try {
      embeddedRaw(bytesOf(slots));
    } catch (error) {
      refusal = error;
    }
    expect(refusal instanceof EncodingError || refusal instanceof DiagnosticError, `${refusal}`).toBe(true);
  });
});

describe("infinite loops", () => {
  test("a jump to itself", () => expect(runRaw([[0x05, 0, 0, -1]])).toBe("budget"));
  test("two jumps to each other", () => expect(runRaw([[0x05], [0x05, 0, 0, -2]])).toBe("budget"));
  test("may_goto alone ends after its turns", () => {
    for (const { trap, r0 } of runAll("r0 = 3\nl: may_goto out\ngoto l\nout: exit", [], 1e9)) {
      expect(trap).toBeUndefined();
      expect(r0).toBe(3n);
    }
  });
  test("loops of helpers in loops of helpers", () => {
    const inner = "r1 = 1000000\nr2 = function[g] ll\nr3 = 0\nr4 = 0\ncall loop\nr0 = 0\nexit";
    const code = `r1 = 1000000\nr2 = function[f] ll\nr3 = 0\nr4 = 0\ncall loop\nr0 = 0\nexit\nf: ${inner}\ng: r0 = 0\nexit`;
    for (const { trap } of runAll(code, [], 100_000)) expect(trap?.kind).toBe("budget");
  });
  test("a program that calls itself instead of ending", () => {
    const object = objectOf({
      code: "r2 = map[jumps] ll\nr3 = 0\ncall tail_call\nr0 = 4\nexit",
      maps: [map("jumps", "prog_array", 4, 4, 1)],
    });
    for (const { tier, verify } of CHECKED) {
      const machine = embedded(object, { tier, verify });
      machine.maps.get("jumps")?.setProgram(0, "case");
      expect(machine.run(undefined, { packet: UDP }).r0).toBe(4n);
    }
  });
});

describe("deep call chains", () => {
  const chain = (calls: number): Slot[] =>
    Array.from({ length: calls }, (): Slot[] => [ADD_ONE, [0x85, 0, 1, 0, 1], EXIT])
      .flat()
      .concat([[0xbf, 0, 1], EXIT]);
  test("eight frames are possible", () => expect(runRaw([[0xb7, 1], ...chain(7)])).toBe("r0 7"));
  test("nine are not", () => expect(runRaw([[0xb7, 1], ...chain(8)])).toBe("call-depth"));
  test("nor ten thousand", () => expect(runRaw(chain(10_000))).toBe("call-depth"));
  test("a callback that calls for itself", () => {
    const again = "r1 = 2\nr2 = function[f] ll\nr3 = 0\nr4 = 0\ncall loop\nr0 = 0\nexit";
    for (const { trap } of runAll(`${again}\nf: ${again}`)) expect(trap?.kind).toBe("call-depth");
  });
});

describe("wild pointers", () => {
  const addresses = [
    0n,
    8n,
    BigInt(State.REGISTERS),
    BigInt(State.BUDGET),
    BigInt(STACK_BASE) - 1n,
    BigInt(STACK_TOP) - 4n,
    BigInt(CONTEXT) + 60n,
    0x7fff_ffffn,
    0xffff_fff8n,
    0x1_0000_2000n,
    0x5c51_0000_0000n,
    0x7fff_ffff_ffff_fff8n,
    -8n,
  ];
  const hex = (address: bigint): string => `0x${BigInt.asUintN(64, address).toString(16)}`;
  test.each(addresses.map(hex))("%s", (address) => {
    const set = `r6 = ${address} ll\n`;
    for (const code of ["r0 = *(u64 *)(r6 + 0)", "r0 = *(s32 *)(r6 + 4)\nr0 = *(u64 *)(r6 + 0)"])
      for (const { trap } of runAll(`${set}${code}\nexit`)) expect(trap?.kind).toBe("read");
    for (const code of ["*(u64 *)(r6 + 0) = 1", "*(u64 *)(r6 + 0) = r6", "lock *(u64 *)(r6 + 0) += r6"])
      for (const { trap } of runAll(`${set}${code}\nr0 = 0\nexit`)) expect(trap?.kind).toBe("write");
    for (const { trap } of runAll(`${set}r1 = map[m] ll\nr2 = r6\ncall map_lookup_elem\nexit`, [
      ["m", "hash", 8, 8, 4],
    ]))
      expect(trap?.kind).toBe("read");
  });
  test("a distance that leads around", () => {
    // The base has no upper half, and what it points to with its distance is the stack.
    for (const { trap } of runAll("w6 = -16384\nr0 = *(u8 *)(r6 + 28668)\nexit")) expect(trap?.kind).toBe("read");
    for (const { trap } of runAll("w6 = 100\nr0 = *(u8 *)(r6 - 200)\nexit")) expect(trap?.kind).toBe("read");
  });
});

describe("hostile flow, which a compiler could take forever for", () => {
  const count = 40_000;
  const next = randomNumbers(SEED);
  const branch = (off: number): Slot => [
    0x25,
    1 + (next() % 5),
    0,
    Math.max(-32768, Math.min(32767, off)),
    next() % 100,
  ];
  const every = (target: (i: number) => number): Slot[] => [
    ...Array.from(
      { length: count },
      (_, i): Slot => (i % 2 === 1 ? branch(target(i) - i - 1) : [0x07, next() % 6, 0, 0, 7]),
    ),
    EXIT,
  ];
  const slots: { readonly [name: string]: () => readonly Slot[] } = {
    "65,000 instructions without a branch": () => [...Array.from({ length: 65_000 }, () => ADD_ONE), [0xb7], EXIT],
    "jumps anywhere": () => every(() => next() % count),
    "jumps forward, in one another": () => every((i) => Math.min(count, i + 1 + (next() % 60))),
    "jumps back, in one another": () => every((i) => Math.max(0, i - (next() % 60))),
    "thousands of loops around one another": () => every(() => 0),
    "thousands of checks that leave for one place": () => every(() => count),
    "functions that overlap": () => [
      ...Array.from({ length: 20_000 }, (_, i): Slot => [0x85, 0, 1, 0, 20_000 - i + (next() % 20_000)]),
      EXIT,
      ...Array.from({ length: 40_000 }, () => ADD_ONE),
      EXIT,
    ],
  };
  test.each(Object.entries(slots))(`%s, from seed ${SEED}`, { timeout: 60_000 }, (_, make) => {
    const bytes = bytesOf(make());
    for (const { tier } of RAW) {
      const machine = embeddedRaw(bytes, { batchBytes: 64, budget: 300_000, tier });
      const { trap } = machine.run(undefined, { memory: new Uint8Array(64) });
      expect(["budget", "call-depth", undefined]).toContain(trap?.kind);
    }
  });
});

describe("maps", () => {
  test("huge ones, alone and together", () => {
    const make = (...maps: Parameters<typeof map>[]) =>
      embedded({ maps: maps.map((m) => map(...m)), programs: [], license: "GPL" });
    expect(() => make(["m", "array", 4, 8, 2 ** 32 - 1])).toThrow(/SCRY7011.*"m"/);
    expect(() => make(["m", "hash", 512, 2 ** 31, 2 ** 31])).toThrow(/SCRY7011.*"m"/);
    expect(() => make(["m", "ringbuf", 0, 0, 2 ** 31])).toThrow(/SCRY7011.*"m"/);
    const many = Array.from({ length: 40 }, (_, i): Parameters<typeof map> => [`m${i}`, "array", 4, 2 ** 26, 1]);
    expect(() => make(...many)).toThrow(DiagnosticError);
  });

  test("maps of maps in a circle", () => {
    const outer = [map("a", "array_of_maps", 4, 4, 1), map("b", "hash_of_maps", 4, 4, 1)];
    const { maps } = embedded({ maps: [...outer, map("c", "array", 4, 4, 1)], programs: [], license: "GPL" });
    const key = new Uint8Array(4);
    for (const [into, what] of [
      ["a", "a"],
      ["a", "b"],
      ["b", "a"],
      ["b", "b"],
    ] as const)
      expect(() => maps.get(into)?.setMap(key, what)).toThrow(/setMap/);
    maps.get("a")?.setMap(key, "c");
  });
});
