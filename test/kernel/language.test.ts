// Scripts that bpftrace cannot run on this kernel, or not at all, and what they print.

import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runScry } from "../support/commands.ts";

/** Functions of the script: early returns out of loops, of ranges and over maps; values of every kind. */
const FUNCTIONS = `
fn fact($n: int64): int64 { $r = 1; for $i : 1..($n + 1) { $r *= $i; if ($r > 1000) { return -1; } } return $r; }
fn name($p: struct task_struct *): string[16] { return $p.comm; }
fn bump($k: uint64): void { @n[$k] = count(); if ($k > 5) { return; } @small[$k] = 1; }
fn look($k: int64): int64 { for $kv : @m { if ($kv.0 == $k) { return $kv.1; } } return -5; }
fn pair($a: int64, $b: int64): typeof((1, "abc")) { return ($a + $b, "abc"); }
begin {
  @m[1] = 10; @m[2] = 20; @m[3] = 30;
  print((fact(3), fact(5), fact(20))); print(fact(fact(3))); print(name(curtask));
  bump(3); bump(9); bump(3); unroll (2) { print(fact(2)); }
  print((look(2), look(9), look(3) + look(1))); print(pair(1, 2)); clear(@m);
}`;
const PRINTED = "(6, 120, -1)\n720\nscry\n2\n2\n(20, -5, 40)\n(3, abc)\n\n\n@n[9]: 1\n@n[3]: 2\n@small[3]: 1\n";

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
    [
      "stacks compared (each is taken at a place of its own)",
      "begin { $a = kstack; $b = $a; print($a == $b); print($a == kstack); }",
      "true\nfalse\n\n\n",
    ],
    [
      "how many frames a kept stack has, the kernel's and one that is unwound",
      "begin { $k = kstack; $u = dw_ustack; print(len($k) == len(kstack)); print(len($k) > 3); print(len($u) > 0); $s = kstack(2); print(len($s)); }",
      "true\ntrue\ntrue\n2\n\n\n",
    ],
    [
      "a text that fills its place in a struct of the script",
      `struct word { char first[3]; char rest[2]; } struct address { char v4[4]; }
       begin {
         $at = (uint64)curtask.nsproxy.uts_ns + offsetof(struct uts_namespace, name);
         $w = (struct word *)$at; $copy = *$w;
         print($w.first); print(sizeof($w.first)); print((1, $w.rest)); print($copy.first); print($copy);
         print($copy.first == "Lin"); print(buf($copy.first)); print(ntop(((struct address *)$at).v4)); @[$w.first] = $copy.rest;
       }`,
      "Lin\n4\n(1, ux)\nLin\n{ .first = Lin, .rest = ux }\ntrue\nLin\n76.105.110.117\n\n\n@[Lin]: ux\n",
    ],
    ["functions", FUNCTIONS, PRINTED],
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

  it("a place within a macro is told with the uses that led there, while the script runs too", async () => {
    const script = 'macro bad() { errorf("no"); } macro worse() { bad() } begin { worse(); }';
    const { stderr } = await runScry(["-q", "-e", script]);
    expect(stderr.split("\n").filter((line) => line.startsWith("stdin:"))).toEqual([
      "stdin:1:15-27: ERROR: no",
      "stdin:1:47-52: ERROR: expanded from",
      "stdin:1:63-70: ERROR: expanded from",
    ]);
  });

  it("--no-warnings leaves out what is said of the run, and errors stay", async () => {
    const script = 'begin { $z = 0; print(1 / $z); warnf("w"); errorf("e"); }';
    const ended = await runScry(["-q", "--no-warnings", "-e", script]);
    expect([ended.stdout.trim(), ended.stderr]).toEqual(["1", "stdin:1:44-55: ERROR: e\n"]);
  });

  it("with -k, reads that fail are told with their place", async () => {
    const read = "((struct task_struct *)0).comm";
    const script = `begin { print(${read}); print(1); }`;
    const at = script.indexOf(read);
    const ended = await runScry(["-k", "-q", "-e", script]);
    expect(ended.stdout).toBe("\n1\n\n\n");
    expect(ended.stderr).toMatch(
      new RegExp(
        `^stdin:1:${at + 2}-${at + 1 + read.length}: WARNING: .*\nAdditional Info - helper: probe_read_kernel_str, retcode: -\\d+\n`,
      ),
    );
  });

  it("a helper that the kernel refuses is named", async () => {
    const ended = await runScry(["--unsafe", "-e", "begin { print(write_user(0, 1)); }"]);
    expect(ended.stderr).toMatch(/^$|helper bpf_probe_write_user not supported in probe/);
  });
});
