// Which registers carry arguments and results, by the C and system-call conventions, as offsets in struct pt_regs.

import { type RegisterMachine, register } from "../elf/index.ts";

export interface RegisterOffsets {
  /** Function arguments by the C calling convention. */
  readonly arguments: readonly number[];
  readonly syscallArguments: readonly number[];
  readonly syscallNumber: number;
  readonly returns: number;
  readonly instructionPointer: number;
  readonly stackPointer: number;
  /** CS on x86, whose low bits tell user mode. */
  readonly codeSegment?: number;
}

const NAMES: Readonly<
  Record<
    RegisterMachine,
    {
      readonly args: string;
      readonly syscall: string;
      readonly returns: string;
      readonly ip: string;
      readonly sp: string;
    }
  >
> = {
  x86_64: { args: "rdi rsi rdx rcx r8 r9", syscall: "rdi rsi rdx r10 r8 r9", returns: "rax", ip: "rip", sp: "rsp" },
  aarch64: { args: "x0 x1 x2 x3 x4 x5 x6 x7", syscall: "x0 x1 x2 x3 x4 x5", returns: "x0", ip: "pc", sp: "sp" },
};

/** orig_rax of x86's struct pt_regs; orig_x0 and syscallno of arm64's, which stand behind the user's part. */
const X86_ORIG_RAX = 120;
const X86_CS = 136;
const ARM64_ORIG_X0 = 272;
const ARM64_SYSCALLNO = 280;

export function registerOffsets(machine: RegisterMachine): RegisterOffsets {
  const names = NAMES[machine];
  const at = (name: string): number => register(name, machine)?.offset ?? 0;
  const syscallArguments = names.syscall.split(" ").map(at);
  // x0 is overwritten by the result; the kernel keeps the first argument apart.
  if (machine === "aarch64") syscallArguments[0] = ARM64_ORIG_X0;
  return {
    arguments: names.args.split(" ").map(at),
    syscallArguments,
    syscallNumber: machine === "x86_64" ? X86_ORIG_RAX : ARM64_SYSCALLNO,
    returns: at(names.returns),
    instructionPointer: at(names.ip),
    stackPointer: at(names.sp),
    ...(machine === "x86_64" ? { codeSegment: X86_CS } : {}),
  };
}
