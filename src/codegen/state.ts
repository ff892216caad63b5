// What is known while programs are made: what all programs of an object share, and what belongs to one of them. The
// functions of this room take it as their first argument; a language adds to it what it needs of its own.

import { type Block, FunctionBuilder, INT, type IrFunction, type Value } from "../compiler/index.ts";
import type { ProbeVariant, ResolvedProbe, Target } from "../probes/index.ts";
import {
  cpuMask,
  type EventAction,
  type EventField,
  type EventSite,
  GLOBALS,
  type StoragePlan,
} from "../schema/index.ts";
import type { Span } from "../source/index.ts";

/** What all programs of an object share. */
export interface ObjectState {
  /** The machine and the kernel that they are made for. */
  readonly target: Target;
  /** Only this process is traced. */
  readonly pid?: number;
  /** Only processes that are followed. */
  readonly follow?: true;
  /** Only tasks below the control group of the run. */
  readonly cgroup?: true;
  /** Bytes of a string at the most, without its NUL. */
  readonly maxStrlen: number;
  readonly plan: StoragePlan;
  readonly sites: EventSite[];
  /** Numbers of frames of the stacks that are taken. */
  readonly stackLimits: Set<number>;
  /** The number of frames is kept with each stack: the script asks for it later. */
  readonly stackLengths?: true;
  /** Are stacks unwound by tables? */
  unwinds: boolean;
  /** Helpers that fail are told of (`-k`). */
  readonly tellErrors?: boolean;
  /** The clock of time series, where it is not the kernel's. */
  readonly clock?: (p: ProgramState) => Value;
  /** Bytes that variables shared with callbacks take, from the start of each CPU's part. */
  frameBytes: number;
}

/** One program. */
export interface ProgramState {
  readonly object: ObjectState;
  readonly probe: ResolvedProbe;
  readonly variant: ProbeVariant;
  /** The probe in the source. */
  readonly span: Span;
  /** Where instructions go: the program's own function, or one of its callbacks. */
  b: FunctionBuilder;
  /** Callbacks and subprograms made so far. */
  readonly functions: IrFunction[];
  callbacks: number;
  /** The program's context, where the function that is being made has it. */
  context: () => Value;
  /** What was made on the way here, by what it holds: key slots, the task, the number of the system call. */
  known: Map<string, Value>[];
  /** Name of the callback that does nothing. */
  emptyCallback: string | undefined;
}

export function programState(
  object: ObjectState,
  probe: ResolvedProbe,
  variant: ProbeVariant,
  span: Span,
  name: string,
): ProgramState {
  const b = new FunctionBuilder(name, [{ kind: "ctx" }]);
  return {
    object,
    probe,
    variant,
    span,
    b,
    functions: [],
    callbacks: 0,
    context: () => b.param(0),
    known: [new Map()],
    emptyCallback: undefined,
  };
}

/** Something cannot be made of what was asked for; the language tells it as a diagnostic. */
export class CodegenError extends Error {
  readonly code: `SCRY${number}`;
  readonly span: Span;
  constructor(code: `SCRY${number}`, message: string, span: Span) {
    super(message);
    this.code = code;
    this.span = span;
  }
}

export function fail(_p: ProgramState, code: `SCRY${number}`, message: string, span: Span): never {
  throw new CodegenError(code, message, span);
}

/** The place in the source that is being lowered. */
export const here = (p: ProgramState): Span => p.b.span ?? p.span;

/** What is made inside is not known outside, where it may not have run. */
export function scoped<T>(p: ProgramState, run: () => T): T {
  p.known.push(new Map());
  const result = run();
  p.known.pop();
  return result;
}

/** The value that `make` gives, made once on every way. */
export function once(p: ProgramState, key: string, make: () => Value): Value {
  for (const scope of p.known) {
    const found = scope.get(key);
    if (found !== undefined) return found;
  }
  const made = make();
  (p.known.at(-1) as Map<string, Value>).set(key, made);
  return made;
}

/** Instructions go to another function while `run` makes it; what is known of the outer one means nothing there. */
export function within<T>(p: ProgramState, b: FunctionBuilder, run: () => T): T {
  const outer = { b: p.b, known: p.known };
  p.b = b;
  p.known = [new Map()];
  const result = run();
  p.b = outer.b;
  p.known = outer.known;
  return result;
}

/** The program's context. */
export const contextOf = (p: ProgramState): Value => p.context();

/** A new kind of record, sent from the place in the source that is being lowered. */
export function addSite(
  p: ProgramState,
  action: EventAction,
  fields: readonly EventField[],
  size: number,
  ring: EventSite["ring"],
): EventSite {
  const site: EventSite = { id: p.object.sites.length, action, fields, size, ring, span: here(p) };
  p.object.sites.push(site);
  return site;
}

/** Adds one to a counter of the global data's header. */
export function increment(p: ProgramState, offset: number): void {
  p.b.atomic("add", 64, p.b.mapValue(GLOBALS, offset), 0, p.b.const(1));
}

/** The start of this CPU's part of the global data. */
export function cpuPart(p: ProgramState): Value {
  return once(p, "cpu part", () => {
    const b = p.b;
    const { cpuOffset, stride } = p.object.plan;
    const mask = cpuMask(p.object.target.cpus);
    const base = b.mapValue(GLOBALS, cpuOffset);
    if (mask === 0) return base;
    const cpu = b.and(b.helper("get_smp_processor_id", []), mask);
    return b.add(base, b.binary("shl", cpu, Math.log2(stride)));
  });
}

/** A callback that does nothing, for counting entries. */
export function emptyCallback(p: ProgramState): string {
  if (p.emptyCallback === undefined) {
    p.emptyCallback = `for_each_${p.callbacks++}`;
    const b = new FunctionBuilder(p.emptyCallback, [{ kind: "memory" }, { kind: "memory" }, { kind: "memory" }, INT]);
    b.return(0);
    p.functions.push(b.finish());
  }
  return p.emptyCallback;
}

/** May another task run on this CPU in the middle of the program? Then a plain add could lose one. */
export const preemptible = (variant: ProbeVariant): boolean =>
  variant.programType === "kprobe" && variant.attach.kind === "uprobe";

/** After a jump: what follows cannot be reached, but must stand in a block. */
export function deadEnd(p: ProgramState): void {
  const dead: Block = p.b.block("dead");
  p.b.enter(dead);
}
