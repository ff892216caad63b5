// Types that are not the kernel's own: of its modules, and of BPF programs that are loaded. fentry and fexit attach to
// functions of both, and name them by a BTF (a descriptor) and an id in it.

import { type Btf, openBtf } from "../btf/index.ts";
import { UnsupportedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { ids, infoOf } from "./kernel-objects.ts";
import { kernelBtf } from "./kernel-types.ts";
import { bpfBtfInfo, bpfFuncInfo, bpfProgInfo } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { textOf } from "./struct.ts";
import { checked } from "./system-calls.ts";

/** Types of modules that were asked for, by their names. */
const knownModules = (): Map<string, Btf | undefined> => new Map();

/**
 * Types of a module, which go on from the kernel's own (ids below `kernelBtf().count` are the same); undefined where the
 * module is not loaded, or the kernel keeps no types of modules (before Linux 5.11).
 */
export function moduleBtf(name: string, kernel: Kernel = liveKernel()): Btf | undefined {
  const modules = kernel.once(knownModules);
  if (!modules.has(name)) {
    let btf: Btf | undefined;
    try {
      if (/^[\w-]+$/.test(name))
        btf = openBtf(kernel.files.read(`/sys/kernel/btf/${name.replaceAll("-", "_")}`), { base: kernelBtf(kernel) });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    modules.set(name, btf);
  }
  return modules.get(name);
}

/** The types of all modules that are loaded. */
export function* allModuleTypes(kernel: Kernel = liveKernel()): Iterable<Btf> {
  for (const name of moduleNames(kernel)) {
    const btf = moduleBtf(name, kernel);
    if (btf !== undefined) yield btf;
  }
}

/** The modules that the kernel keeps types of. */
export function moduleNames(kernel: Kernel = liveKernel()): readonly string[] {
  try {
    return kernel.files.list("/sys/kernel/btf").filter((name) => name !== "vmlinux");
  } catch {
    return [];
  }
}

/** A descriptor of a module's BTF, to be closed by the caller. Throws an UnsupportedError where there is none. */
export function openModuleBtf(module: string, kernel: Kernel): number {
  const wanted = module.replaceAll("-", "_");
  for (const id of ids(kernel, "BTF_GET_NEXT_ID")) {
    const fd = kernel.bpf("BTF_GET_FD_BY_ID", { btf_id: id });
    if (fd < 0) continue;
    const name = new Uint8Array(64);
    const info = infoOf(kernel, fd, bpfBtfInfo, { name, name_len: name.length });
    if (info?.get("kernel_btf") === 1 && textOf(name) === wanted) return fd;
    kernel.calls.close(fd);
  }
  throw new UnsupportedError(
    `the kernel has no types of a module ${module}: it is not loaded, or the kernel keeps none (Linux 5.11)`,
  );
}

/** A function of a BPF program that is loaded. */
export interface LoadedFunction {
  /** Of the program. */
  readonly program: number;
  readonly name: string;
  /** In `btf`. */
  readonly type: number;
  readonly btf: Btf;
}

/** The entry functions of all BPF programs that have types. */
export function programFunctions(kernel: Kernel = liveKernel()): LoadedFunction[] {
  const found: LoadedFunction[] = [];
  for (const id of ids(kernel, "PROG_GET_NEXT_ID")) {
    const fd = kernel.bpf("PROG_GET_FD_BY_ID", { prog_id: id });
    if (fd < 0) continue;
    try {
      const entry = kernel.struct(bpfFuncInfo);
      const wanted = { func_info_rec_size: entry.bytes.length, func_info: entry.bytes, nr_func_info: 1 };
      const info = infoOf(kernel, fd, bpfProgInfo, wanted);
      if (info === undefined || info.get("nr_func_info") === 0) continue;
      const type = entry.get("type_id");
      const btf = btfById(kernel, info.get("btf_id"));
      const fn = btf?.type(type);
      if (btf !== undefined && fn?.kind === "func") found.push({ program: id, name: fn.name, type, btf });
    } finally {
      kernel.calls.close(fd);
    }
  }
  return found;
}

/**
 * The id of a function of a loaded program in the program's own types: its entry, or one that it calls. Its types may know
 * more functions of that name than the program has.
 */
export function functionOfProgram(program: number, name: string, kernel: Kernel): number | undefined {
  const fd = kernel.bpf("PROG_GET_FD_BY_ID", { prog_id: program });
  if (fd < 0) return undefined;
  try {
    const size = kernel.struct(bpfFuncInfo).bytes.length;
    const count = infoOf(kernel, fd, bpfProgInfo, { func_info_rec_size: size })?.get("nr_func_info") ?? 0;
    const records = new Uint8Array(size * count);
    const wanted = { func_info_rec_size: size, func_info: records, nr_func_info: count };
    const info = count === 0 ? undefined : infoOf(kernel, fd, bpfProgInfo, wanted);
    const btf = info === undefined ? undefined : btfById(kernel, info.get("btf_id"));
    for (let i = 0; btf !== undefined && i < count; i++) {
      const id = new DataView(records.buffer).getUint32(i * size + 4, true);
      if (btf.name(id) === name) return id;
    }
    return undefined;
  } finally {
    kernel.calls.close(fd);
  }
}

/** A descriptor of a loaded program, to be closed by the caller. */
export function openProgram(id: number, kernel: Kernel): number {
  return checked(kernel.bpf("PROG_GET_FD_BY_ID", { prog_id: id }), "bpf(BPF_PROG_GET_FD_BY_ID)", `program ${id}`);
}

/** The types of a program or a map, by their id; undefined where they are gone. */
export function btfById(kernel: Kernel, id: number): Btf | undefined {
  const fd = kernel.bpf("BTF_GET_FD_BY_ID", { btf_id: id });
  if (fd < 0) return undefined;
  try {
    const size = infoOf(kernel, fd, bpfBtfInfo, {})?.get("btf_size");
    if (size === undefined) return undefined;
    const bytes = new Uint8Array(size);
    return infoOf(kernel, fd, bpfBtfInfo, { btf: bytes, btf_size: size }) === undefined ? undefined : openBtf(bytes);
  } finally {
    kernel.calls.close(fd);
  }
}
