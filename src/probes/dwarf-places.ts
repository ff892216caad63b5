// Places of variables, by debug information, in a probe's terms: which of DWARF's registers the context has, and what of a
// place no probe can see.

import type { Term } from "../dwarf/index.ts";
import { register } from "../elf/index.ts";

/** Registers by DWARF's numbers (System V ABI for x86-64, figure 3.36; for arm64, DWARF for the Arm 64-bit architecture). */
const X86_64 = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split(" ");

/** Where struct pt_regs has a register of DWARF's; undefined for those that are not general ones. */
export function dwarfRegister(number: number, machine: "x86_64" | "aarch64"): number | undefined {
  const name = machine === "x86_64" ? X86_64[number] : number < 31 ? `x${number}` : number === 31 ? "sp" : undefined;
  return name === undefined ? undefined : register(name, machine)?.offset;
}

/** The first register or piece of a place that no probe can see; undefined where it can be worked out. */
export function unreachable(t: Term, machine: "x86_64" | "aarch64", frame: Term | undefined): string | undefined {
  switch (t.kind) {
    case "constant":
    case "static":
      return undefined;
    case "register":
      return dwarfRegister(t.number, machine) === undefined
        ? "it is in a floating-point or vector register"
        : undefined;
    case "frame":
      return frame === undefined ? "its function's frame cannot be found here" : unreachable(frame, machine, undefined);
    case "load":
      return unreachable(t.address, machine, frame);
    case "binary":
      return unreachable(t.left, machine, frame) ?? unreachable(t.right, machine, frame);
  }
}
