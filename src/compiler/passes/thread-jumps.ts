// Sends an edge past a block that only branches on one of its own parameters, where the argument is a constant.
//
//     jump join(1)            →   jump yes
//     join(%p): branch ne.64 %p, 0, yes, no
//
// Likewise past a block that only asks again what a branch on the way to it has settled:
//
//     branch ne.64 %p, 0, yes, no          and behind both, `join: branch ne.64 %p, 0, …`
//
// That is what `a && b`, `!a` and comparisons leave behind when their value is branched on. A loop's header is left
// alone: bypassing its test would turn the loop round and lose bounds that the verifier learns at its top. Other parameters of
// the block may be read where the edge does not lead: what is read behind `yes` alone is no matter to an edge to `no`.

import { computeCondition } from "../arithmetic.ts";
import { dominators } from "../dominators.ts";
import { constantOf, endOf, mapEdges, predecessors } from "../graph.ts";
import { type Block, type Edge, edgesOf, type Terminator, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";
import { dropUnreachable } from "./tidy.ts";

type Branch = Extract<Terminator, { kind: "branch" }>;

/** A block in which nothing is done but to branch. */
function onlyBranches(block: Block): boolean {
  return endOf(block).kind === "branch" && block.instrs.every(({ operation: { op } }) => op === "const");
}

/** Can its answer be known on one of the ways into it? */
function mayBePassed(block: Block, before: ReadonlyMap<Block, readonly Block[]>): boolean {
  const end = endOf(block);
  if (end.kind !== "branch" || !onlyBranches(block)) return false;
  if (block.params.includes(end.a) || block.params.includes(end.b)) return true;
  return (before.get(block)?.length ?? 0) > 1 && constantOf(end.b) !== undefined;
}

/** Branches that are looked at on the way back. */
const MOST_BEFORE = 8;

/** The answer of a branch behind this edge, where one on the way there has settled it. */
function settled(
  from: Block,
  to: Block,
  asked: Branch,
  before: ReadonlyMap<Block, readonly Block[]>,
): boolean | undefined {
  const wanted = constantOf(asked.b);
  if (wanted === undefined || !/^(?:eq|ne)$/.test(asked.condition)) return undefined;
  let [at, next] = [from, to];
  for (let steps = 0; steps < MOST_BEFORE; steps++) {
    const end = endOf(at);
    if (end.kind === "branch" && end.then.block !== end.else.block) {
      const same = end.a === asked.a && end.width === asked.width && constantOf(end.b) === wanted;
      if (same && end.condition === asked.condition) return end.then.block === next;
      if (same && /^(?:eq|ne)$/.test(end.condition)) return end.then.block !== next;
    }
    const [only, ...others] = before.get(at) ?? [];
    if (only === undefined || others.length > 0) return undefined;
    [at, next] = [only, at];
  }
  return undefined;
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
    const before = predecessors(fn);
    if (!fn.blocks.some((block) => mayBePassed(block, before))) return;
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
    const bypassed = (from: Block, edge: Edge): Edge => {
      let at = edge;
      for (let steps = 0; steps < 20; steps++) {
        const { block, args } = at;
        const end = endOf(block);
        if (headers.has(block) || !onlyBranches(block) || end.kind !== "branch") return at;
        const given = (value: Value): Value => {
          const i = block.params.indexOf(value);
          return i < 0 ? value : (args[i] as Value);
        };
        const a = constantOf(given(end.a));
        const b = constantOf(given(end.b));
        const known =
          a !== undefined && b !== undefined
            ? computeCondition(end.condition, end.width, a, b)
            : settled(from, edge.block, { ...end, a: given(end.a), b: given(end.b) }, before);
        if (known === undefined) return at;
        const next = known ? end.then : end.else;
        if (misses(block, next.block)) return at;
        at = { block: next.block, args: next.args.map(given) };
      }
      return at;
    };
    let changed = false;
    for (const block of fn.blocks) {
      const end = endOf(block);
      const next = mapEdges(end, (edge) => {
        const to = bypassed(block, edge);
        // The next edge is to know of this way.
        if (to !== edge) before.get(to.block)?.push(block);
        return to;
      });
      if (next !== end) {
        block.terminator = next;
        changed = true;
      }
    }
    if (changed) dropUnreachable(fn);
  },
};
