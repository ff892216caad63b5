// The table of which programs may call which helpers against the running kernel, and who may under which licence.

import { describe, expect, it } from "vitest";
import { ask, askHelpers, programKinds } from "../../test/data/kernel-answers.ts";
import { assemble } from "../isa/index.ts";
import { helper, helperCount, mayCall, needsSleep } from "./index.ts";

const ids = Array.from({ length: helperCount() - 1 }, (_, i) => i + 1);
const kinds = programKinds().flatMap((kind) => {
  const answer = askHelpers(kind);
  return answer === undefined ? [] : [[kind.name, { kind, answer }] as const];
});

describe("who may call what", () => {
  it.each(kinds)("%s", (_, { kind, answer }) => {
    const differ = ids.filter((id) => {
      const entry = helper(id);
      // What no kind of program may call here, this kernel was built without.
      const built = kinds.some(([, one]) => one.answer.allowed.has(id));
      return entry !== undefined && built && mayCall(entry, kind.type, kind.attachType) !== answer.allowed.has(id);
    });
    expect(differ.map((id) => helper(id)?.name)).toEqual([]);
    for (const id of answer.sleeping) expect(helper(id)).toSatisfy(needsSleep);
  });
});

it("helpers for programs under a GPL-compatible licence are marked so", () => {
  const restricted = new Set<number>();
  const asked = new Set<number>();
  for (const [, { kind, answer }] of kinds)
    for (const id of answer.allowed) {
      if (asked.has(id)) continue;
      asked.add(id);
      const said = ask(kind, assemble(`call ${id}\nr0 = 0\nexit`), "Proprietary");
      if (said !== undefined && /GPL/.test(said)) restricted.add(id);
    }
  const name = (id: number): string | undefined => helper(id)?.name;
  expect([...asked].filter((id) => helper(id)?.gpl === true).map(name)).toEqual(
    [...asked].filter((id) => restricted.has(id)).map(name),
  );
});
