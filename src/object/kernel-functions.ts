// Functions of the kernel that programs may call by name (kfuncs): what each takes and gives. One row each.
//
// Prototypes: kernel/bpf/helpers.c and kernel/trace/bpf_trace.c; flags such as KF_ACQUIRE: Documentation/bpf/kfuncs.rst.

export interface KernelFunction {
  /** `kernel`: a kernel object; `release`: one that the program acquired, given back here. */
  readonly args: readonly ("any" | "kernel" | "release")[];
  /** `acquire`: a kernel object or null, which has to be given back. */
  readonly returns: "int" | "void" | "kernel" | "acquire";
}

const TABLE: Readonly<Record<string, KernelFunction>> = {
  bpf_rdonly_cast: { args: ["any", "any"], returns: "kernel" },
  bpf_cast_to_kern_ctx: { args: ["any"], returns: "kernel" },
  bpf_task_from_pid: { args: ["any"], returns: "acquire" },
  bpf_task_acquire: { args: ["kernel"], returns: "acquire" },
  bpf_task_release: { args: ["release"], returns: "void" },
  bpf_cgroup_from_id: { args: ["any"], returns: "acquire" },
  bpf_cgroup_release: { args: ["release"], returns: "void" },
  bpf_rcu_read_lock: { args: [], returns: "void" },
  bpf_rcu_read_unlock: { args: [], returns: "void" },
  bpf_get_fsverity_digest: { args: ["kernel", "any"], returns: "int" },
};

/** What is known of a kernel function; undefined for one that has no row. */
export const kernelFunction = (name: string): KernelFunction | undefined =>
  Object.hasOwn(TABLE, name) ? TABLE[name] : undefined;
