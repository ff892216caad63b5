// Processes in namespaces of their own, as containers have them: one that sees other files than the tracer, and a tracer
// to which processes have other numbers than to the kernel.

import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Running, runScry, scratchFolder, scryCommand } from "../support/commands.ts";

const folder = join(scratchFolder(), "outside");
const outside = join(folder, "ticks");
/** The same folder, where only a process of the test sees it. */
const place = join(scratchFolder(), "inside");
const program = join(place, "ticks");

beforeAll(() => {
  for (const path of [folder, place]) mkdirSync(path);
  symlinkSync("ticks", join(folder, "link"));
  writeFileSync(
    `${outside}.c`,
    "#include <unistd.h>\nint tick(int n) { return n + 1; }\nint main() { for (int n = 0;; n = tick(n)) usleep(10000); }\n",
  );
  execFileSync("gcc", ["-g", "-O0", "-o", outside, `${outside}.c`]);
});

describe("a process that sees other files", () => {
  it("is probed in its own", async () => {
    const mounts = `mount --bind ${folder} ${place} && echo ready $$. && exec ${program}`;
    const running = new Running("unshare", ["--mount", "sh", "-c", mounts]);
    try {
      await running.until(".\n");
      const pid = /ready (\d+)/.exec(running.stdout)?.[1] as string;
      for (const target of [program, join(place, "link"), "", "*", `${place}/t*s`]) {
        const script = `uprobe:${target}:tick { printf("hit %d\\n", pid == ${pid}); exit(); }`;
        expect((await runScry(["-p", pid, "-e", script])).stdout, target).toContain("hit 1\n");
      }
      const listed = await runScry(["-l", "-p", pid, "uprobe:*:tick"]);
      expect(listed.stdout).toBe(`uprobe:/proc/${pid}/root${program}:tick\n`);
    } finally {
      running.kill("SIGKILL");
    }
  });
});

describe("a tracer in a namespace of processes of its own", () => {
  /** What a shell writes that is the namespace's first process. */
  const within = (lines: string): string =>
    execFileSync("unshare", ["--fork", "--pid", "--mount-proc", "--kill-child", "sh", "-c", lines], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });

  it("has the numbers that ps has there", () => {
    const script = 'begin { printf("%d %d %d %d\\n", pid, tid, pid(curr_ns), pid(init) > pid); }';
    expect(within(`exec node ${scryCommand()} -e '${script}'`)).toContain("1 1 1 1\n");
  });

  it("finds the process it is asked for, and the functions of its stacks", () => {
    const script = `tracepoint:syscalls:sys_enter_clock_nanosleep { @ = count(); }
      uprobe:${outside}:tick { printf("%d %s", pid, ustack(2)); } interval:ms:300 { exit(); }`;
    const out = within(`${outside} & node ${scryCommand()} -p $! -e '${script}' | tee; kill $!`);
    expect(out).toMatch(/2 \n\s+tick\+\d+\n\s+main\+\d+\n/);
    expect(out).toMatch(/@: [1-9]/);
  });
});
