// Which goroutine runs.

import type { Value } from "../compiler/index.ts";
import type { GoroutineAccess } from "../probes/index.ts";
import { readForeign } from "./memory.ts";
import { contextOf, once, type ProgramState } from "./state.ts";

/** The id of the goroutine that runs; 0 on the stacks of the runtime itself. */
export function goid(p: ProgramState, access: Exclude<GoroutineAccess, string>): Value {
  const { b } = p;
  return once(p, "goid", () => {
    const slot = b.slot(8);
    let g: Value;
    if ("register" in access) g = b.load("u64", contextOf(p), access.register);
    else {
      const task = once(p, "task", () => b.helper("get_current_task_btf", [], { kind: "kernel", type: "task_struct" }));
      b.store(64, slot, 0, 0);
      readForeign(p, slot, 0, 8, b.add(b.load("u64", task, access.threadBase), access.threadLocal), 0, "user");
      g = b.load("u64", slot, 0);
    }
    const id = b.slot(8);
    b.store(64, id, 0, 0);
    readForeign(p, id, 0, 8, g, access.goid, "user");
    return b.load("u64", id, 0);
  });
}
