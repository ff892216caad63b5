// Fields of headers in bytes: read as numbers, flags and addresses, and written.

import { FormatError, formatIpv4, formatIpv6, formatMac, parseIpv4, parseIpv6, parseMac } from "../source/index.ts";
import { type Field, headerLayout } from "./layout.ts";
import type { ProtocolName } from "./protocols.ts";

/** A number, a flag, the text of an address. */
export type FieldValue = number | boolean | string;

const ADDRESSES = {
  mac: { parse: parseMac, format: formatMac },
  ipv4: { parse: parseIpv4, format: formatIpv4 },
  ipv6: { parse: parseIpv6, format: formatIpv6 },
};

export function readField(bytes: Uint8Array, start: number, { at, bits, address }: Field): FieldValue {
  const first = start + Math.floor(at / 8);
  if (address !== undefined) return ADDRESSES[address].format(bytes.slice(first, first + bits / 8));
  let value = 0;
  for (let bit = at; bit < at + bits; bit++) {
    const byte = bytes[start + Math.floor(bit / 8)] ?? 0;
    value = value * 2 + ((byte >> (7 - (bit % 8))) & 1);
  }
  return bits === 1 ? value !== 0 : value;
}

/** Throws a RangeError for what the field cannot have. */
export function writeField(bytes: Uint8Array, start: number, field: Field, value: FieldValue): void {
  const { at, bits, address, name } = field;
  if (address !== undefined) {
    const parsed = typeof value === "string" ? ADDRESSES[address].parse(value) : undefined;
    if (parsed === undefined) throw new RangeError(`${name} is an address (${address}), not ${String(value)}`);
    bytes.set(parsed, start + at / 8);
    return;
  }
  let rest = Number(value);
  if (!Number.isInteger(rest) || rest < 0 || rest >= 2 ** bits)
    throw new RangeError(`${name} is a number of ${bits} bits, not ${String(value)}`);
  for (let bit = at + bits - 1; bit >= at; bit--, rest = Math.floor(rest / 2)) {
    const i = start + Math.floor(bit / 8);
    const mask = 0x80 >> (bit % 8);
    bytes[i] = rest % 2 === 1 ? (bytes[i] ?? 0) | mask : (bytes[i] ?? 0) & ~mask;
  }
}

/** The field of a header by its name. Throws a FormatError for a name that it has not got. */
export function fieldOf(protocol: ProtocolName, name: string): Field {
  const field = headerLayout(protocol).fields.get(name);
  if (field === undefined) throw new FormatError(protocol, `there is no field '${name}'`);
  return field;
}

/** The sum of the Internet's checksums (RFC 1071), not complemented. */
export function internetSum(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return sum;
}
