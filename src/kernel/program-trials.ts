// Which programs this kernel loads and attaches.
//
// A pair of program and attach type is loaded with two instructions and then attached: where that is harmless for real
// (and taken away at once), elsewhere to something that does not exist, which a kernel that knows the type says
// differently from one that does not.

import { encode, exit, movImm, SLOT_BYTES } from "../isa/index.ts";
import { attachType, type CgroupAttachType, PROGRAM_TYPES, type ProgramType } from "../object/index.ts";
import { firstCpu } from "./cpus.ts";
import { errnoName } from "./errors.ts";
import { hasFeature } from "./features.ts";
import type { Finding } from "./finding.ts";
import type { Kernel } from "./kernel.ts";
import { kernelBtf } from "./kernel-types.ts";
import { chargedBpf } from "./memory-limit.ts";
import {
  AttachType,
  BPF_F_SLEEPABLE,
  PERF_EVENT_IOC_SET_BPF,
  PERF_TYPE_BREAKPOINT,
  PERF_TYPE_SOFTWARE,
  PERF_TYPE_TRACEPOINT,
} from "./numbers.ts";
import { openPerfEvent } from "./perf-events.ts";
import { tracepointId } from "./tracefs.ts";

/** How a loaded program is tried: answers a descriptor, or the negated errno. */
type Attach = (kernel: Kernel, program: number, attachType: number) => number;

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

const link: Attach = (kernel, program, type) => linkTo(kernel, program, 0, type);

const linkTo = (kernel: Kernel, program: number, target: number, type: number): number =>
  kernel.bpf("LINK_CREATE", { prog_fd: program, target_fd: target, attach_type: type });

const rawTracepoint =
  (name?: string): Attach =>
  (kernel, program) =>
    kernel.bpf("RAW_TRACEPOINT_OPEN", { name, prog_fd: program });

/** An interface that no machine has. */
const NO_INTERFACE = 0x7ffffff0;

const toNoInterface: Attach = (kernel, program, type) => linkTo(kernel, program, NO_INTERFACE, type);

/** Descriptor 2^31 - 1: not open. */
const NO_DESCRIPTOR = 0x7fffffff;

const toNoDescriptor: Attach = (kernel, program, type) => linkTo(kernel, program, NO_DESCRIPTOR, type);

const EPERM = 1;

const ENOENT = 2;

const EBADF = 9;

const EINVAL = 22;

const ENODEV = 19;

const onEvent =
  (open: (kernel: Kernel) => number): Attach =>
  (kernel, program) => {
    let event: number;
    try {
      event = open(kernel);
    } catch (error) {
      return -((error as { errno?: number }).errno ?? EINVAL);
    }
    const result = kernel.calls.ioctl(event, PERF_EVENT_IOC_SET_BPF, program);
    if (result >= 0) return event;
    kernel.calls.close(event);
    return result;
  };

const onTracepoint = onEvent((kernel) => {
  const id = tracepointId("sched", "sched_process_exit", kernel);
  if (id === undefined) throw Object.assign(new Error("no tracepoint"), { errno: ENOENT });
  return openPerfEvent(kernel, { type: PERF_TYPE_TRACEPOINT, config: id, sample: 1 }, -1, firstCpu(kernel), "doctor");
});

const onClock = onEvent((kernel) =>
  openPerfEvent(kernel, { type: PERF_TYPE_SOFTWARE, config: 0, sample: 1_000_000_000 }, -1, firstCpu(kernel), "doctor"),
);

const onBreakpoint = onEvent((kernel) =>
  openPerfEvent(
    kernel,
    { type: PERF_TYPE_BREAKPOINT, config: 0, sample: 1, breakpointType: 2, config1: 0x1000n, config2: 8 },
    process.pid,
    -1,
    "doctor",
  ),
);

const cgroup = (name: CgroupAttachType, type: ProgramType): Pair => ({
  name: `${type} · ${name}`,
  type,
  attachType: attachType(`cgroup_${name}`),
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
    attach: (kernel) => (hasFeature("kprobe", kernel) ? 0 : -ENOENT),
    known: [0],
    remedy: "CONFIG_KPROBE_EVENTS; use a tracepoint or fentry instead",
  },
  {
    name: "kprobe · kprobe.multi",
    type: "kprobe",
    attachType: AttachType.kprobeMulti,
    attach: (kernel) => (hasFeature("kprobeMulti", kernel) ? 0 : -EINVAL),
    known: [0],
    remedy: "CONFIG_FPROBE (Linux 5.18); kprobes are attached one by one without it",
  },
  {
    name: "kprobe · kprobe.session",
    type: "kprobe",
    attachType: AttachType.kprobeSession,
    attach: (kernel) => (hasFeature("kprobeSession", kernel) ? 0 : -EINVAL),
    known: [0],
    remedy: "CONFIG_FPROBE (Linux 6.10)",
  },
  {
    name: "kprobe · uprobe by perf event",
    type: "kprobe",
    attach: (kernel) => (hasFeature("uprobe", kernel) ? 0 : -ENOENT),
    known: [0],
    remedy: "CONFIG_UPROBE_EVENTS",
  },
  {
    name: "kprobe · uprobe.multi",
    type: "kprobe",
    attachType: AttachType.uprobeMulti,
    attach: (kernel) => (hasFeature("uprobeMulti", kernel) ? 0 : -EINVAL),
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
    attach: (kernel, program) => linkTo(kernel, program, NO_INTERFACE, AttachType.tcxIngress),
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

function tryPair(kernel: Kernel, pair: Pair, closing: number[]): Finding {
  const failed = (detail: string): Finding => ({
    name: pair.name,
    works: false,
    detail,
    ...(pair.remedy === undefined ? {} : { remedy: pair.remedy }),
  });
  let id = 0;
  if (pair.target !== undefined) {
    try {
      id = kernelBtf(kernel).find(pair.target[0], pair.target[1]) ?? 0;
    } catch {
      return failed("the kernel has no BTF");
    }
    if (id === 0) return failed(`the kernel's BTF has no ${pair.target[0]}`);
  }
  const insns = encode([movImm(0, pair.answer ?? 0), exit()]);
  const attr = kernel.bpfAttr("PROG_LOAD", {
    prog_type: PROGRAM_TYPES[pair.type].number,
    insn_cnt: insns.length / SLOT_BYTES,
    insns,
    license: "GPL",
    prog_flags: pair.type === "syscall" ? BPF_F_SLEEPABLE : 0,
    expected_attach_type: pair.attachType,
    attach_btf_id: id,
  });
  const program = chargedBpf(kernel, "PROG_LOAD", attr);
  if (program < 0) {
    const forbidden = program === -EPERM && process.getuid?.() === 0;
    return failed(
      `load: ${errnoName(-program)}${forbidden ? ", by a policy of this system: root may not either" : ""}`,
    );
  }
  try {
    if (pair.attach === undefined) return { name: pair.name, works: true, detail: "loads" };
    const result = pair.attach(kernel, program, pair.attachType ?? 0);
    if (pair.known !== undefined) {
      if (pair.known.includes(Math.abs(result)))
        return { name: pair.name, works: true, detail: "loads; the kernel knows the attach type" };
    } else if (result >= 0) {
      closing.push(result);
      return { name: pair.name, works: true, detail: "loads and attaches" };
    }
    return failed(`loads; attach: ${errnoName(-result)}`);
  } finally {
    kernel.calls.close(program);
  }
}

/** Tries every pair. What it attaches is added to `closing`, for the caller to close: that may take a while. */
export function programFindings(kernel: Kernel, closing: number[]): Finding[] {
  return pairs.map((pair) => tryPair(kernel, pair, closing));
}
