// A record of a ring as JavaScript has it: by the type that the ring's declaration says, else its bytes.

import { type Btf, valueCodec } from "../btf/index.ts";

/** Reads a record where it lies: `length` bytes from `offset` of a view, valid during the call. */
export type RecordDecoder<T> = (view: DataView, offset: number, length: number, cpu: number | undefined) => T;

const bytesAt = (view: DataView, at: number, length: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + at, length);

/** By a type's id; undefined: nothing says it. */
export function recordDecoder<T>(btf: Btf | undefined, type: number | undefined): RecordDecoder<T> {
  if (type === undefined || btf === undefined) return (view, at, length) => bytesAt(view, at, length).slice() as T;
  const codec = valueCodec(btf, type);
  return (view, at, length) => {
    if (length >= codec.size) return codec.decode(view, at, at + length) as T;
    // A program may send less than all of a struct: the rest is zero.
    const short = new Uint8Array(codec.size);
    short.set(bytesAt(view, at, length));
    return codec.decode(new DataView(short.buffer), 0) as T;
  };
}
