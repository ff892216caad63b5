// How a run begins and ends on the live kernel: what is attached, what is lost, what is left behind.

import { describe, expect, it } from "vitest";
import { hasSdt, loadProgram, NOTIFY, Running, runScry, startLoad, startScry, traceLoad } from "../support/commands.ts";
import { eventually, kernelObjects, lostEvents, newObjects } from "../support/scripts.ts";

describe("what is left behind", () => {
  const script = `tracepoint:syscalls:sys_enter_getppid { @[comm] = count(); printf("x\\n"); } uprobe:LOAD:probe_me { @h = hist(arg0); } profile:hz:10 { @s[kstack] = count(); } interval:s:1 { @n++; }`;

  for (const [how, signal] of [
    ["kill -9", "SIGKILL"],
    ["SIGINT", "SIGINT"],
    ["SIGTERM", "SIGTERM"],
  ] as const) {
    it(`nothing, after ${how}`, async () => {
      const before = kernelObjects();
      const run = startScry(["-e", script.replace("LOAD", loadProgram())], { env: { [NOTIFY]: "1" } });
      await run.until(NOTIFY);
      expect(newObjects(before)).toBeGreaterThan(4);
      run.kill(signal);
      const ended = await run.done;
      if (signal !== "SIGKILL") expect(ended.status).toBe(0);
      // The kernel frees programs and maps after a grace period.
      expect(await eventually(() => newObjects(before) === 0)).toBe(true);
    });
  }

  it("nothing, after a script that could not attach", async () => {
    const before = kernelObjects();
    const ended = await runScry([
      "-e",
      `tracepoint:syscalls:sys_enter_getppid { @ = count(); } hardware:cpu-cycles:1000000 { @h = count(); }`,
    ]);
    if (ended.status === 0) return;
    expect(await eventually(() => newObjects(before) === 0)).toBe(true);
  });
});

describe("signals", () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`${signal} runs the end probes, prints the maps and gives 0`, async () => {
      const run = startScry(
        ["-e", 'begin { printf("begin\\n"); @x = 5; } interval:s:100 { } end { printf("end\\n"); }'],
        { env: { [NOTIFY]: "1" } },
      );
      await run.until(NOTIFY);
      run.kill(signal);
      const ended = await run.done;
      expect(ended.stdout.replace(`${NOTIFY}\n`, "")).toBe("begin\nend\n\n\n@x: 5\n");
      expect(ended.status).toBe(0);
    });
  }

  it("a signal of one's own fires its probe", async () => {
    const run = startScry(["-e", 'self:signal:SIGUSR1 { printf("usr1\\n"); @n++; if (@n == 2) { exit(); } }'], {
      env: { [NOTIFY]: "1" },
    });
    await run.until(NOTIFY);
    run.kill("SIGUSR1");
    await run.until("usr1\n");
    run.kill("SIGUSR1");
    const ended = await run.done;
    expect(ended.stdout.replace(`${NOTIFY}\n`, "")).toBe("usr1\nusr1\n\n\n@n: 2\n");
  });
});

describe("order", () => {
  it("begin probes before all, end probes after all, each in the order of the script", async () => {
    const ended = await runScry([
      "-e",
      'end { printf("e1\\n"); } begin { printf("b1\\n"); } interval:ms:10 { printf("i\\n"); exit(); } begin { printf("b2\\n"); } end { printf("e2\\n"); }',
    ]);
    expect(ended.stdout).toBe("b1\nb2\ni\ne1\ne2\n\n\n");
  });

  it("the line that says that all is attached comes before what begin prints, as bpftrace has it", async () => {
    const ended = await runScry(["-e", 'begin { printf("b\\n"); } interval:ms:300 { printf("i\\n"); exit(); }'], {
      env: { [NOTIFY]: "1" },
    });
    expect(ended.stdout).toBe(`${NOTIFY}\nb\ni\n\n\n`);
  });

  it("printf, print and clear stay in order", async () => {
    const steps = Array.from(
      { length: 20 },
      (_, i) => `printf("p${i}\\n"); @m[${i}] = ${i}; print(@m[${i}]); print(${i * 10});`,
    ).join(" ");
    const ended = await runScry(["-e", `begin { ${steps} clear(@m); printf("last\\n"); }`]);
    expect(ended.stdout).toBe(`${Array.from({ length: 20 }, (_, i) => `p${i}\n${i}\n${i * 10}\n`).join("")}last\n\n\n`);
  });

  it("print of a map stands where it was asked for", async () => {
    const ended = await runScry([
      "-e",
      'begin { @m = 1; printf("a\\n"); print(@m); printf("b\\n"); clear(@m); printf("c\\n"); }',
    ]);
    expect(ended.stdout).toBe("a\n@m: 1\nb\nc\n\n\n");
  });
});

describe("exit", () => {
  it("gives its code, from begin, from an event and from end", async () => {
    const codes = await Promise.all([
      runScry(["-e", "begin { exit(3); } end { @x = 1; }"]),
      runScry(["-e", "interval:ms:5 { exit(7); }"]),
      runScry(["-e", "begin { } end { exit(9); }"]),
      runScry(["-e", "begin { exit(); }"]),
    ]);
    expect(codes.map((c) => c.status)).toEqual([3, 7, 9, 0]);
  });

  it("under a flood is prompt and not lost", async () => {
    const load = await startLoad("getppid", 200_000_000);
    try {
      const run = startScry(
        [
          "-e",
          `t:syscalls:sys_enter_getppid /pid == ${load.pid}/ { printf("%d %s\\n", tid, comm); } interval:ms:300 { exit(5); }`,
          "-o",
          "/dev/null",
        ],
        { timeout: 20_000, env: { [NOTIFY]: "1" } },
      );
      load.go();
      const ended = await run.done;
      expect(ended.status).toBe(5);
      expect(ended.milliseconds).toBeLessThan(5000);
    } finally {
      load.running.kill("SIGKILL");
      await load.running.done;
    }
  });
});

describe("losses", () => {
  const producers = 2;
  const each = 500_000;

  /** Traces two loads at once; gives how many lines came and how many were said to be lost. */
  async function burst(
    env: Readonly<Record<string, string>>,
  ): Promise<{ received: number; lost: number; counted: number }> {
    const loads = await Promise.all(Array.from({ length: producers }, () => startLoad("getppid", each)));
    const pids = loads.map((l) => l.pid);
    const run = startScry(
      [
        "-e",
        `t:syscalls:sys_enter_getppid /pid == ${pids.join(" || pid == ")}/ { printf("%d\\n", tid); @sent = count(); }`,
      ],
      { env: { ...env, [NOTIFY]: "1" }, timeout: 60_000 },
    );
    try {
      await run.until(NOTIFY);
      for (const l of loads) l.go();
      await Promise.all(loads.map((l) => l.finished()));
      run.kill("SIGINT");
      const ended = await run.done;
      const lines = ended.stdout.split("\n");
      return {
        received: lines.filter((l) => /^\d+$/.test(l)).length,
        lost: lostEvents(ended.stderr),
        counted: Number(/@sent: (\d+)/.exec(ended.stdout)?.[1]),
      };
    } finally {
      for (const l of loads) l.running.kill("SIGKILL");
    }
  }

  it("a burst of 1,000,000 events: received + lost = sent", async () => {
    const { received, lost, counted } = await burst({});
    expect(counted).toBe(producers * each);
    expect(received + lost).toBe(producers * each);
    expect(received).toBeGreaterThan(0);
  });

  it("a ring of one page loses, and says exactly how many", async () => {
    const { received, lost } = await burst({ BPFTRACE_PERF_RB_PAGES: "1" });
    expect(lost).toBeGreaterThan(0);
    expect(received + lost).toBe(producers * each);
  });
});

describe("-c and -p", () => {
  it("-c traces the command from its start, and ends with it", async () => {
    const ended = await runScry([
      "-c",
      "/bin/sh -c 'exit 4'",
      "-e",
      'tracepoint:syscalls:sys_enter_exit_group /pid == cpid/ { printf("exit %d\\n", args.error_code); }',
    ]);
    expect(ended.stdout).toContain("exit 4\n");
    expect(ended.status).toBe(0);
  });

  it("-p sees that process only, and ends with it", async () => {
    const target = await startLoad("getppid", 100);
    const other = await startLoad("getppid", 1000);
    try {
      const run = startScry(["-p", String(target.pid), "-e", "t:syscalls:sys_enter_getppid { @[pid] = count(); }"], {
        env: { [NOTIFY]: "1" },
      });
      await run.until(NOTIFY);
      other.go();
      await other.finished();
      target.go();
      await target.finished();
      await target.leave();
      const ended = await run.done;
      expect(ended.stdout.replace(`${NOTIFY}\n`, "")).toBe(`\n\n@[${target.pid}]: 100\n`);
      expect(ended.status).toBe(0);
    } finally {
      other.running.kill("SIGKILL");
      target.running.kill("SIGKILL");
    }
  });

  it.each([
    ["uprobe:*:probe_me { @n = count(); }", true],
    ["uprobe:*:malloc { } uprobe:*:probe_me { @n = count(); }", true],
    ["usdt::scrytest:plain { @n = count(); }", hasSdt],
    ["usdt:*:scrytest:plain { @n = count(); }", hasSdt],
  ])("-p names the files: %s", async (script, possible) => {
    if (!possible) return;
    const [ended] = await traceLoad(
      [script.startsWith("usdt") ? "usdt" : "call", 4],
      [(load) => startScry(["-p", String(load.pid), "-e", script], { env: { [NOTIFY]: "1" } })],
    );
    expect(ended?.stdout).toContain("@n: 4\n");
  });

  it("a command is ended when the script exits first", async () => {
    const run = startScry(["-c", "sleep 987", "-e", 'begin { printf("%d\\n", cpid); } interval:ms:50 { exit(); }']);
    const ended = await run.done;
    const pid = Number(ended.stdout.split("\n")[0]);
    expect(pid).toBeGreaterThan(1);
    expect(
      await eventually(() => {
        try {
          process.kill(pid, 0);
          return false;
        } catch {
          return true;
        }
      }),
    ).toBe(true);
  });
});

it("counts every event of a load, whatever the kind of probe", async () => {
  const [ended] = await traceLoad(
    ["many", 1000],
    [
      () =>
        startScry(
          [
            "-e",
            `uprobe:${loadProgram()}:probe_many { @u = count(); } uretprobe:${loadProgram()}:probe_many { @r = count(); }`,
          ],
          { env: { [NOTIFY]: "1" } },
        ),
    ],
  );
  expect(ended?.stdout).toBe("\n\n@r: 1000\n@u: 1000\n");
});

it("ends quietly when nobody reads its output any more", async () => {
  const load = await startLoad("getppid", 200_000_000);
  try {
    const { scryCommand } = await import("../support/commands.ts");
    const run = new Running(
      "/bin/sh",
      [
        "-c",
        `"${process.execPath}" "${scryCommand()}" -e 't:syscalls:sys_enter_getppid /pid == ${load.pid}/ { printf("line\\n"); }' | head -n 3; echo over`,
      ],
      { timeout: 20_000 },
    );
    load.go();
    const ended = await run.done;
    expect(ended.stdout).toBe("line\nline\nline\nover\n");
    expect(ended.stderr).not.toMatch(/EPIPE|Error:|at /);
  } finally {
    load.running.kill("SIGKILL");
  }
});
