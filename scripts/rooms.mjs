// Holds the order of the rooms (see ARCHITECTURE.md): a room imports only from rooms before it in the list, and only
// by their face; pure rooms import nothing of Node.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = new URL("../src/", import.meta.url).pathname;

const order = [
  "source",
  "isa",
  "btf",
  "elf",
  "dwarf",
  "object",
  "compiler",
  "lang/trace",
  "verifier",
  "machine",
  "run",
  "replay",
  "kernel",
  "symbols",
  "session",
  "views",
  "tools",
  "cli",
];
const pure = new Set([
  "source",
  "isa",
  "btf",
  "elf",
  "dwarf",
  "object",
  "compiler",
  "lang/trace",
  "verifier",
  "machine",
  "run",
  "replay",
  "views",
]);

const files = readdirSync(root, { recursive: true })
  .map(String)
  .filter((f) => f.endsWith(".ts") && !/\.(test|test-data)\.ts$/.test(f));

const roomOf = (file) => order.find((room) => file === room || file.startsWith(`${room}/`));
const problems = [];

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
      if (pure.has(room)) problems.push(`${file}: a pure room imports ${name}`);
      if (name === "koffi" && file !== "kernel/koffi-calls.ts")
        problems.push(`${file}: only kernel/koffi-calls.ts knows koffi`);
      continue;
    }
    const target = relative(root, resolve(root, dirname(file), name));
    const other = roomOf(target);
    if (other === room) continue;
    if (room === undefined) continue;
    if (other === undefined || order.indexOf(other) > order.indexOf(room))
      problems.push(`${file}: ${room} must not know ${other ?? target}`);
    // The views know the trace language from inside its room only by one file of their own.
    else if (!target.endsWith("/index.ts") && file !== "views/language.ts")
      problems.push(`${file}: imports ${target}, not the face of ${other}`);
  }
}

if (!process.argv.includes("--quiet")) console.log(`rooms: ${files.length} files in ${order.length} rooms`);
for (const p of problems) console.error(`rooms: ${p}`);
process.exitCode = problems.length === 0 ? 0 : 1;
