// The system as an editor's user sees it, who is seldom root: what may not be looked at is said where a script asks for it,
// and nothing else ends by it.

import { SystemCallError } from "../kernel/index.ts";
import { type ProbeEnvironment, ProbeError } from "../probes/index.ts";

export function asPermitted(env: ProbeEnvironment): ProbeEnvironment {
  const said = (error: unknown): never => {
    if (!(error instanceof SystemCallError)) throw error;
    throw new ProbeError("SCRY2002", error.message, [], true);
  };
  const asked = Object.entries(env).map(([name, value]) => {
    if (typeof value !== "function") return [name, value];
    const ask = (...given: readonly unknown[]): unknown => {
      try {
        return value(...given);
      } catch (error) {
        return said(error);
      }
    };
    return [name, ask];
  });
  const permitted = Object.fromEntries(asked) as ProbeEnvironment;
  return process.geteuid?.() === 0 ? permitted : { ...permitted, kernelFunctions: typedFunctions(permitted) };
}

/** Functions of the kernel where their addresses are hidden: those that it has types for. */
const typedFunctions =
  (env: ProbeEnvironment): ProbeEnvironment["kernelFunctions"] =>
  (pattern, module) => {
    const found = env.kernelFunctions(pattern, module);
    if (found.length > 0) return found;
    const btf = module === undefined || module === "vmlinux" ? env.btf() : env.moduleBtf?.(module);
    return [...new Set((btf?.findAll(pattern, "func") ?? []).map((f) => f.name))];
  };
