// The probe's arguments, by each way in which a context carries them.

import type { Value } from "../compiler/index.ts";
import type { UsdtArgument } from "../elf/index.ts";
import { type ArgumentAccess, type ProbeArgument, registerOffsets } from "../probes/index.ts";
import type { Type } from "../schema/index.ts";
import { type Operand, readForeign } from "./memory.ts";
import { contextOf, fail, here, once, type ProgramState } from "./state.ts";
import { variableOperand } from "./variables.ts";

export function argument(p: ProgramState, found: ProbeArgument): Operand {
  return accessOperand(p, found.access, found.type);
}

export function accessOperand(p: ProgramState, access: ArgumentAccess, type: Type): Operand {
  const b = p.b;
  const context = contextOf(p);
  const number = (v: Value): Operand => ({ kind: "value", type, value: v });
  switch (access.kind) {
    case "record": {
      const kind =
        type.kind === "pointer" || type.kind === "bool"
          ? `u${access.size * 8}`
          : `${access.signed ? "s" : "u"}${access.size * 8}`;
      return number(b.load((kind === "s64" ? "u64" : kind) as "u8", context, access.offset));
    }
    case "record-array":
      return { kind: "memory", type, pointer: context, offset: access.offset, space: "ctx" };
    case "data-loc": {
      const word = b.load("u32", context, access.offset);
      const place = b.and(word, 0xffff);
      const start = access.relative ? b.add(place, access.offset + 4) : place;
      return number(b.add(context, start));
    }
    case "raw":
      return number(narrow(p, b.load("u64", context, access.index * 8), type));
    case "syscall": {
      const registers = once(p, "registers", () => b.load("u64", context, 0, { kind: "kernel", type: "pt_regs" }));
      const offset = registerOffsets(p.object.target.machine).syscallArguments[access.index] as number;
      return number(narrow(p, b.load("u64", registers, offset), type));
    }
    case "syscall-number":
      return number(syscallNumber(p, p.variant.target?.name === "sys_exit"));
    case "register": {
      const offset = registerOffsets(p.object.target.machine).arguments[access.index];
      if (offset === undefined) return fail(p, "SCRY1302", `arg${access.index} is not passed in a register`, here(p));
      return number(b.load("u64", context, offset));
    }
    case "return-register":
      return number(b.load("u64", context, registerOffsets(p.object.target.machine).returns));
    case "usdt":
      return number(usdtArgument(p, context, access.argument));
    case "variable":
      return variableOperand(p, access, type);
    case "lost":
      return fail(p, "SCRY1248", `it cannot be read: ${access.why}`, here(p));
    case "context-field":
      // Each stands in a word of its own (__bpf_md_ptr, and __aligned(8), of kernel/bpf/task_iter.c and its like).
      return number(narrow(p, b.load("u64", context, access.offset), type));
  }
}

/** Cuts a 64-bit register down to the type that the kernel's code means. */
function narrow(p: ProgramState, v: Value, type: Type): Value {
  if (type.kind === "bool") return p.b.zext(v, 8);
  if (type.kind !== "int" || type.bits === 64) return v;
  return type.signed ? p.b.sext(v, type.bits) : p.b.zext(v, type.bits);
}

/** The number of the system call at hand, in a program on the raw tracepoints. */
export function syscallNumber(p: ProgramState, exit: boolean): Value {
  const b = p.b;
  const context = contextOf(p);
  if (!exit) return once(p, "syscall number", () => b.load("u64", context, 8));
  const registers = once(p, "registers", () => b.load("u64", context, 0, { kind: "kernel", type: "pt_regs" }));
  return once(p, "syscall number", () =>
    b.load("u64", registers, registerOffsets(p.object.target.machine).syscallNumber),
  );
}

function usdtArgument(p: ProgramState, context: Value, a: UsdtArgument): Value {
  const b = p.b;
  const cut = (v: Value): Value =>
    a.size === 8 ? v : a.signed ? b.sext(v, (a.size * 8) as 8) : b.zext(v, (a.size * 8) as 8);
  switch (a.kind) {
    case "constant":
      // Compilers write constants without a sign of their own as they like: $-1 is also 4@, a 32-bit one.
      return b.const(a.signed ? BigInt.asIntN(a.size * 8, a.value) : BigInt.asUintN(a.size * 8, a.value));
    case "register": {
      const whole = b.load("u64", context, a.register.offset);
      return cut(a.register.shift === 0 ? whole : b.binary("shr", whole, a.register.shift));
    }
    case "memory": {
      if (a.segment !== undefined)
        return fail(p, "SCRY1303", "the probe's argument is in thread-local memory, which cannot be read yet", here(p));
      let address = a.base === undefined ? b.const(a.offset) : b.add(b.load("u64", context, a.base.offset), a.offset);
      if (a.index !== undefined)
        address = b.add(address, b.binary("mul", b.load("u64", context, a.index.offset), a.scale));
      const slot = b.slot(8);
      b.store(64, slot, 0, 0);
      readForeign(p, slot, 0, a.size, address, 0, "user");
      return cut(b.load("u64", slot, 0));
    }
    case "symbol":
      return fail(
        p,
        "SCRY1303",
        `the probe's argument is at the symbol '${a.symbol}', which cannot be read yet`,
        here(p),
      );
    case "unreadable":
      return fail(p, "SCRY1303", `the probe's argument cannot be read: ${a.text}`, here(p));
  }
}
