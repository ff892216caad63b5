// The user's side of kernel modules, at work: each sees only this process, or runs its programs by hand.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { lacking } from "../../test/support/skips.ts";
import type { ArrayMap, AsNumber, i64, KernelMap, Live, PerCpu, Program, Ring, u32, u64 } from "../bpf/index.ts";
import { load, type ObjectFile, openObject, swap } from "./index.ts";

/** As tsc sees the module. */
interface Numbers {
  readonly numbers: Ring<{ n: u64; text: string }>;
  readonly counts: PerCpu<ArrayMap<u64>>;
  readonly named: KernelMap<u32, { n: u64; text: string }>;
  readonly cells: KernelMap<u32, u32>;
  readonly exact: KernelMap<u32, { wide: AsNumber<u64>; signed: AsNumber<i64> }>;
  readonly limit: Live<AsNumber<u64>>;
  readonly many: Live<u32>;
  readonly send: Program;
}
const module = (name: string): string =>
  fileURLToPath(new URL(`../../test/data/modules/${name}.bpf.ts`, import.meta.url));
const open = () => load<Numbers>(module("numbers"), { attach: false });

describe("maps of a module", () => {
  it("are like a Map", async () => {
    await using m = await open();
    m.named.setMany([
      [1, { n: 1, text: "one" }],
      [2, { n: 2n }],
      [3, {}],
    ]);
    expect(() =>
      m.named.setMany(
        [
          [4, {}],
          [1, {}],
        ],
        "no_exist",
      ),
    ).toThrow("EEXIST");
    expect(m.named.keys().sort()).toEqual([1, 2, 3, 4]);
    expect(m.named.take(1)).toEqual({ n: 1n, text: "one" });
    expect(m.named.take(1)).toBeUndefined();
    expect(m.named.deleteMany([1, 2, 9, 3])).toBe(2);
    expect(m.named.size).toBe(1);
    const seen: number[] = [];
    for await (const [key] of m.named) seen.push(key);
    expect(seen).toEqual([4]);
    // An array has no batches for deleting, and takes nothing out.
    expect(() => m.cells.take(1)).toThrow("EINVAL");
    m.cells.setMany(Array.from({ length: 5000 }, (_, i): [number, number] => [i, i * 2]));
    let sum = 0;
    for await (const [, value] of m.cells) sum += value;
    expect(sum).toBe(4999 * 5000);
  });

  it("have values for each CPU, summed or listed", async () => {
    await using m = await open();
    const all = m.counts.get(0) ?? [];
    expect(all.length).toBeGreaterThan(0);
    m.counts.set(
      0,
      all.map(() => 2n ** 63n),
    );
    expect(m.counts.sum(0)).toBe(2n ** 63n * BigInt(all.length));
    expect(m.counts.perCpu(7)).toEqual([]);
    expect(m.counts.sums()).toHaveLength(2);
  });
});

describe("numbers of 64 bits", () => {
  it("are numbers where the module says so, as long as they are exact", async () => {
    await using m = await open();
    m.exact.set(1, { wide: 2 ** 53 - 1, signed: -5 });
    expect(m.exact.get(1)).toEqual({ wide: 2 ** 53 - 1, signed: -5 });
    const { limit } = m;
    expect(limit.value).toBe(7);
    limit.value = 8;
    expect(limit.value + 1).toBe(9);
    m.exact.set(1, { wide: (2n ** 53n) as never });
    expect(() => m.exact.get(1)).toThrow(
      new RangeError(
        "9007199254740992 is beyond 2^53: no number has it exactly (asNumber); as a bigint it would be read",
      ),
    );
    m.exact.set(1, { signed: -(2n ** 60n) as never });
    expect(() => m.exact.get(1)).toThrow(RangeError);
  });
});

describe("rings of a module", () => {
  it("are read one by one, in batches, and what was lost is counted", async () => {
    await using m = await open();
    m.many.value = 100;
    m.send.test();
    const first: bigint[] = [];
    for await (const { n } of m.numbers) {
      first.push(n);
      if (first.length === 3) break;
    }
    expect(first).toEqual([0n, 1n, 2n]);
    // What the loop did not look at comes next.
    for await (const batch of m.numbers.batches()) {
      expect(batch[0]).toEqual({ n: 3n, text: "number" });
      expect(batch).toHaveLength(97);
      break;
    }
    expect(m.numbers.lost).toBe(0);
    m.many.value = 1000;
    m.send.test();
    const { length } = m.numbers.drain();
    expect(length).toBeLessThan(1000);
    expect(m.numbers.lost).toBe(1000 - length);
    let batched = 0;
    const end = m.numbers.onBatch((records) => {
      batched += records.length;
    });
    m.many.value = 10;
    m.send.test();
    for (let i = 0; i < 100 && batched < 10; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    end();
    expect(batched).toBe(10);
  });
});

/** Where control groups of version 2 are, on this system. */
const unified = /^\S+ (\S+) cgroup2 /m.exec(readFileSync("/proc/mounts", "utf8"))?.[1];

describe("programs of a module", () => {
  it("count their runs", async () => {
    await using m = await open();
    expect(m.send.stats().runs).toBe(0n);
    for (let i = 0; i < 5; i++) m.send.test();
    expect(m.send.stats().runs).toBe(5n);
    expect(m.send.stats().nanoseconds).toBeGreaterThan(0n);
  });

  it("run on packets", async () => {
    await using m = await load<{ short: Program; mark: Program }>(module("packets"), { attach: false });
    expect(m.short.test({ packet: new Uint8Array(59) })).toMatchObject({ value: 1, verdict: "DROP" });
    const packet = new Uint8Array(64).fill(7);
    expect(m.short.test({ packet })).toEqual({ value: 2, verdict: "PASS", packet });
    expect(m.mark.test({ packet }).verdict).toBe("SHOT");
    expect(() => m.short.test({ packet: new Uint8Array(3) })).toThrow("EINVAL");
  });

  it.skipIf(lacking("links that take each other's place", { cgroup2: unified !== undefined }))(
    "take each other's place in one step",
    async () => {
      const group = `${unified}/scry-replace-${process.pid}`;
      /** What a connection within the group comes to; nobody listens at that port. */
      const connect = (): string =>
        spawnSync("bash", ["-c", `echo $$ > ${group}/cgroup.procs && exec 3<>/dev/tcp/127.0.0.1/9`], {
          encoding: "utf8",
        }).stderr;
      mkdirSync(group);
      try {
        await using m = await load<{ never: Program; always: Program; short: Program }>(module("packets"), {
          attach: false,
        });
        expect(() => m.never.replace(m.always)).toThrow('program "never" is attached nowhere');
        const link = await m.never.attach({ cgroup: group });
        expect(connect()).toContain("Operation not permitted");
        m.never.replace(m.always);
        expect(connect()).toContain("Connection refused");
        expect(link.name).toBe("always");
        m.always.replace(m.never);
        expect(connect()).toContain("Operation not permitted");
        expect(() => m.never.replace(m.short)).toThrow("EINVAL");
      } finally {
        rmdirSync(group);
      }
    },
  );

  it.skipIf(lacking("swapping a module on a control group", { cgroup2: unified !== undefined }))(
    "are exchanged by another text in one step, or stay",
    async () => {
      const group = `${unified}/scry-swap-${process.pid}`;
      const folder = mkdtempSync(join(tmpdir(), "scry-swap-"));
      const opened = async (text: string): Promise<ObjectFile> => {
        writeFileSync(join(folder, "gate.bpf.ts"), `import { cgroupConnect4, live, u32 } from "scry/bpf";\n${text}`);
        return openObject(join(folder, "gate.bpf.ts"));
      };
      mkdirSync(group);
      try {
        await using first = await opened(
          "export const n = live(u32, 1);\nexport const gate = cgroupConnect4(() => 0);",
        );
        await first.load();
        await first.program("gate").attach({ cgroup: group });
        first.data["n"] = 5;
        // One that cannot be attached: the first is at work as before.
        const broken = await opened(
          "export const gate = cgroupConnect4(() => 1);\nexport const other = cgroupConnect4(() => 1);",
        );
        const refused = swap(first, broken, (program) => program.attach({ cgroup: "/tmp" }));
        await expect(refused).rejects.toThrow("no folder of a cgroup2");
        const [link] = first.links;
        expect(link?.info()[0]?.program).toBe(first.program("gate").info().id);
        await using next = await opened("export const n = live(u32, 1);\nexport const gate = cgroupConnect4(() => 1);");
        const swapped = await swap(first, next, () => Promise.resolve(undefined));
        expect(swapped).toEqual({ kept: [], fresh: [], exchanged: ["gate"], attached: [], gone: [] });
        await first.close();
        expect(next.links[0]?.info()[0]?.program).toBe(next.program("gate").info().id);
        expect(next.data["n"]).toBe(5);
        await using last = await opened("export const n = live(u32, 2);");
        expect(await swap(next, last, () => Promise.resolve(undefined))).toMatchObject({ gone: ["gate"] });
        expect(last.data["n"]).toBe(2);
      } finally {
        rmSync(folder, { recursive: true });
        rmdirSync(group);
      }
    },
  );

  it("are not replaced where there is no such step", async () => {
    await using m = await load<{ first: Program; second: Program; many: Live<u32> }>(module("ticks"));
    expect(() => m.first.replace(m.second)).toThrow('program "first" cannot be replaced in one step: tracepoint');
  });
});
