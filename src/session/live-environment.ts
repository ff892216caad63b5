// What the trace language asks of the world, answered by this machine: its kernel, its files, its processes.

import { statSync } from "node:fs";
import { uprobeEntry, usdtNotes } from "../elf/index.ts";
import {
  binaryPath,
  executableOf,
  hasFeature,
  kernelBtf,
  libraryPath,
  listTracepoints,
  mappedLibraries,
  possibleCpus,
  syscallNumber,
  tracepointFormat,
} from "../kernel/index.ts";
import {
  isPattern,
  patternRegExp,
  type TraceEnvironment,
  type TracepointField,
  type TracepointName,
  type UsdtSite,
  type UserFunction,
} from "../lang/trace/index.ts";
import { DiagnosticError } from "../source/index.ts";
import { demangle, fileSymbols, kernelSymbols, openElf } from "../symbols/index.ts";

export interface LiveOptions {
  readonly params?: readonly string[];
  readonly pid?: number;
  readonly childPid?: number;
  readonly unsafe?: boolean;
}

/** The environment of this machine. Nothing is read before it is asked for. */
export function liveEnvironment(options: LiveOptions = {}): TraceEnvironment {
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  return {
    params: options.params ?? [],
    ...(options.pid === undefined ? {} : { pid: options.pid }),
    ...(options.childPid === undefined ? {} : { childPid: options.childPid }),
    cpus: possibleCpus().length,
    machine,
    unsafe: options.unsafe ?? false,
    btf: () => {
      try {
        return kernelBtf();
      } catch {
        // A kernel without BTF: what needs it says so where it is needed.
        return undefined;
      }
    },
    tracepoints: findTracepoints,
    tracepointFormat: recordFields,
    rawTracepoints: findRawTracepoints,
    kernelFunctions: findKernelFunctions,
    syscallNumber: (name) => syscallNumber(name),
    binary: (name) =>
      options.pid !== undefined && name === "" ? executableOf(options.pid) : findBinary(name, options.pid),
    functions: (path, name) => findFunctions(path, name, machine),
    usdt: findUsdt,
    obstacle,
    kernelAddress: (name) => kernelSymbols().address(name),
    userAddress: (path, name) => {
      const found = fileSymbols(path).find(name);
      return found === undefined ? undefined : BigInt(found.address);
    },
    cgroupId: (path) => {
      try {
        return BigInt(statSync(path, { bigint: true }).ino);
      } catch {
        return undefined;
      }
    },
  };
}

function findTracepoints(category: string, name: string): readonly TracepointName[] {
  const whole = `${category}:${name}`;
  if (!isPattern(whole)) {
    // One name needs no look at the list of all.
    return tracepointFormat(category, name) === undefined ? [] : [{ category, name }];
  }
  const wanted = patternRegExp(whole);
  return listTracepoints()
    .filter((t) => wanted.test(t))
    .map((t) => {
      const colon = t.indexOf(":");
      return { category: t.slice(0, colon), name: t.slice(colon + 1) };
    });
}

function recordFields(category: string, name: string): readonly TracepointField[] | undefined {
  return tracepointFormat(category, name)?.fields.map((f) => ({
    name: f.name,
    type:
      f.location !== undefined
        ? `${f.location === "relative" ? "__rel_loc" : "__data_loc"} ${f.type}[]`
        : f.arrayLength !== undefined
          ? `${f.type}[${f.arrayLength}]`
          : f.type,
    offset: f.offset,
    size: f.size,
    signed: f.signed,
  }));
}

/** BTF has a `btf_trace_X` for each tracepoint that a program can be attached to. */
function findRawTracepoints(pattern: string): readonly string[] {
  const btf = kernelBtf();
  if (!isPattern(pattern)) return btf.find(`btf_trace_${pattern}`, "typedef") === undefined ? [] : [pattern];
  return btf.findAll(`btf_trace_${pattern}`, "typedef").map((e) => e.name.slice("btf_trace_".length));
}

function findKernelFunctions(pattern: string, module?: string): readonly string[] {
  const symbols = kernelSymbols();
  if (!isPattern(pattern) && module === undefined) return symbols.address(pattern) === undefined ? [] : [pattern];
  const wanted = patternRegExp(pattern);
  const names = new Set<string>();
  for (const name of symbols.functions()) if (wanted.test(name)) names.add(name);
  if (module !== undefined && module !== "vmlinux")
    for (const name of names) if (moduleOf(name) !== module) names.delete(name);
  return [...names];
}

/** The module that a function is in; undefined for the kernel itself. */
function moduleOf(name: string): string | undefined {
  const symbols = kernelSymbols();
  const address = symbols.address(name);
  return address === undefined ? undefined : symbols.lookup(address)?.module;
}

function findBinary(name: string, pid: number | undefined): string | undefined {
  if (name === "") return undefined;
  if (name === "*" && pid !== undefined) return executableOf(pid);
  const found = binaryPath(name) ?? libraryPath(name);
  if (found !== undefined) return found;
  return pid === undefined ? undefined : mappedLibraries(pid).find((path) => path.includes(name));
}

function findFunctions(path: string, name: string, machine: "x86_64" | "aarch64"): readonly UserFunction[] {
  const file = readable(path, () => fileSymbols(path));
  const entry = (f: { name: string; size: number; fileOffset?: number }): UserFunction[] =>
    f.fileOffset === undefined
      ? []
      : [
          {
            name: f.name,
            offset: f.fileOffset + (machine === "x86_64" ? entrySkip(path, f.fileOffset) : 0),
            size: f.size,
          },
        ];
  if (!isPattern(name)) {
    const found = file.find(name);
    if (found !== undefined) return entry(found);
    // A C++ name as people write it: with or without its parameters.
    if (!/[:(<~]/.test(name)) return [];
    const wanted = name.replaceAll(" ", "");
    return file
      .functions(/^_Z/)
      .filter((f) => {
        const plain = demangle(f.name).replaceAll(" ", "");
        return plain === wanted || plain.startsWith(`${wanted}(`);
      })
      .flatMap(entry);
  }
  const seen = new Set<number>();
  return file
    .functions(patternRegExp(name))
    .flatMap(entry)
    .filter((f) => !seen.has(f.offset) && seen.add(f.offset) !== undefined);
}

const heads = new Map<string, ReturnType<typeof openElf>>();

/** Bytes that an entry probe moves on by so that the kernel need not single-step: see `uprobeEntry`. */
function entrySkip(path: string, offset: number): number {
  let elf = heads.get(path);
  if (elf === undefined) heads.set(path, (elf = fileSymbols(path).elf));
  const address = elf.address(offset);
  const section =
    address === undefined
      ? undefined
      : elf.sections.find((s) => s.address <= address && address < s.address + s.size && s.offset <= offset);
  if (section === undefined) return 0;
  const bytes = elf.data(section);
  return uprobeEntry(bytes.subarray(offset - section.offset, offset - section.offset + 24)).skip;
}

function findUsdt(path: string, provider: string, name: string): readonly UsdtSite[] {
  const file = readable(path, () => openElf(path));
  const providers = patternRegExp(provider);
  const names = patternRegExp(name);
  return usdtNotes(file)
    .filter((n) => providers.test(n.provider) && names.test(n.name))
    .map((n) => ({
      provider: n.provider,
      name: n.name,
      offset: n.offset,
      ...(n.semaphore === undefined ? {} : { semaphore: n.semaphore.offset }),
      args: n.arguments,
    }));
}

function readable<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === "ENOENT"
        ? "there is no such file"
        : code === "EACCES"
          ? "it cannot be read: permission denied"
          : (error as Error).message;
    throw new DiagnosticError([{ code: "SCRY1113", severity: "error", message: `${path}: ${why}` }]);
  }
}

/** Why probes of this kind cannot attach here. */
export function obstacle(kind: string): string | undefined {
  switch (kind) {
    case "kprobe":
    case "kretprobe":
      return hasFeature("kprobe")
        ? undefined
        : "this kernel was built without kprobes (CONFIG_KPROBES); use a tracepoint (scry -l 'tracepoint:*'), or fentry where the kernel has it";
    case "fentry":
    case "fexit":
      return hasFeature("fentry")
        ? undefined
        : "this kernel refuses fentry and fexit programs; use a tracepoint (scry -l 'tracepoint:*'), or kprobe where the kernel has it";
    default:
      return undefined;
  }
}
