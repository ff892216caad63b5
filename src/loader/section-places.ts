// Where a program attaches by its section's name (libbpf's SEC(), Documentation/bpf/libbpf/program_types.rst), as far as the
// system has to be asked: files and their symbols, the kernel's functions, static probes.
//
//     uprobe/PATH:FUNCTION[+OFFSET]   uprobe.multi/PATH:PATTERN   usdt/PATH:PROVIDER:NAME
//     kprobe/FUNCTION[+OFFSET]        kprobe.multi/PATTERN        ksyscall/NAME

import { type Kernel, traceableFunctions, UnsupportedError } from "../kernel/index.ts";
import type { AttachTarget, ProgramSpec } from "../object/index.ts";
import { binaryNamed } from "../session/index.ts";
import { nearest } from "../source/index.ts";
import { fileSymbols } from "../symbols/index.ts";

/** What is known of where a program shall be. */
export type Place =
  /** These. */
  | { readonly kind: "targets"; readonly targets: readonly AttachTarget[] }
  /** All entry or return points, or both, of functions. */
  | { readonly kind: "kprobes"; readonly functions: readonly string[]; readonly at: "entry" | "return" | "session" }
  /** Static probes of a file. */
  | { readonly kind: "usdt"; readonly path: string; readonly provider: string; readonly name: string }
  /** Only who attaches it knows; `needs` says what to give. */
  | { readonly kind: "asked"; readonly needs: string };

/** `*` and `?` as in a shell. */
const globbed = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
  );

const isPattern = (text: string): boolean => /[*?[]/.test(text);

/** The file that a name means, to a process where one is given. Throws an UnsupportedError where there is none. */
export function fileOf(name: string, pid?: number): string {
  const path = binaryNamed(name, pid);
  if (path === undefined)
    throw new UnsupportedError(
      `there is no program or library ${name}${pid === undefined ? "" : `, nor does process ${pid} see one`}`,
    );
  return path;
}

/** Where a function of a file begins, in bytes from the start of the file. Throws an UnsupportedError where it has none. */
export function functionOffset(path: string, name: string): number {
  const symbols = fileSymbols(path);
  const bare = name.replace(/@.*$/, "");
  const found = symbols.find(bare);
  if (found?.fileOffset !== undefined) return found.fileOffset;
  const names = symbols.functions(new RegExp(bare.slice(0, 3).replace(/\W/g, "\\$&"))).map((f) => f.name);
  const hint = nearest(bare, names.slice(0, 5000))[0];
  throw new UnsupportedError(`${path} has no function ${name}${hint === undefined ? "" : `. ${hint}`}`);
}

/** The places of all functions of a file that a pattern matches. */
export function uprobesOf(path: string, pattern: string, atReturn: boolean, pid?: number): AttachTarget[] {
  const rest = pid === undefined ? {} : { pid };
  const expression = globbed(pattern);
  const offsets = isPattern(pattern)
    ? [
        ...new Set(
          fileSymbols(path)
            .functions(expression)
            .map((f) => f.fileOffset ?? 0),
        ),
      ]
    : [functionOffset(path, pattern)];
  if (offsets.length === 0) throw new UnsupportedError(`${path} has no functions that match ${pattern}`);
  return offsets.map((offset) => ({ kind: "uprobe", path, offset, return: atReturn, ...rest }));
}

/** The functions of the kernel that a pattern matches. Throws an UnsupportedError where there are none. */
export function kernelFunctions(pattern: string, kernel: Kernel): readonly string[] {
  if (!isPattern(pattern)) return [pattern];
  const expression = globbed(pattern);
  const found = traceableFunctions((name) => expression.test(name), undefined, kernel);
  if (found.length === 0) throw new UnsupportedError(`this kernel has no functions to trace that match ${pattern}`);
  return found;
}

/** `FUNCTION+0x10`, or a place in the file: `0x4f0`. */
function placeIn(path: string, text: string): number {
  const [, name, offset = "0"] = /^(.*?)(?:\+(0[xX][0-9a-fA-F]+|\d+))?$/.exec(text) ?? [];
  if (name === undefined || name === "") throw new UnsupportedError(`'${text}' is no function of ${path}`);
  return (/^(?:0[xX][0-9a-fA-F]+|\d+)$/.test(name) ? Number(name) : functionOffset(path, name)) + Number(offset);
}

/** The function that a system call enters by. */
export function syscallFunction(name: string): string {
  return `__${process.arch === "arm64" ? "arm64" : "x64"}_sys_${name}`;
}

interface Asked {
  /** What follows the prefix and its slash. */
  readonly rest: string;
  readonly section: string;
  readonly pid?: number;
  readonly kernel: Kernel;
}

type Form = (asked: Asked) => Place;

function colon(text: string, section: string, pid: number | undefined): [string, string] {
  const at = text.lastIndexOf(":");
  if (at <= 0) throw new UnsupportedError(`SEC("${section}") names no file and function: PATH:FUNCTION`);
  return [fileOf(text.slice(0, at), pid), text.slice(at + 1)];
}

const uprobe =
  (atReturn: boolean): Form =>
  ({ rest, section, pid }) => {
    const [path, place] = colon(rest, section, pid);
    const target: AttachTarget = { kind: "uprobe", path, offset: placeIn(path, place), return: atReturn };
    return { kind: "targets", targets: [pid === undefined ? target : { ...target, pid }] };
  };

const uprobes =
  (atReturn: boolean): Form =>
  ({ rest, section, pid }) => {
    const [path, pattern] = colon(rest, section, pid);
    return { kind: "targets", targets: uprobesOf(path, pattern, atReturn, pid) };
  };

const kprobes =
  (at: "entry" | "return" | "session"): Form =>
  ({ rest, kernel }) => ({ kind: "kprobes", functions: kernelFunctions(rest, kernel), at });

const systemCall =
  (atReturn: boolean): Form =>
  ({ rest }) => ({
    kind: "targets",
    targets: [{ kind: "kprobe", function: syscallFunction(rest), offset: 0, return: atReturn }],
  });

/** Sections that say more than the table of `object` can resolve, by their prefix. */
const FORMS: Readonly<Record<string, Form>> = {
  uprobe: uprobe(false),
  uretprobe: uprobe(true),
  "uprobe.multi": uprobes(false),
  "uretprobe.multi": uprobes(true),
  "uprobe.session": uprobes(false),
  "kprobe.multi": kprobes("entry"),
  "kretprobe.multi": kprobes("return"),
  "kprobe.session": kprobes("session"),
  ksyscall: systemCall(false),
  kretsyscall: systemCall(true),
  usdt: ({ rest, section, pid }) => {
    const parts = rest.split(":");
    const [name, provider] = [parts.pop(), parts.pop()];
    if (name === undefined || provider === undefined || parts.length === 0)
      throw new UnsupportedError(`SEC("${section}") names no static probe: PATH:PROVIDER:NAME`);
    return { kind: "usdt", path: fileOf(parts.join(":"), pid), provider, name };
  },
};

/** What is to be given where the section cannot say it, by the type of the program. */
const NEEDS: Readonly<Partial<Record<ProgramSpec["type"], string>>> = {
  kprobe: "function (of the kernel), or path and function (of a program), or usdt",
  tracepoint: 'tracepoint: "category:name"',
  raw_tracepoint: 'tracepoint: "name"',
  raw_tracepoint_writable: 'tracepoint: "name"',
  perf_event: "event: { type, config, frequency }",
  xdp: "interface",
  sched_cls: "interface and direction",
  sched_act: "interface and direction",
  cgroup_skb: "cgroup, a folder of a cgroup2 file system",
  cgroup_sock: "cgroup, a folder of a cgroup2 file system",
  cgroup_sock_addr: "cgroup, a folder of a cgroup2 file system",
  cgroup_sockopt: "cgroup, a folder of a cgroup2 file system",
  cgroup_sysctl: "cgroup, a folder of a cgroup2 file system",
  cgroup_device: "cgroup, a folder of a cgroup2 file system",
  sock_ops: "cgroup, a folder of a cgroup2 file system",
  socket_filter: "socket, a descriptor",
  sk_lookup: "netns, a file (or true: this process's)",
  flow_dissector: "netns, a file (or true: this process's)",
  sk_skb: "map, a map of sockets",
  sk_msg: "map, a map of sockets",
  netfilter: "netfilter: { family, hook, priority }",
};

/** Where a program attaches by what its section says. Throws an UnsupportedError for what is not on this system. */
export function sectionPlace(spec: ProgramSpec, kernel: Kernel, pid?: number): Place {
  const section = (spec.section ?? "").replace(/^\?/, "");
  const slash = section.indexOf("/");
  const prefix = (slash < 0 ? section : section.slice(0, slash)).replace(/\.s$/, "");
  const rest = slash < 0 ? "" : section.slice(slash + 1);
  const form = FORMS[prefix];
  // `uretprobe/readline` names a function of no file: whoever attaches it knows which.
  if (form !== undefined && rest !== "" && (rest.includes(":") || !/^(?:u(?:ret)?probe|usdt)/.test(prefix)))
    return form({ rest, section, kernel, ...(pid === undefined ? {} : { pid }) });
  const hook = spec.attachType === "lsm_cgroup";
  if (spec.attach.length > 0 && !hook) return { kind: "targets", targets: spec.attach };
  const needs = hook ? "cgroup, a folder of a cgroup2 file system" : NEEDS[spec.type];
  return { kind: "asked", needs: needs ?? "nothing that is known" };
}
