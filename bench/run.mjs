// The measures that Scry is held to, beside bpftrace on the same kernel, in one run. As root:
//
//     node bench/run.mjs [kernel] [start] [flood] [uprobe] [entries] [churn] [size]     (no word: all of them)
//
// Both tools run the same script against the same load, turn by turn. Numbers of these shared machines travel only as
// ratios. The scripts, the load and the reader of the kernel's own statistics are in ../shared/bench/trace.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const shared = resolve(root, "../shared");
const traces = join(shared, "bench/trace");
const scratch = mkdtempSync(join(tmpdir(), "scry-bench-"));
const scry = ["node", join(root, "dist/scry.js")];
const peer = existsSync("/opt/peers/sid/usr/bin/bpftrace") ? ["bash", join(shared, "peers/bpftrace.sh")] : undefined;
const wanted = process.argv.slice(2).filter((w) => !w.startsWith("--"));
const repeat = Number(/--repeat=(\d+)/.exec(process.argv.join(" "))?.[1] ?? 3);
const results = {};

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const geometric = (list) => Math.exp(list.reduce((s, x) => s + Math.log(x), 0) / list.length);
const round = (n, digits = 2) => Number(n.toFixed(digits));
/** @type {[tool: string, command: string[]][]} */
const tools =
  peer === undefined
    ? [["scry", scry]]
    : [
        ["scry", scry],
        ["bpftrace", peer],
      ];

const load = join(scratch, "load");
execFileSync("gcc", ["-O2", join(traces, "load.c"), "-o", load]);

/** Wall time in seconds and peak memory in MiB of a command. */
function timed(command, env = {}) {
  const out = join(scratch, "time");
  const begun = process.hrtime.bigint();
  const done = spawnSync("/usr/bin/time", ["-f", "%M", "-o", out, ...command], {
    encoding: "utf8",
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  return {
    seconds,
    mib: Number(readFileSync(out, "utf8").trim().split("\n").at(-1)) / 1024,
    stdout: done.stdout,
    stderr: done.stderr,
    status: done.status,
  };
}

/**
 * @param {string} name @param {string} script
 * @param {{ turns?: number, env?: object, check?: (tool: string, run: any) => void }} options
 */
function compare(name, script, { turns = 7, env = {}, check } = {}) {
  const runs = Object.fromEntries(tools.map(([tool]) => [tool, []]));
  for (let i = 0; i < turns; i++) {
    for (const [tool, command] of tools) {
      const run = timed([...command, "-e", script], env);
      check?.(tool, run);
      runs[tool].push(run);
    }
  }
  const row = Object.fromEntries(
    tools.map(([tool]) => [
      tool,
      {
        seconds: round(median(runs[tool].map((r) => r.seconds)), 3),
        mib: round(median(runs[tool].map((r) => r.mib)), 1),
      },
    ]),
  );
  results[name] = row;
  console.log(
    `${name.padEnd(52)} ${tools.map(([tool]) => `${tool} ${row[tool].seconds} s, ${row[tool].mib} MiB`).join("   ")}${peer === undefined ? "" : `   ratio ${round(row.scry.seconds / row.bpftrace.seconds)}`}`,
  );
}

// --- what a probe costs in the kernel --------------------------------------------------------------------------------

function suite(command, scripts) {
  const out = join(scratch, "suite.json");
  execFileSync(
    "python3",
    [
      join(traces, "run_bench.py"),
      "--load",
      load,
      "--tracer",
      command.join(" "),
      "--repeat",
      String(repeat),
      "--json",
      out,
      ...scripts,
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  return JSON.parse(readFileSync(out, "utf8"));
}

function kernelCost() {
  const scripts = readdirSync(traces)
    .filter((f) => /^\d\d_.*\.bt$/.test(f) && !f.startsWith("20"))
    .sort();
  // Predicates that are false from the start: what remains is the statistics themselves, which cost each type of
  // program differently.
  const base = {};
  for (const [text, mode] of [
    ["tracepoint:raw_syscalls:sys_enter /0/ { @ = count(); }", "getppid"],
    ["tracepoint:raw_syscalls:sys_enter /0/ { @ = ctx; }", "getppid"],
    ["rawtracepoint:sys_enter /0/ { @ = count(); }", "getppid"],
    ["uprobe:LOAD:probe_me /0/ { @ = count(); }", "call"],
  ]) {
    const empty = join(scratch, "empty.bt");
    writeFileSync(empty, `// load: ${mode}\n${text}\n`);
    const program = suite(scry, [empty])[0].progs[0];
    base[program.type] = round(program.ns, 1);
  }
  results.statistics = base;
  console.log(`statistics alone, ns: ${JSON.stringify(base)}`);
  const rows = {};
  // Script by script, tool by tool: what disturbs the machine disturbs both.
  for (const script of scripts) {
    for (const [tool, command] of tools) {
      const row = suite(command, [join(traces, script)])[0];
      rows[script] ??= {};
      rows[script][tool] = {
        gross: row.progs.map((p) => round(p.ns, 1)),
        types: row.progs.map((p) => p.type),
        instructions: row.progs.map((p) => p.insns),
        loop: round(row.loop_ns, 1),
        lost: row.lost,
      };
    }
  }
  results.kernel = rows;
  const ratios = [];
  for (const [script, row] of Object.entries(rows)) {
    const net = (r) => r.gross.reduce((s, n, i) => s + Math.max(1, n - (base[r.types[i]] ?? base.tracepoint)), 0);
    if (row.bpftrace === undefined || row.scry.gross.length === 0 || row.bpftrace.gross.length === 0) continue;
    row.ratio = round(net(row.scry) / net(row.bpftrace));
    row.loopRatio = round(row.scry.loop / row.bpftrace.loop);
    ratios.push(net(row.scry) / net(row.bpftrace));
    console.log(
      `${script.padEnd(24)} gross ns: scry ${row.scry.gross.join("+")}, bpftrace ${row.bpftrace.gross.join("+")}; net ratio ${row.ratio}; whole loop ${row.scry.loop} and ${row.bpftrace.loop}`,
    );
  }
  if (ratios.length > 0) {
    results.kernelGeometricMean = round(geometric(ratios));
    results.kernelWorst = round(Math.max(...ratios));
    console.log(`geometric mean of the net ratios: ${results.kernelGeometricMean}, worst ${results.kernelWorst}`);
  }
}

// --- starting and ending ---------------------------------------------------------------------------------------------

/** Wildcards that stand for 71 tracepoints, none of them a system call (on the kernel that this was written on). */
const OTHERS = "tracepoint:ext4:ext4_*_*_*,tracepoint:jbd2:*start*";

function starts() {
  compare("begin { exit() }", "begin { exit() }");
  compare(
    "count by comm on a tracepoint, exit at once",
    "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); } interval:ms:1 { exit(); }",
  );
  const list = (pattern) =>
    timed([...scry, "-l", pattern])
      .stdout.trim()
      .split("\n").length;
  console.log(
    `sys_enter_s*: ${list("tracepoint:syscalls:sys_enter_s*")} tracepoints, ${OTHERS}: ${OTHERS.split(",").reduce((n, p) => n + list(p), 0)}`,
  );
  compare(
    "71 system-call tracepoints by wildcard",
    "tracepoint:syscalls:sys_enter_s* { @[probe] = count(); } interval:ms:1 { exit(); }",
    { turns: 3 },
  );
  compare("71 other tracepoints by wildcard", `${OTHERS} { @[probe] = count(); } interval:ms:1 { exit(); }`, {
    turns: 3,
  });
}

// --- reading and printing --------------------------------------------------------------------------------------------

function entries() {
  // The same loop fills the map for both.
  const script = "begin { for $i : 0..100000 { @a[$i] = $i; } exit(); }";
  compare("100,000 map entries filled, read and printed", script, {
    turns: 3,
    env: { BPFTRACE_MAX_MAP_KEYS: "120000" },
    check: (tool, run) => {
      const lines = run.stdout.split("\n").filter((l) => l.startsWith("@a[")).length;
      if (lines !== 100000)
        console.log(`  ${tool} printed ${lines} entries: ${run.stderr.split("\n").slice(-3).join(" ")}`);
    },
  });
}

function flood() {
  const runs = {};
  for (let i = 0; i < repeat; i++) {
    for (const [tool, command] of tools) {
      const text = execFileSync(
        "python3",
        [join(traces, "flood.py"), load, command.join(" "), join(traces, "20_printf_flood.bt"), "2", "1000000"],
        { encoding: "utf8" },
      );
      console.log(`flood ${tool}: ${text.trim()}`);
      const number = (name) => Number(new RegExp(`${name}\\s+([\\d,]+)`).exec(text)[1].replaceAll(",", ""));
      (runs[tool] ??= []).push({
        events: number("events"),
        printed: number("printed"),
        lost: number("reported lost"),
        perSecond: Number(/([\d,]+) printed\/s/.exec(text)[1].replaceAll(",", "")),
      });
    }
  }
  results.flood = Object.fromEntries(
    Object.entries(runs).map(([tool, list]) => [
      tool,
      {
        printedPerSecond: median(list.map((r) => r.perSecond)),
        unaccounted: list.map((r) => r.events - r.printed - r.lost),
      },
    ]),
  );
  console.log(JSON.stringify(results.flood));
}

// --- uprobes ---------------------------------------------------------------------------------------------------------

async function once(command, script, mode, count, binary) {
  const child = spawn(binary, [mode, String(count)], { stdio: ["pipe", "pipe", "ignore"] });
  let text = "";
  child.stdout.on("data", (d) => (text += d));
  const until = async (test) => {
    for (let i = 0; i < 2000 && !test(); i++) await new Promise((r) => setTimeout(r, 5));
  };
  await until(() => text.includes("\n"));
  let tracer;
  if (command !== undefined) {
    let said = "";
    tracer = spawn(command[0], [...command.slice(1), "-e", script], {
      env: { ...process.env, __BPFTRACE_NOTIFY_PROBES_ATTACHED: "1" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    tracer.stdout.on("data", (d) => (said += d));
    await until(() => said.includes("PROBES_ATTACHED"));
  }
  child.stdin.write("go\n");
  await new Promise((r) => child.on("exit", r));
  if (tracer !== undefined) {
    tracer.kill("SIGINT");
    await new Promise((r) => tracer.on("exit", r));
  }
  return Number(text.trim().split("\n").at(-1)) / count;
}

async function uprobe() {
  // Two builds of one function: one that begins with an instruction that the kernel emulates, one that it must step.
  const source = readFileSync(join(traces, "load.c"), "utf8");
  const c = join(scratch, "load.c");
  writeFileSync(c, source);
  const emulated = join(scratch, "load-push");
  execFileSync("gcc", ["-O0", "-fcf-protection=branch", c, "-o", emulated]);
  for (const [name, binary] of [
    ["endbr64 and push at the entry", emulated],
    ["an instruction that must be stepped", load],
  ]) {
    const script = `uprobe:${binary}:probe_me { @[arg1] = count(); }`;
    const bare = await once(undefined, "", "call", 300000, binary);
    const row = {};
    for (const [tool, command] of tools) {
      const list = [];
      for (let i = 0; i < repeat; i++) list.push(await once(command, script, "call", 100000, binary));
      row[tool] = round((median(list) - bare) / 1000, 2);
    }
    results[`uprobe: ${name}`] = row;
    console.log(
      `uprobe, ${name}: ${Object.entries(row)
        .map(([t, v]) => `${t} ${v} µs a hit`)
        .join(", ")}`,
    );
  }
}

// --- memory over short-lived processes ------------------------------------------------------------------------------

/** Resident memory of a run that prints the stacks of processes that end at once, every ten seconds. */
async function churn() {
  const seconds = Number(/--seconds=(\d+)/.exec(process.argv.join(" "))?.[1] ?? 240);
  // The parent of all of them; each is a program of its own, which maps its libraries.
  const parent = spawn("bash", ["-c", "read go; while :; do /bin/true; done"], { stdio: ["pipe", "ignore", "ignore"] });
  const script = `tracepoint:syscalls:sys_enter_exit_group /ppid == ${parent.pid}/ { @n = count(); print(ustack(8)); }`;
  const tracer = spawn(scry[0], [...scry.slice(1), "-q", "-e", script], {
    env: { ...process.env, __BPFTRACE_NOTIFY_PROBES_ATTACHED: "1" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let lines = 0;
  let said = "";
  await new Promise((resolve) =>
    tracer.stdout.on("data", (d) => {
      lines += String(d).split("\n").length - 1;
      if (said.length < 4096) said += d;
      if (said.includes("PROBES_ATTACHED")) resolve(undefined);
    }),
  );
  parent.stdin.write("go\n");
  const mib = [];
  for (let at = 0; at < seconds; at += 10) {
    await new Promise((r) => setTimeout(r, 10_000));
    const status = readFileSync(`/proc/${tracer.pid}/status`, "utf8");
    mib.push(round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024, 1));
  }
  parent.kill("SIGKILL");
  tracer.kill("SIGINT");
  await new Promise((r) => tracer.on("exit", r));
  results.churn = { seconds, lines, mib };
  console.log(`churn: ${lines} lines in ${seconds} s; resident MiB every 10 s: ${mib.join(" ")}`);
}

// --- size ------------------------------------------------------------------------------------------------------------

function size() {
  const pack = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--pack-destination", scratch, "--ignore-scripts"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );
  const folder = join(scratch, "installed");
  execFileSync("mkdir", ["-p", folder]);
  writeFileSync(join(folder, "package.json"), "{}");
  execFileSync(
    "npm",
    [
      "install",
      "--no-audit",
      "--no-fund",
      join(scratch, (Array.isArray(pack) ? pack[0] : Object.values(pack)[0]).filename),
    ],
    { cwd: folder, stdio: "ignore" },
  );
  const bytes = Number(execFileSync("du", ["-sb", "node_modules"], { cwd: folder, encoding: "utf8" }).split("\t")[0]);
  const disk =
    Number(execFileSync("du", ["-sk", "node_modules"], { cwd: folder, encoding: "utf8" }).split("\t")[0]) / 1024;
  results.installed = { bytes, mibOnDisk: round(disk, 1) };
  console.log(`installed with dependencies: ${round(bytes / 1e6, 1)} MB, ${round(disk, 1)} MiB on disk`);
}

const sections = { start: starts, entries, flood, uprobe, churn, size, kernel: kernelCost };
if (peer === undefined)
  console.log("bpftrace is not installed (bash ../shared/peers/bpftrace.sh install): no comparison");
try {
  for (const [name, run] of Object.entries(sections)) if (wanted.length === 0 || wanted.includes(name)) await run();
  const file = join(root, "bench/results.json");
  const before = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  writeFileSync(file, `${JSON.stringify({ ...before, ...results }, null, 1)}\n`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
