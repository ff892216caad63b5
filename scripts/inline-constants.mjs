// Tables of numbers are written in where they are used: `Jmp.JEQ` of `export const Jmp = { JEQ: 0x10, … } as const`
// becomes 0x10, as a compiler does with an enum. A `switch` on them is then a jump table in V8, which takes one for
// literals alone, and the bundle holds neither the names nor, where nobody asks for it whole, the table.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const TABLE = /^(?:export )?const (\w+) = \{([^{}]*)\} as const;/gm;
const MEMBER = /^(\w+): (-?(?:0x[0-9a-f_]+|[0-9_]+)(?: << [0-9]+)?)$/i;

/** The tables of a source text: a row for each that has nothing but numbers, given or shifted. */
function tablesOf(text) {
  const tables = [];
  for (const [, name, body] of text.matchAll(TABLE)) {
    const members = body
      .replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")
      .split(",")
      .map((member) => member.trim())
      .filter((member) => member !== "")
      .map((member) => MEMBER.exec(member));
    if (members.length > 0 && members.every((member) => member !== null))
      tables.push([name, new Map(members.map(([, key, value]) => [key, value]))]);
  }
  return tables;
}

/** Every table below a folder, by its name; those whose name is declared twice are left out. */
function allTables(folder) {
  const tables = new Map();
  const declared = new Map();
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts") || file.endsWith(".bpf.ts")) continue;
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, name] of text.matchAll(/^(?:export )?(?:const|let|function|class|enum) (\w+)/gm))
      declared.set(name, (declared.get(name) ?? 0) + 1);
    for (const [name, members] of tablesOf(text)) tables.set(name, members);
  }
  for (const name of [...tables.keys()]) if (declared.get(name) > 1) tables.delete(name);
  return tables;
}

/**
 * A function that writes the tables of a folder into a source text; lines stay where they are.
 * @param {string} folder
 * @returns {(text: string) => string}
 */
export function constantInliner(folder) {
  const tables = allTables(folder);
  const uses = new RegExp(`(typeof )?(?<![.\\w$"'\`])(${[...tables.keys()].join("|")})\\.(\\w+)\\b`, "g");
  return (text) =>
    text.replace(uses, (whole, typed, table, member) => {
      const value = tables.get(table).get(member);
      return value === undefined || typed !== undefined ? whole : `(${value})`;
    });
}

/** The same as a plugin of esbuild; `first` is done to each text before. */
export const inlineConstants = (folder, first = (text, _path) => text) => ({
  name: "inline-constants",
  setup(build) {
    const inline = constantInliner(folder);
    // `./x.bpf.ts?raw` is a text, as Vite has it: esbuild looks for the file without what is behind the question mark.
    build.initialOptions.loader = { ...build.initialOptions.loader, ".bpf.ts": "text" };
    // Its modules for browsers: those for Node are CommonJS, which a bundle of modules cannot read.
    const yaml = join(folder, "../node_modules/yaml/browser/index.js");
    build.onResolve({ filter: /^yaml$/ }, () => ({ path: yaml }));
    build.onLoad({ filter: /\.ts$/ }, ({ path }) =>
      path.startsWith(folder) && !path.endsWith(".bpf.ts")
        ? { contents: inline(first(readFileSync(path, "utf8"), path)), loader: "ts" }
        : undefined,
    );
  },
});
