// Stacks by .eh_frame (dw_ustack): programs whose chains of calls are known, by two compilers, with and without what
// stacks are found by; compared with what glibc's backtrace() says of the same place.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NOTIFY, Running, repository, scryCommand, startScry } from "../support/commands.ts";

const source = join(repository, "test/support/unwind.c");
const folder = mkdtempSync(join(tmpdir(), "scry-unwind-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const program = (name: string): string => join(folder, name);

const bare = ["-O2", "-fomit-frame-pointer"];
const builds: readonly (readonly [name: string, compiler: string, ...flags: string[]])[] = [
  ["gcc", "gcc", ...bare],
  ["gcc-O0", "gcc", "-O0"],
  ["gcc-static", "gcc", ...bare, "-static"],
  ["gcc-cet", "gcc", ...bare, "-fcf-protection=full", "-Wl,-z,ibtplt", "-Wl,-z,lazy", "-no-pie"],
  ["clang", "clang", ...bare],
  ["tables-only-elsewhere", "gcc", "-O2", "-fno-omit-frame-pointer", "-fno-asynchronous-unwind-tables"],
  ["nothing", "gcc", ...bare, "-fno-asynchronous-unwind-tables"],
];

beforeAll(() => {
  for (const [name, compiler, ...flags] of builds)
    execFileSync(compiler, [...flags, "-pthread", source, "-o", program(name)]);
  execFileSync("g++", [...bare, "-x", "c++", "-", "-o", program("cpp")], { input: cpp });
}, 120_000);

const jit = `
  const fs = require("node:fs");
  function inner() { try { fs.closeSync(123456); } catch {} }
  function outer() { for (let i = 0; i < 500; i++) inner(); }
  process.stdin.once("data", () => { for (let i = 0; i < 30; i++) outer(); console.log("done"); setTimeout(() => {}, 3000); });
  console.log("ready");`;

const cpp = `
#include <stdexcept>
#include <string>
#include <unistd.h>
#define KEEP __attribute__((noipa))
volatile int sink;
KEEP void leaf(int n) { sink += n; if (write(-1, &n, 1) >= 0) throw n; sink += n; }
struct Early { KEEP Early() { leaf(1); sink++; } } early;
struct Base { virtual int run(int n) = 0; virtual ~Base() {} };
struct Derived : Base { std::string text = "text"; KEEP int run(int n) override { leaf(n); if (n > 1) throw std::runtime_error(text); return n; } };
KEEP int catching(Base &base, int n) { try { return base.run(n) + 1; } catch (const std::exception &e) { leaf(e.what()[0]); return 2; } }
template <class F> KEEP int calling(F f) { int r = f(3); sink += r; return r; }
int main() { Derived d; return calling([&](int n) __attribute__((always_inline)) { return catching(d, n) * 2; }) == 4 ? 0 : 1; }
`;

const atLeaf = "tracepoint:syscalls:sys_enter_write /pid == cpid && args.fd == 4294967295/";

const attached = /^Attached \d+ probes?\n/m;

function scry(command: string, script: string): { status: number | null; out: string; child: string; stderr: string } {
  const out = join(folder, "out");
  const run = spawnSync(process.execPath, [scryCommand(), "-o", out, "-c", command, "-e", script], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { ...run, child: run.stdout, stderr: run.stderr.replace(attached, ""), out: readFileSync(out, "utf8") };
}

/** The functions of each stack that was printed, outermost last, without their offsets. */
const stacks = (out: string): string[][] =>
  out
    .split(/^(?:@\w*\[|\]: \d+|-*)$/m)
    .map((text) => [...text.matchAll(/^\s*(\S.*?)(?:\+\d+)?$/gm)].map(([, name]) => name as string))
    .filter((names) => names.length > 0);

/** What each chain is from `plain` on: what called it is the compiler's own matter. */
const chains: readonly (readonly string[])[] = [
  ["plain", "allocating", "aligned", "large", ...Array<string>(6).fill("recursive"), "main"],
  ["plain", "compare", "msort_with_tmp", "sorting", "main"],
  ["plain", "handler", "__restore_rt", "raise", "interrupted", "main"],
  ["plain", "allocating", "aligned", "large", ...Array<string>(3).fill("recursive"), "threaded", "start_thread"],
];

/** Frames of the C library between ours differ from version to version. */
const known = (names: readonly string[]): string[] =>
  names
    .slice(names.indexOf("plain"))
    .map((name) => name.replace(/\.part\.\d+$/, ""))
    .filter((name) => new Set(chains.flat()).has(name));

describe("dw_ustack", () => {
  for (const name of ["gcc", "gcc-O0", "gcc-static", "gcc-cet", "clang", "tables-only-elsewhere"])
    it(`${name}: whole stacks, through the C library, signals and threads`, () => {
      const { out, stderr } = scry(`${program(name)} all`, `${atLeaf} { print(dw_ustack); }`);
      expect(stderr).toBe("");
      const found = stacks(out);
      expect(found.map(known)).toEqual(chains);
      for (const names of found) expect(names.at(-1)).toMatch(/^_start$|clone/);
    });

  for (const name of ["gcc", "gcc-cet", "clang"])
    it(`${name}: the addresses that glibc's backtrace() finds`, () => {
      const { out, child, stderr } = scry(`${program(name)} all 2 tell`, `${atLeaf} { print(dw_ustack(raw)); }`);
      expect(stderr).toBe("");
      const ours = out
        .split("\n\n")
        .map((text) => text.match(/[0-9a-f]{6,}/g) ?? [])
        .filter((addresses) => addresses.length > 0);
      const theirs = child
        .trim()
        .split("\n")
        .map((line) =>
          line
            .trim()
            .split(" ")
            .map((a) => a.slice(2)),
        );
      expect(ours).toHaveLength(8);
      // We stand in write(), backtrace() stood in leaf().
      expect(ours.map((a) => a.slice(2))).toEqual(theirs.map((a) => a.slice(1)));
    });

  it("C++: virtual functions, lambdas, exceptions that were caught, constructors before main", () => {
    const { out, stderr } = scry(program("cpp"), `${atLeaf} { print(dw_ustack); }`);
    expect(stderr).toBe("");
    const plain = stacks(out).map((names) =>
      names.slice(1).map((name) => name.replace(/^int (\w+)<.*/, "$1").replace(/\(.*| \[clone.*/g, "")),
    );
    expect(plain.map((names) => names.slice(0, names.indexOf("__libc_start_main")))).toEqual([
      expect.arrayContaining(["leaf", "Early::Early"]),
      ["leaf", "Derived::run", "catching", "calling", "main", "__libc_start_call_main"],
      ["leaf", "catching", "calling", "main", "__libc_start_call_main"],
    ]);
    for (const names of plain) expect(names.at(-1)).toBe("_start");
  });

  it("a process that the command splits off, from its first event on", () => {
    const { out, stderr } = scry(
      `${program("gcc")} fork`,
      'tracepoint:syscalls:sys_enter_write /args.fd == 4294967295 && comm == "gcc" && pid != cpid/ { print(dw_ustack); }',
    );
    expect(stderr).toBe("");
    expect(stacks(out).map(known)).toEqual([chains[0]]);
  });

  it("code that a JIT has made, between frames of the program that has made it", async () => {
    const target = new Running(process.execPath, ["--perf-basic-prof", "-e", jit]);
    try {
      await target.until("ready");
      const probe = "tracepoint:syscalls:sys_enter_close /args.fd == 123456/ { @[dw_ustack] = count(); }";
      const tracer = startScry(["-p", `${target.pid}`, "-e", probe], { env: { [NOTIFY]: "1" } });
      await tracer.until(`${NOTIFY}\n`);
      target.send("go\n");
      await target.until("done");
      tracer.kill("SIGINT");
      const { stdout } = await tracer.done;
      const whole = stacks(stdout.replace(`${NOTIFY}\n`, "")).filter((names) => names.at(-1) === "_start");
      expect(whole.length).toBeGreaterThan(0);
      const text = whole.map((names) => names.join(" ")).join("\n");
      expect(text).toMatch(/node::fs::Close.*JS:\S*outer.*node::Start.*_start/);
    } finally {
      target.kill("SIGKILL");
      rmSync(`/tmp/perf-${target.pid}.map`, { force: true });
    }
  });

  it("frame pointers alone do not lead there", () => {
    const { out } = scry(`${program("gcc")} all`, `${atLeaf} { print(ustack); }`);
    for (const names of stacks(out)) expect(names).not.toContain("main");
  });

  it("where there are neither tables nor frame pointers, the stack ends without made-up frames", () => {
    const { out, stderr } = scry(`${program("nothing")} deep`, `${atLeaf} { print(dw_ustack); }`);
    expect(stderr).toMatch(/1 stack was cut short/);
    const [names] = stacks(out) as [string[]];
    expect(names.slice(0, 2)).toEqual(["write", "leaf"]);
    expect(names.length).toBeLessThan(4);
  });

  it("in probes of user code: at the first instruction, at a return, sampled; as a key, limited, twice in one probe", () => {
    const { out, stderr } = scry(
      `${program("gcc")} deep 3`,
      `uprobe:${program("gcc")}:leaf { @a[dw_ustack(perf, 3), pid == cpid] = count(); @b[dw_ustack(1)] = count(); }
       uretprobe:${program("gcc")}:allocating { @c[dw_ustack(2)] = count(); }`,
    );
    expect(stderr).toBe("");
    const keys = out.replaceAll(/^\s+[0-9a-f]+ /gm, "").replaceAll(/\+\d+( \(.*\))?$/gm, "");
    expect(keys.replaceAll(/\s+/g, " ").trim()).toBe(
      "@a[ leaf plain allocating , true]: 3 @b[ leaf ]: 3 @c[ aligned large ]: 3",
    );
  });

  it("through functions whose return addresses return probes have replaced", () => {
    const { out, stderr } = scry(
      `${program("gcc")} deep`,
      `uretprobe:${program("gcc")}:recursive, uretprobe:${program("gcc")}:plain { @ends[func, dw_ustack(1)] = count(); }
       ${atLeaf} { print(dw_ustack); }`,
    );
    expect(stderr).toBe("");
    expect(known(stacks(out)[0] as string[])).toEqual(chains[0]);
    expect(out).toMatch(/@ends\[recursive,\s+recursive\+\d+\s+\]: 5/);
  });

  it("samples: every one of the program's own code is whole", () => {
    const { out, stderr } = scry(
      `${program("gcc")} spin`,
      'profile:hz:499 /pid == cpid && comm == "gcc"/ { @[dw_ustack] = count(); }',
    );
    // Some hit the moment at which the program is new and waits for its tables, or has no memory any more.
    if (stderr !== "") expect(stderr).toMatch(/^WARNING: [1-3] stacks? (was|were) cut short/);
    const spinning = stacks(out).filter((names) => names[0] === "spinning");
    expect(spinning.length).toBeGreaterThan(0);
    for (const names of spinning) expect([names[1], names.at(-1)]).toEqual(["main", "_start"]);
  });

  it("a limit cuts where it says", () => {
    const { out, stderr } = scry(`${program("gcc")} deepest`, `${atLeaf} { print(dw_ustack); print(dw_ustack(9)); }`);
    expect(stderr).toBe("");
    expect(stacks(out).map((names) => names.length)).toEqual([127, 9]);
  });

  /** The program under its own steam, and scry beside it. */
  async function beside(
    options: (pid: number) => readonly string[],
    rounds: number,
    manner: "wait" | "slow",
  ): Promise<{ out: string; warnings: string }> {
    const target = new Running(program("gcc"), ["deep", String(rounds), manner]);
    try {
      await target.until("\n");
      const tracer = startScry([...options(Number(target.stdout.trim()))], { env: { [NOTIFY]: "1" } });
      await tracer.until(`${NOTIFY}\n`);
      target.send("go\n");
      await target.done;
      tracer.kill("SIGINT");
      const { stdout, stderr } = await tracer.done;
      return { out: stdout.replace(`${NOTIFY}\n`, ""), warnings: stderr.replace(attached, "") };
    } finally {
      target.kill("SIGKILL");
    }
  }
  const anyLeaf = "tracepoint:syscalls:sys_enter_write /args.fd == 4294967295";

  it("a process that runs already (-p): from its first event on, and printed when it has gone", async () => {
    const { out, warnings } = await beside(
      (pid) => ["-p", `${pid}`, "-e", `${anyLeaf}/ { @[dw_ustack] = count() }`],
      3,
      "wait",
    );
    expect(warnings).toBe("");
    expect(stacks(out).map(known)).toEqual([chains[0]]);
    expect(out).toContain("]: 3");
  });

  it("a process that nobody has named: its tables come at first sight, and what was cut before is counted", async () => {
    const { out, warnings } = await beside(
      (pid) => ["-e", `${anyLeaf} && pid == ${pid}/ { @[dw_ustack] = count() }`],
      200,
      "slow",
    );
    expect(stacks(out).map(known)).toContainEqual(chains[0]);
    expect(warnings).toMatch(/stacks? (was|were) cut short/);
    const whole = /_start(?:\+\d+)?\s*\]: (\d+)/.exec(out)?.[1];
    expect(Number(whole)).toBeGreaterThan(50);
  });

  it("leaves no process stopped behind when the script ends as the command begins", () => {
    const { out, status } = scry(
      `${program("gcc")} deep 100 slow`,
      'tracepoint:sched:sched_process_exec /pid == cpid/ { printf("%d", pid); @ = dw_ustack; exit(); }',
    );
    expect(status).toBe(0);
    const pid = /^\d+/.exec(out.trim())?.[0];
    expect(Number(pid)).toBeGreaterThan(0);
    const state = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "gone";
    expect(state).not.toMatch(/\) [Tt] /);
  });

  const mistakes: readonly (readonly [script: string, said: RegExp])[] = [
    [`${atLeaf} { print(dw_ustack(0)) }`, /dw_ustack limit must be a positive literal/],
    [`${atLeaf} { print(dw_ustack(128)) }`, /dw_ustack limit shouldn't exceed 127/],
    [`${atLeaf} { print(dw_ustack(never)) }`, /invalid stack mode: never/],
  ];
  for (const [script, said] of mistakes)
    it(`says what is wrong with: ${script}`, () => {
      const { status, stderr } = spawnSync(process.execPath, [scryCommand(), "-c", "/bin/true", "-e", script], {
        encoding: "utf8",
      });
      expect(status).not.toBe(0);
      expect(stderr).toMatch(said);
    });
});
