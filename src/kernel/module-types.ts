// Types that are not the kernel's own: of its modules, and of BPF programs that are loaded. fentry and fexit attach to
// functions of both, and name them by a BTF (a descriptor) and an id in it.

import { readFileSync } from "node:fs";
import { type Btf, openBtf } from "../btf/index.ts";
import { Struct } from "./attributes.ts";
import { UnsupportedError } from "./errors.ts";
import { kernelBtf } from "./kernel-types.ts";
import { Command } from "./numbers.ts";
import { checked, systemCalls } from "./system-calls.ts";

const modules = new Map<string, Btf | undefined>();

/**
 * Types of a module, which go on from the kernel's own (ids below `kernelBtf().count` are the same); undefined where the
 * module is not loaded, or the kernel keeps no types of modules (before Linux 5.11).
 */
export function moduleBtf(name: string): Btf | undefined {
  if (!modules.has(name)) {
    let btf: Btf | undefined;
    try {
      if (/^[\w-]+$/.test(name))
        btf = openBtf(readFileSync(`/sys/kernel/btf/${name.replaceAll("-", "_")}`), { base: kernelBtf() });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    modules.set(name, btf);
  }
  return modules.get(name);
}

/** A descriptor of a module's BTF, to be closed by the caller. Throws an UnsupportedError where there is none. */
export function openModuleBtf(module: string): number {
  const calls = systemCalls();
  const wanted = module.replaceAll("-", "_");
  for (const id of ids(Command.btfNextId)) {
    const fd = calls.bpf(Command.btfFdById, new Struct(16).u32(0, id).bytes);
    if (fd < 0) continue;
    const name = new Uint8Array(64);
    const info = new Struct(32).pointer(16, name).u32(24, name.length);
    const asked = calls.bpf(
      Command.infoByFd,
      new Struct(16).u32(0, fd).u32(4, info.bytes.length).pointer(8, info.bytes).bytes,
    );
    if (asked >= 0 && info.readU32(28) === 1 && text(name) === wanted) return fd;
    calls.close(fd);
  }
  throw new UnsupportedError(
    `the kernel has no types of a module ${module}: it is not loaded, or the kernel keeps none (Linux 5.11)`,
  );
}

/** A function of a BPF program that is loaded. */
export interface ProgramFunction {
  /** Of the program. */
  readonly program: number;
  readonly name: string;
  /** In `btf`. */
  readonly type: number;
  readonly btf: Btf;
}

/** The entry functions of all BPF programs that have types. */
export function programFunctions(): ProgramFunction[] {
  const calls = systemCalls();
  const found: ProgramFunction[] = [];
  for (const id of ids(Command.programNextId)) {
    const fd = calls.bpf(Command.programFdById, new Struct(16).u32(0, id).bytes);
    if (fd < 0) continue;
    try {
      const records = new Uint8Array(8);
      const info = new Struct(232).u32(132, 8).pointer(136, records).u32(144, 1);
      const attribute = new Struct(16).u32(0, fd).u32(4, info.bytes.length).pointer(8, info.bytes);
      if (calls.bpf(Command.infoByFd, attribute.bytes) < 0 || info.readU32(144) === 0) continue;
      const type = new DataView(records.buffer).getUint32(4, true);
      const btf = btfById(info.readU32(128));
      const fn = btf?.type(type);
      if (btf !== undefined && fn?.kind === "func") found.push({ program: id, name: fn.name, type, btf });
    } finally {
      calls.close(fd);
    }
  }
  return found;
}

/** A descriptor of a loaded program, to be closed by the caller. */
export function openProgram(id: number): number {
  return checked(
    systemCalls().bpf(Command.programFdById, new Struct(16).u32(0, id).bytes),
    "bpf(BPF_PROG_GET_FD_BY_ID)",
    `program ${id}`,
  );
}

function btfById(id: number): Btf | undefined {
  const calls = systemCalls();
  const fd = calls.bpf(Command.btfFdById, new Struct(16).u32(0, id).bytes);
  if (fd < 0) return undefined;
  try {
    const ask = (info: Struct): number =>
      calls.bpf(Command.infoByFd, new Struct(16).u32(0, fd).u32(4, info.bytes.length).pointer(8, info.bytes).bytes);
    const size = new Struct(32);
    if (ask(size) < 0) return undefined;
    const bytes = new Uint8Array(size.readU32(8));
    return ask(new Struct(32).pointer(0, bytes).u32(8, bytes.length)) < 0 ? undefined : openBtf(bytes);
  } finally {
    calls.close(fd);
  }
}

function* ids(command: number): Iterable<number> {
  for (let id = 0; ; ) {
    const attribute = new Struct(16).u32(0, id);
    if (systemCalls().bpf(command, attribute.bytes) < 0) return;
    yield (id = attribute.readU32(4));
  }
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
