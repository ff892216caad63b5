// The two pieces of a filter with ways of their own, as WebAssembly; what they do is said beside their twins in routines.ts.

import { Access, type Code, Wasm } from "../../wasm/index.ts";
import type { Value } from "./expression.ts";
import { AUTHENTICATION, EXTENSIONS, NO_NEXT_HEADER } from "./routines.ts";

interface Packet {
  readonly start: number;
  readonly kept: number;
}

/** Puts whether a byte at a local and an offset is in the packet. */
const inPacket = (code: Code, { kept }: Packet, at: number, offset: number, scratch: number): Code =>
  // A sum that passes 2^32 is smaller than what was added.
  code
    .get(at)
    .i32(offset)
    .op(Wasm.i32_add)
    .tee(scratch)
    .get(kept)
    .op(Wasm.i32_lt_u)
    .get(scratch)
    .i32(offset)
    .op(Wasm.i32_ge_u, Wasm.i32_and);

/** Where the header of a frame of 802.11 ends; `good` is 0 where the packet ends before that is known. */
export function writeFrameEnd(
  code: Code,
  packet: Packet,
  { start, end, good }: { readonly start: number; readonly end: number; readonly good: number },
): void {
  const [control, data, quality, padded] = [0x04, 0x08, 0x80, 0x20];
  const byte = (offset: number): Code => code.get(packet.start).access(Access.i32_load8_u, offset);
  const has = (mask: number): Code => code.i32(mask).op(Wasm.i32_and);
  code.block();
  // `end` is a scratch until it is known.
  inPacket(code, packet, start, 0, end).tee(good).op(Wasm.i32_eqz).brIf(0);
  code.get(start).i32(24).op(Wasm.i32_add).set(end);
  const frame = (): Code => code.get(packet.start).get(start).op(Wasm.i32_add).access(Access.i32_load8_u);
  // Only frames of data may be longer or padded.
  frame();
  has(data | control)
    .i32(data)
    .op(Wasm.i32_ne)
    .brIf(0);
  code.get(end);
  frame();
  has(quality).i32(6).op(Wasm.i32_shr_u, Wasm.i32_add).set(end);
  const needs = (bytes: number): Code =>
    code.get(packet.kept).i32(bytes).op(Wasm.i32_ge_u).tee(good).op(Wasm.i32_eqz).brIf(0);
  // The radio's header: which of its fields are there, least significant byte first.
  needs(8);
  byte(4);
  has(0x02).op(Wasm.i32_eqz).brIf(0);
  byte(7);
  has(0x80).brIf(0);
  const pad = (): Code => code.get(end).i32(3).op(Wasm.i32_add).i32(-4).op(Wasm.i32_and).set(end);
  byte(4);
  has(0x01).if();
  code.get(packet.kept).i32(17).op(Wasm.i32_ge_u).tee(good).op(Wasm.i32_eqz).brIf(1);
  byte(16);
  has(padded).op(Wasm.i32_eqz).brIf(1);
  pad();
  code.else();
  code.get(packet.kept).i32(9).op(Wasm.i32_ge_u).tee(good).op(Wasm.i32_eqz).brIf(1);
  byte(8);
  has(padded).op(Wasm.i32_eqz).brIf(1);
  pad();
  code.end().end();
}

/** The protocol at the end of a chain of headers; `good` is 0 where the packet ends within the chain. */
export function writeChain(
  code: Code,
  packet: Packet,
  { family, wanted, offset }: Extract<Value, { kind: "chain" }>,
  { header, protocol, good }: { readonly header: number; readonly protocol: number; readonly good: number },
): void {
  const first = offset + (family === 4 ? 9 : 6);
  const byteOf = (at: number): Code =>
    code
      .get(packet.start)
      .get(header)
      .op(Wasm.i32_add)
      .access(Access.i32_load8_u, offset + at);
  code.block();
  code
    .get(packet.kept)
    .i32(first + 1)
    .op(Wasm.i32_ge_u)
    .tee(good)
    .op(Wasm.i32_eqz)
    .brIf(0);
  code.get(packet.start).access(Access.i32_load8_u, first).set(protocol);
  if (family === 4)
    code
      .get(packet.start)
      .access(Access.i32_load8_u, offset)
      .i32(15)
      .op(Wasm.i32_and)
      .i32(2)
      .op(Wasm.i32_shl)
      .set(header);
  else code.i32(40).set(header);
  code.loop();
  for (const number of [wanted, NO_NEXT_HEADER]) code.get(protocol).i32(number).op(Wasm.i32_eq).brIf(1);
  const known = family === 6 ? [...Object.values(EXTENSIONS), AUTHENTICATION] : [AUTHENTICATION];
  code.i32(0);
  for (const number of known) code.get(protocol).i32(number).op(Wasm.i32_eq, Wasm.i32_or);
  code.op(Wasm.i32_eqz).brIf(1);
  // Both bytes that say what comes next and how far it is; headers end before 2^17, so that no sum passes 2^32.
  code
    .get(header)
    .i32(offset + 2)
    .op(Wasm.i32_add)
    .get(packet.kept)
    .op(Wasm.i32_le_u)
    .tee(good)
    .op(Wasm.i32_eqz)
    .brIf(1);
  code.get(header);
  byteOf(1);
  if (family === 6) {
    // Of an authentication header it is words of 4 bytes less 2, of all others of 8 bytes less 1.
    code.get(protocol).i32(AUTHENTICATION).op(Wasm.i32_eq).ifValue(0x7f).i32(2).else().i32(1).end();
    code.op(Wasm.i32_add);
    code.get(protocol).i32(AUTHENTICATION).op(Wasm.i32_eq).ifValue(0x7f).i32(4).else().i32(8).end();
    code.op(Wasm.i32_mul, Wasm.i32_add);
  } else code.i32(2).op(Wasm.i32_add).i32(4).op(Wasm.i32_mul, Wasm.i32_add);
  byteOf(0).set(protocol).set(header);
  code.br(0).end().end();
}
