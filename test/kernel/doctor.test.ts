// What the doctor says holds: probes that it calls working attach, the others do not.

import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { page } from "../../src/cli/commands/doctor.ts";
import { trace } from "../../src/index.ts";
import { type Diagnosis, diagnose } from "../../src/kernel/index.ts";
import { loadProgram, scryCommand } from "../support/commands.ts";
import { kernelObjects, newObjects } from "../support/scripts.ts";

/** A script for each line of the page; each looks at this process only, or at nothing. */
const scripts: Readonly<Record<string, () => string>> = {
  "begin, end, rawtracepoint, self, test, bench": () =>
    `begin { } rawtracepoint:sched_process_exit /pid == ${process.pid}/ { }`,
  tracepoint: () => `tracepoint:sched:sched_process_exit /pid == ${process.pid}/ { }`,
  "kprobe, kretprobe": () => `kprobe:do_exit /pid == ${process.pid}/ { }`,
  "fentry, fexit": () => "fentry:bpf_fentry_test1 { }",
  "uprobe, uretprobe, usdt": () => `uprobe:${loadProgram()}:probe_me { }`,
  "profile, interval, software": () => "interval:s:100 { }",
  hardware: () => `hardware:cycles:1000000000 /pid == ${process.pid}/ { }`,
  watchpoint: () => "watchpoint:0x1000:8:w { }",
  iter: () => "iter:task { }",
};

describe("scry doctor", () => {
  it("says what holds", async () => {
    const { probes } = await diagnose();
    expect(probes.map((p) => p.name).sort()).toEqual(Object.keys(scripts).sort());
    for (const { name, works } of probes) {
      const script = (scripts[name] as () => string)();
      const attached = await trace(script, name === "watchpoint" ? { pid: process.pid } : {}).then(
        async (session) => {
          await session.stop();
          return true;
        },
        () => false,
      );
      expect([name, attached]).toEqual([name, works]);
    }
  });

  it("leaves nothing attached or loaded", async () => {
    const before = kernelObjects();
    await diagnose();
    expect(newObjects(before)).toBe(0);
  });

  it("prints a page, and the same as JSON", () => {
    const run = (...words: string[]): string =>
      spawnSync(process.execPath, [scryCommand(), "doctor", ...words], { encoding: "utf8" }).stdout;
    const diagnosis = JSON.parse(run("--json")) as Diagnosis;
    expect(run()).toBe(page(diagnosis));
    expect(page(diagnosis)).toMatch(/^SYSTEM\n {2}yes {2}kernel +Linux \d/);
    for (const finding of [...diagnosis.probes, ...diagnosis.programs])
      if (!finding.works) expect(finding.detail).not.toBe("");
  });
});
