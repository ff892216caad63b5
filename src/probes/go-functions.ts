// Functions that Go has made: where their arguments are, how their return is probed without touching the stack, and
// which goroutine runs them.
//
// Go copies a goroutine's stack to another place when it grows. A uretprobe of the kernel overwrites the return address
// on the stack, so that the runtime, which looks up every return address when it copies, ends the program. Here the
// probe stands on each of the function's return instructions instead, where the result is in its register already and
// nothing in the program is changed.
//
// `argN` is the N-th word of the arguments: a string is two words (text, length), a slice three (elements, length,
// capacity), an interface two (type, value); a receiver comes first. Floating-point numbers have registers of their own,
// which programs of the kernel cannot read, and do not count. What does not fit into the registers is on the stack:
// `sarg0`…. Before Go 1.17, and in assembly functions (`.abi0`), all of it is on the stack, results behind the
// arguments. In other registers than `retval`'s, further words of the result: `reg("bx")`, `reg("cx")`….

import { goRegisters, register, type UsdtArgument } from "../elf/index.ts";
import type { AttachTarget } from "../object/index.ts";
import { UINT64 } from "../schema/index.ts";
import type { GoFunction, GoRuntime, ProbeEnvironment, UserFunction } from "./environment.ts";
import type { GoroutineAccess, ProbeArgument, ResolvedProbe } from "./probes.ts";
import { argumentMap, type Provider } from "./provider.ts";

/** In x86's struct pt_regs (asm/ptrace.h). */
const X86_FLAGS = 144;
/** So many words of arguments on the stack have a name. */
const STACK_WORDS = 16;

const argumentMaps = new Map<string, ReadonlyMap<string, ProbeArgument>>();

/** `arg0`… of a Go function, by its convention; undefined where it follows C's. One map serves all functions. */
export function goArguments(go: GoFunction, env: ProbeEnvironment): ReadonlyMap<string, ProbeArgument> | undefined {
  if (go.convention === "c") return undefined;
  const key = `${env.machine} ${go.convention}`;
  let found = argumentMaps.get(key);
  if (found === undefined)
    argumentMaps.set(key, (found = go.convention === "registers" ? registerWords(env) : stackWords(env)));
  return found;
}

const argument = (index: number, place: UsdtArgument): ProbeArgument => ({
  name: `arg${index}`,
  type: UINT64,
  access: { kind: "usdt", argument: place },
});

const word = { size: 8, signed: false, float: false } as const;

function registerWords(env: ProbeEnvironment): ReadonlyMap<string, ProbeArgument> {
  const names = goRegisters[env.machine].words.split(" ");
  return argumentMap(
    names.map((name, index) => argument(index, { ...word, kind: "register", register: known(name, env) })),
  );
}

/** Above the return address; arm64 leaves a word for it too. */
function stackWords(env: ProbeEnvironment): ReadonlyMap<string, ProbeArgument> {
  const base = known(env.machine === "x86_64" ? "rsp" : "sp", env);
  return argumentMap(
    Array.from({ length: STACK_WORDS }, (_, index) =>
      argument(index, { ...word, kind: "memory", base, offset: 8 * (index + 1), scale: 1 }),
    ),
  );
}

function known(name: string, env: ProbeEnvironment): NonNullable<ReturnType<typeof register>> {
  return register(name, env.machine) as NonNullable<ReturnType<typeof register>>;
}

/** The probe of a Go function; `attach` is where it would be if it were none. */
export function goProbe(
  base: Pick<ResolvedProbe, "provider" | "name" | "func" | "warning">,
  f: UserFunction & { readonly go: GoFunction },
  attach: AttachTarget & { readonly kind: "uprobe" },
  env: ProbeEnvironment,
  returns: boolean,
): ResolvedProbe {
  const { go } = f;
  const variant = {
    programType: "kprobe",
    context: "registers",
    goroutine: goroutineAccess(go, env, go.convention === "registers"),
  } as const;
  if (!returns) {
    const args = goArguments(go, env);
    // A place within the function, that is given by its number, is just that.
    const restarts = f.unless !== undefined && attach.offset === f.offset;
    const unless = restarts ? { unless: { offset: X86_FLAGS, bits: f.unless } } : {};
    return { ...base, numberedArgs: args?.size ?? 6, variants: [{ ...variant, ...unless, attach, args }] };
  }
  const places = go.exits().returns.map((offset) => ({ ...attach, offset, return: false }));
  const result =
    go.convention === "stack"
      ? {
          noReturns: `${f.name} returns its results on the stack, behind its arguments: sargN is the N-th word of both`,
        }
      : { returns: UINT64 };
  return {
    ...base,
    numberedArgs: 0,
    ...result,
    variants: [{ ...variant, attach: places[0] as typeof attach, more: places.slice(1), args: undefined }],
  };
}

/** Functions of Go whose return no instruction of theirs makes, sorted out, with what is to be said of them. */
export function goReturnable(
  found: readonly UserFunction[],
  provider: Provider,
): { readonly kept: readonly UserFunction[]; readonly warning?: string } {
  const never: string[] = [];
  const elsewhere: string[] = [];
  const kept = found.filter(({ name, go }) => {
    if (go === undefined) return true;
    const { returns, tailJumps, unreadable } = go.exits();
    if (unreadable !== undefined || returns.length === 0) {
      never.push(unreadable === undefined ? name : `${name} (its code cannot be read)`);
      return false;
    }
    if (tailJumps > 0) elsewhere.push(name);
    return true;
  });
  const parts = [
    ...(never.length === 0
      ? []
      : [`${list(never)} ${never.length === 1 ? "has" : "have"} no return instruction, and so no ${provider.name}`]),
    ...(elsewhere.length === 0
      ? []
      : [`${list(elsewhere)} may also end by a jump to another function, which ${provider.name} does not see`]),
  ];
  return parts.length === 0 ? { kept } : { kept, warning: parts.join("; ") };
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(", ");
  return names.length <= 4 ? shown : `${shown} and ${names.length - 4} more`;
}

/** How a probe finds the runtime's `g`; a text says why it cannot. */
export function goroutineAccess(go: GoRuntime, env: ProbeEnvironment, inRegister: boolean): GoroutineAccess {
  const { goid } = go;
  if (goid === undefined) return `where ${go.version} keeps a goroutine's id is not known`;
  if (inRegister) return { goid, register: known(goRegisters[env.machine].g, env).offset };
  if (env.machine !== "x86_64" || go.threadLocal === undefined)
    return "where this program keeps a thread's goroutine is not known";
  const base = threadBase(env);
  if (base === undefined) return "the kernel's type information (BTF) is needed for it and is not available";
  return { goid, threadBase: base, threadLocal: go.threadLocal };
}

/** Where the kernel keeps a thread's FS base, in bytes from its task_struct. */
function threadBase(env: ProbeEnvironment): number | undefined {
  if (env.lacks?.("currentTaskBtf") === true) return undefined;
  const btf = env.btf();
  const task = btf?.find("task_struct", "struct");
  const field = task === undefined ? undefined : btf?.field(task, ["thread", "fsbase"]);
  return field === undefined ? undefined : field.bitOffset / 8;
}
