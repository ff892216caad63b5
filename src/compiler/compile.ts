// From IR to object code: the passes, then the machine half (layout, selection, registers, emission).

import type { FunctionSpec } from "../object/index.ts";
import { cloneFunction } from "./clone.ts";
import { emit } from "./emit.ts";
import { StackError } from "./errors.ts";
import { FRAME_BYTES, MAY_GOTO_BYTES, roundFrame } from "./frame.ts";
import { endOf } from "./graph.ts";
import type { Block, IrFunction, IrProgram } from "./ir.ts";
import { layout } from "./layout.ts";
import type { PassContext } from "./passes/pass.ts";
import { slotBytes } from "./passes/place-slots.ts";
import { pipeline, placeAt, type Stage } from "./pipeline.ts";
import { allocate } from "./registers.ts";
import { type Cpu, select } from "./select.ts";
import { frameBytes, shareSpills } from "./share-spills.ts";
import { printFunction } from "./text.ts";

export interface CompileOptions {
  /** Called with the IR's text after each pass. */
  readonly dump?: (pass: string, text: string) => void;
  /** A per-CPU array of one element for what the stack has no room for. */
  readonly scratch?: { readonly map: string };
  /** The version of the instruction set; 4 (Linux 6.6) unless said otherwise. */
  readonly cpu?: Cpu;
  /** False for kernels without atomic operations that answer the old value (before Linux 5.12). */
  readonly atomicFetch?: boolean;
  /** False for kernels without may_goto (before Linux 6.9): loops get counters of their own, and end sooner. */
  readonly mayGoto?: boolean;
  /** True for code that kernels before Linux 6.9 take as well: loops come round by a jump, be it one over nothing. */
  readonly portable?: boolean;
  /** Bytes of stack that the entry function and all that it calls may use together; 512 unless said otherwise. */
  readonly stack?: number;
}

export interface CompiledProgram {
  readonly functions: FunctionSpec[];
  /** Bytes that the scratch map's value must have; 0 where none is needed. */
  readonly scratchSize: number;
}

/** What is kept free for spilled registers at first (bytes). */
const SPILL_RESERVE = 64;
/**
 * A function with callers gets no more (bytes), so that theirs fit as well: less where the entry does not fit above it,
 * whose spilled registers are its own, while slots of a callee find room in scratch. More at last, for an entry that needs
 * little itself.
 */
const CALLEE_BYTES = [256, 160, 96, 400] as const;

/**
 * Compiles a program. The IR given is consumed: the passes change it in place. Throws a StackError for a program that
 * the stack has no room for.
 */
export function compile(program: IrProgram, options: CompileOptions = {}): CompiledProgram {
  if (program.functions.length === 1) return compileWithin(program, options, 0);
  let refusal: unknown;
  for (const bytes of CALLEE_BYTES) {
    const copy = { ...program, functions: program.functions.map(cloneFunction) };
    try {
      return compileWithin(copy, options, bytes);
    } catch (error) {
      if (!(error instanceof StackError)) throw error;
      refusal ??= error;
    }
  }
  throw refusal;
}

function compileWithin(program: IrProgram, options: CompileOptions, calleeBytes: number): CompiledProgram {
  const whole = options.stack ?? FRAME_BYTES;
  const compiled = new Map<string, { spec: FunctionSpec; depth: number }>();
  let scratchSize = 0;
  const byName = new Map(program.functions.map((fn) => [fn.name, fn]));
  const active = new Set<string>();
  // Callees first: their frames lie below their caller's.
  const visit = (fn: IrFunction): void => {
    if (compiled.has(fn.name) || active.has(fn.name)) return;
    active.add(fn.name);
    let below = 0;
    for (const name of callees(fn)) {
      const callee = byName.get(name);
      if (callee === undefined) continue;
      visit(callee);
      below = Math.max(below, compiled.get(name)?.depth ?? 0);
    }
    const isEntry = fn === program.functions[0];
    const available = Math.max(0, (isEntry ? whole : Math.min(calleeBytes, whole)) - below);
    const context: PassContext = {
      cpu: options.cpu ?? 4,
      atomicFetch: options.atomicFetch ?? true,
      mayGoto: options.mayGoto ?? true,
      bounds: options.mayGoto === false ? "all" : "none",
      stack: available,
      scratchMap: options.scratch?.map,
      scratchSize,
    };
    const { spec, frame } = compileFunction(fn, context, options);
    scratchSize = context.scratchSize;
    compiled.set(fn.name, { spec, depth: roundFrame(frame) + below });
  };
  for (const fn of program.functions) visit(fn);
  // A function that nobody calls any more, because the call was folded away, is none to the kernel either.
  const called = new Set<string>();
  const reach = (fn: IrFunction): void => {
    if (called.has(fn.name)) return;
    called.add(fn.name);
    for (const name of callees(fn)) {
      const callee = byName.get(name);
      if (callee !== undefined) reach(callee);
    }
  };
  const [entry] = program.functions;
  if (entry !== undefined) reach(entry);
  const functions = program.functions
    .filter((fn) => called.has(fn.name))
    .map((fn) => (compiled.get(fn.name) as { spec: FunctionSpec }).spec);
  return { functions, scratchSize };
}

/** The functions that this one calls or hands out. */
function callees(fn: IrFunction): string[] {
  const found: string[] = [];
  for (const block of fn.blocks) {
    for (const { operation } of block.instrs) {
      if (operation.op === "call" || operation.op === "function") found.push(operation.function);
    }
  }
  return found;
}

/** Is a number compared with a constant so that it has bounds behind it? */
const bringsBounds = (fn: IrFunction): boolean =>
  fn.blocks.some((block) => {
    const end = endOf(block);
    return end.kind === "branch" && /^u[lg][te]$/.test(end.condition);
  });

function compileFunction(
  fn: IrFunction,
  context: PassContext,
  { dump, portable = false }: CompileOptions,
): { spec: FunctionSpec; frame: number } {
  const run = (target: IrFunction, stages: readonly Stage[], within: PassContext): void => {
    for (const { pass } of stages) {
      pass.run(target, within);
      dump?.(pass.name, `${printFunction(target)}\n`);
    }
  };
  run(fn, pipeline.slice(0, placeAt), context);
  const extra = fn.blocks.some((block) => endOf(block).kind === "may-goto") ? MAY_GOTO_BYTES : 0;
  const limit = context.stack - extra;
  // Spills are known only at the end. Where they and the slots together are too much, more slots go to scratch.
  let { bounds } = context;
  const spare = slotBytes(fn) > 64 || (bounds === "none" && bringsBounds(fn)) ? cloneFunction(fn) : undefined;
  const scratchBefore = context.scratchSize;
  let reserve = SPILL_RESERVE;
  for (let target = fn; ; target = cloneFunction(spare as IrFunction)) {
    context.scratchSize = scratchBefore;
    const within: PassContext = { ...context, bounds, stack: Math.max(0, limit - reserve) };
    run(target, pipeline.slice(placeAt), within);
    const { order, frequency, comesRound } = layout(target, context.mayGoto);
    const machine = select(target, order, frequency, { cpu: context.cpu });
    const allocated = allocate(machine);
    const allocation = frameBytes(machine) > limit ? shareSpills(machine, allocated) : allocated;
    if (bounds === "none" && spare !== undefined && allocation.spilled.size > 0) {
      bounds = "addresses";
      continue;
    }
    const { code, frame } = emit(
      machine,
      allocation,
      context.cpu,
      portable ? (from, to) => comesRound(order[from] as Block, order[to] as Block) : undefined,
    );
    context.scratchSize = within.scratchSize;
    if (frame <= limit) {
      const context = fn.params[0]?.type.kind === "ctx";
      const alone = fn.global === true ? { global: { context } } : {};
      return { spec: { name: fn.name, code, parameters: fn.params.length, ...alone }, frame: frame + extra };
    }
    if (spare === undefined || reserve >= limit) throw new StackError(fn.name, frame + extra);
    reserve = Math.min(limit, reserve + (frame - limit) + 16);
  }
}
