// tsc over files of a folder, with the package's own sources as `scry` and its parts.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");

export interface Complaints {
  /** `file:line code`, the first of each line. */
  readonly lines: string[];
  /** All that was printed. */
  readonly text: string;
  /** Seconds of the process. */
  readonly seconds: number;
}

/** What tsc says of a folder's files, as strict as projects of `scry init` are and more. Throws where it says nothing of them. */
export function complaintsOf(folder: string, files: readonly string[]): Complaints {
  const source = (path: string): string[] => [join(root, "src", path)];
  const compilerOptions = {
    target: "ES2022",
    lib: ["ES2023", "ESNext.Disposable"],
    module: "NodeNext",
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
    paths: {
      scry: source("index.ts"),
      "scry/bpf": source("bpf/index.ts"),
      "scry/test": source("test-kit.ts"),
    },
  };
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const start = performance.now();
  const { stdout, stderr, status, error } = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], {
    cwd: folder,
    encoding: "utf8",
  });
  const seconds = (performance.now() - start) / 1000;
  if (error !== undefined) throw error;
  const first = new Map<string, string>();
  for (const [, place = "", code = ""] of stdout.matchAll(/^(\S.*?\(\d+),\d+\): error (TS\d+): /gm))
    if (!first.has(place)) first.set(place, code);
  // What is wrong with no file in particular is nothing that a case asks for.
  if (status !== 0 && first.size === 0) throw new Error(stdout + stderr);
  return { lines: [...first].map(([place, code]) => `${place.replace("(", ":")} ${code}`), text: stdout, seconds };
}
