// `scry init`: what it makes type-checks and passes its own test; `scry types` against the running kernel.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { repository, scryCommand } from "../support/commands.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-init-"));
afterAll(() => rmSync(folder, { recursive: true }));

function run(command: string, ...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
    // As one starts it oneself, not as a part of this run.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:VITEST|NODE_ENV|TEST)/.test(name))),
  });
  return { status, said: stdout + stderr };
}
const scry = (...args: string[]): ReturnType<typeof run> => run(scryCommand(), ...args);
/** The project's own check, by the sources of this package. */
const tsc = (): ReturnType<typeof run> =>
  run(join(repository, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.test.json", "--pretty", "false");

describe("a project of scry init", () => {
  it("is written once", () => {
    expect(scry("init", folder)).toMatchObject({ status: 0 });
    expect(scry("init", folder)).toMatchObject({
      status: 1,
      said: expect.stringContaining(`ERROR: scry init writes over nothing: there is a ${join(folder, "package.json")}`),
    });
    const modules = join(folder, "node_modules");
    mkdirSync(modules);
    symlinkSync(repository, join(modules, "scry"));
    for (const name of ["@types", "typescript", "vitest"])
      symlinkSync(join(repository, "node_modules", name), join(modules, name));
    const source = (path: string): string[] => [join(repository, "src", path)];
    const paths = {
      scry: source("index.ts"),
      "scry/bpf": source("bpf/index.ts"),
      "scry/test": source("test-kit.ts"),
    };
    writeFileSync(
      join(folder, "tsconfig.test.json"),
      JSON.stringify({ extends: "./tsconfig.json", compilerOptions: { paths }, include: ["*.ts"] }),
    );
  });

  it("asks for what this package is tested with", () => {
    const own = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    const { devDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    for (const [name, range] of Object.entries(devDependencies))
      expect([name, range]).toEqual([name, `^${own.devDependencies[name]}`]);
  });

  it("type-checks", () => {
    expect(tsc()).toEqual({ status: 0, said: "" });
  });

  it("has typed declarations: what is wrong in it is said", () => {
    const path = join(folder, "slow-reads.bpf.ts");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace("event.ret < 0", "event.result < 0").replace("start === undefined || ", ""));
    const { said } = tsc();
    writeFileSync(path, text);
    expect(said).toMatch(/^slow-reads\.bpf\.ts\(\d+,\d+\): error TS2339: Property 'result' does not exist/m);
    expect(said).toMatch(/^slow-reads\.bpf\.ts\(\d+,\d+\): error TS18048: 'start' is possibly 'undefined'/m);
  });

  it("passes its own test in the kernel", () => {
    const { status, said } = run(
      join(repository, "node_modules/vitest/vitest.mjs"),
      "run",
      "--no-color",
      "--testTimeout=30000",
    );
    expect(said).toMatch(/Tests +3 passed/);
    expect(status).toBe(0);
  });

  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
  const vitest = join(repository, "node_modules/vitest/vitest.mjs");
  const readable = spawnSync("setpriv", [...nobody, "test", "-r", vitest]).status === 0;

  it.skipIf(!readable)("passes it without root", () => {
    chmodSync(folder, 0o777);
    const { stdout, stderr } = spawnSync(
      "setpriv",
      [...nobody, process.execPath, vitest, "run", "--no-color", "--testTimeout=30000"],
      {
        cwd: folder,
        encoding: "utf8",
        timeout: 60_000,
        env: { PATH: process.env["PATH"], HOME: folder },
      },
    );
    expect(stdout + stderr).toMatch(/Tests +2 passed \| 1 skipped/);
  });
});

describe("scry types", () => {
  it("declares all that this kernel has", () => {
    const { status, said } = scry("types", "-o", "all.d.ts");
    expect([status, said]).toEqual([0, ""]);
    const text = readFileSync(join(folder, "all.d.ts"), "utf8");
    rmSync(join(folder, "all.d.ts"));
    expect(text.length).toBeLessThan(10_000_000);
    expect(text).toMatch(/^ {4}"syscalls:sys_exit_read": \{.* readonly ret: i64; \};$/m);
    expect(text).toMatch(/^ {4}vfs_read: \(file: file, .*\) => i64;$/m);
    expect(text).toMatch(/^ {4}btf_trace_sched_switch: \(.*: task_struct, .*: task_struct.*\) => void;$/m);
    expect(/^ {2}interface task_struct \{\n[^}]*/m.exec(text)?.[0]).toContain("readonly comm: string;");
  });

  it.each([
    [["--btf", "/etc/passwd"], "ERROR: /etc/passwd: it is neither BTF nor an ELF file"],
    [["--btf", process.execPath], "it has no types: there is no section .BTF"],
    [["--only", "gone.bpf.ts"], "'gone.bpf.ts': there is no such file"],
    [["slow-reads.bpf.ts"], "scry types declares what 'slow-reads.bpf.ts' names with --only before it"],
  ])("%j: %s", (words, said) => {
    expect(scry("types", ...words)).toMatchObject({ status: 1, said: expect.stringContaining(said) });
  });
});
