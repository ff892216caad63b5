import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { count, counters, counting, objectOf } from "../../test/data/small-programs.ts";
import { Alu, aluImm, callHelper, exit, load, movImm, movReg, storeReg } from "../isa/index.ts";
import type { AttachTarget, BpfObject } from "../object/index.ts";
import {
  type Attachment,
  attach,
  attachUprobeMulti,
  detachAll,
  hasFeature,
  type LoadedObject,
  loadObject,
  programInfo,
  readIterator,
  spawnWaiting,
} from "./index.ts";
import { systemCalls } from "./live-kernel.ts";

const words = (object: LoadedObject): BigUint64Array => new BigUint64Array(object.maps.get("counters")!.mapped());
const touch = (times: number): void => {
  for (let i = 0; i < times; i++) systemCalls().read(-1, new Uint8Array(1));
};

/** Loads, attaches, does something, detaches; answers the counter and the cookie. */
async function fires(object: BpfObject, act: () => void | Promise<void>): Promise<{ count: bigint; cookie: bigint }> {
  using loaded = loadObject(object);
  const program = loaded.programs.get("probe")!;
  const attachments: Attachment[] = program.spec.attach.map((target) => attach(program, target));
  try {
    await act();
  } finally {
    await detachAll(attachments);
  }
  const [count, cookie] = words(loaded) as unknown as [bigint, bigint];
  await act();
  // Nothing is counted after detaching.
  expect(words(loaded)[0]).toBe(count);
  return { count, cookie };
}

let folder = "";
let target = "";
let offsets: Record<string, number> = {};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "scry-attach-"));
  target = join(folder, "target");
  writeFileSync(
    `${target}.c`,
    `#include <stdlib.h>
     unsigned short semaphore __attribute__((section(".probes"))) = 0;
     __attribute__((noinline)) int first(int x) { __asm__ volatile(""); return x + 1; }
     __attribute__((noinline)) int second(int x) { __asm__ volatile(""); return x + 2; }
     int main(int argc, char **argv) {
       int n = atoi(argv[1]), sum = 0;
       for (int i = 0; i < n; i++) sum += first(i) + second(sum);
       return semaphore > 0 ? 7 : sum < 0;
     }`,
  );
  execFileSync("gcc", ["-O1", "-no-pie", "-fcf-protection=none", "-o", target, `${target}.c`]);
  // -no-pie: linked at 0x400000, where file offset 0 is mapped; .data is shifted by a page.
  const symbols = execFileSync("nm", [target], { encoding: "utf8" });
  offsets = Object.fromEntries(
    [...symbols.matchAll(/^([0-9a-f]+) T (first|second)$/gm)].map((m) => [m[2], Number.parseInt(m[1]!, 16) - 0x400000]),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The target program, counted by its own pid: the filter is the attachment's. */
async function runTarget(times: number, attachTo: (pid: number) => void): Promise<number> {
  const child = await spawnWaiting([target, String(times)]);
  attachTo(child.pid);
  child.start();
  return (await child.exit).status;
}

describe("attaching", () => {
  it("to a tracepoint, with and without a cookie", async () => {
    const place: AttachTarget = { kind: "tracepoint", category: "syscalls", name: "sys_enter_read" };
    const plain = await fires(counting("tracepoint", [place]), () => touch(5));
    expect(plain.count).toBeGreaterThanOrEqual(5n);
    expect(plain.count).toBeLessThan(60n);
    const marked = await fires(counting("tracepoint", [{ ...place, cookie: 0x1234567890n }], true), () => touch(5));
    expect(marked.cookie).toBe(0x1234567890n);
  });

  it("to a raw tracepoint, with and without a cookie", async () => {
    const place: AttachTarget = { kind: "raw_tracepoint", name: "sys_enter" };
    expect((await fires(counting("raw_tracepoint", [place]), () => touch(9))).count).toBeGreaterThanOrEqual(9n);
    if (hasFeature("rawTracepointCookie")) {
      const marked = await fires(counting("raw_tracepoint", [{ ...place, cookie: 77n }], true), () => touch(1));
      expect(marked.cookie).toBe(77n);
    }
  });

  it("to a BTF tracepoint", async () => {
    const object = counting("tracing", [{ kind: "trampoline" }], false, {
      target: { kind: "tp_btf", name: "sys_enter" },
    });
    expect((await fires(object, () => touch(9))).count).toBeGreaterThanOrEqual(9n);
  });

  it("to a software event on every CPU, by period and by frequency", async () => {
    const burn = (): void => {
      for (const end = Date.now() + 100; Date.now() < end; );
    };
    const clock = { kind: "perf_event", type: 1, config: 0, cpus: "each" } as const;
    const byFrequency = await fires(counting("perf_event", [{ ...clock, frequency: 99 }]), burn);
    expect(byFrequency.count).toBeGreaterThan(3n);
    const byPeriod = await fires(counting("perf_event", [{ ...clock, period: 1_000_000, cookie: 5n }], true), burn);
    expect(byPeriod.count).toBeGreaterThan(30n);
    expect(byPeriod.cookie).toBe(5n);
  });

  it("to a memory address of this process", async (context) => {
    if (!hasFeature("breakpoints")) context.skip("this machine's hardware breakpoints never fire");
    const memory = new Uint8Array(4096);
    const address = systemCalls().addressOf(memory);
    const place: AttachTarget = { kind: "watchpoint", address, length: 1, mode: "w", pid: process.pid };
    const { count } = await fires(counting("perf_event", [place]), () => {
      for (let i = 0; i < 10; i++) Atomics.store(memory, 0, i);
    });
    expect(count).toBeGreaterThanOrEqual(10n);
  });

  it("to an iterator, whose text can be read", () => {
    // bpf_seq_write(ctx->meta->seq, "x\n", 2) once for each task that is this process.
    const code = [
      load(64, 7, 1, 8),
      load(64, 6, 1, 0),
      load(64, 6, 6, 0),
      movImm(8, 0x0a78),
      storeReg(64, 10, -8, 8),
      movReg(1, 6),
      movReg(2, 10),
      aluImm(Alu.ADD, 64, 2, -8),
      movImm(3, 2),
      callHelper(127),
      movImm(0, 0),
      exit(),
    ];
    using object = loadObject(objectOf("tracing", code, [], { target: { kind: "iter", name: "task" } }));
    const attachment = attach(object.programs.get("probe")!, { kind: "iter" });
    const text = new TextDecoder().decode(readIterator(attachment));
    expect(text).toMatch(/^(x\n){3,}$/);
    for (const fd of attachment.fds) systemCalls().close(fd);
  });

  it("to a function of a program and to its return, in one process", async () => {
    for (const isReturn of [false, true]) {
      using object = loadObject(objectOf("kprobe", [movReg(6, 1), ...count(true)], [counters]));
      const attachments: Attachment[] = [];
      const place = { kind: "uprobe", path: target, offset: offsets.first!, return: isReturn, cookie: 3n } as const;
      await runTarget(25, (pid) => attachments.push(attach(object.programs.get("probe")!, { ...place, pid })));
      await detachAll(attachments);
      expect([...words(object).subarray(0, 2)]).toEqual([25n, 3n]);
    }
  });

  it("counts a USDT semaphore while attached", async () => {
    const nm = execFileSync("readelf", ["-sW", target], { encoding: "utf8" });
    const address = Number.parseInt(/([0-9a-f]{16}) +2 OBJECT +GLOBAL +DEFAULT +\d+ semaphore/.exec(nm)![1]!, 16);
    const headers = execFileSync("readelf", ["-lW", target], { encoding: "utf8" });
    const loads = [
      ...headers.matchAll(/LOAD +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+) 0x([0-9a-f]+)/g),
    ].map((m) => m.slice(1).map((x) => Number.parseInt(x, 16)));
    const [offset, start] = loads.find(([, at, , size]) => address >= at! && address < at! + size!) as [number, number];
    using object = loadObject(objectOf("kprobe", [movImm(0, 0), exit()], []));
    const attachments: Attachment[] = [];
    const status = await runTarget(1, (pid) =>
      attachments.push(
        attach(object.programs.get("probe")!, {
          kind: "uprobe",
          path: target,
          offset: offsets.second!,
          return: false,
          semaphore: address - start + offset,
          pid,
        }),
      ),
    );
    expect(status).toBe(7);
    await detachAll(attachments);
  });

  it("to many functions by one link", async () => {
    expect(hasFeature("uprobeMulti")).toBe(true);
    using object = loadObject(objectOf("kprobe", [movReg(6, 1), ...count(true)], [counters]), {
      multi: () => "uprobe",
    });
    const attachments: Attachment[] = [];
    await runTarget(10, (pid) =>
      attachments.push(
        attachUprobeMulti(object.programs.get("probe")!, {
          path: target,
          offsets: [offsets.first!, offsets.second!],
          cookies: [1n, 2n],
          pid,
          return: false,
        }),
      ),
    );
    await detachAll(attachments);
    const [hits, cookie] = words(object);
    expect(hits).toBe(20n);
    expect([1n, 2n]).toContain(cookie);
  });

  it("says what is missing", () => {
    using object = loadObject(objectOf("tracepoint", [movImm(0, 0), exit()], []));
    const program = object.programs.get("probe")!;
    expect(() => attach(program, { kind: "tracepoint", category: "sched", name: "no_such" })).toThrow(
      /tracepoint:sched:no_such.*no such tracepoint/,
    );
    using raw = loadObject(objectOf("raw_tracepoint", [movImm(0, 0), exit()], []));
    expect(() => attach(raw.programs.get("probe")!, { kind: "raw_tracepoint", name: "no_such" })).toThrow(
      /no such tracepoint/,
    );
    expect(() => attach(program, { kind: "uprobe", path: "/nonexistent", offset: 0, return: false })).toThrow(
      /uprobe:\/nonexistent.*ENOENT/,
    );
    expect(() => attach(program, { kind: "socket", fd: -1 })).toThrow(/EBADF/);
    if (!hasFeature("kprobe")) {
      expect(() => attach(program, { kind: "kprobe", function: "vfs_read", offset: 0, return: false })).toThrow(
        /CONFIG_KPROBES/,
      );
    }
  });

  it("leaves no program behind", async () => {
    const ids = (): number[] =>
      (JSON.parse(execFileSync("bpftool", ["prog", "list", "-j"], { encoding: "utf8" })) as { id: number }[]).map(
        (p) => p.id,
      );
    const object = loadObject(
      counting("tracepoint", [{ kind: "tracepoint", category: "syscalls", name: "sys_enter_read" }]),
    );
    const program = object.programs.get("probe")!;
    const { id } = programInfo(program.fd);
    const attachments = ["read", "write", "close", "openat"].map((call) =>
      attach(program, { kind: "tracepoint", category: "syscalls", name: `sys_enter_${call}` }),
    );
    object.close();
    expect(ids()).toContain(id);
    await detachAll(attachments);
    for (let i = 0; i < 50 && ids().includes(id); i++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ids()).not.toContain(id);
  });
});
