// Where the fields of a header lie.

import { type FieldWidth, PROTOCOLS, type ProtocolName } from "./protocols.ts";

export interface Field {
  readonly name: string;
  /** Bits from the start of the header; the first is the highest of the first byte. */
  readonly at: number;
  readonly bits: number;
  /** Absent: it is a number. */
  readonly address?: "mac" | "ipv4" | "ipv6";
}

export interface HeaderLayout {
  readonly fields: ReadonlyMap<string, Field>;
  /** Bytes of the fields: a header is never shorter. */
  readonly bytes: number;
}

const ADDRESS_BITS: Readonly<Record<string, number>> = { mac: 48, ipv4: 32, ipv6: 128 };

function laidOut(fields: Readonly<Record<string, FieldWidth>>): HeaderLayout {
  const found = new Map<string, Field>();
  let at = 0;
  for (const [name, width] of Object.entries(fields)) {
    const bits = typeof width === "number" ? width : (ADDRESS_BITS[width] as number);
    found.set(name, { name, at, bits, ...(typeof width === "number" ? {} : { address: width }) });
    at += bits;
  }
  return { fields: found, bytes: at / 8 };
}

const known = new Map<ProtocolName, HeaderLayout>();

export function headerLayout(protocol: ProtocolName): HeaderLayout {
  let layout = known.get(protocol);
  if (layout === undefined) known.set(protocol, (layout = laidOut(PROTOCOLS[protocol].fields)));
  return layout;
}
