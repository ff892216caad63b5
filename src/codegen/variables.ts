// Variables of a program in the middle of its code: their places by debug information, worked out in the probe.

import type { Value } from "../compiler/index.ts";
import type { Term } from "../dwarf/index.ts";
import { type ArgumentAccess, dwarfRegister, registerOffsets } from "../probes/index.ts";
import type { Type } from "../schema/index.ts";
import { type Operand, readForeign } from "./memory.ts";
import { contextOf, type ProgramState } from "./state.ts";

type VariableAccess = Extract<ArgumentAccess, { kind: "variable" }>;

export function variableOperand(p: ProgramState, access: VariableAccess, type: Type): Operand {
  const { location } = access;
  switch (location.kind) {
    case "memory":
      return { kind: "memory", type, pointer: term(p, access, location.address), offset: 0, space: "user" };
    case "register":
      return {
        kind: "value",
        type,
        value: cut(p, term(p, access, { kind: "register", number: location.number }), type),
      };
    case "value":
      return { kind: "value", type, value: cut(p, term(p, access, location.value), type) };
    case "bytes": {
      let value = 0n;
      for (let i = Math.min(8, location.bytes.length) - 1; i >= 0; i--)
        value = (value << 8n) | BigInt(location.bytes[i] as number);
      return { kind: "value", type, value: cut(p, p.b.const(BigInt.asIntN(64, value)), type) };
    }
  }
}

function cut(p: ProgramState, value: Value, type: Type): Value {
  if (type.kind === "bool") return p.b.zext(value, 8);
  if (type.kind !== "int" || type.bits === 64) return value;
  return type.signed ? p.b.sext(value, type.bits) : p.b.zext(value, type.bits);
}

function term(p: ProgramState, access: VariableAccess, t: Term): Value {
  const b = p.b;
  const { machine } = p.object.target;
  switch (t.kind) {
    case "constant":
      return b.const(BigInt.asIntN(64, t.value));
    case "register":
      return b.load("u64", contextOf(p), dwarfRegister(t.number, machine) ?? 0);
    case "frame":
      return term(p, access, access.frame ?? { kind: "constant", value: 0n });
    case "static": {
      // The probe's own address says where the file was loaded.
      const ip = b.load("u64", contextOf(p), registerOffsets(machine).instructionPointer);
      return b.add(ip, b.const(BigInt.asIntN(64, t.address - BigInt(access.address))));
    }
    case "load": {
      const slot = b.slot(8);
      b.store(64, slot, 0, 0);
      readForeign(p, slot, 0, t.size, term(p, access, t.address), 0, "user");
      return b.load("u64", slot, 0);
    }
    case "binary": {
      const left = term(p, access, t.left);
      if (t.operator === "add" && t.right.kind === "constant")
        return b.add(left, b.const(BigInt.asIntN(64, t.right.value)));
      return b.binary(t.operator, left, term(p, access, t.right));
    }
  }
}
