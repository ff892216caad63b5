// The ten examples of kernel modules beside their twins in C (bench/kernel-ts/NAME.bpf.c, clang -O2): instructions written, those
// that are executed on the same events, and nanoseconds a run.
//
//     node bench/kernel-ts/run.mjs [NAME…]        needs root, clang, bpftool, libbpf's headers
//
// Nanoseconds: both are attached at once, and the kernel's own statistics tell their time; what sees packets is run on the same
// ones (BPF_PROG_TEST_RUN, by turns, the best of the rounds). Both see one process that we start, by the filters of the examples.
// The order in which they are attached changes with each round, since whoever comes second finds memory in the caches.
// Executed: counted by the interpreter of the embedded machine, where it can run both. It has no structs of the kernel behind
// pointers of btfTracepoint, and no struct_ops.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { loadSource } from "../../scripts/load-source.mjs";
import { CASES } from "./loads.mjs";

const { openObject } = await loadSource("src/loader/index.ts");
const { enableStatistics, kernelBtf } = await loadSource("src/kernel/index.ts");
const { objectOf } = await loadSource("src/sources/index.ts");
const { embeddedModule } = await loadSource("src/user-side/index.ts");
const { readObject } = await loadSource("src/object/index.ts");
const { resolveCore } = await loadSource("src/co-re/index.ts");

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const scratch = mkdtempSync(`${tmpdir()}/scry-twins-`);
const ROUNDS = 4;
const REPEAT = 200_000;
const module = (name) => `${root}examples/kernel/${name}.bpf.ts`;
const twin = (name) => `${scratch}/${name}.o`;

/** Waits for a line, works, says that it is done. */
const script = ({ load, later }) =>
  `const finish = () => process.stdout.write("done\\n"); process.stdin.once("data", () => { ${load} ${later ? "" : "finish();"} }); setTimeout(() => process.exit(1), 60000).unref(); process.stdin.on("end", () => process.exit(0)); process.stdout.write("ready\\n");`;

/** Waits until a process says a word on a line of its own, which may come in parts. */
async function said(child, word) {
  for (let text = ""; !text.includes(`${word}\n`); ) text += String((await once(child.stdout, "data"))[0]);
}

async function opened(path, variables) {
  const object = await openObject(path);
  for (const [name, value] of Object.entries(variables)) object.data[name] = value;
  await object.load();
  return object;
}

const written = (object) =>
  Object.values(object.programs).reduce(
    (all, { spec }) => all + spec.functions.reduce((sum, fn) => sum + fn.code.length, 0),
    0,
  );

/** Sums over an object's programs. */
function figures(object) {
  const sums = { written: written(object), verified: 0, runs: 0, nanoseconds: 0 };
  for (const program of Object.values(object.programs)) {
    const info = program.info();
    sums.verified += info.verifiedInstructions;
    sums.runs += Number(info.runs);
    sums.nanoseconds += Number(info.runNanoseconds);
  }
  return sums;
}

/** Both at one load: figures of each. */
async function round(name, turn) {
  const row = CASES[name];
  const [command, ...words] = row.python ? ["python3", "-c", row.python] : [process.execPath, "-e", script(row)];
  const group = row.group?.();
  const child = spawn(command, words, { stdio: ["pipe", "pipe", "inherit"] });
  // What ends it early is told by whoever ends it.
  child.stdin.on("error", () => undefined);
  try {
    await said(child, "ready");
    group?.enter(child.pid);
    const variables = row.variables?.(child.pid) ?? {};
    const objects = { ours: await opened(module(name), variables), theirs: await opened(twin(name), variables) };
    try {
      const order = turn % 2 === 0 ? ["ours", "theirs"] : ["theirs", "ours"];
      for (const side of order) {
        if (group === undefined) await objects[side].attach(row.attach?.(child.pid));
        else for (const program of Object.values(objects[side].programs)) await program.attach(group.attach);
      }
      const statistics = enableStatistics();
      child.stdin.write("go\n");
      await said(child, "done");
      closeSync(statistics);
      return { ours: figures(objects.ours), theirs: figures(objects.theirs) };
    } finally {
      await objects.ours.close();
      await objects.theirs.close();
    }
  } finally {
    child.stdin.end("\n");
    await once(child, "exit");
    group?.close();
  }
}

/** By loads: nanoseconds a run, over all rounds. */
async function live(name) {
  const all = [];
  for (let turn = 0; turn < ROUNDS; turn++) all.push(await round(name, turn));
  const each = (side) => {
    const runs = all.reduce((sum, one) => sum + one[side].runs, 0);
    return { ...all[0][side], runs, ns: all.reduce((sum, one) => sum + one[side].nanoseconds, 0) / runs };
  };
  return { ours: each("ours"), theirs: each("theirs") };
}

/** By packets: the geometric mean of nanoseconds over them. */
async function onPackets(name) {
  const objects = [await opened(module(name), {}), await opened(twin(name), {})];
  try {
    const best = objects.map(() => new Map());
    for (let turn = 0; turn < 2 * ROUNDS; turn++)
      for (const [what, data] of Object.entries(CASES[name].packets))
        for (const [i, object] of objects.entries()) {
          const [program] = Object.values(object.programs);
          const { nanoseconds } = program.testRun({ data, repeat: REPEAT });
          best[i].set(what, Math.min(best[i].get(what) ?? Infinity, nanoseconds));
        }
    const [ours, theirs] = objects.map((object, i) => ({
      ...figures(object),
      runs: 2 * ROUNDS * REPEAT * best[i].size,
      ns: geometric([...best[i].values()]),
    }));
    return { ours, theirs };
  } finally {
    for (const object of objects) await object.close();
  }
}

/** Instructions on the same events, by the interpreter; undefined: the embedded machine cannot run them. */
async function executed(name) {
  const { events, packets } = CASES[name];
  if (events === undefined && packets === undefined) return undefined;
  const btf = kernelBtf();
  const compiled = objectOf(module(name));
  const { object: theirs } = readObject(readFileSync(twin(name)));
  // Records are the kernel's: where their fields lie is the same for both.
  const shaped = {
    ...theirs,
    programs: theirs.programs.map((program, i) => ({ ...program, context: compiled.programs[i].context })),
  };
  return [compiled, shaped].map((object) => {
    const side = embeddedModule(resolveCore(object, { btf, modules: () => [] }), {
      btf,
      clock: "still",
      tier: "interpreter",
    });
    const names = object.programs.map((program) => program.name);
    let count = 0;
    const run = (program, options) => {
      const coverage = new Uint8Array(65536);
      side.run(program, { ...options, coverage });
      count += coverage.reduce((sum, n) => sum + n, 0);
    };
    for (const packet of Object.values(packets ?? {})) run(names[0], { packet });
    const place = (bytes) => side.machine.place(bytes, "user");
    for (const [program, fields, source] of events?.(place) ?? []) run(names[program], { fields, ...source });
    return count;
  });
}

const geometric = (numbers) => Math.exp(numbers.reduce((sum, n) => sum + Math.log(n), 0) / numbers.length);

function compiled(name) {
  const flags = ["-O2", "-g", "-target", "bpf", "-D__TARGET_ARCH_x86", "-mcpu=v3", `-I${scratch}`];
  const includes = ["-I/usr/include/x86_64-linux-gnu"];
  execFileSync("clang", [...flags, ...includes, "-c", `${here}${name}.bpf.c`, "-o", twin(name)]);
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CASES);
const ratios = { written: [], executed: [], ns: [] };
const ratio = (kind, a, b) => {
  ratios[kind].push(a / b);
  return (a / b).toFixed(2);
};
try {
  const types = execFileSync("bpftool", ["btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c"], {
    maxBuffer: 1 << 28,
  });
  writeFileSync(`${scratch}/vmlinux.h`, types);
  console.log("| example | written, ours / clang's | | executed | | verified | runs | ns a run | |");
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const name of names) {
    compiled(name);
    const { ours, theirs } = await (CASES[name].packets ? onPackets(name) : live(name));
    const counts = await executed(name);
    const cells = [
      name,
      `${ours.written} / ${theirs.written}`,
      ratio("written", ours.written, theirs.written),
      counts === undefined ? "–" : counts.join(" / "),
      counts === undefined ? "" : ratio("executed", ...counts),
      `${ours.verified} / ${theirs.verified}`,
      ours.runs === theirs.runs ? `${ours.runs}` : `${ours.runs} / ${theirs.runs}`,
      `${ours.ns.toFixed(ours.ns < 100 ? 1 : 0)} / ${theirs.ns.toFixed(ours.ns < 100 ? 1 : 0)}`,
      ratio("ns", ours.ns, theirs.ns),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
  const means = Object.entries(ratios).map(([kind, all]) => `${kind} ${geometric(all).toFixed(3)}`);
  console.log(
    `\ngeometric means: ${means.join(", ")}; kernel ${readFileSync("/proc/sys/kernel/osrelease", "utf8").trim()}`,
  );
} finally {
  rmSync(scratch, { recursive: true });
}
