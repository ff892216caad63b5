// Which words of the stack may still be read: what is written before it is read again is not.

import { describe, expect, it } from "vitest";
import { objectOf } from "../../test/data/verifier-objects.ts";
import { link } from "../object/index.ts";
import { buildGraph } from "./program-graph.ts";
import { stackLiveness } from "./stack-liveness.ts";

/** Words that are live before the first instruction of each line, by the line. */
function liveBefore(code: string): string[] {
  const [program] = objectOf(code).programs;
  const graph = buildGraph(link(program as NonNullable<typeof program>));
  const liveness = stackLiveness(graph);
  return graph.code.flatMap((i, slot) =>
    i === undefined
      ? []
      : [
          Array.from({ length: 64 }, (_, w) => w)
            .filter((w) => liveness.isLive(slot, w))
            .join(" "),
        ],
  );
}

describe("a word of the stack is live", () => {
  it("from where it is read, back to where it is written as a whole", () => {
    const code = "*(u64 *)(r10 - 8) = 1\n*(u32 *)(r10 - 16) = 1\nr0 = *(u64 *)(r10 - 8)\nr0 = *(u64 *)(r10 - 16)\nexit";
    expect(liveBefore(code)).toEqual(["1", "0 1", "0 1", "1", ""]);
  });
  it("where a function gets its address, and all above it", () => {
    const code = "r2 = r10\nr2 += -24\nr1 = map[hash] ll\ncall map_lookup_elem\nr0 = 0\nexit";
    expect(liveBefore(code)).toEqual(["0 1 2", "0 1 2", "0 1 2", "0 1 2", "", ""]);
  });
  it("around a loop that reads it before it writes it", () => {
    const code = "r6 = 0\nl: r0 = *(u64 *)(r10 - 8)\n*(u64 *)(r10 - 8) = 2\nr6 += 1\nif r6 < 9 goto l\nr0 = 0\nexit";
    expect(liveBefore(code)).toEqual(["0", "0", "", "0", "0", "", ""]);
  });
  it("like all others where an address is not known, or kept", () => {
    const all = Array.from({ length: 64 }, (_, w) => w).join(" ");
    const code = "r2 = r10\nr3 = r1\nr2 += r3\nr0 = *(u8 *)(r2 + 0)\nr0 = 0\nexit";
    expect(liveBefore(code).slice(0, 5)).toEqual([all, all, all, all, ""]);
    const kept = "r1 = r10\nr1 += -8\ncall f\nr0 = 0\nexit\nf: r2 = r10\n*(u64 *)(r1 + 0) = r2\nr0 = 0\nexit";
    expect(liveBefore(kept).slice(5)).toEqual([all, all, all, all]);
  });
  it("where an address leads that was kept on the stack itself", () => {
    const code = "r2 = r10\nr2 += -24\n*(u64 *)(r10 - 8) = r2\nr3 = *(u64 *)(r10 - 8)\nr0 = *(u64 *)(r3 + 8)\nexit";
    expect(liveBefore(code)).toEqual(["1", "1", "1", "0 1", "1", ""]);
  });
  it("wherever an address may lead that is one of two, and overwritten by neither", () => {
    const code =
      "r2 = r10\nr2 += -16\nif r1 == 0 goto l\nr2 += -16\nl: *(u64 *)(r10 - 8) = r2\nr3 = *(u64 *)(r10 - 8)\n*(u64 *)(r3 + 0) = 1\nr0 = *(u64 *)(r3 + 0)\nexit";
    expect(liveBefore(code)).toEqual(["1 2 3", "1 2 3", "1 2 3", "1 2 3", "1 2 3", "0 1 2 3", "1 2 3", "1 2 3", ""]);
  });
  it("anywhere, where what is read back may be an address that moved by who knows how much", () => {
    const all = Array.from({ length: 64 }, (_, w) => w).join(" ");
    const code =
      "r2 = r10\nr2 += -32\nr2 += r1\n*(u64 *)(r10 - 8) = r2\nr3 = *(u64 *)(r10 - 8)\nr0 = *(u64 *)(r3 + 0)\nexit";
    expect(liveBefore(code)[5]).toEqual(all);
  });
  it("where a called function gets an address", () => {
    const all = Array.from({ length: 64 }, (_, w) => w).join(" ");
    const code = "r1 = r10\nr1 += -8\ncall f\nr0 = 0\nexit\nf: r0 = *(u64 *)(r1 + 0)\nexit";
    expect(liveBefore(code).slice(2, 5)).toEqual([all, "", ""]);
  });
});
