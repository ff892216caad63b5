// Registers by the names that assemblers use, and where `struct pt_regs` keeps them
// (arch/x86/include/uapi/asm/ptrace.h, arch/arm64/include/uapi/asm/ptrace.h).

export type RegisterMachine = "x86_64" | "aarch64";

export interface Register {
  /** The whole register: `rdi`, `x0`, `sp`; `rip` and `pc` too. */
  readonly name: string;
  /** How many bits of it the name means: `%edi` 32, `%ah` 8. */
  readonly bits: 8 | 16 | 32 | 64;
  /** Where these bits start: 8 for `%ah`, else 0. */
  readonly shift: 0 | 8;
  /** Bytes from the start of `struct pt_regs`. */
  readonly offset: number;
}

/** In the order of struct pt_regs, 8 bytes each; what a name is made of stands in `x86Register`. */
const X86_ORDER = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss".split(" ");

function x86Register(name: string): Register | undefined {
  const make = (whole: string, bits: Register["bits"], shift: 0 | 8 = 0): Register | undefined => {
    const index = X86_ORDER.indexOf(whole);
    return index < 0 ? undefined : { name: whole, bits, shift, offset: index * 8 };
  };
  const numbered = /^r(8|9|1[0-5])([dwb]?)$/.exec(name);
  if (numbered !== null)
    return make(`r${numbered[1]}`, numbered[2] === "d" ? 32 : numbered[2] === "w" ? 16 : numbered[2] === "b" ? 8 : 64);
  if (/^r(ax|bx|cx|dx|si|di|bp|sp|ip)$/.test(name)) return make(name, 64);
  if (/^e(ax|bx|cx|dx|si|di|bp|sp|ip)$/.test(name)) return make(`r${name.slice(1)}`, 32);
  if (/^(ax|bx|cx|dx|si|di|bp|sp|ip)$/.test(name)) return make(`r${name}`, 16);
  if (/^[abcd]l$/.test(name)) return make(`r${name[0]}x`, 8);
  if (/^[abcd]h$/.test(name)) return make(`r${name[0]}x`, 8, 8);
  if (/^(si|di|bp|sp)l$/.test(name)) return make(`r${name.slice(0, 2)}`, 8);
  return undefined;
}

function armRegister(name: string): Register | undefined {
  if (name === "sp") return { name, bits: 64, shift: 0, offset: 248 };
  if (name === "pc") return { name, bits: 64, shift: 0, offset: 256 };
  const alias = name === "lr" ? "x30" : name === "fp" ? "x29" : name;
  const match = /^([xw])(\d|[12]\d|30)$/.exec(alias);
  if (match === null) return undefined;
  const number = Number(match[2]);
  return { name: `x${number}`, bits: match[1] === "x" ? 64 : 32, shift: 0, offset: number * 8 };
}

/** A general register by an assembler's name without `%`; undefined for any other (floating point, segments). */
export function register(name: string, machine: RegisterMachine): Register | undefined {
  return machine === "x86_64" ? x86Register(name) : armRegister(name);
}
