// The commands that the kernel tests run: scry as it is built, the peer, and the load; and how a traced run goes.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, buildSync } from "esbuild";

export const repository: string = fileURLToPath(new URL("../..", import.meta.url));
const peerScript = join(repository, "../shared/peers/bpftrace.sh");

/** bpftrace 0.27.1 is installed beside the project. */
export const hasPeer: boolean = existsSync("/opt/peers/sid/usr/bin/bpftrace") && existsSync(peerScript);

let command: string | undefined;

/** The built command: `dist/scry.js` where it is newer than the sources, else a bundle of its own, made once. */
export function scryCommand(): string {
  if (command !== undefined) return command;
  const built = join(repository, "dist/scry.js");
  if (process.env["SCRY_COMMAND"] !== undefined) command = process.env["SCRY_COMMAND"];
  else if (existsSync(built) && statSync(built).mtimeMs >= newest(join(repository, "src"))) command = built;
  else {
    // Not into dist, which may be in use; below the repository, so that koffi is found.
    const folder = join(repository, `node_modules/.cache/scry-tests/${process.pid}`);
    mkdirSync(folder, { recursive: true });
    const common = {
      absWorkingDir: repository,
      bundle: true,
      platform: "node",
      target: "node20",
      external: ["koffi"],
      logLevel: "silent",
      loader: { ".bpf.ts": "text" },
    } satisfies BuildOptions;
    const define = { SCRY_VERSION: '"test"' };
    buildSync({ ...common, entryPoints: ["src/cli/scry.ts"], outfile: join(folder, "scry.js"), format: "esm", define });
    buildSync({
      ...common,
      entryPoints: ["src/cli/index.ts"],
      outfile: join(folder, "scry.bundle.cjs"),
      format: "cjs",
      define: { ...define, "import.meta.url": "__here" },
      banner: { js: "const __here=require('node:url').pathToFileURL(__filename).href;" },
    });
    for (const file of ["demo.bt", "demo.jsonl"])
      copyFileSync(join(repository, "src/cli/commands", file), join(folder, file));
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    command = join(folder, "scry.js");
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  }
  return command;
}

function newest(folder: string): number {
  let latest = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) latest = Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return latest;
}

let scratch: string | undefined;

/** A folder for this run's files, removed at the end. */
export function scratchFolder(): string {
  if (scratch === undefined) {
    const folder = mkdtempSync(join(tmpdir(), "scry-test-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    scratch = folder;
  }
  return scratch;
}

/** `sys/sdt.h` is installed (systemtap-sdt-dev): the load has USDT probes. */
export const hasSdt: boolean = [
  "/usr/include/sys/sdt.h",
  "/usr/include/x86_64-linux-gnu/sys/sdt.h",
  "/usr/include/aarch64-linux-gnu/sys/sdt.h",
].some(existsSync);

let loadPath: string | undefined;

/** Path of the compiled load.c. */
export function loadProgram(): string {
  if (loadPath === undefined) {
    const path = join(scratchFolder(), "load");
    execFileSync("gcc", [
      "-O1",
      "-g",
      "-fcf-protection=none",
      "-fno-omit-frame-pointer",
      ...(hasSdt ? ["-DHAVE_SDT"] : []),
      "-o",
      path,
      join(repository, "test/support/load.c"),
    ]);
    loadPath = path;
  }
  return loadPath;
}

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly milliseconds: number;
}

export interface RunSettings {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Killed after so many milliseconds. */
  readonly timeout?: number;
}

/** A command that runs, and what it has written. */
export class Running {
  readonly process: ChildProcess;
  readonly done: Promise<Finished>;
  stdout = "";
  stderr = "";
  #listeners: (() => void)[] = [];

  constructor(file: string, args: readonly string[], settings: RunSettings = {}) {
    const began = performance.now();
    this.process = spawn(file, args, {
      cwd: settings.cwd ?? scratchFolder(),
      env: { ...plainEnvironment(), ...settings.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const { stdout, stderr, stdin } = this.process;
    stdout?.setEncoding("latin1").on("data", (text: string) => this.#got("stdout", text));
    stderr?.setEncoding("utf8").on("data", (text: string) => this.#got("stderr", text));
    stdin?.on("error", () => {});
    if (settings.stdin !== undefined) stdin?.end(settings.stdin);
    const timer = setTimeout(() => this.process.kill("SIGKILL"), settings.timeout ?? 30_000);
    this.done = new Promise((resolve, reject) => {
      this.process.on("error", reject);
      this.process.on("close", (status, signal) => {
        clearTimeout(timer);
        resolve({ stdout: this.stdout, stderr: this.stderr, status, signal, milliseconds: performance.now() - began });
        this.#tell();
      });
    });
  }

  get pid(): number {
    return this.process.pid as number;
  }

  #got(stream: "stdout" | "stderr", text: string): void {
    this[stream] += text;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners.splice(0)) listener();
  }

  /** Waits until standard output has this text; throws when the command ends before. */
  async until(text: string, stream: "stdout" | "stderr" = "stdout"): Promise<void> {
    let over = false;
    void this.done.then(() => {
      over = true;
    });
    while (!this[stream].includes(text)) {
      if (over)
        throw new Error(`the command ended before it wrote ${JSON.stringify(text)}: ${this.stdout}\n${this.stderr}`);
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
    }
  }

  send(line: string): void {
    this.process.stdin?.write(line);
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }
}

/** The caller's environment without what changes a tracer's behaviour. */
function plainEnvironment(): Record<string, string> {
  const plain: Record<string, string> = { TZ: "UTC", LC_ALL: "C.UTF-8" };
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !/^(?:_*BPFTRACE|VITEST|NODE_|TZ$|LC_|LANG|NO_COLOR$|FORCE_COLOR$|CLICOLOR)/.test(name))
      plain[name] ??= value;
  }
  return plain;
}

export const startScry = (args: readonly string[], settings?: RunSettings): Running =>
  new Running(process.execPath, [scryCommand(), ...args], settings);
export const runScry = (args: readonly string[], settings?: RunSettings): Promise<Finished> =>
  startScry(args, settings).done;
export const startPeer = (args: readonly string[], settings?: RunSettings): Running =>
  new Running("bash", [peerScript, ...args], settings);

export const NOTIFY = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";

/** A load that has said who it is and waits for `go`. */
export interface Load {
  readonly running: Running;
  readonly pid: number;
  /** Of its variable `watched`. */
  readonly address: string;
  go(): void;
  /** Has done its work; it lives until `leave`. */
  finished(): Promise<void>;
  leave(): Promise<Finished>;
}

export async function startLoad(mode: string, count: number): Promise<Load> {
  const running = new Running(loadProgram(), [mode, String(count)], { timeout: 120_000 });
  await running.until("\n");
  const [pid, address] = running.stdout.trim().split(" ") as [string, string];
  return {
    running,
    pid: Number(pid),
    address,
    go: () => running.send("go\n"),
    finished: () => running.until("done\n"),
    leave: () => {
      running.send("end\n");
      return running.done;
    },
  };
}

/**
 * Traces a load: waits until all probes are attached, lets the load run to its end, and ends the tracers. `$1` is the
 * load's pid, `$2` the address of `watched`. A tracer that ends at once is a failure, unless it may refuse.
 */
export async function traceLoad(
  load: readonly [mode: string, count: number],
  tracers: readonly ((load: Load) => Running)[],
  mayRefuse = false,
): Promise<Finished[]> {
  const target = await startLoad(load[0], load[1]);
  const running = tracers.map((start) => start(target));
  try {
    const ready = await Promise.allSettled(running.map((r) => r.until(`${NOTIFY}\n`)));
    for (const r of ready) if (r.status === "rejected" && !mayRefuse) throw r.reason;
    target.go();
    await target.finished();
    // The peer does not read what is left when it is told to end, only what it has been woken for.
    await new Promise((resolve) => setTimeout(resolve, 60));
    for (const r of running) r.kill("SIGINT");
    const finished = await Promise.all(running.map((r) => r.done));
    await target.leave();
    return finished.map((f) => ({ ...f, stdout: f.stdout.replace(`${NOTIFY}\n`, "") }));
  } finally {
    target.running.kill("SIGKILL");
    for (const r of running) if (r.process.exitCode === null) r.kill("SIGKILL");
  }
}
