// Every source of events, as one list of cases: a script, what makes the event happen, and what must arrive. The kernel
// tests run it on the kernel at hand, the lab on each of its kernels, and writes ARCHITECTURE.md's table from it.

import { readFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import {
  Alu,
  aluImm,
  branchImm,
  callKfunc,
  exit,
  goto,
  Jmp,
  load as loadWord,
  movImm,
  movReg,
  storeReg,
} from "../../src/isa/index.ts";
import {
  attachKprobeMulti,
  detachAll,
  type Feature,
  hasFeature,
  loadObject,
  traceableFunctions,
} from "../../src/kernel/index.ts";
import { liveEnvironment } from "../../src/session/index.ts";
import { trace } from "../../src/trace.ts";
import type { TraceMap } from "../../src/trace-events.ts";
import { counters, mapValue, objectOf, onlyProcess } from "../data/small-programs.ts";
import { type Load, loadProgram, startLoad, startScry } from "./commands.ts";

/** What a script said and held by its end. */
export interface Seen {
  readonly lines: readonly string[];
  readonly maps: ReadonlyMap<string, TraceMap>;
  readonly warnings: readonly string[];
}

export interface SourceCase {
  /** The row of the table. */
  readonly name: string;
  /** Why this kernel has not got it; undefined where it must work. */
  readonly missing: () => string | undefined;
  /** `$1` is the load's pid, `$2` the address of its variable `watched`. */
  readonly script: string | ((load: Load) => string | Promise<string>);
  /** Another script that runs meanwhile. */
  readonly beside?: string;
  /** For what the language does not speak: does all of it. */
  readonly run?: () => Promise<void>;
  /** To be run by the command, which hears signals. */
  readonly command?: true;
  /** The load that it looks at. */
  readonly load: readonly [mode: string, count: number];
  /** Happens once everything is attached and the load has done its work. */
  readonly act?: (load: Load) => void | Promise<void>;
  /** Throws where something else arrived. */
  readonly check: (seen: Seen) => void;
  /** A probe with an empty program, and the load whose turns each raise one event. */
  readonly cost?: { readonly probe: string; readonly load: string };
}

const always = (): undefined => undefined;
const needs = (feature: Feature, why: string) => (): string | undefined => (hasFeature(feature) ? undefined : why);

const KPROBES = needs("kprobe", "CONFIG_KPROBE_EVENTS");
const FENTRY = needs("fentry", "trampolines (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)");
const BTF = needs("btf", "CONFIG_DEBUG_INFO_BTF");
const first =
  (...all: (() => string | undefined)[]) =>
  (): string | undefined => {
    for (const one of all) {
      const why = one();
      if (why !== undefined) return why;
    }
    return undefined;
  };
/** The root of a guest is an overlay: reading a file there enters the module. */
const MODULE = "overlay";
const moduleFunction = (): string | undefined =>
  traceableFunctions((n) => n === "ovl_open", MODULE).length > 0 ? undefined : `the module ${MODULE} is not loaded`;
const moduleTypes = (): string | undefined => {
  try {
    readFileSync(`/sys/kernel/btf/${MODULE}`);
    return undefined;
  } catch {
    return "BTF of modules (Linux 5.11)";
  }
};

function lines(...expected: string[]): (seen: Seen) => void {
  return (seen) => {
    if (seen.lines.join("|") !== expected.join("|"))
      throw new Error(
        `expected ${JSON.stringify(expected)}, got ${JSON.stringify(seen.lines.slice(0, 40))} ${seen.warnings.join("; ")}`,
      );
  };
}

/** The map has exactly these entries. */
function entries(map: string, expected: Readonly<Record<string, number>>): (seen: Seen) => void {
  return (seen) => {
    const found = Object.fromEntries((seen.maps.get(map)?.entries ?? []).map(([k, v]) => [String(k), Number(v)]));
    const text = (o: Readonly<Record<string, number>>): string => JSON.stringify(Object.entries(o).sort());
    if (text(found) !== text(expected)) throw new Error(`expected ${text(expected)}, got ${text(found)}`);
  };
}

function atLeast(map: string, least: number, most = Number.POSITIVE_INFINITY): (seen: Seen) => void {
  return (seen) => {
    const value = Number(seen.maps.get(map)?.value ?? 0);
    if (!(value >= least && value <= most)) throw new Error(`${map} is ${value}, not ${least} to ${most}`);
  };
}

const WRITES: readonly [string, number] = ["write", 3];
const writes = (prefix: string): ((seen: Seen) => void) => lines(`${prefix}64`, `${prefix}65`, `${prefix}66`);
const load = loadProgram;

export const sourceCases: readonly SourceCase[] = [
  {
    name: "begin, end",
    missing: always,
    script: 'begin { printf("begin %d", $1 != 0) } end { printf("end") }',
    load: ["idle", 0],
    check: lines("begin 1", "end"),
  },
  {
    name: "kprobe",
    missing: KPROBES,
    script: 'kprobe:vfs_write /pid == $1 && arg2 >= 64/ { printf("%s %s %d", func, comm, arg2); }',
    load: WRITES,
    check: writes("vfs_write load "),
    cost: { probe: "kprobe:vfs_write", load: "write" },
  },
  {
    name: "kprobe +offset",
    missing: KPROBES,
    // The first instruction behind the entry's five bytes, and behind `endbr64`, where functions have it.
    script: async () => {
      for (const offset of [5, 9, 11, 13]) {
        const script = `kprobe:vfs_write+${offset}`;
        try {
          await (await trace(`${script} /pid == 0/ { exit() }`)).stop();
          return `${script} /pid == $1/ { @ = count(); }`;
        } catch (error) {
          if (!/instruction|EILSEQ|takes no probe/.test(String(error))) throw error;
        }
      }
      throw new Error("no offset in vfs_write takes a probe");
    },
    load: ["write", 50],
    check: atLeast("@", 51, 51),
  },
  {
    name: "kprobe in a module",
    missing: first(KPROBES, moduleFunction),
    script: `kprobe:${MODULE}:ovl_open /pid == ${process.pid} && @ < 1/ { @++; printf("%s", func); }`,
    load: ["idle", 0],
    act: () => void readFileSync("/etc/passwd"),
    check: lines("ovl_open"),
  },
  {
    name: "kprobe by wildcard",
    missing: KPROBES,
    script: "kprobe:vfs_wri*e, kprobe:vfs_fsyn[c] /pid == $1/ { @[func] = count(); }",
    load: ["write", 50],
    check: entries("@", { vfs_write: 51 }),
  },
  {
    name: "kprobe by one link (multi)",
    missing: first(KPROBES, needs("kprobeMulti", "kprobe links (Linux 5.18, CONFIG_FPROBE)")),
    script: 'kprobe:vfs_* /pid == $1 && func == "vfs_write"/ { @[probe] = count(); }',
    load: ["write", 50],
    check: entries("@", { "kprobe:vfs_write": 51 }),
    cost: { probe: "kprobe:vfs_write, kprobe:vfs_fsync", load: "write" },
  },
  {
    name: "kretprobe",
    missing: KPROBES,
    script: 'kretprobe:vfs_write /pid == $1 && retval >= 64/ { printf("%s %d", func, retval); }',
    load: WRITES,
    check: writes("vfs_write "),
    cost: { probe: "kretprobe:vfs_write", load: "write" },
  },
  {
    name: "kretprobe by one link (multi)",
    missing: first(KPROBES, needs("kprobeMulti", "kprobe links (Linux 5.18, CONFIG_FPROBE)")),
    script: 'kretprobe:vfs_write, kretprobe:vfs_fsync /pid == $1 && retval >= 64/ { printf("%s %d", func, retval); }',
    load: WRITES,
    check: writes("vfs_write "),
    cost: { probe: "kretprobe:vfs_write, kretprobe:vfs_fsync", load: "write" },
  },
  {
    name: "kprobe session (library only)",
    missing: first(KPROBES, needs("kprobeSession", "kprobe sessions (Linux 6.10)")),
    script: "",
    load: ["idle", 0],
    check: () => {},
    run: runSession,
  },
  {
    name: "fentry",
    missing: FENTRY,
    script:
      'fentry:vfs_write /pid == $1 && args.count >= 64/ { printf("%s %s %d", func, str(args.file->f_path.dentry->d_name.name), args.count); }',
    load: WRITES,
    check: writes("vfs_write null "),
    cost: { probe: "fentry:vfs_write", load: "write" },
  },
  {
    name: "fexit",
    missing: FENTRY,
    script: 'fexit:vfs_write /pid == $1 && retval >= 64/ { printf("%d %d", args.count, retval); }',
    load: WRITES,
    check: lines("64 64", "65 65", "66 66"),
    cost: { probe: "fexit:vfs_write", load: "write" },
  },
  {
    name: "fentry in a module",
    missing: first(FENTRY, moduleFunction, moduleTypes),
    script: `fentry:${MODULE}:ovl_open /pid == ${process.pid} && @ < 1/ { @++; printf("%s %s", func, str(args.file->f_path.dentry->d_name.name)); }`,
    load: ["idle", 0],
    act: () => void readFileSync("/etc/passwd"),
    check: lines("ovl_open passwd"),
  },
  {
    name: "fentry on a BPF program",
    missing: FENTRY,
    beside: "tracepoint:syscalls:sys_enter_getppid /pid == $1/ { @other = count(); }",
    script: "fentry:bpf:sys_enter_getppid_1 /pid == $1/ { @ = count(); }",
    load: ["getppid", 20],
    check: atLeast("@", 20, 20),
  },
  {
    name: "tracepoint",
    missing: always,
    script:
      'tracepoint:syscalls:sys_enter_write /pid == $1 && args.count >= 64/ { printf("%d %d", args.fd > 2, args.count); }',
    load: WRITES,
    check: writes("1 "),
    cost: { probe: "tracepoint:syscalls:sys_enter_write", load: "write" },
  },
  {
    name: "tracepoint by wildcard",
    missing: always,
    script: "tracepoint:syscalls:sys_*_write /pid == $1/ { @[probe] = count(); }",
    load: ["write", 50],
    check: entries("@", { "tracepoint:syscalls:sys_enter_write": 51, "tracepoint:syscalls:sys_exit_write": 51 }),
  },
  {
    name: "rawtracepoint",
    missing: BTF,
    script: 'rawtracepoint:sys_exit /pid == $1 && args.ret >= 64 && args.ret < 70/ { printf("%d", args.ret); }',
    load: WRITES,
    check: writes(""),
    cost: { probe: "rawtracepoint:sys_exit", load: "write" },
  },
  {
    name: "uprobe",
    missing: always,
    script: () => `uprobe:${load()}:probe_me /pid == $1/ { printf("%s %d %d", func, arg0, arg1); }`,
    load: ["call", 3],
    check: lines("probe_me 0 3", "probe_me 1 3", "probe_me 2 3"),
    cost: { probe: "uprobe:LOAD:probe_me", load: "call" },
  },
  {
    name: "uprobe +offset",
    missing: always,
    script: () => `uprobe:${load()}:probe_me+3 /pid == $1/ { @ = count(); }`,
    load: ["call", 30],
    check: atLeast("@", 30, 30),
  },
  {
    name: "uprobe by wildcard",
    missing: always,
    script: () => `uprobe:${load()}:probe_m*,uprobe:${load()}:probe_n* /pid == $1/ { @[func] = count(); }`,
    load: ["many", 30],
    check: entries("@", { probe_many: 30, probe_me: 20, probe_negative: 30, probe_nested: 30 }),
  },
  {
    name: "uprobe by one link (multi)",
    missing: needs("uprobeMulti", "uprobe links (Linux 6.6)"),
    script: () => `uprobe:${load()}:probe_m* { @[func] = count(); }`,
    load: ["many", 30],
    check: entries("@", { probe_many: 30, probe_me: 20 }),
  },
  {
    name: "uprobe in a library by its name",
    missing: always,
    script: 'uprobe:libc:usleep /pid == $1/ { printf("%d", arg0); }',
    load: ["sleep", 2],
    check: lines("2000"),
  },
  {
    name: "uretprobe",
    missing: always,
    script: () => `uretprobe:${load()}:probe_me /pid == $1/ { printf("%d", retval); }`,
    load: ["call", 3],
    check: lines("3", "4", "5"),
    cost: { probe: "uretprobe:LOAD:probe_me", load: "call" },
  },
  {
    name: "usdt",
    missing: always,
    script: () =>
      `usdt:${load()}:scrytest:numbers /pid == $1/ { printf("%d %d %d", arg0, arg1, arg2); } usdt:${load()}:scrytest:text /pid == $1/ { printf("%s", str(arg0, 4)); }`,
    load: ["usdt", 2],
    check: lines("0 0 200", "012", "1 -1 201", "012"),
    cost: { probe: "usdt:LOAD:scrytest:plain", load: "usdt" },
  },
  {
    name: "usdt with a semaphore",
    missing: always,
    script: () => `usdt:${load()}:scrytest:guarded /pid == $1/ { printf("%d", arg0); }`,
    load: ["usdt", 3],
    check: lines("0", "2", "4"),
  },
  {
    name: "profile",
    missing: always,
    script: "profile:hz:199 /pid == $1/ { @ = count(); }",
    load: ["spin", 500],
    check: atLeast("@", 20),
  },
  {
    name: "interval",
    missing: always,
    script: "interval:ms:20 { @ = count(); }",
    load: ["sleep", 300],
    check: atLeast("@", 5),
  },
  {
    name: "software",
    missing: always,
    script:
      "software:page-faults:1 /pid == $1/ { @ = count(); } software:cpu-clock:1000000 /pid == $1/ { @clock = count(); }",
    load: ["spin", 300],
    check: (seen) => atLeast("@clock", 10)(seen),
  },
  {
    name: "hardware",
    missing: () => (hasFeature("hardwareCounters") ? undefined : "this machine has no hardware counters"),
    script: "hardware:instructions:1000000 /pid == $1/ { @ = count(); }",
    load: ["spin", 200],
    check: atLeast("@", 10),
  },
  {
    name: "watchpoint",
    missing: () => (hasFeature("breakpoints") ? undefined : "this machine's hardware breakpoints never fire"),
    script: (l) => `watchpoint:${l.address}:8:w /pid == $1/ { @ = count(); }`,
    load: ["touch", 25],
    check: atLeast("@", 25, 25),
    cost: { probe: "watchpoint:ADDRESS:8:w", load: "touch" },
  },
  {
    name: "watchpoint that is taken away",
    missing: () => (hasFeature("breakpoints") ? undefined : "this machine's hardware breakpoints never fire"),
    script: (l) => `watchpoint:${l.address}:8:w /pid == $1/ { @ = count(); unwatch(${l.address}); }`,
    load: ["touch-slowly", 50],
    check: atLeast("@", 1, 25),
  },
  {
    name: "iter",
    missing: first(BTF, () =>
      liveEnvironment().btf()?.find("bpf_iter_task", "func") === undefined ? "task iterator (Linux 5.8)" : undefined,
    ),
    script: "iter:task /ctx.task->tgid == $1/ { @[str(ctx.task->comm)] = count(); }",
    load: ["idle", 0],
    check: entries("@", { load: 1 }),
  },
  {
    name: "self",
    missing: always,
    command: true,
    script: 'self:signal:SIGUSR2 { printf("signal"); exit() }',
    load: ["idle", 0],
    check: lines("signal"),
  },
];

/** One program for entry and return: calls of this process in the first word, returns in the second. */
async function runSession(): Promise<void> {
  const code = onlyProcess(process.pid, [
    movReg(1, 6),
    { ...callKfunc(0), ref: { kind: "kfunc", name: "bpf_session_is_return" } },
    movReg(8, 0),
    mapValue(7, "counters", 0),
    branchImm(Jmp.JEQ, 64, 8, 0, 4),
    loadWord(64, 1, 7, 8),
    aluImm(Alu.ADD, 64, 1, 1),
    storeReg(64, 7, 8, 1),
    goto(3),
    loadWord(64, 1, 7, 0),
    aluImm(Alu.ADD, 64, 1, 1),
    storeReg(64, 7, 0, 1),
    movImm(0, 0),
    exit(),
  ]);
  using object = loadObject(objectOf("kprobe", code, [counters]), { multi: () => "kprobe-session" });
  const program = object.programs.get("probe");
  if (program === undefined) throw new Error("no program");
  // A call that nothing else in this process makes: its other threads write, to wake each other.
  const priority = getPriority();
  const attachment = attachKprobeMulti(program, { functions: ["__x64_sys_setpriority"], at: "session" });
  for (let i = 0; i < 40; i++) setPriority(priority);
  await detachAll([attachment]);
  const words = new BigUint64Array(object.maps.get("counters")?.mapped() as ArrayBuffer);
  if (words[0] !== 40n || words[1] !== 40n) throw new Error(`${words[0]} calls and ${words[1]} returns, not 40 and 40`);
}

/** Runs a case; throws where something else arrived than was expected. */
export async function runSource(source: SourceCase): Promise<void> {
  if (source.run !== undefined) return source.run();
  const target = await startLoad(source.load[0], source.load[1]);
  try {
    const script = typeof source.script === "string" ? source.script : await source.script(target);
    const params = [target.pid, target.address];
    if (source.command === true) return await runCommand(source, script);
    await using other = source.beside === undefined ? undefined : await trace(source.beside, { params });
    const session = await trace(script, { params });
    target.go();
    await target.finished();
    await source.act?.(target);
    const reading = (async (): Promise<{ lines: string[]; warnings: string[] }> => {
      const lines: string[] = [];
      const warnings: string[] = [];
      for await (const event of session.events) {
        if (event.kind === "printf") lines.push(event.text);
        else if (event.kind === "warning") warnings.push(event.message);
      }
      return { lines, warnings };
    })();
    await session.stop();
    const { lines, warnings } = await reading;
    const maps = new Map(session.maps.names().map((name) => [name, session.maps.get(name)]));
    void other;
    source.check({ lines, warnings, maps });
  } finally {
    target.running.kill("SIGKILL");
  }
}

/** What the library leaves to its caller, the signals, the command does. */
async function runCommand(source: SourceCase, script: string): Promise<void> {
  const command = startScry(["-q", "-e", `begin { printf("ready\\n") } ${script}`]);
  await command.until("ready\n");
  command.kill("SIGUSR2");
  const { stdout, stderr } = await command.done;
  source.check({
    lines: stdout
      .split("\n")
      .slice(1)
      .filter((l) => l !== ""),
    warnings: [stderr],
    maps: new Map(),
  });
}

/** Nanoseconds of one turn of a load: bare, and with an empty program on its event. */
export interface SourceCost {
  readonly floor: number;
  readonly empty: number;
}

const TURNS = 8000;

/** What an event costs with a program that does nothing; undefined for a source that no load raises. */
export async function costOf(source: SourceCase): Promise<SourceCost | undefined> {
  const { cost } = source;
  if (cost === undefined) return undefined;
  const bare = await turnTime(cost.load, undefined);
  const probed = await turnTime(cost.load, cost.probe);
  return { floor: Math.max(0, Math.round(bare)), empty: Math.max(0, Math.round(probed)) };
}

/** The best of three, less what starting and ending the load takes. */
async function turnTime(mode: string, probe: string | undefined): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  let nothing = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) {
    nothing = Math.min(nothing, await loadTime(mode, 0, probe));
    best = Math.min(best, await loadTime(mode, TURNS, probe));
  }
  return ((best - nothing) * 1e6) / TURNS;
}

async function loadTime(mode: string, turns: number, probe: string | undefined): Promise<number> {
  const target = await startLoad(mode, turns);
  try {
    const text = probe?.replaceAll("LOAD", load()).replace("ADDRESS", target.address);
    // A watchpoint on every process would look at other programs' memory; the others see what the kernel does for all.
    const pid = text?.startsWith("watchpoint") ? { pid: target.pid } : {};
    await using session = text === undefined ? undefined : await trace(`${text} { }`, pid);
    const begin = performance.now();
    target.go();
    await target.finished();
    const time = performance.now() - begin;
    void session;
    return time;
  } finally {
    target.running.kill("SIGKILL");
  }
}
