// Words of rules that are ranges of numbers, each with the field that it is about.

import type { FieldName } from "./fields.ts";
import type { Rule } from "./rules.ts";

export const RANGE_FIELDS: readonly (readonly [word: keyof Rule, field: FieldName])[] = [
  ["ether-type", "etherType"],
  ["protocol", "protocol"],
  ["source-port", "sourcePort"],
  ["destination-port", "destinationPort"],
  ["icmp-type", "icmpType"],
  ["icmp-code", "icmpCode"],
  ["vlan", "vlan"],
  ["length", "length"],
  ["ttl", "ttl"],
  ["dscp", "dscp"],
];
/** Kinds of fragments, by the number that the field has. */
export const FRAGMENTS = ["none", "first", "later"] as const;
