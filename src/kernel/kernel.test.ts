import { describe, expect, it } from "vitest";
import { type Failing, FakeKernel, type FakeKernelOptions } from "../../test/support/fake-kernel.ts";
import { diagnose } from "./diagnosis.ts";
import { UnsupportedError } from "./errors.ts";
import { hasFeature } from "./features.ts";
import { kernelBtf } from "./kernel-types.ts";
import { executableOf, mappedLibraries, processExists, processMaps, processParents, rootOf } from "./processes.ts";
import { settingsBytes } from "./settings.ts";
import { functionAddresses, traceableFunctions } from "./traceable-functions.ts";
import { listTracepoints, tracefs, tracepointFormat } from "./tracefs.ts";

const cpus = { "/sys/devices/system/cpu/online": "0\n", "/sys/devices/system/cpu/possible": "0\n" };
const withFiles = (files: FakeKernelOptions["files"], failing?: Failing): FakeKernel =>
  new FakeKernel({ files: { ...cpus, ...files }, ...(failing === undefined ? {} : { failing }) });

describe("what is found out about a kernel", () => {
  it("is found out once", () => {
    const machine = withFiles({});
    expect(hasFeature("mayGoto", machine.kernel)).toBe(true);
    expect(machine.said()).toEqual([
      'bpf(PROG_LOAD, prog_type=1, insn_cnt=3, insns=…, license="GPL") = 10',
      "close(10)",
    ]);
    expect(hasFeature("mayGoto", machine.kernel)).toBe(true);
    expect(machine.said()).toEqual([]);
  });

  it.each([
    [
      "Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-3 (2026-10-01)\n",
      [6, 1, 192],
    ],
    [
      "Linux version 5.10.0 (root@host) (gcc (Debian 10.2.1-6) 10.2.1) #1 SMP Debian 5.10.223-1 (2024-08-10)\n",
      [5, 10, 223],
    ],
  ])("has a version number: %s", (text, [major, minor, patch]) => {
    const { kernel } = withFiles({ "/proc/version": text });
    const bytes = settingsBytes(
      kernel,
      [{ name: "LINUX_KERNEL_VERSION", offset: 0, size: 4, form: "unsigned", weak: false }],
      4,
    );
    expect([bytes[2], bytes[1], bytes[0]]).toEqual([major, minor, patch]);
  });

  it("is its own", () => {
    const old = withFiles({}, (call) => (call.startsWith("bpf(PROG_LOAD") ? "EINVAL" : undefined));
    expect([hasFeature("mayGoto", old.kernel), hasFeature("mayGoto", withFiles({}).kernel)]).toEqual([false, true]);
  });

  it("is asked for again where it could not be found out", () => {
    const machine = withFiles({});
    let tries = 0;
    const find = (): number => {
      if (++tries === 1) throw new Error("not yet");
      return tries;
    };
    expect(() => machine.kernel.once(find)).toThrow("not yet");
    expect([machine.kernel.once(find), machine.kernel.once(find)]).toEqual([2, 2]);
  });
});

describe("a kernel's files", () => {
  it("say where functions are, and which can be traced", () => {
    const { kernel } = withFiles({
      "/sys/kernel/tracing/available_events": "",
      "/sys/kernel/tracing/available_filter_functions": "good\nbad\nother [mod]\n",
      "/sys/kernel/debug/kprobes/blacklist": "0xffffffff81000020-0xffffffff81000030\tbad\n",
      "/proc/kallsyms": "ffffffff81000010 T good\nffffffff81000020 t bad\nffffffffc0000000 t other\t[mod]\n",
    });
    expect(traceableFunctions(() => true, undefined, kernel)).toEqual(["good", "other"]);
    expect(traceableFunctions(() => true, "mod", kernel)).toEqual(["other"]);
    expect(functionAddresses("other", "mod", kernel)).toEqual([0xffffffffc0000000n]);
  });

  it("say who has started whom, whatever processes call themselves", () => {
    const { kernel } = withFiles({
      "/proc": ["1", "7", "8", "9", "self", "cpuinfo"],
      "/proc/1/stat": "1 (init) S 0 1 1 0 -1\n",
      "/proc/7/stat": "7 (a) S 1 (b) R 99 (c)) S 1 7 7 0 -1\n",
      "/proc/8/stat": "8 (a\n1 (x) R 2) Z 7 7 7 0 -1\n",
    });
    expect([...processParents(kernel)]).toEqual([
      [1, 0],
      [7, 1],
      [8, 7],
    ]);
  });

  it("say which tracepoints there are", () => {
    const { kernel } = withFiles({
      "/sys/kernel/debug/tracing/available_events": "sched:sched_switch\nirq:irq_entry\n",
      "/sys/kernel/debug/tracing/events/sched/sched_switch/format": "name: sched_switch\nID: 3\nformat:\n",
    });
    expect(tracefs(kernel)).toBe("/sys/kernel/debug/tracing");
    expect(listTracepoints(kernel)).toEqual(["sched:sched_switch", "irq:irq_entry"]);
    expect(tracepointFormat("sched", "sched_switch", kernel)?.id).toBe(3);
    expect(tracepointFormat("sched", "none", kernel)).toBeUndefined();
  });

  it("are mounted where they are missing", () => {
    const machine = withFiles({ "/sys/kernel/tracing/README": "" });
    expect(tracefs(machine.kernel)).toBe("/sys/kernel/tracing");
    expect(machine.said()).toEqual(['mount("tracefs", "/sys/kernel/tracing") = 0']);
    expect(() => tracefs(withFiles({}).kernel)).toThrow(UnsupportedError);
    expect(() => kernelBtf(withFiles({}).kernel)).toThrow(UnsupportedError);
  });

  it("show its processes", () => {
    const { kernel } = withFiles({
      "/proc/7/exe": "/bin/a (deleted)",
      "/proc/7/maps": "1000-2000 r-xp 00000000 08:01 1 /lib/b.so\n2000-3000 rw-p 00000000 08:01 1 /lib/b.so\n",
    });
    expect([processExists(7, kernel), processExists(8, kernel)]).toEqual([true, false]);
    expect([executableOf(7, kernel), mappedLibraries(7, kernel)]).toEqual(["/bin/a", ["/lib/b.so"]]);
    expect(processMaps(7, kernel)).toHaveLength(2);
    expect(() => processMaps(8, kernel)).toThrow("process 8");
  });

  it("say where the files of a process are", () => {
    const own = { "/proc/self/ns/mnt": "mnt:[1]", "/proc/self/root": "/" };
    const rootFor = (namespace: string, root: string): string =>
      rootOf(7, withFiles({ ...own, "/proc/7/ns/mnt": namespace, "/proc/7/root": root }).kernel);
    expect(rootFor("mnt:[1]", "/")).toBe("");
    expect(rootFor("mnt:[2]", "/")).toBe("/proc/7/root");
    expect(rootFor("mnt:[1]", "/srv/jail")).toBe("/proc/7/root");
    expect(() => rootOf(7, withFiles(own).kernel)).toThrow("process 7");
  });
});

/** What a kernel says of things that do not exist, which trials attach to. */
const nothingThere: Failing = (call) =>
  call.includes("target_ifindex=2147483632")
    ? "ENODEV"
    : call.includes("target_fd=2147483647") || call.includes('uprobe_multi.path="/"')
      ? "EBADF"
      : call.includes("scry_no_such_function")
        ? "ENOENT"
        : undefined;

describe("diagnosis", () => {
  it("leaves nothing open, whatever the kernel says", async () => {
    for (const errno of [undefined, "EPERM", "EINVAL", "ENOENT"] as const)
      for (const start of ["bpf(PROG_LOAD", "bpf(LINK", "bpf(MAP", "bpf(RAW", "ioctl", "perf_event_open"]) {
        const machine = withFiles({}, (call, count) =>
          call.startsWith(start) && errno !== undefined ? errno : nothingThere(call, count),
        );
        const { programs, system } = await diagnose(machine.kernel);
        expect(programs.length).toBeGreaterThan(20);
        expect(system[0]?.detail).toMatch(/^Linux 6\.12\.0-fake/);
        expect([...machine.open], `${start}: ${errno}`).toEqual([]);
      }
  });

  it("tells a kernel that knows nothing from one that knows", async () => {
    const works = async (failing: Failing): Promise<string[]> =>
      (await diagnose(withFiles({}, failing).kernel)).programs.filter((p) => p.works).map((p) => p.name);
    expect(await works(() => "EPERM")).toEqual([]);
    expect(await works(nothingThere)).toEqual(
      expect.arrayContaining([
        "perf_event · software clock",
        "xdp · link",
        "kprobe · uprobe.multi",
        "syscall · test run",
      ]),
    );
  });
});
