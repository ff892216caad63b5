// Removes an operation, or a call of a pure helper, whose answer is known from an earlier one on every path; and
// decides branches whose outcome an earlier branch on the way settled (a pointer that was compared with zero already).
//
// C compilers cannot do this for helpers (a helper is opaque to them); we know which are pure within one run. A walk
// of the dominator tree with a table of what is known, undone on the way up.

import { helper } from "../../object/index.ts";
import { commutes, negated, swapped } from "../arithmetic.ts";
import { dominators } from "../dominators.ts";
import { constantOf, endOf, mapTerminatorValues, replaceValues, resolver } from "../graph.ts";
import type { BinaryOp, Block, Condition, Instr, Terminator, Value, Width } from "../ir.ts";
import type { Pass } from "./pass.ts";

const operand = (value: Value): string => {
  const constant = constantOf(value);
  return constant === undefined ? `%${value.id}` : `${constant}`;
};

/** A text that is the same for operations that give the same answer; undefined where there is no such thing. */
function keyOf(instr: Instr): string | undefined {
  const { operation, args } = instr;
  switch (operation.op) {
    case "const":
      return `const ${operation.value}`;
    case "neg":
      return `neg ${operation.width} ${operand(args[0] as Value)}`;
    case "zext":
    case "sext":
    case "bswap":
      return `${operation.op} ${operation.bits} ${operand(args[0] as Value)}`;
    case "load": {
      // The context does not change while a program runs, except where a program writes it, which ours do not.
      const [pointer] = args as [Value];
      return pointer.type.kind === "ctx" && operation.volatile !== true
        ? `load ${operation.size} ${operation.offset} ${operand(pointer)}`
        : undefined;
    }
    case "map":
      return `map ${operation.map}`;
    case "map-value":
      return `map-value ${operation.offset} ${operation.map}`;
    case "function":
      return `function ${operation.function}`;
    case "core":
      return `core ${operation.ask} ${operation.type} ${operation.access}`;
    case "ksym":
      return `ksym ${operation.name}`;
    case "type-id":
      return `type-id ${operation.type}`;
    case "helper":
      return helper(operation.helper)?.constant === true
        ? `helper ${operation.helper} ${args.map(operand).join(" ")}`
        : undefined;
    case "store":
    case "atomic":
    case "zero":
    case "copy":
    case "slot":
    case "kfunc":
    case "call":
      return undefined;
    default: {
      const [a, b] = args.map(operand) as [string, string];
      const sorted = commutes(operation.op as BinaryOp) && a > b ? `${b} ${a}` : `${a} ${b}`;
      return `${operation.op} ${operation.width} ${sorted}`;
    }
  }
}

const factKey = (condition: Condition, width: Width, a: Value, b: Value): string =>
  `${condition} ${width} ${operand(a)} ${operand(b)}`;

export const reuseValues: Pass = {
  name: "reuse-values",
  run(fn) {
    const tree = dominators(fn);
    const replaced = new Map<Value, Value>();
    const resolve = resolver(replaced);
    const known = new Map<string, Value>();
    const facts = new Map<string, boolean>();

    const learn = (terminator: Terminator & { kind: "branch" }, holds: boolean, undo: (() => void)[]): void => {
      const { condition, width } = terminator;
      const a = resolve(terminator.a);
      const b = resolve(terminator.b);
      const add = (key: string, value: boolean): void => {
        if (facts.has(key)) return;
        facts.set(key, value);
        undo.push(() => facts.delete(key));
      };
      const both = (c: Condition, value: boolean): void => {
        add(factKey(c, width, a, b), value);
        add(factKey(swapped(c), width, b, a), value);
        const opposite = negated(c);
        if (opposite === undefined) return;
        add(factKey(opposite, width, a, b), !value);
        add(factKey(swapped(opposite), width, b, a), !value);
      };
      both(condition, holds);
      // A strict order says that the two differ.
      if (holds && (condition === "ult" || condition === "ugt" || condition === "slt" || condition === "sgt"))
        both("ne", true);
    };

    const enter = (block: Block): (() => void)[] => {
      const undo: (() => void)[] = [];
      const preds = tree.predecessors(block);
      const [pred] = preds;
      if (preds.length === 1 && pred !== undefined) {
        const end = endOf(pred);
        if (end.kind === "branch" && end.then.block !== end.else.block) learn(end, end.then.block === block, undo);
      }
      const kept: Instr[] = [];
      for (const instr of block.instrs) {
        for (let i = 0; i < instr.args.length; i++) instr.args[i] = resolve(instr.args[i] as Value);
        const key = keyOf(instr);
        const earlier = key === undefined ? undefined : known.get(key);
        if (earlier !== undefined) {
          replaced.set(instr, earlier);
          continue;
        }
        if (key !== undefined) {
          known.set(key, instr);
          undo.push(() => known.delete(key));
        }
        kept.push(instr);
      }
      block.instrs = kept;
      const end = mapTerminatorValues(endOf(block), resolve);
      const settled = end.kind === "branch" ? facts.get(factKey(end.condition, end.width, end.a, end.b)) : undefined;
      block.terminator =
        end.kind === "branch" && settled !== undefined ? { kind: "jump", to: settled ? end.then : end.else } : end;
      return undo;
    };

    // Iterative, for long scripts.
    const entry = tree.order[0] as Block;
    const open = (block: Block): { children: readonly Block[]; next: number; undo: (() => void)[] } => ({
      children: tree.children(block),
      next: 0,
      undo: enter(block),
    });
    const stack = [open(entry)];
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as (typeof stack)[number];
      const child = top.children[top.next++];
      if (child === undefined) {
        for (const back of top.undo) back();
        stack.pop();
      } else stack.push(open(child));
    }
    replaceValues(fn, replaced);
  },
};
