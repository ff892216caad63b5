// Writes docs/kernel-typescript-reference.md: what kernel modules have, by the compiler's tables, with the types and the
// documentation of `scry/bpf`. With --print it goes to standard output. Fails where one has a name that the other has not.

import { readFileSync, writeFileSync } from "node:fs";
import { tsPlugin } from "@sveltejs/acorn-typescript";
import { Parser } from "acorn";
import { loadSource } from "./load-source.mjs";

const root = new URL("..", import.meta.url).pathname;
const { compileModule, PROGRAMS } = await loadSource("src/lang/kernel-ts/index.ts");
const { MAPS } = await loadSource("src/lang/kernel-ts/maps.ts");
const { BPF, CALLS, MATH } = await loadSource("src/lang/kernel-ts/builtins.ts");
const { iteratorNames, iteratorOf } = await loadSource("src/lang/kernel-ts/iterators.ts");
const { TYPES, RECORDS } = await loadSource("src/lang/kernel-ts/declarations.ts");
const { NUMBER_NAMES } = await loadSource("src/lang/kernel-ts/types.ts");
const { NETWORK_NAMES } = await loadSource("src/lang/kernel-ts/network.ts");
const { helper, programOfSection } = await loadSource("src/object/index.ts");
const { smallKernel } = await loadSource("test/support/small-kernel.ts");

// --- the declarations of scry/bpf

// acorn's own types have no nodes of TypeScript.
const Typed = /** @type {any} */ (Parser.extend(/** @type {any} */ (tsPlugin())));
function parse(name) {
  const text = readFileSync(`${root}src/bpf/${name}`, "utf8");
  const comments = [];
  // A type parameter that is `const` the parser knows of functions alone.
  const { body } = Typed.parse(text.replace(/([<,] *)const /g, "$1      "), {
    ecmaVersion: 2026,
    sourceType: "module",
    locations: true,
    onComment: (block, comment, start, end) =>
      block && comment.startsWith("*") && comments.push({ comment, start, end }),
  });
  return {
    text,
    comments,
    nodes: body.map((node) => ({ outer: node, node: node.declaration ?? node })),
  };
}
const [index, types] = [parse("index.ts"), parse("types.ts")];
const oneLine = (text) => text.replace(/\s+/g, " ").trim();
const textOf = ({ text }, node) => oneLine(text.slice(node.start, node.end));
/** The comment that ends where a node begins. */
function docOf({ text, comments }, node) {
  const found = comments.findLast(({ end }) => end <= node.start);
  if (found === undefined || text.slice(found.end, node.start).trim() !== "") return "";
  return oneLine(found.comment.replace(/^\s*\*/gm, ""));
}

/** Constants that are exported: their type as it is written, and what is said of them. */
const exported = new Map();
const aliases = new Map();
const interfaces = new Map();
for (const file of [index, types])
  for (const { outer, node } of file.nodes) {
    if (node.type === "TSTypeAliasDeclaration") aliases.set(node.id.name, { file, type: node.typeAnnotation });
    if (node.type === "TSInterfaceDeclaration") interfaces.set(node.id.name, { file, members: node.body.body });
    if (node.type !== "VariableDeclaration") continue;
    for (const { id } of node.declarations)
      exported.set(id.name, { file, type: id.typeAnnotation?.typeAnnotation, doc: docOf(file, outer) });
  }

function declared(name) {
  const found = exported.get(name);
  if (found === undefined) throw new Error(`scry/bpf has no '${name}', which the compiler knows`);
  return found;
}

/** With what an alias stands for where that is a function. */
function unaliased({ file, type }) {
  const alias = type?.type === "TSTypeReference" ? aliases.get(type.typeName.name) : undefined;
  return alias?.type.type === "TSFunctionType" ? alias : { file, type };
}
function typeText(found) {
  const { file, type } = unaliased(found);
  return textOf(file, type).replace(/\bnumbers\./g, "");
}

/** A function's parameters, without their types: `tracepoint(name, run)`. */
function call(name, found) {
  const { type } = unaliased(found);
  if (type?.type !== "TSFunctionType") return name;
  const all = type.parameters ?? type.params;
  return `${name}(${all.map((one) => one.name + (one.optional ? "?" : "")).join(", ")})`;
}

/** Members that have names: signature and documentation. */
const members = ({ file, members: all }) =>
  all
    .filter(({ key, computed }) => key?.type === "Identifier" && computed !== true)
    .map((one) => ({
      name: one.key.name,
      text: textOf(file, one)
        .replace(/;$/, "")
        .replace(/\bnumbers\./g, ""),
      doc: docOf(file, one),
    }));

// --- markdown

const cell = (text) => text.replaceAll("|", "\\|");
const code = (text) => (text === "" ? "" : `\`${text}\``);
const table = (columns, rows) =>
  [columns, columns.map(() => "---"), ...rows.map((row) => row.map(cell))]
    .map((row) => `| ${row.join(" | ")} |\n`)
    .join("");

// --- programs

const PLACES = { tracepoint: "category:name", usdt: "path:provider:name", structOps: "struct" };
const place = (name) => PLACES[name] ?? (/^u(?:ret)?probe/.test(name) ? "path:function" : "name");
const programs = Object.entries(PROGRAMS).map(([name, row]) => {
  const found = declared(name);
  const section = row.section(
    Array.from({ length: row.words }, () => ({ kind: "text", text: place(name) })),
    {},
  );
  const type = programOfSection(section)?.type ?? "";
  return [code(call(name, found)), code(section), code(type), code(row.context ?? ""), found.doc];
});

// --- bpf.*

/** How each is called, where a call without arguments is none; the helpers that its program has then are its own. */
const CALLS_OF = {
  loop: "bpf.loop(3, () => {});",
  redirect: "out.value = u64(bpf.redirect(1));",
  print: 'bpf.print("text");',
  userText: "texts.send({ text: bpf.userText(0) });",
  kernelText: "texts.send({ text: bpf.kernelText(0) });",
  comm: "texts.send({ text: bpf.comm() });",
  kernelStack: "stacks.send({ at: bpf.kernelStack() });",
  userStack: "stacks.send({ user: bpf.userStack() });",
  task: "out.value = u64(bpf.task());",
};
/** Of the record that the text goes into. */
const OTHERS = /^(?:ringbuf_\w+|probe_read_(?:kernel|user))$/;
const { btf } = smallKernel();
function helpersOf(name) {
  const statement = CALLS_OF[name] ?? `out.value = bpf.${name}();`;
  for (const program of ['uprobe("/bin/a:f", ()', "xdp(()"]) {
    const text = `import { bpf, kernelStack, live, ring, struct, text, u64, uprobe, userStack, xdp } from "scry/bpf";
const out = live(u64, 0); const texts = ring(struct({ text: text(16) }));
const stacks = ring(struct({ at: kernelStack(4), user: userStack(4) }));
export const p = ${program} => { ${statement} });`;
    const { object } = compileModule({ name: "reference.bpf.ts", text }, { btf: () => btf });
    if (object === undefined) continue;
    const ids = object.programs.flatMap(({ functions }) =>
      functions.flatMap(({ code: all }) => all.filter(({ op, src }) => op === 0x85 && src === 0).map(({ imm }) => imm)),
    );
    return [...new Set(ids)].map((id) => helper(id)).filter((row) => row !== undefined && !OTHERS.test(row.name));
  }
  return [];
}
const { file, type: bpf } = declared("bpf");
const named = members({ file, members: bpf.members });
for (const name of [...Object.keys(BPF), ...iteratorNames])
  if (!named.some((one) => one.name === name)) throw new Error(`scry/bpf has no bpf.${name}`);
const functions = named.map(({ name, text, doc }) => {
  const known = Object.hasOwn(BPF, name);
  if (!known && !iteratorNames.includes(name)) throw new Error(`the compiler has no bpf.${name}`);
  const iterator = iteratorOf(name);
  const helpers = iterator === undefined ? helpersOf(name) : [];
  return [
    code(`bpf.${text}`),
    iterator === undefined ? helpers.map((row) => code(`bpf_${row.name}`)).join(" ") : code(`bpf_iter_${iterator}_*`),
    helpers.map((row) => row.since).join(" "),
    doc,
  ];
});

// --- maps

const maps = Object.entries(MAPS).map(([name, row]) => {
  const found = declared(name);
  return [
    code(call(name, found)),
    code(row.type),
    row.entries === 0 ? "" : String(row.entries),
    row.options.map(code).join(" "),
    Object.keys(row.methods).map(code).join(" "),
    found.doc,
  ];
});
const METHODS = [
  ["Entries of hashes and arrays", "Cells"],
  ["Entries of hashes", "KernelMap"],
  ["Aggregates", "AggregateArray"],
  ["Aggregates of hashes", "AggregateMap"],
  ["Maps of maps", "MapOfMaps"],
  ["Queues and stacks", "Queue"],
  ["Bloom filters", "BloomFilter"],
  ["Storage", "Storage"],
  ["Programs", "ProgramArray"],
  ["Prefixes", "PrefixMap"],
  ["Sockets", "SocketMap"],
  ["Groups of sockets", "SocketGroup"],
  ["Interfaces, CPUs, sockets of AF_XDP", "RedirectMap"],
  ["Rings", "Ring"],
  ["Rings of the user", "UserRing"],
  ["Locks", "Lock"],
  ["Timers", "Timer"],
];
const methods = METHODS.flatMap(([title, name]) =>
  members(interfaces.get(name)).map(({ text, doc }) => [title, code(text), doc]),
);

// --- the rest

const row = (name) => {
  const found = declared(name);
  return [code(call(name, found)), code(typeText(found)), found.doc];
};
const numbers = [...NUMBER_NAMES, ...NETWORK_NAMES];
const records = Object.entries(RECORDS).map(([name, values]) => {
  declared(name);
  return [
    code(name),
    Object.entries(values)
      .map(([one, value]) => `${code(one)} ${value}`)
      .join(", "),
  ];
});

const page = `# Reference of kernel modules

Made from the tables that the compiler goes by, and from the types of \`scry/bpf\` (\`npm run docs\`). The tour is in
[kernel-typescript.md](kernel-typescript.md).

## Programs

${table(["program", "section", "type of the kernel", "given", ""], programs)}
\`structOps(struct, members)\` fills a struct of the kernel's with programs: \`SEC("struct_ops/member")\`.

## Functions of bpf

${table(["function", "helper", "Linux", ""], functions)}
\`helpers.bpf_…\` are all helpers by their own names, \`kernel.…\` functions that the kernel exports.

## Functions that stand alone

${table(["function", "type", ""], [...Object.keys(CALLS), "range", "subprogram", "globalFunction"].map(row))}
\`Math\` has ${Object.keys(MATH).map(code).join(", ")}, of whole numbers.

## Maps

${table(["map", "type of the kernel", "entries (bytes of rings)", "options", "methods of programs", ""], maps)}
### Their methods

${table(["of", "method", ""], methods)}
## Types

${table(["type", "is", ""], numbers.map(row))}
${table(["made by", "type", ""], [...Object.keys(TYPES).filter((name) => name !== "kernelStruct"), "kernelStruct", "timer", "lock"].map(row))}
## Constants

${table(["name", "values"], records)}`;

if (process.argv.includes("--print")) process.stdout.write(page);
else writeFileSync(`${root}docs/kernel-typescript-reference.md`, page);
