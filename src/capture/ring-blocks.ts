// Blocks of a packet socket's ring (TPACKET_V3, linux/if_packet.h) as pcapng, by WebAssembly: at a million packets a second, what a
// packet costs decides what is lost. It writes what `BlockWriter.packet` writes.

import {
  Access,
  type Code,
  compileWasm,
  createWasmMemory,
  I32,
  I64,
  instantiateWasm,
  Wasm,
  type WasmFunction,
  WasmModule,
} from "../wasm/index.ts";
import { ENHANCED_PACKET } from "./scanner.ts";

/** Of `struct tpacket3_hdr`, in bytes; behind it the `struct sockaddr_ll` of the packet. */
const Header = { NEXT: 0, SECONDS: 4, NANOSECONDS: 8, KEPT: 12, LENGTH: 16, STATUS: 20, MAC: 24, VLAN: 32, TPID: 36 };
const PACKET_TYPE = 48 + 10;
const VLAN_VALID = 0x10;
const TPID_VALID = 0x40;
const DEFAULT_TPID = 0x8100;
const HEAD = 28;
const FLAGS_OPTION = 2 | (4 << 16);
const NANOSECONDS = 1_000_000_000;
const VLAN_AT = 12;
/** Longer packets are copied by an instruction, which costs more to begin with. */
const LONG = 256;
const PAGE = 65536;
/** Where the flags of each type of packet stand, the number of packets written, and then the ring's block. */
const FLAGS = 0;
const COUNT = 60;
const START = 64;

export interface RingBlocksOptions {
  /** Bytes of a block of the ring, at most. */
  readonly blockBytes: number;
  /** `epb_flags` of packets by their type (`sll_pkttype`), never 0. */
  readonly flags: readonly number[];
  /** The type of packets that are left out. */
  readonly without?: number;
}

export class RingBlocks {
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #out: number;
  readonly #convert: WasmFunction;
  readonly #without: number;

  constructor({ blockBytes, flags, without = 0xff }: RingBlocksOptions) {
    this.#out = START + blockBytes + 64;
    // What is written of a packet is shorter than what the ring has of it.
    const pages = Math.ceil((this.#out + blockBytes + 64) / PAGE);
    const memory = createWasmMemory(pages);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    this.#words.set(flags, FLAGS / 4);
    this.#without = without;
    const { convert } = instantiateWasm(compileWasm(convertModule(pages)), { env: { memory } });
    if (convert === undefined) throw new Error("the module has no function");
    this.#convert = convert;
  }

  /**
   * The packets of a block of so many bytes, of which the first is `first` bytes behind its start. The bytes are others at the next
   * call.
   */
  convert(
    ring: Uint8Array,
    block: number,
    bytes: number,
    first: number,
    packets: number,
  ): { readonly bytes: Uint8Array; readonly packets: number } {
    if (packets === 0) return { bytes: this.#bytes.subarray(0, 0), packets: 0 };
    this.#bytes.set(ring.subarray(block, block + bytes), START);
    const end = this.#convert(START + first, packets, this.#out, this.#without);
    return { bytes: this.#bytes.subarray(this.#out, end), packets: this.#words[COUNT / 4] as number };
  }
}

function convertModule(pages: number): Uint8Array {
  const module = new WasmModule(pages);
  const builder = module.function([I32, I32, I32, I32], [I32], "convert");
  const { code } = builder;
  const [at, packets, out, without] = [0, 1, 2, 3];
  const local = (): number => builder.local(I32);
  const [type, kept, tag, from, to, left, size, count] = [
    local(),
    local(),
    local(),
    local(),
    local(),
    local(),
    local(),
    local(),
  ];
  const [time, status, tpid, tci] = [builder.local(I64), local(), local(), local()];
  const header = (access: number, offset: number): Code => code.get(at).access(access, offset);
  const word = (offset: number): Code => header(Access.i32_load, offset);
  const advance = (place: number, by: number): Code => code.get(place).i32(by).op(Wasm.i32_add).set(place);
  code.loop();
  code.block();
  header(Access.i32_load8_u, PACKET_TYPE).tee(type).get(without).op(Wasm.i32_eq).brIf(0);
  word(Header.KEPT).set(kept);
  code.i32(0).set(tag);
  header(Access.i32_load16_u, Header.MAC).get(at).op(Wasm.i32_add).set(from);
  code.get(out).i32(HEAD).op(Wasm.i32_add).set(to);
  code.get(kept).set(left);
  // The tag that the kernel has taken out goes behind the addresses.
  word(Header.STATUS).tee(status).i32(VLAN_VALID).op(Wasm.i32_and, Wasm.i32_eqz).i32(0).op(Wasm.i32_eq);
  code.get(kept).i32(VLAN_AT).op(Wasm.i32_ge_u, Wasm.i32_and).if();
  code.get(to).get(from).access(Access.i64_load).access(Access.i64_store);
  code.get(to).get(from).access(Access.i32_load, 8).access(Access.i32_store, 8);
  header(Access.i32_load16_u, Header.TPID).i32(DEFAULT_TPID);
  code.get(status).i32(TPID_VALID).op(Wasm.i32_and, Wasm.select).set(tpid);
  header(Access.i32_load16_u, Header.VLAN).set(tci);
  const bigEndian = (value: number): Code =>
    code
      .get(value)
      .i32(8)
      .op(Wasm.i32_shr_u)
      .get(value)
      .i32(0xff)
      .op(Wasm.i32_and)
      .i32(8)
      .op(Wasm.i32_shl, Wasm.i32_or);
  code.get(to);
  bigEndian(tpid).access(Access.i32_store16, VLAN_AT);
  code.get(to);
  bigEndian(tci).access(Access.i32_store16, VLAN_AT + 2);
  advance(to, VLAN_AT + 4);
  advance(from, VLAN_AT);
  advance(left, -VLAN_AT);
  code.i32(4).set(tag);
  code.end();
  // Words of 8 bytes: what is too much is written over, and there is memory behind.
  code.get(left).i32(LONG).op(Wasm.i32_gt_u).if();
  code.get(to).get(from).get(left).copy();
  code.get(to).get(left).op(Wasm.i32_add).set(to);
  code.else();
  code.get(left).if();
  // Where the last word begins behind the end, `to` goes back by what was too much.
  code.loop();
  code.get(to).get(from).access(Access.i64_load).access(Access.i64_store);
  advance(to, 8);
  advance(from, 8);
  advance(left, -8);
  code.get(left).i32(0).op(Wasm.i32_gt_s).brIf(0);
  code.end();
  code.get(to).get(left).op(Wasm.i32_add).set(to);
  code.end();
  code.end();
  // Zeros up to a whole word, and then the options.
  code.get(to).i32(0).access(Access.i32_store);
  code
    .get(to)
    .get(out)
    .op(Wasm.i32_sub)
    .i32(3)
    .op(Wasm.i32_add)
    .i32(-4)
    .op(Wasm.i32_and)
    .get(out)
    .op(Wasm.i32_add)
    .set(to);
  code.get(to).i32(FLAGS_OPTION).access(Access.i32_store);
  code.get(to);
  code.get(type).i32(7).op(Wasm.i32_and).i32(2).op(Wasm.i32_shl).access(Access.i32_load, FLAGS);
  code.access(Access.i32_store, 4);
  code.get(to).i32(0).access(Access.i32_store, 8);
  code.get(to).get(out).op(Wasm.i32_sub).i32(16).op(Wasm.i32_add).set(size);
  code.get(to).get(size).access(Access.i32_store, 12);
  code.get(out).i32(ENHANCED_PACKET).access(Access.i32_store);
  code.get(out).get(size).access(Access.i32_store, 4);
  code.get(out).i32(0).access(Access.i32_store, 8);
  word(Header.SECONDS).op(Wasm.i64_extend_i32_u).i64(NANOSECONDS).op(Wasm.i64_mul);
  word(Header.NANOSECONDS).op(Wasm.i64_extend_i32_u, Wasm.i64_add).set(time);
  code.get(out).get(time).i64(32).op(Wasm.i64_shr_u, Wasm.i32_wrap).access(Access.i32_store, 12);
  code.get(out).get(time).op(Wasm.i32_wrap).access(Access.i32_store, 16);
  code.get(out).get(kept).get(tag).op(Wasm.i32_add).access(Access.i32_store, 20);
  code.get(out);
  word(Header.LENGTH).get(tag).op(Wasm.i32_add).access(Access.i32_store, 24);
  code.get(out).get(size).op(Wasm.i32_add).set(out);
  advance(count, 1);
  code.end();
  word(Header.NEXT).get(at).op(Wasm.i32_add).set(at);
  advance(packets, -1);
  code.get(packets).brIf(0);
  code.end();
  code.i32(0).get(count).access(Access.i32_store, COUNT);
  code.get(out);
  return module.finish();
}
