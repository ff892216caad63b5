// The examples of the documentation compile with the types and the tracepoints of this kernel.

import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { topics } from "../../src/cli/topics.ts";
import { kernelBtf } from "../../src/kernel/index.ts";
import { liveEnvironment } from "../../src/session/index.ts";
import { complaints, documentedWorld, label } from "../support/documented-world.ts";

const live = liveEnvironment({ unsafe: true });
const world = {
  ...documentedWorld(kernelBtf()),
  tracepoints: live.tracepoints,
  tracepointFormat: live.tracepointFormat,
  rawTracepoints: live.rawTracepoints,
  syscallNumber: live.syscallNumber,
};

describe("every example", () => {
  const programs = topics(commands).flatMap((t) => (t.program === undefined ? [] : [[label(t), t.program] as const]));
  it.each(programs)("%s", (_label, program) => {
    expect(complaints(program, world)).toBe("");
  });
});
