// Which lines of the source have run, from counts of slots.

import { slotsOf } from "../isa/index.ts";
import { lineColumn, type SourceText } from "../source/index.ts";
import { WORDS } from "./decoded.ts";
import type { Program } from "./program.ts";

/**
 * How often each line (counted from 1) was run, of those that have instructions: the most that any of its instructions
 * was, so up to 255. A line whose instructions were compiled away is not there. Empty without a source.
 */
export function lineHits(
  program: Program,
  coverage: Uint8Array,
  source: SourceText | undefined,
): ReadonlyMap<number, number> {
  const hits = new Map<number, number>();
  if (source === undefined) return hits;
  const { lines } = program.linked;
  lines.forEach(({ slot: first, span }, i) => {
    if (span.file !== undefined) return;
    const { line } = lineColumn(source, span.start);
    const end = lines[i + 1]?.slot ?? program.slots;
    let most = hits.get(line) ?? 0;
    for (let slot = first; slot < end; slot += slotsOf(program.code[slot * WORDS] as number))
      most = Math.max(most, coverage[slot] ?? 0);
    hits.set(line, most);
  });
  return new Map([...hits].sort(([a], [b]) => a - b));
}
