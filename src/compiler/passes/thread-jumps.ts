// Sends an edge past a block that only branches on one of its own parameters, where the argument is a constant.
//
//     jump join(1)            →   jump yes
//     join(%p): branch ne.64 %p, 0, yes, no
//
// That is what `a && b`, `!a` and comparisons leave behind when their value is branched on. A loop's header is left
// alone: bypassing its test would turn the loop round and lose bounds that the verifier learns at its top. Other parameters of
// the block may be read where the edge does not lead: what is read behind `yes` alone is no matter to an edge to `no`.

import { computeCondition } from "../arithmetic.ts";
import { dominators } from "../dominators.ts";
import { constantOf, endOf, mapEdges } from "../graph.ts";
import { type Block, type Edge, edgesOf, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";
import { dropUnreachable } from "./tidy.ts";

function branchesOnItsParameter(block: Block): boolean {
  const end = endOf(block);
  return end.kind === "branch" && (block.params.includes(end.a) || block.params.includes(end.b));
}

/** Blocks that are looked through for a reader; more of them, and there may be one. */
const MOST_SEARCHED = 256;

/** Is one of these blocks reached from this one, on a way that does not lead through `around`? */
function reaches(from: Block, wanted: ReadonlySet<Block>, around: Block): boolean {
  const seen = new Set<Block>([around, from]);
  const open = [from];
  if (from === around) return true;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (wanted.has(at) || seen.size > MOST_SEARCHED) return true;
    for (const { block } of edgesOf(endOf(at)))
      if (!seen.has(block)) {
        seen.add(block);
        open.push(block);
      }
  }
  return false;
}

export const threadJumps: Pass = {
  name: "thread-jumps",
  run(fn) {
    if (!fn.blocks.some(branchesOnItsParameter)) return;
    const tree = dominators(fn);
    const headers = new Set<Block>();
    for (const block of tree.hasLoops ? tree.order : []) {
      if (tree.predecessors(block).some((pred) => tree.dominates(block, pred))) headers.add(block);
    }
    // Where parameters are read outside of their own block's end.
    const blockOf = new Map<Value, Block>();
    for (const block of fn.blocks) for (const param of block.params) blockOf.set(param, block);
    const readers = new Map<Value, Set<Block>>();
    for (const block of fn.blocks) {
      const reads = (arg: Value): void => {
        if (!blockOf.has(arg)) return;
        let all = readers.get(arg);
        if (all === undefined) readers.set(arg, (all = new Set()));
        all.add(block);
      };
      for (const instr of block.instrs) instr.args.forEach(reads);
      const end = endOf(block);
      if (end.kind === "return") reads(end.value);
      if (end.kind === "branch") for (const arg of [end.a, end.b]) if (blockOf.get(arg) !== block) reads(arg);
      for (const edge of edgesOf(end)) for (const arg of edge.args) if (blockOf.get(arg) !== block) reads(arg);
    }
    /** Are parameters of the block read where this leads, other than through the block itself? */
    const misses = (block: Block, from: Block): boolean => {
      const wanted = block.params.flatMap((param) => [...(readers.get(param) ?? [])]);
      return wanted.length > 0 && reaches(from, new Set(wanted), block);
    };
    const bypassed = (edge: Edge): Edge => {
      let at = edge;
      for (let steps = 0; steps < 20; steps++) {
        const { block, args } = at;
        const end = endOf(block);
        if (headers.has(block) || block.instrs.some((i) => i.operation.op !== "const")) return at;
        if (end.kind !== "branch") return at;
        const given = (value: Value): Value => {
          const i = block.params.indexOf(value);
          return i < 0 ? value : (args[i] as Value);
        };
        const a = constantOf(given(end.a));
        const b = constantOf(given(end.b));
        if (a === undefined || b === undefined) return at;
        const next = computeCondition(end.condition, end.width, a, b) ? end.then : end.else;
        if (misses(block, next.block)) return at;
        at = { block: next.block, args: next.args.map(given) };
      }
      return at;
    };
    let changed = false;
    for (const block of fn.blocks) {
      const end = endOf(block);
      const next = mapEdges(end, bypassed);
      if (next !== end) {
        block.terminator = next;
        changed = true;
      }
    }
    if (changed) dropUnreachable(fn);
  },
};
