// Strict JSON by its schema: every script that is compared with bpftrace and traces nothing, and what each kind of line is.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hasFeature } from "../../src/kernel/index.ts";
import { scryCommand, startScry } from "../support/commands.ts";
import { differentialCases } from "../support/differential-cases.ts";
import { faultsOf } from "../support/json-strict-schema.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-strict-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("scripts in strict JSON", () => {
  const cases = differentialCases.filter(
    (c) => c.load === undefined && !c.script.includes("LOAD") && !(c.options ?? []).includes("PID"),
  );
  it("are many", () => expect(cases.length).toBeGreaterThan(150));
  for (const c of cases)
    it.concurrent(c.name, async (context) => {
      if (c.needs !== undefined && !hasFeature(c.needs)) context.skip(`not on this machine: ${c.needs}`);
      const words = ["-f", "json-strict", ...(c.options ?? []), "-e", c.script];
      if ((c.params?.length ?? 0) > 0) words.push("--", ...(c.params ?? []));
      const { stdout, stderr, status } = await startScry(words, { env: c.env ?? {} }).done;
      expect(faultsOf(stdout)).toEqual([]);
      // What is said before or instead of a run is one line each, too, but for the kernel's own words.
      for (const line of stderr.split("\n")) if (line.startsWith("{")) expect(faultsOf(line)).toEqual([]);
      expect(stdout === "" ? status : 0).toBe(stdout === "" ? 1 : 0);
    });
});

/** Standard output and error of a script, without the first line. */
function strict(script: string, ...options: string[]): string[] {
  const run = spawnSync(process.execPath, [scryCommand(), "-f", "json-strict", ...options, "-e", script], {
    encoding: "utf8",
  });
  const lines = `${run.stdout}${run.stderr}`.split("\n").filter((l) => l !== "");
  expect(lines.flatMap(faultsOf)).toEqual([]);
  return lines.filter((l) => !l.includes('"attached_probes"'));
}

const data = (script: string, ...options: string[]): unknown[] =>
  strict(script, ...options).map((line) => JSON.parse(line).data);

const shown: readonly (readonly [name: string, script: string, line: string | RegExp])[] = [
  [
    "integers are digits",
    "begin { print((uint64)18446744073709551615); }",
    '{"type":"value","data":{"type":"uint64","value":18446744073709551615}}',
  ],
  [
    "keys are arrays of their parts",
    'begin { @[1, "a b", (2, true)] = -9223372036854775807; }',
    '{"type":"map","data":{"name":"@","kind":"value","entries":[{"key":[1,"a b",[2,true]],"value":-9223372036854775807}]}}',
  ],
  ["a key of one part", "begin { @[5] = count(); }", /"kind":"count","entries":\[\{"key":\[5\],"value":1\}\]/],
  ["no key", "begin { @ = 1; }", /"entries":\[\{"key":\[\],"value":1\}\]/],
  [
    "enumerators",
    "enum color { RED, GREEN = 5 }; begin { @[GREEN] = RED; }",
    /"key":\[\{"value":5,"text":"GREEN"\}\],"value":\{"value":0,"text":"RED"\}/,
  ],
  ["symbols", 'begin { print(ksym(kaddr("schedule"))); }', /"value":\{"value":1844\d{16},"text":"schedule"\}/],
  ["users", "begin { @[username] = 1; }", /"key":\[\{"value":0,"text":"root"\}\]/],
  ["errors", "begin { $x = 2; print(strerror($x)); }", /"value":\{"value":2,"text":"No such file or directory"\}/],
  ["addresses", "begin { print((uint8 *)255); }", /"value":\{"value":255,"text":"0xff"\}/],
  [
    "stacks",
    "begin { print(kstack(1)); }",
    /"value":\[\{"address":1844\d{16},"symbol":"\w+","offset":\d+,"module":(null|"\w+")\}\]/,
  ],
  [
    "strings that are no UTF-8",
    'begin { @["a\\xff"] = "\\xe2\\x82"; }',
    /"key":\[\{"text":"a\ufffd","bytes":"61ff"\}\],"value":\{"text":"\ufffd","bytes":"e282"\}/,
  ],
  ["a real U+FFFD", 'begin { print("\ufffd"); }', /"value":"\ufffd"\}/],
  ["buffers", 'begin { print(buf("a\\n", 2)); }', /"value":\{"text":"a\\\\x0a","bytes":"610a"\}/],
  [
    "buckets",
    "begin { @ = lhist(-1, 0, 10, 5); @ = lhist(3, 0, 10, 5); @ = lhist(99, 0, 10, 5); }",
    /\[\{"min":null,"max":-1,"count":1\},\{"min":0,"max":4,"count":1\},\{"min":5,"max":9,"count":0\},\{"min":10,"max":null,"count":1\}\]/,
  ],
  [
    "hist up to the last bucket",
    "begin { @ = hist(9223372036854775807); }",
    /"min":4611686018427387904,"max":9223372036854775807,/,
  ],
  ["stats and avg", "begin { @a = avg(7); @b = stats(7); }", /\{"count":1,"average":7,"total":7\}/],
  [
    "time series",
    "begin { @ = tseries(3, 1s, 5); }",
    /"kind":"tseries".*"interval":1000000000,"points":\[\{"start":\{"iso":"\d{4}-.*","nanoseconds":\d+\},"value":3\}\]/,
  ],
  [
    "times",
    'begin { print(strftime("%Y", 0)); }',
    /"iso":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z","nanoseconds":\d+,"text":"\d{4}"/,
  ],
  [
    "printf",
    'begin { $x = 3; printf("%d%% of %s\\n", $x, "all"); }',
    '{"type":"printf","data":{"format":"%d%% of all\\n","text":"3% of all\\n","args":[3]}}',
  ],
  [
    "warnf, with its place",
    'begin { warnf("%s", comm); }',
    '{"type":"warnf","data":{"format":"%s","text":"scry","args":["scry"],"place":{"file":"stdin","line":1,"column":9,"end_line":1,"end_column":26}}}',
  ],
  ["floats", "begin { print(((double)3, (float)1)); }", /"value":\[3,1\]/],
  ["structs", "struct p { int a; char b[4]; }; begin { $p = (struct p *)0; print(*$p); }", /"value":\{"a":0,"b":""\}/],
  ["records", 'begin { print((a=1, b="x")); }', /"value":\{"a":1,"b":"x"\}/],
  ["inet and mac addresses", "begin { print(ntop(0x0100007f)); }", /"value":"127\.0\.0\.1"/],
  ["cat", 'begin { cat("/proc/sys/kernel/ostype"); }', '{"type":"cat","data":{"text":"Linux\\n"}}'],
  [
    "what goes wrong meanwhile",
    'begin { cat("/none"); }',
    /\{"type":"error","data":\{"message":"failed to open file '\/none'/,
  ],
  ["a map that has nothing", "begin { @[1] = 1; clear(@); print(@); }", /"entries":\[\]/],
  [
    "divided, and the last of them",
    "begin { @[1] = sum(1000); @[2] = sum(2000); print(@, 1, 1000); clear(@); }",
    /"entries":\[\{"key":\[2\],"value":2\}\]/,
  ],
];

describe("a line of strict JSON", () => {
  for (const [name, script, line] of shown)
    it(name, () => {
      const lines = strict(script);
      if (typeof line === "string") expect(lines).toContain(line);
      else expect(lines.join("\n")).toMatch(line);
    });

  it("says what is wrong with a script", () => {
    expect(data("begin { print(nothing); }")).toEqual([
      {
        code: "SCRY1223",
        severity: "error",
        message: "Unknown identifier: 'nothing'",
        place: { file: "stdin", line: 1, column: 15, end_line: 1, end_column: 22 },
        hints: [],
        related: [],
      },
    ]);
  });

  it("has the time of recorded events", () => {
    const events = join(folder, "events.jsonl");
    writeFileSync(
      events,
      '{"scry":"recording","version":1,"boot":1700000000000000000}\n{"probe":"tracepoint:a:b","nsecs":5,"args":{"n":7}}\n',
    );
    const lines = strict("tracepoint:a:b { print(args.n); }", "--events", events);
    expect(lines.map((l) => JSON.parse(l))).toEqual([
      {
        type: "value",
        data: { type: "int64", value: 7 },
        time: { iso: "2023-11-14T22:13:20.000000005Z", nanoseconds: 1700000000000000000 },
      },
    ]);
    expect(lines[0]).toContain('"nanoseconds":1700000000000000005}');
  });

  it("has tests and benchmarks", () => {
    const script = join(folder, "t.bt");
    writeFileSync(script, "test:one { return 0; } test:two { return 1; } bench:three { $x = nsecs; }");
    const run = (...words: string[]): { type: string; data: { name: string; passed?: boolean } }[] => {
      const { stdout } = spawnSync(process.execPath, [scryCommand(), "-f", "json-strict", ...words, script], {
        encoding: "utf8",
      });
      expect(faultsOf(stdout)).toEqual([]);
      return stdout
        .split("\n")
        .filter((l) => l !== "")
        .map((l) => JSON.parse(l));
    };
    expect(run("--test").map((l) => [l.type, l.data.name, l.data.passed])).toEqual([
      ["test", "one", true],
      ["test", "two", false],
    ]);
    expect(
      run("--mode", "bench")
        .filter((l) => l.type === "benchmark")
        .map((l) => l.data.name),
    ).toEqual(["three"]);
  });

  it("of --stats says runs and time of each probe", () => {
    const { stdout } = spawnSync(
      process.execPath,
      [scryCommand(), "-q", "-f", "json-strict", "--stats", "-e", "begin { $x = 1; } end { $y = 2; }"],
      { encoding: "utf8" },
    );
    expect(faultsOf(stdout)).toEqual([]);
    const { type, data } = JSON.parse(stdout.trim()) as { type: string; data: { probes: string[]; runs: number }[] };
    expect([type, data.map((p) => [p.probes, p.runs])]).toEqual([
      "probe_statistics",
      [
        [["begin"], 1],
        [["end"], 1],
      ],
    ]);
  });
});
