// Writes the C structs that system calls take: little endian, with pointers to buffers. The struct keeps every buffer
// that it points to referenced, since an address alone would let the garbage collector take the bytes away.

import { systemCalls } from "./system-calls.ts";

const encoder = new TextEncoder();

/** A C string's bytes with the ending zero. */
export const cString = (text: string): Uint8Array => encoder.encode(`${text}\0`);

/** The 64-bit numbers as bytes. */
export const wordBytes = (values: readonly (bigint | number)[]): Uint8Array =>
  new Uint8Array(BigUint64Array.from(values, (value) => BigInt.asUintN(64, BigInt(value))).buffer);

/** A struct of `size` bytes, all zero at first. Offsets are the C struct's. */
export class Struct {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #kept: Uint8Array[] = [];

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  u32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  u64(offset: number, value: bigint | number): this {
    this.#view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
    return this;
  }

  /** The address of a buffer, or of a string as C has it. Absent: a null pointer. */
  pointer(offset: number, target: Uint8Array | string | undefined): this {
    if (target === undefined) return this.u64(offset, 0);
    const buffer = typeof target === "string" ? cString(target) : target;
    this.#kept.push(buffer);
    return this.u64(offset, systemCalls().addressOf(buffer));
  }

  /** Holds on to a buffer that another one points to, as long as this struct is. */
  keep(buffer: Uint8Array): this {
    this.#kept.push(buffer);
    return this;
  }

  /** A name in a field of 16 bytes: what the kernel allows of it, at most 15 characters. */
  name(offset: number, name: string): this {
    const legal = objectName(name);
    for (let i = 0; i < legal.length; i++) this.bytes[offset + i] = legal.charCodeAt(i);
    return this;
  }

  readU32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  readU64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }
}

/** A name as the kernel takes it for programs and maps: letters, digits, `_` and `.`, at most 15 (bpf_obj_name_cpy). */
export function objectName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.]+/g, "_").slice(0, 15);
}

/** All pieces as one. */
export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
