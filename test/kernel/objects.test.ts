// `scry run`, `object`, `gen`, `ps`: the commands for objects, as they are built, on objects that are compiled here.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { damaged, numbers } from "../data/damage.ts";
import { compileC, workFolder } from "../support/c-object.ts";
import { repository, scryCommand } from "../support/commands.ts";
import { hasClang, hasTool, lacking } from "../support/skips.ts";

const folder = workFolder();
afterAll(() => folder.remove());

const scry = (...words: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [scryCommand(), ...words], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status, stdout, stderr };
};

const OBJECT = `
enum kind { QUIET = 1, LOUD = 7 };
struct where { s32 x; u64 y; };
struct event { u32 pid; enum kind kind; char comm[16]; struct where at; };
struct event *unused __attribute__((unused));
const volatile u32 wanted = 0;
u64 seen = 0;
struct { __uint(type, 27); __uint(max_entries, 65536); } events SEC(".maps");
struct { __uint(type, 4); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
struct { __uint(type, 1); __uint(max_entries, 8); __type(key, u32); __type(value, struct where); } table SEC(".maps");
struct { __uint(type, 6); __uint(max_entries, 2); __type(key, u32); __type(value, u64); } percpu SEC(".maps");
struct inner { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u64); } own_inner SEC(".maps");
struct { __uint(type, 12); __uint(max_entries, 2); __uint(key_size, 4); __array(values, struct inner); } outer SEC(".maps") = { .values = { &own_inner } };
SEC("raw_tp/sys_enter") int f(u64 *ctx) {
  u32 pid = pid_tgid() >> 32;
  if (!wanted || pid != wanted) return 0;
  static const char form[] = "own process %d\\n";
  if (!seen++) trace_printk(form, sizeof(form), pid);
  struct event e = { .pid = pid, .kind = LOUD, .at = { .x = -3, .y = 5 } };
  comm(e.comm, 16);
  ring_output(&events, &e, sizeof(e), 0);
  perf_output(ctx, &perf, 0xffffffff, &e, sizeof(e));
  update(&table, &pid, &e.at, 0);
  return 0;
}
SEC("xdp") int pass(void *ctx) { return 2; }
`;

describe.skipIf(lacking("commands for objects", { clang: hasClang }))("commands for objects", () => {
  let path = "";
  let target: ChildProcess;
  beforeAll(() => {
    path = compileC(folder.path, "own", OBJECT);
    // What is watched: a shell that does something ten times a second, and only that.
    target = spawn("sh", ["-c", "while :; do sleep 0.1; done"], { stdio: "ignore" });
  });
  afterAll(() => void target.kill());

  /** Runs until it has printed enough, ends it as Ctrl-C would, and gives what it printed. */
  async function running(
    words: readonly string[],
    enough: (text: string) => boolean,
  ): Promise<[string, string, number]> {
    const child = spawn(process.execPath, [scryCommand(), ...words], { stdio: ["ignore", "pipe", "pipe"] });
    const ended = once(child, "exit");
    let [out, messages, interrupted] = ["", "", false];
    child.stdout.on("data", (data: Buffer) => {
      out += data.toString();
      if (!interrupted && enough(out)) {
        interrupted = true;
        child.kill("SIGINT");
      }
    });
    child.stderr.on("data", (data: Buffer) => {
      messages += data.toString();
    });
    const limit = setTimeout(() => child.kill("SIGINT"), 20_000);
    const [status] = (await ended) as [number];
    clearTimeout(limit);
    return [out, messages, status];
  }

  it("run prints records by the struct that fits, printk lines, and maps at the end", async () => {
    const enough = (text: string): boolean =>
      /^events/m.test(text) && /^perf/m.test(text) && /^own process/m.test(text);
    const [out, messages, status] = await running(["run", "--set", `wanted=${target.pid}`, path], enough);
    expect(messages).toContain("WARNING: not attached: pass (xdp) needs --interface NAME");
    expect(messages).toContain("own: attached f (raw_tp/sys_enter); Ctrl-C ends it");
    expect(out).toContain(`events: { pid: ${target.pid}, kind: "LOUD", comm: "sh", at: { x: -3, y: 5 } }`);
    expect(out).toContain(`perf: { pid: ${target.pid}, kind: "LOUD", comm: "sh", at: { x: -3, y: 5 } }`);
    expect(out).toContain(`own process ${target.pid}\n`);
    expect(out).toContain(`table (hash, 1 entry)\n  ${target.pid}: { x: -3, y: 5 }\n`);
    expect(out).toMatch(/\nbss\n {2}seen: [1-9]/);
    expect(status).toBe(0);
  });

  it("run gives JSON", async () => {
    const words = ["run", "-q", "-f", "json", "--set", `wanted=${target.pid}`, "--type", "perf=where", path];
    const [out, messages] = await running(words, (text) => text.includes('"map":"perf"'));
    expect(messages).toBe("");
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.find((line) => line["map"] === "events")).toEqual({
      type: "record",
      map: "events",
      struct: "event",
      data: { pid: target.pid, kind: "LOUD", comm: "sh", at: { x: -3, y: 5 } },
    });
    expect(lines.find((line) => line["map"] === "perf")).toMatchObject({ struct: "where", data: { x: target.pid } });
    expect(lines.at(-1)).toMatchObject({ type: "variables", section: "bss" });
  });

  it("run takes structs of headers, and shows bytes where there are none", async () => {
    const bare = compileC(
      folder.path,
      "bare",
      OBJECT.replace("struct event *unused __attribute__((unused));", "").replaceAll("events", "bytes"),
    );
    const words = ["run", "-q", "--set", `wanted=${target.pid}`];
    const enough = (text: string): boolean => /^bytes/m.test(text);
    const [plain] = await running([...words, bare], enough);
    expect(plain).toMatch(/^bytes: [0-9a-f]{2} .* 05 … 7 zeros$/m);
    const header = join(folder.path, "own.h");
    writeFileSync(
      header,
      '#include "vmlinux.h"\nenum kind { QUIET = 1, LOUD = 7 };\nstruct where { int x; __u64 y; };\nstruct record { u32 pid; enum kind kind; char comm[16]; struct where at; };\n',
    );
    const [typed] = await running([...words, "--include", header, "--type", "bytes=record", bare], enough);
    expect(typed).toContain(`bytes: { pid: ${target.pid}, kind: "LOUD", comm: "sh", at: { x: -3, y: 5 } }`);
    expect(scry("run", "--include", "/no/such.h", bare).stderr).toMatch(/failed to open the header '\/no\/such.h'/);
  });

  it("run --dry-run loads, attaches and closes; XDP where an interface is named", () => {
    const { status, stderr } = scry("run", "--dry-run", "--set", "table.max_entries=64", "--interface", "lo", path);
    expect(stderr).toBe("own: attached f (raw_tp/sys_enter), pass (lo)\n");
    expect(status).toBe(0);
    expect(scry("run", "--interface", "no-such-thing", path).stderr).toMatch(/^ERROR: .*no-such-thing/);
  });

  it("object says what there is, and what the kernel says to it", () => {
    const { status, stdout } = scry("object", path);
    expect(stdout).toContain("own: 2 programs, 8 maps, license GPL");
    expect(stdout).toMatch(/f +raw_tp\/sys_enter +raw_tracepoint +sys_enter/);
    expect(stdout).toMatch(/table +hash +u32 +struct where +8/);
    expect(stdout).toMatch(/5\.8 +map type ringbuf/);
    expect(stdout).toMatch(/takes f, having looked at \d+ instructions/);
    expect(status).toBe(0);
    const bad = compileC(
      folder.path,
      "bad",
      'SEC("raw_tp/sys_enter") int f(u64 *c) {\n  u64 *p = (u64 *)c[1];\n  return *p;\n}\nSEC("xdp") int g(void *c) { return 2; }',
    );
    const verdict = scry("object", bad);
    expect(verdict.status).toBe(1);
    expect(verdict.stdout).toContain("refuses f\n");
    expect(verdict.stdout).toMatch(/R\d invalid mem access 'scalar'.*\n +return \*p;\n/);
    expect(verdict.stdout).toContain("takes g");
    const facts = JSON.parse(scry("object", "-f", "json", bad).stdout) as { verdicts: { takes: boolean }[] };
    expect(facts.verdicts.map(({ takes }) => takes)).toEqual([false, true]);
    expect(scry("run", bad).stderr).toMatch(/ERROR: the kernel refuses program "f": .* \(SCRY2006\)\n +return \*p;/);
  });

  it("gen's module is taken by tsc, which finds what the object has not", () => {
    const types = join(folder.path, "types");
    mkdirSync(join(types, "node_modules"), { recursive: true });
    symlinkSync(join(repository, "node_modules/@types"), join(types, "node_modules/@types"));
    writeFileSync(join(types, "package.json"), '{"type":"module"}');
    writeFileSync(join(types, "own.ts"), scry("gen", path).stdout);
    writeFileSync(join(types, "embedded.ts"), scry("gen", "--embed", path).stdout);
    writeFileSync(join(types, "light.ts"), scry("gen", "--light", path).stdout);
    const uses = `
      import { openOwn as openEmbedded } from "./embedded.ts";
      import { openOwn as openLight } from "./light.ts";
      import { type event, openOwn } from "./own.ts";
      await using light = await openLight({ pins: "/sys/fs/bpf" });
      light.bss.seen = 3;
      await using object = await openOwn("own.bpf.o");
      object.rodata.wanted = 5;
      object.bss.seen = 3;
      const seen: bigint = object.bss.seen;
      object.maps.table.set(1, { x: 2, y: 3 });
      const y: bigint | undefined = object.map("table").get(1)?.y;
      object.maps.outer.set(1, object.maps.own_inner);
      const id: number | undefined = object.maps.outer.get(1);
      const counts: readonly bigint[] | undefined = object.maps.percpu.get(0);
      for await (const e of object.maps.events.records<event>({ type: "event" })) console.log(e.kind === "LOUD", e.at.x);
      await using other = await openEmbedded();
      await other.load();
      await other.program("pass").attach({ interface: "lo" });
      console.log(seen, y, counts, id);
    `;
    const wrong = [
      "object.rodata.wnated = 5;",
      'object.bss.seen = "three";',
      'object.maps.table.set("one", {});',
      'object.program("psas");',
      "object.maps.tabel;",
      "object.maps.outer.set(1, {});",
    ];
    writeFileSync(join(types, "uses.ts"), uses);
    writeFileSync(
      join(types, "wrong.ts"),
      `import { openOwn } from "./own.ts";\nawait using object = await openOwn("own.bpf.o");\n${wrong.join("\n")}\n`,
    );
    const config = {
      extends: join(repository, "tsconfig.json"),
      compilerOptions: {
        isolatedDeclarations: false,
        declaration: false,
        noEmit: true,
        types: ["node"],
        paths: { "scry/loader": [join(repository, "src/loader/index.ts")] },
      },
      files: ["uses.ts", "wrong.ts"],
      include: [],
    };
    writeFileSync(join(types, "tsconfig.json"), JSON.stringify(config));
    const tsc = spawnSync(join(repository, "node_modules/.bin/tsc"), ["-p", join(types, "tsconfig.json")], {
      encoding: "utf8",
      cwd: types,
    });
    const found = [...tsc.stdout.matchAll(/^(\w+)\.ts\((\d+),/gm)].map(([, file, line]) => `${file}:${line}`);
    expect(found, tsc.stdout).toEqual(wrong.map((_, i) => `wrong:${i + 3}`));
  });

  it("ps has what is at work, and switches statistics off again", async () => {
    const run = spawn(process.execPath, [scryCommand(), "run", "--set", `wanted=${target.pid}`, path], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    await once(run.stderr, "data");
    const { stdout, status } = scry("ps", "--json");
    run.kill("SIGINT");
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const own = rows.find((row) => (row["by"] as { pid: number }[]).some(({ pid }) => pid === run.pid));
    expect(own).toMatchObject({ type: "raw_tracepoint", name: "f", links: [{ type: "raw_tracepoint" }] });
    expect(own?.["runsPerSecond"]).toBeGreaterThan(0);
    expect(status).toBe(0);
    expect(readFileSync("/proc/sys/kernel/bpf_stats_enabled", "utf8")).toBe("0\n");
    await once(run, "exit");
  });

  it("bad input gives a sentence", () => {
    const sentences: readonly (readonly [readonly string[], RegExp])[] = [
      [["run", "/no/such.o"], /^ERROR: failed to open the object '\/no\/such.o': there is no such file/],
      [["run"], /^ERROR: scry run needs an object file/],
      [["object", path, path], /takes one object file/],
      [["gen", "/etc/passwd"], /^ERROR: \/etc\/passwd: not an ELF file/],
      [["object", process.execPath], /not a BPF object/],
      [["run", "--set", "wnated=1", path], /has no variable wnated\nHINT: Did you mean 'wanted'\?/],
      [["run", "--set", "wanted=x", path], /--set wanted=x: wanted is a whole number, not x/],
      [["run", "--set", "table.max_entries=none", path], /a whole number is needed/],
      [["run", "--set", "table.colour=1", path], /of a map max_entries, key_size, value_size, map_flags can be set/],
      [["run", "--set", "tabel.max_entries=1", path], /has no map tabel. Did you mean 'table'/],
      [["run", "--set", "wanted", path], /--set takes NAME=VALUE/],
      [["run", "--type", "events=nothing", path], /has a struct nothing/],
      [["run", "--type", "evnets=event", path], /has no map evnets. Did you mean 'events'/],
    ];
    for (const [words, said] of sentences) {
      const { status, stderr } = scry(...words);
      expect([words, status, stderr]).toEqual([words, 1, expect.stringMatching(said)]);
      expect(stderr).not.toMatch(/internal error|^ {4}at /m);
    }
  });

  it("damaged objects end in a sentence", () => {
    const bytes = readFileSync(path);
    const file = join(folder.path, "damaged.o");
    for (let seed = 0; seed < 12; seed++) {
      writeFileSync(file, damaged(bytes, numbers(seed)));
      for (const command of ["gen", "object"]) {
        const { stderr } = scry(command, file);
        expect(`${seed} ${command} ${stderr}`).not.toMatch(/internal error|^ {4}at /m);
      }
    }
  });

  it.skipIf(lacking("objects without privileges", { setpriv: hasTool("setpriv") }))(
    "says what is missing without privileges",
    () => {
      // The test's folder is root's alone.
      execFileSync("chmod", ["755", folder.path]);
      const unprivileged = (...words: readonly string[]): string => {
        const line = [
          "--reuid",
          "65534",
          "--regid",
          "65534",
          "--clear-groups",
          process.execPath,
          scryCommand(),
          ...words,
        ];
        const { stdout, stderr } = spawnSync("setpriv", line, { encoding: "utf8" });
        return stdout + stderr;
      };
      expect(unprivileged("run", path)).toMatch(/^ERROR: .*EPERM \(not permitted: this process lacks/);
      expect(unprivileged("ps")).toMatch(/^ERROR: .*EPERM/);
      expect(unprivileged("object", path)).toMatch(/THIS KERNEL\n {2}cannot be asked: .*EPERM/);
      expect(unprivileged("gen", path)).toContain("export interface Own {");
    },
  );

  it("link several objects to one, and say which do not go together", () => {
    const file = (name: string, text: string) => compileC(folder.path, name, text);
    const main = file("main", `extern int far(int x); SEC("xdp") int p(void *ctx) { return far(1); }`);
    const far = file("far", "int far(int x) { return x + 1; }");
    const out = join(folder.path, "linked.o");
    expect(scry("build", main, far, "-o", out)).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(scry("object", out).stdout).toMatch(/takes p/);
    expect(scry("object", main).stderr).toMatch(/main.bpf.o: p: nothing defines far; where another object does/);
    expect(scry("build", main, far, far, "-o", out)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^ERROR: .*far.bpf.o: it defines far, which .*far.bpf.o defines too\n$/),
    });
    expect(scry("build", main, far).stderr).toMatch(/must be told what to call what it links: -o FILE.o/);
  });
});
