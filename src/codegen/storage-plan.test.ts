// Where maps live: the choice between words of the global data, hashes, and hashes with dead entries.

import { describe, expect, it } from "vitest";
import { environment } from "../../test/support/browser-page.ts";
import { compileScript } from "../lang/trace/compile-script.ts";

function storageOf(text: string): Record<string, string> {
  const script = compileScript({ name: "test", text }, environment, { ringBytes: 1 << 16 });
  return Object.fromEntries(
    script.maps.map((m) => {
      const s = m.storage;
      const extra = s.kind === "hash" && s.tombstones ? " with dead entries" : "";
      return [m.name, `${s.kind}${"long" in s && s.long !== undefined ? " and long keys" : ""}${extra}`];
    }),
  );
}

describe("storage", () => {
  it.each([
    ["begin { @x = 5; }", { "@x": "global" }],
    ["begin { @x = count(); @h = hist(1); }", { "@h": "cpu", "@x": "cpu" }],
    ["begin { @x[1] = 5; }", { "@x": "hash" }],
    ["begin { @x[comm] = count(); }", { "@x": "percpu" }],
    ["begin { @x[str($1)] = 1; @y[str(curtask)] = 1; }", { "@x": "hash", "@y": "hash and long keys" }],
    ["begin { @s[tid] = nsecs; delete(@s[tid]); }", { "@s": "hash with dead entries" }],
    ["begin { @s[tid] = nsecs; }", { "@s": "hash" }],
    ["begin { @s[pid] = nsecs; delete(@s[pid]); }", { "@s": "hash" }],
    ["begin { @s[tid] = nsecs; delete(@s[tid]); clear(@s); }", { "@s": "hash" }],
    ["begin { @s[tid] = nsecs; delete(@s[tid]); print(len(@s)); }", { "@s": "hash" }],
    ["begin { @s = comm; }", { "@s": "hash" }],
  ])("%s", (text, expected) => {
    expect(storageOf(text)).toEqual(expected);
  });

  it("takes a program of its own to remove dead entries", () => {
    const script = compileScript({ name: "test", text: "begin { @s[tid] = 1; delete(@s[tid]); }" }, environment, {
      ringBytes: 1 << 16,
    });
    expect(script.object.programs.map((p) => p.attach.map((a) => a.kind))).toEqual([["test_run"], ["raw_tracepoint"]]);
    expect(script.programs.get("scry_reaper")?.kind).toBe("housekeeping");
  });

  it("makes entries beforehand unless they are too many", () => {
    const flags = (text: string): (number | undefined)[] =>
      compileScript({ name: "test", text }, environment, { ringBytes: 1 << 16 })
        .object.maps.filter((m) => m.type === "hash")
        .map((m) => m.flags);
    expect(flags("begin { @x[1] = 1; }")).toEqual([0]);
    expect(flags("config = { max_map_keys = 10000000 } begin { @x[1] = 1; }")).toEqual([1]);
  });
});
