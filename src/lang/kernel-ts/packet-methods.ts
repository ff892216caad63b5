// What a packet itself does: its first header, its length, room at its ends.

import type { CExpression } from "../../c/index.ts";
import { nearest } from "../../source/index.ts";
import { contextOf } from "./arguments.ts";
import { type Expression, type MemberExpression, refuse, spanOf } from "./ast.ts";
import { firstHeader, packetStruct } from "./headers.ts";
import type { PacketForm } from "./network-programs.ts";
import type { Reader } from "./reader.ts";
import type { Value } from "./values.ts";

/** Moves an end of the packet by so many bytes; true where there is room. All headers are to be asked for again. */
const adjusted =
  (helper: string) =>
  (r: Reader, args: readonly Expression[], at: MemberExpression): CExpression => {
    const [by] = args;
    if (by === undefined || args.length > 1) return refuse("SCRY1405", "a number of bytes is needed here", at);
    const { typing } = r.types;
    const span = spanOf(at);
    const context = contextOf(r, at);
    const done = r.call(helper, [context, typing.cast(r.plain(by, r.types.i32), r.types.i32, span)], span);
    return typing.compare("==", typing.cast(done, r.types.i64), r.constant(0, r.types.i64, span), span);
  };

const XDP_METHODS: Readonly<Record<string, ReturnType<typeof adjusted>>> = {
  adjustHead: adjusted("bpf_xdp_adjust_head"),
  adjustTail: adjusted("bpf_xdp_adjust_tail"),
  adjustMeta: adjusted("bpf_xdp_adjust_meta"),
};

/** `packet.eth()`, `packet.adjustHead(-20)` */
export function packetMethod(
  r: Reader,
  packet: PacketForm,
  name: string,
  args: readonly Expression[],
  callee: MemberExpression,
): Value {
  const row = packet.form === "xdp" && Object.hasOwn(XDP_METHODS, name) ? XDP_METHODS[name] : undefined;
  // It is done where it stands, and once.
  if (row !== undefined) {
    const { types } = r;
    const done = r.held(row(r, args, callee), types.number("bool") as number, spanOf(callee));
    return { kind: "plain", of: r.read(done) };
  }
  if (name === "at") return packetStruct(r, packet, args, callee.property);
  const known = [...packet.first, ...(packet.form === "xdp" ? Object.keys(XDP_METHODS) : [])];
  if (!known.includes(name) && nearest(name, known).length > 0)
    return refuse("SCRY1404", `packets have no '${name}'`, callee.property, ...nearest(name, known));
  return firstHeader(r, packet, name, args, callee.property);
}

/** `packet.length`: bytes of the whole packet; undefined: it is a member of the context. */
export function packetMember(r: Reader, packet: PacketForm, name: string, at: MemberExpression): Value | undefined {
  if (name !== "length") return undefined;
  const { typing } = r.types;
  const span = spanOf(at);
  const context = contextOf(r, at);
  const holder = typing.dereference(context, span);
  if (packet.form !== "xdp") return { kind: "plain", of: typing.member(holder, "len", span) };
  // Of packets in fragments the first of them alone lies between `data` and `data_end`.
  if (packet.fragments === true)
    return { kind: "plain", of: typing.cast(r.call("bpf_xdp_get_buff_len", [context], span), r.types.u32, span) };
  const end = typing.member(holder, "data_end", span);
  const start = typing.member(holder, "data", span);
  const distance = typing.binary("-", typing.cast(end, r.types.u64), typing.cast(start, r.types.u64), span);
  return { kind: "plain", of: typing.cast(distance, r.types.u32, span) };
}
