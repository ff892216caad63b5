// Holds the order of the rooms (see ARCHITECTURE.md): a room imports only from rooms before it in the list, and only
// by their face; pure rooms import nothing of Node; no two files import each other, by way of others or not, types included.
// Files beside the rooms are the package's faces: they import rooms by their faces, and no room imports them. Tests stand
// where they test; what they need besides lies below test/, which nothing of the package imports.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = new URL("../src/", import.meta.url).pathname;

const order = [
  "source",
  "packets",
  "bpf",
  "isa",
  "wasm",
  "btf",
  "c",
  "elf",
  "dwarf",
  "demangle",
  "object",
  "co-re",
  "compiler",
  "schema",
  "probes",
  "codegen",
  "lang/trace/parse",
  "lang/trace/format",
  "lang/trace/check",
  "lang/trace/lower",
  "lang/trace/builtins",
  "lang/trace/editor",
  "lang/trace",
  "lang/c",
  "lang/kernel-ts",
  "lang/kernel-types",
  "lang/filter",
  "capture",
  "verifier",
  "machine",
  "run",
  "replay",
  "user-side",
  "config",
  "net/services",
  "net/firewall",
  "net/balance",
  "kernel",
  "symbols",
  "session",
  "sources",
  "loader",
  "bcc",
  "net",
  "views",
  "tools",
  "lsp",
  "cli",
];
// Libraries without I/O, which pure rooms may use.
const pureParsers = new Set(["acorn", "@sveltejs/acorn-typescript", "yaml"]);
const pure = new Set([
  "source",
  "packets",
  "bpf",
  "isa",
  "wasm",
  "btf",
  "c",
  "elf",
  "dwarf",
  "demangle",
  "object",
  "co-re",
  "compiler",
  "schema",
  "probes",
  "codegen",
  "lang/trace/parse",
  "lang/trace/format",
  "lang/trace/check",
  "lang/trace/lower",
  "lang/trace/builtins",
  "lang/trace/editor",
  "lang/trace",
  "lang/c",
  "lang/kernel-ts",
  "lang/kernel-types",
  "lang/filter",
  "capture",
  "verifier",
  "machine",
  "run",
  "replay",
  "user-side",
  "config",
  "net/firewall",
  "net/balance",
  "net/services",
  "views",
]);

const files = readdirSync(root, { recursive: true })
  .map(String)
  // Texts of kernel modules are no modules of the package.
  .filter((f) => f.endsWith(".ts") && !/\.(?:test|bpf)\.ts$/.test(f));
for (const file of files) if (/test-data/.test(file)) throw new Error(`${file}: test data lies below test/data`);

// The longest name wins: lang/trace/parse is a room within lang/trace.
const roomOf = (file) =>
  order.filter((room) => file === room || file.startsWith(`${room}/`)).sort((a, b) => b.length - a.length)[0];
const problems = [];
/** Which files each file imports. */
const edges = new Map(files.map((file) => [file, []]));

for (const file of files) {
  const text = readFileSync(join(root, file), "utf8");
  const room = roomOf(file);
  if (room === undefined && dirname(file) !== ".")
    problems.push(`${file}: stands in no room that scripts/rooms.mjs knows`);
  const imports = [
    ...text.matchAll(/^\s*(?:import|export)\s[^;"']*?from\s+["']([^"']+)["']|\bimport\(["']([^"']+)["']\)/gm),
  ];
  for (const [, from, dynamic] of imports) {
    const name = from ?? dynamic;
    if (!name.startsWith(".")) {
      if (pure.has(room) && !pureParsers.has(name)) problems.push(`${file}: a pure room imports ${name}`);
      if (name === "koffi" && file !== "kernel/koffi-calls.ts")
        problems.push(`${file}: only kernel/koffi-calls.ts knows koffi`);
      continue;
    }
    const target = relative(root, resolve(root, dirname(file), name));
    edges.get(file).push(target);
    const other = roomOf(target);
    if (target.startsWith("..")) problems.push(`${file}: imports ${target}, which is outside of src`);
    if (other === room) continue;
    if (room === undefined) {
      if (other === "cli") problems.push(`${file}: the package's face must not know the command`);
      else if (!target.endsWith("/index.ts")) problems.push(`${file}: imports ${target}, not the face of ${other}`);
      continue;
    }
    if (other === undefined || order.indexOf(other) > order.indexOf(room))
      problems.push(`${file}: ${room} must not know ${other ?? target}`);
    else if (!target.endsWith("/index.ts")) problems.push(`${file}: imports ${target}, not the face of ${other}`);
  }
}

/** Files that reach each other, in groups (Tarjan's strongly connected components). */
function circles() {
  const found = [];
  const state = new Map();
  const stack = [];
  const visit = (file) => {
    const own = { index: state.size, low: state.size, open: true };
    state.set(file, own);
    stack.push(file);
    for (const next of edges.get(file) ?? []) {
      const other = state.get(next);
      if (other === undefined) own.low = Math.min(own.low, visit(next).low);
      else if (other.open) own.low = Math.min(own.low, other.index);
    }
    if (own.low === own.index) {
      const group = stack.splice(stack.indexOf(file));
      for (const member of group) state.get(member).open = false;
      if (group.length > 1) found.push(group);
    }
    return own;
  };
  for (const file of files) if (!state.has(file)) visit(file);
  return found;
}
for (const group of circles()) problems.push(`${group.length} files import each other: ${group.sort().join(", ")}`);

if (!process.argv.includes("--quiet")) console.log(`rooms: ${files.length} files in ${order.length} rooms`);
for (const p of problems) console.error(`rooms: ${p}`);
process.exitCode = problems.length === 0 ? 0 : 1;
