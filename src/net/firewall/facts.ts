// A packet's fields, read in plain TypeScript: what the compiled program must agree with, and what explanations are made of.

import { IPV6_EXTENSIONS, VLAN_TYPES } from "../../packets/index.ts";
import { wordAt } from "./addresses.ts";
import {
  FIELDS,
  type Field,
  type FieldName,
  hasField,
  ICMP,
  ICMP6,
  PORT_PROTOCOLS,
  TCP,
  type World,
} from "./fields.ts";
import { HOOKS, type HookName } from "./hooks.ts";

/** A frame as rules see it. */
export interface PacketFacts {
  readonly world: World;
  readonly fields: ReadonlyMap<FieldName, number>;
  /** Four or sixteen bytes; absent where the packet has none that can be read. */
  readonly source?: Uint8Array;
  readonly destination?: Uint8Array;
  /** Where the network layer and what it carries begin. */
  readonly network?: number;
  readonly transport?: number;
}

/** Extension headers of IPv6 that are passed over, at most. */
export const MOST_EXTENSIONS = 6;
/** Those that are not like the others: of a later fragment nothing more is known. */
export const FRAGMENT = 44;
export const AUTHENTICATION = 51;
export const NO_VLAN = 4096;
const MOST_TAGS = 2;

/**
 * The fields of a frame; undefined: it has not even an Ethernet header. `vlan`: the tag that a network card has taken out of it.
 * `hook`: where it is seen; at a control group the Ethernet header only says what is seen then. Headers that are cut off or do not say what they should are as if they were not there.
 */
export function factsOf(frame: Uint8Array, vlan?: number, hook: HookName = "xdp"): PacketFacts | undefined {
  if (frame.length < 14) return undefined;
  const u16 = (at: number): number => ((frame[at] as number) << 8) | (frame[at + 1] as number);
  const fields = new Map<FieldName, number>();
  if (HOOKS[hook].link === 0) {
    const type = u16(12);
    fields.set("length", frame.length - 14).set("etherType", type);
    return carriedBy(type, frame, 14, fields);
  }
  fields.set("length", frame.length);
  fields.set("destinationMacHigh", u16(0)).set("destinationMacLow", wordAt(frame, 2));
  fields.set("sourceMacHigh", u16(6)).set("sourceMacLow", wordAt(frame, 8));
  let type = u16(12);
  let at = 14;
  let tag = vlan ?? NO_VLAN;
  for (let i = 0; i < MOST_TAGS && VLAN_TYPES.includes(type) && at + 4 <= frame.length; i++) {
    if (tag === NO_VLAN) tag = u16(at) & 0xfff;
    type = u16(at + 2);
    at += 4;
  }
  fields.set("vlan", tag).set("etherType", type);
  return carriedBy(type, frame, at, fields);
}

function carriedBy(type: number, frame: Uint8Array, at: number, fields: Map<FieldName, number>): PacketFacts {
  if (type === 0x0800) return ipv4(frame, at, fields) ?? { world: "other", fields };
  if (type === 0x86dd) return ipv6(frame, at, fields) ?? { world: "other", fields };
  return { world: "other", fields };
}

function ipv4(frame: Uint8Array, at: number, fields: Map<FieldName, number>): PacketFacts | undefined {
  if (at + 20 > frame.length) return undefined;
  const first = frame[at] as number;
  const header = (first & 15) * 4;
  if (first >> 4 !== 4 || header < 20) return undefined;
  const fragment = ((frame[at + 6] as number) << 8) | (frame[at + 7] as number);
  const later = (fragment & 0x1fff) !== 0;
  fields.set("dscp", (frame[at + 1] as number) >> 2).set("ttl", frame[at + 8] as number);
  fields.set("fragment", later ? 2 : (fragment & 0x2000) === 0 ? 0 : 1);
  fields.set("source", wordAt(frame, at + 12)).set("destination", wordAt(frame, at + 16));
  const protocol = frame[at + 9] as number;
  return carried(frame, "ipv4", protocol, later ? undefined : at + header, fields, {
    source: frame.slice(at + 12, at + 16),
    destination: frame.slice(at + 16, at + 20),
    network: at,
  });
}

function ipv6(frame: Uint8Array, at: number, fields: Map<FieldName, number>): PacketFacts | undefined {
  if (at + 40 > frame.length || (frame[at] as number) >> 4 !== 6) return undefined;
  fields
    .set("dscp", (((frame[at] as number) & 15) << 2) | ((frame[at + 1] as number) >> 6))
    .set("ttl", frame[at + 7] as number);
  for (const word of [0, 1, 2, 3] as const)
    fields
      .set(`source${word}`, wordAt(frame, at + 8 + word * 4))
      .set(`destination${word}`, wordAt(frame, at + 24 + word * 4));
  let next = frame[at + 6] as number;
  let header: number | undefined = at + 40;
  let fragment = 0;
  for (let i = 0; i < MOST_EXTENSIONS; i++) {
    const row = IPV6_EXTENSIONS[next];
    if (row === undefined) break;
    if (header + 8 > frame.length) break;
    const length: number = frame[header + 1] as number;
    if (next === FRAGMENT) {
      const offset = ((frame[header + 2] as number) << 8) | (frame[header + 3] as number);
      next = frame[header] as number;
      if ((offset & 0xfff8) !== 0) {
        fragment = 2;
        header = undefined;
        break;
      }
      if ((offset & 1) !== 0) fragment = 1;
      header += 8;
      continue;
    }
    const bytes: number = (length + row.plus) * row.unit;
    next = frame[header] as number;
    header += bytes;
  }
  fields.set("fragment", fragment);
  return carried(frame, "ipv6", next, header, fields, {
    source: frame.slice(at + 8, at + 24),
    destination: frame.slice(at + 24, at + 40),
    network: at,
  });
}

function carried(
  frame: Uint8Array,
  family: "ipv4" | "ipv6",
  protocol: number,
  at: number | undefined,
  fields: Map<FieldName, number>,
  rest: Pick<PacketFacts, "source" | "destination" | "network">,
): PacketFacts {
  fields.set("protocol", protocol);
  const has = (bytes: number): boolean => at !== undefined && at + bytes <= frame.length;
  const ports = (): void => {
    const start = at as number;
    fields.set("sourcePort", ((frame[start] as number) << 8) | (frame[start + 1] as number));
    fields.set("destinationPort", ((frame[start + 2] as number) << 8) | (frame[start + 3] as number));
  };
  const made = (kind: string): PacketFacts => ({
    world: (kind === "" ? family : `${family} ${kind}`) as World,
    fields,
    ...rest,
    ...(at === undefined ? {} : { transport: at }),
  });
  if (protocol === TCP && has(20)) {
    ports();
    fields.set("flags", frame[(at as number) + 13] as number);
    return made("tcp");
  }
  if (PORT_PROTOCOLS.includes(protocol) && has(8)) {
    ports();
    return made("ports");
  }
  if (protocol === (family === "ipv4" ? ICMP : ICMP6) && has(8)) {
    fields.set("icmpType", frame[at as number] as number).set("icmpCode", frame[(at as number) + 1] as number);
    return made("icmp");
  }
  return made("");
}

/** The value of a field or bit; undefined where the packet has none. `inSet`: whether an address is in a set of the map. */
export function fieldValue(
  facts: PacketFacts,
  field: Field,
  inSet: (side: "source" | "destination", bit: number) => boolean,
): number | undefined {
  if (!hasField(facts.world, field)) return undefined;
  if (field in FIELDS) return facts.fields.get(field as FieldName);
  const [, side, bit, flag] = /^(?:(source|destination) in (\d+)|flag (\d+))$/.exec(field) as RegExpExecArray;
  if (flag !== undefined) return ((facts.fields.get("flags") ?? 0) >> Number(flag)) & 1;
  return inSet(side as "source" | "destination", Number(bit)) ? 1 : 0;
}
