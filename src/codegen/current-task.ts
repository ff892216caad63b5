// The task that runs: its fields read in place where the kernel allows it, helpers where it does not.

import type { Value } from "../compiler/index.ts";
import { once, type ProgramState } from "./state.ts";

/**
 * The current task and where a field of it lies: read in place, which costs a load where a helper is a call (the kernel
 * inlines get_current_task_btf, and lets programs read what BTF knows). Undefined without BTF.
 */
export function currentField(
  p: ProgramState,
  name: string,
): { readonly task: Value; readonly offset: number } | undefined {
  const { target } = p.object;
  if (target.lacks?.("currentTaskBtf") === true) return undefined;
  const btf = target.btf();
  const id = btf?.find("task_struct", "struct");
  const field = id === undefined ? undefined : btf?.field(id, [name]);
  if (field === undefined) return undefined;
  const task = once(p, "task", () => p.b.helper("get_current_task_btf", [], { kind: "kernel", type: "task_struct" }));
  return { task, offset: field.bitOffset / 8 };
}

export type TaskId = "process" | "thread";

const halves = { process: { field: "tgid", high: true }, thread: { field: "pid", high: false } } as const;

/** The id of the process or thread that runs, as the system's first namespace of processes counts. */
export function globalId(p: ProgramState, id: TaskId): Value {
  const { field, high } = halves[id];
  const from = currentField(p, field);
  if (from !== undefined) return p.b.load("u32", from.task, from.offset);
  const both = p.b.helper("get_current_pid_tgid", []);
  return high ? p.b.binary("shr", both, 32) : p.b.zext(both, 32);
}

/** `struct bpf_pidns_info`: the thread's id, then the process's. */
const NAMESPACED = { size: 8, thread: 0, process: 4 } as const;

/**
 * The id of the process or thread that runs, as whoever runs the script sees it: in a namespace of its own (a container)
 * /proc, ps and -p have other numbers than the kernel. Who has none there is 0, as the kernel says it.
 */
export function currentId(p: ProgramState, id: TaskId): Value {
  const namespace = p.object.target.processNamespace;
  if (namespace === undefined) return globalId(p, id);
  const { b } = p;
  const ids = once(p, "ids in the namespace", () => {
    const slot = b.slot(NAMESPACED.size);
    b.zero(slot, 0, NAMESPACED.size);
    const { device, inode } = namespace;
    b.helper("get_ns_current_pid_tgid", [b.const(device), b.const(inode), slot, b.const(NAMESPACED.size)]);
    return slot;
  });
  return b.load("u32", ids, NAMESPACED[id]);
}

/** The process whose addresses are told with it, to be looked up in /proc. */
export const processOfAddress = (p: ProgramState): Value =>
  p.object.target.processNamespace === undefined
    ? p.b.binary("shr", p.b.helper("get_current_pid_tgid", []), 32)
    : currentId(p, "process");
