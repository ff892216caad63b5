// A recording gives what the kernel gave: the same process is traced by a script and recorded at once, and the script
// over the recording, on the embedded machine, must send the same. And the commands that make and read recordings.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { embeddedTrace, recordingLine, trace } from "../../src/index.ts";
import { openRecorder } from "../../src/replay/index.ts";
import { bootNanoseconds, liveEnvironment, RunningScript } from "../../src/session/index.ts";
import type { TraceEvent, TraceMap } from "../../src/trace-events.ts";
import { loadProgram, scryCommand } from "../support/commands.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-replay-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One process, from its first command to its last, that opens, reads, maps and fails. */
const LOAD = 'read _; exec grep -c "tcp" /etc/protocols /etc/services /etc/no-such-file';

interface Seen {
  readonly events: readonly TraceEvent[];
  readonly maps: readonly (readonly [string, TraceMap])[];
}

/** Entries in the order of their keys: a hash has none of its own. */
const sorted = (map: TraceMap): TraceMap =>
  map.entries === undefined
    ? map
    : { entries: [...map.entries].sort((a, b) => (JSON.stringify(a[0]) < JSON.stringify(b[0]) ? -1 : 1)) };

async function both(
  script: string,
  probes: readonly string[],
  stacks: boolean,
): Promise<{ live: Seen; replayed: Seen }> {
  const child = spawn("sh", ["-c", LOAD], {
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
  });
  const pid = child.pid as number;
  const lines: string[] = [];
  let lost = 0;
  const recorder = openRecorder(probes, liveEnvironment({ pid }), {
    stacks,
    ringBytes: 1 << 22,
    event: (event) => lines.push(recordingLine(event)),
    lost: (n) => {
      lost += n;
    },
    warning: (message) => {
      throw new Error(message);
    },
    pause: () => {},
    load: (script, listener) => new RunningScript(script, listener),
    clock: bootNanoseconds,
  });
  lines.push(recordingLine(recorder.header));
  const session = await trace(script, { pid });
  recorder.running.attach();
  const recorded = recorder.running.run();
  const gone = new Promise((resolve) => child.on("exit", resolve));
  child.stdin.end("go\n");
  await gone;
  recorder.running.stop();
  await recorded;
  recorder.running.finish();
  await recorder.running.close();
  await session.stop();
  const events: TraceEvent[] = [];
  for await (const event of session.events) events.push(event);
  expect(lost).toBe(0);
  const run = embeddedTrace(script, { recording: lines.join("\n"), pid });
  run.replay();
  run.end();
  const names = session.maps.names();
  return {
    live: { events, maps: names.map((n) => [n, sorted(session.maps.get(n))]) },
    replayed: { events: run.events, maps: names.map((n) => [n, sorted(run.maps.get(n))]) },
  };
}

const OPENAT = "tracepoint:syscalls:sys_enter_openat";
const OPENED = "tracepoint:syscalls:sys_exit_openat";
const READ = "tracepoint:syscalls:sys_exit_read";
const EXEC = "tracepoint:sched:sched_process_exec";

const cases: readonly { name: string; script: string; probes: readonly string[]; stacks?: boolean }[] = [
  {
    name: "opens, with what came of them",
    probes: [OPENAT, OPENED],
    script: `${OPENAT} { @file[tid] = args.filename; @flags[args.flags] = count(); }
      ${OPENED} /@file[tid]/ {
        printf("%d %d %s %d %d %s\\n", pid, tid, comm, uid, args.ret, str(@file[tid]));
        @[args.ret < 0 ? "failed" : "opened"] = count(); @ret = lhist(args.ret, -10, 10, 1); delete(@file[tid]); }`,
  },
  {
    name: "sizes of reads: every aggregate",
    probes: [READ],
    script: `${READ} { @h = hist(args.ret); @s = stats(args.ret); @a[comm] = avg(args.ret); @m = max(args.ret); @n[comm] = min(args.ret); @sum = sum(args.ret); @c++; }`,
  },
  {
    name: "what is executed",
    probes: [EXEC, "tracepoint:syscalls:sys_enter_execve"],
    script: `${EXEC} { printf("%s %s %d\\n", comm, str(args.filename), args.pid == pid); }
      tracepoint:syscalls:sys_enter_execve { printf("%s: ", str(args.filename)); join(args.argv); print((str(args.argv[0]), strlen(str(args.argv[1])))); }`,
  },
  {
    name: "every call, with its arguments as an array",
    probes: ["tracepoint:raw_syscalls:sys_enter", "tracepoint:raw_syscalls:sys_exit"],
    script: `tracepoint:raw_syscalls:sys_enter { @[args.id] = count(); if (args.id == 0) { print((args.args[0], args.args[2])); } }
      tracepoint:raw_syscalls:sys_exit /args.ret < 0/ { @failed[args.id, args.ret] = count(); }`,
  },
  {
    name: "loops, conditions, variables, tuples and strings",
    probes: [OPENAT],
    script: `${OPENAT} {
        $i = 0; $slashes = 0; $name = str(args.filename);
        while ($i < 20) { if ($i == 3) { $i++; continue; } $slashes += strlen($name) > $i ? 1 : 0; $i++; }
        for $k : 0..3 { @turns[$k, $name] = $slashes; }
        @t = ($name, $slashes, (uint8)args.flags); print(($name, $slashes));
        if (strncmp($name, "/etc", 4) == 0) { printf("%-20s|%5d|%x\\n", $name, $slashes, args.flags); } }
      end { for $kv : @turns { if ($kv.1 > 17) { @long[$kv.0.1] = $kv.1; } } }`,
  },
  {
    name: "arguments of a raw tracepoint",
    probes: ["rawtracepoint:sys_exit"],
    script: "rawtracepoint:sys_exit { @[(int64)args.ret < 0] = count(); @x = max(arg1 & 0xff); }",
  },
  {
    name: "kernel stacks with their names",
    probes: [OPENAT],
    stacks: true,
    script: `${OPENAT} { @[kstack] = count(); @one[kstack(1)] = count(); printf("%s", kstack(2)); }`,
  },
];

describe("a recording gives what the kernel gave", () => {
  for (const { name, script, probes, stacks } of cases)
    it(name, async () => {
      const { live, replayed } = await both(script, probes, stacks === true);
      expect(live.events.length + live.maps.length).toBeGreaterThan(0);
      expect(replayed).toEqual(live);
    });

  it("functions of a program, with what they are given", async () => {
    const load = loadProgram();
    const script = `uprobe:${load}:probe_text { printf("%s %d\\n", str(arg0), arg1); } uretprobe:${load}:probe_text { @r = count(); }`;
    const out = join(folder, "functions.jsonl");
    const command = `${load} text 5`;
    const run = (...words: string[]): string => {
      const to = join(folder, "functions.out");
      execFileSync(process.execPath, [scryCommand(), ...words, "-q", "-o", to], {
        input: "go\n",
        stdio: ["pipe", "ignore", "inherit"],
      });
      return readFileSync(to, "utf8");
    };
    writeFileSync(out, run("record", "-c", command, "-e", `uprobe:${load}:probe_text, uretprobe:${load}:probe_text`));
    const live = run("-c", command, "-e", script);
    const replayed = run("--events", out, "-e", script);
    expect(live).toContain("@r: ");
    expect(replayed).toBe(live);
  });
});

describe("the commands", () => {
  const scry = (...words: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [scryCommand(), ...words], { encoding: "utf8" });

  it("record, then --events, then --test", () => {
    const recording = join(folder, "opens.jsonl");
    const recorded = scry(
      "record",
      "-e",
      "tracepoint:syscalls:sys_enter_openat,tracepoint:syscalls:sys_exit_openat",
      "-c",
      "cat /etc/hostname /etc/no-such-file",
      "-o",
      recording,
    );
    expect(recorded.status).toBe(0);
    expect(recorded.stderr).toMatch(
      /Recording 2 probes of process \d+; Ctrl-C ends it\.\n[\s\S]*\d+ events recorded, 0 lost\n$/,
    );
    const first = JSON.parse(readFileSync(recording, "utf8").split("\n")[0] as string) as { scry: string };
    expect(first.scry).toBe("recording");
    const script = join(folder, "opens.bt");
    writeFileSync(
      script,
      `tracepoint:syscalls:sys_enter_openat /pid == cpid/ { @opens[str(args.filename)] = count(); }
       tracepoint:syscalls:sys_exit_openat /args.ret < 0/ { @failed++; }
       test:finds_the_file { assert(@opens["/etc/hostname"] == 1, "opened once"); assert(@failed >= 1, "one fails"); }
       test:fails { assert(@opens["/nowhere"] == 1, "never opened"); }
       test:returns { return 1; }`,
    );
    const replayed = scry("--machine", "embedded", "--events", recording, script);
    expect(replayed.stderr).toBe("Attached 2 probes\n");
    expect(replayed.stdout).toContain("@opens[/etc/hostname]: 1\n");
    const tested = scry("--test", "--events", recording, script);
    expect(tested.status).toBe(1);
    expect(tested.stderr).toContain("ERROR: assert failed: never opened");
    expect(tested.stdout.replace(/\d+ μs/g, "N μs")).toBe(`[==========] Running 3 tests.
[ RUN      ] finds_the_file
[       OK ] finds_the_file (N μs)
[ RUN      ] fails
[  FAILED  ] fails (N μs)
[ RUN      ] returns
[  FAILED  ] returns (N μs)
[==========] 3 tests ran.
[  PASSED  ] 1 test.
[  FAILED  ] 2 tests, listed below:
[  FAILED  ] fails
[  FAILED  ] returns
`);
  });

  it("the demo runs live here, and on its recording where it must", () => {
    const live = scry("demo");
    expect(live.status).toBe(0);
    expect(live.stdout).toMatch(/^3 +\d+ {2}\/etc\/protocols$|^-2 +\d+ {2}\/etc\/no-such-file$/m);
    const recorded = scry("demo", "--machine", "embedded");
    expect(recorded.status).toBe(0);
    expect(recorded.stdout).toContain("-2       4625  /etc/no-such-file\n");
    expect(recorded.stdout).toContain("@nanoseconds[failed]:\n");
  });

  it("the demo needs no privileges", () => {
    const script = `process.setgid(65534); process.setuid(65534); process.argv.splice(1, 1, ${JSON.stringify(scryCommand())}, "demo"); import(${JSON.stringify(scryCommand())});`;
    const run = spawnSync(process.execPath, ["-e", script, "--"], { encoding: "utf8" });
    expect(run.stderr).toContain("here is what a recording gives");
    expect(run.stdout).toContain("-2       4625  /etc/no-such-file\n");
    expect(run.status).toBe(0);
  });

  const mistakes: readonly (readonly [words: readonly string[], said: string])[] = [
    [["record"], "record needs probes"],
    [["record", "-e", "tracepoint:syscalls:sys_enter_openat { print(1) }"], "record takes probes, not a program"],
    [["record", "-e", "begin"], "begin probes cannot be recorded"],
    [["record", "-e", "tracepoint:syscalls:sys_enter_opnat"], "No matches for tracepoint"],
    [["--machine", "embedded", "-e", "tracepoint:a:b { }"], "the embedded machine needs events"],
    [
      ["--events", "/nowhere/e.jsonl", "-e", "begin { }"],
      "failed to open the recording '/nowhere/e.jsonl': No such file or directory",
    ],
    [["--machine", "kernel", "--events", "x", "-e", "begin { }"], "--events is for the embedded machine"],
    [["--test", "-e", "test:a { } test:a { }"], '"a" was used as the name for more than one TEST probe'],
    [["-e", "test:a { }"], "use --test to run test probes"],
    [["demo", "x.bt"], "demo takes no script"],
  ];
  for (const [words, said] of mistakes)
    it(`says what is wrong with: ${words.join(" ")}`, () => {
      const { status, stderr } = scry(...words);
      expect(status).toBe(1);
      expect(stderr).toContain(said);
    });
});
