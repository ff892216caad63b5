// Aggregates of kernel modules on the embedded machine: what is recorded comes back summed up, each number in its bucket.

import { describe, expect, it } from "vitest";
import { embedded, type Machine } from "../../machine/index.ts";
import {
  aggregateOfStruct,
  bucketBounds,
  type SummedAggregate,
  summedDecoder,
  type TraceValue,
} from "../../schema/index.ts";
import { formatDiagnostic } from "../../source/index.ts";
import { compileModule } from "./index.ts";

const NAMES =
  "array, avg, bpf, count, hash, hist, i32, i64, lhist, live, lruHash, max, min, queue, rawTracepoint, stats, struct, sum, uprobe, u8, u32, u64";

function said(text: string): string {
  const source = { name: "t.bpf.ts", text: `import { ${NAMES} } from "scry/bpf";\n${text}` };
  return compileModule(source)
    .diagnostics.map((d) => formatDiagnostic(d, source))
    .join("\n");
}

interface Running {
  readonly machine: Machine;
  record(...values: readonly bigint[]): void;
  value(map: string, key?: bigint): TraceValue | undefined;
  type(map: string): SummedAggregate;
}

function running(top: string, body: string, cpus = 1): Running {
  const source = {
    name: "t.bpf.ts",
    text: `import { ${NAMES} } from "scry/bpf";
      export const value = live(u64, 1);
      ${top}
      export const f = rawTracepoint("sys_enter", () => { ${body} });`,
  };
  const { object, diagnostics } = compileModule(source);
  expect(diagnostics.map((d) => formatDiagnostic(d, source))).toEqual([]);
  if (object === undefined) throw new Error("no object");
  const machine = embedded(object, { cpus });
  const type = (map: string): SummedAggregate => {
    const valueType = object.maps.find(({ name }) => name === map)?.valueType ?? 0;
    const { name = "", size = 0 } = (object.types?.resolve(valueType) ?? {}) as { name?: string; size?: number };
    const found = aggregateOfStruct(name, size);
    if (found === undefined) throw new Error(`${name} is no aggregate`);
    return found;
  };
  return {
    machine,
    record: (...values) => {
      for (const [i, value] of values.entries()) {
        machine.maps
          .get(".data")
          ?.update(new Uint8Array(4), new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, value)).buffer));
        const { trap } = machine.run("f", { cpu: i % cpus });
        expect(trap?.message).toBeUndefined();
      }
    },
    value: (map, key = 0n) => {
      const of = machine.maps.get(map);
      const bytes = of?.lookup(new Uint8Array(BigUint64Array.of(key).buffer).slice(0, of.spec.keySize));
      if (of === undefined || bytes === undefined) return undefined;
      return summedDecoder(type(map), cpus, of.valueStride)(new DataView(bytes.buffer, bytes.byteOffset), 0);
    },
    type,
  };
}

/** Powers of two, what lies beside them, and some others. */
const NUMBERS: readonly bigint[] = [
  ...Array.from({ length: 64 }, (_, i) => [(1n << BigInt(i)) - 1n, 1n << BigInt(i), (1n << BigInt(i)) + 1n]).flat(),
  1000n,
  123_456_789n,
  0xffff_ffff_ffff_ffffn,
];

/** Each number alone is in the bucket whose bounds hold it. */
function inTheirBuckets(text: string, cast: string, numbers: readonly bigint[]): void {
  const one = running(`export const all = array(${text});`, `all.record(0, ${cast});`);
  for (const number of numbers) {
    one.machine.maps.get("all")?.clear();
    one.record(number);
    const counts = one.value("all") as readonly number[];
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(1);
    const type = one.type("all") as SummedAggregate & { readonly kind: "hist" | "lhist" };
    const { from, to } = bucketBounds(type, counts.indexOf(1));
    const within = (from === undefined || from <= number) && (to === undefined || number < to);
    expect(within, `${number} in [${from}, ${to})`).toBe(true);
  }
}

describe("aggregates", () => {
  it("hist: every number is in its bucket", () => {
    inTheirBuckets("hist()", "value.value", NUMBERS);
    inTheirBuckets("hist(3)", "value.value", NUMBERS);
  });
  it("hist of numbers with a sign, and of few bits", () => {
    const signed = [-(2n ** 63n), -5n, -1n, 0n, 1n, 2n, 3n, 4n, 2n ** 62n];
    inTheirBuckets("hist()", "i64(value.value)", signed);
    inTheirBuckets("hist(2)", "i64(value.value)", signed);
    inTheirBuckets("hist()", "u8(value.value)", [0n, 1n, 2n, 3n, 4n, 15n, 16n, 127n, 128n, 255n]);
    inTheirBuckets("hist()", "i32(value.value)", [-1n, -(2n ** 31n), 0n, 7n, 2n ** 31n - 1n]);
  });
  it("lhist", () => {
    const numbers = [0n, 1n, 9n, 10n, 11n, 94n, 95n, 99n, 100n, 101n, 2n ** 63n];
    inTheirBuckets("lhist(0, 100, 10)", "value.value", numbers);
    inTheirBuckets("lhist(5, 98, 10)", "value.value", numbers);
    inTheirBuckets("lhist(-20, 20, 7)", "i64(value.value)", [-21n, -20n, -1n, 0n, 1n, 19n, 20n, 21n, -(2n ** 40n)]);
  });

  it("count, sum, min, max, avg, stats over CPUs, by keys", () => {
    const run = running(
      `export const counts = hash(u64, count());
       export const sums = hash(u32, sum(i64));
       export const least = lruHash(u32, min(i64));
       export const most = array(max());
       export const means = hash(u32, avg(i64));
       export const all = hash(u32, stats());`,
      `const v = i64(value.value);
       counts.record(value.value & 1);
       sums.record(0, v);
       least.record(0, v);
       most.record(0, value.value);
       means.record(0, v);
       if (counts.has(0)) all.record(0, value.value);
       if (value.value === 99) all.delete(0);`,
      4,
    );
    run.record(5n, -7n, 12n, 4n, 8n);
    expect(run.machine.object.maps.map(({ name, type }) => `${name} ${type}`).slice(0, 6)).toEqual([
      "counts percpu_hash",
      "sums percpu_hash",
      "least lru_percpu_hash",
      "most percpu_array",
      "means percpu_hash",
      "all percpu_hash",
    ]);
    expect([run.value("counts", 0n), run.value("counts", 1n)]).toEqual([3, 2]);
    expect(run.value("sums")).toBe(22);
    expect(run.value("least")).toBe(-7);
    expect(run.value("most")).toBe(2n ** 64n - 7n);
    expect(run.value("means")).toEqual({ kind: "stats", count: 5, average: 4, total: 22 });
    expect(run.value("all")).toEqual({ kind: "stats", count: 3, average: 8, total: 24 });
    run.record(99n);
    expect(run.value("all")).toBeUndefined();
  });

  it.each([
    ["in a struct", "const S = struct({ a: count() });", "an aggregate is the value of a hash or an array"],
    ["in a queue", "const q = queue(hist());", "an aggregate is the value of a hash or an array"],
    ["too many bits", "const h = hash(u32, hist(6));", "hist(bits): bits of a power of two, 0 to 5"],
    ["no steps", "const h = hash(u32, lhist(0, 100, 0));", "lhist(min, max, step): from min below max"],
    ["of no numbers", "const h = hash(u32, sum(struct({ a: u32 })));", "sum is of numbers: sum(i64)"],
    [
      "set",
      'const h = hash(u32, sum()); const f = rawTracepoint("x", () => { h.set(1, 2); });',
      "hash has no method 'set'",
    ],
    [
      "no number",
      'const h = hash(u32, sum()); const f = rawTracepoint("x", () => { h.record(1); });',
      "record takes 2 arguments, 1 given",
    ],
    [
      "a text",
      'const h = hash(u32, sum()); const f = rawTracepoint("x", () => { h.record(1, "a"); });',
      "numbers are recorded, not text(2)",
    ],
  ])("%s", (_name, text, message) => {
    expect(said(text)).toContain(message);
  });
});
