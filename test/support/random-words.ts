// What random scripts are made of: a generator of numbers by a seed, attach points with what they offer, names, literals.

/** A stream of pseudo-random numbers (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 <= n < limit */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/** What a probe offers: numbers, strings and memory, as expressions. */
export interface Offer {
  readonly head: string;
  readonly ints: readonly string[];
  readonly strings: readonly string[];
  /** Addresses of memory. */
  readonly addresses: readonly string[];
  readonly stacks: boolean;
  readonly kernelTask: boolean;
  readonly join?: string;
  readonly usym: boolean;
  readonly signal: boolean;
  /** `args` may stand alone. */
  readonly args?: boolean;
}

export const offer = (head: string, more: Partial<Offer> = {}): Offer => ({
  head,
  ints: [],
  strings: [],
  addresses: [],
  stacks: true,
  kernelTask: true,
  usym: true,
  signal: true,
  args: /^(?:raw)?tracepoint:/.test(head) && !head.includes("*"),
  ...more,
});

export const plain = { stacks: false, usym: false, signal: false };

export function offers(binary: string, usdt: boolean): readonly Offer[] {
  return [
    offer("begin", plain),
    offer("end", plain),
    offer("tracepoint:syscalls:sys_enter_openat", {
      ints: ["args.dfd", "args.flags", "args.mode", "args.__syscall_nr"],
      strings: ["str(args.filename)"],
      addresses: ["args.filename"],
    }),
    offer("tracepoint:syscalls:sys_exit_read", { ints: ["args.ret"] }),
    offer("tracepoint:syscalls:sys_enter_write", { ints: ["args.fd", "args.count"], addresses: ["args.buf"] }),
    offer("tracepoint:syscalls:sys_enter_execve", { strings: ["str(args.filename)"], join: "args.argv" }),
    offer("tracepoint:syscalls:sys_enter_r*"),
    offer("tracepoint:raw_syscalls:sys_enter", { ints: ["args.id", "args.args[0]", "args.args[5]"] }),
    offer("tracepoint:raw_syscalls:sys_exit", { ints: ["args.id", "args.ret"] }),
    offer("tracepoint:sched:sched_switch", {
      ints: ["args.prev_pid", "args.next_pid", "args.prev_prio"],
      strings: ["args.prev_comm", "args.next_comm"],
    }),
    offer("tracepoint:sched:sched_process_exec", { ints: ["args.pid"], strings: ["str(args.filename)"] }),
    offer("rawtracepoint:sched_switch", {
      ints: ["args.preempt", "args.next.pid", "args.prev.tgid", "arg0"],
      strings: ["args.next.comm"],
    }),
    offer("rawtracepoint:sys_enter", { ints: ["args.id", "arg1"] }),
    offer(`uprobe:${binary}:probe_me`, { ints: ["arg0", "arg1", "arg5", 'reg("ip")', "sarg0"] }),
    offer(`uprobe:${binary}:probe_text`, {
      ints: ["arg1"],
      strings: ["str(arg0)", "str(arg0, arg1)", "str(arg0, 10)"],
      addresses: ["arg0"],
    }),
    offer(`uprobe:${binary}:probe_*`, { ints: ["arg0"] }),
    offer(`uretprobe:${binary}:probe_me`, { ints: ["retval"] }),
    ...(usdt
      ? [
          offer(`usdt:${binary}:scrytest:numbers`, { ints: ["arg0", "arg1", "arg2"] }),
          offer(`usdt:${binary}:scrytest:text`, {
            ints: ["arg1"],
            strings: ["str(arg0)", "str(arg0, arg1)"],
            addresses: ["arg0"],
          }),
        ]
      : []),
    offer("profile:hz:99", { ints: ["usermode"] }),
    offer("interval:s:1", { stacks: true }),
    offer("software:cpu-clock:1000000", { ints: ["usermode"] }),
    offer("software:page-faults:100"),
  ];
}

export const TASK_INTS: readonly string[] = [
  "curtask.pid",
  "curtask.tgid",
  "curtask.group_leader.pid",
  "curtask.real_parent.tgid",
  "curtask.se.sum_exec_runtime",
  "curtask.signal.rlim[7].rlim_cur",
  "curtask.mm.total_vm",
  "curtask.cred.uid.val",
  "curtask.comm[2]",
  "((struct task_struct *)curtask).prio",
  "curtask->parent->parent->pid",
  "curtask.flags",
];
export const TASK_STRINGS: readonly string[] = [
  "curtask.comm",
  "curtask.group_leader.comm",
  "curtask.real_parent.comm",
];
export const INT_BUILTINS: readonly string[] = [
  "pid",
  "tid",
  "uid",
  "gid",
  "cpu",
  "nsecs",
  "rand",
  "elapsed",
  "cgroup",
  "jiffies",
  "numaid",
  "ncpus",
  "ppid",
  "nsecs(monotonic)",
];
export const LITERALS: readonly string[] = [
  "0",
  "1",
  "2",
  "3",
  "7",
  "-1",
  "10",
  "64",
  "100",
  "255",
  "256",
  "1000",
  "65535",
  "65536",
  "0x7fffffff",
  "0x80000000",
  "0xffffffff",
  "1000000007",
  "0x123456789abcdef",
  "9223372036854775807",
  "5ms",
  "1e6",
  "$1",
  "$2",
  "$#",
];
export const TEXTS: readonly string[] = [
  '"a"',
  '"hello"',
  '""',
  '"a longer text of some thirty bytes"',
  '"x y"',
  '"exactly8"',
  '"%"',
  "str($3)",
];
export const ARITHMETIC: readonly string[] = ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"];
export const COMPARISONS: readonly string[] = ["==", "!=", "<", ">", "<=", ">="];
export const CASTS: readonly string[] = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"];
