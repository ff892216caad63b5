// The running kernel's verifier and ours on the same programs, as a table of classes; and each program that we accept
// run in the checked interpreter, where none may trap:
//
//     npm run agreement -- [PROGRAMS] [SEED]     2,000 by default; the seed of the first is printed
//
// Random programs, a tenth as many of random IR through our compiler, a tenth as many random scripts with all of their
// programs, and the C programs of bench/verifier (with clang, where there is one). Needs root and a kernel with BPF.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { loadSource } from "./load-source.mjs";

const count = Number(process.argv[2] ?? 2000);
const first = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 30));
const { compareVerdicts, trapOf } = await loadSource("test/data/verifier-agreement.ts");
const { compilerObject, scriptObject } = await loadSource("test/data/verifier-corpora.ts");
const { RANDOM_MAPS, randomObject } = await loadSource("test/data/verifier-random-programs.ts");
const { createMap } = await loadSource("src/kernel/index.ts");
const { liveEnvironment } = await loadSource("src/session/live-environment.ts");
const { readObject } = await loadSource("src/object/index.ts");

console.log(`${count} random programs from seed ${first}`);
const classes = new Map();
const note = (name, seed) => {
  const row = classes.get(name) ?? { programs: 0, seeds: [] };
  row.programs++;
  if (row.seeds.length < 5) row.seeds.push(seed);
  classes.set(name, row);
};
let agree = 0;
let total = 0;
let ran = 0;
let traps = 0;

function judge(object, label, { options = undefined, run = false }) {
  for (const program of object.programs) {
    const { kernel, ours, agree: same, difference } = compareVerdicts(object, program, options);
    total++;
    if (same) {
      agree++;
      note(kernel.refusal === undefined ? "both accept" : "both refuse", label);
    } else note(difference, label);
    if (!run || !ours.accepted) continue;
    ran++;
    const trap = trapOf({ ...object, programs: [program] });
    if (trap === undefined) continue;
    traps++;
    console.log(`UNSOUND: ${label} was accepted, and traps: ${trap}`);
  }
}

function part(name, body) {
  const before = { agree, total };
  const start = performance.now();
  body();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${name}: the verdicts agree on ${agree - before.agree} of ${total - before.total} (${seconds} s)`);
}

part("random programs", () => {
  const maps = new Map(RANDOM_MAPS.map((spec) => [spec.name, createMap(spec)]));
  for (let seed = first; seed < first + count; seed++)
    judge(randomObject(seed), seed, { options: { maps }, run: true });
  for (const map of maps.values()) map.close();
});
const tenth = Math.ceil(count / 10);
part("random IR, compiled", () => {
  for (let seed = first; seed < first + tenth; seed++) judge(compilerObject(seed), `ir ${seed}`, { run: true });
});
part("random scripts", () => {
  const environment = liveEnvironment({ params: ["42", "7", "some text"], unsafe: true });
  for (let seed = first; seed < first + tenth; seed++) {
    const script = scriptObject(seed, environment);
    if (script !== undefined) judge(script.object, `script ${seed}`, {});
  }
});
part("C programs", () => {
  const sources = new URL("../bench/verifier/c/", import.meta.url).pathname;
  const folder = mkdtempSync(`${tmpdir()}/scry-agreement-`);
  try {
    for (const file of readdirSync(sources).filter((name) => name.endsWith(".c"))) {
      const out = `${folder}/${file}.o`;
      execFileSync("clang", ["-target", "bpf", "-O2", "-g", "-c", sources + file, "-o", out]);
      const { object } = readObject(readFileSync(out));
      // Types of keys and values are of no use here.
      const maps = object.maps.map(({ keyType, valueType, ...map }) => map);
      judge({ ...object, maps }, file, {});
    }
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    console.log("C programs: SKIPPED, there is no clang");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

console.log("\nprograms  class");
for (const [name, { programs, seeds }] of [...classes].sort((a, b) => b[1].programs - a[1].programs)) {
  const where = name.startsWith("both") ? "" : ` (${seeds.join(", ")})`;
  console.log(`${String(programs).padStart(8)}  ${name}${where}`);
}
const percent = ((100 * agree) / total).toFixed(2);
console.log(
  `\nagreement ${agree}/${total} = ${percent} %; ${ran} accepted programs run with 3 inputs each, ${traps} traps`,
);
if (traps > 0 || agree / total < 0.97) process.exitCode = 1;
