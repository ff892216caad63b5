// The embedded machine against gcc -O2, program by program, in the same run: `node bench/machine/run.mjs [NAME…]`.
// Rounds of both take turns; what is printed are medians. The programs and inputs are the shared ones of
// ../shared/bench/machine; native libraries are built in a temporary folder.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadSource } from "../../scripts/load-source.mjs";

const shared = fileURLToPath(new URL("../../../shared/bench/machine/", import.meta.url));
const { embeddedRaw } = await loadSource("src/machine/index.ts");

/** Name, input, and roughly how long one native run takes, in nanoseconds. */
/** @type {[name: string, input: string | undefined, nanoseconds: number][]} */
const PROGRAMS = [
  ["collatz", undefined, 30_000],
  ["sieve", undefined, 22_000],
  ["csum", "rand64k.bin", 11_000],
  ["fnv1a", "rand4k.bin", 4_500],
  ["xxh64", "rand4k.bin", 400],
  ["pktclass", "trace1k.pcap", 6],
  ["heapsort", "rand4k.bin", 15_000],
  ["matmul", "rand12k.bin", 15_000],
  ["siphash", "rand1k.bin", 360],
  ["calls", undefined, 1_650],
];
const ROUNDS = 9;
const ROUND_NS = 20e6;
/** Of an interpreter over all packets, in a round: each packet is a run of its own. */
const PASSES = 10;

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const geomean = (list) => Math.exp(list.reduce((sum, x) => sum + Math.log(x), 0) / list.length);

function packetsOf(pcap) {
  const view = new DataView(pcap.buffer, pcap.byteOffset, pcap.length);
  const packets = [];
  for (let at = 24; at + 16 <= pcap.length; ) {
    const length = view.getUint32(at + 8, true);
    packets.push(pcap.subarray(at + 16, at + 16 + length));
    at += 16 + length;
  }
  return packets;
}

/** A function that runs the program for about a round and answers nanoseconds for one run (or packet), and r0. */
function timed(machine, name, bytes, estimate, tier) {
  if (name === "pktclass") {
    const packets = packetsOf(bytes);
    if (tier !== "jit") {
      return () => {
        let sum = 0n;
        let instructions = 0;
        const start = performance.now();
        for (let pass = 0; pass < PASSES; pass++) {
          sum = 0n;
          for (const packet of packets) {
            const result = machine.run(undefined, { memory: packet, tier });
            sum += result.r0;
            instructions += result.instructions;
          }
        }
        return {
          ns: ((performance.now() - start) * 1e6) / PASSES / packets.length,
          value: BigInt.asUintN(64, sum),
          instructions: instructions / PASSES,
        };
      };
    }
    const batch = machine.loadBatch(packets, undefined, "memory");
    const repeat = Math.max(1, Math.round(ROUND_NS / estimate / packets.length));
    return () => {
      let values;
      const start = performance.now();
      for (let i = 0; i < repeat; i++) values = machine.runBatch(batch).values;
      const ns = ((performance.now() - start) * 1e6) / repeat / packets.length;
      return {
        ns,
        value: BigInt.asUintN(
          64,
          values.reduce((a, b) => a + b, 0n),
        ),
      };
    };
  }
  const repeat = Math.max(1, Math.round(ROUND_NS / estimate));
  return () => {
    const start = performance.now();
    const result = machine.run(undefined, { memory: bytes, repeat, tier });
    if (result.trap !== undefined) throw new Error(`${name}: ${result.trap.message}`);
    return {
      ns: ((performance.now() - start) * 1e6) / repeat,
      value: result.r0,
      instructions: result.instructions / repeat,
    };
  };
}

const folder = mkdtempSync(join(tmpdir(), "machine-bench-"));
try {
  const driver = join(folder, "native");
  execFileSync("gcc", ["-O2", fileURLToPath(new URL("native.c", import.meta.url)), "-o", driver, "-ldl"]);
  const wanted = process.argv.slice(2);
  const rows = [];
  console.log(
    "| program | gcc -O2 ns | jit ns | ratio | jit checked | ratio | wasm interpreter ns/insn | js interpreter ns/insn |",
  );
  console.log("|---|---|---|---|---|---|---|---|");
  for (const [name, input, estimate] of PROGRAMS) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const library = join(folder, `${name}.so`);
    execFileSync("gcc", ["-O2", "-fPIC", "-shared", `${shared}src/${name}.c`, "-o", library]);
    const program = new Uint8Array(readFileSync(`${shared}bin/${name}.bin`));
    const bytes = input === undefined ? new Uint8Array(0) : new Uint8Array(readFileSync(`${shared}inputs/${input}`));
    const native = () => {
      const perRun = name === "pktclass" ? estimate * 1000 : estimate;
      const repeat = `${Math.max(1, Math.round(ROUND_NS / perRun))}`;
      const args = [library, input === undefined ? "-" : `${shared}inputs/${input}`, repeat, "1"];
      if (name === "pktclass") args.push("pcap");
      const [ns, value] = execFileSync(driver, args, { encoding: "utf8" }).trim().split(" ");
      return { ns: Number(ns), value: BigInt(`0x${value}`) };
    };
    const options = { budget: 2 ** 52 };
    const fast = timed(embeddedRaw(program, { ...options, verified: true }), name, bytes, estimate, "jit");
    const checked = timed(embeddedRaw(program, options), name, bytes, estimate, "jit");
    for (let i = 0; i < 4; i++) {
      fast();
      checked();
    }
    const times = { native: [], fast: [], checked: [] };
    let expected;
    for (let i = 0; i < ROUNDS; i++) {
      for (const [key, run] of Object.entries({ native, fast, checked })) {
        const { ns, value } = run();
        times[key].push(ns);
        expected ??= value;
        if (value !== expected)
          throw new Error(`${name}: ${key} gives ${value.toString(16)}, not ${expected.toString(16)}`);
      }
    }
    // The interpreters run a hundred times longer: fewer rounds, and their own unit.
    const perInstruction = ["wasm-interpreter", "interpreter"].map((tier) => {
      const run = timed(embeddedRaw(program, options), name, bytes, estimate * 100, tier);
      for (let i = 0; i < 3; i++) run();
      const list = Array.from({ length: 5 }, () => {
        const { ns, value, instructions } = run();
        if (value !== expected) throw new Error(`${name}: ${tier} gives ${value.toString(16)}`);
        return name === "pktclass" ? (ns * 1000) / instructions : ns / instructions;
      });
      return median(list);
    });
    const row = {
      name,
      native: median(times.native),
      fast: median(times.fast),
      checked: median(times.checked),
      perInstruction,
    };
    rows.push(row);
    console.log(
      `| ${name} | ${row.native.toFixed(1)} | ${row.fast.toFixed(1)} | ${(row.fast / row.native).toFixed(2)} | ${row.checked.toFixed(1)} | ${(row.checked / row.native).toFixed(2)} | ${perInstruction[0].toFixed(2)} | ${perInstruction[1].toFixed(2)} |`,
    );
  }
  const mean = (pick) => geomean(rows.map(pick)).toFixed(2);
  console.log(
    `| geometric mean | | | ${mean((r) => r.fast / r.native)} | | ${mean((r) => r.checked / r.native)} | ${mean((r) => r.perInstruction[0])} | ${mean((r) => r.perInstruction[1])} |`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
