// Calls of kernel functions (kfuncs) by name.

import { type KernelArgument, type KernelFunction, kernelFunction } from "../object/index.ts";
import { argument, pointerArgument, wrong } from "./arguments.ts";
import type { Push } from "./callbacks.ts";
import type { Checker } from "./checker.ts";
import { KERNEL_WORD } from "./contexts.ts";
import { nextTurn } from "./control-turns.ts";
import { isGpl } from "./licenses.ts";
import { handOver, MAX_OFFSET } from "./memory.ts";
import { clobber, release, structHeld } from "./references.ts";
import { refuse } from "./refusal.ts";
import { constant, isConstant, isZero, UNKNOWN } from "./scalar.ts";
import {
  dynptrArgument,
  dynptrKind,
  type Iterator,
  iteratorArgument,
  makeDynptr,
  makeIterator,
} from "./stack-objects.ts";
import { copyState, type State, topFrame } from "./state.ts";
import { changed, type Pointer, pointer, type Value } from "./value.ts";

/** What the arguments of a call said. */
interface Seen {
  dynptr: Pointer | undefined;
  iterator: Iterator | undefined;
  released: number | undefined;
  size: number;
}

/** A call of a kernel function by name. Where it may end in two ways the other one is pushed. */
export function callKernelFunction(checker: Checker, state: State, name: string, push: Push): void {
  const entry = kernelFunction(name);
  if (entry === undefined) refuse("unsupported", `The kernel function ${name} is not known to this verifier`, []);
  const { type } = checker.program;
  if (entry.programs?.includes(type) === false) refuse("helper", `A program of type ${type} cannot call ${name}`, []);
  if (!isGpl(checker.object.license)) {
    refuse("helper", `${name} is only for programs under a GPL-compatible licence`, []);
  }
  if (state.locked !== 0) refuse("reference", `${name} is called while a spin lock is held`, []);
  const seen: Seen = { dynptr: undefined, iterator: undefined, released: undefined, size: 0 };
  for (let i = 0; i < entry.args.length; i++) checkArgument(checker, state, name, entry, i, seen);
  if (entry.region !== undefined) changeRegion(state, name, entry.region);
  if (seen.released !== undefined) release(state, seen.released);
  const frame = topFrame(state);
  clobber(frame);
  if (entry.returns !== "void") frame.regs[0] = resultOf(checker, state, entry, seen, push);
}

function checkArgument(
  checker: Checker,
  state: State,
  name: string,
  entry: KernelFunction,
  i: number,
  seen: Seen,
): void {
  const kind = entry.args[i];
  const register = i + 1;
  const value = argument(state, register, name);
  const stackPlace = (what: string): Pointer => pointerArgument(name, register, what, value);
  switch (kind) {
    case "any":
    case "size":
      return;
    case "kernel":
    case "release": {
      const object = pointerArgument(name, register, "a kernel object", value);
      if (object.to !== "kernel") wrong(name, register, "a kernel object", value);
      const held = object.ref === 0 ? undefined : state.refs.find(({ id }) => id === object.ref);
      const struct = held === undefined ? undefined : structHeld(checker, held);
      if (i === 0 && struct !== undefined && entry.takes !== undefined && struct !== entry.takes) {
        refuse("argument", `${name} needs a struct ${entry.takes} in r${register}, which is a struct ${struct}`, [
          register,
        ]);
      }
      if (kind === "kernel") return;
      if (object.ref === 0)
        refuse("reference", `${name} is given something that this program did not acquire (r${register})`, [register]);
      seen.released = object.ref;
      return;
    }
    case "context": {
      const context = pointerArgument(name, register, "the context", value);
      if (context.to !== "context" || context.off !== 0 || !isZero(context.index))
        wrong(name, register, "the context as it was given", value);
      return;
    }
    case "memory":
    case "buffer-or-null":
      checkBuffer(checker, state, name, register, kind, value, seen);
      return;
    case "dynptr":
      seen.dynptr = dynptrArgument(state, stackPlace("a dynptr"), register, name);
      return;
    case "dynptr-output": {
      const facts = { kind: entry.gives ?? dynptrKind(seen.dynptr as Pointer), ref: seen.dynptr?.ref ?? 0 };
      makeDynptr(checker, state, stackPlace("room for a dynptr"), facts, register);
      return;
    }
    case "iterator-new":
      makeIterator(checker, state, stackPlace("room for an iterator"), register);
      return;
    case "iterator-next":
    case "iterator-destroy":
      seen.iterator = iteratorArgument(state, stackPlace("an iterator"), register, name);
      if (kind === "iterator-destroy") seen.released = seen.iterator.mark.ref;
  }
}

function checkBuffer(
  checker: Checker,
  state: State,
  name: string,
  register: number,
  kind: KernelArgument,
  value: Value,
  seen: Seen,
): void {
  const size = argument(state, register + 1, name);
  if (size.kind !== "scalar" || !isConstant(size) || size.umin >= BigInt(MAX_OFFSET)) {
    refuse("argument", `${name} needs a size that is known in r${register + 1}`, [register + 1], "use a constant");
  }
  seen.size = Number(size.umin);
  if (value.kind === "scalar" && isZero(value) && kind !== "memory") return;
  handOver(checker, state, {
    register,
    pointer: pointerArgument(name, register, "memory", value),
    size: seen.size,
    write: true,
    raw: true,
    packet: true,
    what: name,
  });
}

function changeRegion(state: State, name: string, region: NonNullable<KernelFunction["region"]>): void {
  const rcu = region.startsWith("rcu");
  const depth = rcu ? state.regions & 0xff : state.regions >> 8;
  const one = rcu ? 1 : 1 << 8;
  if (region.endsWith("close")) {
    if (depth === 0) refuse("reference", `${name} closes a region that is not open`, []);
    state.regions -= one;
    return;
  }
  if (rcu && depth > 0) refuse("reference", `${name} opens a region of RCU within another`, []);
  if (depth > 64) refuse("reference", `${name} is called too often without its counterpart`, []);
  state.regions += one;
}

function resultOf(checker: Checker, state: State, entry: KernelFunction, seen: Seen, push: Push): Value {
  const id = checker.newId();
  switch (entry.returns) {
    case "kernel":
      return KERNEL_WORD;
    case "kernel-or-null":
      return changed(KERNEL_WORD, { nullable: true, id });
    case "acquire":
      state.refs = [...state.refs, { id, slot: state.pc }];
      return pointer("kernel", { nullable: true, id, ref: id });
    case "slice":
    case "slice-readonly":
      return pointer(entry.returns, { nullable: true, id, size: seen.size, ref: seen.dynptr?.ref ?? 0 });
    case "number-or-null":
      return nextOf(state, seen.iterator as Iterator, push);
    default:
      return UNKNOWN;
  }
}

/** An iterator's next one: at its end, in a state of its own, or one more turn. The kernel ends it after 2^23 turns. */
function nextOf(state: State, iterator: Iterator, push: Push): Value {
  if (!iterator.active) return constant(0n);
  const done = copyState(state);
  iterator.drain(done);
  topFrame(done).regs[0] = constant(0n);
  done.from = state.pc;
  done.pc = state.pc + 1;
  push(done);
  state.turns = nextTurn(state.turns);
  return pointer("memory", { size: 4 });
}
