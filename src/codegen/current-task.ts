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

export function currentIdValue(p: ProgramState, field: "tgid" | "pid", half: "low" | "high"): Value {
  const from = currentField(p, field);
  if (from !== undefined) return p.b.load("u32", from.task, from.offset);
  const both = p.b.helper("get_current_pid_tgid", []);
  return half === "high" ? p.b.binary("shr", both, 32) : p.b.zext(both, 32);
}
