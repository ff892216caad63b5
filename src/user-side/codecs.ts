// Keys and values of maps as JavaScript has them: by BTF where the object says what they are, else as bytes; numbers where
// the kernel itself knows that they are.

import { type Btf, type BtfValue, valueCodec } from "../btf/index.ts";
import { MAP_TYPES, type MapSpec } from "../object/index.ts";
import { FormatError } from "../source/index.ts";

/** Turns one kind of value into bytes and back. */
export interface Codec {
  /** Bytes. */
  readonly size: number;
  decode(bytes: Uint8Array): unknown;
  /** Into a fresh buffer. Throws RangeError for what the type cannot have. */
  encode(value: unknown): Uint8Array;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Bytes as they are. */
const bytesCodec = (size: number, what: string): Codec => ({
  size,
  decode: (bytes) => bytes.slice(),
  encode: (value) => {
    const bytes = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : undefined;
    if (bytes?.length !== size) throw new RangeError(`${what} is a Uint8Array of ${size} bytes`);
    return bytes.slice();
  },
});

const numberCodec = (what: string): Codec => ({
  size: 4,
  decode: (bytes) => viewOf(bytes).getUint32(0, true),
  encode: (value) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 32)
      throw new RangeError(`${what} is a whole number of 32 bits, not ${String(value)}`);
    return new Uint8Array(Uint32Array.of(value).buffer);
  },
});

/** By the type of this id. */
export function typedCodec(btf: Btf, type: number, what: string): Codec {
  const codec = valueCodec(btf, type);
  return {
    size: codec.size,
    decode: (bytes): BtfValue => codec.decode(viewOf(bytes), 0, bytes.length),
    encode: (value) => {
      const bytes = new Uint8Array(codec.size);
      codec.encode(viewOf(bytes), 0, value, what);
      return bytes;
    },
  };
}

/** A type that has no values is no reason to refuse the object: its values are bytes. */
function typedOr(btf: Btf | undefined, type: number | undefined, size: number, what: string): Codec | undefined {
  if (btf === undefined || type === undefined) return undefined;
  try {
    const codec = typedCodec(btf, type, what);
    return codec.size === size ? codec : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Map types whose keys are indices, of 4 bytes. */
const INDEXED =
  /^(?:percpu_array|array|prog_array|perf_event_array|cgroup_array|array_of_maps|devmap|cpumap|xskmap|sockmap|stack_trace|reuseport_sockarray)$/;

export function keyCodec(spec: MapSpec, btf: Btf | undefined): Codec {
  const what = `${spec.name}: a key`;
  const typed = typedOr(btf, spec.keyType, spec.keySize, what);
  if (typed !== undefined) return typed;
  return INDEXED.test(spec.type) && spec.keySize === 4 ? numberCodec(what) : bytesCodec(spec.keySize, what);
}

/** What has a descriptor in this process: a map within a map, a program, a socket. */
export interface Described {
  readonly fd: number;
}

/** Descriptors go in; ids of the kernel's come out. */
const descriptorCodec = (what: string): Codec => {
  const number = numberCodec(what);
  return {
    size: 4,
    decode: number.decode,
    encode: (value) =>
      number.encode(typeof value === "object" && value !== null && "fd" in value ? (value as Described).fd : value),
  };
};

/** Its values are other objects of the kernel's. */
export const holdsDescriptors = ({ type }: MapSpec): boolean =>
  MAP_TYPES[type].ofMaps === true || /^(?:prog_array|perf_event_array|cgroup_array)$/.test(type);

export function elementCodec(spec: MapSpec, btf: Btf | undefined): Codec {
  const what = `${spec.name}: a value`;
  if (holdsDescriptors(spec)) return descriptorCodec(what);
  return typedOr(btf, spec.valueType, spec.valueSize, what) ?? bytesCodec(spec.valueSize, what);
}
