// Small programs for the tests of this room, each filtered to one process.

import {
  Alu,
  aluImm,
  branchImm,
  callHelper,
  exit,
  type Instruction,
  Jmp,
  load,
  movImm,
  movReg,
  storeImm,
  storeReg,
  wide,
} from "../../src/isa/index.ts";
import type { AttachTarget, BpfObject, MapSpec, ObjectInstruction, ProgramSpec } from "../../src/object/index.ts";
import type { ProgramType } from "../../src/object/program-types.ts";

export const counters: MapSpec = {
  name: "counters",
  type: "array",
  keySize: 4,
  valueSize: 64,
  maxEntries: 1,
  flags: 1 << 10,
};

/** `dst` = the address of a map, or of a byte of its element 0. */
export const mapAddress = (dst: number, map: string): ObjectInstruction => ({
  ...wide(dst, 0n, 1),
  ref: { kind: "map", map },
});
export const mapValue = (dst: number, map: string, offset: number): ObjectInstruction => ({
  ...wide(dst, 0n, 2),
  ref: { kind: "map-value", map, offset },
});

/** Returns 0 unless this is the process. The context is in r6 afterwards. */
export function onlyProcess(pid: number, rest: readonly ObjectInstruction[]): ObjectInstruction[] {
  const filter: Instruction[] = [
    movReg(6, 1),
    callHelper(14),
    aluImm(Alu.RSH, 64, 0, 32),
    branchImm(Jmp.JEQ, 64, 0, pid, 2),
    movImm(0, 0),
    exit(),
  ];
  return [...filter, ...rest];
}

/** Adds 1 to the first word of `counters`, and writes the attach cookie, where wanted, in the second. */
export function count(cookie: boolean): ObjectInstruction[] {
  return [
    mapValue(7, "counters", 0),
    load(64, 1, 7, 0),
    aluImm(Alu.ADD, 64, 1, 1),
    storeReg(64, 7, 0, 1),
    ...(cookie ? [movReg(1, 6), callHelper(174), storeReg(64, 7, 8, 0)] : []),
    movImm(0, 0),
    exit(),
  ];
}

/** Writes `records` records of 16 bytes (0, 1, … in the first word) into the ring "ring"; `flags` 1: wakes nobody. */
export function fillRing(records: number, flags = 1): ObjectInstruction[] {
  return [
    movImm(8, 0),
    // loop: reserve(ring, 16, 0)
    mapAddress(1, "ring"),
    movImm(2, 16),
    movImm(3, 0),
    callHelper(131),
    branchImm(Jmp.JEQ, 64, 0, 0, 7),
    storeReg(64, 0, 0, 8),
    storeImm(64, 0, 8, 7),
    movReg(1, 0),
    movImm(2, flags),
    callHelper(132),
    aluImm(Alu.ADD, 64, 8, 1),
    branchImm(Jmp.JLT, 64, 8, records, -13),
    movReg(0, 8),
    exit(),
  ];
}

export function objectOf(
  type: ProgramType,
  code: readonly ObjectInstruction[],
  maps: readonly MapSpec[],
  extra: Partial<ProgramSpec> = {},
): BpfObject {
  return {
    maps,
    programs: [{ name: "probe", type, attach: [], functions: [{ name: "probe", code, parameters: 1 }], ...extra }],
    license: "GPL",
  };
}

/** Counts how often `attach` fires in this process. */
export function counting(
  type: ProgramType,
  attach: readonly AttachTarget[],
  cookie = false,
  extra: Partial<ProgramSpec> = {},
): BpfObject {
  return objectOf(type, onlyProcess(process.pid, count(cookie)), [counters], { attach, ...extra });
}
