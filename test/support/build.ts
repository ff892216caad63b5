// Builds the command once before the tests that run it.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";

export function setup(): void {
  const root = new URL("../..", import.meta.url).pathname;
  const built = `${root}dist/scry.js`;
  const newest = (folder: string): number =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((e) => e.isFile() && e.name.endsWith(".ts"))
      .reduce((most, e) => Math.max(most, statSync(`${e.parentPath}/${e.name}`).mtimeMs), 0);
  if (existsSync(built) && statSync(built).mtimeMs > newest(`${root}src`)) return;
  execFileSync("node", ["scripts/build.mjs", "--no-types"], { cwd: root, stdio: "inherit" });
}
