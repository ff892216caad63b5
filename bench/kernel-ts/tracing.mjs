// The tracing examples of kernel modules beside their twins in C (bench/kernel-ts/NAME.bpf.c, clang -O2): instructions, and
// nanoseconds a run on the same events: both are attached at once, and the kernel's own statistics tell their time.
//
//     node bench/kernel-ts/tracing.mjs [NAME…]        needs root, clang, bpftool, libbpf's headers
//
// Both see one process that we start, by the filters of the examples. The order in which they are attached changes with each
// round, since whoever comes second finds memory in the caches.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { loadSource } from "../../scripts/load-source.mjs";

const { openObject } = await loadSource("src/loader/index.ts");
const { enableStatistics } = await loadSource("src/kernel/index.ts");

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const scratch = mkdtempSync(`${tmpdir()}/scry-twins-`);
const ROUNDS = 4;

/** What the process does, as JavaScript, after it is told to begin; `variables`: filters, by its pid. */
const LOADS = {
  execsnoop: {
    variables: (pid) => ({ parent: pid }),
    load: 'const { spawnSync } = require("child_process"); for (let i = 0; i < 60; i++) spawnSync("/bin/true");',
  },
  opensnoop: {
    variables: (pid) => ({ pid }),
    load: 'const fs = require("fs"); for (let i = 0; i < 5000; i++) fs.closeSync(fs.openSync("/etc/passwd"));',
  },
  runqlat: {
    variables: (pid) => ({ pid }),
    load: "const cell = new Int32Array(new SharedArrayBuffer(4)); for (let i = 0; i < 1500; i++) Atomics.wait(cell, 0, 0, 0.2);",
  },
  offcputime: {
    variables: (pid) => ({ pid }),
    load: "const cell = new Int32Array(new SharedArrayBuffer(4)); for (let i = 0; i < 1500; i++) Atomics.wait(cell, 0, 0, 0.2);",
  },
  biolatency: {
    variables: (pid) => ({ pid }),
    load: `const fs = require("fs"); const fd = fs.openSync(${JSON.stringify(`${root}node_modules/.scry-disk`)}, "w"); for (let i = 0; i < 60; i++) { fs.writeSync(fd, Buffer.alloc(4096, i)); fs.fsyncSync(fd); } fs.closeSync(fd); fs.unlinkSync(${JSON.stringify(`${root}node_modules/.scry-disk`)});`,
  },
  tcplife: {
    variables: (pid) => ({ pid }),
    load: `const net = require("net"); const server = net.createServer((s) => { s.on("error", () => {}); s.resume(); s.end("x"); }).listen(0, "127.0.0.1", async () => { for (let i = 0; i < 300; i++) await new Promise((r) => { const c = net.connect(server.address().port, "127.0.0.1"); c.resume(); c.on("close", r); }); server.close(); finish(); });`,
    later: true,
  },
  memleak: {
    variables: (pid) => ({ pid }),
    load: "for (let i = 0; i < 20000; i++) Buffer.allocUnsafeSlow(9000 + (i % 7));",
    pid: true,
  },
};

/** Waits for a line, works, says that it is done. */
const script = ({ load, later }) =>
  `const finish = () => process.stdout.write("done\\n"); process.stdin.once("data", () => { ${load} ${later ? "" : "finish();"} }); setTimeout(() => process.exit(1), 60000).unref(); process.stdin.on("end", () => process.exit(0)); process.stdout.write("ready\\n");`;

async function line(child) {
  const [chunk] = await once(child.stdout, "data");
  return String(chunk).trim();
}

async function opened(path, variables) {
  const object = await openObject(path);
  for (const [name, value] of Object.entries(variables)) object.data[name] = value;
  await object.load();
  return object;
}

/** Sums over an object's programs. */
function figures(object) {
  const sums = { written: 0, verified: 0, runs: 0n, nanoseconds: 0n };
  for (const program of Object.values(object.programs)) {
    const info = program.info();
    sums.written += program.spec.functions.reduce((all, fn) => all + fn.code.length, 0);
    sums.verified += info.verifiedInstructions;
    sums.runs += info.runs;
    sums.nanoseconds += info.runNanoseconds;
  }
  return sums;
}

async function round(name, turn) {
  const row = LOADS[name];
  const child = spawn(process.execPath, ["-e", script(row)], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    await line(child);
    const variables = row.variables(child.pid);
    const objects = {
      ours: await opened(`${root}examples/kernel/${name}.bpf.ts`, variables),
      theirs: await opened(`${scratch}/${name}.o`, variables),
    };
    try {
      const order = turn % 2 === 0 ? ["ours", "theirs"] : ["theirs", "ours"];
      for (const side of order) await objects[side].attach(row.pid ? { pid: child.pid } : {});
      const statistics = enableStatistics();
      child.stdin.write("go\n");
      await line(child);
      closeSync(statistics);
      return { ours: figures(objects.ours), theirs: figures(objects.theirs) };
    } finally {
      await objects.ours.close();
      await objects.theirs.close();
    }
  } finally {
    child.stdin.end();
    await once(child, "exit");
  }
}

function compiled(name) {
  const object = `${scratch}/${name}.o`;
  const source = `${here}${name}.bpf.c`;
  execFileSync("clang", [
    "-O2",
    "-g",
    "-target",
    "bpf",
    "-D__TARGET_ARCH_x86",
    "-mcpu=v3",
    `-I${scratch}`,
    "-c",
    source,
    "-o",
    object,
  ]);
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(LOADS);
const ratios = [];
try {
  const types = execFileSync("bpftool", ["btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c"], {
    maxBuffer: 1 << 28,
  });
  writeFileSync(`${scratch}/vmlinux.h`, types);
  console.log("| example | written, ours / clang's | verified | runs | ns a run | ours : clang's |");
  console.log("| --- | --- | --- | --- | --- | --- |");
  for (const name of names) {
    compiled(name);
    const all = [];
    for (let turn = 0; turn < ROUNDS; turn++) all.push(await round(name, turn));
    const each = (side) => {
      const runs = all.reduce((sum, one) => sum + one[side].runs, 0n);
      return {
        ...all[0][side],
        runs,
        ns: Number(all.reduce((sum, one) => sum + one[side].nanoseconds, 0n)) / Number(runs),
      };
    };
    const [ours, theirs] = [each("ours"), each("theirs")];
    ratios.push(ours.ns / theirs.ns);
    console.log(
      `| ${name} | ${ours.written} / ${theirs.written} | ${ours.verified} / ${theirs.verified} | ${ours.runs} / ${theirs.runs} | ${ours.ns.toFixed(0)} / ${theirs.ns.toFixed(0)} | ${(ours.ns / theirs.ns).toFixed(2)} |`,
    );
  }
  const mean = Math.exp(ratios.reduce((sum, one) => sum + Math.log(one), 0) / ratios.length);
  console.log(
    `\ngeometric mean ${mean.toFixed(2)}; kernel ${readFileSync("/proc/sys/kernel/osrelease", "utf8").trim()}`,
  );
} finally {
  rmSync(scratch, { recursive: true });
}
