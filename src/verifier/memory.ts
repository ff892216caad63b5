// May this many bytes be read or written through this pointer? One function for loads, stores, atomics and for memory
// that is handed to helpers (check_mem_access and check_helper_mem_access of kernel/bpf/verifier.c).

import { PROGRAM_TYPES, SOCKETS } from "../object/index.ts";
import type { Access } from "./access.ts";
import { S64_MIN } from "./bounds.ts";
import type { Checker } from "./checker.ts";
import { contextAccess, fieldOf, KERNEL_WORD } from "./contexts.ts";
import { isGpl } from "./licenses.ts";
import { checkFields, checkMap, constantAt, kernelPointer } from "./map-values.ts";
import { refuse } from "./refusal.ts";
import { describe, isConstant, ofSize, UNKNOWN } from "./scalar.ts";
import { gatherStack, linkStack, overwriteStack, readStack, requireStack, smearStack, writeStack } from "./stack.ts";
import { overwriteMarks, refuseMarks } from "./stack-objects.ts";
import type { Frame, State } from "./state.ts";
import { tnumAdd, tnumAligned, tnumConst } from "./tnum.ts";
import { changed, isKernelWord, type Pointer, title, type Value } from "./value.ts";

export const STACK_BYTES = 512;
/** BPF_MAX_VAR_OFF */
export const MAX_OFFSET: number = 1 << 29;

const bytes = (n: number): string => `${n} byte${n === 1 ? "" : "s"}`;
const signed = (n: number | bigint): string => (n < 0 ? String(n) : `+${n}`);

export function requirePointer(value: Value, register: number, doing: string): Pointer {
  if (value.kind === "uninit") refuse("uninitialised", `r${register} is used, but was never written`, [register]);
  if (value.kind === "scalar") {
    refuse("pointer", `${doing} r${register}, which holds ${title(value)} (${describe(value)}), not a pointer`, [
      register,
    ]);
  }
  if (value.nullable) {
    refuse(
      "null",
      `${doing} r${register}, which is ${title(value)}`,
      [register],
      `compare r${register} with 0 first, and go on only where it is not`,
    );
  }
  return value;
}

/** Is from..from+size of a region of `limit` bytes inside of it, wherever the variable part points? */
function checkRegion(access: Access, limit: number, what: string): void {
  const { pointer, off, size, register } = access;
  const { index } = pointer;
  const fixed = pointer.off + off;
  const doing = access.write ? "writes" : "reads";
  const ask = `check that the offset is between 0 and ${Math.max(0, limit - size - Math.max(0, fixed))} first`;
  if (isConstant(index)) {
    const start = BigInt(fixed) + index.smin;
    if (start < 0n || start + BigInt(size) > BigInt(limit)) {
      refuse(
        "bounds",
        `This ${doing} ${bytes(size)} at offset ${start} of ${what}, which has ${bytes(limit)}`,
        [register],
        start >= 0n && start < BigInt(limit) ? undefined : ask,
      );
    }
    return;
  }
  if (index.smin < 0n && (index.smin === S64_MIN || index.smin + BigInt(fixed) < 0n)) {
    refuse(
      "bounds",
      `This ${doing} ${bytes(size)} of ${what}, but the offset in r${register} may be negative (${describe(index)}${
        fixed === 0 ? "" : ` ${signed(fixed)}`
      })`,
      [register],
      ask,
    );
  }
  if (
    fixed + Number(index.smin) < 0 ||
    index.umax >= BigInt(MAX_OFFSET) ||
    index.umax + BigInt(fixed + size) > BigInt(limit)
  ) {
    refuse(
      "bounds",
      `This ${doing} ${bytes(size)} of ${what}, which has ${bytes(limit)}, but the offset in r${register} may be ` +
        `as large as ${index.umax}${fixed === 0 ? "" : ` ${signed(fixed)}`}`,
      [register],
      ask,
    );
  }
}

function checkPacket(checker: Checker, access: Access): void {
  const { pointer, off, size, register } = access;
  if (PROGRAM_TYPES[checker.program.type].packet === undefined) {
    refuse("packet", `A program of type ${checker.program.type} cannot look into the packet directly`, [register]);
  }
  if (access.write && PROGRAM_TYPES[checker.program.type].packet !== "write") {
    refuse("readonly", `A program of type ${checker.program.type} cannot change the packet`, [register]);
  }
  const start = pointer.off + off;
  if (pointer.index.smin < 0n) {
    refuse(
      "packet",
      `The offset into the packet in r${register} may be negative (${describe(pointer.index)})`,
      [register],
      "check that it is not negative first",
    );
  }
  if (start < 0 || start + size > pointer.size) {
    refuse(
      "packet",
      pointer.size <= 0
        ? `This ${access.write ? "writes" : "reads"} ${bytes(size)} at offset ${start} of ${title(pointer)}, which was not checked to be that long`
        : `This ${access.write ? "writes" : "reads"} ${bytes(size)} at offset ${start} of ${title(pointer)}, of which only ${bytes(pointer.size)} were checked`,
      [register],
      `compare r${register} + ${start + size} with data_end first`,
    );
  }
}

/** The range of stack that an access touches; refuses what is outside of the frame. */
function stackRange(access: Access): { from: number; to: number; fixed: boolean } {
  const { pointer, off, size, register } = access;
  const { index } = pointer;
  const base = pointer.off + off;
  const limit = BigInt(MAX_OFFSET);
  if (index.smin <= -limit || index.smax >= limit) {
    refuse(
      "bounds",
      `The place on the stack in r${register} is not bounded (${describe(index)})`,
      [register],
      "bound the offset first",
    );
  }
  const from = base + Number(index.smin);
  const to = base + Number(index.smax) + size;
  if (from < -STACK_BYTES || to > 0 || from >= 0) {
    const where = isConstant(index) ? `fp${signed(from)}` : `fp${signed(from)} … fp${signed(to - size)}`;
    refuse(
      "bounds",
      `This ${access.write ? "writes" : "reads"} ${bytes(size)} at ${where}, outside of the ${STACK_BYTES} bytes of stack (fp-512 … fp-1)`,
      [register],
    );
  }
  return { from, to, fixed: isConstant(index) };
}

const frameOf = (state: State, pointer: Pointer): Frame => state.frames[pointer.frame] as Frame;

function useStack(checker: Checker, state: State, pointer: Pointer, from: number): void {
  // The depth counts for the function whose frame it is.
  const depth = pointer.frame;
  const slot = depth === state.frames.length - 1 ? state.pc : (state.frames[depth + 1] as Frame).callSite;
  checker.usesStack(slot, -from);
}

/** Memory of a size that is not known here: the kernel looks at how far it is accessed where the program is attached. */
function checkBuffer({ pointer, off, register, write }: Access): void {
  if (write && pointer.to === "buffer-readonly") refuse("readonly", `${title(pointer)} can only be read`, [register]);
  if (!isConstant(pointer.index))
    refuse("bounds", `${title(pointer)} is accessed at an offset that is not known`, [register]);
  if (BigInt(pointer.off + off) + pointer.index.smin < 0n)
    refuse("bounds", `${title(pointer)} is accessed before its start`, [register]);
}

function checkAlignment(access: Access): void {
  const all = tnumAdd(tnumConst(BigInt(access.pointer.off + access.off)), access.pointer.index.bits);
  if (!tnumAligned(all, access.size)) {
    refuse(
      "alignment",
      `An access of ${bytes(access.size)} through r${access.register} must be aligned to ${access.size}`,
      [access.register],
    );
  }
}

/** Checks everything but the stack and the context; gives the region's value on reading. */
function checkOther(checker: Checker, access: Access): Value {
  const { pointer, register, size } = access;
  switch (pointer.to) {
    case "map-value":
      checkMap(access, false);
      checkRegion(access, pointer.map?.valueSize ?? 0, title(pointer));
      return checkFields(checker, access, false)
        ? kernelPointer(checker)
        : (constantAt(checker, access) ?? ofSize(size));
    case "map-key":
      if (access.write) refuse("readonly", "A map's key cannot be written", [register]);
      checkRegion(access, pointer.map?.keySize ?? 0, title(pointer));
      return ofSize(size);
    case "buffer":
    case "buffer-readonly":
      checkBuffer(access);
      return ofSize(size);
    case "slice-readonly":
      if (access.write) refuse("readonly", `${title(pointer)} can only be read`, [register]);
      checkRegion(access, pointer.size, title(pointer));
      return ofSize(size);
    case "memory":
    case "slice":
      checkRegion(access, pointer.size, title(pointer));
      return ofSize(size);
    case "packet":
    case "packet-meta":
      checkPacket(checker, access);
      return ofSize(size);
    case "kernel":
      if (access.write) refuse("readonly", `${title(pointer)} can only be read`, [register]);
      if (!isGpl(checker.object.license)) {
        refuse("pointer", "The kernel's objects are only read by programs under a GPL-compatible licence", [register]);
      }
      return size === 8 ? KERNEL_WORD : ofSize(size);
    case "sock-common":
    case "socket":
    case "tcp-socket":
    case "xdp-socket": {
      if (access.write) refuse("readonly", `${title(pointer)} can only be read`, [register]);
      if (!isConstant(pointer.index)) {
        refuse("pointer", `${title(pointer)} is read at an offset that is not known`, [register]);
      }
      const off = pointer.off + Number(pointer.index.smin) + access.off;
      const field = fieldOf(SOCKETS[pointer.to], { off, size, write: false }, title(pointer));
      if ("wrong" in field) refuse("bounds", `This reads ${field.wrong}`, [register]);
      return ofSize(size);
    }
    default:
      return refuse("pointer", `r${register} points to ${title(pointer)}, which has no bytes to access`, [register]);
  }
}

/** A load; gives what is in the register afterwards, zero-extended. */
export function load(checker: Checker, state: State, access: Access): Value {
  const { pointer, size, register } = access;
  if (pointer.to === "stack") {
    checkAlignmentOfStack(access);
    const { from, to, fixed } = stackRange(access);
    useStack(checker, state, pointer, from);
    const frame = frameOf(state, pointer);
    if (checker.hasMarks) refuseMarks(frame, from, to, register);
    if (fixed) {
      const value = readStack(frame, from, size, checker.wholeStack, register);
      return value.kind === "scalar" && access.kept === true
        ? linkStack(frame, from, value, () => checker.newId())
        : value;
    }
    return gatherStack(frame, from, to, size, checker.wholeStack, register);
  }
  if (pointer.to === "context") return accessContext(checker, access);
  return checkOther(checker, access);
}

function checkAlignmentOfStack(access: Access): void {
  if (isConstant(access.pointer.index)) {
    if (
      (((access.pointer.off + access.off + Number(access.pointer.index.smin)) % access.size) + access.size) %
        access.size !==
      0
    ) {
      checkAlignment(access);
    }
    return;
  }
  checkAlignment(access);
}

function accessContext(checker: Checker, access: Access): Value {
  const { pointer, off, register } = access;
  if (!isConstant(pointer.index)) {
    refuse("context", `The context is accessed at an offset that is not known (${describe(pointer.index)})`, [
      register,
    ]);
  }
  if (pointer.off !== 0 || pointer.index.smin !== 0n) {
    refuse(
      "context",
      `The context is accessed through r${register}, to which ${BigInt(pointer.off) + pointer.index.smin} was added; only the offset of the access itself may differ from 0`,
      [register],
    );
  }
  const answer = contextAccess({
    attachType: checker.attachType,
    iterates: checker.program.target?.kind === "iter" ? checker.program.target.name : undefined,
    type: checker.program.type,
    machine: checker.machine,
    off,
    size: access.size,
    write: access.write,
  });
  if ("wrong" in answer) refuse(answer.unsupported === true ? "unsupported" : "context", answer.wrong, [register]);
  const { value } = answer;
  if (value.kind === "pointer" && value.nullable) return changed(value, { id: checker.newId() });
  return value;
}

/** A store of `value`. */
export function store(checker: Checker, state: State, access: Access, value: Value): void {
  const { pointer, size } = access;
  if (pointer.to === "stack") {
    checkAlignmentOfStack(access);
    const { from, to, fixed } = stackRange(access);
    useStack(checker, state, pointer, from);
    const frame = frameOf(state, pointer);
    if (checker.hasMarks) overwriteMarks(state, frame, from, to, access.register);
    if (fixed && value.kind === "pointer" && size !== 8 && !isKernelWord(value)) {
      // Kept as bytes: part of an address is a number to whoever reads it.
      refuse("pointer", "Only part of a pointer is stored on the stack", [access.register]);
    }
    if (fixed) writeStack(frame, from, size, value.kind === "pointer" && size !== 8 ? UNKNOWN : value);
    else smearStack(frame, from, to, value);
  } else if (pointer.to === "context") {
    accessContext(checker, access);
  } else {
    checkOther(checker, access);
  }
}

/** An atomic operation: what is in memory afterwards may be anything. */
export function atomicAccess(checker: Checker, state: State, access: Access): Value {
  const { pointer, register } = access;
  if (!["stack", "map-value", "memory", "slice"].includes(pointer.to)) {
    refuse("pointer", `An atomic operation is not possible on ${title(pointer)}`, [register]);
  }
  checkAlignment(access);
  const before = load(checker, state, { ...access, write: false });
  if (before.kind === "pointer") refuse("pointer", "An atomic operation on a pointer kept on the stack", [register]);
  store(checker, state, { ...access, write: true }, UNKNOWN);
  return before.kind === "scalar" && pointer.to === "stack" ? ofSize(access.size) : before;
}

export interface HelperMemory {
  readonly register: number;
  readonly pointer: Pointer;
  /** The most bytes that the helper may touch. */
  readonly size: number;
  readonly write: boolean;
  /** Written from end to end, so need not be initialised. */
  readonly raw: boolean;
  /** May the packet be handed over? */
  readonly packet: boolean;
  readonly what: string;
}

/** Memory that is handed to a helper. */
export function handOver(checker: Checker, state: State, memory: HelperMemory): void {
  const { pointer, register, size, write } = memory;
  const access: Access = { register, pointer, off: 0, size, write };
  switch (pointer.to) {
    case "stack": {
      const { from, to } = stackRange(access);
      useStack(checker, state, pointer, from);
      const frame = frameOf(state, pointer);
      if (checker.hasMarks) refuseMarks(frame, from, to, register);
      if (!memory.raw) requireStack(frame, from, to, checker.wholeStack, register);
      // A size that is not known may leave some of it as it was; treated as anything all the same.
      if (write) {
        if (isConstant(pointer.index) && memory.raw) overwriteStack(frame, from, to);
        else smearStack(frame, from, to, UNKNOWN);
      }
      return;
    }
    case "map-value":
    case "memory":
    case "slice":
    case "slice-readonly":
    case "map-key":
      if (write && pointer.to === "slice-readonly")
        refuse("readonly", `${title(pointer)} can only be read`, [register]);
      if (pointer.to === "map-value") {
        checkMap(access, true);
        if (size > 0) checkFields(checker, access, true);
      }
      if (write && pointer.to === "map-key") refuse("readonly", "A map's key cannot be written", [register]);
      checkRegion(
        access,
        pointer.to === "map-key"
          ? (pointer.map?.keySize ?? 0)
          : pointer.to === "map-value"
            ? (pointer.map?.valueSize ?? 0)
            : pointer.size,
        title(pointer),
      );
      return;
    case "buffer":
    case "buffer-readonly":
      checkBuffer(access);
      return;
    case "packet":
    case "packet-meta":
      if (!memory.packet)
        refuse("argument", `${memory.what} cannot be given a piece of the packet (r${register})`, [register]);
      checkPacket(checker, access);
      return;
    default:
      refuse("argument", `${memory.what} needs memory in r${register}, which is ${title(pointer)}`, [register]);
  }
}
