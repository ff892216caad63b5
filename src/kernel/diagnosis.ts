// What this kernel, this user and this container allow: every answer from a trial, none from a version number.
//
// A pair of program and attach type is loaded with two instructions and then attached: where that is harmless for real
// (and taken away at once), elsewhere to something that does not exist, which a kernel that knows the type says
// differently from one that does not.

import { existsSync, readFileSync, statSync } from "node:fs";
import { arch } from "node:os";
import { type CgroupAttachType, MAP_TYPES, type MapType, PROGRAM_TYPES, type ProgramType } from "../object/index.ts";
import { CGROUP_ATTACH_TYPES } from "./attach-network.ts";
import { Struct } from "./attributes.ts";
import { onlineCpus } from "./cpus.ts";
import { errnoName } from "./errors.ts";
import { type Feature, featureNames, hasFeature, hasMap } from "./features.ts";
import { kernelBtf } from "./kernel-types.ts";
import { chargedBpf } from "./memory-limit.ts";
import {
  AttachType,
  Command,
  PERF_EVENT_IOC_SET_BPF,
  PERF_TYPE_BREAKPOINT,
  PERF_TYPE_SOFTWARE,
  PERF_TYPE_TRACEPOINT,
} from "./numbers.ts";
import { openPerfEvent } from "./perf-events.ts";
import { systemCalls } from "./system-calls.ts";
import { tracefs, tracepointId } from "./tracefs.ts";

export interface Finding {
  readonly name: string;
  readonly works: boolean;
  /** What was found; why it does not work. */
  readonly detail: string;
  /** What could be done about it, or used instead. */
  readonly remedy?: string;
}

export interface Diagnosis {
  /** The kernel, the user, the container. */
  readonly system: readonly Finding[];
  /** Probe types of the trace language. */
  readonly probes: readonly Finding[];
  /** Pairs of program type and attach type. */
  readonly programs: readonly Finding[];
  readonly maps: readonly Finding[];
  readonly features: readonly Finding[];
}

/** Finds out everything. Takes some tens of milliseconds; what it attaches is gone when it returns. */
export async function diagnose(): Promise<Diagnosis> {
  const closing: number[] = [];
  const programs = pairs.map((pair) => tryPair(pair, closing));
  const diagnosis: Diagnosis = {
    system: system(),
    probes: probes(programs),
    programs,
    maps: (Object.keys(MAP_TYPES) as MapType[]).filter((type) => PLAIN_MAPS.test(type)).map(tryMap),
    features: featureNames().map((name) => ({ name, works: hasFeature(name), detail: FEATURES[name] })),
  };
  await systemCalls().closeAll(closing, 4);
  return diagnosis;
}

// --- the system ------------------------------------------------------------------------------------------------------

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** linux/capability.h */
const CAPABILITIES = {
  CAP_SYS_ADMIN: 21n,
  CAP_PERFMON: 38n,
  CAP_BPF: 39n,
  CAP_NET_ADMIN: 12n,
  CAP_DAC_READ_SEARCH: 2n,
};

function system(): Finding[] {
  const findings: Finding[] = [];
  const add = (name: string, works: boolean, detail: string, remedy?: string): void => {
    findings.push({ name, works, detail, ...(works || remedy === undefined ? {} : { remedy }) });
  };
  add("kernel", true, `Linux ${systemCalls().kernelRelease()}, ${arch()}`);

  const status = read("/proc/self/status") ?? "";
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const has = (bit: bigint): boolean => ((effective >> bit) & 1n) === 1n;
  const held = Object.entries(CAPABILITIES).filter(([, bit]) => has(bit));
  const enough = has(21n) || (has(38n) && has(39n));
  add(
    "user",
    enough,
    `uid ${process.getuid?.() ?? "?"}; ${held.length === 0 ? "none of the capabilities for BPF" : held.map(([name]) => name).join(", ")}`,
    "run as root (sudo), or give CAP_BPF, CAP_PERFMON, CAP_DAC_READ_SEARCH, and CAP_NET_ADMIN for networks",
  );
  const inContainer = containerOf();
  const host = (read("/proc/self/uid_map") ?? "0 0 4294967295").split(/\s+/).filter(Boolean)[2] === "4294967295";
  add(
    "container",
    host,
    `${inContainer ?? "none"}${host ? "" : "; in a user namespace, where BPF needs the host's root"}`,
    "run it on the host, or with --privileged --pid=host",
  );
  const lockdown = /\[(\w+)\]/.exec(read("/sys/kernel/security/lockdown") ?? "")?.[1] ?? "none";
  add(
    "lockdown",
    lockdown !== "confidentiality",
    lockdown,
    "confidentiality keeps programs from reading the kernel: boot without it",
  );
  const paranoid = read("/proc/sys/kernel/perf_event_paranoid");
  add("kernel.perf_event_paranoid", true, paranoid ?? "absent");
  const hidden = read("/proc/sys/kernel/kptr_restrict");
  add(
    "kernel.kptr_restrict",
    hidden !== "2",
    hidden ?? "absent",
    "2 hides the addresses of symbols from everybody: sysctl kernel.kptr_restrict=1",
  );
  const jit = read("/proc/sys/net/core/bpf_jit_enable");
  add("JIT compiler", jit !== "0", jit === undefined ? "always on" : jit, "sysctl net.core.bpf_jit_enable=1");
  let types: number | undefined;
  try {
    types = kernelBtf().count;
  } catch {
    // There is none.
  }
  add(
    "BTF",
    types !== undefined,
    types === undefined ? "the kernel has no types of its own (/sys/kernel/btf/vmlinux)" : `${types} types`,
    "CONFIG_DEBUG_INFO_BTF; without it no types, no fentry, no BTF tracepoints",
  );
  let traces: string | undefined;
  try {
    traces = tracefs();
  } catch {
    // Not mounted, and we may not.
  }
  add("tracefs", traces !== undefined, traces ?? "not mounted", "mount -t tracefs none /sys/kernel/tracing");
  add(
    "bpffs",
    mounted("/sys/fs/bpf", "bpf"),
    mounted("/sys/fs/bpf", "bpf") ? "/sys/fs/bpf" : "not mounted",
    "mount -t bpf none /sys/fs/bpf (for pinning only)",
  );
  const groups = /^\S+ (\S+) cgroup2 /m.exec(read("/proc/mounts") ?? "")?.[1];
  add(
    "cgroup2",
    groups !== undefined,
    groups ?? "not mounted",
    "mount -t cgroup2 none /sys/fs/cgroup (for cgroup programs)",
  );
  return findings;
}

function containerOf(): string | undefined {
  if (existsSync("/.dockerenv")) return "docker";
  if (existsSync("/run/.containerenv")) return "podman";
  const environment = read("/proc/1/environ") ?? "";
  const named = /(?:^|\0)container=([^\0]*)/.exec(environment)?.[1];
  if (named !== undefined) return named;
  const group = read("/proc/1/cgroup") ?? "";
  return /kubepods|docker|lxc|containerd/.exec(group)?.[0];
}

function mounted(path: string, type: string): boolean {
  try {
    statSync(path);
  } catch {
    return false;
  }
  return new RegExp(`^\\S+ ${path} ${type} `, "m").test(read("/proc/mounts") ?? "");
}

// --- programs --------------------------------------------------------------------------------------------------------

/** How a loaded program is tried: answers a descriptor, or the negated errno. */
type Attach = (program: number, attachType: number) => number;

interface Pair {
  readonly name: string;
  readonly type: ProgramType;
  readonly attachType?: number;
  /** What of the kernel's types the program is for. */
  readonly target?: readonly [name: string, kind: "func" | "typedef" | "struct"];
  /** What the program answers; 0 by default. */
  readonly answer?: number;
  readonly attach?: Attach;
  /** Errnos of `attach` that say: known, but not to be attached to this. */
  readonly known?: readonly number[];
  readonly remedy?: string;
}

const link: Attach = (program, type) => linkTo(program, 0, type);
const linkTo = (program: number, target: number, type: number): number =>
  systemCalls().bpf(Command.linkCreate, new Struct(64).u32(0, program).u32(4, target).u32(8, type).bytes);
const rawTracepoint =
  (name?: string): Attach =>
  (program) =>
    systemCalls().bpf(Command.rawTracepointOpen, new Struct(24).pointer(0, name).u32(8, program).bytes);

/** An interface that no machine has. */
const NO_INTERFACE = 0x7ffffff0;
const toNoInterface: Attach = (program, type) => linkTo(program, NO_INTERFACE, type);
/** Descriptor 2^31 - 1: not open. */
const NO_DESCRIPTOR = 0x7fffffff;
const toNoDescriptor: Attach = (program, type) => linkTo(program, NO_DESCRIPTOR, type);
const EPERM = 1;
const ENOENT = 2;
const EBADF = 9;
const EINVAL = 22;
const ENODEV = 19;

const onEvent =
  (open: () => number): Attach =>
  (program) => {
    let event: number;
    try {
      event = open();
    } catch (error) {
      return -((error as { errno?: number }).errno ?? EINVAL);
    }
    const result = systemCalls().ioctl(event, PERF_EVENT_IOC_SET_BPF, program);
    if (result >= 0) return event;
    systemCalls().close(event);
    return result;
  };
const firstCpu = (): number => onlineCpus()[0] ?? 0;
const onTracepoint = onEvent(() => {
  const id = tracepointId("sched", "sched_process_exit");
  if (id === undefined) throw Object.assign(new Error("no tracepoint"), { errno: ENOENT });
  return openPerfEvent({ type: PERF_TYPE_TRACEPOINT, config: id, sample: 1 }, -1, firstCpu(), "doctor");
});
const onClock = onEvent(() =>
  openPerfEvent({ type: PERF_TYPE_SOFTWARE, config: 0, sample: 1_000_000_000 }, -1, firstCpu(), "doctor"),
);
const onBreakpoint = onEvent(() =>
  openPerfEvent(
    { type: PERF_TYPE_BREAKPOINT, config: 0, sample: 1, breakpointType: 2, config1: 0x1000n, config2: 8 },
    process.pid,
    -1,
    "doctor",
  ),
);

const cgroup = (name: CgroupAttachType, type: ProgramType): Pair => ({
  name: `${type} · ${name}`,
  type,
  attachType: CGROUP_ATTACH_TYPES[name],
  answer: 1,
  attach: toNoDescriptor,
  known: [EBADF],
  remedy: "CONFIG_CGROUP_BPF",
});

const pairs: readonly Pair[] = [
  { name: "raw_tracepoint · raw tracepoint", type: "raw_tracepoint", attach: rawTracepoint("sched_process_exit") },
  {
    name: "tracing · BTF tracepoint",
    type: "tracing",
    attachType: AttachType.rawTracepoint,
    target: ["btf_trace_sched_process_exit", "typedef"],
    attach: rawTracepoint(),
  },
  { name: "tracepoint · perf event", type: "tracepoint", attach: onTracepoint },
  { name: "perf_event · software clock", type: "perf_event", attach: onClock },
  { name: "perf_event · breakpoint", type: "perf_event", attach: onBreakpoint, remedy: "CONFIG_HAVE_HW_BREAKPOINT" },
  {
    name: "tracing · fentry",
    type: "tracing",
    attachType: AttachType.fentry,
    target: ["bpf_fentry_test1", "func"],
    attach: rawTracepoint(),
    remedy: "CONFIG_FUNCTION_TRACER and CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS; use a tracepoint or kprobe instead",
  },
  {
    name: "tracing · fexit",
    type: "tracing",
    attachType: AttachType.fexit,
    target: ["bpf_fentry_test1", "func"],
    attach: rawTracepoint(),
    remedy: "as fentry",
  },
  {
    name: "tracing · fmod_ret",
    type: "tracing",
    attachType: AttachType.modifyReturn,
    target: ["bpf_modify_return_test", "func"],
    attach: rawTracepoint(),
    remedy: "as fentry, and CONFIG_FUNCTION_ERROR_INJECTION",
  },
  {
    name: "tracing · iterator",
    type: "tracing",
    attachType: AttachType.iter,
    target: ["bpf_iter_task", "func"],
    attach: link,
  },
  {
    name: "lsm · hook",
    type: "lsm",
    attachType: AttachType.lsm,
    target: ["bpf_lsm_bprm_committed_creds", "func"],
    attach: rawTracepoint(),
    remedy: 'CONFIG_BPF_LSM, and "bpf" among the boot option lsm=',
  },
  {
    name: "kprobe · kprobe by perf event",
    type: "kprobe",
    attach: () => (hasFeature("kprobe") ? 0 : -ENOENT),
    known: [0],
    remedy: "CONFIG_KPROBE_EVENTS; use a tracepoint or fentry instead",
  },
  {
    name: "kprobe · kprobe.multi",
    type: "kprobe",
    attachType: AttachType.kprobeMulti,
    attach: () => (hasFeature("kprobeMulti") ? 0 : -EINVAL),
    known: [0],
    remedy: "CONFIG_FPROBE (Linux 5.18); kprobes are attached one by one without it",
  },
  {
    name: "kprobe · kprobe.session",
    type: "kprobe",
    attachType: AttachType.kprobeSession,
    attach: () => (hasFeature("kprobeSession") ? 0 : -EINVAL),
    known: [0],
    remedy: "CONFIG_FPROBE (Linux 6.10)",
  },
  {
    name: "kprobe · uprobe by perf event",
    type: "kprobe",
    attach: () => (hasFeature("uprobe") ? 0 : -ENOENT),
    known: [0],
    remedy: "CONFIG_UPROBE_EVENTS",
  },
  {
    name: "kprobe · uprobe.multi",
    type: "kprobe",
    attachType: AttachType.uprobeMulti,
    attach: () => (hasFeature("uprobeMulti") ? 0 : -EINVAL),
    known: [0],
    remedy: "Linux 6.6; uprobes are attached one by one without it",
  },
  {
    name: "xdp · link",
    type: "xdp",
    attachType: AttachType.xdp,
    answer: 2,
    attach: toNoInterface,
    known: [ENODEV, EINVAL],
  },
  {
    name: "sched_cls · tcx",
    type: "sched_cls",
    attach: (p) => linkTo(p, NO_INTERFACE, AttachType.tcxIngress),
    known: [ENODEV],
    remedy: "Linux 6.6 and CONFIG_NET_XGRESS; clsact is used without it",
  },
  { name: "sched_cls · clsact", type: "sched_cls" },
  { name: "socket_filter · socket", type: "socket_filter" },
  {
    name: "sk_lookup · network namespace",
    type: "sk_lookup",
    attachType: AttachType.skLookup,
    answer: 1,
    attach: toNoDescriptor,
    known: [EBADF],
  },
  {
    name: "flow_dissector · network namespace",
    type: "flow_dissector",
    attachType: AttachType.flowDissector,
    attach: toNoDescriptor,
    known: [EBADF],
  },
  {
    name: "netfilter · hook",
    type: "netfilter",
    attachType: AttachType.netfilter,
    answer: 1,
    remedy: "CONFIG_NETFILTER_BPF_LINK (Linux 6.4)",
  },
  cgroup("inet_ingress", "cgroup_skb"),
  cgroup("inet_egress", "cgroup_skb"),
  cgroup("inet_sock_create", "cgroup_sock"),
  cgroup("inet4_connect", "cgroup_sock_addr"),
  cgroup("inet4_bind", "cgroup_sock_addr"),
  cgroup("udp4_sendmsg", "cgroup_sock_addr"),
  cgroup("getsockopt", "cgroup_sockopt"),
  cgroup("setsockopt", "cgroup_sockopt"),
  cgroup("sock_ops", "sock_ops"),
  cgroup("device", "cgroup_device"),
  cgroup("sysctl", "cgroup_sysctl"),
  {
    name: "struct_ops · tcp_congestion_ops",
    type: "struct_ops",
    target: ["tcp_congestion_ops", "struct"],
    remedy: "CONFIG_BPF_JIT and BTF",
  },
  { name: "syscall · test run", type: "syscall" },
];

/** mov r0, ANSWER; exit */
const code = (answer: number): Uint8Array => Uint8Array.of(0xb7, 0, 0, 0, answer, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
const BPF_F_SLEEPABLE = 16;

function tryPair(pair: Pair, closing: number[]): Finding {
  const failed = (detail: string): Finding => ({
    name: pair.name,
    works: false,
    detail,
    ...(pair.remedy === undefined ? {} : { remedy: pair.remedy }),
  });
  let id = 0;
  if (pair.target !== undefined) {
    try {
      id = kernelBtf().find(pair.target[0], pair.target[1]) ?? 0;
    } catch {
      return failed("the kernel has no BTF");
    }
    if (id === 0) return failed(`the kernel's BTF has no ${pair.target[0]}`);
  }
  const bytes = code(pair.answer ?? 0);
  const attribute = new Struct(144)
    .u32(0, PROGRAM_TYPES[pair.type])
    .u32(4, bytes.length / 8)
    .pointer(8, bytes)
    .pointer(16, "GPL")
    .u32(44, pair.type === "syscall" ? BPF_F_SLEEPABLE : 0)
    .u32(68, pair.attachType ?? 0)
    .u32(108, id);
  const program = chargedBpf(Command.programLoad, attribute.bytes);
  if (program < 0) {
    const forbidden = program === -EPERM && process.getuid?.() === 0;
    return failed(
      `load: ${errnoName(-program)}${forbidden ? ", by a policy of this system: root may not either" : ""}`,
    );
  }
  try {
    if (pair.attach === undefined) return { name: pair.name, works: true, detail: "loads" };
    const result = pair.attach(program, pair.attachType ?? 0);
    if (pair.known !== undefined) {
      if (pair.known.includes(Math.abs(result)))
        return { name: pair.name, works: true, detail: "loads; the kernel knows the attach type" };
    } else if (result >= 0) {
      closing.push(result);
      return { name: pair.name, works: true, detail: "loads and attaches" };
    }
    return failed(`loads; attach: ${errnoName(-result)}`);
  } finally {
    systemCalls().close(program);
  }
}

// --- probes of the language ------------------------------------------------------------------------------------------

function probes(programs: readonly Finding[]): Finding[] {
  const of = (name: string): Finding => programs.find((p) => p.name === name) as Finding;
  const by = (name: string, pair: string, instead?: string): Finding => {
    const found = of(pair);
    const { works } = found;
    const remedy = instead ?? found.remedy;
    return {
      name,
      works,
      detail: works ? `by ${pair}` : `${pair}: ${found.detail}`,
      ...(works || remedy === undefined ? {} : { remedy }),
    };
  };
  const noKprobe = "a tracepoint (scry -l 'tracepoint:*'), or fentry where that works";
  const noFentry = "a tracepoint (scry -l 'tracepoint:*'), or kprobe where that works";
  const hardware = hasFeature("hardwareCounters");
  return [
    by("begin, end, self, test", "raw_tracepoint · raw tracepoint"),
    by("tracepoint", "tracepoint · perf event"),
    by("rawtracepoint", "raw_tracepoint · raw tracepoint"),
    by("kprobe, kretprobe", "kprobe · kprobe by perf event", noKprobe),
    by("fentry, fexit", "tracing · fentry", noFentry),
    by("uprobe, uretprobe, usdt", "kprobe · uprobe by perf event"),
    by("profile, interval, software", "perf_event · software clock"),
    {
      name: "hardware",
      works: hardware,
      detail: hardware ? "this machine has counters" : "this machine has no hardware counters",
      ...(hardware ? {} : { remedy: "software events or profile (virtual machines often have no counters)" }),
    },
    by("watchpoint", "perf_event · breakpoint"),
    by("iter", "tracing · iterator"),
  ];
}

// --- maps and features -----------------------------------------------------------------------------------------------

/** Those that can be made without another map, a device or types. */
const PLAIN_MAPS =
  /^(?:hash|array|percpu_hash|percpu_array|lru_hash|lru_percpu_hash|stack_trace|queue|stack|ringbuf|user_ringbuf|bloom_filter|prog_array|perf_event_array|sockmap|sockhash)$/;

function tryMap(type: MapType): Finding {
  const works = hasMap(type);
  return { name: type, works, detail: works ? "can be made" : "cannot be made" };
}

/** What each is for. */
const FEATURES: Readonly<Record<Feature, string>> = {
  tracingPrograms: "programs of tracing at all",
  longKeys: "keys of more than 512 bytes, as long strings make them",
  runtimeAllocation: "maps whose entries are allocated when they are written, from every kind of program",
  kprobe: "functions of the kernel by perf events",
  kprobeMulti: "many kernel functions by one link",
  kprobeSession: "entry and return of functions by one program",
  uprobe: "functions of programs by perf events",
  uprobeMulti: "many functions of programs by one link",
  fentry: "kernel functions by trampolines, with typed arguments",
  fentryCookie: "cookies of trampolines",
  rawTracepointCookie: "cookies of raw tracepoints",
  perfEventCookie: "cookies of perf events",
  hardwareCounters: "cycles, instructions and their like",
  isa4: "instructions of version 4: sign extension, signed division, byte swaps",
  atomicFetch: "atomic operations that answer the old value",
  mayGoto: "while loops",
  callbacks: "walks over maps",
  ringBuffer: "ring buffers: everything that is printed goes through one",
  btf: "types of the kernel",
};
