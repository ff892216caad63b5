// What is wrong with a script, as an editor is told it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repository } from "../../../../test/support/commands.ts";
import { world } from "../../../../test/support/editor-world.ts";
import { EditedScript } from "./edited-script.ts";

const diagnosed: readonly (readonly [text: string, codes: string])[] = [
  ["begin { }", ""],
  ["", ""],
  ["// Nothing yet.\n", ""],
  ["macro m() { 1 }", ""],
  ["begin { print(nothing); }", "SCRY1223"],
  ["begin { print(1", "SCRY1000"],
  ["tracepoint:sched:sched_swich { }", "SCRY1101"],
  // What is given when it is run.
  ["uprobe:$1:$2 { @[goid] = nsecs - arg0; }\nuretprobe:$1:main.f /@[goid]/ { print(retval); }", ""],
  ["profile:hz:$1 { @ = count(); }\ninterval:s:$2 /pid == $1/ { print(str($3)); }", ""],
  ["usdt:$1:a:b { @ = arg1; }", ""],
  ["tracepoint:syscalls:sys_enter_$1 { @ = 1; }", ""],
  ["uprobe:$1:$2 { print(nothing); }", "SCRY1223"],
  ["uprobe:nowhere:f { }", "SCRY1105"],
];

describe("diagnostics", () => {
  it.each(diagnosed)("%j", (text, codes) => {
    const { diagnostics } = new EditedScript({ name: "x.bt", text }, world);
    expect(diagnostics.map((d) => d.code).join(" ")).toBe(codes);
  });
  it("has none for the examples", () => {
    for (const name of ["go-latency.bt", "goroutines.bt"]) {
      const text = readFileSync(join(repository, "examples", name), "utf8");
      expect(new EditedScript({ name, text }, world).diagnostics).toEqual([]);
    }
  });
});
