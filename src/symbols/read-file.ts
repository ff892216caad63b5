// Files that a user names: what is wrong with one is said of it.

import { readFileSync, statSync } from "node:fs";
import { DiagnosticError } from "../source/index.ts";

/** No object or C text has so many bytes; more is another file by mistake. */
const MOST_BYTES = 256 << 20;

/** Throws a DiagnosticError for what cannot be read; `what` it is says the message. */
export function readForeign(path: string, what = "the object"): Uint8Array {
  const failed = (why: string): DiagnosticError =>
    new DiagnosticError([{ code: "SCRY1126", severity: "error", message: `failed to open ${what} '${path}': ${why}` }]);
  try {
    const stat = statSync(path);
    if (stat.isFile() && stat.size > MOST_BYTES) throw failed(`${stat.size} bytes are too many`);
    if (!stat.isFile()) throw failed(stat.isDirectory() ? "it is a folder" : "it is not a regular file");
    return readFileSync(path);
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    const { code = "" } = error as NodeJS.ErrnoException;
    throw failed({ ENOENT: "there is no such file", EACCES: "permission denied" }[code] ?? code);
  }
}
