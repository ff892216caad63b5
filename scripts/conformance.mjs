// Runs the conformance tests of RFC 9669 (Alan-Jowett/bpf_conformance) on every tier of the embedded machine.
//
//     npm run conformance [-- FILTER]     names that contain FILTER; failures are printed, the last lines are the counts

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadSource } from "./load-source.mjs";

const fixtures = fileURLToPath(new URL("../../shared/fixtures/bpf_conformance/", import.meta.url));
if (!existsSync(`${fixtures}index.json`)) {
  console.log("skipped: the fixtures of bpf_conformance are not here");
  process.exit(0);
}
const { embeddedRaw } = await loadSource("src/machine/index.ts");
const filter = process.argv[2] ?? "";
const read = (name) => JSON.parse(readFileSync(fixtures + name, "utf8")).filter((test) => test.file.includes(filter));
const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));

const tests = read("index.json");
let failed = false;
/** @type {[tier: string, verified: boolean][]} */
const tiers = [
  ["interpreter", false],
  ["wasm-interpreter", false],
  ["jit", false],
  ["jit unchecked", true],
];
for (const [tier, verified] of tiers) {
  let passed = 0;
  for (const test of tests) {
    let answer;
    try {
      const machine = embeddedRaw(bytes(test.code), { verified, batchBytes: 64, tier: tier.split(" ")[0] });
      const result = machine.run(undefined, { memory: bytes(test.mem ?? "") });
      answer =
        result.trap === undefined ? `0x${result.r0.toString(16)}` : `${result.trap.kind}: ${result.trap.message}`;
    } catch (error) {
      answer = `${error}`;
    }
    if (answer === test.result) passed++;
    else console.log(`${tier}: ${test.file}: ${answer}, not ${test.result}`);
  }
  failed ||= passed !== tests.length;
  console.log(`${tier} ${passed}/${tests.length}`);
}

const malformed = read("negative-index.json").filter((test) => test.kind === "loader-must-reject");
let refused = 0;
for (const test of malformed) {
  try {
    embeddedRaw(bytes(test.code), { batchBytes: 64 });
    console.log(`${test.file}: not refused (${test.why})`);
  } catch {
    refused++;
  }
}
console.log(`refused ${refused}/${malformed.length}`);
process.exit(failed || refused !== malformed.length ? 1 : 0);
