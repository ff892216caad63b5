// What is traced where that is more than one process: all that a process starts, and the tasks of a control group. Each
// process that shall be seen opens a file of its name, or calls getppid; those that shall not do the same.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { hasFeature } from "../../src/kernel/index.ts";
import { compileScript } from "../../src/lang/trace/index.ts";
import { livePlaces } from "../../src/session/group-tree.ts";
import { liveEnvironment, RunningScript } from "../../src/session/index.ts";
import { loadProgram, NOTIFY, Running, repository, runScry, scratchFolder, startScry } from "../support/commands.ts";
import { eventually, kernelObjects, newObjects } from "../support/scripts.ts";

const env = { [NOTIFY]: "1" };
/** For a machine that is simulated. */
const slow = { timeout: 120_000 };
const OPENS =
  'tracepoint:syscalls:sys_enter_openat { $f = str(args.filename); if (strncmp($f, "/nowhere-", 9) == 0) { printf("%s\\n", $f); } }';
const GETPPID = 'tracepoint:syscalls:sys_enter_getppid { printf("%d\\n", pid); }';

/** What a script has printed, sorted. */
const lines = (stdout: string): string[] =>
  stdout
    .split("\n")
    .filter((line) => line !== "" && line !== NOTIFY)
    .sort();
const opened = (stdout: string): string[] => lines(stdout).map((line) => line.replace("/nowhere-", ""));
const numbers = (text: string): number[] =>
  [...new Set((text.match(/^\d+$/gm) ?? []).map(Number))].sort((a, b) => a - b);

const breakpoints = hasFeature("breakpoints");
let treePath: string | undefined;
function tree(): string {
  if (treePath === undefined) {
    treePath = join(scratchFolder(), "tree");
    execFileSync("gcc", ["-O1", "-pthread", "-o", treePath, join(repository, "test/support/tree.c")]);
  }
  return treePath;
}

/** A shell that does what it is told, line by line. */
function shell(): Running {
  return new Running("sh", [], { env: { LC_ALL: "C" } });
}

async function say(to: Running, line: string): Promise<void> {
  to.send(`${line}\necho done-${said}\n`);
  await to.until(`done-${said++}\n`);
}
let said = 0;

describe("--follow -c", () => {
  it("sees the command, its children, theirs, and what they become", async () => {
    const outside = shell();
    const command = join(scratchFolder(), "family.sh");
    writeFileSync(
      command,
      `true < /nowhere-self
cat /nowhere-child
(cat /nowhere-grandchild; exec cat /nowhere-become)
sh -c 'sh -c "cat /nowhere-deep; :" ; :'
read line < ${scratchFolder()}/family.fifo
cat /nowhere-late
`,
    );
    execFileSync("mkfifo", [join(scratchFolder(), "family.fifo")]);
    const run = startScry(["--follow", "-c", `sh ${command}`, "-e", OPENS], { env });
    await run.until("/nowhere-deep\n");
    await say(outside, "cat /nowhere-outside");
    writeFileSync(join(scratchFolder(), "family.fifo"), "go\n");
    const ended = await run.done;
    outside.kill("SIGKILL");
    expect(opened(ended.stdout)).toEqual(["become", "child", "deep", "grandchild", "late", "self"]);
    expect(ended.status).toBe(0);
  });

  it("goes on until the last of them has ended", async () => {
    const ended = await runScry(["--follow", "-c", "sh -c '(sleep 0.7; cat /nowhere-last) & exit 0'", "-e", OPENS]);
    expect(opened(ended.stdout)).toEqual(["last"]);
    expect(ended.status).toBe(0);
  });

  it("holds with a predicate, and with what the predicate asks", async () => {
    const ended = await runScry([
      "--follow",
      "-c",
      "sh -c 'cat /nowhere-cat; head /nowhere-head; exit 0'",
      "-e",
      OPENS.replace(" {", ' /comm == "head" && pid != cpid/ {'),
    ]);
    expect(opened(ended.stdout)).toEqual(["head"]);
  });

  it("sees a process whose first thread has ended, and what it starts", async () => {
    const ended = await runScry(["--follow", "-c", `${tree()} leader`, "-e", `${GETPPID} end { printf("end\\n"); }`]);
    const [marks, seen] = [numbers(ended.stdout.replace(/end[\s\S]*/, "")), ended.stdout];
    expect(seen).toContain("end\n");
    // Both have written their numbers, and the script has, to the same standard output.
    expect(marks).toHaveLength(2);
    for (const pid of marks) expect(ended.stdout.split("\n").filter((l) => l === String(pid))).toHaveLength(2);
  });

  it("serves uprobes in children, which no probe of one process would", async () => {
    const load = loadProgram();
    const command = `sh -c 'printf "go\\nend\\n" | ${load} call 3 > /dev/null; exit 0'`;
    const [followed, other] = [
      await runScry(["--follow", "-c", command, "-e", `uprobe:${load}:probe_me { @ = count(); }`]),
      await runScry(["--follow", "-c", "true", "-e", `uprobe:${load}:probe_me { @ = count(); }`]),
    ];
    expect(followed.stdout).toContain("@: 3\n");
    expect(other.stdout).not.toContain("@: 3\n");
  });

  it("gives what a process does last to it", async () => {
    const ended = await runScry([
      "--follow",
      "-c",
      "sh -c 'true; /bin/true; exit 0'",
      "-e",
      'tracepoint:sched:sched_process_exit { printf("%s\\n", comm); } tracepoint:sched:sched_process_fork { printf("fork\\n"); }',
    ]);
    expect(lines(ended.stdout)).toEqual(["fork", "sh", "true"]);
  });
});

describe("--follow -p", () => {
  it("sees those that were there at the start, and what they start", async () => {
    const root = shell();
    const outside = shell();
    const gate = join(scratchFolder(), "gate");
    const wait = `until test -e ${gate}; do sleep 0.02; done`;
    await say(root, `(sh -c '${wait}; cat /nowhere-grandchild; :'; :) & (${wait}; cat /nowhere-child) &`);
    await say(outside, `(${wait}; cat /nowhere-outside) &`);
    const run = startScry(["--follow", "-p", String(root.pid), "-e", OPENS], { env });
    await run.until(NOTIFY);
    writeFileSync(gate, "");
    await say(outside, "wait");
    await say(root, "wait; cat /nowhere-new");
    root.send("exit\n");
    const ended = await run.done;
    outside.kill("SIGKILL");
    expect(opened(ended.stdout)).toEqual(["child", "grandchild", "new"]);
    expect(ended.status).toBe(0);
  });

  it("loses none of those that are started while it begins", { timeout: 400_000 }, async () => {
    for (let turn = 0; turn < 5; turn++) {
      const [root, outside] = [new Running(tree(), ["storm"], slow), new Running(tree(), ["storm"], slow)];
      await Promise.all([root.until("ready\n"), outside.until("ready\n")]);
      const run = startScry(["--follow", "-p", String(root.pid), "-e", GETPPID], { env, ...slow });
      await run.until(NOTIFY);
      root.send("mark\n");
      outside.send("mark\n");
      const [ended, own] = await Promise.all([run.done, root.done, outside.done]);
      expect(numbers(own.stdout).length).toBeGreaterThan(6);
      expect(numbers(ended.stdout)).toEqual(numbers(own.stdout));
    }
  });

  it("takes a number that is used again for who has it now", async () => {
    const [root, outside] = [shell(), shell()];
    const run = startScry(["--follow", "-p", String(root.pid), "-e", GETPPID], { env });
    await run.until(NOTIFY);
    const ask = async (of: Running, command: string): Promise<number> => {
      await say(of, command);
      return Number(of.stdout.match(/^\d+$/gm)?.at(-1));
    };
    // A number that nobody has now, and that one of ours had.
    const number = await ask(root, "sleep 0 & echo $!; wait");
    expect(await ask(outside, `${tree()} as ${number}`)).toBe(number);
    await say(outside, "sleep 0.1");
    const before = numbers(run.stdout);
    expect(await ask(root, `${tree()} as ${number}`)).toBe(number);
    root.send("exit\n");
    outside.send("exit\n");
    const ended = await run.done;
    expect(before).not.toContain(number);
    expect(numbers(ended.stdout)).toContain(number);
  });

  it.skipIf(!breakpoints)(
    `watches memory of children, too${breakpoints ? "" : " (not here: no hardware breakpoints)"}`,
    async () => {
      const root = new Running("sh", ["-c", `${loadProgram()} touch 5; exit 0`]);
      await root.until("\n");
      const address = root.stdout.trim().split(" ")[1] as string;
      const run = startScry(
        ["--follow", "-p", String(root.pid), "-e", `watchpoint:${address}:8:w { @[pid != ${root.pid}] = count(); }`],
        { env },
      );
      await run.until(NOTIFY);
      root.send("go\n");
      await root.until("done\n");
      root.send("end\n");
      expect((await run.done).stdout).toContain("@[true]: 5\n");
    },
  );

  it("leaves nothing behind", async () => {
    const root = shell();
    const before = kernelObjects();
    const run = startScry(["--follow", "-p", String(root.pid), "-e", OPENS], { env });
    await run.until(NOTIFY);
    expect(newObjects(before)).toBeGreaterThan(4);
    run.kill("SIGINT");
    await run.done;
    root.send("exit\n");
    expect(await eventually(() => newObjects(before) === 0)).toBe(true);
  });
});

describe("--follow without types of the kernel", () => {
  it("learns from the event's record who is started", async () => {
    const root = shell();
    const live = liveEnvironment({ pid: root.pid, follow: true });
    const seen: string[] = [];
    const script = compileScript(
      { name: "old", text: OPENS },
      { ...live, btf: () => undefined, lacks: (part) => part === "currentTaskBtf" },
      { ringBytes: 1 << 16 },
    );
    expect(script.object.programs.map((p) => [p.name, p.type])).toContainEqual(["scry_follow_fork", "tracepoint"]);
    const running: RunningScript = new RunningScript(script, {
      record: (site, view, bytes, offset) => {
        const at = offset + (site.fields[0]?.offset ?? 0);
        seen.push(Buffer.from(bytes.subarray(at, at + 64)).toString("latin1"));
        void view;
      },
      printMap: () => {},
      lost: () => {},
      warning: () => {},
      pause: () => {},
    });
    try {
      running.attach();
      const done = running.run();
      expect(running.anyFollowed).toBe(true);
      await say(root, "sh -c 'cat /nowhere-child; :'");
      root.send("exit\n");
      await root.done;
      expect(await eventually(() => !running.anyFollowed)).toBe(true);
      running.stop();
      await done;
      running.finish();
    } finally {
      await running.close();
    }
    expect(seen.map((text) => text.includes("/nowhere-child"))).toEqual([true]);
  });
});

describe("control groups", () => {
  // Where none is mounted, one of our own.
  const mounted = livePlaces().root;
  const root = mounted ?? mkdtempSync("/tmp/scry-cgroup2-");
  if (mounted === undefined) execFileSync("mount", ["-t", "cgroup2", "none", root]);
  afterAll(() => {
    if (mounted !== undefined) return;
    execFileSync("umount", [root]);
    rmdirSync(root);
  });
  const made: string[] = [];
  const own = `scry-test-${process.pid}`;

  /** Makes a group, with a shell in it. */
  function group(...path: string[]): { folder: string; shell: Running } {
    let folder = root;
    for (const part of path) {
      folder = join(folder, part);
      if (existsSync(folder)) continue;
      mkdirSync(folder);
      made.unshift(folder);
    }
    const member = shell();
    writeFileSync(join(folder, "cgroup.procs"), String(member.pid));
    shells.push(member);
    return { folder, shell: member };
  }
  const shells: Running[] = [];

  afterEach(async () => {
    for (const each of shells) each.kill("SIGKILL");
    await Promise.all(shells.splice(0).map((each) => each.done));
    for (const folder of made.splice(0)) {
      await eventually(() => readFileSync(join(folder, "cgroup.procs"), "utf8") === "");
      rmdirSync(folder);
    }
  });

  const container = "5c7e".padEnd(64, "0123456789abcdef");
  const ways: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["by its path", [own], ["--cgroup", join(root, own)]],
    ["by its path below the mount", [own], ["--cgroup", `/${own}/`]],
    ["by its folder's name", [own, `${own}-inner`], ["--cgroup", `${own}-inner`]],
    ["by a unit's name", [own, `${own}.service`], ["--unit", own]],
    ["by a container's id", [own, `docker-${container}.scope`], ["--container", container.slice(0, 12)]],
    [
      "by all of these at once",
      [own, `${own}.service`, `libpod-${container}.scope`],
      ["--container", container, "--unit", own, "--cgroup", own],
    ],
  ];

  it.each(ways)("are traced %s, with those below, and no others", async (_, path, options) => {
    const inside = group(...path);
    const below = group(...path, "below", "deeper");
    const beside = group(`${own}-beside`);
    const outside = shell();
    shells.push(outside);
    const run = startScry([...options, "-e", OPENS], { env });
    await run.until(NOTIFY);
    await say(beside.shell, "cat /nowhere-beside");
    await say(outside, "cat /nowhere-outside");
    await say(inside.shell, "cat /nowhere-inside");
    await say(below.shell, "sh -c 'cat /nowhere-below; :'");
    // Who comes in is seen, who leaves is not.
    writeFileSync(join(inside.folder, "cgroup.procs"), String(outside.pid));
    await say(outside, "cat /nowhere-came");
    writeFileSync(join(root, "cgroup.procs"), String(outside.pid));
    await say(outside, "cat /nowhere-left");
    await say(inside.shell, "cat /nowhere-end");
    await run.until("/nowhere-end\n");
    run.kill("SIGINT");
    expect(opened((await run.done).stdout)).toEqual(["below", "came", "end", "inside"]);
  });

  it("hold together with --follow, -p and a predicate", async () => {
    const { folder, shell: inside } = group(own);
    const outside = shell();
    shells.push(outside);
    const started = await Promise.all([
      startScry(["--cgroup", folder, "--follow", "-p", String(outside.pid), "-e", OPENS], { env }),
      startScry(["--cgroup", folder, "-p", String(outside.pid), "-e", OPENS], { env }),
      startScry(["--cgroup", folder, "-e", OPENS.replace(" {", ' /comm == "head"/ {')], { env }),
    ]);
    await Promise.all(started.map((run) => run.until(NOTIFY)));
    await say(inside, "cat /nowhere-inside; head /nowhere-head");
    await say(outside, "cat /nowhere-outside");
    await say(outside, `sh -c 'echo $$ > ${folder}/cgroup.procs; cat /nowhere-both; :'`);
    await say(outside, `echo $$ > ${folder}/cgroup.procs; true < /nowhere-self`);
    await say(inside, "head /nowhere-end");
    await (started[2] as Running).until("/nowhere-end\n");
    for (const run of started) run.kill("SIGINT");
    const [followed, one, head] = await Promise.all(started.map(async (run) => opened((await run.done).stdout)));
    expect(followed).toEqual(["both", "self"]);
    expect(one).toEqual(["self"]);
    expect(head).toEqual(["end", "head"]);
  });

  it("are known again when they are made anew, as by a unit that is started again", async () => {
    const first = group(`${own}.service`);
    const run = startScry(["--unit", own, "-e", `${OPENS} interval:ms:50 { }`], { env });
    await run.until(NOTIFY);
    await say(first.shell, "cat /nowhere-first");
    first.shell.kill("SIGKILL");
    await first.shell.done;
    expect(await eventually(() => readFileSync(join(first.folder, "cgroup.procs"), "utf8") === "")).toBe(true);
    rmdirSync(first.folder);
    made.splice(0);
    const second = group(`${own}.service`);
    const seen = async (): Promise<boolean> => {
      await say(second.shell, "cat /nowhere-second");
      return run.stdout.includes("/nowhere-second");
    };
    const end = Date.now() + 10_000;
    while (!(await seen()) && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 100));
    run.kill("SIGINT");
    expect([...new Set(opened((await run.done).stdout))]).toEqual(["first", "second"]);
  });

  const wrong: readonly (readonly [readonly string[], string, RegExp])[] = [
    [["--cgroup", "scry-no-such-group"], "SCRY1140", /no control group scry-no-such-group/],
    [["--cgroup", "/scry/no/such"], "SCRY1140", /no control group/],
    [["--unit", "scry-no-such-unit"], "SCRY1140", /scry-no-such-unit\.service/],
    [["--container", "scry-no-such-container"], "SCRY1140", /no container/],
    [["--follow"], "SCRY1127", /-p PID or -c COMMAND/],
    [["--follow", "-p", "1", "--machine", "embedded"], "SCRY1144", /--follow/],
    [["--unit", "x", "--test"], "SCRY1144", /--unit/],
    [["--follow", "-c", "true", "--emit-elf", "/dev/null"], "SCRY1144", /object file/],
  ];
  it.each(wrong)("%s is refused with %s", async (options, code, message) => {
    const ended = await runScry([...options, "-f", "json", "-e", "begin { }"]);
    expect(ended.status).toBe(1);
    expect(JSON.parse(ended.stderr.split("\n")[0] as string)).toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it("that are alike in name are listed, with what to say instead", async () => {
    const { folder } = group(own, "twin");
    group(`${own}-beside`, "twin");
    const ended = await runScry(["--cgroup", "twin", "-e", "begin { }"]);
    expect(ended.stderr).toContain(`--cgroup /${own}/${basename(folder)}\n`);
    const both = await runScry(["--cgroup", `${own}/twin`, "--unit", `${own}-beside`, "-e", "begin { }"]);
    expect(both.stderr).toContain(`no unit ${own}-beside.service`);
  });
});

describe("scry record", () => {
  it("records what is followed, for the embedded machine", async () => {
    const file = join(scratchFolder(), "followed.jsonl");
    const recorded = await runScry([
      "record",
      ...[
        "--follow",
        "-c",
        "sh -c 'cat /nowhere-recorded; exit 0'",
        "-e",
        "tracepoint:syscalls:sys_enter_openat",
        "-o",
        file,
      ],
    ]);
    expect(recorded.status).toBe(0);
    const replayed = await runScry(["--events", file, "-e", OPENS]);
    expect(opened(replayed.stdout)).toEqual(["recorded"]);
  });
});
