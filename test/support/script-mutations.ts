// Texts that are nearly scripts, by a seed: scripts of the corpus with bytes changed, with tokens changed, with parts of
// the grammar put where others stood.

import { builtins, configKeys } from "../../src/lang/trace/index.ts";
import { providers } from "../../src/probes/index.ts";
import { differentialCases } from "./differential-cases.ts";
import { randomScript, scriptText } from "./random-script.ts";
import { Random } from "./random-words.ts";

const written: readonly string[] = differentialCases.map((c) => c.script.replaceAll("LOAD", "/bin/program"));

/** Words that mean something to some part of the language. */
const WORDS: readonly string[] = [
  ...builtins.keys(),
  ...configKeys.map((k) => k.key),
  ...providers.flatMap((p) => [p.name, `${p.name}:`, `${p.name}:x:y`]),
  ..."begin end config let macro fn import for while if else unroll return break continue comptime sizeof offsetof typeof".split(
    " ",
  ),
  ..."struct union enum typedef int8 uint64 string inet bool void char unsigned long true false _ ctx args hash lruhash".split(
    " ",
  ),
  ..."{ } ( ) [ ] ; , : . .. -> = == != < > <= >= << >> + - * / % & | ^ ! ~ ++ -- += <<= ? ?: && || # ## \\ @ @m @m[ $ $x $1 $# $99 /".split(
    " ",
  ),
  ..."0 1 -1 64 65 4096 1e6 1e99 0x 0xffffffffffffffff 18446744073709551616 9223372036854775808 08 1_000 5ms 1_ 100h".split(
    " ",
  ),
  '"',
  '""',
  '"a"',
  '"%d %s %n %lc %-5.3hhx %%"',
  '"\\x"',
  '"\\400"',
  "kprobe:[z-a]*,kprobe:vfs_[!a-z]? { }",
  "/*",
  "*/",
  "//",
  "\n",
  "#define A A\n",
  "#define F(x) x F(x)\n",
  "#include <a.h>\n",
  "#if 1\n",
  "#endif\n",
  "#error x\n",
  "(struct task_struct *)",
  "(uint8[4])",
  "(a=1, b=2)",
  "(1, (2,))",
  "struct s { int a; char b[4]; int c:3; };\n",
  "macro m($a, b, @c) { $a += b; @c[b] = $a; $a }\n",
  'config = { max_strlen = 99; stack_mode = "raw" }\n',
  "let @d = lruhash(5);\n",
  "\0",
  "\u00e4",
  "\u{1f41d}",
  "\u2028",
  "\r",
  "\t",
];

const TOKEN =
  /"(?:[^"\\\n]|\\.)*"|[@$]\w+|[A-Za-z_]\w*|\d\w*|\s+|\/\*[\s\S]*?\*\/|\/\/[^\n]*|[-+<>=!&|?.*/%^:]{1,3}|[\s\S]/g;

/** Stretches in brackets, with them. */
function groups(tokens: readonly string[]): [from: number, to: number][] {
  const found: [number, number][] = [];
  const open: number[] = [];
  tokens.forEach((t, i) => {
    if (t === "(" || t === "{" || t === "[") open.push(i);
    if (t === ")" || t === "}" || t === "]") {
      const from = open.pop();
      if (from !== undefined) found.push([from, i + 1]);
    }
  });
  return found;
}

function base(r: Random): string {
  return r.chance(50) ? r.pick(written) : scriptText(randomScript(r, "/bin/program", true, 1 + r.below(3)));
}

function byBytes(r: Random): string {
  let text = base(r);
  for (let i = r.below(4); i >= 0; i--) {
    const at = r.below(text.length + 1);
    const length = r.below(r.chance(80) ? 3 : 40);
    const put = r.pick([
      "",
      String.fromCharCode(r.below(128)),
      String.fromCharCode(r.below(0x10000)),
      text.slice(at, at + length).repeat(2),
      r.pick(WORDS),
    ]);
    text = text.slice(0, at) + put + text.slice(at + length);
  }
  return text;
}

function byTokens(r: Random): string {
  const tokens = base(r).match(TOKEN) ?? [];
  for (let i = r.below(5); i >= 0; i--) {
    const at = r.below(tokens.length + 1);
    switch (r.below(5)) {
      case 0:
        tokens.splice(at, 1 + r.below(2));
        break;
      case 1:
        tokens.splice(at, 0, ` ${r.pick(WORDS)} `);
        break;
      case 2:
        tokens.splice(at, 1, r.pick(WORDS));
        break;
      case 3:
        tokens.splice(at, 1, tokens[r.below(Math.max(1, tokens.length))] ?? "");
        break;
      default: {
        const cut = tokens.splice(at, 1 + r.below(6));
        tokens.splice(r.below(tokens.length + 1), 0, ...cut);
      }
    }
  }
  return tokens.join("");
}

/** Kinds of words that may stand for each other without breaking the grammar. */
const KINDS: readonly RegExp[] = [
  /^(?:if|else|for|while|unroll|return|let|macro|config|struct|union|enum|sizeof|offsetof|begin|end)$/,
  /^[A-Za-z_]\w*$/,
  /^\d/,
  /^"/,
  /^[@$]/,
  /^(?:[-+*/%^&|]|<<|>>|[<>]=?|[=!]=|&&|\|\|)$/,
  /^(?:[-+*/%^&|]|<<|>>)?=$/,
];
const kindOf = (token: string): number => KINDS.findIndex((k) => k.test(token));

/** Words in place of others of their kind. */
function byWords(r: Random): string {
  const tokens = base(r).match(TOKEN) ?? [];
  const others = [...tokens, ...WORDS.filter((w) => kindOf(w) >= 0), ...(base(r).match(TOKEN) ?? [])];
  const places = tokens.flatMap((t, i) => (kindOf(t) > 0 ? [i] : []));
  for (let i = r.below(4); i >= 0 && places.length > 0; i--) {
    const at = r.pick(places);
    // What stands in front of a colon is part of an attach point.
    if (/^[:.]/.test(tokens[at + 1] ?? "") && r.chance(80)) continue;
    tokens[at] = r.pick(others.filter((t) => kindOf(t) === kindOf(tokens[at] as string)));
  }
  return tokens.join("");
}

/** What stands in brackets, or is one word, in place of another of its kind, of this script or another. */
function byGrammar(r: Random): string {
  const tokens = base(r).match(TOKEN) ?? [];
  const others = (r.chance(50) ? base(r).match(TOKEN) : undefined) ?? [...tokens];
  for (let i = r.below(2); i >= 0; i--) {
    const here = groups(tokens);
    const there = groups(others);
    const goal = here[r.below(Math.max(1, here.length))];
    if (goal === undefined) break;
    const same = there.filter(([from]) => others[from] === tokens[goal[0]]);
    const given = same[r.below(Math.max(1, same.length))];
    if (given === undefined) break;
    switch (r.below(4)) {
      case 0:
        tokens.splice(goal[0], goal[1] - goal[0], ...others.slice(given[0], given[1]));
        break;
      case 1:
        // Behind the first bracket: one within the other.
        tokens.splice(goal[0] + 1, 0, ...others.slice(given[0], given[1]));
        break;
      case 2: {
        const kind = (t: string): number =>
          [/^[A-Za-z_]/, /^\d/, /^"/, /^[@$]/, /^[-+<>=!&|*/%^]/].findIndex((p) => p.test(t));
        const at = r.below(tokens.length);
        const fitting = others.filter((t) => kind(t) === kind(tokens[at] as string));
        if (fitting.length > 0) tokens.splice(at, 1, r.pick(fitting));
        break;
      }
      default: {
        const depth = 1 + r.below(r.chance(95) ? 4 : 900);
        const inner = others.slice(given[0], given[1]).join("");
        tokens.splice(goal[0], goal[1] - goal[0], "(".repeat(depth) + inner + ")".repeat(depth));
      }
    }
    if (tokens.length > 4000) break;
  }
  return tokens.join("");
}

/** A few words of a script very often. */
function bySize(r: Random): string {
  const tokens = base(r).match(TOKEN) ?? [];
  const at = r.below(tokens.length + 1);
  const some = tokens.slice(at, at + 1 + r.below(6)).join("");
  tokens.splice(at, 0, (r.chance(30) ? r.pick(WORDS) : some).repeat(1 + r.below(3000)));
  return tokens.join("");
}

/** Most keep to the grammar: what does not parse never reaches what comes after. */
const WAYS: readonly ((r: Random) => string)[] = [
  byBytes,
  byTokens,
  byTokens,
  byWords,
  byWords,
  byWords,
  byGrammar,
  byGrammar,
];

/** A text; the same for the same seed. */
export function mutatedScript(seed: number): string {
  const r = new Random(seed);
  return r.chance(2) ? bySize(r) : r.pick(WAYS)(r);
}
