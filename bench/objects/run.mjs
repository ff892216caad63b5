// BCC's tools in C (Debian's libbpf-tools) and the same objects by Scry, side by side on one load, and whether both saw the same:
//
//     node bench/objects/run.mjs [-v] FOLDER [TOOL…]      FOLDER: where the tools' programs are; -v: what differs, and C's text
//
// The object is cut out of the tool itself (an ELF file of machine BPF within it), opened by `openObject`, given the same
// constants as the tool gives it, and attached. Both wait for the load, which is one process that we start, in a control group,
// network and mount namespace of its own; both look at nothing else. Needs root, gcc and sys/sdt.h.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { loadSource } from "../../scripts/load-source.mjs";
import { TOOLS } from "./tools.mjs";

const { ObjectFile } = await loadSource("src/loader/index.ts");

const args = process.argv.slice(2);
const verbose = args.includes("-v");
const [folder, ...names] = args.filter((arg) => arg !== "-v");
if (folder === undefined) throw new Error("usage: node bench/objects/run.mjs [-v] FOLDER [TOOL…]");
const here = fileURLToPath(new URL(".", import.meta.url));
const scratch = mkdtempSync(`${tmpdir()}/scry-tools-`);
const cgroup = `${cgroupRoot()}/scry-tools-${process.pid}`;

/** Where control groups of the second version are. */
function cgroupRoot() {
  const mount = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .find((line) => line.split(" ")[2] === "cgroup2");
  if (mount === undefined) throw new Error("no cgroup2 file system is mounted");
  return mount.split(" ")[1];
}

/** The objects that stand within a program. */
function objectOf(binary) {
  const bytes = readFileSync(binary);
  for (let at = 1; (at = bytes.indexOf("\x7fELF\x02\x01\x01", at, "latin1")) > 0; at++) {
    if (bytes.readUInt16LE(at + 18) !== 247) continue;
    const end = Number(bytes.readBigUInt64LE(at + 40)) + 64 * bytes.readUInt16LE(at + 60);
    return new Uint8Array(bytes.subarray(at, at + end));
  }
  throw new Error(`${binary} carries no object`);
}

/** Waits until a program has attached all that it attaches: no link or event is added for half a second. */
async function attached(child) {
  let last = -1;
  let since = 0;
  for (let turn = 0; turn < 100 && child.exitCode === null; turn++) {
    const held = readdirSync(`/proc/${child.pid}/fd`).filter((fd) => {
      try {
        return /bpf.link|perf_event|bpf-prog/.test(readlinkSync(`/proc/${child.pid}/fd/${fd}`));
      } catch {
        return false;
      }
    }).length;
    since = held === last && held > 0 ? since + 1 : 0;
    last = held;
    if (since === 5) return;
    await sleep(100);
  }
  throw new Error("the tool did not attach");
}

const written = (stream, wanted) =>
  new Promise((resolve, reject) => {
    let text = "";
    stream.on("data", (chunk) => {
      text += chunk;
      if (text.includes(wanted)) resolve(text);
    });
    stream.on("end", () => reject(new Error("the load ended early")));
  });

/** Runs one tool both ways on one load; gives the rows of each. */
async function sideBySide(tool) {
  const command = tool.command ?? [`${scratch}/load`, tool.load, ...(tool.argument?.({ scratch, disk }) ?? [])];
  const load = spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "ignore"] });
  const group = openSync(cgroup, "r");
  let theirs;
  try {
    if (tool.command === undefined) await written(load.stdout, "ready\n");
    else await sleep(500);
    writeFileSync(`${cgroup}/cgroup.procs`, String(load.pid));
    const target = { pid: load.pid, cgroup, group, scratch, disk };
    theirs = spawn("stdbuf", ["-oL", `${folder}/${tool.name}`, ...tool.args(target)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    let errors = "";
    theirs.stdout.on("data", (chunk) => (text += chunk));
    theirs.stderr.on("data", (chunk) => (errors += chunk));
    const ended = once(theirs, "exit");
    await attached(theirs).catch((error) => {
      throw new Error(`${error.message}: ${errors.slice(0, 300)}`);
    });

    const object = new ObjectFile(objectOf(`${folder}/${tool.name}`), { name: tool.name });
    const records = [];
    try {
      tool.prepare?.(object, target);
      await object.load();
      tool.loaded?.(object, target);
      const stream =
        tool.records === undefined ? undefined : object.map(tool.records).records({ type: (bytes) => bytes.slice() });
      const reading = stream?.forEachBatch((batch) => void records.push(...batch));
      await (tool.attach ?? ((file) => file.attach()))(object, target);
      const done = tool.command === undefined ? written(load.stdout, "done\n") : sleep(1000);
      load.stdin.write(tool.input ?? "g");
      await done;
      await sleep(400);
      theirs.kill("SIGINT");
      stream?.stop();
      await reading;
      const ours = tool.ours(object, records, target);
      await stream?.close();
      await Promise.race([ended, sleep(10_000).then(() => Promise.reject(new Error("the tool does not end")))]);
      if (verbose) console.log(text);
      return { ours, theirs: tool.theirs(text, target), lost: stream?.lost ?? 0 };
    } finally {
      await object.close();
    }
  } finally {
    if (theirs?.exitCode === null) theirs.kill("SIGKILL");
    load.kill("SIGKILL");
    if (load.exitCode === null && load.signalCode === null) await once(load, "exit");
    closeSync(group);
  }
}

/** How many of two lists of rows are the same, in whatever order. */
function common(ours, theirs) {
  const counts = new Map();
  for (const row of ours) counts.set(row, (counts.get(row) ?? 0) + 1);
  let same = 0;
  const missing = [];
  for (const row of theirs) {
    const left = counts.get(row) ?? 0;
    if (left > 0) same++;
    else missing.push(row);
    counts.set(row, left - 1);
  }
  return { same, missing, more: [...counts].filter(([, left]) => left > 0).map(([row, left]) => `${row} (${left})`) };
}

execFileSync("gcc", ["-O1", "-shared", "-fPIC", "-o", `${scratch}/libjvm.so`, `${here}collect.c`]);
execFileSync("gcc", [
  "-O1",
  "-w",
  "-o",
  `${scratch}/load`,
  `${here}load.c`,
  `-L${scratch}`,
  "-l:libjvm.so",
  `-Wl,-rpath,${scratch}`,
  "-pthread",
]);
execFileSync("truncate", ["-s", "16M", `${scratch}/disk.img`]);
const disk = execFileSync("losetup", ["-f", "--show", `${scratch}/disk.img`], { encoding: "utf8" }).trim();
mkdirSync(cgroup);
let different = 0;
try {
  console.log("tool              C  Scry  same");
  for (const tool of TOOLS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    try {
      const { ours, theirs, lost } = await sideBySide(tool);
      const { same, missing, more } = common(ours, theirs);
      // What is measured in both by a clock of its own falls into the next bucket now and then.
      const equal =
        tool.timed === true ? ours.length === theirs.length : same === ours.length && same === theirs.length;
      if (!equal || theirs.length === 0) different++;
      const note = `${tool.timed ? "  (times)" : ""}${lost > 0 ? `  lost ${lost}` : ""}${equal ? "" : "  DIFFERENT"}`;
      console.log(
        `${tool.name.padEnd(14)}${[theirs, ours].map((rows) => String(rows.length).padStart(6)).join("")}${String(same).padStart(6)}${note}`,
      );
      if (verbose || !equal) for (const row of missing.slice(0, 8)) console.log(`    only C:    ${row}`);
      if (verbose || !equal) for (const row of more.slice(0, 8)) console.log(`    only Scry: ${row}`);
    } catch (error) {
      different++;
      console.log(`${tool.name.padEnd(14)} FAILED: ${error.message}`);
    }
  }
} finally {
  execFileSync("losetup", ["-d", disk]);
  rmdirSync(cgroup);
  rmSync(scratch, { recursive: true });
}
process.exitCode = different > 0 ? 1 : 0;
