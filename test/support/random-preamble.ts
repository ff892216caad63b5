// What stands before the probes of a random script: types of C, #define, config, macros; and what of it the probes may use.

import type { Random } from "./random-words.ts";

export interface StructShape {
  /** As a type is written: `struct s0`. */
  readonly type: string;
  readonly fields: readonly string[];
  /** Paths to numbers, strings and bytes from a value of it. */
  readonly ints: readonly string[];
  readonly strings: readonly string[];
  readonly arrays: readonly string[];
}

export interface EnumShape {
  readonly type: string;
  readonly names: readonly string[];
}

export type MacroKind = "value" | "counts" | "keeps" | "nothing" | "text" | "loops" | "map" | "early" | "taken";

export interface MacroShape {
  readonly name: string;
  readonly kind: MacroKind;
}

/** A declaration, and the words of it that something else may use. */
export interface Declaration {
  readonly text: string;
  readonly gives: readonly string[];
}

export interface RandomPreamble {
  readonly declarations: readonly Declaration[];
  readonly macros: readonly Declaration[];
  readonly structs: readonly StructShape[];
  readonly enums: readonly EnumShape[];
  readonly uses: readonly MacroShape[];
  /** Numbers by name: #define, enumerators. */
  readonly ints: readonly string[];
}

const C_INTS: readonly string[] = [
  "char",
  "signed char",
  "unsigned char",
  "short",
  "unsigned short",
  "int",
  "unsigned int",
  "unsigned",
  "long",
  "unsigned long",
  "long long",
  "uint8_t",
  "int16_t",
  "uint32_t",
  "int64_t",
];

const CONFIG: readonly ((r: Random) => string)[] = [
  (r) => `max_strlen = ${r.pick(["8", "16", "63", "64", "65", "100", "200", "1024", "2000"])}`,
  (r) => `stack_mode = ${r.pick(["bpftrace", "perf", "raw"])}`,
  (r) => `print_maps_on_exit = ${r.pick(["true", "false", "0", "1"])}`,
  () => 'str_trunc_trailer = "!"',
  (r) => `max_map_keys = ${1 + r.below(5000)}`,
  (r) => `missing_probes = ${r.pick(["error", "warn", "ignore"])}`,
  (r) => `cpp_demangle = ${r.pick(["true", "false"])}`,
  () => 'license = "GPL"',
  () => "max_cat_bytes = 100",
  (r) => `show_debug_info = ${r.pick(["true", "false"])}`,
  (r) => `lazy_symbolication = ${r.pick(["true", "false"])}`,
  () => "unstable_tseries = enable",
  () => "perf_rb_pages = 8",
];

const MACROS: Readonly<Record<MacroKind, (name: string) => string>> = {
  value: (name) => `macro ${name}(a, b) { a * 3 + b }`,
  counts: (name) => `macro ${name}($x, e) { $x += e; $x }`,
  keeps: (name) => `macro ${name}($x, e) { let $y = e; if ($y > 5) { $x += 1; } else { $x -= $y; } }`,
  nothing: (name) => `macro ${name}() { pid + 1 }`,
  text: (name) => `macro ${name}(s) { strlen(s) + (s == "hello" ? 1 : 2) }`,
  loops: (name) => `macro ${name}(n) { let $sum: uint64 = 0; for $i : 0..4 { $sum += (uint64)n; } $sum }`,
  map: (name) => `macro ${name}(@m) { len(@m) + 1 }`,
  early: (name) =>
    `fn ${name}($a: int64, $b: int64): int64 { for $i : 0..4 { if ($a + $i > $b) { return $i; } if ($a == 7) { break; } } return $a * 2; }`,
  taken: (name) =>
    `fn ${name}($s: string[64], $n: uint32): bool { if ($s == "hello") { return true; } return $n > 5; }`,
};

/** Something of everything, each now and then. */
export function randomPreamble(r: Random): RandomPreamble {
  const declarations: Declaration[] = [];
  const macros: Declaration[] = [];
  const structs: StructShape[] = [];
  const enums: EnumShape[] = [];
  const uses: MacroShape[] = [];
  const ints: string[] = [];
  if (!r.chance(40)) return { declarations, macros, structs, enums, uses, ints };
  if (r.chance(30)) {
    declarations.push({ text: "#define N 5\n#define TWICE(x) ((x) * 2)\n#define NEGATIVE -7", gives: ["N", "TWICE"] });
    if (r.chance(50)) declarations.push({ text: "#if N > 4\n#define LARGE (N << 20)\n#endif", gives: ["LARGE"] });
    ints.push("N", `TWICE(${r.pick(["pid", "N", "3 + 4"])})`, "(NEGATIVE)");
    if (declarations.length > 1) ints.push("LARGE");
  }
  if (r.chance(30)) {
    const names = Array.from({ length: 1 + r.below(4) }, (_, i) => `E${i}`);
    const values = names.map((n) => (r.chance(40) ? `${n} = ${r.pick(["5", "-1", "1 << 8", "0x7fffffff"])}` : n));
    // After the greatest number there is none.
    const text = `enum e0 { ${values.map((v, i) => (i > 0 && values[i - 1]?.includes("0x7") && !v.includes("=") ? `${v} = 3` : v)).join(", ")} };`;
    declarations.push({ text, gives: ["e0", ...names] });
    enums.push({ type: "enum e0", names });
    ints.push(...names);
  }
  if (r.chance(25)) {
    declarations.push({ text: `typedef ${r.pick(C_INTS.slice(0, 10))} own_t;`, gives: ["own_t"] });
  }
  const owned = declarations.some((d) => d.gives.includes("own_t"));
  for (let i = 0; i < 2 && r.chance(60); i++) {
    const { text, shape } = randomStruct(r, `s${i}`, owned, structs[0], enums[0]);
    declarations.push({ text, gives: [`s${i}`] });
    structs.push(shape);
  }
  if (r.chance(35)) {
    const many = 1 + r.below(3);
    const settings = Array.from({ length: many }, () => r.pick(CONFIG)(r));
    const names = settings.map((s) => s.split(" ")[0]);
    const once = settings.filter((_, at) => names.indexOf(names[at]) === at);
    declarations.push({ text: `config = { ${once.join("; ")} }`, gives: ["config"] });
  }
  for (const kind of Object.keys(MACROS) as MacroKind[]) {
    if (!r.chance(15)) continue;
    macros.push({ text: MACROS[kind](`m_${kind}`), gives: [`m_${kind}`] });
    uses.push({ name: `m_${kind}`, kind });
  }
  return { declarations, macros, structs, enums, uses, ints };
}

function randomStruct(
  r: Random,
  name: string,
  owned: boolean,
  inner: StructShape | undefined,
  symbols: EnumShape | undefined,
): { readonly text: string; readonly shape: StructShape } {
  const kind = r.chance(15) ? "union" : "struct";
  const members: string[] = [];
  const fields: string[] = [];
  const ints: string[] = [];
  const strings: string[] = [];
  const arrays: string[] = [];
  for (let i = 1 + r.below(5); i >= 0; i--) {
    const f = `f${i}`;
    fields.push(f);
    const int = r.pick(owned ? [...C_INTS, "own_t"] : C_INTS);
    switch (r.below(9)) {
      case 0:
        members.push(`char ${f}[${r.pick(["1", "7", "8", "16", "33"])}]`);
        strings.push(f);
        break;
      case 1:
        members.push(`${int} ${f}[${r.pick(["1", "3", "4"])}]`);
        arrays.push(f);
        ints.push(`${f}[0]`);
        break;
      case 2: {
        const [type, most] = r.pick([
          ["int", 32],
          ["unsigned", 32],
          ["unsigned long", 64],
          ["long", 64],
          ["short", 16],
          ["unsigned char", 8],
        ] as const);
        members.push(`${type} ${f} : ${1 + r.below(most)}`);
        ints.push(f);
        break;
      }
      case 3:
        members.push(`${r.pick(["void", "char", "struct task_struct", int])} *${f}`);
        ints.push(`${f} == 0 ? 1 : 2`);
        break;
      case 4:
        members.push(`union { short lo${i}; struct { char a${i}; char b${i}; }; }`);
        fields.pop();
        fields.push(`lo${i}`);
        ints.push(`lo${i}`, `b${i}`);
        break;
      case 5:
        if (inner === undefined) {
          members.push(`struct { int x; long y; } ${f}`);
          ints.push(`${f}.x`, `${f}.y`);
        } else {
          members.push(`${inner.type} ${f}`);
          ints.push(...inner.ints.filter((p) => /^[\w.[\]]+$/.test(p)).map((p) => `${f}.${p}`));
          strings.push(...inner.strings.map((p) => `${f}.${p}`));
        }
        break;
      case 6:
        if (symbols === undefined) members.push(`${int} ${f}`);
        else members.push(`${symbols.type} ${f}`);
        ints.push(f);
        break;
      default:
        members.push(`${int} ${f}`);
        ints.push(f);
    }
  }
  const packed = r.chance(20) ? " __attribute__((packed))" : "";
  return {
    text: `${kind} ${name} { ${members.join("; ")}; }${packed};`,
    shape: { type: `${kind} ${name}`, fields, ints, strings, arrays },
  };
}
