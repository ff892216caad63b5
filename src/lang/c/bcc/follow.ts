// Pointers into the kernel are followed with no helper in BCC's texts: `task->mm->owner`. Where a pointer comes from is seen
// in the code: the stack, maps, rings and contexts may be read as they are; whatever was itself read from memory, or from a
// register that was traced, is the kernel's, and is read by a helper that cannot fault.

import type { Instr, IrFunction, Operation, Value, ValueType } from "../../../compiler/index.ts";
import { edgesOf, INT } from "../../../compiler/index.ts";
import { helper } from "../../../object/index.ts";
import { DiagnosticError } from "../../../source/index.ts";

/** `none`: nothing yet, or a number that is no address. What is reached both ways is `far`: the helper reads everything. */
type From = "none" | "near" | "context" | "environment" | "kernel" | "far";

const RANK: readonly From[] = ["none", "context", "environment", "near", "kernel", "far"];
const BYTES: Readonly<Record<string, number>> = { u8: 1, s8: 1, u16: 2, s16: 2, u32: 4, s32: 4, u64: 8 };
const ARITHMETIC = /^(?:add|sub|and|or|zext|sext|shl|shr|xor|mul|div|mod|sdiv|smod|sar|neg|bswap)$/;

/** Where what a function is handed leads: `far` where what the context has leads to. */
export type HandedFrom = "near" | "kernel" | "far";

export interface FollowOptions {
  /** What a program finds in its context are pointers that it may read as they are: packets, typed arguments. */
  readonly contextIsNear: boolean;
  /** `probe_read_kernel`; `probe_read` where programs may be of user space. */
  readonly helper: string;
  /** What helpers give as numbers is the kernel's, whoever it is that `helper` reads of. */
  readonly kernelHelper?: string;
  /** Of a function that is no program: where its parameters lead, and the words that one of them leads to. */
  readonly handed?: {
    readonly params: readonly HandedFrom[];
    readonly environment?: { readonly param: number; readonly words: readonly HandedFrom[] };
  };
}

/** Puts safe reads in place of all that follow the kernel's pointers. Throws a DiagnosticError for a write there. */
export function followPointers(fn: IrFunction, options: FollowOptions): void {
  const from = provenance(fn, options);
  // One place for all: what is read there is taken out at once.
  let slot: Instr | undefined;
  for (const block of fn.blocks) {
    const instrs: Instr[] = [];
    for (const instr of block.instrs) {
      const { operation, args } = instr;
      const [base] = args;
      const whose = base === undefined ? undefined : from.get(base);
      const far = base !== undefined && (whose === "far" || whose === "kernel");
      if (far && (operation.op === "store" || operation.op === "atomic"))
        throw new DiagnosticError([
          {
            code: "SCRY1315",
            severity: "error",
            message: "this writes to the kernel's memory, which programs can only read",
            ...(instr.span === undefined ? {} : { span: instr.span }),
          },
        ]);
      if (!far || operation.op !== "load") {
        instrs.push(instr);
        continue;
      }
      const make = (made: Operation, given: Value[], type: ValueType): Instr => {
        const one = { id: fn.nextId++, type, operation: made, args: given, span: instr.span } as Instr & { def: Instr };
        one.def = one;
        instrs.push(one);
        return one;
      };
      slot ??= newSlot(fn);
      const size = make({ op: "const", value: BigInt(BYTES[operation.size] as number) }, [], INT);
      const address =
        operation.offset === 0
          ? base
          : make(
              { op: "add", width: 64 },
              [base, make({ op: "const", value: BigInt(operation.offset) }, [], INT)],
              INT,
            );
      const helper = whose === "kernel" ? (options.kernelHelper ?? options.helper) : options.helper;
      make({ op: "helper", helper }, [slot, size, address], INT);
      Object.assign(instr, { operation: { op: "load", size: operation.size, offset: 0 }, args: [slot] });
      instrs.push(instr);
    }
    block.instrs = instrs;
  }
  if (slot !== undefined) fn.blocks[0]?.instrs.unshift(slot);
}

/** Eight bytes of the stack. */
function newSlot(fn: IrFunction): Instr {
  const slot = {
    id: fn.nextId++,
    type: { kind: "stack" },
    operation: { op: "slot", size: 8 },
    args: [],
    span: undefined,
  } as unknown as Instr & { def: Instr };
  slot.def = slot;
  return slot;
}

/** Where each value comes from. */
function provenance(fn: IrFunction, options: FollowOptions): ReadonlyMap<Value, From> {
  const known = new Map<Value, From>();
  const { handed } = options;
  for (const [i, param] of fn.params.entries())
    known.set(param, handed === undefined ? (i === 0 ? "context" : "far") : (handed.params[i] ?? "far"));
  const words = handed?.environment;
  const environment = words === undefined ? undefined : fn.params[words.param];
  if (environment !== undefined) known.set(environment, "environment");
  const written = storesOf(fn);
  const at = (value: Value | undefined): From => (value === undefined ? "none" : (known.get(value) ?? "none"));
  let changed = true;
  // First without what is read from the stack, which depends on all that was put there.
  let last = false;
  const raise = (value: Value, found: From): void => {
    const before = at(value);
    if (RANK.indexOf(found) <= RANK.indexOf(before)) return;
    known.set(value, found);
    changed = true;
  };
  const wordOf = ({ operation, args }: Instr): From | undefined => {
    if (operation.op !== "load") return undefined;
    const { base, distance } = baseOf(args[0], operation.offset);
    return at(base) === "environment" ? words?.words[distance / 8] : undefined;
  };
  while (changed || !last) {
    if (!changed) last = true;
    changed = false;
    for (const block of fn.blocks) {
      for (const instr of block.instrs) raise(instr, wordOf(instr) ?? resultOf(instr, at, written, options, last));
      if (block.terminator === undefined) continue;
      for (const { block: to, args } of edgesOf(block.terminator))
        for (const [i, param] of to.params.entries()) raise(param, at(args[i]));
    }
  }
  return known;
}

function resultOf(
  { operation, args }: Instr,
  at: (value: Value | undefined) => From,
  written: ReadonlyMap<string, readonly Value[]>,
  options: FollowOptions,
  last: boolean,
): From {
  switch (operation.op) {
    case "const":
    case "type-id":
    case "core":
      return "none";
    case "slot":
    case "map":
    case "map-value":
    case "function":
    case "ksym":
    case "kfunc":
    case "call":
      return "near";
    case "helper":
      return helper(operation.helper)?.returns === "int" ? "kernel" : "near";
    case "atomic":
      return "far";
    case "load": {
      // Nothing is known of the address yet.
      if (!last && at(args[0]) === "none") return "none";
      if (at(args[0]) === "kernel") return "kernel";
      if (at(args[0]) === "context") return options.contextIsNear ? "near" : "far";
      // What this function itself put there.
      const place = placeOf(args[0], operation.offset);
      const stored = place === undefined ? undefined : written.get(place);
      if (stored?.some((value) => at(value) === "near") === true) return "near";
      return last || stored === undefined ? "far" : "none";
    }
    default: {
      if (!ARITHMETIC.test(operation.op)) return "none";
      // An address and a number: an address of the same place. Where it comes from may not be known yet, a number's place is no
      // reason to take the sum for one.
      const pointers = args.filter(({ type }) => type.kind !== "int");
      const all = (pointers.length > 0 ? pointers : args).map(at);
      for (const found of ["near", "context", "environment", "kernel", "far"] as const)
        if (all.includes(found)) return found;
      return "none";
    }
  }
}

/** What constants were added to, and how much they are. */
function baseOf(
  from: Value | undefined,
  offset: number,
): { readonly base: Value | undefined; readonly distance: number } {
  let base = from;
  let distance = offset;
  for (let depth = 0; base?.def !== undefined && depth < 16; depth++) {
    const { operation, args } = base.def;
    const by = args[1]?.def?.operation;
    if (operation.op !== "add" || by?.op !== "const") break;
    distance += Number(by.value);
    base = args[0];
  }
  return { base, distance };
}

/** A place on the stack, as its slot and its distance. */
function placeOf(from: Value | undefined, offset: number): string | undefined {
  const { base, distance } = baseOf(from, offset);
  return base?.def?.operation.op === "slot" ? `${base.id}:${distance}` : undefined;
}

function storesOf(fn: IrFunction): ReadonlyMap<string, readonly Value[]> {
  const found = new Map<string, Value[]>();
  for (const block of fn.blocks)
    for (const { operation, args } of block.instrs) {
      if (operation.op !== "store" || operation.size !== 64) continue;
      const place = placeOf(args[0], operation.offset);
      const [, value] = args;
      if (place !== undefined && value !== undefined) found.set(place, [...(found.get(place) ?? []), value]);
    }
  return found;
}
