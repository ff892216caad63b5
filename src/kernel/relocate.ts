// Fills in what only the running kernel knows: descriptors of maps, BTF ids, offsets of fields. On the encoded bytes.

import type { BtfKind } from "../btf/index.ts";
import { POISON } from "../co-re/index.ts";
import type { LinkedProgram, MachineReference } from "../object/index.ts";
import { UnsupportedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { kernelBtf } from "./kernel-types.ts";
import { bpfInsn } from "./layouts.ts";
import type { KernelMap } from "./maps.ts";
import { findKernelName, type ModuleTypes } from "./names.ts";
import { offsetOf, sizeOf } from "./struct.ts";
import { symbolAddress } from "./traceable-functions.ts";

const OFF: number = offsetOf(bpfInsn, "off");
const REGS: number = offsetOf(bpfInsn, "regs");
const IMM: number = offsetOf(bpfInsn, "imm");
/** Of the second slot of a wide instruction. */
const SECOND_IMM: number = sizeOf(bpfInsn) + IMM;

/** Writes every relocation of `program` into its `code`. Throws for a map, function, type or field that is not there. */
export function relocate(
  kernel: Kernel,
  code: Uint8Array,
  program: LinkedProgram,
  maps: ReadonlyMap<string, KernelMap>,
  modules: ModuleTypes,
): void {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (const { slot, ref } of program.relocations) fill(kernel, view, slot * sizeOf(bpfInsn), ref, maps, modules);
}

function fill(
  kernel: Kernel,
  view: DataView,
  at: number,
  ref: MachineReference,
  maps: ReadonlyMap<string, KernelMap>,
  modules: ModuleTypes,
): void {
  switch (ref.kind) {
    case "map":
      setSource(view, at, 1);
      view.setInt32(at + IMM, mapFd(ref.map, maps), true);
      view.setInt32(at + SECOND_IMM, 0, true);
      return;
    case "map-value":
      setSource(view, at, 2);
      view.setInt32(at + IMM, mapFd(ref.map, maps), true);
      view.setInt32(at + SECOND_IMM, ref.offset, true);
      return;
    case "kfunc": {
      const found = findKernelName(kernel, ref.name, "func");
      if (found === undefined && ref.weak === true) {
        // As libbpf has it: a call of a helper that does not exist.
        setSource(view, at, 0);
        view.setInt32(at + IMM, POISON, true);
        return;
      }
      if (found === undefined)
        throw new UnsupportedError(`this kernel has no function "${ref.name}" for programs (kfunc)`);
      setSource(view, at, 2);
      view.setInt16(at + OFF, found.module === undefined ? 0 : modules.of(found.module).index, true);
      view.setInt32(at + IMM, found.id, true);
      return;
    }
    case "ksym":
      fillSymbol(kernel, view, at, ref, modules);
      return;
    case "type-id":
      view.setInt32(at + IMM, kernelType(kernel, ref.type), true);
      return;
    case "core":
      throw new RangeError("a question of the kernel's types is left without an answer");
    case "poison":
      return;
    case "field-offset":
      fillField(kernel, view, at, ref);
  }
}

function fillSymbol(
  kernel: Kernel,
  view: DataView,
  at: number,
  ref: MachineReference & { kind: "ksym" },
  modules: ModuleTypes,
): void {
  const missing = (): void => {
    if (!ref.weak) throw new UnsupportedError(`this kernel has no symbol "${ref.name}"`);
    view.setInt32(at + IMM, 0, true);
    view.setInt32(at + SECOND_IMM, 0, true);
  };
  if (ref.typed) {
    const found = findKernelName(kernel, ref.name, "var") ?? findKernelName(kernel, ref.name, "func");
    if (found === undefined) {
      missing();
      return;
    }
    setSource(view, at, 3);
    view.setInt32(at + IMM, found.id, true);
    view.setInt32(at + SECOND_IMM, found.module === undefined ? 0 : modules.of(found.module).fd, true);
    return;
  }
  const address = symbolAddress(ref.name, kernel);
  if (address === undefined) {
    missing();
    return;
  }
  view.setInt32(at + IMM, Number(BigInt.asIntN(32, address)), true);
  view.setInt32(at + SECOND_IMM, Number(BigInt.asIntN(32, address >> 32n)), true);
}

function fillField(kernel: Kernel, view: DataView, at: number, ref: MachineReference & { kind: "field-offset" }): void {
  const field = kernelBtf(kernel).field(kernelType(kernel, ref.type), ref.path);
  if (field === undefined) throw new UnsupportedError(`this kernel's ${ref.type} has no field ${ref.path.join(".")}`);
  const offset = field.bitOffset >> 3;
  const kind = view.getUint8(at) & 7;
  // Loads and stores (classes LDX, ST, STX) have it in `off`, arithmetic in `imm`.
  if (kind >= 1 && kind <= 3) {
    if (offset > 32767)
      throw new UnsupportedError(`the offset of ${ref.path.join(".")} in ${ref.type} is too big for a load`);
    view.setInt16(at + OFF, offset, true);
  } else view.setInt32(at + IMM, offset, true);
}

const setSource = (view: DataView, at: number, source: number): void =>
  view.setUint8(at + REGS, (view.getUint8(at + REGS) & 0x0f) | (source << 4));

function mapFd(name: string, maps: ReadonlyMap<string, KernelMap>): number {
  const map = maps.get(name);
  if (map === undefined) throw new RangeError(`a program refers to a map "${name}" that the object has not`);
  return map.fd;
}

/** `struct task_struct`, `task_struct` → its id in the kernel's BTF. */
function kernelType(kernel: Kernel, name: string): number {
  const [, kind, bare] = /^(struct|union|enum)\s+(.*)$/.exec(name) ?? [undefined, undefined, name];
  if (kind === undefined) return typeId(kernel, bare as string, undefined);
  return typeId(kernel, bare as string, kind === "enum" ? ["enum", "enum64"] : (kind as BtfKind));
}

/** The id of a kernel type by its name. Throws an UnsupportedError where this kernel has none. */
export function typeId(kernel: Kernel, name: string, kind: BtfKind | readonly BtfKind[] | undefined): number {
  const id = kernelBtf(kernel).find(name, kind);
  if (id === undefined)
    throw new UnsupportedError(`this kernel has no ${typeof kind === "string" ? kind : "type"} "${name}"`);
  return id;
}
