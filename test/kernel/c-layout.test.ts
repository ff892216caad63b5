// Where members of structs lie, as gcc says: generated structs by a seed (SCRY_SEED, SCRY_RUNS), all in one program that
// prints their sizes and offsets.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CTypes, Preprocessor, readDeclarations } from "../../src/c/index.ts";
import { Random } from "../support/random-words.ts";

const SEED = Number(process.env["SCRY_SEED"] ?? 1);
const STRUCTS = Number(process.env["SCRY_RUNS"] ?? 2000);

const HEAD = `
typedef long long wide;
typedef long long loose __attribute__((aligned(1)));
typedef int strict __attribute__((aligned(16)));
enum small { SMALL = 1 };
enum large { LARGE = 1L << 40 };
enum tiny { TINY = -3 } __attribute__((packed));
`;
const INTEGERS = [
  ...["char", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned", "long", "unsigned long"],
  ...["long long", "wide", "_Bool", "enum small", "enum large", "enum tiny"],
];
const OTHERS = ["float", "double", "long double", "__int128", "void *", "loose", "strict", "const volatile short"];
const BITS: Readonly<Record<string, number>> = { _Bool: 1, short: 16, "enum tiny": 8, int: 32, unsigned: 32, long: 64 };

interface Generated {
  readonly text: string;
  /** `struct s1`, and the members that have a place of their own. */
  readonly asked: readonly (readonly [type: string, members: readonly string[]])[];
}

function generate(seed: number): Generated {
  const random = new Random(seed);
  let names = 0;
  const known: string[] = [];
  const asked: (readonly [string, readonly string[]])[] = [];
  const attribute = (): string => {
    if (random.chance(80)) return "";
    return ` __attribute__((${random.pick(["packed", `aligned(${1 << random.below(6)})`, "packed, aligned(2)"])}))`;
  };
  const width = (type: string): number => BITS[type] ?? (/char/.test(type) ? 8 : /short/.test(type) ? 16 : 32);
  const body = (depth: number, members: string[]): string => {
    const lines: string[] = [];
    for (let n = random.below(depth === 0 ? 8 : 4); n >= 0; n--) {
      const name = `m${names++}`;
      const kind = random.below(10);
      if (kind < 3) {
        const type = random.pick(INTEGERS);
        const bits = random.below(width(type) + 1);
        if (bits === 0) lines.push(`${type} : 0;`);
        else lines.push(`${type} ${random.chance(85) ? name : ""} : ${bits}${attribute()};`);
      } else if (kind === 3 && depth < 2) {
        const inner = `${random.pick(["struct", "union"])}${random.chance(20) ? " __attribute__((packed))" : ""}`;
        if (random.chance(50)) lines.push(`${inner} {\n${body(depth + 1, members)}\n}${attribute()};`);
        else {
          members.push(name);
          lines.push(`${inner} {\n${body(depth + 1, [])}\n}${attribute()} ${name}${attribute()};`);
        }
      } else {
        const type = random.pick(kind === 4 && known.length > 0 ? known : random.chance(60) ? INTEGERS : OTHERS);
        const dimensions = /strict|struct|union/.test(type) ? "" : random.pick(["", "", "", "[3]", "[2][5]", "[0]"]);
        members.push(name);
        lines.push(random.chance(10) ? `int (*${name}[2])(int);` : `${type} ${name}${dimensions}${attribute()};`);
      }
    }
    return lines.join("\n");
  };
  let text = HEAD;
  for (let n = 0; n < STRUCTS; n++) {
    const type = `${random.pick(["struct", "struct", "struct", "union"])} s${n}`;
    const members: string[] = [];
    text += `${type} {\n${body(0, members)}\n}${attribute()};\n`;
    known.push(type);
    asked.push([type, members]);
  }
  return { text, asked };
}

/** The sizes, alignments and offsets, a line a type. */
function byGcc({ text, asked }: Generated): string[] {
  const folder = mkdtempSync(join(tmpdir(), "scry-layout-"));
  try {
    const numbers = asked.flatMap(([type, members]) => [
      `sizeof(${type})`,
      `__alignof__(${type})`,
      ...members.map((m) => `__builtin_offsetof(${type}, ${m})`),
      "-1",
    ]);
    const program = `${text}
      int printf(const char *, ...);
      static const long numbers[] = { ${numbers.join(",\n")} };
      int main() { for (unsigned i = 0; i < ${numbers.length}; i++) if (numbers[i] < 0) printf("\\n"); else printf("%ld ", numbers[i]); }`;
    const path = join(folder, "layout");
    execFileSync("gcc", ["-w", "-Wno-packed-bitfield-compat", "-x", "c", "-", "-o", path], { input: program });
    return execFileSync(path, { encoding: "utf8" }).trimEnd().split("\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function byScry({ text, asked }: Generated): string[] {
  const types = new CTypes(() => undefined);
  readDeclarations(new Preprocessor().run({ name: "layout.h", text }), types);
  return asked.map(([type, members]) => {
    const [kind, name] = type.split(" ") as ["struct" | "union", string];
    const id = types.find(name, kind) as number;
    const offsets = members.map((m) => (types.field(id, m)?.bitOffset ?? Number.NaN) / 8);
    return `${[types.sizeof(id), types.alignof(id), ...offsets].join(" ")} `;
  });
}

it(`structs lie as gcc has them (seed ${SEED}, ${STRUCTS} structs)`, () => {
  const generated = generate(SEED);
  const ours = byScry(generated);
  const wrong = byGcc(generated).flatMap((line, i) => {
    if (line.trimEnd() === ours[i]?.trimEnd()) return [];
    const [type] = generated.asked[i] as readonly [string, unknown];
    const declaration = new RegExp(`^${type} \\{[\\s\\S]*?^\\}(?: __attribute__.*)?;`, "m").exec(generated.text)?.[0];
    return [`gcc: ${line}\nwe:  ${ours[i]}\n${declaration}`];
  });
  expect(
    wrong.length,
    wrong
      .sort((a, b) => a.length - b.length)
      .slice(0, 3)
      .join("\n\n"),
  ).toBe(0);
});
