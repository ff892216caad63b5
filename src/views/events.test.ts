// Events as text and JSON: printf with every conversion, messages with a place, the other actions.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  encode,
  INT32,
  INT64,
  json,
  POINTER,
  printf,
  record,
  resolver,
  show,
  string,
  text,
  tuple,
  UINT32,
  UINT64,
} from "../../test/support/view-records.ts";
import { parseFormat } from "../schema/format.ts";
import type { Type } from "../schema/index.ts";
import { ByteSink, textView, type View } from "./index.ts";

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
    record(view, { kind: "printf", format: parseFormat("hey %d\n"), stream: "warn", span: { start: 8, end: 28 } }, [
      [INT32, 5],
    ]);
    record(view, { kind: "printf", format: parseFormat("x %s"), stream: "error", span: { start: 30, end: 49 } }, [
      [string(8), "q"],
    ]);
  };
  test("text, to the messages", () => {
    expect(show(textView, run)).toEqual({
      text: "",
      messages: "stdin:1:9-29: WARNING: hey 5\nstdin:1:31-50: ERROR: x q\n",
    });
  });
  test("text, with the uses of macros that led there", () => {
    const span = { start: 0, end: 5, from: { start: 6, end: 11, from: { start: 12, end: 13 } } };
    const { messages } = show(textView, (view) =>
      record(view, { kind: "printf", format: parseFormat("no\n"), stream: "error", span }, []),
    );
    const [head, ...uses] = messages.split("\n");
    expect(head).toBe("stdin:1:1-6: ERROR: no");
    expect(uses.filter((line) => line.startsWith("stdin:"))).toEqual([
      "stdin:1:7-12: ERROR: expanded from",
      "stdin:1:13-14: ERROR: expanded from",
    ]);
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
