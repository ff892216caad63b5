// Netlink (netlink(7)), as little of it as programs of the network take: one request, one answer; and lists.
//
//     ┌ nlmsghdr 16: length, type, flags, sequence, port ┬ tcmsg 20 ┬ attributes: u16 length, u16 type, payload, padded to 4 ┐

import { SystemCallError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { nlattr, nlmsgerr, nlmsghdr } from "./layouts.ts";
import { concatenated, sizeOf } from "./struct.ts";
import { checked } from "./system-calls.ts";

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

const HEADER: number = sizeOf(nlmsghdr);
const ATTRIBUTE_HEADER: number = sizeOf(nlattr);

const pad = (length: number): number => (length + 3) & ~3;

/** Attributes as bytes: text with its ending zero, numbers of 32 bits, lists nested. */
export function encodeAttributes(kernel: Kernel, attributes: readonly NetlinkAttribute[]): Uint8Array {
  const parts = attributes.map(([type, value]) => {
    const payload =
      value instanceof Uint8Array
        ? value
        : typeof value === "string"
          ? new TextEncoder().encode(`${value}\0`)
          : typeof value === "number"
            ? new Uint8Array(Uint32Array.of(value).buffer)
            : encodeAttributes(kernel, value);
    const length = ATTRIBUTE_HEADER + payload.length;
    const bytes = new Uint8Array(pad(length));
    bytes.set(kernel.struct(nlattr, { nla_len: length, nla_type: type }).bytes);
    bytes.set(payload, ATTRIBUTE_HEADER);
    return bytes;
  });
  return concatenated(parts);
}

/**
 * Sends one request to the kernel's routing and waits for its answer; gives the errno (0: done) and, where the kernel
 * echoes what it made (NLM_F_ECHO), that message from behind its header.
 */
export function routeRequest(
  kernel: Kernel,
  type: number,
  flags: number,
  body: Uint8Array,
  attributes: readonly NetlinkAttribute[],
): { readonly errno: number; readonly echo?: Uint8Array } {
  const { calls } = kernel;
  const payload = encodeAttributes(kernel, attributes);
  const length = HEADER + pad(body.length) + payload.length;
  const header = kernel.struct(nlmsghdr, {
    nlmsg_len: length,
    nlmsg_type: type,
    nlmsg_flags: flags | NLM_F_REQUEST | NLM_F_ACK,
    nlmsg_seq: 1,
  });
  const message = new Uint8Array(length);
  message.set(header.bytes);
  message.set(body, HEADER);
  message.set(payload, HEADER + pad(body.length));
  const socket = checked(calls.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "socket", "netlink");
  try {
    checked(calls.write(socket, message), "write", "netlink");
    const buffer = new Uint8Array(32768);
    let echo: Uint8Array | undefined;
    for (let reads = 0; reads < 16; reads++) {
      const length = checked(calls.read(socket, buffer), "read", "netlink");
      for (let at = 0; at + HEADER <= length; ) {
        const answer = kernel.struct(nlmsghdr).fill(buffer.subarray(at, length));
        const size = answer.get("nlmsg_len");
        if (size < HEADER) break;
        const payload = buffer.slice(at + HEADER, Math.min(at + size, length));
        if (answer.get("nlmsg_type") === NLMSG_ERROR) {
          const errno = -kernel.struct(nlmsgerr).fill(payload).get("error");
          return { errno, ...(echo === undefined ? {} : { echo }) };
        }
        echo = payload;
        at += pad(size);
      }
    }
    throw new SystemCallError("read", 110, "netlink", "the kernel did not answer");
  } finally {
    calls.close(socket);
  }
}

const NLM_F_DUMP = 0x300;
const NLMSG_DONE = 3;
/** Bytes of a list that is longer than any real one. */
const MOST_LISTED = 16 << 20;

/** What the kernel's routing lists: each message from behind its header. Throws a SystemCallError. */
export function routeList(kernel: Kernel, type: number, body: Uint8Array): readonly Uint8Array[] {
  const { calls } = kernel;
  const header = kernel.struct(nlmsghdr, {
    nlmsg_len: HEADER + body.length,
    nlmsg_type: type,
    nlmsg_flags: NLM_F_REQUEST | NLM_F_DUMP,
    nlmsg_seq: 1,
  });
  const message = concatenated([header.bytes, body]);
  const socket = checked(calls.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "socket", "netlink");
  try {
    checked(calls.write(socket, message), "write", "netlink");
    const found: Uint8Array[] = [];
    const buffer = new Uint8Array(65536);
    for (let bytes = 0; bytes < MOST_LISTED; ) {
      const length = checked(calls.read(socket, buffer), "read", "netlink");
      bytes += length;
      for (let at = 0; at + HEADER <= length; ) {
        const answer = kernel.struct(nlmsghdr).fill(buffer.subarray(at, length));
        const size = answer.get("nlmsg_len");
        if (size < HEADER) break;
        const payload = buffer.slice(at + HEADER, Math.min(at + size, length));
        const kind = answer.get("nlmsg_type");
        if (kind === NLMSG_DONE) return found;
        if (kind === NLMSG_ERROR)
          throw new SystemCallError("netlink", -kernel.struct(nlmsgerr).fill(payload).get("error"), "a list");
        found.push(payload);
        at += pad(size);
      }
    }
    throw new SystemCallError("read", 110, "netlink", "the kernel did not end its list");
  } finally {
    calls.close(socket);
  }
}

/** Attributes by their types; of equal ones the last. Those that are cut off are left out. */
export function attributesOf(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + ATTRIBUTE_HEADER <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER || at + length > bytes.length) break;
    // The two highest bits say that it is nested, and its order (NLA_TYPE_MASK).
    found.set(view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + ATTRIBUTE_HEADER, at + length));
    at += pad(length);
  }
  return found;
}
