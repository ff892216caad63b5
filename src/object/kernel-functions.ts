// Functions of the kernel that programs may call by name (kfuncs): what each takes and gives. One row each.
//
// Prototypes: kernel/bpf/helpers.c, kernel/trace/bpf_trace.c, net/core/filter.c; flags such as KF_ACQUIRE, and which
// programs each is registered for: Documentation/bpf/kfuncs.rst and the BTF_KFUNCS lists beside the prototypes.

import type { ProgramType } from "./program-types.ts";

/** What an argument must be. */
export type KernelArgument =
  | "any"
  /** A kernel object. */
  | "kernel"
  /** One that the program acquired, given back here. */
  | "release"
  | "context"
  /** Memory that is read and written, or 0; its size, a constant, is the next argument. */
  | "buffer-or-null"
  /** Memory that is read and written; its size, a constant, is the next argument. */
  | "memory"
  | "size"
  | "dynptr"
  /** A place on the stack that becomes a dynptr, over what the row's `gives` says. */
  | "dynptr-output"
  /** An iterator on the stack: made here, moved on, done with. */
  | "iterator-new"
  | "iterator-next"
  | "iterator-destroy";

export type DynptrKind = "local" | "ringbuf" | "skb" | "xdp";

export interface KernelFunction {
  readonly args: readonly KernelArgument[];
  /**
   * `acquire`: a kernel object or null, which has to be given back; `number-or-null`: an iterator's next number;
   * `slice`: memory of the size that was asked for, or null; `slice-readonly`: the same, only read.
   */
  readonly returns:
    | "int"
    | "void"
    | "kernel"
    | "kernel-or-null"
    | "acquire"
    | "number-or-null"
    | "slice"
    | "slice-readonly";
  /** The struct that it acquires. */
  readonly acquires?: string;
  /** The struct that its first argument is, which one that was acquired must be. */
  readonly takes?: string;
  /** What a new dynptr is of; absent: of what the first argument is of. */
  readonly gives?: DynptrKind;
  /** Regions that it opens or closes: of RCU, of no preemption. */
  readonly region?: "rcu-open" | "rcu-close" | "preempt-open" | "preempt-close";
  /** Types of programs that may call it; absent: all. */
  readonly programs?: readonly ProgramType[];
}

const SKB_PROGRAMS: readonly ProgramType[] = [
  "socket_filter",
  "sched_cls",
  "sched_act",
  "sk_skb",
  "cgroup_skb",
  "lwt_in",
  "lwt_out",
  "lwt_xmit",
  "lwt_seg6local",
  "netfilter",
  "tracing",
];
/** Programs for which the functions on tasks and cgroups are registered. */
const TASK_PROGRAMS: readonly ProgramType[] = [
  "tracing",
  "lsm",
  "sched_cls",
  "sched_act",
  "xdp",
  "struct_ops",
  "syscall",
  "cgroup_skb",
];

/** Functions on one kind of objects: what they acquire, and take, is such a one. */
const on = (
  struct: string,
  args: KernelFunction["args"],
  returns: KernelFunction["returns"],
  programs: readonly ProgramType[] | undefined = TASK_PROGRAMS,
): KernelFunction => ({
  args,
  returns,
  ...(returns === "acquire" ? { acquires: struct } : {}),
  ...(args[0] === "kernel" || args[0] === "release" ? { takes: struct } : {}),
  ...(programs === undefined ? {} : { programs }),
});

const region = (which: KernelFunction["region"]): KernelFunction => ({
  args: [],
  returns: "void",
  ...(which === undefined ? {} : { region: which }),
});

/** A connection that is tracked, or a new one, by its addresses and options. */
const connection = (struct: string, programs: readonly ProgramType[]): KernelFunction =>
  on(struct, ["context", "buffer-or-null", "size", "memory", "size"], "acquire", programs);
/** One that is not known to the kernel yet: it can be changed, and has to be inserted. */
const NEW_CONNECTION = "nf_conn___init";
const newConnection = (args: KernelFunction["args"], returns: KernelFunction["returns"]): KernelFunction => ({
  args,
  returns,
  takes: NEW_CONNECTION,
});

const TABLE: Readonly<Record<string, KernelFunction>> = {
  bpf_rdonly_cast: { args: ["any", "any"], returns: "kernel" },
  bpf_cast_to_kern_ctx: { args: ["any"], returns: "kernel" },
  bpf_task_from_pid: on("task_struct", ["any"], "acquire"),
  bpf_task_from_vpid: on("task_struct", ["any"], "acquire"),
  bpf_task_acquire: on("task_struct", ["kernel"], "acquire"),
  bpf_task_release: on("task_struct", ["release"], "void"),
  bpf_cgroup_from_id: on("cgroup", ["any"], "acquire"),
  bpf_cgroup_acquire: on("cgroup", ["kernel"], "acquire"),
  bpf_cgroup_ancestor: on("cgroup", ["kernel", "any"], "acquire"),
  bpf_cgroup_release: on("cgroup", ["release"], "void"),
  bpf_task_under_cgroup: on("task_struct", ["kernel", "kernel"], "int"),
  bpf_rcu_read_lock: region("rcu-open"),
  bpf_rcu_read_unlock: region("rcu-close"),
  bpf_preempt_disable: region("preempt-open"),
  bpf_preempt_enable: region("preempt-close"),
  bpf_get_fsverity_digest: { args: ["kernel", "any"], returns: "int" },
  bpf_dynptr_from_skb: {
    args: ["context", "any", "dynptr-output"],
    returns: "int",
    gives: "skb",
    programs: SKB_PROGRAMS,
  },
  bpf_dynptr_from_xdp: { args: ["context", "any", "dynptr-output"], returns: "int", gives: "xdp", programs: ["xdp"] },
  bpf_dynptr_slice: { args: ["dynptr", "any", "buffer-or-null", "size"], returns: "slice-readonly" },
  bpf_dynptr_slice_rdwr: { args: ["dynptr", "any", "buffer-or-null", "size"], returns: "slice" },
  bpf_dynptr_adjust: { args: ["dynptr", "any", "any"], returns: "int" },
  bpf_dynptr_is_null: { args: ["dynptr"], returns: "int" },
  bpf_dynptr_is_rdonly: { args: ["dynptr"], returns: "int" },
  bpf_dynptr_size: { args: ["dynptr"], returns: "int" },
  bpf_dynptr_clone: { args: ["dynptr", "dynptr-output"], returns: "int" },
  bpf_xdp_ct_lookup: connection("nf_conn", ["xdp"]),
  bpf_xdp_ct_alloc: connection(NEW_CONNECTION, ["xdp"]),
  bpf_skb_ct_lookup: connection("nf_conn", ["sched_cls", "sched_act"]),
  bpf_skb_ct_alloc: connection(NEW_CONNECTION, ["sched_cls", "sched_act"]),
  bpf_ct_insert_entry: { ...newConnection(["release"], "acquire"), acquires: "nf_conn" },
  bpf_ct_release: { args: ["release"], returns: "void", takes: "nf_conn" },
  bpf_ct_set_timeout: newConnection(["kernel", "any"], "void"),
  bpf_ct_change_timeout: { args: ["kernel", "any"], returns: "int", takes: "nf_conn" },
  bpf_ct_set_status: newConnection(["kernel", "any"], "int"),
  bpf_ct_change_status: { args: ["kernel", "any"], returns: "int", takes: "nf_conn" },
  bpf_iter_num_new: { args: ["iterator-new", "any", "any"], returns: "int" },
  bpf_iter_num_next: { args: ["iterator-next"], returns: "number-or-null" },
  bpf_iter_num_destroy: { args: ["iterator-destroy"], returns: "void" },
};

/** What is known of a kernel function; undefined for one that has no row. */
export const kernelFunction = (name: string): KernelFunction | undefined =>
  Object.hasOwn(TABLE, name) ? TABLE[name] : undefined;

/** The function that gives back an object of this struct; undefined: nothing does. */
export const releasing = (struct: string): string | undefined =>
  Object.entries(TABLE).find(
    ([, { args, takes, returns }]) => args[0] === "release" && takes === struct && returns === "void",
  )?.[0];

/** Does it move an iterator on, so that a loop around it ends when the iterator does? */
export const isIteratorNext = (name: string): boolean => kernelFunction(name)?.args[0] === "iterator-next";
