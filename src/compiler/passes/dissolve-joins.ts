// Takes away a block that only branches, where the answer is known on every way into it and what it joined is read behind one
// of these ways alone: then nothing has to be joined.
//
//     jump join(1, %v)                 →   jump yes, in which %v is read
//     jump join(0, 0)                  →   jump no
//     join(%p, %q): branch ne.64 %p, 0, yes, no        (%q is read in yes)
//
// That is what a look-up leaves behind whose value is copied where there is one, when the program asks whether there was.

import { computeCondition } from "../arithmetic.ts";
import { constantOf, endOf, mapEdges, predecessors, replaceValues } from "../graph.ts";
import { type Block, type Edge, edgesOf, type IrFunction, type Value } from "../ir.ts";
import type { Pass } from "./pass.ts";
import { dropUnreachable } from "./tidy.ts";

/** Blocks that are looked through for a reader; where there are more, nothing is done. */
const MOST_SEARCHED = 512;

export const dissolveJoins: Pass = {
  name: "dissolve-joins",
  run(fn) {
    // Each that goes may make another one's answer known.
    for (const join of [...fn.blocks]) dissolve(fn, join);
  },
};

function dissolve(fn: IrFunction, join: Block): void {
  const end = endOf(join);
  if (join === fn.blocks[0] || join.params.length === 0 || end.kind !== "branch" || join.instrs.length > 0) return;
  if (!join.params.includes(end.a) && !join.params.includes(end.b)) return;
  const sources = [...new Set(predecessors(fn).get(join) ?? [])];
  if (sources.length < 2) return;
  const ways = sources.flatMap((source) => edgesOf(endOf(source)).filter(({ block }) => block === join));
  const answers = ways.map(({ args }) => {
    const given = (value: Value): Value => args[join.params.indexOf(value)] ?? value;
    const [a, b] = [constantOf(given(end.a)), constantOf(given(end.b))];
    return a === undefined || b === undefined ? undefined : computeCondition(end.condition, end.width, a, b);
  });
  if (answers.includes(undefined)) return;
  // Behind which side are the parameters read?
  const readers = readersOf(fn, join);
  const behind = (edge: Edge): boolean | undefined => reaches(edge.block, readers, join);
  const [yes, no] = [behind(end.then), behind(end.else)];
  if (yes === undefined || no === undefined || (yes && no)) return;
  const alone = ways.filter((_, i) => answers[i] === (yes ? true : !no));
  if ((yes || no) && alone.length !== 1) return;
  const only = yes || no ? alone[0] : undefined;
  const target = (edge: Edge): Edge => {
    const i = ways.indexOf(edge);
    if (i < 0) return edge;
    const next = answers[i] === true ? end.then : end.else;
    return { block: next.block, args: next.args.map((value) => edge.args[join.params.indexOf(value)] ?? value) };
  };
  for (const source of sources) source.terminator = mapEdges(endOf(source), target);
  dropUnreachable(fn);
  if (only !== undefined) replaceValues(fn, new Map(join.params.map((param, i) => [param, only.args[i] as Value])));
}

/** Blocks that read parameters of this one, itself left out. */
function readersOf(fn: IrFunction, join: Block): ReadonlySet<Block> {
  const params = new Set<Value>(join.params);
  const found = new Set<Block>();
  for (const block of fn.blocks) {
    if (block === join) continue;
    const end = endOf(block);
    const read = [
      ...block.instrs.flatMap((instr) => instr.args),
      ...edgesOf(end).flatMap((edge) => edge.args),
      ...(end.kind === "branch" ? [end.a, end.b] : end.kind === "return" ? [end.value] : []),
    ];
    if (read.some((value) => params.has(value))) found.add(block);
  }
  return found;
}

/** Is a reader reached from a block? undefined: the join itself is, or there are too many blocks. */
function reaches(from: Block, readers: ReadonlySet<Block>, join: Block): boolean | undefined {
  const seen = new Set<Block>([from]);
  const open = [from];
  let reached = false;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at === join || seen.size > MOST_SEARCHED) return undefined;
    if (readers.has(at)) reached = true;
    for (const { block } of edgesOf(endOf(at)))
      if (!seen.has(block)) {
        seen.add(block);
        open.push(block);
      }
  }
  return reached;
}
