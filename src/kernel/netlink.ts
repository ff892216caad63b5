// Netlink (netlink(7)), as little of it as a traffic-control filter takes: one request, one answer.
//
//     ┌ nlmsghdr 16: length, type, flags, sequence, port ┬ tcmsg 20 ┬ attributes: u16 length, u16 type, payload, padded to 4 ┐

import { concatenated } from "./attributes.ts";
import { SystemCallError } from "./errors.ts";
import { checked, systemCalls } from "./system-calls.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;
const NLMSG_ERROR = 2;
export const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_ECHO = 8;

export type NetlinkAttribute = readonly [
  type: number,
  value: Uint8Array | string | number | readonly NetlinkAttribute[],
];

const pad = (length: number): number => (length + 3) & ~3;

/** Attributes as bytes: text with its ending zero, numbers of 32 bits, lists nested. */
export function encodeAttributes(attributes: readonly NetlinkAttribute[]): Uint8Array {
  const parts = attributes.map(([type, value]) => {
    const payload =
      value instanceof Uint8Array
        ? value
        : typeof value === "string"
          ? new TextEncoder().encode(`${value}\0`)
          : typeof value === "number"
            ? new Uint8Array(Uint32Array.of(value).buffer)
            : encodeAttributes(value);
    const bytes = new Uint8Array(pad(4 + payload.length));
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 4 + payload.length, true);
    view.setUint16(2, type, true);
    bytes.set(payload, 4);
    return bytes;
  });
  return concatenated(parts);
}

/**
 * Sends one request to the kernel's routing and waits for its answer; gives the errno (0: done) and, where the kernel
 * echoes what it made (NLM_F_ECHO), that message from behind its header.
 */
export function routeRequest(
  type: number,
  flags: number,
  body: Uint8Array,
  attributes: readonly NetlinkAttribute[],
): { readonly errno: number; readonly echo?: Uint8Array } {
  const calls = systemCalls();
  const payload = encodeAttributes(attributes);
  const message = new Uint8Array(16 + pad(body.length) + payload.length);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags | NLM_F_REQUEST | NLM_F_ACK, true);
  view.setUint32(8, 1, true);
  message.set(body, 16);
  message.set(payload, 16 + pad(body.length));
  const socket = checked(calls.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "socket", "netlink");
  try {
    checked(calls.write(socket, message), "write", "netlink");
    const buffer = new Uint8Array(32768);
    let echo: Uint8Array | undefined;
    for (let reads = 0; reads < 16; reads++) {
      const length = checked(calls.read(socket, buffer), "read", "netlink");
      const answer = new DataView(buffer.buffer, 0, length);
      for (let at = 0; at + 16 <= length; ) {
        const size = answer.getUint32(at, true);
        if (size < 16) break;
        if (answer.getUint16(at + 4, true) === NLMSG_ERROR)
          return { errno: -answer.getInt32(at + 16, true), ...(echo === undefined ? {} : { echo }) };
        echo = buffer.slice(at + 16, at + size);
        at += pad(size);
      }
    }
    throw new SystemCallError("read", 110, "netlink", "the kernel did not answer");
  } finally {
    calls.close(socket);
  }
}
