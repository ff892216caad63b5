// What a helper's arguments must be, by the kind that the helper table gives each of them (check_func_arg of
// kernel/bpf/verifier.c).

import type { Helper, HelperArgument, MapSpec } from "../object/index.ts";
import type { Checker } from "./checker.ts";
import { handOver, MAX_OFFSET } from "./memory.ts";
import { refuse } from "./refusal.ts";
import { describe, isConstant, isZero, type Scalar } from "./scalar.ts";
import { dynptrArgument, dynptrKind, makeDynptr } from "./stack-objects.ts";
import { type State, topFrame } from "./state.ts";
import { isSocketTarget, type Pointer, title, type Value } from "./value.ts";

/** What the arguments of a call said. */
export interface Gathered {
  map: MapSpec | undefined;
  mapPointer: Pointer | undefined;
  key: { register: number; pointer: Pointer } | undefined;
  callback: number | undefined;
  /** The socket of which the result may be another view. */
  socket: Pointer | undefined;
  /** The released reference. */
  released: number | undefined;
  /** The dynptr that the call is about. */
  dynptr: Pointer | undefined;
  /** The timer that the call is about. */
  timer: Pointer | undefined;
  /** The last size argument's greatest value. */
  size: bigint | undefined;
  allocation: number;
}

/** Programs whose context is no socket, but has one: it is that which is asked for its cookie or its options. */
const ON_SOCKETS: ReadonlySet<string> = new Set(["sk_reuseport", "cgroup_sockopt", "tracing", "lsm"]);

export function argument(state: State, register: number, name: string): Exclude<Value, { kind: "uninit" }> {
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

export function wrong(name: string, register: number, needed: string, value: Value): never {
  refuse("argument", `${name} needs ${needed} in r${register}, which is ${title(value)}`, [register]);
}

export function pointerArgument(name: string, register: number, needed: string, value: Value): Pointer {
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
    packet: entry.takesPacket === true,
    what: name,
  });
}

const FIELDS = { "spin-lock": "a lock", timer: "a timer", kptr: "a pointer to a kernel object" } as const;

/** A pointer to the field of a map value that the helper is for. */
function fieldArgument(
  checker: Checker,
  name: string,
  register: number,
  kind: keyof typeof FIELDS,
  value: Value,
): Pointer {
  const inside = pointerArgument(name, register, "a field of a map value", value);
  const { map } = inside;
  if (inside.to !== "map-value" || map?.valueType === undefined || !isConstant(inside.index)) {
    refuse("argument", `${name} needs ${FIELDS[kind]} in a map value with type information in r${register}`, [
      register,
    ]);
  }
  const at = BigInt(inside.off) + inside.index.smin;
  if (!checker.fieldsOf(map).some((field) => field.kind === kind && BigInt(field.from) === at)) {
    refuse("argument", `${name} needs ${FIELDS[kind]} in r${register}, and at byte ${at} of ${map.name} is none`, [
      register,
    ]);
  }
  return inside;
}

/** The same value is the same lock: those of global data have no id of their own. */
const GLOBAL_LOCK = -1;

function takeLock(checker: Checker, state: State, name: string, register: number, inside: Pointer): void {
  const id = inside.id === 0 ? GLOBAL_LOCK - checker.object.maps.indexOf(inside.map as MapSpec) : inside.id;
  if (name === "spin_lock") {
    if (state.locked !== 0) refuse("reference", "A lock is taken while another is held", [register]);
    state.locked = id;
    return;
  }
  if (state.locked === 0) refuse("reference", "A lock is given back that is not held", [register]);
  if (state.locked !== id) refuse("reference", "Another lock is given back than the one that is held", [register]);
  state.locked = 0;
}

export function checkArgument(
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
      const types = entry.maps;
      if (types !== undefined && !types.includes(map.map.type)) {
        refuse("argument", `${name} does not take a map of type ${map.map.type} (${map.map.name})`, [register]);
      }
      if (map.map.type === "prog_array" && name !== "tail_call") {
        refuse("argument", `${name} does not take a map of type prog_array (${map.map.name})`, [register]);
      }
      if (gathered.timer !== undefined && gathered.timer.map !== map.map) {
        refuse("argument", `${name} is given a timer of another map than ${map.map.name}`, [register]);
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
      if (kind === "value" && (map?.type === "sockmap" || map?.type === "sockhash")) {
        // A socket is put there by a pointer to it.
        const socket = pointerArgument(name, register, "a socket", value);
        if (!isSocketTarget(socket.to) && socket.to !== "kernel") wrong(name, register, "a socket", value);
        return;
      }
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
        packet: entry.takesPacket === true,
        what: name,
      });
      if (kind === "key") gathered.key = { register, pointer: memory };
      return;
    }
    case "fixed":
      handOver(checker, state, {
        register,
        pointer: pointerArgument(name, register, "memory", value),
        size: entry.fixedBytes[entry.args.slice(0, index).filter((one) => one === "fixed").length] as number,
        write: !name.startsWith("tcp_raw"),
        raw: name !== "check_mtu",
        packet: entry.takesPacket === true,
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
    case "context":
    case "context-or-null":
    case "context-or-socket": {
      if (isNull && kind === "context-or-null") return;
      if (kind === "context-or-socket" && ON_SOCKETS.has(checker.program.type)) {
        const socket = pointerArgument(name, register, "a socket", value);
        if (!isSocketTarget(socket.to) && socket.to !== "kernel") wrong(name, register, "a socket", value);
        return;
      }
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
      if (name === "kptr_xchg") {
        if (object.ref === 0)
          refuse("reference", `${name} is given an object that this program did not acquire (r${register})`, [
            register,
          ]);
        gathered.released = object.ref;
      }
      return;
    }
    case "socket":
    case "sock-common": {
      // Where the context is a socket itself, it is meant.
      if (name === "sk_storage_get" && checker.program.type === "cgroup_sock") {
        const own = pointerArgument(name, register, "the context", value);
        if (own.to !== "context" || own.off !== 0 || !isZero(own.index)) wrong(name, register, "the context", value);
        return;
      }
      // A program that chooses a listener may also choose none.
      if (isNull && name === "sk_assign" && checker.program.type === "sk_lookup") return;
      const socket = pointerArgument(name, register, "a socket", value);
      const fits = kind === "socket" ? socket.to === "socket" : isSocketTarget(socket.to) || socket.to === "kernel";
      if (!fits) wrong(name, register, kind === "socket" ? "a full socket" : "a socket", value);
      gathered.socket = socket;
      if (name === "sk_release") {
        if (socket.ref === 0)
          refuse("reference", `sk_release is given a socket that this program did not look up (r${register})`, [
            register,
          ]);
        gathered.released = socket.ref;
      }
      return;
    }
    case "dynptr": {
      const mark = dynptrArgument(state, pointerArgument(name, register, "a dynptr", value), register, name);
      gathered.dynptr = mark;
      if (entry.returns === "void") {
        if (dynptrKind(mark) !== "ringbuf" || mark.ref === 0)
          refuse("reference", `${name} needs a dynptr over a reserved record in r${register}`, [register]);
        gathered.released = mark.ref;
      }
      return;
    }
    case "dynptr-output": {
      const ring = name === "ringbuf_reserve_dynptr";
      const ref = ring ? checker.newId() : 0;
      if (ring) state.refs = [...state.refs, { id: ref, slot: state.pc }];
      else if ((topFrame(state).regs[1] as Pointer).to !== "map-value")
        refuse("argument", `${name} takes memory of a map's value only`, [1]);
      const place = pointerArgument(name, register, "room for a dynptr", value);
      makeDynptr(checker, state, place, { kind: ring ? "ringbuf" : "local", ref }, register);
      return;
    }
    case "spin-lock":
    case "timer":
    case "kptr": {
      const inside = fieldArgument(checker, name, register, kind, value);
      if (kind === "spin-lock") takeLock(checker, state, name, register, inside);
      if (kind === "timer") gathered.timer = inside;
      return;
    }
    default:
      refuse("unsupported", `${name} takes a ${kind} in r${register}, which this verifier does not know`, [register]);
  }
}
