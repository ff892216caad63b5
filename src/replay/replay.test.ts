// Scripts on the embedded machine: from events to text.

import { describe, expect, test } from "vitest";
import { type EmbeddedTraceOptions, embeddedTrace } from "../embedded-trace.ts";
import { DiagnosticError } from "../source/index.ts";
import { parseRecording, RecordedProbes, recordedEnvironment, recordingLine } from "./index.ts";

/** The text that a script gives for the lines of a recording, its maps at the end included. */
function output(script: string, lines: readonly (string | object)[], options: EmbeddedTraceOptions = {}): string {
  const recording = lines.map((l) => (typeof l === "string" ? l : JSON.stringify(l))).join("\n");
  const run = embeddedTrace(script, { recording, ...options });
  run.replay();
  run.end();
  expect(run.events.filter((e) => e.kind === "warning")).toEqual([]);
  // Two empty lines go before the maps, also where there are none.
  return run.output.replace(/(^|\n)\n\n$/, "$1");
}

const open = (nsecs: number, file: string, more: object = {}): object => ({
  probe: "tracepoint:syscalls:sys_enter_openat",
  nsecs,
  cpu: 0,
  pid: 7,
  tid: 8,
  comm: "ls",
  args: { filename: file, flags: 1 },
  ...more,
});
const opened = (nsecs: number, ret: number): object => ({
  probe: "tracepoint:syscalls:sys_exit_openat",
  nsecs,
  pid: 7,
  tid: 8,
  comm: "ls",
  args: { ret },
});

/** A script, events, and what comes of them. */
const cases: readonly {
  readonly name: string;
  readonly script: string;
  readonly events: readonly (string | object)[];
  readonly text: string;
}[] = [
  {
    name: "who, when and what",
    script:
      'tracepoint:syscalls:sys_enter_openat { printf("%lld %d %d %d %s %s\\n", nsecs, cpu, pid, tid, comm, str(args.filename)); }',
    events: [open(12, "/etc/passwd"), open(13, "/tmp", { cpu: 1, pid: 9, tid: undefined, comm: "cat" })],
    text: "12 0 7 8 ls /etc/passwd\n13 1 9 9 cat /tmp\n",
  },
  {
    name: "an address that is looked at later",
    script: `tracepoint:syscalls:sys_enter_openat { @file[tid] = args.filename; @at[tid] = nsecs; }
      tracepoint:syscalls:sys_exit_openat /@at[tid]/ {
        printf("%s %d %d\\n", str(@file[tid]), args.ret, nsecs - @at[tid]); delete(@file[tid]); delete(@at[tid]); }`,
    events: [open(100, "/a"), opened(150, 3), opened(160, 4), open(200, "/b"), opened(290, -2)],
    text: "/a 3 50\n/b -2 90\n",
  },
  {
    name: "fields in the record: text, lists, numbers without and with a sign",
    script:
      'tracepoint:sched:sched_process_exec { printf("%s %d %llu\\n", str(args.filename), args.pid, args.mask); print(args.list); }',
    events: [
      '{"probe":"tracepoint:sched:sched_process_exec","args":{"filename":"/bin/ls","pid":-3,"mask":18446744073709551615,"list":[1,2,9007199254740993]}}',
    ],
    text: "/bin/ls -3 18446744073709551615\n[1,2,9007199254740993]\n",
  },
  {
    name: "argv",
    script: "tracepoint:syscalls:sys_enter_execve { join(args.argv); print(str(args.argv[1])); }",
    events: [{ probe: "tracepoint:syscalls:sys_enter_execve", args: { filename: "/bin/ls", argv: ["ls", "-l", "/"] } }],
    text: "ls -l /\n-l\n",
  },
  {
    name: "functions and static probes",
    script: `uprobe:/bin/bash:readline { printf("%s %d\\n", str(arg0), arg1); }
      uretprobe:/bin/bash:readline { printf("%s\\n", str(retval)); }
      usdt:/bin/php:php:function__entry { printf("%s %s %d\\n", str(arg0), probe, arg1); }
      kprobe:vfs_read { printf("%s %d\\n", func, arg2); }
      rawtracepoint:sched_switch { printf("%d %d\\n", args.preempt, arg1); }`,
    events: [
      { probe: "uprobe:/bin/bash:readline", args: { arg0: "$ ", arg1: 5 } },
      { probe: "uretprobe:/bin/bash:readline", args: { retval: "ls -l" } },
      { probe: "usdt:/bin/php:php:function__entry", args: { arg0: "main", arg1: 77 } },
      { probe: "kprobe:vfs_read", args: { arg2: 4096 } },
      { probe: "rawtracepoint:sched_switch", args: { preempt: 1, prev: 77 } },
    ],
    text: "$  5\nls -l\nmain usdt:/bin/php:php:function__entry 77\nvfs_read 4096\n1 77\n",
  },
  {
    name: "wildcards, by the probes that there are events of",
    script: "tracepoint:syscalls:sys_* { @[probe] = count(); }",
    events: [open(1, "/"), opened(2, 1), open(3, "/")],
    text: "\n\n@[tracepoint:syscalls:sys_exit_openat]: 1\n@[tracepoint:syscalls:sys_enter_openat]: 2\n",
  },
  {
    name: "intervals tick by the events' time",
    script:
      'tracepoint:syscalls:sys_enter_openat { @ = count(); } interval:s:1 { printf("%lld: ", elapsed); print(@); clear(@); }',
    events: [open(0, "/"), open(500_000_000, "/"), open(1_200_000_000, "/"), open(3_000_000_000, "/")],
    text: "1000000000: @: 2\n2000000000: @: 1\n3000000000: @: 0\n\n\n@: 1\n",
  },
  {
    name: "intervals that were recorded tick as they did",
    script: 'interval:ms:10 { printf("%lld\\n", nsecs); }',
    events: [
      { probe: "interval:ms:10", nsecs: 10_000_111 },
      { probe: "interval:ms:10", nsecs: 20_000_222 },
    ],
    text: "10000111\n20000222\n",
  },
  {
    name: "stacks with names",
    script: "profile:hz:99 { @[kstack] = count(); @u[ustack(1)] = count(); }",
    events: [
      { probe: "profile:hz:99", kstack: ["vfs_read+20", "ksys_read"], ustack: ["main+4 (/bin/ls)", "start"] },
      { probe: "profile:hz:99", kstack: [{ address: 4096, name: "vfs_write", offset: 1 }], ustack: [] },
      { probe: "profile:hz:99", kstack: ["vfs_read+20", "ksys_read"], ustack: ["main+4 (/bin/ls)"] },
    ],
    text: `

@[
        vfs_write+1
]: 1
@[
        vfs_read+20
        ksys_read+0
]: 2
@u[
]: 1
@u[
        main+4
]: 2
`,
  },
  {
    name: "begin, end and exit",
    script:
      'begin { printf("begin\\n"); } tracepoint:syscalls:sys_enter_openat { printf("%s\\n", str(args.filename)); exit(); } end { printf("end\\n"); }',
    events: [open(1, "/a"), open(2, "/b")],
    text: "begin\n/a\nend\n",
  },
  {
    name: "printing and clearing in order within one event",
    script:
      'tracepoint:syscalls:sys_enter_openat { @ = count(); printf("1\\n"); print(@); clear(@); printf("2\\n"); print(@); }',
    events: [open(1, "/a"), open(2, "/b")],
    text: "1\n@: 1\n2\n@: 0\n1\n@: 1\n2\n@: 0\n",
  },
  {
    name: "the time of day of the recording",
    script: 'tracepoint:syscalls:sys_enter_openat { time("%H:%M:%S\\n"); printf("%s\\n", strftime("%Y", nsecs)); }',
    events: ['{"scry":"recording","version":1,"boot":1700000000000000000}', open(5_000_000_000, "/")],
    text: "22:13:25\n2023\n",
  },
];

describe("a script over events", () => {
  for (const c of cases)
    test(c.name, () => {
      const zone = process.env["TZ"];
      process.env["TZ"] = "UTC";
      for (const tier of ["interpreter", "wasm-interpreter", "jit"] as const)
        expect(output(c.script, c.events, { tier }), tier).toBe(c.text);
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
    });

  test("only one process", () => {
    const script = 'tracepoint:syscalls:sys_enter_openat { printf("%d\\n", pid); }';
    expect(output(script, [open(1, "/"), open(2, "/", { pid: 9 })], { pid: 9 })).toBe("9\n");
  });
});

describe("a script in somebody's tests", () => {
  test("fire, maps, exit", () => {
    const script = embeddedTrace(
      "tracepoint:syscalls:sys_enter_openat { @[comm, str(args.filename)] = count(); } tracepoint:syscalls:sys_exit_openat /args.ret < 0/ { exit(3); }",
    );
    expect(script.fire("tracepoint:syscalls:sys_enter_openat", { filename: "/etc" }, { comm: "ls" })).toBe(true);
    script.fire("tracepoint:syscalls:sys_enter_openat", { filename: "/etc" }, { comm: "ls" });
    expect(script.fire("tracepoint:syscalls:sys_enter_close", { fd: 1 })).toBe(false);
    expect(script.maps.get("@")).toEqual({ entries: [[["ls", "/etc"], 2]] });
    script.fire("tracepoint:syscalls:sys_exit_openat", { ret: -2 });
    expect(script.exited).toBe(true);
    expect(script.end()).toEqual({ code: 3 });
    expect(script.output).toBe("\n\n@[ls, /etc]: 2\n");
  });

  test("time passes when it is told to", () => {
    const script = embeddedTrace('interval:s:1 { printf("%lld\\n", elapsed); }');
    script.advance(2_500_000_000);
    script.advance(600_000_000n);
    expect(script.output).toBe("1000000000\n2000000000\n3000000000\n");
  });

  test("values that do not fit are refused", () => {
    const script = embeddedTrace("tracepoint:sched:sched_switch { print(args.prev_pid); }", {
      recording: [{ probe: "tracepoint:sched:sched_switch", args: { prev_pid: 1 } }],
    });
    expect(() => script.fire("tracepoint:sched:sched_switch", { prev_pid: 1.5 })).toThrow(
      'field "prev_pid" is a whole number, not 1.5',
    );
  });
});

describe("recordings", () => {
  test("lines come back as they were written, numbers of 64 bits exactly", () => {
    const event = {
      probe: "tracepoint:a:b",
      nsecs: 2n ** 60n + 1n,
      args: { x: -(2n ** 63n), text: 'with "quotes" and 1234567890123456789', small: 5, list: ["a", 2n ** 64n - 1n] },
    };
    const line = recordingLine(event);
    expect(line).toContain('"nsecs":1152921504606846977,');
    expect(parseRecording({ name: "r", text: line }).events).toEqual([event]);
  });

  const wrong: readonly (readonly [name: string, text: string, message: string])[] = [
    ["no JSON", "{probe:1}", "this line is no JSON"],
    ["no object", "[1]", "an event is a JSON object"],
    ["no probe", '{"nsecs":1}', 'an event has the name of its "probe"'],
    ["a pid that is text", '{"probe":"p","pid":"7"}', '"pid" is a whole number'],
    ["a negative time", '{"probe":"p","nsecs":-1}', '"nsecs" is not negative'],
    ["a fraction", '{"probe":"p","args":{"x":1.5}}', 'the argument "x" is a whole number'],
    ["an object as argument", '{"probe":"p","args":{"x":{}}}', 'the argument "x" is a whole number'],
    ["arguments as a list", '{"probe":"p","args":[1]}', '"args" is an object'],
    ["a CPU too many", '{"probe":"p","cpu":5000}', '"cpu" is at most 1023'],
  ];
  for (const [name, text, message] of wrong)
    test(`${name} is said with its line`, () => {
      let error: unknown;
      try {
        parseRecording({ name: "r", text: `{"probe":"fine"}\n\n${text}` });
      } catch (e) {
        error = e;
      }
      expect(error).toBeInstanceOf(DiagnosticError);
      const [first] = (error as DiagnosticError).diagnostics;
      expect(first?.message).toContain(message);
      expect(first?.span?.start).toBe('{"probe":"fine"}\n\n'.length);
    });

  const headers: readonly (readonly [more: object, message: string])[] = [
    [{ version: 2 }, "has version 2"],
    [{ version: 1, cpus: 0 }, '"cpus" is from 1 to 1024'],
    [{ version: 1, start: "now" }, '"start" is a whole number'],
    [{ version: 1, probes: 5 }, '"probes" is an object'],
    [{ version: 1, probes: { "tracepoint:a:b": { fields: 3 } } }, "the fields of tracepoint:a:b are a list"],
    [
      { version: 1, probes: { p: { fields: [{ name: "x", type: "int", offset: -1, size: 4, signed: true }] } } },
      "the fields of p",
    ],
  ];
  for (const [more, message] of headers)
    test(`a header that is wrong is refused: ${JSON.stringify(more)}`, () => {
      expect(() => parseRecording({ name: "r", text: JSON.stringify({ scry: "recording", ...more }) })).toThrow(
        message,
      );
    });

  test("a field that no event has is an error, with the place", () => {
    const probes = new RecordedProbes(
      parseRecording({ name: "r", text: '{"probe":"tracepoint:a:b","args":{"good":1}}' }),
    );
    expect(
      recordedEnvironment(probes)
        .tracepointFormat("a", "b")
        ?.map((f) => f.name),
    ).toEqual(["good"]);
    expect(() =>
      embeddedTrace("tracepoint:a:b { print(args.bad) }", {
        recording: [{ probe: "tracepoint:a:b", args: { good: 1 } }],
      }),
    ).toThrow("no field named 'bad'");
  });
});
