// Kernel programs in TypeScript against their twins in C (clang -O2): instructions, and nanoseconds of a run by
// BPF_PROG_TEST_RUN, the two by turns, the best of the rounds. Needs root, clang and libbpf's headers.
//
//     npm run build && node bench/kernel-ts/run.mjs

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { openObject } = await import(new URL("../../dist/loader.js", import.meta.url).href);
const here = new URL(".", import.meta.url).pathname;
const examples = new URL("../../examples/kernel/", import.meta.url).pathname;
const ROUNDS = 9;
const REPEAT = 200_000;

const eth = (type) => [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, type >> 8, type & 255];
const padded = (bytes) => Uint8Array.from({ length: 64 }, (_, i) => bytes[i] ?? 0);
const ip4 = [0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 2, 3, 10, 0, 0, 2];
const ip6 = [0x60, 0, 0, 0, 0, 6, 17, 64, 0x20, 1];

/** What each twin is run on; absent: the kernel has no test run for its kind. */
const CASES = {
  "xdp-prefixes": {
    program: "filter",
    packets: {
      ipv4: padded([...eth(0x0800), ...ip4]),
      ipv6: padded([...eth(0x86dd), ...ip6]),
      other: padded(eth(0x88b5)),
    },
  },
  forbid: { program: "connect" },
};
const folder = mkdtempSync(join(tmpdir(), "scry-kernel-ts-"));
const rows = [];
try {
  for (const [name, { program, packets }] of Object.entries(CASES)) {
    const compiled = join(folder, `${name}.bpf.o`);
    const args = ["-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c", join(here, `${name}.bpf.c`)];
    execFileSync("clang", [...args, "-o", compiled]);
    const [ours, theirs] = await Promise.all([openObject(join(examples, `${name}.bpf.ts`)), openObject(compiled)]);
    try {
      await ours.load();
      await theirs.load();
      const sizes = [ours, theirs].map((object) => object.program(program).info().translatedBytes / 8);
      rows.push([`${name}: instructions`, ...sizes]);
      for (const [what, data] of Object.entries(packets ?? {})) {
        const best = [Infinity, Infinity];
        for (let round = 0; round < ROUNDS; round++)
          for (const [i, object] of [ours, theirs].entries()) {
            const { nanoseconds } = object.program(program).testRun({ data, repeat: REPEAT });
            best[i] = Math.min(best[i], nanoseconds);
          }
        rows.push([`${name}: ${what}, ns`, ...best]);
      }
    } finally {
      await ours.close();
      await theirs.close();
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(["", "ours", "clang", "ratio"].join("\t"));
for (const [what, a, b] of rows) console.log([what, a, b, (a / b).toFixed(2)].join("\t"));
const mean = Math.exp(rows.reduce((sum, [, a, b]) => sum + Math.log(a / b), 0) / rows.length);
console.log(`geometric mean ${mean.toFixed(3)}`);
