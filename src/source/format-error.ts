// Bytes of others (programs, libraries, objects, recordings) that are not what they ought to be: the one way in which every
// reader of such bytes says so. It is a diagnostic, so that wherever it comes up the user reads a sentence.

import { DiagnosticError } from "./diagnostic.ts";

/** A file, or a part of one, that is damaged, or of a kind or version that is not supported. */
export class FormatError extends DiagnosticError {
  /** What is read: `ELF file`, `/bin/ls: .debug_info`. */
  readonly what: string;
  readonly reason: string;
  /** Where in `what` the damage was noticed, in bytes; absent where it is whole, but nothing that we can read. */
  readonly offset: number | undefined;

  constructor(what: string, reason: string, offset?: number) {
    const message =
      offset === undefined ? `${what}: ${reason}` : `${what}: damaged, at offset 0x${offset.toString(16)}: ${reason}`;
    super([{ code: "SCRY1124", severity: "error", message }]);
    this.name = "FormatError";
    this.message = message;
    this.what = what;
    this.reason = reason;
    this.offset = offset;
  }

  /** The same, of the file at a path. */
  of(path: string): FormatError {
    return this.offset === undefined
      ? new FormatError(path, this.reason)
      : new FormatError(`${path}: ${this.what}`, this.reason, this.offset);
  }
}
