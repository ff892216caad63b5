// Loads a module of the source tree into a script: bundled by esbuild, in memory.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The exports of a TypeScript file, by its path from the root of the repository. */
export async function loadSource(path) {
  const { outputFiles } = await build({
    entryPoints: [root + path],
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    write: false,
    external: ["koffi"],
    logLevel: "error",
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
