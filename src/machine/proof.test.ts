import { describe, expect, test } from "vitest";
import { instructionsOf, map, objectOf, UDP } from "../../test/data/machine-cases.ts";
import type { BpfObject } from "../object/index.ts";
import type { ProgramType } from "../object/program-types.ts";
import { DiagnosticError } from "../source/index.ts";
import { embedded, embeddedRaw } from "./machine.ts";
import type { RunInput } from "./run.ts";

const provable =
  "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += 42\nr0 = 1\nif r4 > r3 goto out\nr0 = *(u16 *)(r2 + 36)\nout: exit";
const unproved = "r2 = *(u32 *)(r1 + 0)\nr0 = *(u16 *)(r2 + 36)\nexit";
const short = { packet: UDP.subarray(0, 20) };

test("a packet's bounds that are checked need no checks in compiled code", () => {
  const object = objectOf({ code: provable });
  const machine = embedded(object, { tier: "jit" });
  expect(machine.verdict()?.accepted).toBe(true);
  expect(machine.isUnchecked()).toBe(true);
  const always = embedded(object, { tier: "jit", verify: false });
  expect(always.isUnchecked()).toBe(false);
  expect(always.verdict()).toBeUndefined();
  // A look into the shadow and the function that says why not.
  expect((machine.wasm() as Uint8Array).length).toBeLessThan((always.wasm() as Uint8Array).length - 100);
  for (const input of [{ packet: UDP }, short]) {
    const { r0, trap } = always.run(undefined, input);
    expect(machine.run(undefined, input)).toMatchObject({ r0, ...(trap === undefined ? {} : { trap }) });
  }
});

test("without that check they stay, and catch what goes wrong", () => {
  const machine = embedded(objectOf({ code: unproved }), { tier: "jit" });
  expect(machine.verdict()).toMatchObject({ accepted: false, refusal: { reason: "packet" } });
  expect(machine.isUnchecked()).toBe(false);
  expect(machine.run(undefined, { packet: UDP }).trap).toBeUndefined();
  expect(machine.run(undefined, short).trap).toMatchObject({ kind: "read", slot: 1 });
});

test("a packet of a batch that traps does not stop the others", () => {
  const machine = embedded(objectOf({ code: unproved }));
  const packets = [UDP, UDP.subarray(0, 20), UDP, UDP.subarray(0, 30)];
  for (let turn = 0; turn < 2; turn++) {
    const { values, traps } = machine.runBatch(machine.loadBatch(packets));
    expect([...values]).toEqual([0x3500n, 0n, 0x3500n, 0n]);
    expect([...traps].map(([at, { kind, slot }]) => [at, kind, slot])).toEqual([
      [1, "read", 1],
      [3, "read", 1],
    ]);
  }
});

test("strict refuses when the object is loaded, and says what is missing", () => {
  expect(embedded(objectOf({ code: provable }), { verify: "strict" }).isUnchecked()).toBe(true);
  expect(() => embedded(objectOf({ code: unproved }), { verify: "strict" })).toThrow(DiagnosticError);
  expect(() => embedded(objectOf({ code: unproved }), { verify: "strict" })).toThrow(/SCRY3007: program "case" at 1/);
});

test("a program starts without the verifier, and is not asked twice", () => {
  const machine = embedded(objectOf({ code: provable }));
  for (let i = 0; i < 3; i++) machine.run(undefined, { packet: UDP });
  expect(machine.verdict()).toBe(machine.verdict());
});

describe("unchecked code runs only where everything is as the verifier takes it to be", () => {
  test("not on plain memory, and not on a context that somebody made up", () => {
    const machine = embedded(objectOf({ code: provable }), { tier: "jit" });
    expect(machine.isUnchecked()).toBe(true);
    const made = new Uint8Array(24);
    new DataView(made.buffer).setUint32(0, 8, true);
    new DataView(made.buffer).setUint32(4, 4096, true);
    expect(machine.run(undefined, { context: made }).trap?.kind).toBe("read");
    expect(machine.run(undefined, { memory: made }).trap?.kind).toBe("read");
    expect(machine.run(undefined, { packet: UDP }).trap).toBeUndefined();
    const batch = machine.loadBatch([made], undefined, "memory");
    expect(machine.runBatch(batch).traps.get(0)?.kind).toBe("read");
  });

  test("a context of numbers is as large as its type's, in every tier", () => {
    const code = (offset: number): string => `r0 = *(u64 *)(r1 + ${offset})\nexit`;
    for (const tier of ["interpreter", "wasm-interpreter", "jit"] as const) {
      const inside = embedded(objectOf({ code: code(8184), type: "tracepoint" }), { tier });
      expect(inside.isUnchecked()).toBe(true);
      inside.run(undefined, { context: new Uint8Array(16_384).fill(1) });
      expect(inside.run(undefined, { context: [1n] })).toMatchObject({ r0: 0n });
      const beyond = embedded(objectOf({ code: code(8192), type: "tracepoint" }), { tier });
      expect(beyond.isUnchecked()).toBe(false);
      expect(beyond.run(undefined, { context: [1n] }).trap?.kind).toBe("read");
    }
  });

  const chain = (first: string, types: readonly [ProgramType, ProgramType]): BpfObject => ({
    maps: [map("jumps", "prog_array", 4, 4, 2)],
    programs: [first, provable].map((code, i) => ({
      name: i === 0 ? "a" : "b",
      type: types[i] as ProgramType,
      attach: [],
      functions: [{ name: i === 0 ? "a" : "b", code: instructionsOf(code), parameters: 1 }],
    })),
    license: "GPL",
  });
  const jump = "r2 = map[jumps] ll\nr3 = 1\ncall tail_call\nr0 = 9\nexit";
  const run = (object: BpfObject, input: RunInput = { packet: UDP }) => {
    const machine = embedded(object, { tier: "jit" });
    machine.maps.get("jumps")?.setProgram(1, "b");
    expect(machine.isUnchecked("b")).toBe(true);
    return { first: machine.isUnchecked("a"), result: machine.run("a", input) };
  };

  test("a tail call hands on the trust", () => {
    expect(run(chain(jump, ["xdp", "xdp"]))).toMatchObject({ first: true, result: { r0: 0x3500n } });
  });

  test("… but not from a program that may hand on anything for a context", () => {
    const { first, result } = run(chain(`r1 = 64\n${jump}`, ["xdp", "xdp"]));
    expect(first).toBe(false);
    expect(result.trap?.kind).toBe("read");
  });

  test("… and not to a program of another type", () => {
    // The length of the packet and its type, read as addresses of a packet.
    const { result } = run(chain(jump, ["sched_cls", "xdp"]), { packet: UDP, pktType: 4096 });
    expect(result.trap?.kind).toBe("read");
  });

  test("not with a helper of one's own, nor with maps of maps", () => {
    const look = "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[m] ll\ncall map_lookup_elem\nr0 = 0\nexit";
    const object = objectOf({ code: look, maps: [map("m", "array", 4, 8, 1)] });
    expect(embedded(object).isUnchecked()).toBe(true);
    expect(embedded(object, { helpers: new Map([[1, () => 4]]) }).isUnchecked()).toBe(false);
    const nested = objectOf({ code: look, maps: [map("m", "array_of_maps", 4, 4, 1)] });
    expect(embedded(nested).isUnchecked()).toBe(false);
  });

  test("not where the kernel's objects can be read through", () => {
    const code = "call get_current_task_btf\nr0 = *(u64 *)(r0 + 8)\nexit";
    expect(embedded(objectOf({ code, type: "tracepoint" })).isUnchecked()).toBe(false);
  });

  test("not raw programs, whose memory has any size", () => {
    const raw = embeddedRaw(Uint8Array.from([0xb7, 0, 0, 0, 7, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]));
    expect(raw.isUnchecked()).toBe(false);
    expect(raw.verdict()).toBeUndefined();
  });
});

test("a loop that ends, but not in anybody's lifetime, is stopped by the budget", () => {
  const code = "r6 = 0\nm: r7 = 0\nl: r7 += 1\nif r7 != 1000000 goto l\nr6 += 1\nif r6 != 1000000 goto m\nr0 = 0\nexit";
  const machine = embedded(objectOf({ code, type: "tracepoint" }), { tier: "jit", budget: 1_000_000 });
  expect(machine.isUnchecked()).toBe(true);
  expect(machine.run().trap?.kind).toBe("budget");
  const calls = "r1 = 8388608\nr2 = function[f] ll\nr3 = 0\nr4 = 0\ncall loop\nr0 = 0\nexit\nf: r0 = 0\nexit";
  const looping = embedded(objectOf({ code: calls, type: "tracepoint" }), { tier: "jit", budget: 10_000 });
  expect(looping.isUnchecked()).toBe(true);
  expect(looping.run().trap?.kind).toBe("budget");
});
