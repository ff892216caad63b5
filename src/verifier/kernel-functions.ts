// Calls of kernel functions (kfuncs) by name.

import { argument, pointerArgument, wrong } from "./arguments.ts";
import type { Checker } from "./checker.ts";
import { KERNEL_WORD } from "./contexts.ts";
import { clobber, release } from "./references.ts";
import { refuse } from "./refusal.ts";
import { UNKNOWN } from "./scalar.ts";
import { type State, topFrame } from "./state.ts";
import { pointer } from "./value.ts";

/** Kernel functions that are known: what they take is checked only as far as it must be. */
const KERNEL_FUNCTIONS: {
  readonly [name: string]: {
    readonly args: readonly ("any" | "kernel" | "release")[];
    readonly returns: "int" | "void" | "kernel" | "acquire";
  };
} = {
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

/** A call of a kernel function by name. */
export function callKernelFunction(checker: Checker, state: State, name: string): void {
  const entry = Object.hasOwn(KERNEL_FUNCTIONS, name) ? KERNEL_FUNCTIONS[name] : undefined;
  if (entry === undefined) refuse("unsupported", `The kernel function ${name} is not known to this verifier`, []);
  entry.args.forEach((kind, i) => {
    const value = argument(state, i + 1, name);
    if (kind === "any") return;
    const object = pointerArgument(name, i + 1, "a kernel object", value);
    if (object.to !== "kernel") wrong(name, i + 1, "a kernel object", value);
    if (kind === "release") {
      if (object.ref === 0)
        refuse("reference", `${name} is given something that this program did not acquire (r${i + 1})`, [i + 1]);
      release(state, object.ref);
    }
  });
  const frame = topFrame(state);
  clobber(frame);
  if (entry.returns === "int") frame.regs[0] = UNKNOWN;
  else if (entry.returns === "kernel") frame.regs[0] = KERNEL_WORD;
  else if (entry.returns === "acquire") {
    const id = checker.newId();
    state.refs = [...state.refs, { id, slot: state.pc }];
    frame.regs[0] = pointer("kernel", { nullable: true, id, ref: id });
  }
}
