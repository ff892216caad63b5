// Bundles the package with esbuild: one file for the command, one for each room that is a library of its own.

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { inlineConstants } from "./inline-constants.mjs";
import { withoutHelp } from "./leave-out-help.mjs";
import { keepReached } from "./reached-types.mjs";

const root = new URL("..", import.meta.url).pathname;
const packageJson = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const { version } = packageJson;
rmSync(`${root}dist`, { recursive: true, force: true });

/** @type {import("esbuild").BuildOptions} */
const common = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  external: ["koffi"],
  define: { SCRY_VERSION: JSON.stringify(version) },
  logLevel: "warning",
  legalComments: "none",
  plugins: [inlineConstants(`${root}src`)],
};

/** The library of the language server stands in a file of its own: only `scry lsp` reads it. */
const languageServer = {
  name: "language-server",
  setup({ onResolve }) {
    onResolve({ filter: /^vscode-languageserver\// }, () => ({ path: "./language-server.cjs", external: true }));
  },
};
/**
 * The commands for objects and those that act on the network stand in files of their own, which share their parts with the library;
 * those for packets in one that has all that they need: no script reads them.
 */
const laterCommands = {
  name: "later-commands",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.\/(objects|packets|net)\/index\.ts$/ }, ({ path }) => ({
      path: `./${path.split("/")[1].replace(/s$/, "")}-commands.js`,
      external: true,
    }));
  },
};
await build({
  ...common,
  stdin: { contents: 'module.exports = require("vscode-languageserver/node.js");', resolveDir: root },
  outfile: "dist/language-server.cjs",
  format: "cjs",
  minify: true,
  plugins: [],
});

// The command: a launcher, and one file with everything, in the form that V8's code cache takes (see src/cli/scry.ts).
await build({
  ...common,
  entryPoints: { scry: "src/cli/scry.ts" },
  outdir: "dist",
  minify: true,
  banner: { js: "#!/usr/bin/env node" },
});
await build({
  ...common,
  entryPoints: { "scry.bundle": "src/cli/index.ts" },
  outdir: "dist",
  outExtension: { ".js": ".cjs" },
  format: "cjs",
  minify: true,
  define: { ...common.define, "import.meta.url": "__here" },
  plugins: [inlineConstants(`${root}src`, withoutHelp), languageServer, laterCommands],
  // The form that V8's code cache takes has `require` alone.
  supported: { "dynamic-import": false },
  banner: { js: "const __here=require('node:url').pathToFileURL(__filename).href;" },
});
await build({
  ...common,
  entryPoints: { "packet-commands": "src/cli/packets/index.ts" },
  outdir: "dist",
  minify: true,
});
chmodSync(`${root}dist/scry.js`, 0o755);
for (const file of ["demo.bt", "demo.jsonl"]) copyFileSync(`${root}src/cli/commands/${file}`, `${root}dist/${file}`);
copyFileSync(`${root}docs/diagnostics.md`, `${root}dist/diagnostics.md`);

// The manual page, and what `scry help TOPIC` reads, from the tables of commands and of the language.
await build({
  ...common,
  stdin: {
    contents:
      'export { commands } from "./src/cli/commands.ts"; export { manualPage } from "./src/cli/man.ts"; export { topics } from "./src/cli/topics.ts";',
    resolveDir: root,
    loader: "ts",
  },
  outfile: "dist/man.tmp.mjs",
});
const { commands, manualPage, topics } = await import(`${root}dist/man.tmp.mjs`);
writeFileSync(`${root}dist/scry.8`, manualPage(commands, version));
writeFileSync(`${root}dist/help.json`, JSON.stringify(topics(commands)));
rmSync(`${root}dist/man.tmp.mjs`);

const rooms = {
  index: "src/index.ts",
  isa: "src/isa/index.ts",
  btf: "src/btf/index.ts",
  elf: "src/elf/index.ts",
  object: "src/object/index.ts",
  compiler: "src/compiler/index.ts",
  schema: "src/schema/index.ts",
  probes: "src/probes/index.ts",
  "lang-trace": "src/lang/trace/index.ts",
  verifier: "src/verifier/index.ts",
  machine: "src/machine/index.ts",
  embedded: "src/embedded.ts",
  filter: "src/filter.ts",
  firewall: "src/firewall.ts",
  test: "src/test-kit.ts",
  plugin: "src/plugin.ts",
  kernel: "src/kernel/index.ts",
  symbols: "src/symbols/index.ts",
  loader: "src/loader/index.ts",
  bcc: "src/bcc/index.ts",
  bpf: "src/bpf/index.ts",
  "object-commands": "src/cli/objects/index.ts",
  "net-commands": "src/cli/net/index.ts",
  views: "src/views/index.ts",
};
await build({
  ...common,
  entryPoints: rooms,
  outdir: "dist",
  splitting: true,
  chunkNames: "chunks/[hash]",
  minifySyntax: true,
  minifyWhitespace: true,
});

if (!process.argv.includes("--no-types")) {
  execFileSync("npx", ["tsc", "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
  const entries = Object.values(packageJson.exports).flatMap((entry) =>
    entry.types === undefined ? [] : [entry.types],
  );
  keepReached(
    `${root}dist/types`,
    entries.map((entry) => `${root}${entry}`),
  );
}
