// Scripts that bpftrace cannot run on this kernel, or not at all, and what they print.

import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runScry } from "../support/commands.ts";

describe("what bpftrace cannot run here", () => {
  const cases: readonly (readonly [name: string, script: string, printed: string])[] = [
    [
      "paths of open files",
      `iter:task_file { if (ctx.task.pid == $1 && ctx.fd == $2) {
         $x = path(ctx.file.f_path); print(($x, path(ctx.file.f_path, 5))); @[path(ctx.file.f_path)] = count();
         if (path(ctx.file.f_path) == "/dev/null") { print("the same"); } } }`,
      "(/dev/null, null)\nthe same\n\n\n@[/dev/null]: 1\n",
    ],
    [
      "the struct around a member",
      `begin { $p = container_of((uint64)curtask + offsetof(struct task_struct, pid), struct task_struct, pid);
         print($p == curtask); print($p.pid == tid);
         print((uint64)curtask - (uint64)container_of(curtask, typeof(struct task_struct), mm) == offsetof(struct task_struct, mm)); }`,
      "true\ntrue\ntrue\n\n\n",
    ],
  ];
  it.each(cases)("%s", async (_, script, printed) => {
    const file = openSync("/dev/null", "r");
    try {
      const ended = await runScry(["-q", "-e", script, String(process.pid), String(file)]);
      expect([ended.stderr, ended.stdout]).toEqual(["", printed]);
    } finally {
      closeSync(file);
    }
  });

  it("a helper that the kernel refuses is named", async () => {
    const ended = await runScry(["--unsafe", "-e", "begin { print(write_user(0, 1)); }"]);
    expect(ended.stderr).toMatch(/^$|helper bpf_probe_write_user not supported in probe/);
  });
});
