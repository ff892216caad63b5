// Gives every branch edge that hands over values a block of its own, so that the moves have a place to be.
// What turns out to need no moves is passed over again by `emit`.

import { endOf, mapEdges, newBlock } from "../graph.ts";
import type { Pass } from "./pass.ts";

export const splitEdges: Pass = {
  name: "split-edges",
  run(fn) {
    for (const block of [...fn.blocks]) {
      const end = endOf(block);
      if (end.kind === "jump") continue;
      block.terminator = mapEdges(end, (edge) => {
        if (edge.args.length === 0) return edge;
        const between = newBlock(fn, "edge", block.span);
        between.terminator = { kind: "jump", to: edge };
        fn.blocks.push(between);
        return { block: between, args: [] };
      });
    }
  },
};
