import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeAggregate, decodeValue, type Resolver } from "./decode.ts";
import { elementOffsets, histBuckets, lhistBuckets, sizeOf } from "./layout.ts";
import { INT32, INT64, type Type, UINT8, UINT64 } from "./types.ts";
import type { TraceValue } from "./values.ts";

const resolver: Resolver = {
  truncation: { capacity: 16, trailer: ".." },
  ksym: (a) => `k${a.toString(16)}`,
  usym: (a, pid) => `u${a.toString(16)}@${pid}`,
  kstack: (id) => [BigInt(id), 0xffffffff81000000n],
  ustack: (id) => [BigInt(id)],
  frame: (kind, address, pid) => ({ address, name: `${kind}${pid}`, offset: 1 }),
  username: (uid) => (uid === 0 ? "root" : `${uid}`),
  cgroupPath: (id) => `unified:/${id}`,
  syscallName: (n) => (n === 1 ? "write" : undefined),
  probe: (n, name) => `${name ? "function" : "probe"}${n}`,
  enumName: (_id, value) => (value === 1 ? "ONE" : undefined),
  wallClock: (ns) => ({ seconds: 100 + Number(ns / 1_000_000_000n), nanoseconds: Number(ns % 1_000_000_000n) }),
};

/** Decodes from bytes that do not begin at the start of their buffer, as those of a ring do not. */
function decode(type: Type, bytes: readonly number[] | Uint8Array): TraceValue {
  const memory = new Uint8Array(bytes.length + 24);
  memory.set(bytes, 16);
  return decodeValue(type, new DataView(memory.buffer, 8), 8, resolver);
}

const word = (n: bigint): number[] => Array.from(new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, n)).buffer));
const text = (s: string, size: number): number[] =>
  [...new TextEncoder().encode(s), ...new Array(size).fill(0)].slice(0, size);

describe("values", () => {
  const cases: readonly [name: string, type: Type, bytes: readonly number[], value: TraceValue][] = [
    ["negative int32", INT32, [0xfe, 0xff, 0xff, 0xff], -2],
    ["uint8", UINT8, [255], 255],
    ["int64 that is a safe number", INT64, word(-5n), -5],
    ["int64 beyond", INT64, word(-(2n ** 62n)), -(2n ** 62n)],
    ["uint64 beyond", UINT64, word(2n ** 64n - 1n), 2n ** 64n - 1n],
    ["enumerator", { ...INT32, enum: { id: 7, name: "e" } }, [1, 0, 0, 0], { kind: "enum", name: "ONE", value: 1 }],
    ["no enumerator", { ...INT32, enum: { id: 7, name: "e" } }, [2, 0, 0, 0], { kind: "enum", value: 2 }],
    ["bool", { kind: "bool" }, [1], true],
    ["string", { kind: "string", size: 8 }, text("abc", 8), "abc"],
    ["string without NUL", { kind: "string", size: 4 }, text("abcd", 4), "abcd"],
    ["string of UTF-8", { kind: "string", size: 8 }, text("aé€", 8), "aé€"],
    ["string that is no UTF-8", { kind: "string", size: 4 }, [0x61, 0xff, 0, 0], "a\ufffd"],
    ["cut string", { kind: "string", size: 16 }, text("0123456789abcdef", 15), "0123456789abcde.."],
    ["string one short of cut", { kind: "string", size: 16 }, text("0123456789abcd", 16), "0123456789abcd"],
    ["buffer", { kind: "buffer", size: 4 }, [2, 0, 0, 0, 65, 66, 67, 68], Uint8Array.of(65, 66)],
    ["pointer", { kind: "pointer", space: "user" }, word(0xffff888000000000n), 0xffff888000000000n],
    ["array", { kind: "array", of: UINT8, count: 3, space: "kernel" }, [1, 2, 3], [1, 2, 3]],
    ["inet", { kind: "inet" }, [2, 0, 0, 0, 127, 0, 0, 1], "127.0.0.1"],
    ["inet6", { kind: "inet" }, [10, 0, 0, 0, ...new Array(15).fill(0), 1], "::1"],
    ["inet6 unspecified", { kind: "inet" }, [10, 0, 0, 0, ...new Array(16).fill(0)], "::"],
    ["inet6 mapped", { kind: "inet" }, [10, 0, 0, 0, ...new Array(10).fill(0), 255, 255, 1, 2, 3, 4], "::ffff:1.2.3.4"],
    ["inet6 hole", { kind: "inet" }, [10, 0, 0, 0, 0xfe, 0x80, ...new Array(12).fill(0), 0, 5], "fe80::5"],
    ["mac", { kind: "mac" }, [5, 4, 3, 2, 1, 0xab], "05:04:03:02:01:ab"],
    ["ksym", { kind: "ksym" }, word(255n), "kff"],
    ["usym", { kind: "usym" }, [...word(255n), ...word(9n)], "uff@9"],
    ["username", { kind: "username" }, [0, 0, 0, 0], "root"],
    ["cgroup", { kind: "cgroup_path" }, word(3n), "unified:/3"],
    ["probe", { kind: "probe" }, word(4n), "probe4"],
    ["function", { kind: "probe", function: true }, word(4n), "function4"],
    [
      "timestamp",
      { kind: "timestamp", format: "%H" },
      word(1_000_000_002n),
      { kind: "timestamp", seconds: 101, nanoseconds: 2 },
    ],
    ["no stack", { kind: "kstack", limit: 5, mode: "raw" }, word(-14n), { kind: "stack", frames: [] }],
    [
      "stack",
      { kind: "ustack", limit: 5, mode: "raw" },
      [...word(3n), ...word(42n)],
      { kind: "stack", frames: [{ address: 3n, name: "user42", offset: 1 }] },
    ],
    [
      "record",
      { kind: "record", names: ["a", "b"], elements: [UINT8, INT64] },
      [7, 0, 0, 0, 0, 0, 0, 0, ...word(8n)],
      [7, 8],
    ],
  ];
  test.each(cases)("%s", (_name, type, bytes, value) => expect(decode(type, bytes)).toEqual(value));

  test("tuples as layout.ts lays them", () => {
    const element = fc.oneof(
      fc.record({ type: fc.constant<Type>(INT32), value: fc.integer() }),
      fc.record({ type: fc.constant<Type>(INT64), value: fc.maxSafeInteger() }),
      fc.record({ type: fc.constant<Type>({ kind: "bool" }), value: fc.boolean() }),
      fc.record({
        type: fc.constant<Type>({ kind: "string", size: 32 }),
        value: fc.string({ maxLength: 7, unit: "binary" }).filter((s) => !s.includes("\0")),
      }),
    );
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 6 }), (elements) => {
        const type: Type = { kind: "tuple", elements: elements.map((e) => e.type) };
        const bytes = new Uint8Array(sizeOf(type));
        const view = new DataView(bytes.buffer);
        for (const [i, offset] of elementOffsets(type.elements).entries()) {
          const { value } = elements[i] as (typeof elements)[number];
          if (typeof value === "string") bytes.set(new TextEncoder().encode(value), offset);
          else if (typeof value === "boolean") bytes[offset] = Number(value);
          else if (elements[i]?.type === INT32) view.setInt32(offset, value, true);
          else view.setBigInt64(offset, BigInt(value), true);
        }
        expect(decode(type, bytes)).toEqual(elements.map((e) => e.value));
      }),
    );
  });
});

describe("aggregates over CPUs", () => {
  const words = (...n: (number | bigint)[]): DataView =>
    new DataView(BigUint64Array.from(n, (x) => BigInt.asUintN(64, BigInt(x))).buffer);
  const cases: readonly [string, Parameters<typeof decodeAggregate>[0], DataView, TraceValue][] = [
    ["count", { kind: "count" }, words(3, 0, 4, 0), 7],
    ["signed sum", { kind: "sum", signed: true }, words(-3, 1, 1, 1), -2],
    ["wide sum", { kind: "sum", signed: false }, words(2n ** 63n, 1, 2n ** 62n, 1), 2n ** 63n + 2n ** 62n],
    ["sum that wraps", { kind: "sum", signed: false }, words(2n ** 63n, 1, 2n ** 63n, 1), 0],
    ["min skips a CPU that saw none", { kind: "min", signed: true }, words(0, 0, 9, 1), 9],
    ["min, signed", { kind: "min", signed: true }, words(-1, 1, 9, 1), -1],
    ["max, signed", { kind: "max", signed: true }, words(-5, 1, -7, 1), -5],
    ["max of none", { kind: "max", signed: true }, words(0, 0, 0, 0), 0],
    [
      "average is cut toward zero",
      { kind: "avg", signed: true },
      words(1, -3, 1, -4),
      { kind: "stats", count: 2, average: -3, total: -7 },
    ],
    [
      "stats of none",
      { kind: "stats", signed: false },
      words(0, 0, 0, 0),
      { kind: "stats", count: 0, average: 0, total: 0 },
    ],
    [
      "unsigned average",
      { kind: "stats", signed: false },
      words(1, 2n ** 63n, 1, 0),
      { kind: "stats", count: 2, average: 2n ** 62n, total: 2n ** 63n },
    ],
  ];
  test.each(cases)("%s", (_name, type, view, value) =>
    expect(decodeAggregate(type, view, 0, 2, 16, resolver)).toEqual(value),
  );

  test.each([{ kind: "hist", bits: 2 } as const, { kind: "lhist", min: 0, max: 25, step: 10 } as const])(
    "buckets of $kind",
    (type) => {
      const n = type.kind === "hist" ? histBuckets(type.bits) : lhistBuckets(type.min, type.max, type.step);
      const view = new DataView(new ArrayBuffer(n * 16));
      view.setBigUint64(8, 1n, true);
      view.setBigUint64(n * 8 + 8, 2n, true);
      view.setBigUint64(n * 16 - 8, 2n ** 33n, true);
      const expected = new Array(n).fill(0);
      expected[1] = 3;
      expected[n - 1] = 2 ** 33;
      expect(decodeAggregate(type, view, 0, 2, n * 8, resolver)).toEqual(expected);
    },
  );
});
