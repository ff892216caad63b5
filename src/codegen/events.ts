// Records for the reader: built in place in the ring buffer, with the short form of their strings unless one is long.

import type { Value } from "../compiler/index.ts";
import {
  alignOf,
  CONTROL,
  EVENTS,
  type EventAction,
  type EventField,
  type EventSite,
  GLOBALS,
  HEADER,
  hasLongString,
  PACKET_HEADER,
  PACKETS,
  shortType,
  sizeOf,
  type Type,
} from "../schema/index.ts";
import { branchIfLong, type IntoOptions, type Lengths } from "./long-strings.ts";
import { addSite, increment, type ProgramState, scoped } from "./state.ts";

/** linux/bpf.h */
const BPF_RB_NO_WAKEUP = 1;
const BPF_RB_FORCE_WAKEUP = 2;
const BPF_RB_PROD_POS = 3;

/** Bytes before the first field: the number of the site; in control records also how far the event ring was filled. */
const HEADER_BYTES = { events: 4, control: 16 } as const;

type Ring = keyof typeof HEADER_BYTES;

/** One value of a record. It is written twice where a string may be too long for the short form. */
export interface RecordPart {
  readonly type: Type;
  /** Writes it, as a value of this type (the part's own or its short form), to a place of our own. */
  write(to: Value, offset: number, type: Type, options: IntoOptions): Lengths;
}

/** May a string of these be too long for the short form? */
export const mayBeLong = (types: readonly { readonly type: Type }[]): boolean =>
  types.some((t) => hasLongString(t.type));

/** Room for a site's record: `fill` writes into it, and then hands it over; a record that found no room is counted. */
export function reserve(p: ProgramState, site: EventSite, size: number, fill: (record: Value) => void): void {
  const { ring } = site;
  const b = p.b;
  const record = b.helper(
    "ringbuf_reserve",
    [b.map(ring === "control" ? CONTROL : EVENTS), b.const(size), b.const(0)],
    {
      kind: "record",
      nullable: true,
    },
  );
  const got = b.block("reserved");
  const lost = b.block("lost");
  const after = b.block("sent");
  b.branch("ne", record, 0, got, lost, { unlikely: "else" });
  b.enter(lost);
  increment(p, ring === "control" ? HEADER.controlLost : HEADER.lost);
  increment(p, p.object.plan.lossesOffset + site.id * 8);
  b.jump(after);
  b.enter(got);
  fill(record);
  b.jump(after);
  b.enter(after);
}

/** linux/bpf.h; how much of a packet is sent stands in the upper half. */
const BPF_F_CURRENT_CPU = 0xffffffffn;
const MOST_PACKET = 0xfffff;

/** Sends a packet's first bytes away; answers 0, or what is wrong as a negative number. */
export function emitPacket(p: ProgramState, action: EventAction, packet: Value, length: Value): Value {
  const b = p.b;
  const site = addSite(p, action, [], PACKET_HEADER.size, "packets");
  const head = b.slot(PACKET_HEADER.size);
  const bytes = b.and(length, MOST_PACKET);
  b.store(32, head, PACKET_HEADER.site, site.id);
  b.store(32, head, PACKET_HEADER.length, bytes);
  b.store(64, head, PACKET_HEADER.time, b.helper("ktime_get_boot_ns", []));
  const flags = b.binary("or", b.binary("shl", bytes, 32), b.const(BPF_F_CURRENT_CPU));
  return b.helper("skb_output", [packet, b.map(PACKETS), flags, head, b.const(PACKET_HEADER.size)]);
}

/** Sends a record with these values. */
export function emitRecord(p: ProgramState, action: EventAction, parts: readonly RecordPart[], ring: Ring): void {
  if (!mayBeLong(parts)) {
    build(p, action, parts, ring, false);
    return;
  }
  build(p, action, parts, ring, true, () => build(p, action, parts, ring, false));
}

/** One form of a record. Where a string did not fit its short form, the record is thrown away and `long` runs. */
function build(
  p: ProgramState,
  action: EventAction,
  parts: readonly RecordPart[],
  ring: Ring,
  short: boolean,
  long: () => void = () => {},
): void {
  const b = p.b;
  let at: number = HEADER_BYTES[ring];
  const fields: EventField[] = parts.map((part) => {
    const type = short ? shortType(part.type) : part.type;
    at = Math.ceil(at / alignOf(type)) * alignOf(type);
    if (type.kind === "string" && type.size >= 8) at = Math.ceil(at / 8) * 8;
    const field = { type, offset: at };
    at += sizeOf(type);
    return field;
  });
  const size = Math.ceil(at / 8) * 8;
  const site = addSite(p, action, fields, size, ring);
  const position =
    ring === "control" ? b.helper("ringbuf_query", [b.map(EVENTS), b.const(BPF_RB_PROD_POS)]) : undefined;
  reserve(p, site, size, (record) => {
    b.store(32, record, 0, site.id);
    if (position !== undefined) {
      b.store(32, record, 4, 0);
      b.store(64, record, 8, position);
    }
    const lengths = scoped(p, () =>
      parts.flatMap((part, i) => {
        const field = fields[i] as EventField;
        return part.write(record, field.offset, field.type, { pad: false, short });
      }),
    );
    if (lengths.length === 0) {
      submit(p, record, ring);
      return;
    }
    const tooLong = b.block("long");
    const fits = b.block("short");
    const after = b.block("after");
    branchIfLong(p, lengths, tooLong, fits);
    b.enter(tooLong);
    b.helper("ringbuf_discard", [record, b.const(BPF_RB_NO_WAKEUP)], { kind: "void" });
    scoped(p, long);
    b.jump(after);
    b.enter(fits);
    submit(p, record, ring);
    b.jump(after);
    b.enter(after);
  });
}

/** Hands a record of the ring over; wakes the reader only if it sleeps. */
export function submit(p: ProgramState, record: Value, ring: Ring): void {
  const b = p.b;
  const flag = ring === "control" ? HEADER.controlArmed : HEADER.armed;
  const globals = b.mapValue(GLOBALS, flag);
  b.when(
    "ne",
    b.load("u64", globals, 0),
    0,
    () => {
      b.store(64, globals, 0, 0);
      b.helper("ringbuf_submit", [record, b.const(BPF_RB_FORCE_WAKEUP)], { kind: "void" });
    },
    {
      unlikely: "then",
      otherwise: () => {
        b.helper("ringbuf_submit", [record, b.const(BPF_RB_NO_WAKEUP)], { kind: "void" });
      },
    },
  );
}
