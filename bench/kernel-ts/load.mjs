// How long it takes until a module is at work: compiled, taken by the kernel's verifier, loaded; the first in a process, and those
// after it.
//
//     npm run build && node bench/kernel-ts/load.mjs [NAME…]        needs root

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const own = fileURLToPath(import.meta.url);
const names = process.argv.slice(2);
const ALL = [
  "execsnoop",
  "opensnoop",
  "runqlat",
  "biolatency",
  "tcplife",
  "offcputime",
  "memleak",
  "xdp-prefixes",
  "forbid",
];
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

if (names[0] === "--one") {
  const { openObject } = await import(new URL("../../dist/loader.js", import.meta.url).href);
  const path = fileURLToPath(new URL(`../../examples/kernel/${names[1]}.bpf.ts`, import.meta.url));
  const times = [];
  for (let i = 0; i < 12; i++) {
    const began = performance.now();
    const used = process.cpuUsage();
    const object = await openObject(path);
    const compiled = performance.now();
    await object.load();
    const { user, system } = process.cpuUsage(used);
    times.push([performance.now() - began, compiled - began, (user + system) / 1000]);
    await object.close();
  }
  console.log(JSON.stringify(times));
} else {
  console.log("| example | first, ms | second | median of ten | of that compiling | its processor time |");
  console.log("| --- | --- | --- | --- | --- | --- |");
  for (const name of names.length > 0 ? names : [...ALL, "congestion"]) {
    const runs = Array.from({ length: 5 }, () =>
      JSON.parse(execFileSync(process.execPath, [own, "--one", name], { encoding: "utf8" })),
    );
    const of = (pick) => median(runs.map(pick)).toFixed(1);
    const later = (times, part) => median(times.slice(2).map((one) => one[part]));
    const cells = [
      of(([first]) => first[0]),
      of(([, second]) => second[0]),
      of((times) => later(times, 0)),
      of((times) => later(times, 1)),
      of((times) => later(times, 2)),
    ];
    console.log(`| ${[name, ...cells].join(" | ")} |`);
  }
}
