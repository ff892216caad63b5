// Calls of helpers and kernel functions: what they take, what they give, and the callbacks that they run.

import { type Helper, type HelperArgument, helper, type MapSpec } from "../object/index.ts";
import type { Checker } from "./checker.ts";
import { KERNEL_WORD } from "./contexts.ts";
import {
  allowed,
  changesPacket,
  fixedSize,
  isGpl,
  mapsOf,
  needsGpl,
  returnsSize,
  takesPacket,
} from "./helper-rules.ts";
import { handOver, MAX_OFFSET } from "./memory.ts";
import { refuse } from "./refusal.ts";
import { describe, isConstant, isZero, type Scalar, signedRange, UNKNOWN, unsignedRange } from "./scalar.ts";
import { knownOnStack } from "./stack.ts";
import { copyState, type Frame, mapValues, newFrame, type State, topFrame } from "./state.ts";
import { type Pointer, pointer, title, UNINIT, type Value } from "./value.ts";

export const MAX_FRAMES = 8;

/** What the arguments of a call said. */
interface Gathered {
  map: MapSpec | undefined;
  mapPointer: Pointer | undefined;
  key: { register: number; pointer: Pointer } | undefined;
  callback: number | undefined;
  /** The released reference. */
  released: number | undefined;
  /** The last size argument's greatest value. */
  size: bigint | undefined;
  allocation: number;
}

function argument(state: State, register: number, name: string): Exclude<Value, { kind: "uninit" }> {
  const value = topFrame(state).regs[register] as Value;
  if (value.kind === "uninit") {
    refuse(
      "uninitialised",
      `r${register} is an argument of ${name}, but was never written`,
      [register],
      `set r${register} first`,
    );
  }
  return value;
}

function wrong(name: string, register: number, needed: string, value: Value): never {
  refuse("argument", `${name} needs ${needed} in r${register}, which is ${title(value)}`, [register]);
}

function pointerArgument(name: string, register: number, needed: string, value: Value): Pointer {
  if (value.kind !== "pointer") wrong(name, register, needed, value);
  if (value.nullable) {
    refuse(
      "null",
      `${name} needs ${needed} in r${register}, which is ${title(value)}`,
      [register],
      `compare r${register} with 0 first, and call only where it is not`,
    );
  }
  return value;
}

/** The size that follows memory: bounded, and not zero unless the helper takes that. */
function sizeArgument(name: string, register: number, value: Value, zeroAllowed: boolean): Scalar {
  if (value.kind !== "scalar") wrong(name, register, "a size", value);
  if (value.smin < 0n) {
    refuse(
      "argument",
      `The size in r${register} for ${name} may be negative (${describe(value)})`,
      [register],
      `mask it (&=) or check that it is not negative and not too large`,
    );
  }
  if (!zeroAllowed && value.umin === 0n) {
    refuse(
      "argument",
      `The size in r${register} for ${name} may be 0 (${describe(value)})`,
      [register],
      `check that it is not 0`,
    );
  }
  if (value.umax >= BigInt(MAX_OFFSET)) {
    refuse(
      "argument",
      `The size in r${register} for ${name} has no bound (${describe(value)})`,
      [register],
      "compare it with the most that the memory holds",
    );
  }
  return value;
}

function checkMemoryPair(
  checker: Checker,
  state: State,
  entry: Helper,
  index: number,
  kind: HelperArgument,
  gathered: Gathered,
): void {
  const { name } = entry;
  const register = index + 1;
  const value = argument(state, register, name);
  const sizeKind = entry.args[index + 1];
  const zero = sizeKind === "size-or-zero";
  const size = sizeArgument(name, register + 1, argument(state, register + 1, name), zero);
  gathered.size = size.umax;
  if (value.kind === "scalar" && isZero(value) && (kind === "memory-or-null" || kind === "output-or-null")) return;
  // A null pointer to nothing: only where both are known.
  if (value.kind === "scalar" && isZero(value) && zero && isZero(size)) return;
  if (isZero(size)) {
    if (value.kind === "scalar" && !isZero(value)) wrong(name, register, "memory", value);
    if (value.kind === "pointer") return;
  }
  const output = kind === "output" || kind === "output-or-null";
  handOver(checker, state, {
    register,
    pointer: pointerArgument(name, register, "memory", value),
    size: Number(size.umax),
    write: output,
    raw: output && isConstant(size),
    packet: takesPacket(name),
    what: name,
  });
}

function checkArgument(
  checker: Checker,
  state: State,
  entry: Helper,
  index: number,
  kind: HelperArgument,
  gathered: Gathered,
): void {
  const { name } = entry;
  const register = index + 1;
  switch (kind) {
    case "memory":
    case "memory-or-null":
    case "output":
    case "output-or-null":
      checkMemoryPair(checker, state, entry, index, kind, gathered);
      return;
    case "size":
    case "size-or-zero":
      return;
  }
  const value = argument(state, register, name);
  const isNull = value.kind === "scalar" && isZero(value);
  switch (kind) {
    case "any":
      return;
    case "map": {
      const map = pointerArgument(name, register, "a map", value);
      if (map.to !== "map" || map.map === undefined) wrong(name, register, "a map", value);
      const types = mapsOf(name);
      if (types !== undefined && !types.includes(map.map.type)) {
        refuse("argument", `${name} does not take a map of type ${map.map.type} (${map.map.name})`, [register]);
      }
      if (map.map.type === "prog_array" && name !== "tail_call") {
        refuse("argument", `${name} does not take a map of type prog_array (${map.map.name})`, [register]);
      }
      gathered.map ??= map.map;
      gathered.mapPointer ??= map;
      return;
    }
    case "key":
    case "value":
    case "value-or-null":
    case "value-output": {
      if (isNull && kind === "value-or-null") return;
      const { map } = gathered;
      if (map === undefined) wrong(name, register, "a map before", value);
      const what = kind === "key" ? "a key" : "a value";
      const memory = pointerArgument(name, register, what, value);
      // A bloom filter's value is read by peek.
      const write = kind === "value-output" && map.type !== "bloom_filter";
      const size = kind === "key" ? map.keySize : map.valueSize;
      if (size === 0)
        refuse("argument", `The map ${map.name} has no ${kind === "key" ? "keys" : "values"} for ${name}`, [register]);
      handOver(checker, state, {
        register,
        pointer: memory,
        size,
        write,
        raw: write,
        packet: takesPacket(name),
        what: name,
      });
      if (kind === "key") gathered.key = { register, pointer: memory };
      return;
    }
    case "fixed":
      handOver(checker, state, {
        register,
        pointer: pointerArgument(name, register, "memory", value),
        size: fixedSize(name, register),
        write: !name.startsWith("tcp_raw"),
        raw: name !== "check_mtu",
        packet: takesPacket(name),
        what: name,
      });
      return;
    case "allocation-size":
      if (value.kind !== "scalar" || !isConstant(value)) {
        refuse(
          "argument",
          `${name} needs a size that is known in r${register}, which is ${title(value)}`,
          [register],
          "use a constant",
        );
      }
      if (value.umin >= BigInt(MAX_OFFSET))
        refuse("argument", `${name} cannot allocate ${value.umin} bytes`, [register]);
      gathered.allocation = Number(value.umin);
      return;
    case "context": {
      const context = pointerArgument(name, register, "the context", value);
      if (context.to !== "context") wrong(name, register, "the context", value);
      if (context.off !== 0 || !isZero(context.index)) {
        refuse("argument", `${name} needs the context as it was given, but something was added to r${register}`, [
          register,
        ]);
      }
      return;
    }
    case "function": {
      const fn = pointerArgument(name, register, "a function of the program", value);
      if (fn.to !== "function") wrong(name, register, "a function of the program", value);
      gathered.callback = fn.frame;
      return;
    }
    case "stack-or-null": {
      if (isNull) return;
      const memory = pointerArgument(name, register, "a place on the stack, or 0,", value);
      if (memory.to !== "stack") wrong(name, register, "a place on the stack, or 0,", value);
      return;
    }
    case "constant-string": {
      const text = pointerArgument(name, register, "a constant string", value);
      const readonly = ((text.map?.flags ?? 0) & (1 << 7)) !== 0;
      if (text.to !== "map-value" || !readonly || !isConstant(text.index)) {
        refuse(
          "argument",
          `${name} needs a constant string in a read-only map in r${register}, which is ${title(value)}`,
          [register],
        );
      }
      const initial = text.map?.initial;
      if (
        initial !== undefined &&
        text.off < initial.length &&
        !initial.subarray(text.off).includes(0) &&
        initial.length >= (text.map?.valueSize ?? 0)
      ) {
        refuse("argument", `The string in r${register} for ${name} does not end with a zero`, [register]);
      }
      return;
    }
    case "record": {
      const record = pointerArgument(name, register, "a reserved record", value);
      if (!record.record || record.ref === 0) wrong(name, register, "a reserved record", value);
      if (record.off !== 0 || !isZero(record.index)) {
        refuse("argument", `${name} needs the record's start, but something was added to r${register}`, [register]);
      }
      gathered.released = record.ref;
      return;
    }
    case "kernel":
    case "kernel-or-null":
    case "per-cpu": {
      if (isNull && kind === "kernel-or-null") return;
      const object = pointerArgument(name, register, "a kernel object", value);
      if (object.to !== "kernel") wrong(name, register, "a kernel object", value);
      return;
    }
    case "socket":
    case "sock-common": {
      const socket = pointerArgument(name, register, "a socket", value);
      if (socket.to !== "socket") wrong(name, register, "a socket", value);
      if (name === "sk_release") {
        if (socket.ref === 0)
          refuse("reference", `sk_release is given a socket that this program did not look up (r${register})`, [
            register,
          ]);
        gathered.released = socket.ref;
      }
      return;
    }
    case "spin-lock":
    case "timer": {
      const inside = pointerArgument(name, register, "a field of a map value", value);
      if (inside.to !== "map-value" || inside.map?.valueType === undefined || !isConstant(inside.index)) {
        refuse(
          "argument",
          `${name} needs a ${kind === "timer" ? "timer" : "lock"} in a map value with type information in r${register}`,
          [register],
        );
      }
      if (kind === "spin-lock") {
        if (name === "spin_lock" && state.locked)
          refuse("reference", "A lock is taken while another is held", [register]);
        if (name === "spin_unlock" && !state.locked)
          refuse("reference", "A lock is given back that is not held", [register]);
        state.locked = name === "spin_lock";
      }
      return;
    }
    default:
      refuse("unsupported", `${name} takes a ${kind} in r${register}, which this verifier does not know`, [register]);
  }
}

/** After a call r1 to r5 are gone. */
function clobber(frame: Frame): void {
  for (let i = 0; i <= 5; i++) frame.regs[i] = UNINIT;
}

/** What is known of a reference is gone with it. */
export function release(state: State, ref: number): void {
  state.refs = state.refs.filter((one) => one.id !== ref);
  mapValues(state, (value) => (value.kind === "pointer" && value.ref === ref ? UNKNOWN : value));
}

const isPacketPointer = (value: Value): boolean =>
  value.kind === "pointer" && (value.to === "packet" || value.to === "packet-end" || value.to === "packet-meta");

/** Where exploring goes on apart from the state at hand. */
export type Push = (state: State) => void;

/** A call of a helper. The state goes on behind it; callbacks are pushed. */
export function callHelper(checker: Checker, state: State, id: number, push: Push): void {
  const entry = helper(id);
  if (entry === undefined) refuse("helper", `There is no helper number ${id}`, []);
  const { name } = entry;
  if (!allowed(name, checker.program.type)) {
    refuse("helper", `A program of type ${checker.program.type} cannot call ${name}`, []);
  }
  if (needsGpl(name) && !isGpl(checker.object.license)) {
    refuse(
      "helper",
      `${name} is only for programs under a GPL-compatible licence, and this object's is "${checker.object.license}"`,
      [],
    );
  }
  if (state.locked && name !== "spin_unlock" && name !== "spin_lock") {
    refuse("reference", `${name} is called while a spin lock is held`, [], "give the lock back first");
  }
  const gathered: Gathered = {
    map: undefined,
    mapPointer: undefined,
    key: undefined,
    callback: undefined,
    released: undefined,
    size: undefined,
    allocation: 0,
  };
  const count = entry.args.length;
  for (let i = 0; i < count; i++) checkArgument(checker, state, entry, i, entry.args[i] as HelperArgument, gathered);
  if (name === "tail_call" && state.refs.length > 0) {
    refuse("reference", "A tail call would lose what was not given back yet", []);
  }
  if (gathered.callback !== undefined) enterCallback(state, entry, gathered, push);
  if (gathered.released !== undefined) release(state, gathered.released);
  if (changesPacket(name)) mapValues(state, (value) => (isPacketPointer(value) ? UNKNOWN : value));
  const frame = topFrame(state);
  clobber(frame);
  frame.regs[0] = resultOf(checker, state, entry, gathered);
}

function resultOf(checker: Checker, state: State, entry: Helper, gathered: Gathered): Value {
  const { name, returns } = entry;
  switch (returns) {
    case "void":
      return UNINIT;
    case "int":
      if (returnsSize(name) && gathered.size !== undefined) return signedRange(-4095n, gathered.size);
      if (name === "get_smp_processor_id") return unsignedRange(0n, BigInt(checker.cpus - 1));
      return UNKNOWN;
    case "map-value":
    case "map-value-or-null": {
      const map = gathered.map as MapSpec;
      if (map.type === "array_of_maps" || map.type === "hash_of_maps") {
        refuse("unsupported", `The maps inside of ${map.name} are not known to this verifier`, [1]);
      }
      const sure =
        returns === "map-value" || (name === "map_lookup_elem" && keyIsInside(checker, state, map, gathered));
      return pointer("map-value", { map, nullable: !sure, id: checker.newId() });
    }
    case "record-or-null": {
      const ref = checker.newId();
      state.refs = [...state.refs, { id: ref, slot: state.pc }];
      return pointer("memory", { nullable: true, id: ref, ref, size: gathered.allocation, record: true });
    }
    case "kernel":
      return KERNEL_WORD;
    case "kernel-or-null":
    case "memory-or-null":
      return { ...KERNEL_WORD, nullable: true, id: checker.newId() };
    case "memory":
      return KERNEL_WORD;
    default: {
      const acquires = name.startsWith("sk_lookup_") || name === "skc_lookup_tcp";
      const id = checker.newId();
      if (acquires) state.refs = [...state.refs, { id, slot: state.pc }];
      return pointer("socket", { nullable: true, id, ref: acquires ? id : 0 });
    }
  }
}

/** An array has every element from 0 up: a known key that is inside never gives null. */
function keyIsInside(checker: Checker, state: State, map: MapSpec, { key }: Gathered): boolean {
  if ((map.type !== "array" && map.type !== "percpu_array") || key?.pointer.to !== "stack") return false;
  const place = key.pointer;
  if (!isConstant(place.index)) return false;
  const off = place.off + Number(place.index.smin);
  // Only where states that differ in the key are told apart.
  const above = state.frames[place.frame + 1];
  const start = checker.graph.functionOf[above === undefined ? state.pc : above.callSite]?.start ?? 0;
  if (!checker.relevance.isKey(start, off)) return false;
  const known = knownOnStack(state.frames[place.frame] as Frame, off);
  return known !== undefined && known < BigInt(map.maxEntries);
}

/** Pushes the state in which the callback begins; when it returns, the call is come to again. */
function enterCallback(state: State, entry: Helper, gathered: Gathered, push: Push): void {
  const { name } = entry;
  const start = gathered.callback as number;
  const regs = topFrame(state).regs;
  const map = gathered.map;
  const timer = name === "timer_set_callback";
  if (!timer && state.frames.length >= MAX_FRAMES) {
    refuse("stack", `More than ${MAX_FRAMES} calls are open at once`, []);
  }
  const frame = newFrame(state.pc, {
    helper: timer ? -1 : state.pc,
    resultMax: timer ? 0n : 1n,
    refs: timer ? 0 : state.refs.length,
  });
  const { regs: args } = frame;
  switch (name) {
    case "loop":
      args[1] = UNKNOWN;
      args[2] = regs[3] as Value;
      break;
    case "for_each_map_elem":
      args[1] = gathered.mapPointer as Pointer;
      args[2] = pointer("map-key", { map });
      args[3] = pointer("map-value", { map });
      args[4] = regs[3] as Value;
      break;
    case "find_vma":
      args[1] = KERNEL_WORD;
      args[2] = KERNEL_WORD;
      args[3] = regs[4] as Value;
      break;
    case "timer_set_callback": {
      const inside = regs[1] as Pointer;
      args[1] = pointer("map", { map: inside.map });
      args[2] = pointer("map-key", { map: inside.map });
      args[3] = pointer("map-value", { map: inside.map });
      break;
    }
    default:
      refuse("unsupported", `The callback of ${name} is not known to this verifier`, []);
  }
  const next = copyState(state);
  next.frames = timer ? [frame] : [...next.frames, frame];
  if (timer) next.refs = [];
  next.frames[next.frames.length - 1]?.regs.splice(10, 1, pointer("stack", { frame: next.frames.length - 1 }));
  next.from = -1;
  next.pc = start;
  push(next);
}

/** Kernel functions that are known: what they take is checked only as far as it must be. */
const KERNEL_FUNCTIONS: {
  readonly [name: string]: {
    readonly args: readonly ("any" | "kernel" | "release")[];
    readonly returns: "int" | "void" | "kernel" | "acquire";
  };
} = {
  bpf_rdonly_cast: { args: ["any", "any"], returns: "kernel" },
  bpf_cast_to_kern_ctx: { args: ["any"], returns: "kernel" },
  bpf_task_from_pid: { args: ["any"], returns: "acquire" },
  bpf_task_acquire: { args: ["kernel"], returns: "acquire" },
  bpf_task_release: { args: ["release"], returns: "void" },
  bpf_cgroup_from_id: { args: ["any"], returns: "acquire" },
  bpf_cgroup_release: { args: ["release"], returns: "void" },
  bpf_rcu_read_lock: { args: [], returns: "void" },
  bpf_rcu_read_unlock: { args: [], returns: "void" },
  bpf_get_fsverity_digest: { args: ["kernel", "any"], returns: "int" },
};

/** A call of a kernel function by name. */
export function callKernelFunction(checker: Checker, state: State, name: string): void {
  const entry = Object.hasOwn(KERNEL_FUNCTIONS, name) ? KERNEL_FUNCTIONS[name] : undefined;
  if (entry === undefined) refuse("unsupported", `The kernel function ${name} is not known to this verifier`, []);
  entry.args.forEach((kind, i) => {
    const value = argument(state, i + 1, name);
    if (kind === "any") return;
    const object = pointerArgument(name, i + 1, "a kernel object", value);
    if (object.to !== "kernel") wrong(name, i + 1, "a kernel object", value);
    if (kind === "release") {
      if (object.ref === 0)
        refuse("reference", `${name} is given something that this program did not acquire (r${i + 1})`, [i + 1]);
      release(state, object.ref);
    }
  });
  const frame = topFrame(state);
  clobber(frame);
  if (entry.returns === "int") frame.regs[0] = UNKNOWN;
  else if (entry.returns === "kernel") frame.regs[0] = KERNEL_WORD;
  else if (entry.returns === "acquire") {
    const id = checker.newId();
    state.refs = [...state.refs, { id, slot: state.pc }];
    frame.regs[0] = pointer("kernel", { nullable: true, id, ref: id });
  }
}

export { clobber };
