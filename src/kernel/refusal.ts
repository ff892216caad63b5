// What the log of the kernel's verifier says of a program that it refuses: the place in the source, and what is missing.

import { POISON } from "../co-re/index.ts";
import type { LinkedProgram } from "../object/index.ts";
import type { Span } from "../source/index.ts";
import { SystemCallError, VerifierError } from "./errors.ts";

/** The error for a program that was not loaded; where the log says nothing, the system call's own. */
export function refusal(name: string, program: LinkedProgram, errno: number, log: string): Error {
  if (log.trim() === "") return new SystemCallError("bpf(BPF_PROG_LOAD)", errno, `program "${name}"`);
  const slot = lastSlot(log);
  return new VerifierError(name, errno, log, spanOf(slot, program), poisonAt(slot, log, program));
}

/** What code asks for that the verifier has come to, and that this kernel does not have. */
function poisonAt(slot: number, log: string, { relocations }: LinkedProgram): string | undefined {
  if (!log.includes(`#${POISON}`)) return undefined;
  const found = relocations.find((one) => one.slot === slot)?.ref;
  if (found?.kind === "poison") return `${found.reason}, and the program does not ask before it uses it`;
  return found?.kind === "kfunc" ? `this kernel has no function ${found.name} for programs (kfunc)` : undefined;
}

/** The slot of the last instruction that the log shows (`12: (7b) …`). */
function lastSlot(log: string): number {
  let slot = -1;
  for (const match of log.matchAll(/^(\d+): \([0-9a-f]{2}\)/gm)) slot = Number(match[1]);
  return slot;
}

/** The place in the source of an instruction. */
function spanOf(slot: number, program: LinkedProgram): Span | undefined {
  let span: Span | undefined;
  for (const line of program.lines) if (line.slot <= slot) span = line.span;
  return span;
}
