// Helpers that compiled code does itself, where it knows at compile time what it needs to: which map, which size.

import { helperName } from "../object/index.ts";
import { Access, I32, I64, Wasm } from "../wasm/index.ts";
import { finishCall, noteSlot, storeArguments } from "./compile-arguments.ts";
import { pushChecked } from "./compile-memory.ts";
import { type FunctionState, pushNarrow, pushWide } from "./compile-state.ts";
import { type MapLayout, RING_DISCARD } from "./map-header.ts";
import { FRAME_BYTES, State } from "./memory.ts";
import { ASK_JAVASCRIPT, emitCopy } from "./wasm-maps.ts";

type Emit = (fn: FunctionState, slot: number, id: number) => boolean;

/** Writes the helper in place, its answer in r0; false where it has to be called. */
export function emitInlineHelper(fn: FunctionState, slot: number, id: number): boolean {
  const name = helperName(id);
  const emit = name === undefined ? undefined : INLINE[name];
  return emit?.(fn, slot, id) ?? false;
}

/** A 64-bit constant that an argument holds, as a number; undefined where it is not known or not small. */
function constant(fn: FunctionState, slot: number, argument: number): number | undefined {
  const known = fn.facts.atCall.get(slot)?.[argument];
  return known?.kind === "constant" && known.high === known.low >> 31 ? known.low : undefined;
}

/** The map in r1, where the code says so just before the call. */
function mapOf(fn: FunctionState, slot: number): MapLayout | undefined {
  const known = fn.facts.atCall.get(slot)?.[1];
  if (known?.kind !== "constant" || known.high !== 0) return undefined;
  return fn.module.maps.layout(known.low >>> 0);
}

/** Leaves an argument that points to `size` bytes as an i32, checked where programs are. */
function pushPointer(fn: FunctionState, slot: number, argument: number, size: number, write: boolean): void {
  const { code, frame } = fn;
  const known = fn.facts.atCall.get(slot)?.[argument];
  if (known?.kind === "frame" && known.offset >= -FRAME_BYTES && known.offset + size <= 0) {
    if (frame.local === undefined) code.i32(frame.offset + known.offset);
    else
      code
        .get(frame.local)
        .i32(frame.offset + known.offset)
        .op(Wasm.i32_add);
    return;
  }
  if (fn.module.checked && size > 0) pushChecked(fn, slot, argument, 0, size, write);
  else pushNarrow(fn, argument);
}

const loadState =
  (address: number, access: number = Access.i64_load): Emit =>
  (fn) => {
    fn.code.i32(0).access(access, address);
    fn.setResult();
    return true;
  };

const lookup: Emit = (fn, slot) => {
  const map = mapOf(fn, slot);
  if (map === undefined || map.kind.ofMaps) return false;
  const { code } = fn;
  const cpu = (): void => {
    if (map.cpus > 1) code.i32(0).access(Access.i32_load, State.CPU).i32(map.stride).op(Wasm.i32_mul, Wasm.i32_add);
  };
  if (map.kind.shape === "array") {
    const index = fn.take(I32);
    pushPointer(fn, slot, 2, 4, false);
    code.access(Access.i32_load, 0).tee(index).i32(map.maxEntries).op(Wasm.i32_lt_u).ifValue(I32);
    code.get(index).i32(map.entryBytes).op(Wasm.i32_mul).i32(map.data).op(Wasm.i32_add);
    cpu();
    code.else().i32(0).end().op(Wasm.i64_extend_i32_u);
    fn.setResult();
    fn.release(I32, index);
    return true;
  }
  if (map.kind.shape !== "hash") return false;
  const entry = fn.take(I32);
  pushPointer(fn, slot, 2, map.keySize, false);
  code.call(fn.module.maps.find(map)).tee(entry).ifValue(I32);
  if (map.kind.lru) code.get(entry).i32(1).access(Access.i32_store, 8);
  code.get(entry).i32(map.valueOffset).op(Wasm.i32_add);
  cpu();
  code.else().i32(0).end().op(Wasm.i64_extend_i32_u);
  fn.setResult();
  fn.release(I32, entry);
  return true;
};

/** Flags as 0 to 3, 3 standing for all that no update knows. */
function pushFlags(fn: FunctionState, slot: number): void {
  const { code } = fn;
  const known = constant(fn, slot, 4);
  if (known !== undefined) {
    code.i32(known >= 0 && known <= 2 ? known : 3);
    return;
  }
  pushNarrow(fn, 4);
  code.i32(3);
  pushWide(fn, 4);
  code.i64(2).op(Wasm.i64_le_u, Wasm.select);
}

const update: Emit = (fn, slot, id) => {
  const map = mapOf(fn, slot);
  if (map === undefined || map.kind.ofMaps || map.kind.storage) return false;
  const { code } = fn;
  const size = map.spec.valueSize;
  if (map.kind.shape === "array") {
    if (constant(fn, slot, 4) !== 0) return false;
    const index = fn.take(I32);
    const value = fn.take(I32);
    pushPointer(fn, slot, 2, 4, false);
    code.access(Access.i32_load, 0).set(index);
    pushPointer(fn, slot, 3, size, false);
    code.set(value);
    code.get(index).i32(map.maxEntries).op(Wasm.i32_lt_u).ifValue(I64);
    code.get(index).i32(map.entryBytes).op(Wasm.i32_mul).i32(map.data).op(Wasm.i32_add);
    if (map.cpus > 1) code.i32(0).access(Access.i32_load, State.CPU).i32(map.stride).op(Wasm.i32_mul, Wasm.i32_add);
    code.set(index);
    emitCopy(code, index, 0, value, size);
    code.i64(0).else().i64(-7).end();
    fn.setResult();
    fn.release(I32, index);
    fn.release(I32, value);
    return true;
  }
  if (map.kind.shape !== "hash") return false;
  const errno = fn.take(I32);
  pushPointer(fn, slot, 2, map.keySize, false);
  pushPointer(fn, slot, 3, size, false);
  pushFlags(fn, slot);
  code.call(fn.module.maps.update(map)).tee(errno).op(Wasm.i64_extend_i32_s);
  fn.setResult();
  if (map.kind.lru || map.cpus > 1) {
    code.get(errno).i32(ASK_JAVASCRIPT).op(Wasm.i32_eq).if();
    fn.height++;
    storeArguments(fn, 4);
    noteSlot(fn, slot);
    code.call(fn.module.helperFunction(id));
    finishCall(fn, slot, false);
    code.end();
    fn.height--;
  }
  fn.release(I32, errno);
  return true;
};

const remove: Emit = (fn, slot) => {
  const map = mapOf(fn, slot);
  if (map?.kind.shape !== "hash" || map.kind.storage) return false;
  pushPointer(fn, slot, 2, map.keySize, false);
  fn.code.call(fn.module.maps.remove(map)).op(Wasm.i64_extend_i32_s);
  fn.setResult();
  return true;
};

const reserve: Emit = (fn, slot) => {
  const map = mapOf(fn, slot);
  const size = constant(fn, slot, 2);
  if (map?.kind.shape !== "ring" || size === undefined || size < 0 || constant(fn, slot, 3) !== 0) return false;
  fn.code.i32(size).call(fn.module.maps.reserve(map)).op(Wasm.i64_extend_i32_u);
  fn.setResult();
  return true;
};

/** Only where the verifier has seen that the record is one. */
const commit =
  (bits: number): Emit =>
  (fn) => {
    if (fn.module.checked) return false;
    pushNarrow(fn, 1);
    fn.code.i32(bits).call(fn.module.maps.commit()).i64(0);
    fn.setResult();
    return true;
  };

const output: Emit = (fn, slot) => {
  const map = mapOf(fn, slot);
  const size = constant(fn, slot, 3);
  if (map?.kind.shape !== "ring" || size === undefined || size < 0) return false;
  const { code } = fn;
  const from = fn.take(I32);
  const to = fn.take(I32);
  pushPointer(fn, slot, 2, size, false);
  code.set(from).i32(size).call(fn.module.maps.reserve(map)).tee(to).ifValue(I64);
  emitCopy(code, to, 0, from, size);
  code.get(to).i32(0).call(fn.module.maps.commit()).i64(0).else().i64(-11).end();
  fn.setResult();
  fn.release(I32, from);
  fn.release(I32, to);
  return true;
};

const comm: Emit = (fn, slot) => {
  // The name in the state page has 15 bytes at most and ends in zeros.
  if (constant(fn, slot, 2) !== 16) return false;
  const { code } = fn;
  const to = fn.take(I32);
  pushPointer(fn, slot, 1, 16, true);
  code.set(to);
  for (const at of [0, 8])
    code
      .get(to)
      .i32(0)
      .access(Access.i64_load, State.COMM + at)
      .access(Access.i64_store, at);
  code.i64(0);
  fn.setResult();
  fn.release(I32, to);
  return true;
};

const INLINE: { readonly [name: string]: Emit } = {
  map_lookup_elem: lookup,
  map_update_elem: update,
  map_delete_elem: remove,
  ringbuf_reserve: reserve,
  ringbuf_submit: commit(0),
  ringbuf_discard: commit(RING_DISCARD),
  ringbuf_output: output,
  get_smp_processor_id: loadState(State.CPU, Access.i64_load32_u),
  get_current_pid_tgid: loadState(State.PID_TGID),
  get_current_uid_gid: loadState(State.UID_GID),
  get_current_task: loadState(State.TASK),
  get_current_task_btf: loadState(State.TASK),
  get_attach_cookie: loadState(State.COOKIE),
  get_current_comm: comm,
};
