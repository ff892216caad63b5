// Go programs: returns that do not break them, arguments by Go's own conventions, goroutines, and names without a symbol
// table.

import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repository, runScry } from "../support/commands.ts";
import { goProgram, goToolchain, type Kind, traceGo } from "../support/go/programs.ts";

if (goToolchain === undefined) {
  if (process.env["CI"] !== undefined) throw new Error("the Go tests must run in CI, and there is no go");
  console.warn("\n*** GO TESTS SKIPPED: there is no Go toolchain (apt-get install golang) ***\n");
}

/** A map's lines: `@x[key]: 3` as `key` → 3. */
const entries = (out: string, map: string): Record<string, number> =>
  Object.fromEntries(
    [...out.matchAll(new RegExp(`^@${map}(?:\\[(.*)\\])?: (-?\\d+)$`, "gm"))].map((m) => [m[1] ?? "", Number(m[2])]),
  );
const value = (out: string, map: string): number | undefined => entries(out, map)[""];
const script =
  (text: string): ((pid: number) => string[]) =>
  (pid) => ["-e", text.replaceAll("PID", String(pid))];

describe.skipIf(goToolchain === undefined)(`a Go program (${goToolchain})`, () => {
  // 8 goroutines a round, each 200 to 207 calls deep from a fresh stack of 8 kB.
  const rounds = 5;
  const calls = rounds * Array.from({ length: 8 }, (_, i) => 200 + i).reduce((a, b) => a + b, 0);
  const sum = "sum 824320";

  for (const kind of ["plain", "stripped", "pie"] satisfies Kind[])
    it(`survives probes at returns while its stacks grow, and every call is seen once (${kind})`, async () => {
      const path = goProgram(kind);
      const { scry, program, said } = await traceGo(
        path,
        "deep",
        rounds,
        script(
          `uprobe:${path}:main.deep { @in = count(); @least = min(arg0); @most = max(arg0); }
           uretprobe:${path}:main.deep { @out = count(); @one += retval == 1; }`,
        ),
      );
      expect(said).toEqual([sum]);
      expect([program.status, program.signal]).toEqual([0, null]);
      expect(scry.stderr).toBe("Attached 2 probes\n");
      expect({
        in: value(scry.stdout, "in"),
        out: value(scry.stdout, "out"),
        least: value(scry.stdout, "least"),
        most: value(scry.stdout, "most"),
      }).toEqual({ in: calls, out: calls, least: 0, most: 206 });
      // The innermost call returns what the next one keeps on its stack, which has moved by then.
      expect(value(scry.stdout, "one")).toBe(8 * rounds);
    });

  it("passes words of arguments and results in registers, and on the stack where they are too many", async () => {
    const path = goProgram();
    const { scry, program } = await traceGo(
      path,
      "args",
      2,
      script(
        `uprobe:${path}:"main.(*point).Move" { printf("by %d %s list %d %d\\n", arg1, str(arg2, arg3 + 1), arg5, arg6); }
         uretprobe:${path}:"main.(*point).Move" { printf("moved %d %s %d\\n", retval, str(reg("bx"), reg("cx") + 1), reg("di")); }
         uprobe:${path}:main.many { printf("many %d %d %d %d %d\\n", arg0, arg4, arg8, sarg0, sarg1); }
         uretprobe:${path}:main.many { printf("sum %d\\n", retval); }`,
      ),
    );
    expect(program.status).toBe(0);
    expect(scry.stdout.trim().split("\n")).toEqual(
      [1, 2].flatMap((by) => [
        `by ${by} gopher list 3 16`,
        `moved ${by === 1 ? 8 : 10} gopher! 0`,
        "many 1 5 9 10 11",
        "sum 66",
      ]),
    );
  });

  it("is seen at each of a function's returns", async () => {
    const path = goProgram();
    const { scry, said } = await traceGo(
      path,
      "args",
      30,
      script(`uretprobe:${path}:main.branches { printf("%d\\n", (int64)retval); }`),
    );
    expect(scry.stdout.trim().split("\n")).toEqual(said.map((line) => line.split(" ")[3]));
    expect(new Set(said.map((line) => Math.sign(Number(line.split(" ")[3])))).size).toBe(3);
  });

  it.skipIf(process.arch !== "x64")(
    "has the words of assembly functions on the stack, results behind arguments",
    async () => {
      const path = goProgram();
      const both = `uprobe:${path}:main.add.abi0 { printf("%d %d %d\\n", arg0, arg1, arg2 & 0xff); }
                  uretprobe:${path}:main.add.abi0 { printf("= %d %d\\n", sarg3, goid); }`;
      const { scry } = await traceGo(path, "args", 2, script(both));
      expect(scry.stdout.trim().split("\n")).toEqual(["0 20 3", "= 23 1", "1 20 3", "= 24 1"]);
      const wrong = await runScry(["-e", `uretprobe:${path}:main.add.abi0 { @ = retval }`]);
      expect(wrong.stderr).toContain("main.add.abi0 returns its results on the stack");
      expect(wrong.status).toBe(1);
    },
  );

  it("has goroutines with the ids that it knows them by", async () => {
    const path = goProgram("stripped");
    const { scry, program } = await traceGo(
      path,
      "ids",
      200,
      script(
        `uprobe:${path}:main.work { @seen[goid] = count(); @right += arg0 == goid; }
         uretprobe:${path}:main.work { @still += retval == 2 * goid; }`,
      ),
    );
    expect(program.status).toBe(0);
    expect(value(scry.stdout, "right")).toBe(200);
    expect(value(scry.stdout, "still")).toBe(200);
    expect(Object.keys(entries(scry.stdout, "seen"))).toHaveLength(200);
  });

  it.skipIf(process.arch !== "x64")("has goroutines in other probes too, with -p", async () => {
    const path = goProgram("pie");
    const { scry, program } = await traceGo(path, "write", 5, (pid) => [
      "-p",
      String(pid),
      "-e",
      `tracepoint:syscalls:sys_enter_write /pid == ${pid} && args.fd == 2/ { @[goid] = count(); }`,
    ]);
    const written: Record<string, number> = {};
    for (const id of program.stderr.trim().split("\n")) written[id] = (written[id] ?? 0) + 1;
    expect(Object.keys(written)).toHaveLength(5);
    expect(entries(scry.stdout, "")).toEqual(written);
    const without = await runScry(["-e", "tracepoint:syscalls:sys_enter_write { @[goid] = count(); }"]);
    expect(without.stderr).toContain("goid is known in probes of Go functions, and elsewhere with -p of a Go program");
  });

  it("says of functions that have no return", async () => {
    const path = goProgram();
    const one = await runScry(["-e", `uretprobe:${path}:main.forever { @ = count(); }`]);
    expect(one.stderr).toContain("main.forever has no return instruction, and so no uretprobe");
    expect(one.status).toBe(1);
    const { scry } = await traceGo(path, "sleep", 1, script(`uretprobe:${path}:main.[fs]* { @[func] = count(); }`));
    expect(scry.stderr).toContain("WARNING: main.forever has no return instruction, and so no uretprobe");
    expect(entries(scry.stdout, "")).toEqual({ "main.sleepy": 1 });
  });

  it("has names and lines in stacks, stripped too", async () => {
    for (const kind of ["plain", "stripped"] as const) {
      const path = goProgram(kind);
      const { scry } = await traceGo(
        path,
        "sleep",
        1,
        script(`uprobe:${path}:time.Sleep, uprobe:${path}:runtime.gopark /pid == PID/ { @[ustack] = count(); }`),
      );
      const source = join(repository, "test/support/go/load.go").replaceAll(/[.\\]/g, "\\$&");
      expect(scry.stdout).toMatch(new RegExp(`^ {8}main\\.sleepy\\+\\d+@${source}:\\d+$`, "m"));
      expect(scry.stdout).toMatch(/^ {8}runtime\.goexit(\.abi0)?\+1@.*asm_\w+\.s:\d+$/m);
    }
  });

  it("has examples: latency by goroutine", async () => {
    const path = goProgram("stripped");
    const { scry } = await traceGo(path, "sleep", 6, () => [
      join(repository, "examples/go-latency.bt"),
      path,
      "main.sleepy",
    ]);
    expect(scry.stderr).toBe("Attached 3 probes\n");
    // 20, 40, … 120 ms: more goroutines than threads, all asleep at once.
    const buckets = [...scry.stdout.matchAll(/^\[(\d+)K, \d+K\) +(\d+) /gm)].map((m) => [Number(m[1]), Number(m[2])]);
    expect(scry.stdout).toContain("@microseconds[main.sleepy]:");
    expect(buckets.reduce((n, [, count]) => n + (count as number), 0)).toBe(6);
    expect(buckets[0]?.[0]).toBe(16);
    expect(buckets.at(-1)?.[0]).toBeGreaterThanOrEqual(64);
  });

  it("has examples: start, wait and channel block times of goroutines", async () => {
    const path = goProgram();
    const { scry, program } = await traceGo(path, "channel", 25, () => [
      join(repository, "examples/goroutines.bt"),
      path,
    ]);
    expect(program.status).toBe(0);
    const total = (map: string): number => {
      const at = scry.stdout.indexOf(`${map}:\n`);
      if (at < 0) return 0;
      const body = scry.stdout.slice(at + map.length + 2).split("\n\n")[0] as string;
      return [...body.matchAll(/^[[(].*?[\])] +(\d+) /gm)].reduce((n, m) => n + Number(m[1]), 0);
    };
    expect(scry.stderr).toBe("Attached 7 probes\n");
    expect({ start: total("@start"), life: total("@life") }).toEqual({ start: 1, life: 1 });
    // The receiver waits for each value and for the end, the sender sleeps before each.
    expect(total("@wait[sleep]")).toBe(25);
    expect(total("@wait[chan receive]")).toBeGreaterThanOrEqual(25);
    // The first may have begun before it was looked at.
    expect(scry.stdout).toMatch(/@wait\[chan receive\]:\n(?:\[4K, 8K\).*\n)?\[8K, 16K\)/);
    expect(total("@runnable")).toBeGreaterThanOrEqual(50);
  });
});
