// An object made fit for the kernel that it is loaded into: its questions of that kernel's types answered, with what an older
// one does not know left out.

import { asksForTypes, CoreError, resolveCore } from "../co-re/index.ts";
import {
  BPF_F_NO_PREALLOC,
  type BpfObject,
  type FunctionSpec,
  KCONFIG,
  type MapSpec,
  type ProgramSpec,
} from "../object/index.ts";
import { UnsupportedError } from "./errors.ts";
import { hasFeature, hasHelper } from "./features.ts";
import type { Kernel } from "./kernel.ts";
import { kernelBtf } from "./kernel-types.ts";
import { allModuleTypes } from "./module-types.ts";
import { settingsBytes } from "./settings.ts";

/** The object with all that it asks of this kernel's types. */
export function answered(kernel: Kernel, object: BpfObject): BpfObject {
  if (!asksForTypes(object)) return object;
  try {
    return resolveCore(object, { btf: kernelBtf(kernel), modules: () => allModuleTypes(kernel) });
  } catch (error) {
    if (error instanceof CoreError) throw new UnsupportedError(`program "${error.program}": ${error.message}`);
    throw error;
  }
}

/** `bpf_for_each_map_elem`, of Linux 5.13 */
const FOR_EACH_MAP_ELEM = 164;

/**
 * Functions that take addresses are verified where they are called before Linux 5.12, which knew no other way: a helper that
 * is hardly younger tells.
 */
export function verifiable(kernel: Kernel, object: BpfObject): BpfObject {
  const { types } = object;
  const takesAddress = ({ type, global }: FunctionSpec): boolean => {
    if (global?.memory !== undefined) return true;
    const fn = type === undefined ? undefined : types?.type(type);
    const proto = fn?.kind === "func" ? types?.resolve(fn.type) : undefined;
    const isAddress = (id: number): boolean => {
      const pointer = types?.resolve(id);
      return pointer?.kind === "ptr" && !CONTEXTS.test(types?.resolve(pointer.type).name ?? "");
    };
    return proto?.kind === "func_proto" && proto.params.some((p) => isAddress(p.type));
  };
  if (!object.programs.some((program) => program.functions.some(takesAddress))) return object;
  if (hasHelper("xdp", FOR_EACH_MAP_ELEM, kernel)) return object;
  const plain = (fn: FunctionSpec, entry: boolean): FunctionSpec => {
    if (entry || !takesAddress(fn)) return fn;
    const { type: _, global: __, ...rest } = fn;
    return rest;
  };
  return {
    ...object,
    programs: object.programs.map((program) => ({
      ...program,
      functions: program.functions.map((fn, i) => plain(fn, i === 0)),
    })),
  };
}

/** Contexts that functions may take which are verified by themselves. */
const CONTEXTS = /^(?:xdp_md|__sk_buff)$/;

/** The map of settings with what this kernel was built with. */
export function withSettings(kernel: Kernel, object: BpfObject, spec: MapSpec): MapSpec {
  if (spec.name !== KCONFIG || object.settings === undefined) return spec;
  return { ...spec, initial: settingsBytes(kernel, object.settings, spec.valueSize) };
}

/** A hash as this kernel lets tracing programs have it. */
export function allocated(kernel: Kernel, spec: MapSpec): MapSpec {
  const flags = spec.flags ?? 0;
  if (
    (flags & BPF_F_NO_PREALLOC) === 0 ||
    !/^(percpu_)?hash$/.test(spec.type) ||
    hasFeature("runtimeAllocation", kernel)
  )
    return spec;
  return { ...spec, flags: flags & ~BPF_F_NO_PREALLOC };
}

/** Does a program name types of its own object by their ids, as `bpf_obj_new` does? */
export const asksForOwnTypes = ({ functions }: ProgramSpec): boolean =>
  functions.some(({ code }) => code.some(({ ref }) => ref?.kind === "core" && ref.ask === "type-id-local"));

/** Sections of data with locks, lists and the like in them: what the kernel has to know of it, their types say. */
export function withLocks(object: BpfObject): BpfObject {
  const { types } = object;
  if (types === undefined) return object;
  const maps = object.maps.map((map): MapSpec => {
    const id = map.type === "array" && map.valueType === undefined ? types.find(map.name, "datasec") : undefined;
    const section = id === undefined ? undefined : types.type(id);
    if (id === undefined || section?.kind !== "datasec") return map;
    const held = section.variables.some(({ type }) => {
      const variable = types.type(type);
      const of = variable.kind === "var" ? types.resolve(variable.type) : variable;
      return of.kind === "struct" && KERNEL_HELD.test(of.name);
    });
    return held ? { ...map, keyType: 0, valueType: id, flags: (map.flags ?? 0) & ~MMAPABLE } : map;
  });
  return { ...object, maps };
}
const KERNEL_HELD = /^bpf_(?:spin_lock|res_spin_lock|list_head|rb_root|timer|wq)$/;
/** `BPF_F_MMAPABLE`, which the kernel does not allow with those. */
const MMAPABLE = 0x400;
