// Loads a module of the source tree into a script: bundled by esbuild into a file that is gone once it is loaded. The file
// stands under node_modules, so that what is not bundled (koffi) is found from there.

import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { inlineConstants } from "./inline-constants.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = `${root}node_modules/.scry/`;

/** The exports of a TypeScript file, by its path from the root of the repository. */
export async function loadSource(path) {
  mkdirSync(folder, { recursive: true });
  const outfile = `${folder}${path.replace(/\W/g, "-")}-${process.pid}.mjs`;
  await build({
    entryPoints: [root + path],
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    outfile,
    external: ["koffi"],
    logLevel: "error",
    // As the package is built: what is measured here is what users have.
    plugins: [inlineConstants(`${root}src`)],
  });
  try {
    return await import(outfile);
  } finally {
    rmSync(outfile, { force: true });
  }
}
