// The files that a pattern matches, as a shell would find them.

import { readdirSync, statSync } from "node:fs";
import { isPattern, patternRegExp } from "../probes/index.ts";

/** So many files are taken at the most. */
const MOST = 2_000;

/** Files by a path whose parts may be patterns (`*`, `?`, `[…]`), in the order of their names; hidden ones only where the pattern says so. */
export function matchingFiles(pattern: string): string[] {
  let found = [pattern.startsWith("/") ? "/" : ""];
  for (const part of pattern.split("/")) {
    if (part === "") continue;
    if (!isPattern(part)) {
      found = found.map((folder) => `${folder}${part}/`);
      continue;
    }
    const wanted = patternRegExp(part);
    found = found
      .flatMap((folder) =>
        entriesOf(folder === "" ? "." : folder)
          .filter((name) => wanted.test(name) && (part.startsWith(".") || !name.startsWith(".")))
          .map((name) => `${folder}${name}/`),
      )
      .slice(0, MOST);
  }
  return found.map((path) => path.replace(/\/$/, "")).filter(isFile);
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
