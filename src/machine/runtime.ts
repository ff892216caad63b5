// What a running program finds around it: the memory, the maps, who runs it and when, and what helpers leave behind for
// the caller. Helpers are functions of it; both interpreters and compiled code call them through `callHelper`.

import { helperName } from "../object/index.ts";
import type { HelperHost } from "./interpreter-state.ts";
import { HEADER_BYTES, Header } from "./map-header.ts";
import type { EmbeddedMap } from "./maps.ts";
import { FRAME_BYTES, FUNCTION_TAG, type Memory, State } from "./memory.ts";
import { accessMessage, hexAddress, TrapSignal } from "./trap.ts";

/** Memory that is not the machine's: what probe_read finds at an address there. Undefined: nothing (EFAULT). */
export type ForeignMemory = (address: bigint, size: number, space: "user" | "kernel") => Uint8Array | undefined;

/** What helpers did that only the surroundings can carry out, in order. */
export type Effect =
  | { readonly kind: "redirect"; readonly ifindex: number; readonly flags: bigint; readonly clone: boolean }
  | { readonly kind: "redirect-map"; readonly map: string; readonly key: number }
  | { readonly kind: "signal"; readonly signal: number; readonly thread: boolean }
  | { readonly kind: "override-return"; readonly value: bigint }
  | { readonly kind: "printk"; readonly text: string }
  | { readonly kind: "seq"; readonly bytes: Uint8Array }
  | { readonly kind: "skb"; readonly what: string };

/** Runs a function of the running program, for helpers that call back; arguments and answer in the registers. */
export type Callback = (slot: number, frame: number) => void;
/** Runs another program in place of the running one; false where there is none at that index. */
export type TailCall = (map: EmbeddedMap, index: number, frame: number) => boolean;

/**
 * A helper of this machine: it takes its arguments from the runtime, checks every pointer among them, and gives r0.
 * `"end"`: the program ends here (a tail call has left its answer in r0). A number is sign-extended.
 */
export type HelperFunction = (runtime: Runtime) => number | bigint | "end";

const ARGUMENT = State.REGISTERS;

export class Runtime implements HelperHost {
  readonly memory: Memory;
  readonly maps: readonly EmbeddedMap[];
  readonly effects: Effect[] = [];
  /** Where helpers put together a key or a value while they run. */
  readonly scratch: number;
  readonly scratchBytes: number;
  /** Where the next key lies that `for_each_map_elem` shows its callback; callbacks may walk maps themselves. */
  shownKey: number;
  clock: () => bigint;
  random: () => number;
  foreign: ForeignMemory | undefined;
  kernelStack: readonly bigint[] = [];
  userStack: readonly bigint[] = [];
  contextBytes = 0;
  returnValue = 0;
  /** "xdp", "skb" or neither: what r1 points to. */
  packetKind: "xdp" | "skb" | "none" = "none";
  callback: Callback = () => {};
  tailCall: TailCall = () => false;
  /** Helpers that the machine's user brought. */
  readonly replaced: ReadonlySet<number>;
  readonly #helpers: ReadonlyMap<number, HelperFunction>;

  constructor(parts: {
    memory: Memory;
    maps: readonly EmbeddedMap[];
    scratch: number;
    scratchBytes: number;
    shownKey: number;
    helpers: ReadonlyMap<number, HelperFunction>;
    replaced: ReadonlySet<number>;
    clock: () => bigint;
    random: () => number;
  }) {
    this.memory = parts.memory;
    this.maps = parts.maps;
    this.scratch = parts.scratch;
    this.scratchBytes = parts.scratchBytes;
    this.shownKey = parts.shownKey;
    this.clock = parts.clock;
    this.random = parts.random;
    this.#helpers = parts.helpers;
    this.replaced = parts.replaced;
  }

  /** The function of a helper; undefined where this machine has none. */
  helper(id: number): HelperFunction | undefined {
    return this.#helpers.get(id);
  }

  callHelper(id: number): boolean {
    const helper = this.#helpers.get(id);
    if (helper === undefined) {
      const name = helperName(id);
      throw new TrapSignal("helper", `there is no helper ${name === undefined ? id : `bpf_${name} (${id})`}`);
    }
    return this.runHelper(helper);
  }

  runHelper(helper: HelperFunction): boolean {
    const result = helper(this);
    if (result === "end") return true;
    this.setResult(result);
    return false;
  }

  /** r0: a number is sign-extended. */
  setResult(value: number | bigint): void {
    const { memory } = this;
    if (typeof value === "bigint") memory.i64[ARGUMENT >>> 3] = value;
    else {
      memory.i32[ARGUMENT >>> 2] = value;
      // Numbers beyond 32 bits do occur: addresses from 2 GiB on must not become negative.
      memory.i32[(ARGUMENT >>> 2) + 1] = Math.floor(value / 4294967296);
    }
  }

  /** The low half of r1 to r5, without sign. */
  arg(n: number): number {
    return this.memory.u32[(ARGUMENT >>> 2) + n * 2] as number;
  }

  /** … with sign. */
  signed(n: number): number {
    return this.memory.i32[(ARGUMENT >>> 2) + n * 2] as number;
  }

  arg64(n: number): bigint {
    return this.memory.i64[(ARGUMENT >>> 3) + n] as bigint;
  }

  setArgument(n: number, value: number): void {
    this.memory.u32[(ARGUMENT >>> 2) + n * 2] = value;
    this.memory.u32[(ARGUMENT >>> 2) + n * 2 + 1] = 0;
  }

  setArgument64(n: number, value: bigint): void {
    this.memory.i64[(ARGUMENT >>> 3) + n] = value;
  }

  /** The address in argument `n`, where the program itself may read (write) so many bytes; a trap where it may not. */
  pointer(n: number, size: number, write = false): number {
    const low = this.arg(n);
    const high = this.memory.u32[(ARGUMENT >>> 2) + n * 2 + 1] as number;
    if (size === 0) return low;
    if (high !== 0 || !this.memory.allows(low, size, write)) {
      throw new TrapSignal(
        write ? "write" : "read",
        `argument ${n} of a helper: ${accessMessage(write, size, low, high)}`,
      );
    }
    return low;
  }

  /** A whole 64-bit size, which must be one that can be. */
  size(n: number): number {
    if ((this.memory.u32[(ARGUMENT >>> 2) + n * 2 + 1] as number) !== 0) {
      throw new TrapSignal("helper", `argument ${n} of a helper is no size`);
    }
    return this.arg(n);
  }

  /** The handle of a map in argument `n`. */
  handle(n: number): number {
    const low = this.arg(n);
    const high = this.memory.u32[(ARGUMENT >>> 2) + n * 2 + 1] as number;
    const from = this.memory.u32[State.HEADERS >>> 2] as number;
    const to = this.memory.u32[State.HEADERS_END >>> 2] as number;
    if (high !== 0 || low < from || low >= to || (low - from) % HEADER_BYTES !== 0) {
      throw new TrapSignal("helper", `argument ${n} of a helper, ${hexAddress(low, high)}, is no map`);
    }
    return low;
  }

  map(n: number): EmbeddedMap {
    return this.maps[this.memory.u32[(this.handle(n) + Header.INDEX) >>> 2] as number] as EmbeddedMap;
  }

  /** The slot of the function whose address is in argument `n`. */
  functionSlot(n: number): number {
    if ((this.memory.u32[(ARGUMENT >>> 2) + n * 2 + 1] as number) !== FUNCTION_TAG) {
      throw new TrapSignal("helper", `argument ${n} of a helper is no function`);
    }
    return this.arg(n);
  }

  /** Calls a function of the program, in a frame below the caller's; r1 to r5 are set. Its answer, low half signed. */
  call(slot: number): number {
    const frame = (this.memory.u32[State.FRAME >>> 2] as number) - FRAME_BYTES;
    if (frame <= 8192) throw new TrapSignal("call-depth", "more than 8 frames of local calls");
    this.callback(slot, frame);
    this.memory.u32[State.FRAME >>> 2] = frame + FRAME_BYTES;
    return this.memory.i32[ARGUMENT >>> 2] as number;
  }

  /** Bytes at any address: the machine's own where the program may read them, else foreign memory. */
  peek(address: bigint, size: number, space: "user" | "kernel"): Uint8Array | undefined {
    const at = BigInt.asUintN(64, address);
    if (at < BigInt(this.memory.limit) && this.memory.allows(Number(at), size, false)) {
      return this.memory.bytes(Number(at), size);
    }
    return this.foreign?.(at, size, space);
  }

  /** A string at any address, without its end, at most `limit` bytes; undefined: not readable. */
  peekString(address: bigint, limit: number, space: "user" | "kernel"): Uint8Array | undefined {
    const at = BigInt.asUintN(64, address);
    // Mostly all of it is there: one look instead of one for each byte.
    const whole = at < BigInt(this.memory.limit) ? undefined : this.foreign?.(at, limit, space);
    if (whole !== undefined) {
      const end = whole.indexOf(0);
      return end < 0 ? whole : whole.subarray(0, end);
    }
    const bytes: number[] = [];
    for (let i = 0; i < limit; i++) {
      const byte = this.peek(at + BigInt(i), 1, space);
      if (byte === undefined) return undefined;
      if (byte[0] === 0) break;
      bytes.push(byte[0] as number);
    }
    return Uint8Array.from(bytes);
  }

  loadPacket(offset: number, size: number): boolean {
    const { memory } = this;
    let at = (memory.u32[State.PACKET >>> 2] as number) + offset;
    // SKF_LL_OFF and SKF_NET_OFF of linux/filter.h: from the link layer's header, or from the network's.
    if (offset < 0) {
      if (offset >= -0x100000) at = (memory.u32[State.PACKET_NETWORK >>> 2] as number) + offset + 0x100000;
      else if (offset >= -0x200000) at = (memory.u32[State.PACKET >>> 2] as number) + offset + 0x200000;
      if (offset < -0x200000) return false;
    }
    if (at < (memory.u32[State.PACKET >>> 2] as number)) return false;
    if (at + size > (memory.u32[State.PACKET_END >>> 2] as number)) return false;
    const { view } = memory;
    const value = size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at);
    this.setResult(value);
    return true;
  }
}
