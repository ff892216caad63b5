// Scripts that give the same output here and under bpftrace 0.27.1: one list, each run by both, text and JSON.
//
// LOAD in a script stands for the path of the compiled load.c; `$1` is the pid of the load, `$2` the address of its
// variable `watched`.

import type { Feature } from "../../src/kernel/index.ts";

export interface DifferentialCase {
  readonly name: string;
  readonly script: string;
  /** What the load does, and how often; without it, the script ends by itself. */
  readonly load?: readonly [mode: string, count: number];
  readonly params?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly options?: readonly string[];
  /** What the machine must have for it. */
  readonly needs?: Feature;
  /** Compared as JSON too; scripts without a load always are. */
  readonly json?: true;
  /** Not compared as JSON: the reason. */
  readonly textOnly?: string;
  /** Both give the same but for this. */
  readonly normalise?: (text: string) => string;
  /** We differ on purpose: why, and what we print. `sometimes`: by what else the machine is doing the peer may agree. */
  readonly peer?: { readonly differs: string; readonly ours: string; readonly sometimes?: true };
}

const begin = (name: string, body: string, more: Partial<DifferentialCase> = {}): DifferentialCase => ({
  name,
  script: `begin { ${body} }`,
  ...more,
});

const formats: readonly DifferentialCase[] = [
  begin("printf: decimals", 'printf("%d %d %d %d %i\\n", 1, -1, 2147483647, -2147483648, 77)'),
  begin("printf: unsigned of negative numbers", 'printf("%u %lu %llu %hu %hhu\\n", -1, -1, -1, -1, -1)'),
  begin(
    "printf: modifiers cut",
    'printf("%d %hd %hhd %ld %lld %jd %zd %td\\n", 0x12345678abcdef, 0x12345678abcdef, 0x12345678abcdef, 0x12345678abcdef, 0x12345678abcdef, 0x12345678abcdef, 0x12345678abcdef, 0x12345678abcdef)',
  ),
  begin(
    "printf: hex of each width",
    'printf("%x %X %hx %hhx %lx %llx %#x %#lX\\n", 0x12345678abcdef, 0x12345678abcdef, 0x12345678abcdef, 0x12345678abcdef, 0x12345678abcdef, 0x12345678abcdef, 255, 0xabcdef012345)',
  ),
  begin("printf: octal", 'printf("%o %#o %lo %5o|%-5o|%05o\\n", 8, 8, 0777777777777, 8, 8, 8)'),
  begin("printf: negative as hex and octal", 'printf("%x %lx %hhx %o\\n", -1, -1, -1, -1)'),
  begin(
    "printf: widths of numbers",
    'printf("[%5d] [%-5d] [%05d] [%1d] [%12ld] [%-12ld]\\n", 42, 42, 42, 12345, -7, -7)',
  ),
  begin("printf: signs", 'printf("[%+d] [% d] [%+5d] [%-+5d] [%+d] [% d] [%+05d]\\n", 42, 42, 42, 42, -42, -42, 42)'),
  begin("printf: zero padding with signs", 'printf("[%05d] [%08x] [%#08x] [%010ld]\\n", -42, 255, 255, -1)'),
  begin(
    "printf: widths of strings",
    'printf("[%10s] [%-10s] [%s] [%2s] [%-2s]\\n", "abc", "abc", "", "abcdef", "abcdef")',
  ),
  begin("printf: precision of strings", 'printf("[%.3s] [%-10.3s] [%10.10s]\\n", "abcdef", "abcdef", "abcdef")'),
  begin("printf: characters", 'printf("%c%c%c [%5c] [%-5c]\\n", 72, 105, 33, 65, 66)'),
  begin("printf: pointers", 'printf("%p %p %p [%20p] [%-20p]\\n", 0, 0xffffffff81000000, 4096, 4096, 4096)'),
  begin("printf: percent", 'printf("100%% %d%%\\n", 5)'),
  begin("printf: nothing but text", 'printf("a\\n"); printf("b"); printf("\\n"); printf("")'),
  begin("printf: escapes", 'printf("tab[\\t] quote[\\"] backslash[\\\\] hex[\\x41\\x7a] octal[\\101\\060]\\n")', {}),
  begin(
    "printf: %s of anything",
    'printf("%s %s %s %s\\n", 5, -5, true, "x"); printf("%s %s\\n", (1, "a", (2, 3)), (a=1, b="x"))',
  ),
  begin("printf: %s with widths of anything", 'printf("[%8s] [%-8s] [%8s]\\n", 5, -5, true)'),
  begin("printf: %d of a boolean", 'printf("%d %d %u\\n", true, false, 1 == 1)'),
  begin("printf: %d of durations", 'printf("%ld %ld %ld %ld %ld\\n", 1ns, 1us, 1ms, 1s, 1h)'),
  begin(
    "printf: many arguments",
    'printf("%d %s %x %c %p %u %ld %s %d %d %d %d\\n", 1, "two", 3, 52, 5, 6, 7, "eight", 9, 10, 11, 12)',
  ),
  begin("printf: strings with UTF-8", 'printf("[%s] [%10s] größe\\n", "größe", "größe")', {
    textOnly: "JSON escapes are compared elsewhere",
  }),
  begin(
    "printf: buffers",
    'printf("%r %rx %rh\\n", buf("a\\x01b\\xff", 4), buf("a\\x01b\\xff", 4), buf("a\\x01b\\xff", 4))',
  ),
  begin(
    "printf: large and small literals",
    'printf("%lld %lld %llu %lld\\n", 9223372036854775807, -9223372036854775807, 18446744073709551615, -9223372036854775808)',
  ),
  begin("printf: literal forms", 'printf("%d %d %d %ld %d\\n", 0x1f, 017, 1e6, 1_000_000_000_0, 100u)'),
];

const prints: readonly DifferentialCase[] = [
  begin("print: integers", "print(1); print(-1); print(0xffffffffffffffff); print(1 - 2)"),
  begin("print: a string", 'print("hello"); print("with \\"quotes\\" and \\\\ and \\ttab")'),
  begin("print: booleans", "print(true); print(false); print(1 == 1); print(!1)"),
  begin(
    "print: tuples",
    'print((1, 2)); print((1, "two", 3)); print((1, (2, (3, "x")), -4)); print((1,)); print((true, "a"))',
  ),
  begin("print: records", 'print((a=1, b="x")); print((one=-1, inner=(x=1, y="z"), t=(1,2)))'),
  begin("print: record fields", '$r = (a=1, b="x", c=(d=5)); print($r.a); print($r.b); print($r.c.d); print($r)'),
  begin("print: tuple fields", '$t = (1, "x", (2, -3)); print($t.0); print($t.1); print($t.2); print($t.2.1)'),
  begin("print: tuple by index", "$t = (10, 20, 30); print($t[1]); print($t[2])", {}),
  begin(
    "print: maps with top and div",
    "for $i : 1..10 { @x[$i] = $i * 100; } print(@x, 3); print(@x, 2, 10); print(@x, 0, 100); clear(@x)",
  ),
  begin(
    "print: one entry of a map",
    '@x["a"] = 10000000001; @x["b"] = 10000000002; print(@x["a"]); print(@x["b"]); @s = 7; print(@s)',
  ),
  begin("print: a map that is empty", "@x[1] = 1; delete(@x, 1); print(@x); @y = count(); clear(@y); print(@y)"),
  begin(
    "print: a variable of each kind",
    '$a = 1; $b = "s"; $c = (1, "x"); $d = true; print($a); print($b); print($c); print($d)',
  ),
  begin("print: pointers", "print((uint8 *)4096); print(curtask == 0)"),
  begin(
    "print: enumerators",
    'print((enum sock_type)1); @e = (enum sock_type)2; @k[(enum sock_type)3] = 1; printf("%s %d %s\\n", (enum sock_type)5, (enum sock_type)5, (enum sock_type)99)',
    {
      peer: {
        differs: "the peer does not know enums of BTF by their names",
        ours: "SOCK_STREAM\nSOCK_SEQPACKET 5 99\n\n\n@e: SOCK_DGRAM\n@k[SOCK_RAW]: 1\n",
      },
      textOnly: "our own",
    },
  ),
  begin("print: an enumerator by its name", 'print(SOCK_STREAM); print(SOCK_DGRAM + 1); printf("%d\\n", SOCK_RAW)'),
];

const maps: readonly DifferentialCase[] = [
  begin("maps: scalars", '@a = 1; @b = -5; @c = "text"; @d = (1, "x"); @e = true; @ = 9'),
  begin(
    "maps: integer keys, sorted by value",
    "@x[3] = 30000000000; @x[1] = 50000000000; @x[2] = 10000000000; @x[-1] = 20000000000",
  ),
  begin("maps: narrow values, sorted by value", "@x[3] = 30; @x[1] = 50; @x[2] = 10; @x[-1] = 20; @x[5] = -3", {
    peer: {
      differs: "the peer sorts by 8 bytes of values that have 1",
      ours: "\n\n@x[5]: -3\n@x[2]: 10\n@x[-1]: 20\n@x[3]: 30\n@x[1]: 50\n",
    },
    textOnly: "our own",
  }),
  begin(
    "maps: equal values",
    "@x[3] = 10000000000; @x[1] = 10000000000; @x[2] = 10000000000; @x[-5] = 10000000000; @x[100] = 10000000000",
  ),
  begin(
    "maps: string keys",
    '@x["banana"] = 30000000000; @x["apple"] = 30000000000; @x["cherry"] = 10000000000; @x[""] = 90000000000',
  ),
  begin(
    "maps: keys beyond int64",
    "@x[18446744073709551615] = 1; @y[1] = 10000000001; @y[9223372036854775808] = 10000000002; print(@x)",
  ),
  begin("maps: string values, sorted by key", '@x[2] = "two"; @x[1] = "one"; @x[10] = "ten"; @x[-1] = "minus"'),
  begin("maps: string values by string keys", '@x["b"] = "1"; @x["a"] = "2"; @x["ab"] = "0"; @x["B"] = "9"'),
  begin("maps: tuple keys", '@x[1, "a"] = 1; @x[1, "b"] = 1; @x[0, "z"] = 1; @x[2, "a"] = 1'),
  begin(
    "maps: nested tuple keys",
    "@x[1, (2, 3)] = 10000000001; @x[1, (2, 2)] = 10000000002; @x[0, (5, 5)] = 10000000000",
  ),
  begin(
    "maps: three-part keys",
    '@x[1, "a", 2] = 50000000000; @x[1, "a", 1] = 50000000000; @x[0, "b", 9] = 60000000000; @x[1, "Z", 0] = 10000000000',
  ),
  begin(
    "maps: keys with spaces and parentheses",
    '@x["a b"] = 10000000001; @x["(c)"] = 10000000002; @x["d)"] = 10000000003; @x["e, f"] = 10000000004',
    { textOnly: "JSON: the peer takes all spaces out of keys" },
  ),
  begin("maps: boolean keys", "@x[true] = 10000000001; @x[false] = 10000000002"),
  begin(
    "sizeof: variables and maps are as wide as what they are given",
    '$t = (1, 300); $t = (2, 70000); print(sizeof($t)); print(sizeof($t.1)); $u = ((int16)1, (int8)2, (1, "abc")); print(sizeof($u)); @m = (1, (int32)2); print(sizeof(@m)); @n = 5; print(sizeof(@n)); $x = 1; $x += 5; print(sizeof($x)); @n++; @k[(int16)3] = 1; @k[500] = (int64)2; for ($kv : @k) { print(sizeof($kv.0)); print(sizeof($kv)); } let $o: int16 = 5; print(sizeof($o)); print(sizeof((a=1, b=(int32)2)));',
    { options: ["--no-warnings"] },
  ),
  {
    name: "config: keys that change nothing any more",
    script:
      "config = { unstable_map_decl = 1; unstable_import = true; max_type_res_iterations = 3 } let @a = hash(1); begin { @a[0] = 1; }",
  },
  begin(
    "records: fields are told apart by their names",
    '$a = (a=1, b="x"); $b = (b="longer", a=300); print($a == $b); print($a == (b="x", a=1)); $a = $b; print($a); @x[$a] = 1; @x[$b] = 2;',
  ),
  begin(
    "records: values are made in the order in which they are written",
    '$r = (a={ printf("a"); 1 }, b={ printf("b"); 2 }); $r = (b={ printf("B"); 3 }, a={ printf("A\\n"); 4 }); print($r)',
  ),
  begin(
    "buffers compared",
    '$a = buf("hi", 2); $b = buf("bye", 3); print($a == $b); print($a == $a); print($a != buf("hi", 2)); print(buf("ab", 2) == buf("ab\\0", 3)); print(buf("hidden", 2) == $a)',
  ),
  begin(
    "constants: arithmetic of literals is one",
    'unroll (1 + 2) { printf("a") } @ = lhist(5, 0, 10 * 10, 5 + 5); print(strncmp("ab", "ac", 2 - 1)); $t = (1, 2, 3); print($t[4 / 2]); print($t[1 << 1]); print($t[3 & 1]); print(buf("hello", 2 + 1))',
  ),
  begin("maps: record values", '@x[1] = (a=1, b="x"); @x[2] = (a=2, b="y")'),
  begin("maps: tuple values", '@x[1] = (1, "a"); @x[3] = (3, "c"); @x[2] = (-2, "b")'),
  begin("maps: negative values sort as signed", "@x[1] = -10000000000; @x[2] = 10000000000; @x[3] = 0; @x[4] = -100"),
  begin("maps: unsigned 64-bit values", "@x[1] = 18446744073709551615; @x[2] = 1; @x[3] = 9223372036854775808"),
  begin("maps: names in byte order", "@b = 1; @B = 2; @a1 = 3; @a = 4; @_ = 5; @a_ = 6"),
  begin(
    "maps: increment and compound",
    "@a = 5; @a += 3; @a *= 2; @a -= 1; @a /= 2; @a %= 4; @b++; @b++; ++@b; @c--; @d[1]++; @d[2] += 5; @e = 6; @e <<= 2; @e |= 1; @e &= 0x1d; @e ^= 3; @e >>= 1",
  ),
  begin("maps: value of ++ and --", '@x = 5; printf("%d %d %d %d %d\\n", @x++, @x, ++@x, @x--, --@x)', {}),
  begin("maps: reading what is not there", 'printf("%d [%s]\\n", @x[1], @y["k"]); @x[2] = 1; @y["a"] = "b"'),
  begin(
    "maps: delete",
    '@x[1] = 1; @x[2] = 2; delete(@x, 1); @y["a"] = 1; delete(@y["a"]); @y["b"] = 2; @z = 1; delete(@z)',
    {},
  ),
  begin(
    "maps: delete tells",
    '@x[1] = 1; if (delete(@x, 1)) { printf("yes\\n"); } if (!delete(@x, 1)) { printf("no\\n"); }',
    {},
  ),
  begin(
    "maps: has_key",
    '@x[1] = 0; @y["a", 2] = 1; printf("%d %d %d %d\\n", has_key(@x, 1), has_key(@x, 2), has_key(@y, ("a", 2)), has_key(@y, ("a", 3)))',
  ),
  begin(
    "maps: len",
    '@x[1] = 1; @x[5] = 1; @x[9] = 1; printf("%d\\n", len(@x)); delete(@x, 5); printf("%d\\n", len(@x))',
  ),
  begin(
    "maps: clear and zero",
    "@x[1] = 5; @x[2] = 6; @y[1] = 5; @c = count(); @h = hist(5); clear(@x); zero(@y); zero(@c); zero(@h)",
  ),
  begin("maps: clear of scalars", "@a = 5; @b = count(); clear(@a); clear(@b); @c = 1"),
  begin("maps: zero of scalars", "@a = 5; zero(@a); @b = sum(5); zero(@b); @s = stats(5); zero(@s)"),
  begin(
    "maps: swap by a variable",
    "@x[1] = 10000000000; @x[2] = 20000000000; $t = @x[1]; @x[1] = @x[2]; @x[2] = $t; print(@x[1])",
  ),
  begin("maps: key from a map", "@a[1] = 5; @b[@a[1]] = 7; @c[@b[5] + 1] = @a[1]"),
  begin("maps: many keys", "for $i : 0..200 { @x[$i] = $i % 7; }"),
  begin("maps: many string keys", '@x["k1"] = 1; @x["k10"] = 1; @x["k2"] = 1; @x["K"] = 1; @x["~"] = 1; @x[" "] = 1', {
    textOnly: "JSON: the peer takes all spaces out of keys",
  }),
  begin("maps: in a declared map", "@x[1] = 1; @x[2] = 2", {
    script:
      "let @x = hash(5); let @l = lruhash(10); let @p = percpuhash(7); begin { @x[1] = 10000000000; @x[2] = 20000000000; @l[3] = 4; @p[1] = count(); }",
  }),
];

const aggregates: readonly DifferentialCase[] = [
  begin("count", "for $i : 0..5 { @x = count(); @y[$i % 2] = count(); }"),
  begin("sum", "for $i : 0..5 { @x = sum($i); @y[$i % 2] = sum(-$i); } @z = sum(-1)"),
  begin(
    "min and max",
    "for $i : 0..9 { @a = min($i + 3); @b = max($i); @c[$i % 3] = min(-$i); @d[$i % 3] = max(-$i); }",
  ),
  begin(
    "min and max, unsigned",
    "@a = min((uint64)5); @a = min((uint64)18446744073709551615); @b = max((uint64)5); @b = max((uint64)18446744073709551615)",
  ),
  begin("avg", "for $i : 0..6 { @x = avg($i); @y[$i % 2] = avg($i * 10); } @n = avg(-5); @n = avg(-6)"),
  begin("stats", "for $i : 0..6 { @x = stats($i); @y[$i % 2] = stats($i * 10); } @n = stats(-5); @n = stats(-6)"),
  begin("hist", "for $i : 0..20 { @ = hist($i); }"),
  begin(
    "hist: negative, zero and large",
    "@ = hist(-1); @ = hist(0); @ = hist(1); @ = hist(1000000); @ = hist(9223372036854775807); @k[1] = hist(-5)",
  ),
  begin("hist: gaps", "@ = hist(1); @ = hist(100000); @ = hist(100001)"),
  begin("hist: one bucket", "@ = hist(5)"),
  begin("hist: with k", "for $i : 0..300 { @a = hist($i, 1); @b = hist($i * 7, 2); @c = hist($i * 1000, 5); }"),
  begin(
    "hist: by keys",
    'for $i : 0..30 { @x[$i % 3] = hist($i * $i); } for $i : 0..6 { @x[$i % 4] = hist($i); @x[0] = hist($i); } @y["a", 1] = hist(5); @y["b", 2] = hist(7); @y["a", 1] = hist(500)',
  ),
  begin(
    "hist: print, top, clear",
    "for $i : 0..30 { @x[$i % 3] = hist($i); } for $i : 0..9 { @x[$i % 2] = hist($i); } print(@x, 1); print(@x, 2, 10); clear(@x)",
  ),
  begin("lhist", "for $i : 0..30 { @ = lhist($i, 5, 25, 5); }"),
  begin(
    "lhist: below and above",
    "@ = lhist(-1, 0, 10, 2); @ = lhist(10, 0, 10, 2); @ = lhist(9, 0, 10, 2); @ = lhist(0, 0, 10, 2)",
  ),
  begin("lhist: negative range", "for $i : 0..30 { @ = lhist($i - 15, -10, 10, 10); }", {
    peer: {
      differs: "the peer takes no negative ends",
      ours: "\n\n@:\n(..., -10)             5 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n[-10, 0)              10 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n[0, 10)               10 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n[10, ...)              5 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n\n",
    },
    textOnly: "our own",
  }),
  begin(
    "lhist: large numbers",
    "@ = lhist(5000, 0, 10240, 1024); @ = lhist(1024, 0, 10240, 1024); @b = lhist(1000000, 0, 2000000, 500000)",
  ),
  begin("lhist: by keys", "for $i : 0..31 { @x[$i % 2] = lhist($i, 0, 30, 10); }"),
  begin("lhist: uneven step", "for $i : 0..30 { @x = lhist($i, 0, 25, 10); }"),
  begin(
    "aggregates: order of entries",
    '@c["a"] = count(); @c["b"] = count(); @c["b"] = count(); @s["x"] = sum(5); @s["y"] = sum(-5); @m["q"] = max(1); @m["p"] = max(2); @a[1] = avg(3); @a[2] = avg(1); @t[1] = stats(3); @t[2] = stats(1)',
  ),
  begin(
    "aggregates: read by cast",
    '@c = count(); @c = count(); @s = sum(5); @s = sum(6); @m = max(7); @a = avg(3); @a = avg(6); printf("%d %d %d %d\\n", (int64)@c, (int64)@s, (int64)@m, (int64)@a)',
  ),
  begin(
    "aggregates: compared",
    'for $i : 0..5 { @c = count(); } if (@c > 4) { printf("many\\n"); } if (@c < 3) { printf("few\\n"); }',
  ),
  begin(
    "aggregates: top and div",
    "for $i : 1..8 { for $j : 0..$i { @c[$i] = count(); @s[$i] = sum(1000); @v[$i] = avg($i * 100); } } print(@c, 3); print(@s, 3, 1000); print(@v, 2, 10); clear(@c); clear(@s)",
  ),
  begin(
    "aggregates: printed one by one",
    "@c[1] = count(); @s[1] = sum(5); @m[1] = min(6); @a[1] = avg(3); print(@c[1]); print(@s[1]); print(@m[1]); print(@a[1])",
  ),
];

const expressions: readonly DifferentialCase[] = [
  begin("arithmetic", 'printf("%d %d %d %d %d\\n", 7 + 3, 7 - 10, 7 * -3, 7 / 2, 7 % 3)'),
  begin(
    "arithmetic of variables",
    '$a = 7; $b = 3; printf("%d %d %d %d %d\\n", $a + $b, $b - $a, $a * $b, $a / $b, $a % $b)',
  ),
  begin("signed division", '$a = -7; $b = 2; printf("%ld %ld %ld %ld\\n", $a / $b, $a % $b, -7 / 2, -7 % 2)', {
    peer: { differs: "the peer divides as unsigned and warns of it", ours: "-3 -1 -3 -1\n\n\n" },
    textOnly: "our own",
  }),
  begin("division by zero", '$a = 7; $z = 0; printf("%d %d\\n", $a / $z, $a % $z)', {
    textOnly: "the peer says each time as JSON, we say how often on stderr",
  }),
  begin("division by zero, with its place", "$z = 0; @ = 7 / $z;"),
  begin("unsigned division", '$a = (uint64)18446744073709551615; printf("%lu %lu\\n", $a / 2, $a % 10)'),
  begin(
    "shifts",
    '$a = 1; $n = 40; printf("%ld %ld %ld %ld\\n", 1 << 10, $a << $n, -16 >> 2, (uint64)0xf000000000000000 >> 60)',
  ),
  begin("shift of a negative variable", '$a = -16; printf("%ld %ld\\n", $a >> 2, $a << 1)', {
    peer: { differs: "the peer shifts signed numbers as unsigned", ours: "-4 -32\n\n\n" },
    textOnly: "our own",
  }),
  begin("bits", 'printf("%x %x %x %lx %d\\n", 0xf0 & 0x3c, 0xf0 | 0x0f, 0xff ^ 0x0f, ~0xff, !5)'),
  begin("comparisons", 'printf("%d%d%d%d%d%d\\n", 1 < 2, 2 <= 1, 3 > 2, 2 >= 3, 1 == 1, 1 != 1)'),
  begin(
    "comparisons with negative numbers",
    '$a = -1; $b = 1; printf("%d %d %d\\n", $a < $b, $a > 0, (int64)-1 < (int64)1)',
  ),
  begin(
    "comparison of signed with unsigned",
    '$a = (int64)-1; $b = (uint64)1; printf("%d %d\\n", $a < (int64)$b, (uint64)$a > $b)',
  ),
  begin("logic", 'printf("%d%d%d%d%d\\n", 1 && 0, 1 && 2, 0 || 0, 0 || 5, !0)'),
  begin("logic is lazy", '@n = 0; if (0 && @n++) { } if (1 || @n++) { } if (1 && ++@n) { printf("%d\\n", @n); }', {}),
  begin("precedence", 'printf("%d %d %d %d %d\\n", 2 + 3 * 4, (2 + 3) * 4, 1 << 2 + 1, 10 - 4 - 3, 2 | 1 ^ 3 & 2)'),
  begin(
    "ternary",
    '$a = 5; printf("%s %d %s\\n", $a > 3 ? "big" : "small", $a == 5 ? 1 : 2, $a < 3 ? "x" : "longer text")',
  ),
  begin("ternary without a middle", '$a = 5; $z = 0; printf("%d %d\\n", $a ?: 9, $z ?: 9)', {}),
  begin(
    "ternary, nested",
    'for $i : 0..4 { printf("%s\\n", $i == 0 ? "zero" : $i == 1 ? "one" : $i == 2 ? "two" : "many"); }',
  ),
  begin(
    "casts: narrowing",
    '$x = 0x123456789abcdef0; printf("%lx %lx %lx %lx\\n", (uint8)$x, (uint16)$x, (uint32)$x, (uint64)$x)',
  ),
  begin(
    "casts: sign",
    '$x = 0xff; printf("%ld %ld %ld %ld\\n", (int8)$x, (int16)0xffff, (int32)0xffffffff, (uint8)-1)',
  ),
  begin("casts: to bool", "print((bool)5); print((bool)0); $x = 256; print((bool)$x)", {}),
  begin(
    "casts: integer to bytes and back",
    '$a = (uint8[4])(uint32)0x01020304; printf("%d %d %d %d\\n", $a[0], $a[1], $a[2], $a[3])',
    {},
  ),
  begin("casts: string", '$s = (string[16])"ab"; print($s)'),
  begin("increment of variables", '$a = 5; $a++; ++$a; $b = $a++; $c = --$a; printf("%d %d %d\\n", $a, $b, $c)'),
  begin(
    "compound assignment",
    '$a = 100; $a += 5; $a -= 10; $a *= 2; $a /= 3; $a %= 40; $a <<= 2; $a |= 1; $a &= 0xfd; $a ^= 0x11; $a >>= 1; printf("%d\\n", $a)',
  ),
  begin("unary", '$a = 5; printf("%d %ld %d %d\\n", -$a, ~$a, !$a, - -$a)', {
    peer: { differs: "the peer takes the 8 bits of a negated int8 as unsigned", ours: "-5 -6 0 5\n\n\n" },
    textOnly: "our own",
  }),
  begin(
    "wrapping",
    '$a = (uint64)18446744073709551615; $a += 2; $b = 9223372036854775807; $b += 1; printf("%lu %ld\\n", $a, $b)',
  ),
  begin("widening of variables", "$a = 1; $a = 100000; $a = 10000000000; print($a); $b = -1; $b = -100000; print($b)"),
  begin(
    "widening of maps",
    "@a = 1; @a = 10000000000; @b[1] = 10000000000; @b[1000000000000] = 20000000000; @c = -1; @c = 5000000000",
  ),
  begin(
    "sizeof",
    'printf("%d %d %d %d %d\\n", sizeof(uint8), sizeof(int32), sizeof(uint64), sizeof(struct task_struct) > 100, sizeof("abc"))',
  ),
  begin("offsetof", 'printf("%d %d\\n", offsetof(struct list_head, prev), offsetof(struct list_head, next))'),
  begin("tuples compared", 'printf("%d %d %d\\n", (1, 2) == (1, 2), (1, "a") == (1, "b"), (1, 2) != (1, 3))', {}),
  begin("strings compared", '$a = "abc"; printf("%d %d %d %d\\n", $a == "abc", $a == "abd", $a != "abc", "" == "")'),
  begin("positional parameters", 'printf("%d %s %d %d %s [%s]\\n", $1, str($2), $#, $3, str($1), str($4))', {
    params: ["42", "hello world", "0x10"],
  }),
  begin("positional parameters that are missing", 'printf("%d [%s] %d\\n", $1, str($2), $#)'),
  begin("positional parameter, negative and offset", 'printf("%d %s\\n", $1, str($2 + 2))', {
    params: ["-5", "abcdef"],
  }),
  begin("duration literals", "print(1s); print(5ms); print(2us); print(3ns); print(1m); print(1h); print(1d)"),
  begin("a block expression", "$a = { $b = 5; $b * 2 }; print($a)"),
  begin("discarding", "_ = 5 + 3; @x = 1; _ = @x; print(1)"),
  begin("typeof in a cast", "$a = (uint8)5; $b = (typeof($a))260; print($b)", {
    peer: { differs: "variables keep 64 bits here, whatever was put into them", ours: "260\n\n\n" },
    textOnly: "our own",
  }),
];

const statements: readonly DifferentialCase[] = [
  begin(
    "if, else if, else",
    'for $i : 0..4 { if ($i == 0) { printf("a"); } else if ($i == 1) { printf("b"); } else if ($i == 2) { printf("c"); } else { printf("d"); } } printf("\\n")',
  ),
  begin(
    "for over a range",
    'for $i : 0..3 { printf("%d ", $i); } for $i : (-2)..2 { printf("%d ", $i); } for $i : 5..5 { printf("never"); } for $i : 5..2 { printf("never"); } printf("\\n")',
  ),
  begin("for with variable ends", '$a = 2; $b = 6; for $i : $a..$b { $b = 3; printf("%d ", $i); } printf("\\n")'),
  begin("for, nested", 'for $i : 0..3 { for $j : $i..3 { printf("%d%d ", $i, $j); } } printf("\\n")'),
  begin(
    "break and continue",
    'for $i : 0..10 { if ($i == 2) { continue; } if ($i == 5) { break; } printf("%d ", $i); } printf("\\n")',
  ),
  begin(
    "while",
    '$i = 0; while ($i < 5) { printf("%d ", $i); $i++; } $i = 0; while (1) { $i++; if ($i == 2) { continue; } if ($i > 4) { break; } printf("%d ", $i); } printf("\\n")',
    { options: ["--no-warnings"] },
  ),
  begin("unroll", '$i = 0; unroll(5) { printf("%d ", $i); $i += 2; } printf("\\n")', { options: ["--no-warnings"] }),
  begin(
    "for over a map",
    "@x[1] = 10; @x[2] = 20; @x[3] = 30; for ($kv : @x) { @sum += $kv.1; @keys += $kv.0; } clear(@x)",
  ),
  begin(
    "for over a map, with one entry",
    '@x["a", 5] = 7; for $kv : @x { printf("%s %d %d\\n", $kv.0.0, $kv.0.1, $kv.1); print($kv); print($kv.0); }',
  ),
  begin(
    "for over a map, with break",
    "@x[1] = 10000000000; @x[2] = 20000000000; @n = 0; for ($kv : @x) { @n++; break; }",
  ),
  begin("for over a map of strings", '@x["key"] = "value"; for ($kv : @x) { printf("%s=%s\\n", $kv.0, $kv.1); }'),
  begin(
    "for over a map with variables of the outside",
    '$n = 0; @x[1] = 5; @x[2] = 6; for ($kv : @x) { $n += $kv.1; } printf("%d\\n", $n); clear(@x)',
  ),
  begin(
    "let",
    'let $a; let $b = 5; let $c: uint64 = 7; let $d: int8; $a = "text"; if ($b) { $d = 3; } printf("%s %d %d %d\\n", $a, $b, $c, $d)',
  ),
  begin(
    "scopes",
    'let $x = 1; if (1) { let $y = 2; $x = $y + 1; } { $z = 5; $x += $z; } { $z = "other"; printf("%s %d\\n", $z, $x); }',
  ),
  begin(
    "loops of many branches",
    '$n = 0; $s = "abc"; for $i : 0..10 { if ($i == 2) { continue; } if ($i == 8) { break; } $n += $i; if ($n > 5 && $i != 4 && strcontains($s, "b")) { printf("%d %d %s\\n", $i, $n, $s); @x[$i] = $n > 7 ? 1 : 2; $s = "xbz"; } else if ($n == 3 || $n == 1) { printf("-- %d\\n", $n); } } printf("%d %s\\n", $n, $s); clear(@x); $j = 0; while ($j < 100) { $j++; if ($j == 5) { if ($j > 2 && $j < 90 && $s == "xbz" && $n > 3 && $n < 200 && $j != 7 && $j != 8 && $j != 9) { printf("gone %d\\n", $j); return; } } } printf("no\\n")',
    { options: ["--no-warnings"] },
  ),
  begin("return", 'printf("a\\n"); if (1) { return; } printf("b\\n")'),
  { name: "exit", script: 'begin { printf("a\\n"); exit(); printf("b\\n"); } end { printf("end\\n"); }' },
  { name: "exit with a code", script: 'begin { printf("a\\n"); exit(3); } end { printf("end\\n"); }' },
  {
    name: "several begin and end",
    script:
      'begin { printf("1\\n"); @a = 1; } begin { printf("2 %d\\n", @a); } end { printf("3\\n"); } end { printf("4\\n"); @b = 5; }',
  },
  {
    name: "predicates",
    script:
      'begin /1 == 1/ { printf("yes\\n"); } begin /0/ { printf("no\\n"); } begin /$1 > 5 && $1 < 50/ { printf("between\\n"); }',
    params: ["42"],
  },
  {
    name: "comments and lines",
    script: '#!/usr/bin/env bpftrace\n// first\nbegin\n{\n  /* inner\n  */ printf("a\\n"); // rest\n}\n',
  },
  {
    name: "defines",
    script:
      '#define N 5\n#define TEXT "hello"\n#define DOUBLE (N * 2)\nbegin { printf("%d %s %d\\n", N, TEXT, DOUBLE); }',
  },
  {
    name: "config",
    script:
      'config = { max_strlen = 10; str_trunc_trailer = "!"; print_maps_on_exit = false }\nbegin { @x = 1; print(str($1)); }',
    params: ["012345678"],
  },
  { name: "upper-case names", script: 'BEGIN { printf("a\\n"); } END { printf("b\\n"); }' },
];

const functions: readonly DifferentialCase[] = [
  begin(
    "str: of literals",
    'print(str("hello")); print(str("hello", 3)); print(str("hello", 0)); $n = 2; print(str("hello", $n))',
    {},
  ),
  begin(
    "strings: at the maximum of max_strlen",
    'print(str("0123456789abcde")); print(str($1)); @[str($1)] = 1; @v = str($1)',
    { env: { BPFTRACE_MAX_STRLEN: "16" }, params: ["abcdefghijklmno"] },
  ),
  begin("strlen", 'printf("%d %d %d\\n", strlen("hello"), strlen(""), strlen(str($1)))', { params: ["four"] }),
  begin(
    "strncmp",
    'printf("%d %d %d\\n", strncmp("abc", "abd", 2) == 0, strncmp("abc", "abd", 3) == 0, strncmp(str($1), "par", 3) == 0)',
    { params: ["param"] },
  ),
  begin(
    "strcontains",
    'printf("%d %d %d %d\\n", strcontains("hello world", "lo w"), strcontains("hello", "x"), strcontains("abc", ""), strcontains(str($1), "aram"))',
    { params: ["param"] },
  ),
  begin(
    "bswap",
    'printf("%lx %lx %lx %lx\\n", bswap((uint8)0x12), bswap((uint16)0x1234), bswap((uint32)0x12345678), bswap((uint64)0x123456789abcdef0))',
  ),
  begin(
    "ntop",
    'print(ntop(0x0100007f)); print(ntop(2, 0x0100007f)); @[ntop(0x04030201)] = 1; printf("%s [%16s]\\n", ntop(0x08080808), ntop(0))',
  ),
  begin("strftime", 'printf("%s\\n", strftime("%Y", nsecs))', { textOnly: "the year only" }),
  begin(
    "buf",
    'print(buf("hello", 3)); printf("%r|%rx|%rh\\n", buf("a b\\n", 4), buf("abc", 3), buf("\\x00\\xff", 2)); @[buf("key", 3)] = buf("v", 1)',
  ),
  begin("cat", 'cat("/proc/sys/kernel/ostype"); cat("/proc/sys/kernel/%s", "osrelease"); printf("after\\n")'),
  begin("cat: cut", 'cat("/proc/cpuinfo")', { env: { BPFTRACE_MAX_CAT_BYTES: "20" } }),
  begin("system", 'system("echo out"); printf("a\\n"); system("printf %%s-%%s %d %s; echo", 5, "x")', {
    options: ["--unsafe"],
    env: { LC_ALL: "C" },
  }),
  begin("time with a fixed format", 'time("now\\n"); time("%%\\n")', {}),
  begin(
    "kaddr and ksym",
    'printf("%d %s\\n", kaddr("do_exit") != 0, ksym(kaddr("do_exit"))); @[ksym(kaddr("vfs_read"))] = 1',
    { textOnly: "addresses" },
  ),
  begin("ksym of no address", 'printf("%s\\n", ksym(0))', {}),
  begin("uid, gid, username, cpu", 'printf("%d %d %s %d\\n", uid, gid, username, cpu < 1024)', {}),
  begin("builtins by call", 'printf("%d %d %d\\n", pid() == pid, tid() == tid, uid())', {}),
  begin("probe, probetype", 'printf("%s %s\\n", probe, probetype); @[probe] = 1; print(probe)', {}),
  begin("ncpus", 'printf("%d\\n", ncpus)'),
  begin("elapsed and nsecs", 'printf("%d %d %d\\n", elapsed < 10s, nsecs > 0, nsecs(monotonic) <= nsecs(boot))'),
  begin("errorf and warnf", 'errorf("bad %d\\n", 5); warnf("hm %s\\n", "x"); printf("a\\n")', {
    textOnly: "they go to stderr in text",
  }),
  begin(
    "strings in variables",
    '$s = "abc"; $t = $s; $s = "a longer one"; printf("%s %s\\n", $s, $t); @m = $s; $u = @m; print($u)',
  ),
  begin("strings by index", '$s = "abc"; printf("%c%c %d\\n", $s[0], $s[1], $s[2])', {}),
  begin("comptime and assert", "print(sizeof(uint64) == 8)"),
];

const tracing: readonly DifferentialCase[] = [
  {
    name: "tracepoint: counts by name",
    script: "t:syscalls:sys_enter_getppid /pid == $1/ { @[comm] = count(); @p[probe] = count(); }",
    load: ["getppid", 500],
  },
  {
    name: "tracepoint: string argument",
    script:
      't:syscalls:sys_enter_openat /pid == $1/ { printf("%s [%s] %d\\n", comm, str(args.filename), args.flags); @[str(args.filename)] = count(); }',
    load: ["open", 9],
    json: true,
  },
  {
    name: "tracepoint: arguments in loops",
    script:
      't:syscalls:sys_enter_openat /pid == $1/ { @a[1] = 2; for $kv : @a { @n[args.mode == 77, args.flags >= 0, $kv.1] = count(); } for $i : 0..4 { if ($i == 1 && args.flags >= 0) { continue; } if (strcontains(comm, "zzz") || $i == 3 || $i > 4 || args.mode == 77) { break; } @t[$i, args.mode == 77] = count(); } }',
    load: ["open", 4],
    peer: {
      differs: "the peer takes no arguments in a loop",
      ours: "\n\n@a[1]: 2\n@n[false, true, 2]: 4\n@t[0, false]: 4\n@t[2, false]: 4\n",
    },
    textOnly: "our own",
  },
  {
    name: "tracepoint: strings cut",
    script:
      't:syscalls:sys_enter_openat /pid == $1/ { printf("[%s]\\n", str(args.filename)); @[str(args.filename)] = count(); @n[str(args.filename, 5)] = count(); }',
    load: ["open", 9],
    env: { BPFTRACE_MAX_STRLEN: "32" },
  },
  {
    name: "tracepoint: numbers of each width",
    script:
      't:syscalls:sys_enter_openat /pid == $1/ { printf("%d %d %d %ld\\n", args.dfd, args.flags, args.mode, args.__syscall_nr); }',
    load: ["open", 4],
  },
  {
    name: "tracepoint: return values",
    script:
      't:syscalls:sys_exit_read /pid == $1 && args.ret < 0/ { printf("%d %ld\\n", args.ret, args.ret); @[args.ret] = count(); @h = hist(args.ret); @l = lhist(-args.ret, 0, 20, 5); @s = stats(args.ret); @m = min(args.ret); @x = max(args.ret); @a = avg(args.ret); @t = sum(args.ret); }',
    load: ["fail", 20],
    json: true,
  },
  {
    name: "tracepoint: histograms",
    script:
      "t:syscalls:sys_exit_read /pid == $1/ { @h = hist(args.ret); @k = hist(args.ret, 3); @l = lhist(args.ret, 0, 4096, 512); @s[comm] = stats(args.ret); @c[comm, args.ret % 3] = hist(args.ret); }",
    load: ["read", 2000],
    json: true,
  },
  {
    name: "tracepoint: tuple keys",
    script:
      't:syscalls:sys_enter_write /pid == $1/ { @[comm, args.count, args.fd > 2] = count(); @n[args.count, ("x", args.count % 2)] = sum(args.count); }',
    load: ["write", 100],
    json: true,
  },
  {
    name: "tracepoint: enter and exit",
    script:
      "t:syscalls:sys_enter_write /pid == $1/ { @start[tid] = nsecs; @size[tid] = args.count; } t:syscalls:sys_exit_write /@start[tid]/ { @done[args.ret == @size[tid]] = count(); delete(@start, tid); delete(@size, tid); }",
    load: ["write", 100],
  },
  {
    name: "tracepoint: wildcards",
    script: "t:syscalls:sys_enter_ope* /pid == $1/ { @[probe] = count(); }",
    load: ["open", 7],
  },
  {
    name: "tracepoint: several in one",
    script:
      "t:syscalls:sys_enter_read, t:syscalls:sys_enter_lseek /pid == $1/ { @[probe] = count(); @fd[args.fd] = count(); }",
    load: ["fail", 10],
  },
  {
    name: "tracepoint: two scripts on one",
    script:
      't:syscalls:sys_enter_getppid /pid == $1/ { @a++; printf("a%d\\n", @a); } t:syscalls:sys_enter_getppid /pid == $1/ { @b += 2; printf("b%d\\n", @b); }',
    load: ["getppid", 5],
  },
  {
    name: "raw_syscalls",
    script:
      "t:raw_syscalls:sys_enter /pid == $1 && args.id == 110/ { @[args.id] = count(); @a = args.args[0] == 0; } t:raw_syscalls:sys_exit /pid == $1 && args.id == 110/ { @r[args.ret > 0] = count(); }",
    load: ["getppid", 50],
  },
  {
    name: "raw_syscalls: arguments",
    script: "t:raw_syscalls:sys_enter /pid == $1 && args.id == 1 && args.args[2] > 60/ { @[args.args[2]] = count(); }",
    load: ["write", 50],
  },
  {
    name: "rawtracepoint",
    script: "rawtracepoint:sys_enter /pid == $1 && args.id == 110/ { @ = count(); @b[arg1 == 110] = count(); }",
    load: ["getppid", 50],
    peer: {
      differs: "the peer does not always find raw tracepoints here",
      ours: "\n\n@: 50\n@b[true]: 50\n",
      sometimes: true,
    },
    textOnly: "our own",
  },
  {
    name: "rawtracepoint: exit",
    script: "rt:sys_exit /pid == $1/ { if (args.regs.orig_ax == 110) { @[args.ret > 0] = count(); } }",
    load: ["getppid", 50],
    peer: {
      differs: "the peer does not always find raw tracepoints here",
      ours: "\n\n@[true]: 50\n",
      sometimes: true,
    },
  },
  {
    name: "uprobe: arguments",
    script: 'uprobe:LOAD:probe_me /pid == $1/ { printf("%d %d\\n", arg0, arg1); @[arg0 % 3] = sum(arg1); }',
    load: ["call", 10],
  },
  {
    name: "uprobe: probes of one place run in the script's order",
    script:
      'uprobe:LOAD:probe_me /pid == $1/ { printf("a"); } uprobe:LOAD:probe_me /pid == $1/ { printf("b"); } uprobe:LOAD:probe_me /pid == $1/ { printf("c "); } uretprobe:LOAD:probe_me /pid == $1/ { printf("d"); } uretprobe:LOAD:probe_me /pid == $1/ { printf("e\\n"); }',
    load: ["call", 5],
  },
  {
    name: "uprobe: variables declared as structs and arrays of them",
    script:
      'struct pair { int a; int b; }; uprobe:LOAD:probe_point { let $p : struct pair = *(struct pair *)arg0; let $q : struct pair[2]; $q = *(struct pair[2] *)arg0; printf("%d %d %d\\n", $p.a, $q[0].a, $p.b == $q[0].b); }',
    load: ["point", 4],
  },
  {
    name: "uprobe: without a pid",
    script: "uprobe:LOAD:probe_me { @[arg0, comm] = count(); @f[func] = count(); @p[probe] = count(); }",
    load: ["call", 10],
  },
  {
    name: "stacks: how many frames one has that was kept",
    script:
      "uprobe:LOAD:probe_me /pid == $1/ { $three = ustack(3); $all = ustack; @m[1] = ustack(2); @n[ustack(1)] = 1; print(len($three)); print(len($all) == len(ustack)); print(len(@m[1])); for ($e : @n) { print(len($e.0)) } @c[len($three)] = count(); clear(@m); clear(@n); }",
    load: ["call", 2],
  },
  {
    name: "uprobe: variables of the file, wherever it was loaded",
    script:
      'uprobe:LOAD:probe_me /pid == $1/ { print(*uaddr("watched")); print((uint64)uaddr("watched") == (uint64)$2); print(sizeof(*uaddr("watched"))); print(sizeof(*uaddr("mac"))); } uretprobe:LOAD:probe_me /pid == $1/ { print((uint64)uaddr("watched") == (uint64)$2); print(*(uint8 *)uaddr("mac")); }',
    load: ["call", 2],
  },
  {
    name: "uretprobe",
    script: "uretprobe:LOAD:probe_me /pid == $1/ { @[retval] = count(); @f[func] = count(); }",
    load: ["call", 10],
  },
  {
    name: "uprobe: six arguments",
    script:
      'uprobe:LOAD:probe_many { printf("%ld %ld %ld %ld %ld %ld\\n", arg0, arg1, arg2, arg3, arg4, arg5); } uretprobe:LOAD:probe_many { @ = sum((int64)retval); }',
    load: ["many", 6],
  },
  {
    name: "uprobe: negative returns",
    script: 'uretprobe:LOAD:probe_negative { printf("%d %ld %d\\n", retval, (int32)retval, (int32)retval < 0); }',
    load: ["many", 4],
  },
  {
    name: "uprobe: strings",
    script:
      'uprobe:LOAD:probe_text { printf("[%s] [%s] [%s]\\n", str(arg0), str(arg0, 4), str(arg0, arg1)); @[str(arg0)] = count(); @n[strlen(str(arg0))] = count(); } uretprobe:LOAD:probe_text /retval > 100/ { printf("%s\\n", str(retval)); }',
    load: ["text", 7],
  },
  {
    name: "uprobe: strings cut at 64",
    script:
      'uprobe:LOAD:probe_text { printf("[%s]\\n", str(arg0)); @[str(arg0)] = count(); @v = str(arg0); @t[1] = (str(arg0), 5); }',
    load: ["text", 6],
    env: { BPFTRACE_MAX_STRLEN: "64" },
  },
  {
    name: "uprobe: string comparisons",
    script:
      'uprobe:LOAD:probe_text { @[str(arg0) == "short", strncmp(str(arg0), "01234", 5) == 0, strcontains(str(arg0), "xyz")] = count(); }',
    load: ["text", 9],
  },
  {
    name: "uprobe: memory of the process",
    script:
      'uprobe:LOAD:probe_point { printf("%d %d %d\\n", *(int32 *)arg0, *(int16 *)(arg0 + 4), *(uint8 *)(arg0 + 6)); printf("%s\\n", str(arg0 + 6)); }',
    load: ["point", 4],
  },
  {
    name: "uprobe: buffers and addresses",
    script:
      'uprobe:LOAD:probe_bytes /arg1 == 8/ { printf("%r|%rx|%rh\\n", buf(arg0, 8), buf(arg0, arg1), buf(arg0, 3)); @[buf(arg0, 8)] = count(); print(buf(arg0, 8)); }',
    load: ["bytes", 2],
    json: true,
  },
  {
    name: "uprobe: macaddr and ntop",
    script: 'uprobe:LOAD:probe_bytes /arg1 == 6/ { printf("%s\\n", macaddr((uint8[6])*(uint8[6]*)arg0)); }',
    load: ["bytes", 1],
  },
  {
    name: "uprobe: ntop of memory",
    script:
      'uprobe:LOAD:probe_bytes /arg1 == 4/ { printf("%s\\n", ntop(*(uint32 *)arg0)); @[ntop(*(uint32 *)arg0)] = count(); }',
    load: ["bytes", 2],
  },
  {
    name: "uprobe: wildcards",
    script: "uprobe:LOAD:probe_* { @[func] = count(); @p[probe] = count(); }",
    load: ["many", 6],
  },
  {
    name: "arguments in a loop over a map",
    script:
      "uprobe:LOAD:probe_me /pid == $1/ { @a[7] = 1; @b[8] = 2; for $x : @a { @n[arg0] = count(); for $y : @b { @s[$x.0, $y.0, $y.1, arg1] = sum(arg0); } } clear(@a); clear(@b); }",
    load: ["call", 4],
    peer: {
      differs: "the peer does not let a loop's body see the arguments",
      ours: "\n\n@n[0]: 1\n@n[1]: 1\n@n[2]: 1\n@n[3]: 1\n@s[7, 8, 2, 3]: 6\n",
    },
  },
  { name: "uprobe: offsets", script: "uprobe:LOAD:probe_me+0 { @[probe] = count(); }", load: ["call", 3] },
  {
    name: "uprobe: user stacks",
    script: "uprobe:LOAD:probe_me { @[ustack(2)] = count(); }",
    load: ["many", 3],
    json: true,
  },
  {
    name: "uprobe: raw user stacks",
    script: "uprobe:LOAD:probe_me { @[ustack(raw, 2)] = count(); @p[ustack(perf, 2)] = count(); }",
    load: ["many", 3],
    json: true,
  },
  {
    name: "uprobe: usym",
    script: 'uprobe:LOAD:probe_me { printf("%s\\n", usym(reg("ip"))); @[usym(reg("ip"))] = count(); }',
    load: ["call", 3],
    json: true,
  },
  {
    name: "uprobe: usym of what it is called by",
    script: 'uprobe:LOAD:probe_me { printf("%s\\n", usym(*(uint64 *)reg("sp"))); }',
    load: ["many", 3],
  },
  {
    name: "usdt: without arguments",
    script: "usdt:LOAD:scrytest:plain /pid == $1/ { @[probe] = count(); @n = count(); }",
    load: ["usdt", 5],
  },
  {
    name: "usdt: arguments of each width",
    script: 'usdt:LOAD:scrytest:numbers /pid == $1/ { printf("%ld %ld %ld\\n", arg0, arg1, arg2); }',
    load: ["usdt", 5],
    json: true,
  },
  {
    name: "usdt: strings, and the name alone",
    script: 'usdt:LOAD:text { printf("%s %d\\n", str(arg0, 9), arg1); }',
    load: ["usdt", 3],
  },
  {
    name: "usdt: constants have their width and sign",
    script: 'usdt:LOAD:scrytest:constants /pid == $1/ { printf("%ld %ld %ld\\n", arg0, arg1, arg2); }',
    load: ["usdt", 3],
  },
  {
    name: "usdt: probes of one place run in the script's order",
    script:
      'usdt:LOAD:scrytest:plain /pid == $1/ { printf("a"); } usdt:LOAD:scrytest:plain /pid == $1/ { printf("b"); } usdt:LOAD:scrytest:plain /pid == $1/ { printf("c\\n"); }',
    load: ["usdt", 3],
  },
  {
    name: "usdt: quoted, with escapes",
    script: 'usdt:LOAD:"\\scrytest":"plai\\n" { @[probe] = count(); }',
    load: ["usdt", 5],
  },
  { name: "usdt: a semaphore", script: "usdt:LOAD:scrytest:guarded { @[arg0] = count(); }", load: ["usdt", 5] },
  { name: "usdt: wildcards", script: "usdt:LOAD:scrytest:* { @[probe] = count(); }", load: ["usdt", 5] },
  { name: "usdt: any provider", script: "usdt:LOAD::*lain { @[probe] = count(); }", load: ["usdt", 5] },
  { name: "usdt: a name of any provider", script: "usdt:LOAD::plain { @[probe] = count(); }", load: ["usdt", 5] },
  { name: "usdt: quoted", script: 'usdt:LOAD:"scrytest":"plain" { @[probe] = count(); }', load: ["usdt", 5] },
  {
    name: "curtask: a walk",
    script:
      't:syscalls:sys_enter_getppid /pid == $1/ { @[curtask.pid == $1, curtask.comm, curtask.group_leader.comm, curtask.group_leader.pid == $1] = count(); printf("%d %s\\n", curtask.mm != 0, curtask.real_parent.comm != "" ? "has a parent" : "none"); }',
    load: ["getppid", 3],
    json: true,
  },
  {
    name: "curtask: with casts and arrows",
    script:
      "t:syscalls:sys_enter_getppid /pid == $1/ { $t = (struct task_struct *)curtask; @[$t->tgid == pid, $t->group_leader->tgid == $1, ((struct task_struct *)curtask)->comm] = count(); }",
    load: ["getppid", 3],
  },
  {
    name: "curtask: arrays and nested structs",
    script:
      "t:syscalls:sys_enter_getppid /pid == $1/ { @c = curtask.comm[0]; @d = curtask.comm[3]; @s = curtask.se.on_rq; @u = curtask.cred.uid.val; @p = curtask.signal.rlim[7].rlim_cur > 0; }",
    load: ["getppid", 3],
  },
  {
    name: "curtask: ppid and its like",
    script:
      't:syscalls:sys_enter_getppid /pid == $1/ { printf("%d %d %s %s %d\\n", pid, tid, comm, leader_comm, leader_tid == tid); @p[ppid > 0] = count(); @n[strlen(pcomm) > 0] = count(); }',
    load: ["getppid", 2],
  },
  {
    name: "uid, username of a load",
    script:
      "t:syscalls:sys_enter_getppid /pid == $1/ { @u[uid, gid, username] = count(); @c[cgroup > 0, cpu < 512, numaid] = count(); }",
    load: ["getppid", 4],
  },
  {
    name: "join",
    script:
      't:syscalls:sys_enter_execve /pid == $1/ { join(args.argv); join(args.argv, ","); printf("%s\\n", str(args.filename)); }',
    load: ["exec", 2],
    json: true,
  },
  {
    name: "watchpoint",
    script: "watchpoint:$2:8:w { @ = count(); @c[comm] = count(); }",
    load: ["touch", 20],
    needs: "breakpoints",
    options: ["-p", "PID"],
  },
  { name: "interval", script: "interval:ms:200 { @n++; if (@n == 3) { exit(); } }" },
  {
    name: "interval: two of them",
    script: 'i:ms:10 { @a = 1; } interval:s:1 { @b = 1; exit(); } begin { printf("go\\n"); }',
  },
  { name: "profile", script: "profile:hz:99 { @[probe] = 1; exit(); }", textOnly: "time" },
  {
    name: "profile of a load",
    script: "profile:hz:199 /pid == $1/ { @[comm] = 1; @u[probe, usermode <= 1] = 1; }",
    load: ["spin", 150],
    textOnly: "time",
  },
  {
    name: "software",
    script: "software:cpu-clock:1000000 /pid == $1/ { @[comm, probe] = 1; }",
    load: ["spin", 100],
    textOnly: "time",
  },
  {
    name: "software: page faults",
    script: "software:faults:1 /pid == $1/ { @[comm, probe] = 1; }",
    load: ["read", 300],
    textOnly: "time",
  },
  {
    name: "iter:task, counted",
    script: "iter:task { @[ctx.task.pid == ctx.task.tgid] = 1; }",
    peer: { differs: "the peer cannot load iterators here", ours: "\n\n@[false]: 1\n@[true]: 1\n" },
    textOnly: "our own",
  },
  {
    name: "signal",
    script: 't:syscalls:sys_enter_getppid /pid == $1/ { signal("SIGUSR1"); @ = count(); }',
    load: ["getppid", 3],
    options: ["--unsafe"],
  },
  {
    name: "kstack by an event",
    script: "t:syscalls:sys_enter_getppid /pid == $1/ { @[kstack(1)] = count(); }",
    load: ["getppid", 3],
    textOnly: "the same in JSON",
  },
  {
    name: "printing while it runs",
    script:
      't:syscalls:sys_enter_getppid /pid == $1/ { @n++; if (@n % 3 == 0) { printf("%d\\n", @n); @x[@n] = count(); } } end { printf("end\\n"); clear(@n); }',
    load: ["getppid", 10],
    json: true,
  },
  {
    name: "per-thread variables in maps",
    script:
      "uprobe:LOAD:probe_me { @depth[tid] = (int64)1; @deepest = max(@depth[tid]); } uretprobe:LOAD:probe_me { @depth[tid]--; if (@depth[tid] == 0) { delete(@depth, tid); } }",
    load: ["many", 6],
  },
  {
    name: "lru and per-CPU maps by load",
    script:
      "let @l = lruhash(1000); t:syscalls:sys_enter_write /pid == $1/ { @l[args.count] = 1; @t[args.count] = count(); }",
    load: ["write", 30],
  },
];

const language: readonly DifferentialCase[] = [
  {
    name: "typeinfo",
    script:
      'config = { unstable_typeinfo=enable } begin { print(typeinfo(1)); print(typeinfo("abc")); print(typeinfo((1, "a"))); print(typeinfo((a=1, b="xx"))); print(typeinfo(int32)); print(typeinfo(struct task_struct)); print(typeinfo((int32 *)0)); print(typeinfo(kstack)); print(typeinfo(ksym(0))); print(typeinfo(strftime("%H", nsecs))); if comptime (typeinfo(pid).base_type == "int") { print(typeinfo(pid).full_type); } else { fail("no"); } }',
  },
  begin(
    "functions of the kernel",
    'print(kfunc_exist("bpf_rdonly_cast")); print(kfunc_exist("no_such")); print(kfunc_allowed("bpf_rdonly_cast")); print(kfunc_allowed("bpf_task_acquire"));',
  ),
  begin(
    "paths of cgroups",
    'print(cgroup_path(cgroup)); @[cgroup_path(cgroup, "*")] = 1; print(cgroup_path(99999999));',
  ),
  begin(
    "records and tuples in tuples compared",
    '$a = (x=1, y="abc"); $b = (x=1, y="abc"); if ($a == $b) { print(1); } if ((1, (2, "x")) != (1, (2, "y"))) { print(2); }',
  ),
  begin(
    "loops over maps in loops",
    '@a[1] = count(); @a[1] = count(); @b["x", 3] = "hello"; @c[7] = avg(4); for $x : @a { for $y : @b { for $z : @c { print(($x.0, $x.1, $y.0, $y.1, $z)); } } }',
  ),
  {
    name: "C: structs, enums and macros of one's own",
    script:
      "#define N 4\n#define TWICE(x) ((x) * 2)\nenum colour { RED, GREEN = 5, BLUE };\nstruct inner { char c; int x:3; int y:7; union { short s; char b[2]; }; };\nstruct foo { int a; struct inner in; long arr[N]; };\nbegin { print(sizeof(struct foo)); print(sizeof(struct inner)); print(offsetof(struct foo, arr)); print(BLUE); @[GREEN] = RED; print((enum colour)6); print(N); }",
  },
  {
    name: "C: a packed struct in a variable",
    script:
      "struct s { int a:3; unsigned long b:63; char d; long e; int f[3]; } __attribute__((packed)); begin { $p = (struct s *)curtask; $v = *$p; print(($p->e == $v.e, $p->f[1] == $v.f[1], $p->a == $v.a)); }",
    peer: { differs: "the verifier refuses the peer's loads", ours: "(true, true, true)\n\n\n" },
    textOnly: "our own",
  },
  {
    name: "C: a packed struct, a last member without its semicolon",
    script: "struct p { char c; int x } __attribute__((packed)) begin { print(sizeof(struct p)); }",
  },
  {
    name: "C: conditionals",
    script:
      "#define A 1\n#ifdef A\n#define B 2\n#else\n#define B 3\n#endif\n#if defined(NOPE) || A > 5\n#define C 4\n#elif A == 1\n#define C 5\n#endif\nbegin { print(B); print(C); }",
  },
  {
    name: "macro: variables by name",
    script: "macro inc($x) { $x += 1; } begin { $a = 1; inc($a); inc($a); print($a); }",
  },
  { name: "macro: a value", script: "macro inc($x) { $x += 1; $x } begin { $a = 1; $b = inc($a); print(($a, $b)); }" },
  {
    name: "macro: by kind of argument",
    script:
      "macro f(@m) { @m[1] } macro f(x) { 10 + x } begin { @a[1] = 5; print(f(@a)); print(f(3)); print(f(@a[1])); }",
  },
  {
    name: "macro: names of its own",
    script: "macro m(x) { let $y: uint8 = 3; $y + x } begin { $y = 10; print(m($y)); print($y); }",
  },
  {
    name: "macro: an expression is replaced where it stands",
    script: "macro inc(x) { $y = x + 1; $z = x + 2; $y + $z } begin { $y = 2; print(inc({ $y += 1; $y })); }",
  },
  {
    name: "macro: what stands last in it gives nothing",
    script: 'macro inner(x) { printf("<%d>\\n", x); } macro outer(x) { inner(x) } begin { outer(3); outer(4) }',
  },
  {
    name: "macro: an aggregate",
    script:
      "macro once() { count() } macro mean($x) { let $y = $x * 2; avg($y) } begin { $n = 21; @c = once(); @[1] = mean($n); @[1] = mean($n); }",
  },
  {
    name: "a block that ends with an aggregate",
    script:
      'begin { @a = { let $n = 4; sum($n) }; @h["k"] = { if (1) { print("in") } hist(9) }; @c = { { count() } }; }',
  },
  {
    name: "casts: strings to booleans",
    script:
      'begin { $s = "ab"; $e = ""; print(((bool)"x", (bool)"", (bool)$s, (bool)$e)); @m = "q"; print((bool)@m); @m = ""; print((bool)@m); }',
  },
  begin(
    "str() of literal numbers",
    'print(str(0)); print(str(-31)); print(str(0x1f)); print(str(157, 2)); print(sizeof(str(1234))); @[str(5)] = str(6); print(str(7) == "7");',
  ),
  begin("--no-warnings, of the run too", '$z = 0; print(8 / $z); warnf("w"); errorf("e"); print("end");', {
    options: ["--no-warnings"],
    textOnly: "bpftrace prints the division in JSON all the same",
  }),
  begin("cpid without a command", "print(cpid); @[cpid] = 1;", {
    textOnly: "bpftrace sends its warning while it runs, which is data of JSON",
  }),
  {
    name: "config: names that keys had once",
    script:
      "config = { strlen = 77; map_keys_max = 9 } begin { print(config().max_strlen); print(config().max_map_keys); }",
  },
  {
    name: "config: keys as the environment has them",
    script:
      "config = { BPFTRACE_MAX_MAP_KEYS = 77; BPFTRACE_MAX_STRLEN = 99 } begin { print(config().max_map_keys); print(config().max_strlen); }",
  },
  {
    name: "macro: in macros, in any order",
    script: "macro a3(x) { x + a2(x) } macro a2(y) { y + a1(y) } macro a1(z) { z + 1 } begin { print(a3(1)); }",
  },
  {
    name: "macro: loops over maps",
    script:
      "macro all(@m) { let $x = 1; for ($kv : @m) { $x += $kv.1; } $x } begin { @x[1] = 5; @x[2] = 10; print(all(@x)); clear(@x); }",
  },
  { name: "macro: over a builtin", script: 'macro comm() { "me" } begin { print(comm); print(comm()); }' },
  { name: "macro: of types", script: "macro s(t) { sizeof(t) } begin { print(s(typeof(int32))); }" },
  begin(
    "builtins: as calls",
    "print(pid() == pid); print(cpu() == cpu); print(ncpus() == ncpus); print(uid()); print(probe())",
  ),
  begin("builtins: by their own names", "print(__builtin_cpu == cpu); print(__builtin_ncpus == ncpus)"),
  begin("comptime", 'print(comptime (1 + 2 * 3)); if comptime is_str("a") { print("s"); } else { print(nosuch); }'),
  begin(
    "questions to types",
    'print(is_str("a")); print(is_ptr(1)); print(is_array(1)); print(is_integer(1)); print(is_unsigned_integer(1)); print(is_literal(1)); $x = 5; print(is_literal($x))',
  ),
  begin(
    "strings: found",
    '$a = "hello world"; $n = "world"; print(strcontains($a, $n)); print(strstr($a, $n)); print(strstr($a, "zz"))',
  ),
  begin("strings: capacity", 'print(strcap("hello"))'),
  begin(
    "memory compared",
    'print(memcmp("abc", "abd", 2)); print(memcmp("abc", "abz", 3)); print(memcmp("b", "a", 1))',
  ),
  begin(
    "addresses from text",
    '$p = pton("10.0.0.1"); print($p); print($p[0]); print(ntop($p)); print(ntop(pton("::1")))',
  ),
  begin(
    "names of numbers",
    "$x = 13; print(strerror($x)); print(strerror(-2)); print(strerror(9999)); print(signal_name(15)); $s = 9; print(signal_name($s)); print(syscall_name(0))",
    {
      options: ["--no-warnings"],
    },
  ),
  begin("errors in place of addresses", "print(is_err(0)); print(is_err((uint64)-2))"),
  begin("casts: bytes as a number", "$a = (uint8[8])12345; print($a); print((uint64)$a); print((uint16[2])0x00020001)"),
  begin("addresses of variables", "$x = 5; $p = &$x; print(*$p)"),
  begin(
    "order: the last ones",
    "@h[5] = hist(10); @h[2] = hist(20); @h[2] = hist(20); @h[3] = hist(30); @h[3] = hist(1); @h[3] = hist(1); print(@h, 2)",
  ),
  begin("positional parameters in their bases", 'printf("%d %o 0x%x %s\\n", $1, $2, $3, str($2))', {
    params: ["123", "0775", "0x123"],
  }),
  begin("getopt without being given", 'print((getopt("aa", 10), getopt("dd"), getopt("ee", "hello")))'),
  ...[
    [
      "last",
      "@ = tseries(9, 100ms, 4); @ts = (uint64)700000000; @ = tseries(3, 100ms, 4); @ts = (uint64)710000000; @ = tseries(4, 100ms, 4)",
    ],
    [
      "avg, by key",
      '@[1] = tseries(9, 100ms, 4, "avg"); @[1] = tseries(11, 100ms, 4, "avg"); @ts = (uint64)700000000; @[1] = tseries(3, 100ms, 4, "avg"); @[2] = tseries(5, 100ms, 4, "avg")',
    ],
    [
      "across zero",
      "$x = (int64)-4; @ = tseries($x, 100ms, 4); @ts = (uint64)600000000; $x = (int64)4; @ = tseries($x, 100ms, 4); @ts = (uint64)800000000; @ = tseries($x, 100ms, 4)",
    ],
    [
      "sum and max",
      '$x = (int64)-4; @a = tseries($x, 100ms, 4, "max"); @a = tseries($x * 2, 100ms, 4, "max"); @b = tseries($x, 100ms, 4, "sum"); @b = tseries($x * 2, 100ms, 4, "sum")',
    ],
    ["microseconds", "@ = tseries(9, 1us, 3); @ts = (uint64)500002000; @ = tseries(9, 1us, 3)"],
    ["zeroed", "@ = tseries(9, 1ms, 3); zero(@)"],
  ].map(
    ([name, body]): DifferentialCase => ({
      name: `tseries: ${name}`,
      script: `config = { unstable_tseries=enable } begin { @ts = (uint64)500000000; ${body} }`,
      env: { BPFTRACE_DUMMY_TS_MAP: "@ts" },
    }),
  ),
];

export const differentialCases: readonly DifferentialCase[] = [
  ...formats,
  ...prints,
  ...maps,
  ...aggregates,
  ...expressions,
  ...statements,
  ...functions,
  ...tracing,
  ...language,
];
