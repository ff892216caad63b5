// The user's side of right.bpf.ts: what tsc must take of it, and what it must refuse, with the number of each error.

import { load } from "scry";

const run = await load<typeof import("./right.bpf.ts")>(new URL("./right.bpf.ts", import.meta.url));

// --- what is right
run.threshold.value = 1n;
run.threshold.value = 1_000_000;
run.off.value = true;
const threshold: bigint = run.threshold.value;
const off: boolean = run.off.value;
for await (const event of run.slow) {
  const { pid, comm, ns, ok, sizes, raw } = event;
  console.log(pid.toFixed(), comm.trim(), ns + threshold, ok === off, sizes[0], raw.length);
}
for (const { ns } of run.slow.take()) console.log(ns * 2n);
const known: { value: bigint } | undefined = [{ value: run.counts.get(1) ?? 0n }][0];
const { count, buckets } = run.spread.get(1) ?? { count: 0, buckets: [] };
for (const { from, to, count: n } of buckets) console.log((from ?? 0n) + (to ?? 0n), n + count);
const mean: bigint | undefined = run.times.get(5n)?.average;
const whole: bigint = (run.totalOf.get(0) ?? 0n) + (mean ?? 0n);
console.log(whole);
for (const [{ kernel }] of run.blocked)
  for (const { name, address } of kernel.frames) console.log(name ?? address.toString(16));
run.waiting.push({ pid: 1, ns: 2 });
const nextOne: bigint | undefined = run.waiting.pop()?.ns;
run.byGroup.set(5, run.counts);
console.log(nextOne, known, run.enter, run.object.name);

const when: number = [...run.slow.take()][0]?.when ?? 0;
const perCpu: bigint[] | undefined = run.totals.get(0);
const total: bigint | undefined = run.totals.sum(0);
const one: bigint | undefined = run.counts.take(1);
run.counts.setMany([[1, 2]]);
for await (const [key, count] of run.counts) console.log(key + 1, count + 1n);
for await (const batch of run.slow.batches()) console.log(batch[0]?.when);
run.slow.onBatch((records) => console.log(records.length))();
const { value, verdict } = run.dropped.test({ packet: new Uint8Array(64) });
console.log(when, perCpu, total, one, value, verdict?.length, run.enter.stats().runs + 1n, run.slow.lost);
await using still = await load<typeof import("./right.bpf.ts")>("./right.bpf.ts", { machine: "embedded" });
const [fired] = still.fire("enter", { count: 1 }, { pid: 1 });
console.log(fired?.value, still.slow.drain()[0]?.ns, still.exports.slow.lost, still.counts.get(1));

// --- what is wrong
for await (const event of run.slow) {
  // @ts-expect-error TS2551
  console.log(event.pids);
  // @ts-expect-error TS2365
  console.log(event.ns + 1);
  // @ts-expect-error TS2322
  const wide: bigint = event.pid;
  // @ts-expect-error TS2322
  const text: number = event.comm;
  console.log(wide, text);
}
// @ts-expect-error TS2322
run.threshold.value = "1";
// @ts-expect-error TS2322
run.off.value = 1;
// @ts-expect-error TS2322
export const narrow: number = run.threshold.value;
// @ts-expect-error TS2339
console.log(run.started);
// @ts-expect-error TS2339
console.log(run.enter.value);
// @ts-expect-error TS2345
run.counts.get("1");
// @ts-expect-error TS2339
console.log(run.spread.get(1)?.total);
// @ts-expect-error TS2540
run.threshold = 1n;
// @ts-expect-error TS2322
export const exact: bigint | undefined = run.slow.take()[0]?.when;
// @ts-expect-error TS2322
export const single: bigint | undefined = run.totals.get(0);
// @ts-expect-error TS2551
still.fired("enter");
// @ts-expect-error TS2353
still.fire("enter", {}, { process: 1 });
