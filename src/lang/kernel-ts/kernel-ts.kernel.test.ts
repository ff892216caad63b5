// Kernel programs in TypeScript on the live kernel. Every program sees only this process.

import { openSync, readSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { kernelBtf, tracepointFormat } from "../../kernel/index.ts";
import { ObjectFile } from "../../loader/index.ts";
import type { BpfObject } from "../../object/index.ts";
import { formatDiagnostic } from "../../source/index.ts";
import { compileModule } from "./index.ts";

function compiled(text: string): BpfObject {
  const source = { name: "t.bpf.ts", text };
  const { object, diagnostics } = compileModule(source, {
    btf: () => kernelBtf(),
    tracepoint: (category, name) => tracepointFormat(category, name)?.fields,
    cpu: 4,
  });
  if (object === undefined) throw new Error(diagnostics.map((d) => formatDiagnostic(d, source)).join("\n"));
  return object;
}

const zeros = (times: number): void => {
  const fd = openSync("/dev/zero", "r");
  for (let i = 0; i < times; i++) readSync(fd, Buffer.alloc(100 << (i % 4)));
};

describe("a module", () => {
  it("measures, filters and sends", async () => {
    const object = compiled(`
      import { bpf, hash, live, ring, struct, text, tracepoint, u32, u64 } from "scry/bpf";
      const Slow = struct({ pid: u32, comm: text(16), ns: u64, bytes: u64, parent: u32 });
      const started = hash(u32, u64, { maxEntries: 1024 });
      export const counts = hash(u32, u64);
      export const slow = ring(Slow, { bytes: 256 * 1024 });
      export const threshold = live(u64, 0);
      export const enter = tracepoint("syscalls:sys_enter_read", () => {
        if (bpf.pid() !== ${process.pid}) return;
        started.set(bpf.tid(), bpf.now());
      });
      function parentOf(): u32 {
        return bpf.task().real_parent.tgid;
      }
      export const exit = tracepoint("syscalls:sys_exit_read", (event) => {
        const start = started.take(bpf.tid());
        if (start === undefined || event.ret < 0) return;
        const ns = bpf.now() - start;
        counts.add(bpf.pid());
        if (ns > threshold.value) slow.send({ pid: bpf.pid(), comm: bpf.comm(), ns, bytes: event.ret, parent: parentOf() });
      });`);
    await using file = new ObjectFile(object, { name: "slow" });
    await file.load();
    await file.attach();
    await using records = file.map("slow").records();
    zeros(8);
    const seen = records.take() as { pid: number; comm: string; ns: bigint; bytes: bigint; parent: number }[];
    const ours = seen.filter(({ bytes }) => [100n, 200n, 400n, 800n].includes(bytes));
    expect(ours).toHaveLength(8);
    expect(ours[1]).toMatchObject({ pid: process.pid, bytes: 200n, parent: process.ppid });
    expect(ours[1]?.ns).toBeGreaterThan(0n);
    expect(Number(file.map("counts").get(process.pid))).toBeGreaterThanOrEqual(8);
  });
});
