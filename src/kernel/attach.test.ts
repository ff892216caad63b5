import { describe, expect, it } from "vitest";
import { type Failing, FakeKernel } from "../../test/support/fake-kernel.ts";
import type { AttachTarget, XdpMode } from "../object/index.ts";
import { attach, attachEach, detachAll, readIterator, runsLatestFirst, silence } from "./attach.ts";
import type { Attachable } from "./attachment.ts";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import { AttachType } from "./numbers.ts";

/** A machine of two CPUs. */
const files = {
  "/sys/devices/system/cpu/online": "0-1\n",
  "/sys/devices/system/cpu/possible": "0-1\n",
  "/sys/kernel/tracing/available_events": "sched:sched_switch\n",
  "/sys/kernel/tracing/events/sched/sched_switch/id": "311\n",
  "/sys/kernel/tracing/available_filter_functions_addrs": [
    ...Array.from({ length: 10 }, (_, i) => `ffffffff8100000${i} f${i}`),
    "ffffffff81000010 twice",
    "ffffffffc0000000 inside [mod]",
    "",
  ].join("\n"),
  "/proc/kallsyms": [
    ...Array.from({ length: 10 }, (_, i) => `ffffffff8100000${i} T f${i}`),
    "ffffffff81000010 t twice",
    "ffffffff81000020 t twice",
    "ffffffffc0000000 t inside\t[mod]",
    "",
  ].join("\n"),
  "/sys/bus/event_source/devices/kprobe/type": "6\n",
  "/sys/bus/event_source/devices/kprobe/format/retprobe": "config:0\n",
  "/sys/bus/event_source/devices/uprobe/type": "7\n",
  "/sys/bus/event_source/devices/uprobe/format/retprobe": "config:0\n",
  "/sys/bus/event_source/devices/uprobe/format/ref_ctr_offset": "config:32-63\n",
  "/proc/42/task": ["42", "43"],
};
const fake = (failing?: Failing): FakeKernel =>
  new FakeKernel({ files, interfaces: { eth0: 7 }, ...(failing === undefined ? {} : { failing }) });

const plain: Attachable = { fd: 3, name: "probe" };
const uprobe = { kind: "uprobe", path: "/bin/a", offset: 0x1234, return: false } as const;
const kprobe = { kind: "kprobe", function: "do_exit", offset: 0, return: false } as const;
const names = (count: number): AttachTarget[] =>
  Array.from({ length: count }, (_, i) => ({ ...kprobe, function: `f${i}`, cookie: BigInt(i + 1) }));

interface Case {
  readonly name: string;
  readonly program?: Attachable;
  readonly targets: readonly AttachTarget[];
  /** What the kernel says no to. */
  readonly without?: Failing;
  /** The calls that attach. */
  readonly calls: readonly string[];
  /** The calls that detach. */
  readonly ending: readonly string[];
}

const noTcx: Failing = (call) => (call.includes("attach_type=tcx") ? "EINVAL" : undefined);

/** XDP in the namespace a. */
const elsewhere = (
  name: string,
  { mode, netns, flags }: { readonly mode: XdpMode; readonly netns: string; readonly flags: number },
): Case => ({
  name,
  targets: [{ kind: "xdp", interface: "eth0", mode, netns }],
  calls: [
    'open("/proc/thread-self/ns/net") = 10',
    'open("/run/netns/a") = 11',
    'setns(open("/run/netns/a")) = 0',
    "close(11)",
    "socket(2, 2, 0) = 11",
    'ioctl(11, SIOCGIFINDEX, "eth0") = 0',
    "close(11)",
    'setns(open("/proc/thread-self/ns/net")) = 0',
    "close(10)",
    'open("/proc/thread-self/ns/net") = 10',
    'open("/run/netns/a") = 11',
    'setns(open("/run/netns/a")) = 0',
    "close(11)",
    `bpf(LINK_CREATE, prog_fd=3, target_ifindex=7, attach_type=xdp, flags=${flags}) = 11`,
    'setns(open("/proc/thread-self/ns/net")) = 0',
    "close(10)",
  ],
  ending: ["close(11)"],
});

const cases: readonly Case[] = [
  {
    name: "a tracepoint",
    targets: [{ kind: "tracepoint", category: "sched", name: "sched_switch" }],
    calls: [
      "perf_event_open(type=2, config=311, sample_period=1; pid=-1, cpu=0) = 10",
      "ioctl(10, PERF_EVENT_IOC_SET_BPF, 3) = 0",
    ],
    ending: ["close(10)"],
  },
  {
    name: "a raw tracepoint",
    targets: [{ kind: "raw_tracepoint", name: "sched_switch" }],
    calls: ['bpf(RAW_TRACEPOINT_OPEN, name="sched_switch", prog_fd=3) = 10'],
    ending: ["close(10)"],
  },
  {
    name: "a raw tracepoint with a cookie",
    targets: [{ kind: "raw_tracepoint", name: "sched_switch", cookie: 5n }],
    calls: ['bpf(RAW_TRACEPOINT_OPEN, name="sched_switch", prog_fd=3, cookie=5) = 10'],
    ending: ["close(10)"],
  },
  {
    name: "a trampoline",
    targets: [{ kind: "trampoline" }],
    program: { ...plain, attachType: AttachType.fentry },
    calls: ["bpf(RAW_TRACEPOINT_OPEN, prog_fd=3) = 10"],
    ending: ["close(10)"],
  },
  {
    name: "a trampoline with a cookie",
    targets: [{ kind: "trampoline", cookie: 6n }],
    program: { ...plain, attachType: AttachType.fexit },
    calls: ["bpf(LINK_CREATE, prog_fd=3, attach_type=fexit, tracing.cookie=6) = 10"],
    ending: ["close(10)"],
  },
  {
    name: "a kprobe",
    targets: [{ ...kprobe, offset: 4 }],
    calls: [
      'perf_event_open(type=6, sample_period=1, kprobe_func="do_exit", probe_offset=4; pid=-1, cpu=0) = 10',
      "ioctl(10, PERF_EVENT_IOC_SET_BPF, 3) = 0",
    ],
    ending: ["close(10)"],
  },
  {
    name: "a kretprobe of a module, with a cookie",
    targets: [{ ...kprobe, module: "mod", return: true, cookie: 7n }],
    calls: [
      'perf_event_open(type=6, config=1, sample_period=1, kprobe_func="mod:do_exit"; pid=-1, cpu=0) = 10',
      "bpf(LINK_CREATE, prog_fd=3, target_fd=10, attach_type=perfEvent, perf_event.bpf_cookie=7) = 11",
    ],
    ending: ["close(10)", "close(11)"],
  },
  {
    name: "a uprobe of one process, counted by a semaphore",
    targets: [{ ...uprobe, pid: 42, semaphore: 0x20 }],
    calls: [
      'perf_event_open(type=7, config=0x2000000000, sample_period=1, uprobe_path="/bin/a", probe_offset=0x1234; pid=42, cpu=-1) = 10',
      "ioctl(10, PERF_EVENT_IOC_SET_BPF, 3) = 0",
    ],
    ending: ["close(10)"],
  },
  {
    name: "a uretprobe of every process",
    targets: [{ ...uprobe, return: true }],
    calls: [
      'perf_event_open(type=7, config=1, sample_period=1, uprobe_path="/bin/a", probe_offset=0x1234; pid=-1, cpu=0) = 10',
      "ioctl(10, PERF_EVENT_IOC_SET_BPF, 3) = 0",
    ],
    ending: ["close(10)"],
  },
  {
    name: "a clock on every CPU, by frequency",
    targets: [{ kind: "perf_event", type: 1, config: 0, frequency: 99, cpus: "each" }],
    calls: [
      "perf_event_open(type=1, sample_freq=99, bits=0x400; pid=-1, cpu=0) = 10",
      "ioctl(10, PERF_EVENT_IOC_SET_BPF, 3) = 0",
      "perf_event_open(type=1, sample_freq=99, bits=0x400; pid=-1, cpu=1) = 11",
      "ioctl(11, PERF_EVENT_IOC_SET_BPF, 3) = 0",
    ],
    ending: ["close(10)", "close(11)"],
  },
  {
    name: "a clock of a process, in each of its threads",
    targets: [{ kind: "perf_event", type: 1, config: 0, period: 1000, cpus: "each", pid: 42 }],
    calls: [
      "perf_event_open(type=1, sample_period=0x3e8, bits=2; pid=42, cpu=-1) = 10",
      "ioctl(10, PERF_EVENT_IOC_SET_BPF, 3) = 0",
      "perf_event_open(type=1, sample_period=0x3e8, bits=2; pid=43, cpu=-1) = 11",
      "ioctl(11, PERF_EVENT_IOC_SET_BPF, 3) = 0",
    ],
    ending: ["close(10)", "close(11)"],
  },
  {
    name: "a watchpoint on the threads of a process",
    targets: [{ kind: "watchpoint", address: 0x7f0000001000n, length: 4, mode: "w", pid: 42 }],
    calls: [
      "perf_event_open(type=5, sample_period=1, bits=2, bp_type=2, bp_addr=0x7f0000001000, bp_len=4; pid=42, cpu=-1) = 10",
      "ioctl(10, PERF_EVENT_IOC_SET_BPF, 3) = 0",
      "perf_event_open(type=5, sample_period=1, bits=2, bp_type=2, bp_addr=0x7f0000001000, bp_len=4; pid=43, cpu=-1) = 11",
      "ioctl(11, PERF_EVENT_IOC_SET_BPF, 3) = 0",
    ],
    ending: ["close(10)", "close(11)"],
  },
  {
    name: "an iterator, pinned",
    targets: [{ kind: "iter", pin: "tasks" }],
    calls: [
      "bpf(LINK_CREATE, prog_fd=3, attach_type=iter) = 10",
      'bpf(OBJ_PIN, pathname="/sys/fs/bpf/tasks", bpf_fd=10) = 0',
    ],
    ending: ["close(10)"],
  },
  {
    name: "XDP on a card",
    targets: [{ kind: "xdp", interface: "eth0", mode: "offloaded" }],
    calls: [
      "socket(2, 2, 0) = 10",
      'ioctl(10, SIOCGIFINDEX, "eth0") = 0',
      "close(10)",
      "bpf(LINK_CREATE, prog_fd=3, target_ifindex=7, attach_type=xdp, flags=8) = 10",
    ],
    ending: ["close(10)"],
  },
  elsewhere("XDP in another network namespace", { mode: "generic", netns: "/run/netns/a", flags: 2 }),
  elsewhere("XDP in another network namespace, by its name", { mode: "native", netns: "a", flags: 4 }),
  {
    name: "traffic control by tcx",
    targets: [{ kind: "tc", interface: "eth0", direction: "egress" }],
    calls: [
      "socket(2, 2, 0) = 10",
      'ioctl(10, SIOCGIFINDEX, "eth0") = 0',
      "close(10)",
      "bpf(LINK_CREATE, prog_fd=3, target_ifindex=7, attach_type=tcxEgress) = 10",
    ],
    ending: ["close(10)"],
  },
  {
    name: "traffic control by clsact, where there is no tcx",
    targets: [{ kind: "tc", interface: "eth0", direction: "ingress" }],
    without: noTcx,
    calls: [
      "socket(2, 2, 0) = 10",
      'ioctl(10, SIOCGIFINDEX, "eth0") = 0',
      "close(10)",
      "bpf(LINK_CREATE, prog_fd=3, target_ifindex=7, attach_type=tcxIngress) = -EINVAL",
      "socket(16, 3, 0) = 10",
      "write(10, RTM_NEWQDISC, tcm_ifindex=7, tcm_handle=4294901760, tcm_parent=4294967281) = 48",
      "read(10) = 20",
      "close(10)",
      "socket(16, 3, 0) = 10",
      "write(10, RTM_NEWTFILTER, tcm_ifindex=7, tcm_parent=4294967282, tcm_info=768) = 76",
      "read(10) = 36",
      "read(10) = 20",
      "close(10)",
    ],
    ending: [
      "socket(16, 3, 0) = 10",
      "write(10, RTM_DELTFILTER, tcm_ifindex=7, tcm_handle=1, tcm_parent=4294967282, tcm_info=3221226240) = 44",
      "read(10) = 20",
      "close(10)",
    ],
  },
  {
    name: "traffic control by clsact in another network namespace, then a cgroup",
    targets: [
      { kind: "tc", interface: "eth0", direction: "ingress", by: "clsact", netns: "/run/netns/a" },
      { kind: "cgroup", path: "/sys/fs/cgroup/a", attachType: "inet_ingress" },
    ],
    calls: [
      'open("/proc/thread-self/ns/net") = 10',
      'open("/run/netns/a") = 11',
      'setns(open("/run/netns/a")) = 0',
      "close(11)",
      "socket(2, 2, 0) = 11",
      'ioctl(11, SIOCGIFINDEX, "eth0") = 0',
      "close(11)",
      'setns(open("/proc/thread-self/ns/net")) = 0',
      "close(10)",
      'open("/proc/thread-self/ns/net") = 10',
      'open("/run/netns/a") = 11',
      'setns(open("/run/netns/a")) = 0',
      "close(11)",
      "socket(16, 3, 0) = 11",
      "write(11, RTM_NEWQDISC, tcm_ifindex=7, tcm_handle=4294901760, tcm_parent=4294967281) = 48",
      "read(11) = 20",
      "close(11)",
      "socket(16, 3, 0) = 11",
      "write(11, RTM_NEWTFILTER, tcm_ifindex=7, tcm_parent=4294967282, tcm_info=768) = 76",
      "read(11) = 36",
      "read(11) = 20",
      "close(11)",
      'setns(open("/proc/thread-self/ns/net")) = 0',
      "close(10)",
      'open("/sys/fs/cgroup/a") = 10',
      "bpf(LINK_CREATE, prog_fd=3, target_fd=10) = 11",
      "close(10)",
    ],
    ending: [
      'open("/proc/thread-self/ns/net") = 10',
      'open("/run/netns/a") = 12',
      'setns(open("/run/netns/a")) = 0',
      "close(12)",
      "socket(16, 3, 0) = 12",
      "write(12, RTM_DELTFILTER, tcm_ifindex=7, tcm_handle=1, tcm_parent=4294967282, tcm_info=3221226240) = 44",
      "read(12) = 20",
      "close(12)",
      'setns(open("/proc/thread-self/ns/net")) = 0',
      "close(10)",
      "close(11)",
    ],
  },
  {
    name: "a cgroup",
    targets: [{ kind: "cgroup", path: "/sys/fs/cgroup/a", attachType: "inet_egress" }],
    calls: [
      'open("/sys/fs/cgroup/a") = 10',
      "bpf(LINK_CREATE, prog_fd=3, target_fd=10, attach_type=1) = 11",
      "close(10)",
    ],
    ending: ["close(11)"],
  },
  {
    name: "a socket",
    targets: [{ kind: "socket", fd: 4 }],
    calls: ["setsockopt(4, 1, 50) = 0"],
    ending: ["setsockopt(4, 1, 27) = 0"],
  },
  {
    name: "socket lookup of this network namespace",
    targets: [{ kind: "sk_lookup" }],
    calls: [
      'open("/proc/self/ns/net") = 10',
      "bpf(LINK_CREATE, prog_fd=3, target_fd=10, attach_type=skLookup) = 11",
      "close(10)",
    ],
    ending: ["close(11)"],
  },
  {
    name: "several kernel functions by one link, by their names",
    program: { ...plain, attachType: AttachType.kprobeMulti },
    targets: names(2),
    calls: [
      "bpf(LINK_CREATE, prog_fd=3, attach_type=kprobeMulti, kprobe_multi.cnt=2, kprobe_multi.syms=[f0,f1], kprobe_multi.cookies=[1,2]) = 10",
    ],
    ending: ["close(10)"],
  },
  {
    name: "many kernel functions by one link, by those addresses that can be traced",
    program: { ...plain, attachType: AttachType.kprobeMulti },
    targets: [...names(8), { ...kprobe, function: "twice", return: false, cookie: 9n }],
    calls: [
      "bpf(LINK_CREATE, prog_fd=3, attach_type=kprobeMulti, kprobe_multi.cnt=9, kprobe_multi.addrs=[0xffffffff81000000,0xffffffff81000001,0xffffffff81000002,0xffffffff81000003,0xffffffff81000004,0xffffffff81000005,0xffffffff81000006,0xffffffff81000007,0xffffffff81000010], kprobe_multi.cookies=[1,2,3,4,5,6,7,8,9]) = 10",
    ],
    ending: ["close(10)"],
  },
  {
    name: "functions of a program by one link for each side",
    program: { ...plain, attachType: AttachType.uprobeMulti },
    targets: [
      { ...uprobe, cookie: 1n },
      { ...uprobe, offset: 0x2000, cookie: 2n, semaphore: 0x30 },
      { ...uprobe, return: true, cookie: 3n },
    ],
    calls: [
      'bpf(LINK_CREATE, prog_fd=3, attach_type=uprobeMulti, uprobe_multi.path="/bin/a", uprobe_multi.offsets=[0x1234,0x2000], uprobe_multi.ref_ctr_offsets=[0,48], uprobe_multi.cookies=[1,2], uprobe_multi.cnt=2) = 10',
      'bpf(LINK_CREATE, prog_fd=3, attach_type=uprobeMulti, uprobe_multi.path="/bin/a", uprobe_multi.offsets=[0x1234], uprobe_multi.cookies=[3], uprobe_multi.cnt=1, uprobe_multi.flags=1) = 11',
    ],
    ending: ["close(10)", "close(11)"],
  },
];

/** Attaches as a session does; but without the trials of what cookies the kernel keeps, where there is only one. */
const attachCase = ({ program = plain, targets }: Case, { kernel }: FakeKernel) =>
  targets.length === 1 ? [attach(program, targets[0] as AttachTarget, kernel)] : attachEach(program, targets, kernel);

describe("the order of programs at one place", () => {
  it("is the kernel's: functions have the latest first, tracepoints last", () => {
    const latestFirst = (target: AttachTarget, attachType?: number): boolean =>
      runsLatestFirst({ ...plain, ...(attachType === undefined ? {} : { attachType }) }, target);
    const kprobe = { kind: "kprobe", function: "f", offset: 0, return: false } as const;
    expect([uprobe, { ...uprobe, return: true }, kprobe].map((t) => latestFirst(t))).toEqual([true, true, true]);
    expect(latestFirst({ ...kprobe, return: true })).toBe(false);
    expect([AttachType.fentry, AttachType.fexit].map((t) => latestFirst({ kind: "trampoline" }, t))).toEqual([
      true,
      true,
    ]);
    expect([AttachType.lsm, AttachType.rawTracepoint].map((t) => latestFirst({ kind: "trampoline" }, t))).toEqual([
      false,
      false,
    ]);
    expect(latestFirst({ kind: "tracepoint", category: "sched", name: "sched_switch" })).toBe(false);
  });
});

describe("attaching to", () => {
  for (const place of cases) {
    it(place.name, async () => {
      const machine = fake(place.without);
      const attachments = attachCase(place, machine);
      expect(machine.said()).toEqual(place.calls);
      await detachAll(attachments);
      expect(machine.said()).toEqual(place.ending);
      expect([...machine.open]).toEqual([]);
    });

    it(`${place.name}: nothing stays open, whichever call fails`, async () => {
      for (const errno of ["EPERM", "EINVAL", "ENOENT"] as const) {
        for (let failing = 0; ; failing++) {
          let failed: string | undefined;
          const machine = fake((call, count) => {
            if (count !== failing) return place.without?.(call, count);
            failed = call;
            return errno;
          });
          try {
            // Where there is another way, it is taken.
            await detachAll(attachCase(place, machine));
          } catch (error) {
            expect(error, failed).toBeInstanceOf(Error);
            expect(error instanceof SystemCallError || error instanceof UnsupportedError, `${failed}: ${error}`).toBe(
              true,
            );
          }
          expect([...machine.open], `${failed} = -${errno}`).toEqual([]);
          expect(machine.log.filter((line) => line.includes("not open"))).toEqual([]);
          if (failed === undefined) break;
        }
      }
    });
  }
});

describe("errors of attaching say what to do", () => {
  const says = (target: AttachTarget, failing?: Failing): string => {
    const machine = fake(failing);
    try {
      attach(plain, target, machine.kernel);
    } catch (error) {
      return (error as Error).message;
    }
    return "attached";
  };
  const at =
    (start: string, errno: ReturnType<Failing>): Failing =>
    (call) =>
      call.startsWith(start) ? errno : undefined;

  it.each([
    [{ kind: "tracepoint", category: "sched", name: "none" }, undefined, "this kernel has no such tracepoint"],
    [{ kind: "raw_tracepoint", name: "none" }, at("bpf(RAW", "ENOENT"), "this kernel has no such tracepoint"],
    [kprobe, at("perf_event_open", "ENOENT"), "this kernel has no function do_exit"],
    [kprobe, at("perf_event_open", "EADDRNOTAVAIL"), "several functions called do_exit"],
    [{ ...kprobe, offset: 1 }, at("perf_event_open", "EILSEQ"), "no instruction begins at do_exit+1"],
    [{ ...kprobe, offset: 9 }, at("perf_event_open", "EINVAL"), "outside of the function"],
    [{ kind: "perf_event", type: 0, config: 0, cpus: "first" }, at("perf_event_open", "ENOENT"), "no such counter"],
    [{ kind: "watchpoint", address: 1n, length: 1, mode: "w", pid: 99 }, undefined, "process 99"],
    [{ kind: "xdp", interface: "eth0", mode: "native" }, at("bpf(LINK", "ENOTSUP"), 'use the mode "generic"'],
    [{ kind: "xdp", interface: "lo", mode: "any" }, undefined, 'interface "lo"'],
    [
      { kind: "tc", interface: "eth0", direction: "ingress", by: "tcx" },
      at("bpf(LINK", "EINVAL"),
      'attach by "clsact"',
    ],
    [{ kind: "cgroup", path: "/a", attachType: "device" }, at("bpf(LINK", "EBADF"), "no folder of a cgroup2"],
  ] as const)("%o", (target, failing, message) => expect(says(target, failing)).toContain(message));
});

it("two kernels do not share what was found out about them", () => {
  const a = fake();
  const b = new FakeKernel({ files: { ...files, "/sys/devices/system/cpu/online": "4-6\n" } });
  const clock = { kind: "perf_event", type: 1, config: 0, cpus: "each" } as const;
  expect(attach(plain, clock, a.kernel).fds).toHaveLength(2);
  expect(attach(plain, clock, b.kernel).fds).toHaveLength(3);
  expect(b.log[0]).toBe("perf_event_open(type=1, sample_period=1; pid=-1, cpu=4) = 10");
});

it("a cookie that the kernel cannot keep is left out", () => {
  const machine = fake((call) => (call.startsWith("bpf(PROG_LOAD") ? "EINVAL" : undefined));
  attachEach(plain, [{ kind: "raw_tracepoint", name: "sched_switch", cookie: 5n }], machine.kernel);
  expect(machine.said().at(-1)).toBe('bpf(RAW_TRACEPOINT_OPEN, name="sched_switch", prog_fd=3) = 10');
});

it("slow attachments are silenced before they are closed", async () => {
  const machine = fake();
  const attachments = [attach(plain, kprobe, machine.kernel), attach(plain, { kind: "iter" }, machine.kernel)];
  machine.said();
  silence(attachments);
  await detachAll(attachments);
  expect(machine.said()).toEqual(["ioctl(10, PERF_EVENT_IOC_DISABLE) = 0", "close(11)", "close(10)"]);
});

it("an iterator is read to its end", () => {
  const machine = fake();
  const attachment = attach(plain, { kind: "iter" }, machine.kernel);
  machine.said();
  readIterator(attachment);
  expect(machine.said()).toEqual(["bpf(ITER_CREATE, link_fd=10) = 11", "read(11) = 0", "close(11)"]);
});
