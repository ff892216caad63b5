// The code that writes packets of a packet socket's ring (TPACKET_V3, linux/if_packet.h) as pcapng. It goes on until the packets
// are used up, or something is to be done that it cannot: then it says what, and is called again for the same packet.

import { Access, type Code, I32, I64, Wasm, WasmModule } from "../wasm/index.ts";
import { ENHANCED_PACKET } from "./scanner.ts";

/** Of `struct tpacket3_hdr`, in bytes; behind it the `struct sockaddr_ll` of the packet. */
export const RingHeader = {
  NEXT: 0,
  SECONDS: 4,
  NANOSECONDS: 8,
  KEPT: 12,
  LENGTH: 16,
  STATUS: 20,
  MAC: 24,
  VLAN: 32,
  TPID: 36,
  INDEX: 52,
  HARDWARE: 56,
  TYPE: 58,
} as const;
const VLAN_VALID = 0x10;
const TPID_VALID = 0x40;
const DEFAULT_TPID = 0x8100;
const HEAD = 28;
const FLAGS_OPTION = 2 | (4 << 16);
const NANOSECONDS = 1_000_000_000;
const VLAN_AT = 12;
/** Longer packets are copied by an instruction, which costs more to begin with. */
const LONG = 256;

/**
 * The memory, in bytes: flags of each type of packets; what the code says of how far it came; interfaces by their index, as
 * far as they are known; comments by the ports of packets, as far as those are; then the ring's block.
 */
export const RingMemory = {
  FLAGS: 0,
  /** Packets written, where it stopped, packets that are left, why it stopped. */
  COUNT: 32,
  AT: 36,
  LEFT: 40,
  WHY: 44,
  /** Of the packet whose comment is not known: its ports (source in the upper half), and the rest of its key. */
  PORTS: 48,
  KEY: 52,
  INTERFACES: 64,
  /** 256 of 8 bytes before, 4,096 of 16 behind. */
  COMMENTS: 2112,
  TEXTS: 67648,
  START: 329792,
} as const;
export const INTERFACE_SLOTS = 256;
export const COMMENT_SLOTS = 4096;
export const TEXT_BYTES = 262144;
/** A number for an interface whose packets are left out. */
export const LEFT_OUT = 0xffffffff;

/** Why the code stopped. */
export const Stopped = { END: 0, FULL: 1, LATE: 2, ENOUGH: 3, INTERFACE: 4, COMMENT: 5 } as const;

/** Of a key: the protocol (8 bits), that the packet went out, that its interface is loopback, and that there is a key. */
const KNOWN = 1 << 10;

const OUTGOING = 4;
/** linux/if_arp.h */
const ETHERNET = 1;
const LOOPBACK = 772;

/** Where a comment stands in the table: a hash of its key. */
export const commentSlot = (ports: number, key: number): number =>
  (Math.imul(ports ^ (key << 16), 0x9e3779b1) >>> 20) % COMMENT_SLOTS;

/**
 * `convert(at, packets, out, limit, most, until, without, comments)`: writes packets from `at` on at `out`, as long as that is
 * before `limit`, fewer than `most` were written, and their second is before `until` (0: any). Packets of type `without` are left out where their
 * interface is loopback. Answers the end of what is written.
 */
export function ringModule(pages: number): Uint8Array {
  const module = new WasmModule(pages);
  const builder = module.function([I32, I32, I32, I32, I32, I32, I32, I32], [I32], "convert");
  const { code } = builder;
  const [at, packets, out, limit, most, until, without, comments] = [0, 1, 2, 3, 4, 5, 6, 7];
  const local = (): number => builder.local(I32);
  const [type, kept, tag, from, to, left, size, count, why] = [
    local(),
    local(),
    local(),
    local(),
    local(),
    local(),
    local(),
    local(),
    local(),
  ];
  const [number, slot, ports, key, network, transport, comment] = [
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
  /** Leaves the loop; `depth` counts the blocks around. */
  const stop = (reason: number, depth: number): Code => code.i32(reason).set(why).br(depth);

  code.block();
  code.loop();
  code.get(packets).op(Wasm.i32_eqz).brIf(1);
  code.get(out).get(limit).op(Wasm.i32_ge_u).if();
  stop(Stopped.FULL, 2).end();
  word(RingHeader.SECONDS).get(until).op(Wasm.i32_ge_u);
  code.get(until).i32(0).op(Wasm.i32_ne, Wasm.i32_and).if();
  stop(Stopped.LATE, 2).end();
  code.get(count).get(most).op(Wasm.i32_ge_u).if();
  stop(Stopped.ENOUGH, 2).end();
  code.block();
  header(Access.i32_load8_u, RingHeader.TYPE).tee(type).get(without).op(Wasm.i32_eq);
  header(Access.i32_load16_u, RingHeader.HARDWARE).i32(LOOPBACK).op(Wasm.i32_eq, Wasm.i32_and).brIf(0);
  // The interface.
  word(RingHeader.INDEX)
    .i32(INTERFACE_SLOTS - 1)
    .op(Wasm.i32_and)
    .i32(3)
    .op(Wasm.i32_shl)
    .tee(slot)
    .access(Access.i32_load, RingMemory.INTERFACES);
  word(RingHeader.INDEX).op(Wasm.i32_ne).if();
  stop(Stopped.INTERFACE, 3).end();
  code
    .get(slot)
    .access(Access.i32_load, RingMemory.INTERFACES + 4)
    .tee(number)
    .i32(LEFT_OUT)
    .op(Wasm.i32_eq)
    .brIf(0);
  word(RingHeader.KEPT).set(kept);
  header(Access.i32_load16_u, RingHeader.MAC).get(at).op(Wasm.i32_add).set(from);
  writeComment();
  code.i32(0).set(tag);
  code.get(out).i32(HEAD).op(Wasm.i32_add).set(to);
  code.get(kept).set(left);
  // The tag that the kernel has taken out goes behind the addresses.
  word(RingHeader.STATUS).tee(status).i32(VLAN_VALID).op(Wasm.i32_and, Wasm.i32_eqz).i32(0).op(Wasm.i32_eq);
  code.get(kept).i32(VLAN_AT).op(Wasm.i32_ge_u, Wasm.i32_and).if();
  code.get(to).get(from).access(Access.i64_load).access(Access.i64_store);
  code.get(to).get(from).access(Access.i32_load, 8).access(Access.i32_store, 8);
  header(Access.i32_load16_u, RingHeader.TPID).i32(DEFAULT_TPID);
  code.get(status).i32(TPID_VALID).op(Wasm.i32_and, Wasm.select).set(tpid);
  header(Access.i32_load16_u, RingHeader.VLAN).set(tci);
  code.get(to);
  bigEndian(() => code.get(tpid)).access(Access.i32_store16, VLAN_AT);
  code.get(to);
  bigEndian(() => code.get(tci)).access(Access.i32_store16, VLAN_AT + 2);
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
  code.get(to).get(out).op(Wasm.i32_sub).i32(3).op(Wasm.i32_add).i32(-4).op(Wasm.i32_and);
  code.get(out).op(Wasm.i32_add).set(to);
  code.get(to).i32(FLAGS_OPTION).access(Access.i32_store);
  code.get(to);
  code.get(type).i32(7).op(Wasm.i32_and).i32(2).op(Wasm.i32_shl).access(Access.i32_load, RingMemory.FLAGS);
  code.access(Access.i32_store, 4);
  advance(to, 8);
  code.get(comment).if();
  code.get(to).get(comment).access(Access.i32_load, 8);
  code.get(comment).access(Access.i32_load, 12).copy();
  code.get(to).get(comment).access(Access.i32_load, 12).op(Wasm.i32_add).set(to);
  code.end();
  code.get(to).i32(0).access(Access.i32_store);
  code.get(to).get(out).op(Wasm.i32_sub).i32(8).op(Wasm.i32_add).set(size);
  code.get(to).get(size).access(Access.i32_store, 4);
  code.get(out).i32(ENHANCED_PACKET).access(Access.i32_store);
  code.get(out).get(size).access(Access.i32_store, 4);
  code.get(out).get(number).access(Access.i32_store, 8);
  word(RingHeader.SECONDS).op(Wasm.i64_extend_i32_u).i64(NANOSECONDS).op(Wasm.i64_mul);
  word(RingHeader.NANOSECONDS).op(Wasm.i64_extend_i32_u, Wasm.i64_add).set(time);
  code.get(out).get(time).i64(32).op(Wasm.i64_shr_u, Wasm.i32_wrap).access(Access.i32_store, 12);
  code.get(out).get(time).op(Wasm.i32_wrap).access(Access.i32_store, 16);
  code.get(out).get(kept).get(tag).op(Wasm.i32_add).access(Access.i32_store, 20);
  code.get(out);
  word(RingHeader.LENGTH).get(tag).op(Wasm.i32_add).access(Access.i32_store, 24);
  code.get(out).get(size).op(Wasm.i32_add).set(out);
  advance(count, 1);
  code.end();
  word(RingHeader.NEXT).get(at).op(Wasm.i32_add).set(at);
  advance(packets, -1);
  code.br(0);
  code.end();
  code.end();
  for (const [place, value] of [
    [RingMemory.COUNT, count],
    [RingMemory.AT, at],
    [RingMemory.LEFT, packets],
    [RingMemory.WHY, why],
    [RingMemory.PORTS, ports],
    [RingMemory.KEY, key],
  ] as const)
    code.i32(0).get(value).access(Access.i32_store, place);
  code.get(out);
  return module.finish();

  /** The low 16 bits of a value, the other way round. */
  function bigEndian(value: () => Code): Code {
    value().i32(8).op(Wasm.i32_shr_u).i32(0xff).op(Wasm.i32_and);
    return value().i32(0xff).op(Wasm.i32_and).i32(8).op(Wasm.i32_shl, Wasm.i32_or);
  }

  /**
   * Looks for the comment of a TCP or UDP packet by its ports: `comment` is its entry, 0 where there is none. Stops where nobody
   * has said what it is.
   */
  function writeComment(): void {
    code.i32(0).set(comment);
    code.get(comments).if();
    code.block();
    // `network` is where IP begins; it has to be whole as far as it says what is behind.
    header(Access.i32_load16_u, RingHeader.HARDWARE).tee(slot).i32(ETHERNET).op(Wasm.i32_eq);
    code.get(slot).i32(LOOPBACK).op(Wasm.i32_eq, Wasm.i32_or).if();
    code.get(kept).i32(24).op(Wasm.i32_lt_u).brIf(1);
    code.get(from).i32(14).op(Wasm.i32_add).set(network);
    code.get(from).access(Access.i32_load16_u, 12).tee(key).i32(0x0008).op(Wasm.i32_ne);
    code.get(key).i32(0xdd86).op(Wasm.i32_ne, Wasm.i32_and).brIf(1);
    code.get(key).i32(0x0008).op(Wasm.i32_eq).set(key);
    code.else();
    code.get(kept).i32(10).op(Wasm.i32_lt_u).brIf(1);
    code.get(from).tee(network).access(Access.i32_load8_u).i32(4).op(Wasm.i32_shr_u).i32(6);
    code.op(Wasm.i32_ne).set(key);
    code.end();
    // `key` is 1 for IPv4 here.
    code.get(key).if();
    // Later fragments have no ports.
    code.get(network).access(Access.i32_load16_u, 6).i32(0xff1f).op(Wasm.i32_and).brIf(1);
    code.get(network).access(Access.i32_load8_u).i32(15).op(Wasm.i32_and).i32(2).op(Wasm.i32_shl);
    code.get(network).op(Wasm.i32_add).set(transport);
    code.get(network).access(Access.i32_load8_u, 9).set(key);
    code.else();
    code.get(network).i32(40).op(Wasm.i32_add).set(transport);
    code.get(network).access(Access.i32_load8_u, 6).set(key);
    code.end();
    code.get(key).i32(6).op(Wasm.i32_ne).get(key).i32(17).op(Wasm.i32_ne, Wasm.i32_and).brIf(0);
    code.get(transport).i32(4).op(Wasm.i32_add).get(from).get(kept).op(Wasm.i32_add, Wasm.i32_gt_u).brIf(0);
    bigEndian(() => code.get(transport).access(Access.i32_load16_u));
    code.i32(16).op(Wasm.i32_shl);
    bigEndian(() => code.get(transport).access(Access.i32_load16_u, 2));
    code.op(Wasm.i32_or).set(ports);
    code.get(type).i32(OUTGOING).op(Wasm.i32_eq).i32(8).op(Wasm.i32_shl);
    code.get(slot).i32(LOOPBACK).op(Wasm.i32_eq).i32(9).op(Wasm.i32_shl, Wasm.i32_or);
    code.i32(KNOWN).op(Wasm.i32_or).get(key).op(Wasm.i32_or).set(key);
    // As `commentSlot`; the table has 4096 places.
    code.get(ports).get(key).i32(16).op(Wasm.i32_shl, Wasm.i32_xor).i32(0x9e3779b1).op(Wasm.i32_mul);
    code.i32(20).op(Wasm.i32_shr_u).i32(4).op(Wasm.i32_shl).i32(RingMemory.COMMENTS).op(Wasm.i32_add);
    code.tee(comment).access(Access.i32_load).get(ports).op(Wasm.i32_ne);
    code.get(comment).access(Access.i32_load, 4).get(key).op(Wasm.i32_ne, Wasm.i32_or).if();
    stop(Stopped.COMMENT, 5).end();
    code.end();
    code.end();
  }
}
