// Calls of helpers: may this program call it, and what does it give.

import { type Helper, type HelperArgument, helper, type MapSpec, mayCall, needsSleep } from "../object/index.ts";
import { checkArgument, type Gathered } from "./arguments.ts";
import { enterCallback, type Push } from "./callbacks.ts";
import type { Checker } from "./checker.ts";
import { KERNEL_WORD } from "./contexts.ts";
import { isGpl } from "./licenses.ts";
import { clobber, release, requireNoRegion } from "./references.ts";
import { refuse } from "./refusal.ts";
import { isConstant, signedRange, UNKNOWN, unsignedRange } from "./scalar.ts";
import { knownOnStack } from "./stack.ts";
import { dynptrKind } from "./stack-objects.ts";
import { type Frame, mapValues, type State, topFrame } from "./state.ts";
import { changed, type Pointer, pointer, type SocketTarget, UNINIT, type Value } from "./value.ts";

const isPacketPointer = (value: Value): boolean =>
  value.kind === "pointer" &&
  (value.to === "packet" ||
    value.to === "packet-end" ||
    value.to === "packet-meta" ||
    (value.ref === 0 && (value.to === "slice" || value.to === "slice-readonly")));

const isOfPacket = (dynptr: Pointer | undefined): boolean =>
  dynptr !== undefined && (dynptrKind(dynptr) === "skb" || dynptrKind(dynptr) === "xdp");

/** A call of a helper. The state goes on behind it; callbacks are pushed. */
export function callHelper(checker: Checker, state: State, id: number, push: Push): void {
  const entry = helper(id);
  if (entry === undefined) refuse("helper", `There is no helper number ${id}`, []);
  const { name } = entry;
  const { type, sleepable } = checker.program;
  if (!mayCall(entry, type, checker.attachType) && !isForIterated(checker, name)) {
    refuse("helper", `A program of type ${type}${forWhat(checker)} cannot call ${name}`, []);
  }
  if (((sleepable !== true && type !== "syscall") || state.regions !== 0) && needsSleep(entry)) {
    refuse(
      "helper",
      `${name} may sleep, and this program may not`,
      [],
      "let the program sleep (a section ending in .s)",
    );
  }
  if (entry.gpl === true && !isGpl(checker.object.license)) {
    refuse(
      "helper",
      `${name} is only for programs under a GPL-compatible licence, and this object's is "${checker.object.license}"`,
      [],
    );
  }
  if (state.locked !== 0 && name !== "spin_unlock" && name !== "spin_lock") {
    refuse("reference", `${name} is called while a spin lock is held`, [], "give the lock back first");
  }
  const gathered: Gathered = {
    map: undefined,
    mapPointer: undefined,
    key: undefined,
    callback: undefined,
    socket: undefined,
    dynptr: undefined,
    timer: undefined,
    released: undefined,
    size: undefined,
    allocation: 0,
  };
  const count = entry.args.length;
  for (let i = 0; i < count; i++) checkArgument(checker, state, entry, i, entry.args[i] as HelperArgument, gathered);
  if (name === "tail_call") {
    if (state.refs.length > 0) refuse("reference", "A tail call would lose what was not given back yet", []);
    requireNoRegion(state, "A tail call may end the program");
  }
  if (gathered.callback !== undefined) enterCallback(checker, state, entry, gathered, push);
  if (gathered.released !== undefined) release(state, gathered.released);
  if (entry.movesPacket === true || (name === "dynptr_write" && isOfPacket(gathered.dynptr)))
    mapValues(state, (value) => (isPacketPointer(value) ? UNKNOWN : value));
  const frame = topFrame(state);
  clobber(frame);
  frame.regs[0] = resultOf(checker, state, entry, gathered);
}

/** Iterators over sockets may ask and set their options (bpf_iter_tcp_get_func_proto and its like). */
const isForIterated = ({ program: { target } }: Checker, name: string): boolean =>
  target?.kind === "iter" && /^(tcp|unix)$/.test(target.name) && (name === "setsockopt" || name === "getsockopt");

/** What a program is loaded for, where that makes a difference to what it may call. */
const forWhat = ({ attachType }: Checker): string => (attachType === undefined ? "" : ` (${attachType})`);

function resultOf(checker: Checker, state: State, entry: Helper, gathered: Gathered): Value {
  const { name, returns } = entry;
  switch (returns) {
    case "void":
      return UNINIT;
    case "int":
      if (entry.returnsSize === true && gathered.size !== undefined) return signedRange(-4095n, gathered.size);
      if (name === "get_smp_processor_id") return unsignedRange(0n, BigInt(checker.cpus - 1));
      return UNKNOWN;
    case "map-value":
    case "map-value-or-null": {
      const map = gathered.map as MapSpec;
      if (map.type === "array_of_maps" || map.type === "hash_of_maps") return innerMap(checker, map);
      if (name === "map_lookup_elem") {
        if (map.type === "sockmap" || map.type === "sockhash")
          return socketOf(checker, state, "socket", name, gathered);
        if (map.type === "xskmap") return pointer("xdp-socket", { nullable: true, id: checker.newId() });
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
      if (gathered.dynptr !== undefined) {
        const { ref } = gathered.dynptr;
        return pointer("slice", { nullable: true, id: checker.newId(), ref, size: gathered.allocation });
      }
      return kernelObject(checker, state, name === "kptr_xchg", gathered.socket?.ref ?? 0);
    case "memory":
      return KERNEL_WORD;
    case "socket-or-null":
      return socketOf(checker, state, "socket", name, gathered);
    case "tcp-socket-or-null":
      return socketOf(checker, state, "tcp-socket", name, gathered);
    case "sock-common-or-null":
      return socketOf(checker, state, "sock-common", name, gathered);
  }
}

/** A socket, or null: looked up, to be given back; or another view of the argument's, which is gone with it. */
function socketOf(checker: Checker, state: State, to: SocketTarget, name: string, { socket }: Gathered): Pointer {
  const id = checker.newId();
  if (!name.includes("lookup")) {
    return pointer(to, { nullable: true, id, ref: name === "get_listener_sock" ? 0 : (socket?.ref ?? 0) });
  }
  state.refs = [...state.refs, { id, slot: state.pc }];
  return pointer(to, { nullable: true, id, ref: id });
}

/** A kernel object, or null: one's own, to be given back, or another view of an argument. */
function kernelObject(checker: Checker, state: State, own: boolean, ref: number): Pointer {
  const id = checker.newId();
  if (own) state.refs = [...state.refs, { id, slot: state.pc }];
  return changed(KERNEL_WORD, { nullable: true, id, ref: own ? id : ref });
}

/** A map inside of another, or null: all of them are like the one that it was declared with. */
function innerMap(checker: Checker, map: MapSpec): Pointer {
  if (map.inner === undefined) refuse("unsupported", `What the maps inside of ${map.name} are like is not said`, [1]);
  return pointer("map", { map: map.inner, nullable: true, id: checker.newId() });
}

/** An array has every element from 0 up: a known key that is inside never gives null. */
function keyIsInside(checker: Checker, state: State, map: MapSpec, { key }: Gathered): boolean {
  if ((map.type !== "array" && map.type !== "percpu_array") || key?.pointer.to !== "stack") return false;
  const place = key.pointer;
  if (!isConstant(place.index)) return false;
  const off = place.off + Number(place.index.smin);
  const known = knownOnStack(state.frames[place.frame] as Frame, off);
  if (known === undefined || known >= BigInt(map.maxEntries)) return false;
  // States that differ in the key are to be told apart from now on.
  const above = state.frames[place.frame + 1];
  checker.keyDecides(above === undefined ? state.pc : above.callSite, off);
  return true;
}
