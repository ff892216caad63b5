// Structs of the kernel's for programs on the embedded machine: objects with the members that matter, the rest zero. A member
// that points to another struct may be an object again, one that points to characters a text.

import { type Btf, type BtfComposite, type BtfMember, valueCodec } from "../btf/index.ts";
import { nearest } from "../source/index.ts";

/** Members by their names. */
export interface KernelObject {
  readonly [member: string]: KernelObject | number | bigint | boolean | string | readonly (number | bigint)[];
}

export const isKernelObject = (value: unknown): value is KernelObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);

/** Answers the address of bytes that are kept. */
export type Place = (bytes: Uint8Array) => bigint;

/** The bytes of a struct. Throws RangeError for a member that it has not, or a value that does not fit. */
export function kernelStruct(btf: Btf, name: string, value: KernelObject, place: Place): Uint8Array {
  const id = btf.find(name, ["struct", "union"]);
  if (id === undefined) throw new RangeError(`the kernel's types have no struct ${name}`);
  return structBytes(btf, id, value, place);
}

function structBytes(btf: Btf, id: number, value: KernelObject, place: Place): Uint8Array {
  const type = btf.resolve(id);
  if (type.kind !== "struct" && type.kind !== "union") throw new RangeError(`${type.name} is no struct`);
  const bytes = new Uint8Array(type.size);
  write(btf, type, value, place, new DataView(bytes.buffer), 0);
  return bytes;
}

function write(btf: Btf, type: BtfComposite, value: KernelObject, place: Place, view: DataView, at: number): void {
  const members = membersOf(btf, type);
  for (const [name, one] of Object.entries(value)) {
    const member = members.get(name);
    if (member === undefined) {
      const [hint] = nearest(name, [...members.keys()]);
      throw new RangeError(`struct ${type.name} has no member ${name}${hint === undefined ? "" : `. ${hint}`}`);
    }
    const of = btf.resolve(member.type);
    const from = at + (member.bitOffset >> 3);
    if (member.bitfieldSize > 0) setBits(view, at * 8 + member.bitOffset, member.bitfieldSize, name, one);
    else if (of.kind === "ptr" && typeof one === "string")
      view.setBigUint64(from, place(new TextEncoder().encode(`${one}\0`)), true);
    else if (of.kind === "ptr" && isKernelObject(one))
      view.setBigUint64(from, place(structBytes(btf, of.type, one, place)), true);
    else if ((of.kind === "struct" || of.kind === "union") && isKernelObject(one))
      write(btf, of, one, place, view, from);
    else valueCodec(btf, member.type).encode(view, from, one, name);
  }
}

function setBits(view: DataView, at: number, bits: number, name: string, value: unknown): void {
  if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "boolean")
    throw new RangeError(`${name} is a number of ${bits} bits`);
  const all = BigInt.asUintN(bits, BigInt(value));
  for (let i = 0; i < bits; i++) {
    const byte = (at + i) >> 3;
    const mask = 1 << ((at + i) & 7);
    const old = view.getUint8(byte) & ~mask;
    view.setUint8(byte, (all >> BigInt(i)) & 1n ? old | mask : old);
  }
}

/** With those of structs that have no name, and where they are from the start of the whole. */
function membersOf(btf: Btf, type: BtfComposite, base = 0): Map<string, BtfMember> {
  const found = new Map<string, BtfMember>();
  for (const member of type.members) {
    const bitOffset = base + member.bitOffset;
    if (member.name !== "") {
      found.set(member.name, { ...member, bitOffset });
      continue;
    }
    const inner = btf.resolve(member.type);
    if (inner.kind === "struct" || inner.kind === "union")
      for (const [name, one] of membersOf(btf, inner, bitOffset)) found.set(name, one);
  }
  return found;
}
