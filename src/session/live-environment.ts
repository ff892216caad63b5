// What the trace language asks of the world, answered by this machine: its kernel, its files, its processes.

import { statSync } from "node:fs";
import { demangle } from "../demangle/index.ts";
import { uprobeEntry, usdtNotes, x86Length } from "../elf/index.ts";
import {
  functionAddresses,
  hasFeature,
  hasHelper,
  hasKfunc,
  kernelBtf,
  listTracepoints,
  moduleBtf,
  possibleCpus,
  processNamespace,
  programFunctions,
  syscallNumber,
  traceableFunctions,
  tracepointFormat,
} from "../kernel/index.ts";
import {
  isPattern,
  type KernelPart,
  type ProbeEnvironment,
  patternRegExp,
  type TracepointField,
  type TracepointName,
  type UsdtSite,
  type UserFunction,
} from "../probes/index.ts";
import { DiagnosticError, FormatError } from "../source/index.ts";
import {
  type FileSymbol,
  type FileSymbols,
  fileSymbols,
  goEntry,
  goFunction,
  goProgram,
  kernelSymbols,
  openElf,
  tryFileSymbols,
} from "../symbols/index.ts";
import { binaryNamed, matchingBinaries } from "./binaries.ts";
import { DebugInformation } from "./debug-information.ts";
import { HeaderFiles } from "./header-files.ts";

export interface LiveOptions {
  readonly params?: readonly string[];
  /** Named parameters. */
  readonly named?: ReadonlyMap<string, string>;
  readonly pid?: number;
  readonly childPid?: number;
  /** The process of `pid`, or else of `childPid`, with all that it starts. */
  readonly follow?: boolean;
  /** Only tasks of this control group and those below it: a folder of a cgroup2 file system. */
  readonly cgroup?: string;
  readonly unsafe?: boolean;
  /** Which probes this run is for; absent: all but those on request. */
  readonly wants?: (provider: string, name: string) => boolean;
  /** Tell of helpers that fail (`-k`). */
  readonly tellErrors?: boolean;
  /** Folders of debug information (`--debuginfo`). */
  readonly debugFolders?: readonly string[];
  /** The kernel's functions that can be traced, as lines of `available_filter_functions`. */
  readonly traceable?: string;
  /** Folders of headers (`-I`). */
  readonly includeFolders?: readonly string[];
  /** Headers that stand before the script (`--include`). */
  readonly includes?: readonly string[];
}

/** The environment of this machine. Nothing is read before it is asked for. */
export function liveEnvironment(options: LiveOptions = {}): ProbeEnvironment {
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  const debug = new DebugInformation(() => {
    try {
      return kernelBtf();
    } catch {
      // A kernel without BTF: what needs it says so where it is needed.
      return undefined;
    }
  }, options.debugFolders);
  const traceable = options.traceable === undefined ? undefined : traceableList(options.traceable);
  const headers = new HeaderFiles(options.includeFolders ?? []);
  return {
    params: options.params ?? [],
    ...(options.named === undefined ? {} : { named: options.named }),
    ...(options.tellErrors === true ? { tellErrors: true } : {}),
    ...(options.wants === undefined ? {} : { wants: options.wants }),
    imported: (path, from) => headers.imported(path, from),
    header: (request, whose) => headers.find(request, whose),
    ...(options.includes === undefined ? {} : { includes: options.includes }),
    ...(options.pid === undefined || options.follow === true ? {} : { pid: options.pid }),
    ...(options.follow === true ? { follow: options.pid ?? options.childPid } : {}),
    ...(options.cgroup === undefined ? {} : { cgroup: options.cgroup }),
    ...(options.childPid === undefined ? {} : { childPid: options.childPid }),
    cpus: possibleCpus().length,
    ...namespaced(),
    machine,
    unsafe: options.unsafe ?? false,
    btf: () => debug.btf(),
    insideInstruction: (path, start, offset) =>
      machine === "x86_64"
        ? insideInstruction(path, start, offset)
        : offset % 4 === 0
          ? undefined
          : [offset & ~3, (offset & ~3) + 4],
    sourceLine: (path, file, line, column) => debug.sourceLine(path, file, line, column),
    typeOfProgram: (path, tag, name) => debug.typeNamed(path, tag, name),
    parameters: (path, offset) => debug.parameters(path, offset),
    tracepoints: findTracepoints,
    tracepointFormat: recordFields,
    rawTracepoints: findRawTracepoints,
    kernelFunctions:
      traceable === undefined
        ? findKernelFunctions
        : (name, module) => {
            const wanted = patternRegExp(name);
            return traceable
              .filter((f) => wanted.test(f.name) && (module === undefined || f.module === module))
              .map((f) => f.name);
          },
    moduleBtf,
    bpfFunctions: (name) => {
      const wanted = patternRegExp(name);
      return programFunctions().filter((f) => wanted.test(f.name));
    },
    syscallNumber: (name) => syscallNumber(name),
    binary: (name) => binaryNamed(name, options.pid),
    binaries: (pattern) => matchingBinaries(pattern, options.pid).filter((path) => tryFileSymbols(path) !== undefined),
    functions: (path, name) => findFunctions(path, name, machine),
    functionNames: (path, name) => readable(path, () => fileSymbols(path).functionNames(patternRegExp(name))),
    codeAt,
    functionAt: (path, offset) => functionAt(path, offset, machine),
    goProcess: () => {
      const file = options.pid === undefined ? undefined : tryFileSymbols(`/proc/${options.pid}/exe`);
      return file === undefined ? undefined : goProgram(file);
    },
    usdt: findUsdt,
    lacks,
    attaches: hasFeature,
    kfuncAllowed: (type, name) => hasKfunc(type, name),
    kernelAddress: (name) => kernelSymbols().address(name),
    userSymbol: (path, name, offset) => {
      const file = fileSymbols(path);
      const found = file.find(name);
      if (found === undefined) return undefined;
      const symbol = { address: BigInt(found.address), size: found.size };
      const code = file.elf.type === "exec" ? undefined : file.elf.address(offset);
      return code === undefined ? symbol : { ...symbol, distance: symbol.address - BigInt(code) };
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

/** Processes have other ids for us than for the kernel where we run in a namespace of our own. */
function namespaced(): Pick<ProbeEnvironment, "processNamespace"> {
  const namespace = processNamespace();
  return namespace === undefined ? {} : { processNamespace: namespace };
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

/** Lines `name` or `name [module]`. */
function traceableList(text: string): { readonly name: string; readonly module: string }[] {
  return text.split("\n").flatMap((line) => {
    const [name, module] = line.trim().split(/\s+/);
    return name === undefined || name === "" ? [] : [{ name, module: module?.slice(1, -1) ?? "vmlinux" }];
  });
}

function findKernelFunctions(pattern: string, module?: string): readonly string[] {
  // One name needs no look at the list of all: the kernel says when it cannot be traced.
  if (!isPattern(pattern)) return functionAddresses(pattern, module).length === 0 ? [] : [pattern];
  const wanted = patternRegExp(pattern);
  return traceableFunctions((name) => wanted.test(name), module);
}

function findFunctions(path: string, name: string, machine: "x86_64" | "aarch64"): readonly UserFunction[] {
  const file = readable(path, () => fileSymbols(path));
  const entry = (f: FileSymbol): UserFunction[] => {
    const found = userFunction(path, file, f, machine);
    return found === undefined ? [] : [found];
  };
  if (!isPattern(name)) {
    const found = file.find(name);
    if (found !== undefined) return entry(found);
    // A C++ name as people write it: with or without its parameters.
    if (!/[:(<~]/.test(name)) return [];
    const wanted = name.replaceAll(" ", "");
    return file
      .functions(/^_[ZR]/)
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

function userFunction(
  path: string,
  file: FileSymbols,
  f: FileSymbol,
  machine: "x86_64" | "aarch64",
): UserFunction | undefined {
  const start = f.fileOffset;
  if (start === undefined) return undefined;
  const go = goFunction(file, f, machine);
  const base = { name: f.name, start, size: f.size };
  if (go === undefined) return { ...base, offset: start + (machine === "x86_64" ? entrySkip(path, start) : 0) };
  const { skip, unless } = goEntry(file, f, machine);
  return { ...base, offset: start + skip, go, ...(unless === undefined ? {} : { unless }) };
}

/** The byte of a file at an address of its code. */
function codeAt(path: string, address: number): number | undefined {
  const elf = readable(path, () => openElf(path));
  const within = elf.segments.some(
    (s) => s.type === PT_LOAD && (s.flags & PF_X) !== 0 && address >= s.address && address < s.address + s.fileSize,
  );
  return within ? elf.fileOffset(address) : undefined;
}

/** The function that a byte of a file belongs to. */
function functionAt(path: string, offset: number, machine: "x86_64" | "aarch64"): UserFunction | undefined {
  const file = readable(path, () => fileSymbols(path));
  const found = file.at(offset);
  const symbol = found === undefined ? undefined : file.find(found.name);
  // Several may have its name.
  return symbol === undefined || symbol.fileOffset !== offset - (found?.offset ?? 0)
    ? undefined
    : userFunction(path, file, symbol, machine);
}

/** Program headers: of what is mapped, and of what is executed (elf.h). */
const [PT_LOAD, PF_X] = [1, 1];

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

/** Steps from a function's start to a byte of it. */
function insideInstruction(path: string, start: number, offset: number): [number, number] | undefined {
  const { elf } = fileSymbols(path);
  const code = elf.bytes.subarray(start, start + offset + 16);
  let at = 0;
  while (at < offset) {
    const length = x86Length(code, at);
    // What cannot be told apart is left to the user, as is what comes behind it.
    if (length <= 0) return undefined;
    if (at + length > offset) return [at, at + length];
    at += length;
  }
  return undefined;
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
    if (error instanceof FormatError) throw error.what === path ? error : error.of(path);
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

const CURRENT_TASK_BTF = 158;

/** What this kernel has not got. What is newest is asked for first: who has that has all the others. */
function lacks(part: KernelPart): boolean {
  // Where nothing may be tried, everything is taken to be there: loading then says what is missing, the permission.
  if (hasFeature("rawTracepointCookie") || !hasFeature("tracingPrograms")) return false;
  return part === "currentTaskBtf" ? !hasHelper("kprobe", CURRENT_TASK_BTF) : !hasFeature(part);
}
