// Declarations that no entry of the package leads to are left out of it.

import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const SPECIFIER = /(?:from\s+|import\s*\(\s*|import\s+)["'](\.[^"']+)["']/g;

/** The file that a specifier of a declaration means. */
function declarationOf(from, specifier) {
  const path = resolve(dirname(from), specifier.replace(/\.(?:ts|js)$/, ""));
  return [`${path}.d.ts`, join(path, "index.d.ts")].find((file) => existsSync(file));
}

/** Deletes all below `folder` that is not reached from `entries`; answers how many files were. */
export function keepReached(folder, entries) {
  const reached = new Set();
  const waiting = entries.map((entry) => resolve(entry));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const [, specifier] of readFileSync(file, "utf8").matchAll(SPECIFIER)) {
      const next = declarationOf(file, specifier);
      if (next === undefined) throw new Error(`${file} names ${specifier}, which is not there`);
      waiting.push(next);
    }
  }
  let left = 0;
  const visit = (path) => {
    for (const name of readdirSync(path)) {
      const one = join(path, name);
      if (statSync(one).isDirectory()) visit(one);
      else if (!reached.has(resolve(one))) {
        rmSync(one);
        left++;
      }
    }
    if (readdirSync(path).length === 0) rmSync(path, { recursive: true });
  };
  visit(folder);
  return left;
}
