// The programs that see names being resolved: one notes what is asked of a resolver, the other reads its answer before the
// one who asked can, so that the address is known when it is used. Only answers to a question of the same socket are read, from
// resolvers that are believed.
//
//     DNS message (RFC 1035, 4.1):  ┌ id ┬ flags ┬ counts: questions, answers, …; 12 bytes in all ┬ question ┬ answers ┐
//     answer:                       ┌ name ┬ type 2 ┬ class 2 ┬ TTL 4 ┬ length 2 ┬ data ┐

import { type Block, FunctionBuilder, INT, type IrFunction, type Value, type ValueType } from "../../compiler/index.ts";
import { AddressSlot, NANOSECONDS, swapped, variable } from "./decision.ts";
import { isOneOf } from "./judge.ts";
import { LEAST_SECONDS, MAPS, MESSAGE_BYTES, MOST_SECONDS, MOST_STEPS, NameEntry, Scratch } from "./layout.ts";
import { MOST_OF_ONE_NAME, NAME_BYTES } from "./name-patterns.ts";
import { ports, type ReadPacket, type ReadPorts, readPacket } from "./packet-side.ts";
import type { Plan } from "./plan.ts";

const DNS_PORT = 53;
const HEADER = 12;
/** struct __sk_buff: bytes from IP's header on. */
const SKB_LEN = 0;
const NOEXIST = 1;
const TYPE_A = 1;
const TYPE_AAAA = 28;
const entryOf = (map: string, nullable: boolean): ValueType => ({ kind: "map-value", map, nullable });

/** The socket and the message's number, on the stack. */
function questionKey(b: FunctionBuilder, id: Value): Value {
  const key = b.slot(16);
  b.store(64, key, 0, b.helper("get_socket_cookie", [b.param(0)]));
  b.store(64, key, 8, id);
  return key;
}

/** Where the message begins: over TCP its length stands before it (RFC 1035, 4.2.2), in the same segment or it is not seen. */
function messageAt(b: FunctionBuilder, packet: ReadPacket, { bytes }: ReadPorts): Value {
  const start = variable("start");
  b.write(start, b.add(packet.at, bytes));
  b.when("eq", packet.protocol, 6, () => b.write(start, b.add(b.read(start), 2)));
  return b.read(start);
}

function messageId(b: FunctionBuilder, at: Value, otherwise: Block): Value {
  const id = b.slot(8);
  b.zero(id, 0, 8);
  b.must("eq", b.helper("skb_load_bytes", [b.param(0), at, id, b.const(2)]), 0, otherwise);
  return b.load("u16", id, 0);
}

/** `cgroup_skb/egress` */
export function questionProgram(name: string, plan: Plan): IrFunction {
  const b = new FunctionBuilder(name, [{ kind: "ctx" }]);
  const done = b.block("done");
  const packet = readPacket(b, "destination", done);
  const read = ports(b, packet, done);
  b.must("eq", read.destination, DNS_PORT, done);
  const asked = b.block("asked");
  isOneOf(b, plan.resolvers, packet.family, packet.words, asked);
  b.jump(done);
  b.enter(asked);
  const key = questionKey(b, messageId(b, messageAt(b, packet, read), done));
  const value = b.slot(8);
  b.store(64, value, 0, 1);
  b.helper("map_update_elem", [b.map(MAPS.asked), key, value, b.const(0)]);
  b.jump(done);
  b.enter(done);
  b.return(1);
  return b.finish();
}

/** `cgroup_skb/ingress`. `asked` false: answers are read that nobody asked for, which tests of the reader want. */
export function answerProgram(name: string, plan: Plan, asked = true): IrFunction {
  const b = new FunctionBuilder(name, [{ kind: "ctx" }]);
  const done = b.block("done");
  const packet = readPacket(b, "source", done);
  const read = ports(b, packet, done);
  b.must("eq", read.source, DNS_PORT, done);
  const from = b.block("from");
  isOneOf(b, plan.resolvers, packet.family, packet.words, from);
  b.jump(done);
  b.enter(from);
  const at = messageAt(b, packet, read);
  if (asked) {
    const key = questionKey(b, messageId(b, at, done));
    const known = b.helper("map_lookup_elem", [b.map(MAPS.asked), key], entryOf(MAPS.asked, true));
    b.must("ne", known, 0, done);
    b.helper("map_delete_elem", [b.map(MAPS.asked), key]);
  }
  const zero = b.slot(8);
  b.store(32, zero, 0, 0);
  const scratch = b.helper("map_lookup_elem", [b.map(MAPS.scratch), zero], entryOf(MAPS.scratch, true));
  b.must("ne", scratch, 0, done);
  const room = variable("room");
  const payload = b.binary("sub", b.load("u32", b.param(0), SKB_LEN), at);
  b.must("sge", payload, HEADER + 6, done);
  b.write(room, payload);
  b.when("ugt", payload, MESSAGE_BYTES, () => b.write(room, b.const(MESSAGE_BYTES)), { unlikely: "then" });
  // As it is: so the verifier knows that it is 1 to 1,024, wherever it has been kept.
  const bytes = b.add(b.and(b.binary("sub", b.read(room), 1), MESSAGE_BYTES - 1), 1);
  b.must("eq", b.helper("skb_load_bytes", [b.param(0), at, scratch, bytes]), 0, done);
  // An answer without an error (QR, RCODE), to one question.
  b.must("eq", b.and(swapped(b, b.load("u16", scratch, 2)), 0x800f), 0x8000, done);
  b.must("eq", swapped(b, b.load("u16", scratch, 4)), 1, done);
  b.helper("ringbuf_output", [b.map(MAPS.answers), scratch, bytes, b.const(0)]);
  const behind = questionName(b, scratch, bytes, done);
  const matched = b.helper("map_lookup_elem", [b.map(MAPS.names), behind.key], entryOf(MAPS.names, true));
  b.must("ne", matched, 0, done);
  records(b, plan, scratch, bytes, behind.next, matched, done);
  b.enter(done);
  b.return(1);
  return b.finish();
}

/** What the verifier shall take for any number, so that it need not follow each turn's value on its own. */
const forgotten = (b: FunctionBuilder, size: "u8" | "u16", memory: Value, offset: number): Value =>
  b.emit({ op: "load", size, offset, volatile: true }, [memory], INT);

/** Writes the question's name backwards, and gives the key of it and the offset behind the question. */
function questionName(
  b: FunctionBuilder,
  scratch: Value,
  bytes: Value,
  done: Block,
): { readonly key: Value; readonly next: Value } {
  const ended = b.block("ended");
  // Letters of the label that are still to come, and letters of the name so far: in memory.
  const LEFT = Scratch.position;
  const LENGTH = Scratch.position + 1;
  b.store(8, scratch, LEFT, 0);
  const letter = variable("letter");
  b.loop(NAME_BYTES - 1, (index, _leave, next) => {
    const c = b.load("u8", b.add(scratch, index), Scratch.message + HEADER);
    const left = forgotten(b, "u8", scratch, LEFT);
    const put = b.block("put");
    const inside = b.block("inside");
    b.must("eq", left, 0, inside);
    // The length of the next label, or the end.
    b.store(8, scratch, LENGTH, index);
    b.must("ne", c, 0, ended);
    b.must("ule", c, 63, done);
    b.store(8, scratch, LEFT, c);
    b.write(letter, b.const(0));
    b.when("ne", index, 0, () => b.write(letter, b.const(0x2e)));
    b.jump(put);
    b.enter(inside);
    b.store(8, scratch, LEFT, b.binary("sub", left, 1));
    b.must("ugt", c, 0x20, done);
    b.must("ne", c, 0x2e, done);
    b.write(letter, c);
    b.when("ule", b.binary("sub", c, 0x41), 25, () => b.write(letter, b.binary("add", c, 0x20)));
    b.jump(put);
    b.enter(put);
    const place = b.add(scratch, b.binary("sub", b.const(NAME_BYTES - 1), index));
    b.store(8, place, Scratch.name + 4, b.read(letter));
    b.jump(next);
  });
  b.jump(done);
  b.enter(ended);
  const length = forgotten(b, "u8", scratch, LENGTH);
  b.must("ne", length, 0, done);
  const next = b.add(length, HEADER + 1 + 4);
  b.must("ule", next, bytes, done);
  const key = b.add(b.add(scratch, b.binary("sub", b.const(NAME_BYTES), length)), Scratch.name);
  b.store(32, key, 0, b.binary("mul", length, 8));
  return { key, next };
}

/** Walks over the answers; each turn is a label of a record's name, or the rest of a record. */
function records(
  b: FunctionBuilder,
  plan: Plan,
  message: Value,
  bytes: Value,
  first: Value,
  matched: Value,
  done: Block,
): void {
  const ANSWERS = Scratch.position + 2;
  // Where the next turn goes on.
  const AT = Scratch.position + 4;
  const goOn = (offset: Value): void => b.store(16, message, AT, offset);
  const within = (offset: Value): Value => b.and(offset, MESSAGE_BYTES - 1);
  const answers = swapped(b, b.load("u16", message, 6));
  b.must("ne", answers, 0, done);
  b.store(16, message, ANSWERS, answers);
  goOn(first);
  const key = new AddressSlot(b);
  const now = b.binary("div", b.helper("ktime_get_boot_ns", []), NANOSECONDS);
  b.loop(MOST_STEPS, (_index, leave, next) => {
    const start = forgotten(b, "u16", message, AT);
    b.must("ult", start, bytes, leave);
    const c = b.load("u8", b.add(message, within(start)));
    const rest = b.block("rest");
    const pointer = b.block("pointer");
    const label = b.block("label");
    b.branch("eq", c, 0, rest, label);
    b.enter(label);
    b.must("ule", c, 63, pointer);
    goOn(b.add(b.add(start, c), 1));
    b.jump(next);
    b.enter(pointer);
    b.must("uge", c, 192, leave);
    const size = variable("size");
    b.write(size, b.const(2));
    const record = b.block("record");
    b.jump(record);
    b.enter(rest);
    b.write(size, b.const(1));
    b.jump(record);
    b.enter(record);
    const fields = b.add(start, b.read(size));
    b.must("ule", b.add(fields, 10), bytes, leave);
    const place = b.add(message, within(fields));
    const type = swapped(b, b.load("u16", place, 0));
    const ttl = b.bswap(b.load("u32", place, 4), 32);
    const length = swapped(b, b.load("u16", place, 8));
    const behind = b.add(b.add(fields, 10), length);
    b.must("ule", behind, bytes, leave);
    const four = b.block("four");
    const maybeSix = b.block("maybesix");
    const six = b.block("six");
    const learn = b.block("learn");
    const over = b.block("over");
    b.branch("eq", type, TYPE_A, four, maybeSix);
    b.enter(four);
    b.must("eq", length, 4, over);
    key.write(b, 4, [b.load("u32", place, 10)]);
    b.jump(learn);
    b.enter(maybeSix);
    b.branch("eq", type, TYPE_AAAA, six, over);
    b.enter(six);
    b.must("eq", length, 16, over);
    key.write(
      b,
      6,
      [0, 1, 2, 3].map((i) => b.load("u32", place, 10 + 4 * i)),
    );
    b.jump(learn);
    b.enter(learn);
    learnt(b, plan, key, matched, untilOf(b, now, ttl), over);
    b.jump(over);
    b.enter(over);
    const left = b.binary("sub", forgotten(b, "u16", message, ANSWERS), 1);
    b.store(16, message, ANSWERS, left);
    b.must("ne", b.zext(left, 16), 0, leave);
    goOn(behind);
    b.jump(next);
  });
  b.jump(done);
}

/** The second of the boot clock until which the address is the name's (RFC 2181, 8: a TTL with its highest bit set is zero). */
function untilOf(b: FunctionBuilder, now: Value, ttl: Value): Value {
  const seconds = variable("seconds");
  b.write(seconds, ttl);
  b.when("ugt", ttl, 0x7fffffff, () => b.write(seconds, b.const(0)), { unlikely: "then" });
  b.when("ult", b.read(seconds), LEAST_SECONDS, () => b.write(seconds, b.const(LEAST_SECONDS)));
  b.when("ugt", b.read(seconds), MOST_SECONDS, () => b.write(seconds, b.const(MOST_SECONDS)));
  return b.add(b.add(now, b.read(seconds)), 1);
}

/** Notes the address for each of the patterns that the name has. */
function learnt(b: FunctionBuilder, plan: Plan, key: AddressSlot, matched: Value, until: Value, failed: Block): void {
  const map = MAPS.addresses;
  const found = { name: "entry", type: entryOf(map, true) };
  const address = key.addressKey(b);
  b.write(found, b.helper("map_lookup_elem", [b.map(map), address], entryOf(map, true)));
  b.when("eq", b.read(found), 0, () => {
    b.helper("map_update_elem", [b.map(map), address, b.mapValue(MAPS.blank, 0), b.const(NOEXIST)]);
    b.write(found, b.helper("map_lookup_elem", [b.map(map), address], entryOf(map, true)));
  });
  const entry = b.read(found);
  b.must("ne", entry, 0, failed);
  const count = b.load("u32", matched, NameEntry.count);
  const end = b.block("end");
  for (let i = 0; i < MOST_OF_ONE_NAME; i++) {
    b.must("ugt", count, i, end);
    const slot = b.and(b.load("u16", matched, NameEntry.slots + 2 * i), plan.capacity - 1);
    const place = b.add(entry, b.binary("shl", slot, 2));
    b.when("ult", b.load("u32", place, 0), until, () => b.store(32, place, 0, until));
  }
  b.jump(end);
  b.enter(end);
}
