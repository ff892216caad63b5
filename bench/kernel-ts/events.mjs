// Records of 64 bytes read from a ring in a second, by one CPU: by batch, and by `for await`. As root, after `npm run build`:
//
//     node bench/kernel-ts/events.mjs [--rounds=30] [--json]
//
// The ring is filled by a program that is run by hand, then read: only the reading is timed, which is what a reader can do who is
// never short of records. Each round is one filling of 50,000 records; the median round counts.

/** The package as it is built. */
const { load } = await import(new URL("../../dist/index.js", import.meta.url).href);

const rounds = Number(/--rounds=(\d+)/.exec(process.argv.join(" "))?.[1] ?? 30);
const RECORDS = 50_000;

const module = await load(new URL("./events.bpf.ts", import.meta.url), { attach: false });
module.count.value = RECORDS;

const readers = {
  /** Every member is looked at, or an engine might leave out what makes them. */
  batch: async (ring) => {
    let seen = 0;
    let sum = 0;
    for await (const batch of ring.batches()) {
      for (const record of batch) sum += record.tid ?? record.b;
      seen += batch.length;
      if (seen >= RECORDS) break;
    }
    return sum;
  },
  "for await": async (ring) => {
    let seen = 0;
    let sum = 0;
    for await (const record of ring) {
      sum += record.tid ?? record.b;
      if (++seen >= RECORDS) break;
    }
    return sum;
  },
};
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const results = {};
for (const [name, program] of [
  ["mixed", "sendMixed"],
  ["numbers", "sendNumbers"],
  ["plain", "sendPlain"],
])
  for (const [how, read] of Object.entries(readers)) {
    const rates = [];
    for (let i = 0; i < rounds; i++) {
      module[program].test();
      const began = performance.now();
      const sum = await read(module[name]);
      rates.push(RECORDS / (performance.now() - began) / 1000);
      if (sum !== (RECORDS * (RECORDS - 1)) / 2) throw new Error(`${name}: records are missing`);
    }
    results[`${name}, ${how}`] = Number(median(rates).toFixed(2));
  }
if (module.mixed.lost + module.numbers.lost + module.plain.lost > 0) throw new Error("records were lost");
if (process.argv.includes("--json")) console.log(JSON.stringify(results));
else for (const [what, rate] of Object.entries(results)) console.log(`${what}: ${rate} M/s`);
await module[Symbol.asyncDispose]();
