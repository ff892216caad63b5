// Variables of a program in the middle of its code: their places by debug information, worked out in the probe.

import type { Value } from "../../compiler/index.ts";
import type { Term } from "../../dwarf/index.ts";
import { register } from "../../elf/index.ts";
import { contextOf } from "./lower-arguments.ts";
import { type Operand, readForeign } from "./lower-memory.ts";
import type { Lowering } from "./lowering.ts";
import type { ArgumentAccess } from "./probes.ts";
import { registerOffsets } from "./registers.ts";
import type { Type } from "./types.ts";

/** Registers by DWARF's numbers (System V ABI for x86-64, figure 3.36; for arm64, DWARF for the Arm 64-bit architecture). */
const X86_64 = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split(" ");

/** Where struct pt_regs has a register of DWARF's; undefined for those that are not general ones. */
export function dwarfRegister(number: number, machine: "x86_64" | "aarch64"): number | undefined {
  const name = machine === "x86_64" ? X86_64[number] : number < 31 ? `x${number}` : number === 31 ? "sp" : undefined;
  return name === undefined ? undefined : register(name, machine)?.offset;
}

type VariableAccess = Extract<ArgumentAccess, { kind: "variable" }>;

export function variableOperand(l: Lowering, access: VariableAccess, type: Type): Operand {
  const { location } = access;
  switch (location.kind) {
    case "memory":
      return { kind: "memory", type, pointer: term(l, access, location.address), offset: 0, space: "user" };
    case "register":
      return {
        kind: "value",
        type,
        value: cut(l, term(l, access, { kind: "register", number: location.number }), type),
      };
    case "value":
      return { kind: "value", type, value: cut(l, term(l, access, location.value), type) };
    case "bytes": {
      let value = 0n;
      for (let i = Math.min(8, location.bytes.length) - 1; i >= 0; i--)
        value = (value << 8n) | BigInt(location.bytes[i] as number);
      return { kind: "value", type, value: cut(l, l.b.const(BigInt.asIntN(64, value)), type) };
    }
  }
}

function cut(l: Lowering, value: Value, type: Type): Value {
  if (type.kind === "bool") return l.b.zext(value, 8);
  if (type.kind !== "int" || type.bits === 64) return value;
  return type.signed ? l.b.sext(value, type.bits) : l.b.zext(value, type.bits);
}

function term(l: Lowering, access: VariableAccess, t: Term): Value {
  const b = l.b;
  const { machine } = l.script.checker.env;
  switch (t.kind) {
    case "constant":
      return b.const(BigInt.asIntN(64, t.value));
    case "register":
      return b.load("u64", contextOf(l), dwarfRegister(t.number, machine) ?? 0);
    case "frame":
      return term(l, access, access.frame ?? { kind: "constant", value: 0n });
    case "static": {
      // The probe's own address says where the file was loaded.
      const ip = b.load("u64", contextOf(l), registerOffsets(machine).instructionPointer);
      return b.add(ip, b.const(BigInt.asIntN(64, t.address - BigInt(access.address))));
    }
    case "load": {
      const slot = b.slot(8);
      b.store(64, slot, 0, 0);
      readForeign(l, slot, 0, t.size, term(l, access, t.address), 0, "user");
      return b.load("u64", slot, 0);
    }
    case "binary": {
      const left = term(l, access, t.left);
      if (t.operator === "add" && t.right.kind === "constant")
        return b.add(left, b.const(BigInt.asIntN(64, t.right.value)));
      return b.binary(t.operator, left, term(l, access, t.right));
    }
  }
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
