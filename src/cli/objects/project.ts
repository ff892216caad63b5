// What `scry init` writes: each file's name and text.

import { version } from "../version.ts";

const PROGRAM = `// The kernel's side: reads that take long, of one process or of all.

import { bpf, hash, live, ring, struct, text, tracepoint, u32, u64 } from "scry/bpf";

const Slow = struct({ pid: u32, comm: text(16), ns: u64, bytes: u64 });
const started = hash(u32, u64, { maxEntries: 10_240 });

export const slow = ring(Slow, { bytes: 256 * 1024 });
/** Nanoseconds. Both may be set while it runs. */
export const threshold = live(u64, 10_000_000);
/** The process; 0: all. */
export const target = live(u32, 0);

export const enter = tracepoint("syscalls:sys_enter_read", () => {
  if (target.value !== 0 && target.value !== bpf.pid()) return;
  started.set(bpf.tid(), bpf.now());
});

export const exit = tracepoint("syscalls:sys_exit_read", (event) => {
  const start = started.take(bpf.tid());
  if (start === undefined || event.ret < 0) return;
  const ns = bpf.now() - start;
  if (ns >= threshold.value) slow.send({ pid: bpf.pid(), comm: bpf.comm(), ns, bytes: u64(event.ret) });
});
`;

const MAIN = `// The user's side: sudo node main.ts [PID]

import { load } from "scry";

await using reads = await load<typeof import("./slow-reads.bpf.ts")>(new URL("./slow-reads.bpf.ts", import.meta.url));
reads.target.value = Number(process.argv[2] ?? 0);
reads.threshold.value = 1_000_000n;
for await (const event of reads.slow) console.log(event.pid, event.comm, event.bytes, event.ns);
`;

const TEST = `import { readFileSync } from "node:fs";
import { load } from "scry";
import { testProgram } from "scry/test";
import { expect, it } from "vitest";

const module = new URL("./slow-reads.bpf.ts", import.meta.url);
type Reads = typeof import("./slow-reads.bpf.ts");

it("sends reads that take long", async () => {
  await using t = await testProgram<Reads>(module);
  const read = (nanoseconds: number, ret: number) => {
    t.fire("sys_enter_read", {}, { pid: 7 });
    t.time.advance(nanoseconds);
    t.fire("sys_exit_read", { ret }, { pid: 7, comm: "cat" });
  };
  read(20_000_000, 5);
  read(9_999_999, 5);
  read(20_000_000, -4);
  expect(t.slow.drain()).toEqual([{ pid: 7, comm: "cat", ns: 20_000_000n, bytes: 5n }]);
});

it("looks at one process alone where it is told to", async () => {
  await using t = await testProgram<Reads>(module);
  t.target.value = 8;
  t.fire("sys_enter_read", {}, { pid: 7 });
  t.fire("sys_exit_read", { ret: 1 }, { pid: 7, time: 20_000_000 });
  expect(t.slow.drain()).toEqual([]);
});

it.runIf(process.getuid?.() === 0)("sees what this process reads, in the kernel", async () => {
  await using reads = await load<Reads>(module, { attach: false });
  reads.target.value = process.pid;
  reads.threshold.value = 0n;
  await reads.object.attach();
  const { length } = readFileSync("/proc/self/status");
  const seen = [];
  for await (const event of reads.slow) {
    seen.push(event);
    if (event.bytes === BigInt(length)) break;
  }
  expect(seen.every(({ pid }) => pid === process.pid)).toBe(true);
  expect(seen.at(-1)?.ns).toBeGreaterThan(0n);
});
`;

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** The module that declarations are written for. */
export const MODULE = "slow-reads.bpf.ts";
export const DECLARATIONS = "vmlinux.d.ts";

/** Files of a project, by their names. */
export const projectFiles = (name: string): Readonly<Record<string, string>> => ({
  "package.json": json({
    name,
    version: "0.1.0",
    private: true,
    type: "module",
    scripts: {
      start: "node main.ts",
      check: "tsc",
      test: "vitest run",
      types: `scry types -o ${DECLARATIONS} --only *.bpf.ts`,
    },
    dependencies: { scry: `^${version}` },
    devDependencies: { "@types/node": "^20.19.43", typescript: "^7.0.2", vitest: "^4.1.12" },
    // `await using`, and TypeScript as it is written.
    engines: { node: ">=24" },
  }),
  "tsconfig.json": json({
    compilerOptions: {
      target: "ES2022",
      lib: ["ES2023", "ESNext.Disposable"],
      module: "NodeNext",
      types: ["node"],
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      noEmit: true,
    },
    include: ["*.ts"],
  }),
  [MODULE]: PROGRAM,
  "main.ts": MAIN,
  "slow-reads.test.ts": TEST,
});
