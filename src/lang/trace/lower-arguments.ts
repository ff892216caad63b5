// The probe's arguments, by each way in which a context carries them.

import type { Value } from "../../compiler/index.ts";
import type { UsdtArgument } from "../../elf/index.ts";
import { type Operand, readForeign } from "./lower-memory.ts";
import { variableOperand } from "./lower-variables.ts";
import type { Lowering } from "./lowering.ts";
import type { ArgumentAccess, ProbeArgument } from "./probes.ts";
import { registerOffsets } from "./registers.ts";
import type { Type } from "./types.ts";

/** The program's context; a callback has none. */
export function contextOf(l: Lowering): Value {
  return (
    l.context ??
    l.fail(
      "SCRY1905",
      "the probe's arguments cannot be read inside a for loop over a map yet",
      l.b.span ?? l.unit.probe.span,
    )
  );
}

export function argument(l: Lowering, found: ProbeArgument): Operand {
  return accessOperand(l, found.access, found.type);
}

export function accessOperand(l: Lowering, access: ArgumentAccess, type: Type): Operand {
  const b = l.b;
  const context = contextOf(l);
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
      return number(narrow(l, b.load("u64", context, access.index * 8), type));
    case "syscall": {
      const registers = l.once("registers", () => b.load("u64", context, 0, { kind: "kernel", type: "pt_regs" }));
      const offset = registerOffsets(l.script.checker.env.machine).syscallArguments[access.index] as number;
      return number(narrow(l, b.load("u64", registers, offset), type));
    }
    case "syscall-number":
      return number(syscallNumber(l, l.form.target?.name === "sys_exit"));
    case "register": {
      const offset = registerOffsets(l.script.checker.env.machine).arguments[access.index];
      if (offset === undefined)
        return l.fail("SCRY1302", `arg${access.index} is not passed in a register`, l.b.span ?? l.unit.probe.span);
      return number(b.load("u64", context, offset));
    }
    case "return-register":
      return number(b.load("u64", context, registerOffsets(l.script.checker.env.machine).returns));
    case "usdt":
      return number(usdtArgument(l, context, access.argument));
    case "variable":
      return variableOperand(l, access, type);
    case "lost":
      return l.fail("SCRY1233", `it cannot be read: ${access.why}`, l.b.span ?? l.unit.probe.span);
    case "context-field":
      return number(b.load("u64", context, access.offset));
  }
}

/** Cuts a 64-bit register down to the type that the kernel's code means. */
function narrow(l: Lowering, v: Value, type: Type): Value {
  if (type.kind === "bool") return l.b.zext(v, 8);
  if (type.kind !== "int" || type.bits === 64) return v;
  return type.signed ? l.b.sext(v, type.bits) : l.b.zext(v, type.bits);
}

/** The number of the system call at hand, in a program on the raw tracepoints. */
export function syscallNumber(l: Lowering, exit: boolean): Value {
  const b = l.b;
  const context = contextOf(l);
  if (!exit) return l.once("syscall number", () => b.load("u64", context, 8));
  const registers = l.once("registers", () => b.load("u64", context, 0, { kind: "kernel", type: "pt_regs" }));
  return l.once("syscall number", () =>
    b.load("u64", registers, registerOffsets(l.script.checker.env.machine).syscallNumber),
  );
}

function usdtArgument(l: Lowering, context: Value, a: UsdtArgument): Value {
  const b = l.b;
  const here = l.b.span ?? l.unit.probe.span;
  const cut = (v: Value): Value =>
    a.size === 8 ? v : a.signed ? b.sext(v, (a.size * 8) as 8) : b.zext(v, (a.size * 8) as 8);
  switch (a.kind) {
    case "constant":
      return b.const(a.value);
    case "register": {
      const whole = b.load("u64", context, a.register.offset);
      return cut(a.register.shift === 0 ? whole : b.binary("shr", whole, a.register.shift));
    }
    case "memory": {
      if (a.segment !== undefined)
        return l.fail("SCRY1303", "the probe's argument is in thread-local memory, which cannot be read yet", here);
      let address = a.base === undefined ? b.const(a.offset) : b.add(b.load("u64", context, a.base.offset), a.offset);
      if (a.index !== undefined)
        address = b.add(address, b.binary("mul", b.load("u64", context, a.index.offset), a.scale));
      const slot = b.slot(8);
      b.store(64, slot, 0, 0);
      readForeign(l, slot, 0, a.size, address, 0, "user");
      return cut(b.load("u64", slot, 0));
    }
    case "symbol":
      return l.fail("SCRY1303", `the probe's argument is at the symbol '${a.symbol}', which cannot be read yet`, here);
    case "unreadable":
      return l.fail("SCRY1303", `the probe's argument cannot be read: ${a.text}`, here);
  }
}
