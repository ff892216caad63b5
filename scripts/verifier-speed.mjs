// How long our verifier takes, side by side with the kernel's, on the same programs:
//
//     node scripts/verifier-speed.mjs [PROGRAMS] [ROUNDS]
//
// Programs of 200 to 400 instructions: random IR through our compiler, and random scripts. The kernel's time is what its
// verifier says of itself (BPF_LOG_STATS), ours a call of `verifyProgram`: the first one in the process after 3 others
// (cold), and the shortest after all have been verified several times (warm). Then the same loop with more and more
// turns. Needs root.

import { loadSource } from "./load-source.mjs";

const count = Number(process.argv[2] ?? 40);
const rounds = Number(process.argv[3] ?? 12);
const { kernelSays } = await loadSource("test/data/verifier-agreement.ts");
const { compilerObject, scriptObject } = await loadSource("test/data/verifier-corpora.ts");
const { verifyProgram } = await loadSource("src/verifier/index.ts");
const { objectOf } = await loadSource("test/data/verifier-objects.ts");
const { link } = await loadSource("src/object/index.ts");
const { liveEnvironment } = await loadSource("src/session/live-environment.ts");

const options = { profile: "linux", cpus: 2 };
const environment = liveEnvironment({ params: ["42", "7", "some text"], unsafe: true });
const programs = [];
for (let seed = 1; programs.length < count && seed < 50 * count; seed++) {
  const script = seed % 2 === 1 ? scriptObject(seed, environment) : undefined;
  const object = seed % 2 === 0 ? compilerObject(seed) : script?.object;
  for (const program of object?.programs ?? []) {
    const { slots } = link(program);
    if (slots < 200 || slots > 400) continue;
    programs.push({
      name: `${script ? "script" : "ir"} ${seed}`,
      object: { ...object, programs: [program] },
      program,
      slots,
    });
  }
}
programs.length = Math.min(programs.length, count);

const milliseconds = (run) => {
  const start = performance.now();
  run();
  return performance.now() - start;
};
for (const row of programs) {
  row.cold = milliseconds(() => verifyProgram(row.object, row.program, options));
  row.warm = Number.POSITIVE_INFINITY;
  row.kernel = Number.POSITIVE_INFINITY;
}
for (let round = 0; round < rounds; round++) {
  for (const row of programs) {
    row.kernel = Math.min(row.kernel, (kernelSays(row.object).microseconds ?? 0) / 1000);
    row.warm = Math.min(
      row.warm,
      milliseconds(() => verifyProgram(row.object, row.program, options)),
    );
  }
}
console.log("slots  kernel ms  warm ms  cold ms  warm/kernel  program");
for (const { name, slots, kernel, warm, cold } of programs) {
  console.log(
    `${String(slots).padStart(5)}  ${kernel.toFixed(3).padStart(9)}  ${warm.toFixed(3).padStart(7)}  ${cold.toFixed(2).padStart(7)}  ${(warm / kernel).toFixed(1).padStart(11)}  ${name}`,
  );
}
const mean = (value) =>
  Math.exp(programs.slice(3).reduce((sum, row) => sum + Math.log(value(row)), 0) / (programs.length - 3));
const ratios = programs.map((row) => row.warm / row.kernel).sort((a, b) => a - b);
console.log(
  `geometric mean against the kernel: warm ${mean((r) => r.warm / r.kernel).toFixed(2)}, cold ${mean((r) => r.cold / r.kernel).toFixed(1)}; ` +
    `warm, at most: ${ratios.at(-1).toFixed(1)}; over 5: ${ratios.filter((r) => r > 5).length} of ${programs.length}`,
);

console.log("\nturns of a loop  instructions followed  warm ms");
for (const turns of [10, 1000, 100_000, 1_000_000]) {
  const object = objectOf(
    `r0 = 0\nr6 = 0\nloop: r7 = r6\nr7 &= 63\nr1 = map_value[global]+0 ll\nr1 += r7\nr2 = *(u8 *)(r1 + 0)\nr0 += r2\nr6 += 1\nif r6 < ${turns} goto loop\nexit`,
  );
  let best = Number.POSITIVE_INFINITY;
  let result;
  for (let i = 0; i < 200; i++) {
    best = Math.min(
      best,
      milliseconds(() => (result = verifyProgram(object, object.programs[0], options))),
    );
  }
  console.log(
    `${String(turns).padStart(15)}  ${String(result.visited).padStart(21)}  ${best.toFixed(3)}  ${result.accepted ? "accepted" : "refused"}`,
  );
}
