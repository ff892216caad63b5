// The examples of the documentation compile with the types and the tracepoints of this kernel.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { topicPage } from "../../src/cli/help-page.ts";
import { type Topic, topics, topicsCalled } from "../../src/cli/topics.ts";
import { kernelBtf } from "../../src/kernel/index.ts";
import { liveEnvironment } from "../../src/session/index.ts";
import { repository } from "../support/commands.ts";
import { complaints, documentedWorld, label, WARNED } from "../support/documented-world.ts";

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
  it.each(programs)("%s", (name, program) => {
    expect(complaints(program, world)).toBe(WARNED[name] ?? "");
  });
});

describe("the command as it is built", () => {
  const dist = join(repository, "dist");
  const all = topics(commands);

  it.each(["str", "kprobe", "max_strlen", "-k", "--color", "for", "%gr", "NO_COLOR"])("scry help %s", (word) => {
    const printed = execFileSync("node", [join(dist, "scry.js"), "help", word], { encoding: "utf8" });
    expect(printed).toBe(
      topicsCalled(word, all)
        .map((t: Topic) => topicPage(t))
        .join("\n"),
    );
  });

  it("has examples in help.json alone, but for a few that are put together", () => {
    const bundle = readFileSync(join(dist, "scry.bundle.cjs"), "latin1");
    const kept = all.filter((t) => t.program !== undefined && bundle.includes(JSON.stringify(t.program).slice(1, -1)));
    expect(kept.map(label).length, kept.map(label).join()).toBeLessThan(10);
  });
});
