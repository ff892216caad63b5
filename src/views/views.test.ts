// The expected texts are what bpftrace 0.27.1 printed for the same scripts, byte for byte.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseFormat } from "../lang/trace/format.ts";
import { elementOffsets, histBuckets, lhistBuckets, sizeOf } from "../lang/trace/layout.ts";
import { ByteSink, jsonView, type MapEntry, type MapSnapshot, textView, type View } from "./index.ts";
import type { EventAction, EventField, Resolver, TraceValue, Type } from "./language.ts";

const INT64: Type = { kind: "int", bits: 64, signed: true };
const UINT64: Type = { kind: "int", bits: 64, signed: false };
const INT32: Type = { kind: "int", bits: 32, signed: true };
const UINT32: Type = { kind: "int", bits: 32, signed: false };
const POINTER: Type = { kind: "pointer", space: "kernel" };
const string = (size: number): Type => ({ kind: "string", size });
const tuple = (...elements: Type[]): Type => ({ kind: "tuple", elements });

const unused = (): never => {
  throw new Error("not asked for here");
};
const resolver: Resolver = {
  truncation: { capacity: 16, trailer: ".." },
  ksym: unused,
  usym: unused,
  ustack: unused,
  username: unused,
  cgroupPath: unused,
  probe: unused,
  wallClock: unused,
  kstack: () => [0xffffffff81000010n, 0x10n],
  frame: (_kind, address) => (address === 0x10n ? { address, offset: 0 } : { address, name: "schedule", offset: 16 }),
  enumName: (_id, value) => (value === 1 ? "X" : undefined),
};

interface Shown {
  readonly text: string;
  readonly messages: string;
}

function show(make: typeof textView, run: (view: View) => void): Shown {
  const shown = { text: "", messages: "" };
  const decoder = new TextDecoder();
  const out = new ByteSink((b) => void (shown.text += decoder.decode(b, { stream: true })));
  const messages = new ByteSink((b) => void (shown.messages += new TextDecoder().decode(b)));
  const source = { name: "stdin", text: 'begin { warnf("hey %d\\n", 5); errorf("x %s", "q"); }' };
  const view = make({ out, messages, resolver, source, now: () => ({ seconds: 0, nanoseconds: 5000 }) });
  run(view);
  view.flush();
  return shown;
}
const text = (run: (view: View) => void): string => show(textView, run).text;
const json = (run: (view: View) => void): string => show(jsonView, run).text;

const encode = (s: string): Uint8Array => new TextEncoder().encode(s);

/** The bytes of a value of a type. */
function put(type: Type, value: unknown, view: DataView, at: number): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset);
  if (type.kind === "int" || type.kind === "pointer" || type.kind === "kstack") {
    const bits = type.kind === "int" ? type.bits : 64;
    const n = BigInt(value as number);
    if (bits === 32) view.setUint32(at, Number(BigInt.asUintN(32, n)), true);
    else view.setBigUint64(at, BigInt.asUintN(64, n), true);
  } else if (type.kind === "bool") bytes[at] = Number(value);
  else if (type.kind === "string") bytes.set(encode(value as string), at);
  else if (type.kind === "buffer") {
    view.setUint32(at, (value as Uint8Array).length, true);
    bytes.set(value as Uint8Array, at + 4);
  } else if (type.kind === "tuple" || type.kind === "record") {
    for (const [i, offset] of elementOffsets(type.elements).entries())
      put(type.elements[i] as Type, (value as unknown[])[i], view, at + offset);
  } else throw new Error(type.kind);
}

function record(view: View, action: EventAction, values: readonly (readonly [Type, unknown])[]): void {
  let at = 8;
  const fields: EventField[] = values.map(([type]) => {
    const offset = at;
    at += Math.ceil(sizeOf(type) / 8) * 8;
    return { type, offset };
  });
  const base = 40;
  const data = new DataView(new ArrayBuffer(base + at + 8));
  for (const [i, [type, value]] of values.entries()) put(type, value, data, base + (fields[i] as EventField).offset);
  const print = view.printer({ id: 1, action, fields, size: at, ring: "events" });
  print(data, new Uint8Array(data.buffer), base);
}

const printf =
  (format: string, ...values: (readonly [Type, unknown])[]) =>
  (view: View): void =>
    record(view, { kind: "printf", format: parseFormat(format, unused), stream: "out" }, values);

describe("printf", () => {
  const i = (n: number): readonly [Type, unknown] => [INT32, n];
  const u = (n: number): readonly [Type, unknown] => [UINT32, n];
  const l = (n: number | bigint): readonly [Type, unknown] => [INT64, n];
  const lu = (n: number | bigint): readonly [Type, unknown] => [UINT64, n];
  const s = (t: string, size = 32): readonly [Type, unknown] => [string(size), t];
  const b = (t: string): readonly [Type, unknown] => [{ kind: "buffer", size: 16 }, encode(t)];
  const cases: readonly [format: string, values: (readonly [Type, unknown])[], text: string][] = [
    ["plain\n", [], "plain\n"],
    ["%d %s %d\n", [i(1), s("abc"), i(-5)], "1 abc -5\n"],
    ["[%5d|%-5d|%05d|%+d|% d]", [i(42), i(42), i(42), i(42), i(42)], "[   42|42   |00042|+42|42]"],
    ["[%x|%#x|%X|%o|%#o|%c|%p]", [u(255), u(255), u(255), u(8), u(8), u(65), lu(65)], "[ff|0xff|FF|10|010|A|0x41]"],
    ["[%10s|%-10s|%.2s|%5.2s]", [s("abc"), s("abc"), s("abc"), s("abc")], "[       abc|abc       |abc|  abc]"],
    [
      "[%d %u %ld %lu %hhd %hd %hu %hhx]",
      [i(-1), u(-1), l(-1), lu(-1), i(300), i(70000), u(-1), u(-1)],
      "[-1 4294967295 -1 18446744073709551615 44 4464 65535 ff]",
    ],
    [
      "%.3d|%8.3d|%+5d|%#08x|%-#8x|%lx|%p|%p",
      [i(5), i(5), i(5), u(255), u(255), lu(-1), lu(0), lu(1234567)],
      "5|       5|   +5|00000xff|0xff    |ffffffffffffffff|0|0x12d687",
    ],
    ["%05d|%-05d|%+u|%lc|%+5p", [i(-5), i(5), u(5), lu(65), lu(5)], "000-5|50000|5|A|  0x5"],
    ["%#x %#o %x %X %#X", [u(0), u(0), u(-1), u(-1), u(255)], "0 0 ffffffff FFFFFFFF 0XFF"],
    [
      "%5c|%05c|%-5p|%20p|%020p|%#p",
      [u(65), u(65), lu(255), lu(255), lu(255), lu(255)],
      "    A|0000A|0xff |                0xff|00000000000000000xff|0xff",
    ],
    ["%05s|%+s|%s|%5s|%-5s|", [l(-5), l(5), lu(-1), l(-7), l(-7)], "000-5|+5|18446744073709551615|   -7|-7   |"],
    ["%hhd %hhu %hhx %ho %5hhd", [i(200), u(200), u(-2), u(-1), i(511)], "-56 200 fe 177777    -1"],
    ["%lld %jd %zu %td %Ld", [l(-5), l(-5), lu(-5), l(-5), l(-5)], "-5 -5 18446744073709551611 -5 -5"],
    ["%o %#o %lo", [u(-1), u(-1), lu(-1)], "37777777777 037777777777 1777777777777777777777"],
    [
      "%x|%d|%lx",
      [
        [UINT64, 0x123456789abcdefn],
        [UINT64, 0x123456789abcdefn],
        [UINT64, 0x123456789abcdefn],
      ],
      "89abcdef|-1985229329|123456789abcdef",
    ],
    [
      "%s %s",
      [
        [POINTER, 0],
        [POINTER, 1234],
      ],
      "0x0 0x4d2",
    ],
    [
      "%s|%10s|%-10s|",
      [
        [{ kind: "bool" }, 1],
        [{ kind: "bool" }, 1],
        [{ kind: "bool" }, 0],
      ],
      "true|      true|false     |",
    ],
    [
      "%r|%10r|%-10r|%rx|%20rx|%rh|",
      [b("a\n"), b("a"), b("a"), b("a"), b("a"), b("a\n")],
      "a\\x0a|         a|a         |\\x61|                \\x61|61 0a|",
    ],
    [
      "%20s|%-20s|",
      [
        [tuple(INT64, string(8)), [1, "a"]],
        [tuple(INT64, string(8)), [1, "b"]],
      ],
      "                   (1, a)|(                   1, b)|",
    ],
    [
      "%10s|%-10s|",
      [
        [{ kind: "record", names: ["a"], elements: [INT64] }, [1]],
        [{ kind: "record", names: ["a"], elements: [INT64] }, [2]],
      ],
      "        { .a = 1 }|{         .a = 2 }|",
    ],
    ["%s|%20s|", [s("GRPC_DEFAULT_SS", 16), s("GRPC_DEFAULT_SS", 16)], "GRPC_DEFAULT_SS..|   GRPC_DEFAULT_SS..|"],
    ["%%|%s|%z|%", [l(5)], "%|5|%z|%"],
    [
      "%s %d %x",
      [
        [{ ...INT32, enum: { id: 1, name: "A" } } as Type, 1],
        [{ ...INT32, enum: { id: 1, name: "A" } } as Type, 1],
        [{ ...INT32, enum: { id: 1, name: "A" } } as Type, 7],
      ],
      "X 1 7",
    ],
    ["%*d|%-*d|%*s|", [i(3), i(3), s("ab")], "3|3|ab|"],
    [
      "%gr|%gr|%gr|%30gr|%gr",
      [lu(0xcc0), lu(0), lu(1), lu(0x400cc0), lu(0x8000000000)],
      "GFP_KERNEL|0|GFP_DMA|            GFP_KERNEL_ACCOUNT|0x8000000000",
    ],
    [
      "%gr %gr",
      [lu(0x152cc0), lu(0x3ffffff)],
      "GFP_USER|__GFP_NOWARN|__GFP_NORETRY|__GFP_COMP GFP_TRANSHUGE|GFP_ATOMIC|GFP_DMA|GFP_DMA32|__GFP_ZERO|__GFP_WRITE|__GFP_RETRY_MAYFAIL|__GFP_NOFAIL|__GFP_NORETRY|__GFP_MEMALLOC|__GFP_THISNODE|__GFP_ACCOUNT|__GFP_ZEROTAGS|__GFP_SKIP_ZERO|0x210",
    ],
    ["<%s>", [[{ kind: "kstack", mode: "bpftrace", limit: 2 }, 1]], "<\n        schedule+16\n        0x10\n>"],
    ["<%s>", [[{ kind: "kstack", mode: "perf", limit: 2 }, 1]], "<\n\tffffffff81000010 schedule+16\n\t10 0x10\n>"],
    ["<%s>", [[{ kind: "kstack", mode: "raw", limit: 2 }, 1]], "<\nffffffff81000010\n10\n>"],
    ["é%s%c|", [s("ü"), u(0)], "éü\0|"],
  ];
  test.each(cases)("%j", (format, values, expected) => expect(text(printf(format, ...values))).toBe(expected));

  test("as JSON", () => {
    expect(json(printf('%s "q" \\ %c\n', [string(16), "a\tb"], [UINT32, 1]))).toBe(
      '{"type": "printf", "data": "a\\tb \\"q\\" \\\\ \\u0001\\n"}\n',
    );
    expect(json(printf("%s\n", [string(16), "é"]))).toBe('{"type": "printf", "data": "é\\n"}\n');
  });

  test("integers as JavaScript writes them", () => {
    const wide = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.maxSafeInteger().map(BigInt),
      fc.integer().map(BigInt),
    );
    fc.assert(
      fc.property(wide, fc.nat(30), fc.constantFrom("", "-", "0"), (n, width, flag) => {
        const unsigned = BigInt.asUintN(64, n);
        const shown = text(
          printf(`%${flag}${width}ld|%lu|%lx|%lX|%lo|%d|%u`, l(n), lu(n), lu(n), lu(n), lu(n), l(n), lu(n)),
        );
        const padded = flag === "-" ? `${n}`.padEnd(width) : `${n}`.padStart(width, flag === "0" ? "0" : " ");
        const head = width === 0 ? `${n}` : padded;
        expect(shown).toBe(
          [
            head,
            unsigned,
            unsigned.toString(16),
            unsigned.toString(16).toUpperCase(),
            unsigned.toString(8),
            BigInt.asIntN(32, n),
            BigInt.asUintN(32, n),
          ].join("|"),
        );
      }),
    );
  });

  test("many lines pass through a small sink whole", () => {
    let written = "";
    const out = new ByteSink((bytes) => void (written += new TextDecoder().decode(bytes)), 64);
    const view = textView({ out, messages: out, resolver });
    let expected = "";
    for (let n = 0; n < 200; n++) {
      printf("%d %s %d\n", i(n), s("x".repeat(n % 30)), i(-n))(view);
      expected += `${n} ${"x".repeat(n % 30)} ${-n}\n`;
    }
    view.flush();
    expect(written).toBe(expected);
  });
});

describe("messages with a place", () => {
  const run = (view: View): void => {
    record(
      view,
      { kind: "printf", format: parseFormat("hey %d\n", unused), stream: "warn", span: { start: 8, end: 28 } },
      [[INT32, 5]],
    );
    record(
      view,
      { kind: "printf", format: parseFormat("x %s", unused), stream: "error", span: { start: 30, end: 49 } },
      [[string(8), "q"]],
    );
  };
  test("text, to the messages", () => {
    expect(show(textView, run)).toEqual({
      text: "",
      messages: "stdin:1:9-29: WARNING: hey 5\nstdin:1:31-50: ERROR: x q\n",
    });
  });
  test("JSON, to the data", () => {
    expect(json(run)).toBe(
      '{"type": "warnf", "msg": "hey 5\\n", "filename": "stdin", "line": 1, "col": 9}\n{"type": "errorf", "msg": "x q", "filename": "stdin", "line": 1, "col": 31}\n',
    );
  });
});

test("the other events", () => {
  const run = (view: View): void => {
    view.attachedProbes(1);
    view.attachedProbes(2);
    record(view, { kind: "time", format: "%S %f x\n" }, []);
    view.cat(encode("Linux\n"));
    view.system(encode("hi\nho\n"));
    view.lostEvents(7);
    record(view, { kind: "print-value" }, [
      [tuple(INT64, string(8), tuple(INT64, POINTER), { kind: "bool" }), [1, "x y", [2, 16], 1]],
    ]);
    view.value({ kind: "buffer", size: 8 }, Uint8Array.of(97, 10, 128, 34));
    view.value(UINT64, 2n ** 64n - 1n);
    view.value({ kind: "record", names: ["a", "b"], elements: [tuple(INT64), string(8)] }, [[1], "x y"]);
    view.value({ kind: "array", of: INT32, count: 3, space: "kernel" }, [1, 2, 3]);
  };
  expect(show(textView, run)).toEqual({
    text: '00 %f x\nLinux\nhi\nho\n\n(1, x y, (2, 0x10), true)\na\\x0a\\x80"\n18446744073709551615\n{ .a = (1), .b = x y }\n[1,2,3]\n',
    messages: "Attached 1 probe\nAttached 2 probes\nLost 7 events\n",
  });
  expect(json(run)).toBe(
    [
      '{"type": "attached_probes", "count": 1, "data": {"probes": 1}}',
      '{"type": "attached_probes", "count": 2, "data": {"probes": 2}}',
      '{"type": "time", "data": "00 %f x\\n"}',
      '{"type": "cat", "data": "Linux\\n"}',
      '{"type": "syscall", "data": "hi\\nho\\n"}',
      '{"type": "lost_events", "count": 7, "data": {"events": 7}}',
      '{"type": "value", "data": [1,"x y",[2,16],true]}',
      '{"type": "value", "data": [97,10,-128,34]}',
      '{"type": "value", "data": "18446744073709551615"}',
      '{"type": "value", "data": {"a": [1], "b": "x y"}}',
      '{"type": "value", "data": [1,2,3]}',
      "",
    ].join("\n"),
  );
});

const snapshot = (
  name: string,
  keyType: Type | undefined,
  valueType: Type,
  ...entries: (readonly [TraceValue, TraceValue])[]
): MapSnapshot => ({
  map: { name, valueType, ...(keyType === undefined ? {} : { keyType }) },
  entries: entries.map(([key, value]): MapEntry => ({ key, value })),
});
const stats = (count: number, total: number): TraceValue => ({
  kind: "stats",
  count,
  average: Math.trunc(total / count),
  total,
});

/** Buckets of values, as the programs count them. */
function buckets(type: Type & { kind: "hist" | "lhist" }, ...values: number[]): TraceValue {
  const counts: number[] = new Array(
    type.kind === "hist" ? histBuckets(type.bits) : lhistBuckets(type.min, type.max, type.step),
  ).fill(0);
  for (const n of values) {
    let index: number;
    if (type.kind === "lhist")
      index = n < type.min ? 0 : n >= type.max ? counts.length - 1 : Math.floor((n - type.min) / type.step) + 1;
    else if (n < 0) index = 0;
    else if (n < 2 ** type.bits) index = n + 1;
    else {
      const log = Math.floor(Math.log2(n));
      index = ((log - type.bits + 1) << type.bits) + (Math.floor(n / 2 ** (log - type.bits)) % 2 ** type.bits) + 1;
    }
    counts[index] = (counts[index] as number) + 1;
  }
  return counts;
}
const HIST: Type & { kind: "hist" } = { kind: "hist", bits: 0 };
const lhist = (min: number, max: number, step: number): Type & { kind: "lhist" } => ({ kind: "lhist", min, max, step });
const FULL = "@".repeat(52);
const EMPTY = " ".repeat(52);
const row = (label: string, count: number, bar: string): string =>
  `${label.padEnd(16)}${String(count).padStart(8)} |${bar}|\n`;

describe("maps", () => {
  const KEY = tuple(INT64, string(8));
  const COUNT: Type = { kind: "count" };
  const counts = snapshot("@m", INT64, COUNT, [3, 2], [2, 3], [1, 1]);
  const cases: readonly [name: string, map: MapSnapshot, top: number, div: number, text: string, json: string][] = [
    [
      "counts by value",
      counts,
      0,
      0,
      "@m[1]: 1\n@m[3]: 2\n@m[2]: 3\n",
      '{"type": "map", "data": {"@m": {"1": 1, "3": 2, "2": 3}}}\n',
    ],
    ["top", counts, 2, 0, "@m[3]: 2\n@m[2]: 3\n", '{"type": "map", "data": {"@m": {"3": 2, "2": 3}}}\n'],
    [
      "div",
      counts,
      0,
      2,
      "@m[1]: 0\n@m[3]: 1\n@m[2]: 1\n",
      '{"type": "map", "data": {"@m": {"1": 0, "3": 1, "2": 1}}}\n',
    ],
    ["no entries", snapshot("@m", INT64, COUNT), 0, 0, "", ""],
    [
      "tuple keys by key",
      snapshot(
        "@z",
        KEY,
        tuple(INT64, INT64),
        [
          [1, "b"],
          [1, 2],
        ],
        [
          [0, "a"],
          [31, 42],
        ],
        [
          [1, "a"],
          [10, 22],
        ],
      ),
      2,
      2,
      "@z[1, a]: (5, 11)\n@z[1, b]: (0, 1)\n",
      '{"type": "map", "data": {"@z": {"1,a": [5,11], "1,b": [0,1]}}}\n',
    ],
    [
      "nested tuple key",
      snapshot("@u", tuple(INT64, KEY), INT64, [[1, [2, "a"]], 4]),
      0,
      0,
      "@u[1, (2, a)]: 4\n",
      '{"type": "map", "data": {"@u": {"1,(2,a)": 4}}}\n',
    ],
    [
      "string key with parentheses, spaces, quotes",
      snapshot("@c", string(16), INT64, ["(p)", 1], ['a "b', 2]),
      0,
      0,
      '@c[p]: 1\n@c[a "b]: 2\n',
      '{"type": "map", "data": {"@c": {"p": 1, "a\\"b": 2}}}\n',
    ],
    [
      "strings by key",
      snapshot("@y", string(8), string(8), ["b", "x"], ["a", "y"]),
      0,
      0,
      "@y[a]: y\n@y[b]: x\n",
      '{"type": "map", "data": {"@y": {"a": "y", "b": "x"}}}\n',
    ],
    [
      "max is ordered unsigned",
      snapshot("@mx", INT64, { kind: "max", signed: true }, [1, -3], [5, 9]),
      0,
      0,
      "@mx[5]: 9\n@mx[1]: -3\n",
      '{"type": "map", "data": {"@mx": {"5": 9, "1": -3}}}\n',
    ],
    [
      "sum is ordered signed",
      snapshot("@s", KEY, { kind: "sum", signed: true }, [[2, "b"], 3], [[1, "a"], -4]),
      0,
      0,
      "@s[1, a]: -4\n@s[2, b]: 3\n",
      '{"type": "map", "data": {"@s": {"1,a": -4, "2,b": 3}}}\n',
    ],
    [
      "avg",
      snapshot("@a", INT64, { kind: "avg", signed: true }, [1, stats(2, 13)], [2, stats(1, 4)]),
      1,
      2,
      "@a[1]: 3\n",
      '{"type": "stats", "data": {"@a": {"1": 3}}}\n',
    ],
    [
      "stats",
      snapshot("@s", INT64, { kind: "stats", signed: true }, [1, stats(1, 7)], [5, stats(2, -9)]),
      0,
      2,
      "@s[5]: { .count = 2, .average = -2, .total = -9 }\n@s[1]: { .count = 1, .average = 3, .total = 7 }\n",
      '{"type": "stats", "data": {"@s": {"5": {"count": 2, "average": -2, "total": -9}, "1": {"count": 1, "average": 3, "total": 7}}}}\n',
    ],
    [
      "scalars",
      snapshot("@v", undefined, tuple(INT64, string(8)), [null, [1, "abc"]]),
      0,
      0,
      "@v: (1, abc)\n",
      '{"type": "map", "data": {"@v": [1,"abc"]}}\n',
    ],
    [
      "a scalar that was never set",
      snapshot("@t", undefined, tuple(INT64, string(8))),
      0,
      0,
      "@t: (0, )\n",
      '{"type": "map", "data": {"@t": [0,""]}}\n',
    ],
    [
      "stats that were never set",
      snapshot("@s", undefined, { kind: "stats", signed: true }),
      0,
      0,
      "@s: { .count = 0, .average = 0, .total = 0 }\n",
      '{"type": "stats", "data": {"@s": {"count": 0, "average": 0, "total": 0}}}\n',
    ],
    ["a histogram that was never set", snapshot("@h", undefined, HIST), 0, 0, "", ""],
    [
      "a histogram after zero()",
      snapshot("@h", undefined, HIST, [null, buckets(HIST)]),
      0,
      0,
      "@h:\n\n",
      '{"type": "hist", "data": {"@h": []}}\n',
    ],
    [
      "a stack as key",
      snapshot("@", { kind: "kstack", mode: "bpftrace", limit: 2 }, INT64, [
        { kind: "stack", frames: [{ address: 1n, name: "f", offset: 2 }] },
        1,
      ]),
      0,
      0,
      "@[\n        f+2\n]: 1\n",
      '{"type": "map", "data": {"@": {"\\nf+2\\n": 1}}}\n',
    ],
    [
      "unsigned keys are ordered signed",
      snapshot("@w", UINT64, string(8), [5, "x"], [2n ** 64n - 1n, "y"]),
      0,
      0,
      "@w[18446744073709551615]: y\n@w[5]: x\n",
      '{"type": "map", "data": {"@w": {"18446744073709551615": "y", "5": "x"}}}\n',
    ],
    [
      "histograms by key, the fullest last",
      snapshot("@x", INT64, HIST, [1, buckets(HIST, 5, -3, 0, 1025)], [2, buckets(HIST, 2 ** 62)]),
      0,
      0,
      `@x[2]:\n${row("[4E, 8E)", 1, FULL)}\n@x[1]:\n${row("(..., 0)", 1, FULL)}${row("[0]", 1, FULL)}${row("[1]", 0, EMPTY)}${row("[2, 4)", 0, EMPTY)}${row("[4, 8)", 1, FULL)}${["[8, 16)", "[16, 32)", "[32, 64)", "[64, 128)", "[128, 256)", "[256, 512)", "[512, 1K)"].map((x) => row(x, 0, EMPTY)).join("")}${row("[1K, 2K)", 1, FULL)}\n`,
      '{"type": "hist", "data": {"@x": {"2": [{"min": 4611686018427387904, "max": "9223372036854775807", "count": 1}], "1": [{"max": -1, "count": 1},{"min": 0, "max": 0, "count": 1},{"min": 1, "max": 1, "count": 0},{"min": 2, "max": 3, "count": 0},{"min": 4, "max": 7, "count": 1},{"min": 8, "max": 15, "count": 0},{"min": 16, "max": 31, "count": 0},{"min": 32, "max": 63, "count": 0},{"min": 64, "max": 127, "count": 0},{"min": 128, "max": 255, "count": 0},{"min": 256, "max": 511, "count": 0},{"min": 512, "max": 1023, "count": 0},{"min": 1024, "max": 2047, "count": 1}]}}}\n',
    ],
    [
      "counts of hist are divided",
      snapshot("@h", undefined, HIST, [null, buckets(HIST, 5, 8)]),
      0,
      2,
      `@h:\n${row("[4, 8)", 0, EMPTY)}${row("[8, 16)", 0, EMPTY)}\n`,
      '{"type": "hist", "data": {"@h": [{"min": 4, "max": 7, "count": 0},{"min": 8, "max": 15, "count": 0}]}}\n',
    ],
    [
      "lhist",
      snapshot("@l", undefined, lhist(0, 20, 10), [null, buckets(lhist(0, 20, 10), 5, -3, 300)]),
      0,
      2,
      `@l:\n${row("(..., 0)", 1, FULL)}${row("[0, 10)", 1, FULL)}${row("[10, 20)", 0, EMPTY)}${row("[20, ...)", 1, FULL)}\n`,
      '{"type": "hist", "data": {"@l": [{"max": -1, "count": 1},{"min": 0, "max": 9, "count": 1},{"min": 10, "max": 19, "count": 0},{"min": 20, "count": 1}]}}\n',
    ],
    [
      "lhist whose last step is cut short",
      snapshot("@m", undefined, lhist(0, 25, 10), [null, buckets(lhist(0, 25, 10), 1, 30)]),
      0,
      0,
      `@m:\n${row("[0, 10)", 1, FULL)}${row("[10, 20)", 0, EMPTY)}${row("[20, ...)", 1, FULL)}\n`,
      '{"type": "hist", "data": {"@m": [{"min": 0, "max": 9, "count": 1},{"min": 10, "max": 19, "count": 0},{"min": 20, "count": 1}]}}\n',
    ],
    [
      "lhist by kilo",
      snapshot("@l", undefined, lhist(1024, 8192, 1024), [null, buckets(lhist(1024, 8192, 1024), 2048)]),
      0,
      0,
      `@l:\n${row("[2K, 3K)", 1, FULL)}\n`,
      '{"type": "hist", "data": {"@l": [{"min": 2048, "max": 3071, "count": 1}]}}\n',
    ],
  ];
  test.each(cases)("%s", (_name, map, top, div, asText, asJson) => {
    expect(text((view) => view.map(map, top, div))).toBe(asText);
    expect(json((view) => view.map(map, top, div))).toBe(asJson);
  });

  test("finer histograms", () => {
    const fine: Type & { kind: "hist" } = { kind: "hist", bits: 2 };
    const shown = text((view) => view.map(snapshot("@k", undefined, fine, [null, buckets(fine, 100, 7, 1000)])));
    expect(shown.split("\n").map((line) => line.slice(0, 16).trimEnd())).toEqual([
      "@k:",
      "[7]",
      "[8, 10)",
      "[10, 12)",
      "[12, 14)",
      "[14, 16)",
      "[16, 20)",
      "[20, 24)",
      "[24, 28)",
      "[28, 32)",
      "[32, 40)",
      "[40, 48)",
      "[48, 56)",
      "[56, 64)",
      "[64, 80)",
      "[80, 96)",
      "[96, 112)",
      "[112, 128)",
      "[128, 160)",
      "[160, 192)",
      "[192, 224)",
      "[224, 256)",
      "[256, 320)",
      "[320, 384)",
      "[384, 448)",
      "[448, 512)",
      "[512, 640)",
      "[640, 768)",
      "[768, 896)",
      "[896, 1024)",
      "",
      "",
    ]);
  });

  test("the end of a run: maps with entries, by name", () => {
    const run = (view: View): void =>
      view.endOfRun([
        snapshot("@b", undefined, INT64, [null, 1]),
        snapshot("@c", INT64, INT64),
        snapshot("@a", undefined, { kind: "bool" }, [null, true]),
      ]);
    expect(text(run)).toBe("\n\n@a: true\n@b: 1\n");
    expect(json(run)).toBe('{"type": "map", "data": {"@a": true}}\n{"type": "map", "data": {"@b": 1}}\n');
  });

  test("order by value is a stable sort of 64-bit numbers", () => {
    const value = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.integer({ min: -3, max: 3 }).map(BigInt),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 40 }), (values) => {
        const map = snapshot(
          "@m",
          INT64,
          INT64,
          ...values.map((v, i): [number, TraceValue] => [i, Number.isSafeInteger(Number(v)) ? Number(v) : v]),
        );
        const expected = values.map((v, i) => ({ v, i })).sort((a, b) => (a.v < b.v ? -1 : a.v > b.v ? 1 : a.i - b.i));
        expect(text((view) => view.map(map))).toBe(expected.map(({ v, i }) => `@m[${i}]: ${v}\n`).join(""));
      }),
    );
  });
});
