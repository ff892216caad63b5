// Structs of the kernel whose functions are BPF programs (kernel/bpf/bpf_struct_ops.c): TCP congestion control and others.
//
// The kernel's map for one has as its value `struct bpf_struct_ops_NAME`: a few words of the kernel's own, then the struct
// itself, in which the descriptors of programs stand for functions.

import { BtfWriter } from "../btf/index.ts";
import type { Attachable } from "./attachment.ts";
import { Struct } from "./attributes.ts";
import { UnsupportedError } from "./errors.ts";
import { kernelBtf } from "./kernel-types.ts";
import { AttachType, Command } from "./numbers.ts";
import { loadBtf } from "./program-types.ts";
import { typeId } from "./relocate.ts";
import { checked, systemCalls } from "./system-calls.ts";

const BPF_MAP_TYPE_STRUCT_OPS = 26;
/** The struct is at work as long as a link holds it, not until somebody deletes it (Linux 6.4). */
const BPF_F_LINK: number = 1 << 13;
const EINVAL = 22;

/** What a member of the struct is: a program for a function, a number, or text for an array of characters. */
export type StructOpsValue = Attachable | number | bigint | string;

export interface StructOps {
  /** Takes the struct away from the kernel again. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Where a function of the struct is, for the loader. Throws an UnsupportedError where this kernel has none such. */
export function structOpsMember(struct: string, member: string): { readonly index: number; readonly offset: number } {
  const btf = kernelBtf();
  const members = btf.members(structId(struct));
  const index = members.findIndex((m) => m.name === member);
  if (index < 0)
    throw new UnsupportedError(`struct_ops ${struct}: the struct has no member "${member}" in this kernel`);
  return { index, offset: (members[index] as (typeof members)[number]).bitOffset / 8 };
}

function structId(struct: string): number {
  try {
    typeId(`bpf_struct_ops_${struct}`, "struct");
    return typeId(struct, "struct");
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    throw new UnsupportedError(`struct_ops ${struct}: this kernel takes no programs for this struct`);
  }
}

/**
 * Registers a struct with the kernel: `registerStructOps("tcp_congestion_ops", { name: "mine", ssthresh: program, … })`.
 * It is there until it is closed, or this process ends (before Linux 6.4 until it is closed). Throws a SystemCallError or
 * an UnsupportedError.
 */
export function registerStructOps(struct: string, members: Readonly<Record<string, StructOpsValue>>): StructOps {
  const calls = systemCalls();
  const btf = kernelBtf();
  structId(struct);
  const valueType = typeId(`bpf_struct_ops_${struct}`, "struct");
  const size = btf.sizeof(valueType) ?? 0;
  const data = btf.members(valueType).find((m) => m.name === "data");
  if (data === undefined) throw new UnsupportedError(`struct_ops ${struct}: its value has another form in this kernel`);
  const value = new Struct(size);
  for (const [name, wanted] of Object.entries(members)) {
    const field = btf.field(valueType, ["data", name]);
    if (field === undefined)
      throw new UnsupportedError(`struct_ops ${struct}: the struct has no member "${name}" in this kernel`);
    put(value, field.bitOffset / 8, btf.sizeof(field.type) ?? 8, wanted, `${struct}.${name}`);
  }
  // The kernel wants types of the object's own here too, whatever they are (map_create in kernel/bpf/syscall.c).
  const writer = new BtfWriter();
  writer.int("int", 4, { signed: true });
  const types = loadBtf(writer.encode(), `struct_ops ${struct}`);
  const create = (flags: number): number => {
    const attribute = new Struct(80)
      .u32(0, BPF_MAP_TYPE_STRUCT_OPS)
      .u32(4, 4)
      .u32(8, size)
      .u32(12, 1)
      .u32(16, flags)
      .name(28, typeof members["name"] === "string" ? members["name"] : struct)
      .u32(48, types)
      .u32(60, valueType);
    return calls.bpf(Command.mapCreate, attribute.bytes);
  };
  let linked = true;
  let map = create(BPF_F_LINK);
  if (map === -EINVAL) {
    linked = false;
    map = create(0);
  }
  calls.close(types);
  checked(map, "bpf(BPF_MAP_CREATE)", `struct_ops ${struct}`);
  const key = new Uint8Array(4);
  const element = new Struct(32).u32(0, map).pointer(8, key).pointer(16, value.bytes);
  let link = -1;
  try {
    checked(calls.bpf(Command.mapUpdate, element.bytes), "bpf(BPF_MAP_UPDATE_ELEM)", `struct_ops ${struct}`);
    if (linked)
      link = checked(
        calls.bpf(Command.linkCreate, new Struct(64).u32(0, map).u32(8, AttachType.structOps).bytes),
        "bpf(BPF_LINK_CREATE)",
        `struct_ops ${struct}`,
      );
  } catch (error) {
    calls.close(map);
    throw error;
  }
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    if (linked) calls.close(link);
    else calls.bpf(Command.mapDelete, new Struct(32).u32(0, map).pointer(8, key).bytes);
    calls.close(map);
  };
  return { close, [Symbol.dispose]: close };
}

function put(into: Struct, offset: number, size: number, value: StructOpsValue, what: string): void {
  if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    if (bytes.length >= size) throw new RangeError(`${what}: text of at most ${size - 1} bytes`);
    into.bytes.set(bytes, offset);
    return;
  }
  const number = BigInt(typeof value === "object" ? value.fd : value);
  for (let i = 0; i < size; i++) into.bytes[offset + i] = Number((number >> BigInt(i * 8)) & 0xffn);
}
