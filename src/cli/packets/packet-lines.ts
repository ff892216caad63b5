// Packets as they are printed: a line for people, a line of JSON for programs.

import type { PacketRecord } from "../../capture/index.ts";
import { type DecodedPacket, decodePacket, firstHeader, formatPacket } from "../../packets/index.ts";

/** Bytes that are shown of a packet whose link nobody decodes. */
const SHOWN = 48;

/** `1700000000.000001000 74 eth …`: when, how long it was, and its headers. */
export function packetLine({ time, length, data, linkType, interface: on, comment }: PacketRecord): string {
  const name = on?.name === undefined ? "" : ` ${on.name}`;
  const first = firstHeader(linkType, data);
  const text = first === undefined ? hexadecimal(data) : formatPacket(decodePacket(data, first));
  return `${seconds(time)}${name} ${length} ${text}${comment === undefined ? "" : ` # ${comment}`}`;
}

/** The same as JSON: `{"time":…,"length":…,"headers":[{"header":"eth",…},…],"payload":{…}}`. */
export function packetJson({ time, length, data, linkType, interface: on, comment }: PacketRecord): string {
  const first = firstHeader(linkType, data);
  const { headers, payload, message, damage }: DecodedPacket =
    first === undefined ? { headers: [], payload: { at: 0, length: data.length } } : decodePacket(data, first);
  return JSON.stringify({
    ...(time === undefined ? {} : { time: seconds(time) }),
    ...(on?.name === undefined ? {} : { interface: on.name }),
    length,
    kept: data.length,
    linkType,
    headers: headers.map(({ protocol, at, fields, options }) => ({
      header: protocol,
      at,
      ...fields,
      ...(options === undefined ? {} : { options }),
    })),
    payload,
    ...(message === undefined ? {} : { message: { message: message.protocol, at: message.at, ...message.fields } }),
    ...(comment === undefined ? {} : { comment }),
    ...(damage === undefined ? {} : { damage }),
  });
}

const seconds = (time: bigint | undefined): string =>
  time === undefined ? "-" : `${time / 1_000_000_000n}.${`${time % 1_000_000_000n}`.padStart(9, "0")}`;

function hexadecimal(data: Uint8Array): string {
  const bytes = Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, SHOWN)).toString("hex");
  return `${bytes}${data.length > SHOWN ? "…" : ""}`;
}
