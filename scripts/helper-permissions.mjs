// Which kinds of programs may call which helpers, as the running kernel answers it: writes src/object/helper-permissions.ts.
//
//     node scripts/helper-permissions.mjs                  writes the table
//     node scripts/helper-permissions.mjs --save FILE      keeps this kernel's answers (in the lab, for instance)
//     node scripts/helper-permissions.mjs FILE…            writes the table of this kernel's answers and those of others
//
// A helper is called with no arguments by a program of each kind; what the verifier says tells whether it may be. Needs
// root and a kernel with BPF.

import { readFileSync, writeFileSync } from "node:fs";
import { loadSource } from "./load-source.mjs";

const { askHelpers, programKinds } = await loadSource("test/data/kernel-answers.ts");
const { helperCount, helperName } = await loadSource("src/object/index.ts");

const answers = new Map();
const sleeping = new Set();
const add = (kind, names) => answers.set(kind, new Set([...(answers.get(kind) ?? []), ...names]));
for (const kind of programKinds()) {
  const answer = askHelpers(kind);
  if (answer === undefined) continue;
  add(kind.name, [...answer.allowed].map(helperName));
  for (const id of answer.sleeping) sleeping.add(helperName(id));
}

const args = process.argv.slice(2);
if (args[0] === "--save") {
  const kinds = Object.fromEntries([...answers].map(([kind, names]) => [kind, [...names]]));
  writeFileSync(args[1], JSON.stringify({ kinds, sleeping: [...sleeping] }));
  process.exit();
}
for (const file of args) {
  const saved = JSON.parse(readFileSync(file, "utf8"));
  for (const [kind, names] of Object.entries(saved.kinds)) add(kind, names);
  for (const name of saved.sleeping) sleeping.add(name);
}

const order = Array.from({ length: helperCount() - 1 }, (_, i) => helperName(i + 1));
const common = order.filter((name) => [...answers.values()].every((names) => names.has(name)));
const somewhere = new Set([...answers.values()].flatMap((names) => [...names]));
const groups = new Map();
for (const [kind, names] of answers) {
  const list = order.filter((name) => names.has(name) && !common.includes(name)).join(" ");
  groups.set(list, [...(groups.get(list) ?? []), kind]);
}

function wrapped(text) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (`${lines.at(-1)} ${word}`.length > 118) lines.push("");
    lines.push(`${lines.pop()} ${word}`);
  }
  return lines.join("\n");
}
const rows = [
  `all\n${wrapped(common.join(" "))}`,
  ...[...groups].map(([list, kinds]) => `${kinds.join(",")}\n${wrapped(list)}`),
  `sleeping\n${wrapped([...sleeping].sort().join(" "))}`,
  `unasked\n${wrapped(order.filter((name) => !somewhere.has(name)).join(" "))}`,
];

const file = new URL("../src/object/helper-permissions.ts", import.meta.url).pathname;
const text = readFileSync(file, "utf8");
const start = text.indexOf("const TABLE = `") + "const TABLE = `".length;
writeFileSync(file, `${text.slice(0, start)}${rows.join("\n")}${text.slice(text.indexOf("`;", start))}`);
console.log(`${answers.size} kinds of programs, ${groups.size} groups of them`);
