// Structs of the kernel whose functions are BPF programs (kernel/bpf/bpf_struct_ops.c): TCP congestion control and others.
//
// The kernel's map for one has as its value `struct bpf_struct_ops_NAME`: a few words of the kernel's own, then the struct
// itself, in which the descriptors of programs stand for functions.

import { BtfWriter } from "../btf/index.ts";
import type { Attachable } from "./attachment.ts";
import { UnsupportedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { kernelBtf } from "./kernel-types.ts";
import { liveKernel } from "./live-kernel.ts";
import { AttachType } from "./numbers.ts";
import { loadBtf } from "./program-types.ts";
import { typeId } from "./relocate.ts";
import { objectName } from "./struct.ts";
import { checked } from "./system-calls.ts";

const BPF_MAP_TYPE_STRUCT_OPS = 26;
/** The struct is at work as long as a link holds it, not until somebody deletes it (Linux 6.4). */
const BPF_F_LINK: number = 1 << 13;
const EINVAL = 22;

/** What a member of the struct is: a program for a function, a number, text for an array of characters, or its bytes. */
export type StructOpsValue = Attachable | number | bigint | string | Uint8Array;

export interface StructOps {
  /** Takes the struct away from the kernel again. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Where a function of the struct is, for the loader. Throws an UnsupportedError where this kernel has none such. */
export function structOpsMember(
  kernel: Kernel,
  struct: string,
  member: string,
): { readonly index: number; readonly offset: number } {
  const btf = kernelBtf(kernel);
  const members = btf.members(structId(kernel, struct));
  const index = members.findIndex((m) => m.name === member);
  if (index < 0)
    throw new UnsupportedError(`struct_ops ${struct}: the struct has no member "${member}" in this kernel`);
  return { index, offset: (members[index] as (typeof members)[number]).bitOffset / 8 };
}

function structId(kernel: Kernel, struct: string): number {
  try {
    typeId(kernel, `bpf_struct_ops_${struct}`, "struct");
    return typeId(kernel, struct, "struct");
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
export function registerStructOps(
  struct: string,
  members: Readonly<Record<string, StructOpsValue>>,
  kernel: Kernel = liveKernel(),
): StructOps {
  const { calls } = kernel;
  const btf = kernelBtf(kernel);
  structId(kernel, struct);
  const valueType = typeId(kernel, `bpf_struct_ops_${struct}`, "struct");
  const size = btf.sizeof(valueType) ?? 0;
  const data = btf.members(valueType).find((m) => m.name === "data");
  if (data === undefined) throw new UnsupportedError(`struct_ops ${struct}: its value has another form in this kernel`);
  const value = new Uint8Array(size);
  for (const [name, wanted] of Object.entries(members)) {
    const field = btf.field(valueType, ["data", name]);
    if (field === undefined)
      throw new UnsupportedError(`struct_ops ${struct}: the struct has no member "${name}" in this kernel`);
    put(value, field.bitOffset / 8, btf.sizeof(field.type) ?? 8, wanted, `${struct}.${name}`);
  }
  // The kernel wants types of the object's own here too, whatever they are (map_create in kernel/bpf/syscall.c).
  const writer = new BtfWriter();
  writer.int("int", 4, { signed: true });
  const types = loadBtf(kernel, writer.encode(), `struct_ops ${struct}`);
  const create = (flags: number): number =>
    kernel.bpf("MAP_CREATE", {
      map_type: BPF_MAP_TYPE_STRUCT_OPS,
      key_size: 4,
      value_size: size,
      max_entries: 1,
      map_flags: flags,
      map_name: objectName(typeof members["name"] === "string" ? members["name"] : struct),
      btf_fd: types,
      btf_vmlinux_value_type_id: valueType,
    });
  let linked = true;
  let map = create(BPF_F_LINK);
  if (map === -EINVAL) {
    linked = false;
    map = create(0);
  }
  calls.close(types);
  checked(map, "bpf(BPF_MAP_CREATE)", `struct_ops ${struct}`);
  const key = new Uint8Array(4);
  let link = -1;
  try {
    checked(
      kernel.bpf("MAP_UPDATE_ELEM", { map_fd: map, key, value }),
      "bpf(BPF_MAP_UPDATE_ELEM)",
      `struct_ops ${struct}`,
    );
    if (linked)
      link = checked(
        kernel.bpf("LINK_CREATE", { map_fd: map, attach_type: AttachType.structOps }),
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
    else kernel.bpf("MAP_DELETE_ELEM", { map_fd: map, key });
    calls.close(map);
  };
  return { close, [Symbol.dispose]: close };
}

function put(into: Uint8Array, offset: number, size: number, value: StructOpsValue, what: string): void {
  if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    if (bytes.length >= size) throw new RangeError(`${what}: text of at most ${size - 1} bytes`);
    into.set(bytes, offset);
    return;
  }
  if (value instanceof Uint8Array) {
    if (value.length > size) throw new RangeError(`${what}: at most ${size} bytes`);
    into.set(value, offset);
    return;
  }
  const number = BigInt(typeof value === "object" ? value.fd : value);
  for (let i = 0; i < size; i++) into[offset + i] = Number((number >> BigInt(i * 8)) & 0xffn);
}
