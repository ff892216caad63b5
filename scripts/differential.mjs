// Random programs on every tier of the embedded machine, and in the running kernel where that may be:
//
//     npm run differential -- [PROGRAMS] [SEED]     10,000 by default; the seed of the first is printed
//
// A difference is printed with its seed, which as SEED gives the same program again.

import { loadSource } from "./load-source.mjs";

const count = Number(process.argv[2] ?? 10_000);
const first = Number(process.argv[3] ?? process.env.SCRY_SEED ?? Math.floor(Math.random() * 2 ** 31));
const { compareTiers } = await loadSource("test/data/machine-differential.ts");
const { randomProgram, randomState } = await loadSource("test/data/random-program.ts");

/** The kernel's outcome, in the same form; a refusal is one too. */
let kernelOutcome;
if (process.platform === "linux" && process.getuid?.() === 0) {
  const { loadObject, testRun } = await loadSource("src/kernel/index.ts");
  kernelOutcome = (object, seed) => {
    let loaded;
    try {
      loaded = loadObject(object);
    } catch (error) {
      return { refused: `${error.message}`.split("\n").slice(-3).join(" | ") };
    }
    try {
      const key = new Uint8Array(4);
      const state = loaded.maps.get("state");
      state.update(key, randomState(seed));
      const { value } = testRun(loaded.programs.get("random").fd, { data: new Uint8Array(64) });
      return { value, state: Buffer.from(state.lookup(key)).toString("hex") };
    } finally {
      loaded.close();
    }
  };
}

console.log(
  `${count} programs from seed ${first}, kernel ${kernelOutcome === undefined ? "not compared (needs root on Linux)" : "compared"}`,
);
let differences = 0;
const startedAt = performance.now();
let refused = 0;
const report = (text) => {
  differences++;
  if (differences <= 20) console.log(text);
};
for (let seed = first; seed < first + count; seed++) {
  const { difference, outcome } = compareTiers(seed);
  if (difference !== undefined) report(difference);
  if ((seed - first) % 10_000 === 9_999) {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
    console.log(`… to seed ${seed}: ${seed - first + 1} programs, ${differences} differences, ${seconds} s`);
  }
  if (kernelOutcome === undefined) continue;
  const object = randomProgram(seed);
  const theirs = kernelOutcome(object, seed);
  if (theirs.refused !== undefined) {
    refused++;
    if (process.env.VERBOSE) console.log(`seed ${seed}: refused by the kernel: ${theirs.refused}`);
    continue;
  }
  if (JSON.stringify(outcome) !== JSON.stringify(theirs)) {
    report(`seed ${seed}: kernel ${JSON.stringify(theirs)}, embedded ${JSON.stringify(outcome)}`);
  }
}
console.log(`refused by the kernel ${refused}`);
console.log(`differences ${differences}/${count}`);
process.exit(differences === 0 ? 0 : 1);
