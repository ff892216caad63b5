// Jumps, calls and exits: where a path goes on, and where it ends.

import { type Instruction, jumpDistance, Opcode } from "../isa/index.ts";
import { helper } from "../object/index.ts";
import { branch } from "./branch.ts";
import type { Push } from "./callbacks.ts";
import { callHelper } from "./calls.ts";
import type { Checker } from "./checker.ts";
import { nextTurn } from "./control-turns.ts";
import { callKernelFunction } from "./kernel-functions.ts";
import type { FunctionRange } from "./program-graph.ts";
import { clobber, MAX_FRAMES, requireNoRegion } from "./references.ts";
import { FaultSignal, refuse } from "./refusal.ts";
import { describe, UNKNOWN } from "./scalar.ts";
import { copyState, newFrame, type State, topFrame } from "./state.ts";
import { isKernelWord, pointer, title, type Value } from "./value.ts";

/** One jump, call or exit; false: this path has ended. */
export function stepJump(checker: Checker, state: State, i: Instruction, push: Push): boolean {
  const slot = state.pc;
  switch (i.op) {
    case Opcode.JA:
    case Opcode.GOTOL:
      state.pc = slot + 1 + (jumpDistance(i) ?? 0);
      state.from = slot;
      return true;
    case Opcode.EXIT:
      return leave(checker, state);
    case Opcode.CALL:
      return call(checker, state, i, push);
    case Opcode.CALLX:
      return refuse("unsupported", "A call through a register is not supported by Linux", [i.dst]);
    case Opcode.MAY_GOTO: {
      const out = copyState(state);
      out.from = slot;
      out.pc = slot + 1 + i.off;
      out.trail = { parent: state.trail, slot, taken: true, to: out.pc, forced: false };
      push(out);
      state.turns = nextTurn(state.turns);
      state.from = slot;
      state.pc = slot + 1;
      state.trail = { parent: state.trail, slot, taken: false, to: slot + 1, forced: false };
      return true;
    }
  }
  const { trail } = state;
  const { taken, fallen } = branch(checker, state, i);
  const forced = taken === undefined || fallen === undefined;
  if (taken !== undefined) {
    taken.from = slot;
    taken.pc = slot + 1 + i.off;
    taken.trail = { parent: trail, slot, taken: true, to: taken.pc, forced };
  }
  if (fallen !== undefined) {
    fallen.from = slot;
    fallen.pc = slot + 1;
    fallen.trail = { parent: trail, slot, taken: false, to: fallen.pc, forced };
  }
  // The state itself goes on on one side.
  if (fallen === state) {
    if (taken !== undefined) push(taken);
    return true;
  }
  return true;
}

function call(checker: Checker, state: State, i: Instruction, push: Push): boolean {
  const slot = state.pc;
  if (i.src === 1) {
    const target = slot + i.imm + 1;
    if (checker.apart.has(target)) return callApart(checker, state, target);
    if (state.frames.length >= MAX_FRAMES) refuse("stack", `More than ${MAX_FRAMES} calls are open at once`, []);
    const caller = topFrame(state);
    const frame = newFrame(slot, undefined);
    for (let r = 1; r <= 5; r++) frame.regs[r] = caller.regs[r] as Value;
    clobber(caller);
    frame.regs[10] = pointer("stack", { frame: state.frames.length });
    state.frames.push(frame);
    state.from = -1;
    state.pc = target;
    return true;
  }
  if (i.src === 2) {
    const ref = checker.graph.references[slot];
    if (ref?.kind !== "kfunc")
      refuse("unsupported", "A kernel function is called by a number that only a kernel knows", []);
    callKernelFunction(checker, state, ref.name, (other) => {
      other.trail = { parent: state.trail, slot, taken: true, to: other.pc, forced: false };
      push(other);
    });
  } else {
    callHelper(checker, state, i.imm, (inside) => {
      inside.trail = { parent: state.trail, slot, taken: true, to: inside.pc, forced: false };
      push(inside);
    });
  }
  state.from = slot;
  state.pc = slot + 1;
  return true;
}

/** A call of a function that is verified by itself, for all numbers. */
function callApart(checker: Checker, state: State, target: number): boolean {
  const frame = topFrame(state);
  const { name, parameters } = checker.graph.functionOf[target] as FunctionRange;
  for (let r = 1; r <= parameters; r++) {
    const value = frame.regs[r] as Value;
    if (value.kind !== "scalar" && !isKernelWord(value))
      refuse("argument", `The function ${name} wants a number in r${r}, which is ${title(value)}`, [r]);
  }
  if (state.locked !== 0)
    refuse("reference", `The function ${name}, which is verified by itself, is called while a spin lock is held`, []);
  checker.called.add(target);
  clobber(frame);
  frame.regs[0] = UNKNOWN;
  state.from = state.pc;
  state.pc += 1;
  return true;
}

function leave(checker: Checker, state: State): boolean {
  const frame = topFrame(state);
  const result = frame.regs[0] as Value;
  const { callback } = frame;
  if (state.frames.length > 1 && callback === undefined) {
    if (result.kind === "pointer" && result.to === "stack") {
      refuse("pointer", "A function returns the address of a stack", [0]);
    }
    state.frames.pop();
    topFrame(state).regs[0] = result;
    state.from = frame.callSite;
    state.pc = frame.callSite + 1;
    return true;
  }
  if (result.kind === "uninit") {
    refuse("uninitialised", "r0, the result, was never written", [0], "set r0 before exit");
  }
  if (callback !== undefined) {
    if (result.kind !== "scalar" || result.smin < 0n || result.smax > callback.resultMax) {
      const range = callback.resultMax === 0n ? "0" : `0 to ${callback.resultMax}`;
      refuse(
        "result",
        `A callback must return ${range}, and this one returns ${result.kind === "scalar" ? describe(result) : title(result)}`,
        [0],
      );
    }
    if (state.locked !== 0)
      refuse("reference", "A callback ends with a spin lock held", [], "give it back before exit");
    if (state.regions !== callback.regions) refuse("reference", "A callback must close what it opens", []);
    if (state.refs.length !== callback.refs) {
      refuse("reference", "A callback must give back what it takes", [], "release it before exit");
    }
    if (callback.helper < 0) return false;
    state.frames.pop();
    state.turns = nextTurn(state.turns);
    state.from = -1;
    state.pc = callback.helper;
    return true;
  }
  const [lost] = state.refs;
  if (lost !== undefined) {
    const taking = checker.graph.code[lost.slot];
    const name = (taking?.src === 0 ? helper(taking.imm)?.name : undefined) ?? "the call";
    const record = name.startsWith("ringbuf_");
    throw new FaultSignal({
      reason: "reference",
      message: `What ${name} gave is not given back on this path`,
      missing: record ? "submit or discard the record on every way out" : "release it on every way out",
      registers: [],
      also: [lost.slot],
    });
  }
  if (state.locked !== 0) refuse("reference", "A spin lock is still held at the end", [], "give it back before exit");
  requireNoRegion(state, "The program ends");
  const start = checker.graph.functionOf[state.pc]?.start ?? 0;
  if (start !== 0 && result.kind !== "scalar" && !isKernelWord(result))
    refuse("result", `A function that is verified by itself returns a number, and this one ${title(result)}`, [0]);
  const range = start === 0 ? checker.resultRange : undefined;
  if (range !== undefined && (result.kind !== "scalar" || result.smin < range[0] || result.smax > range[1])) {
    refuse(
      "result",
      `A program of type ${checker.program.type} must return ${range[0]} to ${range[1]}, and this one returns ${result.kind === "scalar" ? describe(result) : title(result)}`,
      [0],
    );
  }
  return false;
}
