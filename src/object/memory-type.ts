// The type of a parameter that points to memory, of functions that are verified by themselves.

import type { BtfWriter } from "../btf/index.ts";

/** A pointer to a struct of so many bytes: the kernel takes its size from it (btf_resolve_size of kernel/bpf/btf.c), and no more. */
export const pointerToMemory = (writer: BtfWriter, bytes: number): number =>
  writer.ptr(writer.struct(`memory_${bytes}`, bytes, []));
