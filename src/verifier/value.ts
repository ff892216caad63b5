// What a register or a stack slot holds: nothing yet, a number, or a pointer with where it points and what is known of
// how far.

import type { MapSpec } from "../object/index.ts";
import { constant, type Scalar } from "./scalar.ts";

export interface Uninit {
  readonly kind: "uninit";
}

export type PointerTarget =
  | "context"
  | "stack"
  /** The map itself. */
  | "map"
  | "map-value"
  | "map-key"
  | "packet"
  | "packet-end"
  | "packet-meta"
  /** Memory of a known size: a ring-buffer record, a per-CPU variable. */
  | "memory"
  /** A kernel object: read through with faults handled; may be a plain number where types are not known. */
  | "kernel"
  | SocketTarget
  /** Memory that a dynptr gave, until its packet moves or it is gone. */
  | "slice"
  | "slice-readonly"
  /** Memory whose size is only known where the program is attached. */
  | "buffer"
  | "buffer-readonly"
  /** A word on the stack of what the kernel keeps there. */
  | "dynptr"
  | "iterator"
  | "function";

/** What is known of a socket: also one that only waits or asks; a full one; one of TCP; one of AF_XDP. */
export type SocketTarget = "sock-common" | "socket" | "tcp-socket" | "xdp-socket";

export const isSocketTarget = (to: PointerTarget): to is SocketTarget =>
  to === "sock-common" || to === "socket" || to === "tcp-socket" || to === "xdp-socket";

export interface Pointer {
  readonly kind: "pointer";
  readonly to: PointerTarget;
  /** May be 0: must be compared with it first. */
  readonly nullable: boolean;
  /** Bytes from the start, the fixed part … */
  readonly off: number;
  /** … and the part that depends on values. */
  readonly index: Scalar;
  /** Shared by pointers that are null together, or that differ by known amounts only. */
  readonly id: number;
  /** Not 0: the reference that must be released. */
  readonly ref: number;
  readonly map: MapSpec | undefined;
  /** Stack: the frame's depth. Function: its first slot. */
  readonly frame: number;
  /**
   * Packet: bytes from the start (plus the variable part) that were checked against the end; or, below 0, that it is known
   * to lie at the end or behind it (`AT_END`, `BEYOND_END`). Memory: its size.
   */
  readonly size: number;
  /** A record that must be given back at its start. */
  readonly record: boolean;
}

/** In place of the bytes of a packet that were checked. */
export const AT_END = -1;
export const BEYOND_END = -2;

export type Value = Uninit | Scalar | Pointer;

export const UNINIT: Uninit = { kind: "uninit" };

const ZERO = constant(0n);

/** What a pointer may be told besides where it points. */
export type PointerFacts = Partial<Omit<Pointer, "kind" | "to">>;

export const pointer = (to: PointerTarget, facts: PointerFacts = {}): Pointer => ({
  kind: "pointer",
  to,
  nullable: facts.nullable ?? false,
  off: facts.off ?? 0,
  index: facts.index ?? ZERO,
  id: facts.id ?? 0,
  ref: facts.ref ?? 0,
  map: facts.map,
  frame: facts.frame ?? 0,
  size: facts.size ?? 0,
  record: facts.record ?? false,
});

/** A pointer of which some facts are others. Written out: objects made by spreading are slow to read. */
export const changed = (p: Pointer, facts: Omit<PointerFacts, "map">): Pointer => ({
  kind: "pointer",
  to: p.to,
  nullable: facts.nullable ?? p.nullable,
  off: facts.off ?? p.off,
  index: facts.index ?? p.index,
  id: facts.id ?? p.id,
  ref: facts.ref ?? p.ref,
  map: p.map,
  frame: facts.frame ?? p.frame,
  size: facts.size ?? p.size,
  record: facts.record ?? p.record,
});

const TITLES: { readonly [target in PointerTarget]: string } = {
  context: "the context",
  stack: "the stack",
  map: "a map",
  "map-value": "a map value",
  "map-key": "a map key",
  packet: "the packet",
  "packet-end": "the end of the packet",
  "packet-meta": "the packet's metadata",
  memory: "reserved memory",
  kernel: "a kernel object",
  "sock-common": "a socket",
  socket: "a full socket",
  "tcp-socket": "a TCP socket",
  "xdp-socket": "an XDP socket",
  slice: "a dynptr's memory",
  "slice-readonly": "a dynptr's memory",
  buffer: "a buffer",
  "buffer-readonly": "a buffer",
  dynptr: "a dynptr",
  iterator: "an iterator",
  function: "a function",
};

/** A word of the kernel's that may be an address or a number: its type is not known here. */
export const isKernelWord = (value: Value): boolean =>
  value.kind === "pointer" && value.to === "kernel" && !value.nullable && value.ref === 0;

/** What a value is, for messages. */
export function title(value: Value): string {
  if (value.kind === "uninit") return "never written";
  if (value.kind === "scalar") return "a number";
  const what = value.record
    ? "a ring-buffer record"
    : value.map === undefined
      ? TITLES[value.to]
      : `${TITLES[value.to]} (${value.map.name})`;
  return value.nullable ? `${what}, or null` : what;
}
