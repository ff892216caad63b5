// Which functions of the kernel can be traced, and where they are: the list of ftrace, else kallsyms.
//
// A kernel that prints addresses with its list (available_filter_functions_addrs, Linux 6.5) tells functions of the same
// name apart; for others the address comes from kallsyms.

import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { tracefs } from "./tracefs.ts";

export interface TraceableFunction {
  readonly name: string;
  /** Absent for the kernel itself. */
  readonly module?: string;
}

interface FtraceList {
  readonly text: string;
  readonly withAddresses: boolean;
}

/** The kernel's own list of what ftrace can trace; undefined where it has none (CONFIG_DYNAMIC_FTRACE). */
function ftraceList(kernel: Kernel): FtraceList | undefined {
  for (const file of ["available_filter_functions_addrs", "available_filter_functions"]) {
    try {
      return { text: kernel.text(`${tracefs(kernel)}/${file}`), withAddresses: file.endsWith("_addrs") };
    } catch {
      // Not on this kernel, or closed to us: kallsyms is left.
    }
  }
  return undefined;
}

const kallsyms = (kernel: Kernel): string => kernel.text("/proc/kallsyms");

/** Reads every function off a list as ftrace prints it: `[address ]name[ [module]]`, one a line. About 4 ms for 60,000. */
export function parseFtraceList(text: string, wanted: (name: string) => boolean, module?: string): TraceableFunction[] {
  const found: TraceableFunction[] = [];
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    const start = text.charCodeAt(at + 16) === 32 && isAddress(text, at) ? at + 17 : at;
    const line = text.slice(start, end);
    const space = line.indexOf(" ");
    const name = space < 0 ? line : line.slice(0, space);
    // Places that ftrace knows and cannot name (init code that is gone).
    if (wanted(name) && !name.startsWith("__ftrace_invalid_address__")) {
      const owner = space < 0 ? undefined : line.slice(space + 2, -1);
      if (module === undefined || module === (owner ?? "vmlinux"))
        found.push(owner === undefined ? { name } : { name, module: owner });
    }
    at = end + 1;
  }
  return found;
}

function isAddress(text: string, at: number): boolean {
  return text.startsWith("ffff", at);
}

/**
 * Functions whose names are wanted, in the kernel's order, each name once; of one module where it is named. Without
 * those that the kernel forbids probes in.
 */
export function traceableFunctions(
  wanted: (name: string) => boolean,
  module?: string,
  kernel: Kernel = liveKernel(),
): string[] {
  const list = kernel.once(ftraceList);
  const names = new Set<string>();
  if (list !== undefined) for (const f of parseFtraceList(list.text, wanted, module)) names.add(f.name);
  else for (const f of kallsymsFunctions(kernel.once(kallsyms), wanted, module)) names.add(f);
  for (const name of kernel.once(forbidden)) names.delete(name);
  return [...names];
}

function* kallsymsFunctions(text: string, wanted: (name: string) => boolean, module?: string): Iterable<string> {
  for (const [, name, owner] of text.matchAll(/^[0-9a-f]+ [tTwW] (\S+)(?:\t\[(\S+)\])?$/gm))
    if (wanted(name as string) && (module === undefined || module === (owner ?? "vmlinux"))) yield name as string;
}

/** The address of a function or variable of the kernel or a module, by /proc/kallsyms; undefined where it hides it. */
export function symbolAddress(name: string, kernel: Kernel = liveKernel()): bigint | undefined {
  const text = kernel.once(kallsyms);
  const match = new RegExp(`^([0-9a-f]+) \\S ${name.replace(/[^\w]/g, "\\$&")}(?:\\t.*)?$`, "m").exec(text);
  const address = match === null ? 0n : BigInt(`0x${match[1]}`);
  return address === 0n ? undefined : address;
}

/** Where functions of this name begin; several where the kernel has several; none where it is unknown or hidden. */
export function functionAddresses(name: string, module?: string, kernel: Kernel = liveKernel()): readonly bigint[] {
  const text = kernel.once(kallsyms);
  const found: bigint[] = [];
  for (let at = text.indexOf(` ${name}`); at >= 0; at = text.indexOf(` ${name}`, at + 1)) {
    const after = text[at + 1 + name.length];
    if ((after !== "\n" && after !== "\t") || !/[tTwW]/.test(text[at - 1] as string)) continue;
    if (module !== undefined) {
      const line = text.slice(at + 1 + name.length, text.indexOf("\n", at + 1));
      if ((/\[(.*)\]/.exec(line)?.[1] ?? "vmlinux") !== module) continue;
    }
    const address = BigInt(`0x${text.slice(text.lastIndexOf("\n", at) + 1, at - 2)}`);
    if (address !== 0n) found.push(address);
  }
  return found;
}

/** Bytes of `endbr64`, behind which ftrace's place in a function is (CONFIG_X86_KERNEL_IBT). */
const ENDBR = 4n;

/**
 * The addresses that a link to many functions takes, which are those of their first instructions, by name and, of modules,
 * by `module:name`. Of functions
 * of one name those are answered that ftrace can trace, where it tells its addresses.
 */
export function entryAddresses(names: ReadonlySet<string>, kernel: Kernel): ReadonlyMap<string, readonly bigint[]> {
  const list = kernel.once(ftraceList);
  const places = new Set<bigint>();
  if (list?.withAddresses)
    for (const [, address, name] of list.text.matchAll(/^(ffff[0-9a-f]{12}) (\S+)/gm))
      if (names.has(name as string)) places.add(BigInt(`0x${address}`));
  const found = new Map<string, bigint[]>();
  const add = (key: string, address: bigint): void => {
    const known = found.get(key);
    if (known === undefined) found.set(key, [address]);
    else known.push(address);
  };
  for (const [, hex, name, module] of kernel
    .once(kallsyms)
    .matchAll(/^(ffff[0-9a-f]{12}) [tTwW] (\S+)(?:\t\[(\S+)\])?$/gm)) {
    if (!names.has(name as string)) continue;
    const address = BigInt(`0x${hex}`);
    if (places.size > 0 && !places.has(address) && !places.has(address + ENDBR)) continue;
    add(name as string, address);
    if (module !== undefined) add(`${module}:${name}`, address);
  }
  return found;
}

/** Functions that the kernel forbids probes in; none where its list cannot be read (debugfs). */
function forbidden(kernel: Kernel): ReadonlySet<string> {
  let text = "";
  try {
    text = kernel.text("/sys/kernel/debug/kprobes/blacklist");
  } catch {
    // No debugfs: the kernel itself says no when it comes to it.
  }
  return new Set([...text.matchAll(/\t(\S+)/g)].map((m) => m[1] as string));
}

export const isBlacklisted = (name: string, kernel: Kernel): boolean => kernel.once(forbidden).has(name);
