// The machine's one memory, and the map of what programs may touch in it.
//
//     0        4096      8192     12288            16384          …                              limit
//     ┌─────────┬─────────┬────────┬────────────────┬─────────────────────────────────────────────┬────────┐
//     │ nothing │  state  │ stack  │ nothing        │ context · packet · scratch · map headers and │ shadow │
//     │ (null)  │  page   │ 8×512  │                │ values · ring buffers                       │        │
//     └─────────┴─────────┴────────┴────────────────┴─────────────────────────────────────────────┴────────┘
//
// A pointer is an offset in it, so the interpreters and compiled code see the same numbers, and 32-bit fields such as
// `xdp_md.data` hold one as they are. The shadow has a byte for every 8 bytes below `limit`: how many of them, from the
// first on, may be written (low half of the byte) and read (high half), 0 to 8. Every region starts at a multiple of 8
// and has a gap before the next, so a check by the shadow is exact to the byte.

import { createWasmMemory, type WasmMemory } from "../wasm/index.ts";

/** Addresses in the state page: what compiled code, interpreters and helpers tell each other. No program may touch it. */
export const State = {
  /** r0 to r10, 8 bytes each. */
  REGISTERS: 4096,
  /** A number of `TRAP_KINDS`, the slot and the address at fault (8 bytes), the size of the access. */
  TRAP_KIND: 4192,
  TRAP_SLOT: 4196,
  TRAP_ADDRESS: 4200,
  TRAP_SIZE: 4208,
  /** Instructions left, 8 bytes. */
  BUDGET: 4216,
  /** Turns of `may_goto` left, 4 bytes. */
  MAY_GOTO: 4224,
  /** The frame pointer of the function that calls a helper. */
  FRAME: 4228,
  CPU: 4232,
  TAIL_CALLS: 4236,
  PID_TGID: 4240,
  UID_GID: 4248,
  /** 16 bytes */
  COMM: 4256,
  TASK: 4272,
  COOKIE: 4280,
  /** Where the packet lies: first byte and the one after the last. */
  PACKET: 4288,
  PACKET_END: 4292,
  /** Where classic packet loads at SKF_NET_OFF count from. */
  PACKET_NETWORK: 4296,
  /** Address of the first map header and of the byte after the last. */
  HEADERS: 4300,
  HEADERS_END: 4304,
  /** Room that the packet may grow in: from here, to there. */
  AREA: 4308,
  AREA_END: 4312,
  /** The entry in a batch's table of the packet that is at work. */
  BATCH: 4316,
  /** Where the Wasm interpreter goes on: the address of a decoded instruction, and how many frames are below. */
  PC: 4320,
  DEPTH: 4324,
  /** Its saved frames: where to go on, and r6 to r10; 48 bytes each. */
  FRAMES: 4608,
} as const;

/** Turns of `may_goto` in one run (BPF_MAX_LOOPS). */
export const MAY_GOTO_TURNS: number = 8 * 1024 * 1024;
export const FRAME_BYTES = 512;
export const FRAMES = 8;
export const STACK_BASE = 8192;
/** r10 of the entry. */
export const STACK_TOP: number = STACK_BASE + FRAMES * FRAME_BYTES;
/** Where the context starts. */
export const CONTEXT = 16384;
export const CONTEXT_BYTES = 65536;
/** Unused bytes between regions, so that an overrun is seen. */
const GAP = 16;
const PAGE = 65536;
/** Copies of up to so many bytes share buffers of so many. */
const POOLED_BYTES = 2048;
const POOL_BYTES = 65536;

/** `lddw` of a function: no address of memory has these high bits, so a stray access to one is always refused. */
export const FUNCTION_TAG = 0x5c51;

/** Gives out addresses before the memory exists. */
export class MemoryPlan {
  #next = CONTEXT + CONTEXT_BYTES + GAP;
  readonly #ceiling: number;

  constructor(ceiling: number) {
    this.#ceiling = ceiling;
  }

  /** The address of so many bytes, aligned to `alignment` (a power of two, at least 8). Throws RangeError when full. */
  reserve(bytes: number, alignment = 8): number {
    const address = Math.ceil(this.#next / alignment) * alignment;
    const next = Math.ceil((address + bytes) / 8) * 8 + GAP;
    if (!(next <= this.#ceiling)) throw new RangeError(`${bytes} bytes do not fit`);
    this.#next = next;
    return address;
  }

  /** The first address that no region has, a multiple of a page. */
  get limit(): number {
    return Math.ceil(this.#next / PAGE) * PAGE;
  }
}

export type Permission = "none" | "read" | "write";

export class Memory {
  readonly wasm: WasmMemory;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly i64: BigInt64Array;
  readonly u64: BigUint64Array;
  readonly view: DataView;
  /** Addresses from here on are never valid; the shadow starts here. */
  readonly limit: number;
  readonly shadow: Uint8Array;
  #pool: ArrayBuffer | undefined;
  #poolUsed = 0;

  constructor(plan: MemoryPlan) {
    this.limit = plan.limit;
    // One page more: compiled code looks into the shadow before it knows that a constant distance led beyond the limit.
    this.wasm = createWasmMemory(Math.ceil((this.limit + this.limit / 8) / PAGE) + 1);
    const { buffer } = this.wasm;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.u64 = new BigUint64Array(buffer);
    this.view = new DataView(buffer);
    this.shadow = new Uint8Array(buffer, this.limit, this.limit / 8);
    this.allow(STACK_BASE, STACK_TOP - STACK_BASE, "write");
  }

  /** Instructions left to the run. As a number, since a BigInt costs as much as ten instructions; exact below 2^53. */
  get budget(): number {
    const at = State.BUDGET >>> 2;
    return (this.i32[at + 1] as number) * 4294967296 + (this.u32[at] as number);
  }
  set budget(value: number) {
    const at = State.BUDGET >>> 2;
    this.u32[at] = value;
    this.i32[at + 1] = Math.floor(value / 4294967296);
  }

  /** Says what programs may do with a region; `address` is a multiple of 8. */
  allow(address: number, bytes: number, access: Permission): void {
    if (bytes <= 0) return;
    const first = address >>> 3;
    const whole = bytes >>> 3;
    const full = access === "none" ? 0 : access === "read" ? 0x80 : 0x88;
    const { shadow } = this;
    // What `fill` costs beside the filling is more than a short loop.
    if (whole > 32) shadow.fill(full, first, first + whole);
    else for (let i = first; i < first + whole; i++) shadow[i] = full;
    const rest = bytes & 7;
    if (rest !== 0) this.shadow[first + whole] = access === "none" ? 0 : access === "read" ? rest << 4 : rest * 0x11;
  }

  /** The same for `count` values of less than 8 bytes each, 8 bytes apart. */
  allowEach(address: number, count: number, bytes: number, access: Permission): void {
    const value = access === "none" ? 0 : access === "read" ? bytes << 4 : bytes * 0x11;
    this.shadow.fill(value, address >>> 3, (address >>> 3) + count);
  }

  /** True when a program may read (or write) all of these bytes. `size` is 0 or more; none at all are always allowed. */
  allows(address: number, size: number, write: boolean): boolean {
    if (size === 0) return true;
    const end = address + size;
    if (!(address >= 0 && end <= this.limit)) return false;
    const shift = write ? 0 : 4;
    for (let granule = address >>> 3; granule < end / 8; granule++) {
      const wanted = Math.min(8, end - granule * 8);
      if ((((this.shadow[granule] as number) >>> shift) & 15) < wanted) return false;
    }
    return true;
  }

  /** A copy. Short ones share a buffer, since making one takes longer than a small program runs. */
  copy(address: number, length: number): Uint8Array {
    if (length > POOLED_BYTES) return this.u8.slice(address, address + length);
    if (this.#pool === undefined || this.#poolUsed + length > POOL_BYTES) {
      this.#pool = new ArrayBuffer(POOL_BYTES);
      this.#poolUsed = 0;
    }
    const bytes = new Uint8Array(this.#pool, this.#poolUsed, length);
    this.#poolUsed += (length + 7) & ~7;
    if (length > 128) bytes.set(this.u8.subarray(address, address + length));
    else for (let i = 0; i < length; i++) bytes[i] = this.u8[address + i] as number;
    return bytes;
  }

  /** The bytes as they are, not a copy. */
  bytes(address: number, length: number): Uint8Array {
    return this.u8.subarray(address, address + length);
  }
}
