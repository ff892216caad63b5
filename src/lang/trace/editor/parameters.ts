// Attach points with positional parameters, `uprobe:$1:$2`: what they will be is given when the script is run, so that an
// editor takes them for something that is there.

import type { ProbeEnvironment } from "../../../probes/index.ts";
import type { Scanned, ScannedText } from "./scan.ts";

/** Is what this attach point stands for known only when the script is run? */
export const isOpen = (t: Scanned): boolean => t.kind === "attach" && /\$\d/.test(t.text);

/** The world with a program, a function or a number for each parameter that an attach point names. */
export function withStandIns({ tokens }: ScannedText, env: ProbeEnvironment): ProbeEnvironment {
  const open = tokens.filter(isOpen);
  if (open.length === 0) return env;
  // A program can be of Go, whose goroutines only it has.
  const go = { version: "", goid: 152, threadLocal: -8 };
  const name = (given: string): string => (given === "" ? "$" : given);
  return {
    ...env,
    params: parameters(open, env.params),
    kernelFunctions: (fn, module) => (fn === "" ? ["$"] : env.kernelFunctions(fn, module)),
    binary: (file) => (file === "" ? "" : env.binary(file)),
    functions: (file, fn) =>
      file === "" || fn === "" ? [{ name: name(fn), offset: 16, size: 16 }] : env.functions(file, fn),
    usdt: (file, provider, probe) =>
      file === "" || probe === ""
        ? [{ provider: name(provider), name: name(probe), offset: 16, args: "8@%rdi 8@%rsi 8@%rdx 8@%rcx" }]
        : env.usdt(file, provider, probe),
    functionNames: (file, fn) =>
      file === "" ? [] : (env.functionNames?.(file, fn) ?? env.functions(file, fn).map((f) => f.name)),
    userSymbol: (file, symbol, offset) =>
      file === "" ? { address: 0n, size: 0 } : env.userSymbol(file, symbol, offset),
    codeAt: (file, address) => (file === "" ? address : (env.codeAt?.(file, address) ?? address)),
    functionAt: (file, offset) => (file === "" ? undefined : env.functionAt?.(file, offset)),
    insideInstruction: (file, start, offset) =>
      file === "" ? undefined : env.insideInstruction?.(file, start, offset),
    sourceLine: (file, source, line, column) =>
      file === "" ? [] : (env.sourceLine?.(file, source, line, column) ?? []),
    typeOfProgram: (file, tag, type) => (file === "" ? undefined : env.typeOfProgram?.(file, tag, type)),
    parameters: (file, offset) => (file === "" ? undefined : env.parameters?.(file, offset)),
    goProcess: () => env.goProcess?.() ?? go,
  };
}

/** A number where a timer or a counter wants one, and no text elsewhere. */
function parameters(open: readonly Scanned[], given: readonly string[]): string[] {
  const found = [...given];
  for (const { text } of open)
    for (const [, digits] of text.matchAll(/\$(\d+)/g)) {
      const at = Number(digits) - 1;
      if (at < 0 || at > 99) continue;
      while (found.length <= at) found.push("");
      if (/^(?:profile|p|interval|i|software|s|hardware|h|watchpoint|w|asyncwatchpoint|aw):/.test(text))
        found[at] ||= "1";
    }
  return found;
}
