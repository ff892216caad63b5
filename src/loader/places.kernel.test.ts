// Programs that have to be told where they attach, and structs of the kernel's: interfaces and sockets of a network namespace
// that is made here, functions of programs that are loaded here.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objectOf } from "../../test/data/small-programs.ts";
import { compileC, workFolder } from "../../test/support/c-object.ts";
import { hasClang, lacking } from "../../test/support/skips.ts";
import { bpfFileSystems, hasFeature } from "../kernel/index.ts";
import { assembleCode } from "../object/index.ts";
import { ObjectFile, openObject } from "./index.ts";

const folder = workFolder();
const netns = `scry-${process.pid}-places`;
const path = `/run/netns/${netns}`;
beforeAll(() => {
  execFileSync("ip", ["netns", "add", netns]);
  execFileSync("ip", ["-n", netns, "link", "set", "lo", "up"]);
});
afterAll(() => {
  spawnSync("ip", ["netns", "del", netns]);
  folder.remove();
});
const noClang = lacking("where programs of objects attach", { clang: hasClang });

/** Sends a packet over the namespace's loopback; answers whether it came back. */
const ping = (): boolean =>
  spawnSync("ip", ["netns", "exec", netns, process.execPath, "-e", PING], { timeout: 10_000 }).status === 0;
const PING = `
const socket = require("dgram").createSocket("udp4");
socket.on("message", () => process.exit(0));
socket.bind(5555, "127.0.0.1", () => socket.send("x", 5555, "127.0.0.1"));
setTimeout(() => process.exit(1), 1500);
`;

it("XDP is loaded for a card only where the interface has one that runs programs", async () => {
  const object = objectOf("xdp", assembleCode("r0 = 2\nexit"), []);
  await using file = new ObjectFile(object, { offload: { interface: "lo", netns } });
  await expect(file.load()).rejects.toThrow(/^lo: the card of this interface takes no such thing: .*ENOTSUP/);
});

describe.skipIf(noClang)("packets", () => {
  it("XDP and traffic control, by links that are updated, pinned and asked", async () => {
    const file = compileC(
      folder.path,
      "packets",
      `u64 packets, egress;
      SEC("xdp") int count(void *ctx) { packets++; return 2; }
      SEC("xdp") int drop(void *ctx) { packets += 1000; return 1; }
      SEC("tcx/egress") int out(void *ctx) { egress++; return 0; }
      SEC("tc") int in(void *ctx) { egress += 1000; return 0; }`,
    );
    const pinned = `/sys/fs/bpf/scry_link_${process.pid}`;
    await using object = await openObject(file);
    await object.load();
    expect(await object.attach()).toEqual([]);
    await expect(object.program("count").attach()).rejects.toThrow("attach() needs interface");
    await using link = await object.program("count").attach({ interface: "lo", netns: path, mode: "generic" });
    await using out = await object.program("out").attach({ interface: "lo", netns: path });
    await using filter = await object
      .program("in")
      .attach({ interface: "lo", netns: path, direction: "ingress", by: "clsact" });
    expect(ping()).toBe(true);
    expect(Number(object.bss["packets"])).toBeGreaterThan(0);
    expect(Number(object.bss["egress"]) % 1000).toBeGreaterThan(0);
    expect(Number(object.bss["egress"])).toBeGreaterThanOrEqual(1000);
    expect(link.info()).toMatchObject([{ type: "xdp", program: object.program("count").info().id }]);
    // Before Linux 6.6 it is a filter of a clsact qdisc, which no link holds.
    expect(["tcx", undefined]).toContain(out.info()[0]?.type);
    expect(() => filter.fd).toThrow("has no link");
    link.update(object.program("drop"));
    expect(ping()).toBe(false);
    expect(link.info()[0]?.program).toBe(object.program("drop").info().id);
    expect(Number(object.bss["packets"])).toBeGreaterThanOrEqual(1000);
    if (bpfFileSystems().includes("/sys/fs/bpf")) {
      link.pin(pinned);
      expect(existsSync(pinned)).toBe(true);
    }
    await link.detach();
    rmSync(pinned, { force: true });
    expect(ping()).toBe(true);
    // Twice is once.
    await link.detach();
  });

  it("netfilter, socket look-up and maps of sockets", async () => {
    const file = compileC(
      folder.path,
      "sockets",
      `u64 seen;
      struct { __uint(type, 15); __uint(max_entries, 2); __type(key, u32); __type(value, u64); } sockets SEC(".maps");
      SEC("?netfilter") int hook(void *ctx) { seen++; return 1; }
      SEC("sk_lookup") int find(void *ctx) { return 1; }
      SEC("sk_skb/stream_verdict") int verdict(void *ctx) { return 1; }`,
    );
    await using object = await openObject(file);
    await object.load();
    await using filter = await openObject(file);
    filter.program("hook").load = true;
    // Before Linux 6.4 there are no such programs.
    const there = await filter.load().then(
      () => true,
      (error: unknown) => {
        expect(error).toMatchObject({ call: "bpf(BPF_PROG_LOAD)", code: "EINVAL" });
        return false;
      },
    );
    if (there) {
      await using hook = await filter
        .program("hook")
        .attach({ netfilter: { family: "ipv4", hook: "input", priority: -10 }, netns: path });
      expect(hook.info()[0]?.type).toBe("netfilter");
      expect(ping()).toBe(true);
      expect(Number(filter.bss["seen"])).toBeGreaterThan(0);
    }
    await using find = await object.program("find").attach({ netns: path });
    expect(find.info()[0]?.type).toBe("netns");
    await using sockets = await object.program("verdict").attach({ map: object.map("sockets") });
    expect(sockets.places).toMatchObject([{ kind: "sockmap" }]);
  });
});

describe.skipIf(lacking("kprobes of objects", { clang: hasClang, kprobe: hasFeature("kprobe") }))(
  "functions of the kernel",
  () => {
    const arch = process.arch === "arm64" ? "arm64" : "x64";
    const call = `__${arch}_sys_getppid`;
    const own = (name: string): string => `if ((u32)(pid_tgid() >> 32) == wanted) ${name}++; return 0;`;

    it("by name, as system calls, and many by one link", async () => {
      const fentry = hasFeature("fentry");
      const file = compileC(
        folder.path,
        "functions",
        `const volatile u32 wanted; u64 a, b, c, d, e;
      SEC("kprobe/${call}") int one(void *r) { ${own("a")} }
      SEC("kretprobe/${call}") int back(void *r) { ${own("b")} }
      SEC("ksyscall/getppid") int call(void *r) { ${own("c")} }
      SEC("kprobe.multi/__*_sys_getppid") int many(void *r) { ${own("d")} }
      SEC("?fentry/bpf_fentry_test1") int entry(u64 *r) { ${own("e")} }`,
      );
      await using object = await openObject(file);
      object.rodata["wanted"] = process.pid;
      object.program("entry").load = fentry;
      await object.load();
      const links = await object.attach();
      expect(links.length).toBe(fentry ? 5 : 4);
      const before = { ...object.bss } as Record<string, bigint>;
      void process.ppid;
      // The kernel calls the function by itself where its program is tried.
      if (fentry) object.program("entry").testRun();
      const after = { ...object.bss } as Record<string, bigint>;
      const seen = Object.keys(after).map((name) => Number((after[name] ?? 0n) - (before[name] ?? 0n)));
      // ftrace may know the function by another of its names, or by two.
      expect(seen[3]).toBeGreaterThan(0);
      expect(seen.toSpliced(3, 1)).toEqual([1, 1, 1, fentry ? 1 : 0]);
      await expect(object.program("one").attach({ function: "no_such_function" })).rejects.toThrow(
        "this kernel has no function no_such_function",
      );
    });
  },
);

describe.skipIf(noClang)("functions of others", () => {
  it("a function of a loaded program is replaced", async () => {
    await using object = await openObject(
      compileC(
        folder.path,
        "base",
        `struct pair { int a, b; }; struct __sk_buff { u32 len; };
        __attribute__((noinline)) int answer(int n) { asm volatile("" : "+r"(n)); return n + 1; }
        __attribute__((noinline)) int sum(struct pair *pair) { if (!pair) return 0; asm volatile(""); return pair->a; }
        __attribute__((noinline)) static int inner(int n) { asm volatile("" : "+r"(n)); return n + 2; }
        __attribute__((noinline)) int length(struct __sk_buff *ctx) { int one = 1; asm volatile("" : "+r"(one) : "r"(ctx)); return one; }
        SEC("tc") int base(struct __sk_buff *ctx) { struct pair pair = { 3, 4 }; return answer(4) + sum(&pair) + length(ctx) + inner(0); }`,
      ),
    );
    await object.load();
    const packet = { data: new Uint8Array(64) };
    const base = object.program("base");
    const result = (): number => base.testRun(packet).value;
    expect(result()).toBe(5 + 3 + 1 + 2);
    await using other = await openObject(
      compileC(
        folder.path,
        "other",
        `struct pair { int a, b; }; struct __sk_buff { u32 len; };
        SEC("freplace/answer") int other(int n) { return n * 10; }
        SEC("freplace") int both(struct pair *pair) { if (!pair) return 0; return pair->a + pair->b; }
        SEC("freplace/length") int all(struct __sk_buff *ctx) { return ctx->len; }`,
      ),
    );
    await expect(other.load()).rejects.toThrow("freplace:answer: whose function is replaced has to be said");
    other.program("other").setAttachTarget(base);
    expect(() => other.program("both").setAttachTarget(base)).toThrow("needs its name");
    other.program("both").setAttachTarget(base.info().id, "sum");
    other.program("all").setAttachTarget(base);
    try {
      await other.load();
    } catch (error) {
      // Lockdown and the like: what they forbid, they forbid to everybody.
      expect(error).toMatchObject({ call: "bpf(BPF_PROG_LOAD)", errno: 1 });
      console.warn(`\n*** functions of BPF programs are not replaced here: ${(error as Error).message} ***\n`);
      return;
    }
    const links = await other.attach();
    expect(links.map((link) => link.info()[0]?.type)).toEqual(["tracing", "tracing", "tracing"]);
    expect(result()).toBe(40 + 7 + 64 + 2);
    await links[0]?.detach();
    expect(result()).toBe(5 + 7 + 64 + 2);
    for (const link of links) await link.detach();
    expect(result()).toBe(5 + 3 + 1 + 2);
    // What is static is nobody's to replace.
    await using wrong = await openObject(
      compileC(folder.path, "wrong", `SEC("freplace/inner") int wrong(int n) { return n; }`),
    );
    wrong.program("wrong").setAttachTarget(base);
    await expect(wrong.load()).rejects.toThrow(/static/);
  });

  it("a struct of the kernel's is filled from its declaration", async () => {
    const file = compileC(
      folder.path,
      "congestion",
      `struct sock; u64 calls;
      struct tcp_congestion_ops { u32 (*ssthresh)(struct sock *sk); void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked); u32 (*undo_cwnd)(struct sock *sk); char name[16]; };
      SEC("struct_ops/own_ssthresh") u32 own_ssthresh(u64 *ctx) { calls++; return 2; }
      SEC("struct_ops/own_avoid") void own_avoid(u64 *ctx) { calls++; }
      SEC("struct_ops/own_undo") u32 own_undo(u64 *ctx) { return 10; }
      SEC(".struct_ops.link") struct tcp_congestion_ops own = {
        .ssthresh = (void *)own_ssthresh, .cong_avoid = (void *)own_avoid, .undo_cwnd = (void *)own_undo, .name = "scry_own",
      };`,
    );
    const available = (): string =>
      execFileSync("cat", ["/proc/sys/net/ipv4/tcp_available_congestion_control"], { encoding: "utf8" });
    {
      await using object = await openObject(file);
      expect(object.file.structOps).toMatchObject([{ name: "own", struct: "tcp_congestion_ops", link: true }]);
      await object.load();
      await object.attach();
      expect(available()).toContain("scry_own");
    }
    expect(available()).not.toContain("scry_own");
  });
});

const unified = (): string | undefined => /^\S+ (\S+) cgroup2 /m.exec(readFileSync("/proc/mounts", "utf8"))?.[1];
describe.skipIf(lacking("control groups of objects", { clang: hasClang, cgroup2: unified() !== undefined }))(
  "control groups",
  () => {
    it("are told by their folder", async () => {
      const group = `${unified()}/scry-${process.pid}`;
      execFileSync("mkdir", [group]);
      try {
        const file = compileC(
          folder.path,
          "groups",
          `u64 seen; SEC("cgroup/skb") int both(void *ctx) { seen++; return 1; }
        SEC("cgroup/connect4") int connect4(void *ctx) { return 1; }`,
        );
        await using object = await openObject(file);
        await object.load();
        await expect(object.program("both").attach({ cgroup: group })).rejects.toThrow("needs a direction");
        await using out = await object.program("both").attach({ cgroup: group, direction: "egress" });
        await using connect = await object.program("connect4").attach({ cgroup: group });
        expect([out.info()[0]?.type, connect.info()[0]?.type]).toEqual(["cgroup", "cgroup"]);
        await expect(object.program("connect4").attach({ cgroup: "/tmp" })).rejects.toThrow("no folder of a cgroup2");
      } finally {
        execFileSync("rmdir", [group]);
      }
    });
  },
);
