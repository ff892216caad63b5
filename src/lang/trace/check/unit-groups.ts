// Probes whose programs would be the same are attached to one program: which variant each probe takes, by what the body asks
// for, and which of them have the same code.

import type { KernelPart, ProbeVariant, ResolvedProbe, Target } from "../../../probes/index.ts";
import { type Expression, type Probe, walkProbe } from "../parse/index.ts";
import { builtinOf, type CheckState, type Want } from "./state.ts";

export interface Wants {
  /** Names of the fields of `args` that the body reads, and of numbered arguments. */
  readonly args: ReadonlySet<string>;
  /** `args` stands alone: all of them. */
  readonly whole: boolean;
  has(want: Want): boolean;
}

/** What a probe's body asks of the way it is attached. */
export function wantsOf(c: CheckState, probe: Probe): Wants {
  const args = new Set<string>();
  const wanted = new Set<Want>();
  const partly = new Set<Expression>();
  let whole = false;
  walkProbe(probe, {
    expression: (e) => {
      if (e.kind === "field" && e.object.kind === "identifier" && c.builtins.get(e.object.name)?.members === true) {
        args.add(e.name);
        partly.add(e.object);
      }
      if (e.kind === "identifier" && !partly.has(e) && c.builtins.get(e.name)?.members === true) whole = true;
      if (e.kind !== "identifier" && e.kind !== "call") return;
      const want = builtinOf(c.builtins, e)?.wants;
      if (want === undefined) return;
      wanted.add(want);
      if (want === "numbered") args.add(e.name);
    },
  });
  return { args, whole, has: (want) => wanted.has(want) };
}

/** The probes in groups of one program each; `calls` is how many system calls the whole script stands on. */
export function groupProbes(
  all: readonly ResolvedProbe[],
  wants: Wants,
  calls: number,
  target: Target,
): readonly Group[] {
  const alone = (variant: ProbeVariant): boolean => wants.has("identity") && target.lacks?.(cookieOf(variant)) === true;
  const fits = (p: ResolvedProbe): ProbeVariant =>
    p.variants[1]?.syscall !== undefined && calls <= FEW_CALLS ? p.variants[0] : chooseForm(p, wants);
  const groups = groupByCode(all, wants, fits, alone);
  return groups.filter((g) => g.variants[0]?.syscall !== undefined).length > MOST_RAW_PROGRAMS
    ? groupByCode(all, wants, (p) => p.variants[0], alone)
    : groups;
}

/**
 * A program on the raw system-call tracepoints costs every call of every process some 35 ns, and one that is asked for
 * 52; a tracepoint of its own costs 11 and 76, but takes 30 to 70 ms to close. So few calls get tracepoints of their
 * own, many share the raw ones (measured: bench/README.md).
 */
const FEW_CALLS = 8;
/** And so many programs on the raw ones would cost more than what they save. */
const MOST_RAW_PROGRAMS = 4;

export interface Group {
  readonly resolved: ResolvedProbe[];
  readonly variants: ProbeVariant[];
}

const cookieOf = (variant: ProbeVariant): KernelPart =>
  variant.programType === "raw_tracepoint" ? "rawTracepointCookie" : "perfEventCookie";

/** Probes whose programs would be the same, together; `alone` says of a variant that the program cannot tell them apart. */
function groupByCode(
  probes: readonly ResolvedProbe[],
  wants: Wants,
  choose: (p: ResolvedProbe) => ProbeVariant,
  alone: (variant: ProbeVariant) => boolean,
): Group[] {
  const groups = new Map<string, Group>();
  for (const resolved of probes) {
    const variant = choose(resolved);
    const key =
      signature(resolved, variant, wants) + (variant.syscall === undefined && alone(variant) ? resolved.name : "");
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { resolved: [], variants: [] }));
    group.resolved.push(resolved);
    group.variants.push(variant);
  }
  return [...groups.values()];
}

function chooseForm(probe: ResolvedProbe, wants: Wants): ProbeVariant {
  const [plain, raw] = probe.variants;
  if (raw === undefined || wants.whole || wants.has("stack") || wants.has("context")) return plain;
  if (wants.args.size === 0) return raw;
  const args = raw.args;
  if (args === undefined) return plain;
  for (const name of wants.args) if (!args.has(name)) return plain;
  return raw;
}

/** Two probes with the same signature have the same code. */
function signature(probe: ResolvedProbe, variant: ProbeVariant, wants: Wants): string {
  const parts: unknown[] = [
    probe.provider,
    variant.programType,
    variant.target?.kind === "iter" || variant.target === undefined
      ? variant.target
      : [variant.target.kind, variant.target.name],
    variant.context,
    variant.unless,
    wants.has("goroutine") ? variant.goroutine : undefined,
    wants.has("result") ? probe.noReturns === undefined : undefined,
  ];
  for (const name of wants.args) {
    const argument = variant.args?.get(name);
    parts.push(name, argument?.access, argument?.type);
  }
  if (wants.whole) parts.push([...(variant.args?.values() ?? [])].map((a) => [a.name, a.access, a.type]));
  if (wants.has("numbered")) parts.push(probe.numberedArgs);
  if (wants.has("place") && variant.attach.kind === "uprobe") parts.push(variant.attach.path, variant.attach.offset);
  if (probe.special === true || variant.attach.kind === "perf_event" || variant.attach.kind === "watchpoint")
    parts.push(probe.name);
  return JSON.stringify(parts, (_k, v) => (typeof v === "bigint" ? v.toString() : v));
}
