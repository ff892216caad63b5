import { describe, expect, test } from "vitest";
import { CASES, instructionsOf, map, objectOf, UDP } from "../../test/data/machine-cases.ts";
import { TIERS } from "../../test/data/machine-differential.ts";
import { DiagnosticError } from "../source/index.ts";
import { embedded, embeddedRaw } from "./machine.ts";

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");
const word = (value: number, bytes = 8): Uint8Array => {
  const out = new Uint8Array(bytes);
  new DataView(out.buffer).setUint32(0, value, true);
  return out;
};

for (const { name: tierName, tier, verify, verified } of TIERS) {
  describe(tierName, () => {
    for (const one of CASES) {
      // What a verifier would refuse is not for code that trusts it.
      if (verified && one.trap !== undefined) continue;
      test(one.name, () => {
        const machine = embedded(objectOf(one), { tier, verify, verified, budget: 40_000_000 });
        for (let turn = 0; turn < 2; turn++) {
          const result = machine.run(undefined, one.input);
          if (one.trap !== undefined) {
            expect(result.trap?.kind, result.trap?.message).toBe(one.trap);
            if (one.slot !== undefined) expect(result.trap?.slot).toBe(one.slot);
          } else {
            expect(result.trap).toBeUndefined();
            // The maps of the first turn are there in the second.
            if (turn === 0) expect(result.r0).toBe(one.r0);
          }
          if (one.packet !== undefined) expect(hex(result.packet)).toBe(one.packet);
        }
      });
    }

    test("a batch gives what single runs give", () => {
      const code =
        "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr0 = r3\nr0 -= r2\nr4 = r2\nr4 += 13\nif r4 > r3 goto out\nr1 = *(u8 *)(r2 + 12)\nr0 += r1\nout: exit";
      const machine = embedded(objectOf({ code }), { tier, verify, verified });
      const packets = [UDP, UDP.subarray(0, 20), UDP.subarray(0, 5), UDP.map((b) => b ^ 0xff)];
      const { values, traps } = machine.runBatch(machine.loadBatch(packets));
      expect(traps.size).toBe(0);
      expect([...values]).toEqual(packets.map((packet) => machine.run(undefined, { packet }).r0));
    });

    test("tail calls, until there are too many", () => {
      const jump =
        "r6 = r1\nr1 = map_value[count] ll\nr2 = *(u64 *)(r1 + 0)\nr2 += 1\n*(u64 *)(r1 + 0) = r2\nr1 = r6\nr2 = map[jumps] ll\nr3 = 1\ncall tail_call\nr0 = 5\nexit";
      const object = {
        maps: [map("count", "array", 4, 8, 1), map("jumps", "prog_array", 4, 4, 4)],
        programs: ["a", "b"].map((name) => ({
          name,
          type: "xdp" as const,
          attach: [],
          functions: [{ name, code: instructionsOf(name === "a" ? jump : "r0 = 7\nexit"), parameters: 1 }],
        })),
        license: "GPL",
      };
      const machine = embedded(object, { tier, verify, verified });
      const run = () => machine.run("a", { packet: UDP }).r0;
      expect(run()).toBe(5n);
      machine.maps.get("jumps")?.setProgram(1, "b");
      expect(run()).toBe(7n);
      machine.maps.get("jumps")?.setProgram(1, "a");
      machine.maps.get("count")?.clear();
      expect(run()).toBe(5n);
      expect(machine.maps.get("count")?.lookup(word(0, 4))).toEqual(word(34));
    });

    test("for_each_map_elem sees every entry once", () => {
      const code =
        "*(u64 *)(r10 - 8) = 0\nr1 = map[m] ll\nr2 = function[add] ll\nr3 = r10\nr3 += -8\nr4 = 0\ncall for_each_map_elem\nr0 <<= 32\nr1 = *(u64 *)(r10 - 8)\nr0 |= r1\nexit\nadd: r3 = *(u64 *)(r3 + 0)\nr5 = *(u64 *)(r4 + 0)\nr5 += r3\n*(u64 *)(r4 + 0) = r5\nr0 = 0\nexit";
      const object = objectOf({
        code: code.replace("add: r3 = *(u64 *)(r3 + 0)", "add: r3 = *(u64 *)(r3 + 0)\nr2 = *(u64 *)(r2 + 0)"),
        maps: [map("m", "hash", 8, 8, 10)],
      });
      const machine = embedded(object, { tier, verify, verified });
      for (let i = 1; i <= 5; i++) machine.maps.get("m")?.update(word(i), word(i * 10));
      const { r0, trap } = machine.run(undefined, { packet: UDP });
      expect(trap).toBeUndefined();
      expect(r0).toBe((5n << 32n) | 150n);
    });

    test("records of a ring buffer come out in order, and full rings lose", () => {
      const code =
        "r6 = 0\nl: *(u64 *)(r10 - 8) = r6\nr1 = map[m] ll\nr2 = r10\nr2 += -8\nr3 = 8\nr4 = 0\ncall ringbuf_output\nr6 += 1\nif r6 != 300 goto l\nr0 = 0\nexit";
      const machine = embedded(objectOf({ code, maps: [map("m", "ringbuf", 0, 0, 4096)] }), { tier, verify, verified });
      const ring = machine.maps.get("m");
      for (let turn = 0; turn < 3; turn++) {
        expect(machine.run(undefined, { packet: UDP }).trap).toBeUndefined();
        const seen: number[] = [];
        ring?.consume((record) => seen.push(new DataView(record.buffer, record.byteOffset).getUint32(0, true)));
        expect(seen).toEqual(Array.from({ length: 255 }, (_, i) => i));
        expect(ring?.lost).toBe(45 * (turn + 1));
      }
    });

    test("who is running", () => {
      const code =
        "r1 = r10\nr1 += -16\nr2 = 16\ncall get_current_comm\ncall get_current_pid_tgid\nr6 = r0\ncall get_smp_processor_id\nr6 += r0\nr1 = *(u64 *)(r10 - 16)\nr6 += r1\nr0 = r6\nexit";
      const machine = embedded(objectOf({ code, type: "tracepoint" }), { tier, verify, verified, cpus: 4 });
      const { r0 } = machine.run(undefined, { pid: 3, tid: 5, cpu: 2, comm: "a", context: [1n, 2n] });
      expect(r0).toBe((3n << 32n) + 5n + 2n + 97n);
    });
  });
}

test("65,000 instructions compile and run", { timeout: 60_000 }, () => {
  const lines = ["r0 = 0", "r1 = 3"];
  for (let i = 0; i < 16_000; i++) lines.push("if r1 > 5 goto +1", "r0 += 1", "r0 ^= 1", "r0 += 1");
  const code = `${lines.join("\n")}\nexit`;
  const object = objectOf({ code });
  const values = TIERS.map(
    ({ tier, verify, verified }) => embedded(object, { verify, verified }).run(undefined, { packet: UDP, tier }).r0,
  );
  expect(new Set(values).size).toBe(1);
});

test("nested conditions 12,000 deep", { timeout: 60_000 }, () => {
  const depth = 12_000;
  const lines = ["r0 = 0", "r1 = 3"];
  for (let i = 0; i < depth; i++)
    lines.push(`if r1 s< ${-i - 1} goto +${Math.min(32000, 2 * (depth - i) - 1)}`, "r0 += 1");
  const object = objectOf({ code: `${lines.join("\n")}\nexit` });
  expect(embedded(object, {}).run(undefined, { packet: UDP, tier: "jit" }).r0).toBe(BigInt(depth));
});

test("steps show registers, and coverage what was run", () => {
  const machine = embedded(objectOf({ code: "r0 = 1\nif r0 == 1 goto +1\nr0 = 9\nr0 += 2\nexit" }));
  const coverage = new Uint8Array(5);
  const steps = [...machine.steps(undefined, { packet: UDP, coverage })];
  expect(steps.map((step) => step.slot)).toEqual([0, 1, 3, 4]);
  expect(steps.map((step) => step.registers[0])).toEqual([0n, 1n, 1n, 3n]);
  expect([...coverage]).toEqual([1, 1, 0, 1, 1]);
});

test("what the machine does not have is said when it is loaded, all at once", () => {
  const object = objectOf({ code: "call sys_bpf\ncall fib_lookup\nr0 = 0\nexit", maps: [] });
  expect(() => embedded(object)).toThrow(DiagnosticError);
  expect(() => embedded(object)).toThrow(/bpf_sys_bpf \(166\)[\s\S]*bpf_fib_lookup \(69\)/);
  expect(() => embedded({ ...object, maps: [map("a", "arena", 0, 0, 1)], programs: [] })).toThrow(/map "a".*arena/);
  expect(() => embedded({ ...object, maps: [map("big", "array", 4, 2 ** 31, 1000)], programs: [] })).toThrow(
    /map "big"/,
  );
});

test("a helper of one's own takes the place of the machine's", () => {
  for (const { tier, verify, verified } of TIERS) {
    const helpers = new Map([[8, () => 77]]);
    const machine = embedded(objectOf({ code: "call get_smp_processor_id\nexit" }), {
      helpers,
      tier,
      verify,
      verified,
    });
    expect(machine.run(undefined, { packet: UDP }).r0).toBe(77n);
  }
});

test("automatic tiers agree with each other as a program gets hot", () => {
  const object = objectOf({ code: "r0 = 0\nr1 = 5000\nl: r0 += r1\nr1 += -1\nif r1 != 0 goto l\nexit" });
  const machine = embedded(object);
  for (let i = 0; i < 60; i++) expect(machine.run(undefined, { packet: UDP }).r0).toBe(12502500n);
});

test("repeat runs on the same memory", () => {
  const machine = embeddedRaw(
    Uint8Array.from(
      Buffer.from(
        "7910000000000000070000000100000 07b01000000000000bf0000000000000095000000 00000000".replaceAll(" ", ""),
        "hex",
      ),
    ),
    { tier: "jit" },
  );
  expect(machine.run(undefined, { memory: new Uint8Array(8), repeat: 10 }).r0).toBe(10n);
});
