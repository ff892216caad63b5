// How much stack a program's functions use together, and how deep its calls go (check_max_stack_depth).

import { Opcode } from "../isa/index.ts";
import type { Checker } from "./checker.ts";
import type { Fault } from "./refusal.ts";

const MAX_STACK = 512;
const MAX_DEPTH = 8;
const PRIVATE_STACKS: ReadonlySet<string> = new Set(["kprobe", "tracepoint", "perf_event", "raw_tracepoint"]);

/** Stack of the deepest chain of calls (check_max_stack_depth); frames are rounded up to 16 bytes. */
export function stackOf({ graph, stackDepth, strict, program }: Checker): { bytes: number } | { fault: Fault } {
  const calls = new Map<number, Set<number>>();
  graph.code.forEach((i, slot) => {
    if (i === undefined) return;
    const local = (i.op === Opcode.CALL && i.src === 1) || (i.op === Opcode.LDDW && i.src === 4);
    if (!local) return;
    const from = graph.functionOf[slot]?.start ?? 0;
    const to = slot + i.imm + 1;
    let targets = calls.get(from);
    if (targets === undefined) calls.set(from, (targets = new Set()));
    targets.add(to);
  });
  let fault: Fault | undefined;
  const known = new Map<number, { bytes: number; depth: number }>();
  // Functions that are being measured, each with what is called by it still to do: chains may be long, so no recursion.
  const open: { readonly start: number; readonly rest: number[]; bytes: number; depth: number }[] = [];
  const inside = new Set<number>();
  const enter = (start: number): void => {
    inside.add(start);
    open.push({ start, rest: [...(calls.get(start) ?? [])], bytes: 0, depth: 0 });
  };
  enter(0);
  for (let top = open[0]; top !== undefined; top = open[open.length - 1]) {
    const target = top.rest.pop();
    if (target === undefined) {
      open.pop();
      inside.delete(top.start);
      const own = Math.ceil((stackDepth.get(top.start) ?? 0) / 16) * 16;
      const result = { bytes: top.bytes + own, depth: top.depth + 1 };
      known.set(top.start, result);
      const caller = open[open.length - 1];
      if (caller === undefined) continue;
      caller.bytes = Math.max(caller.bytes, result.bytes);
      caller.depth = Math.max(caller.depth, result.depth);
      continue;
    }
    const done = known.get(target);
    if (done !== undefined) {
      top.bytes = Math.max(top.bytes, done.bytes);
      top.depth = Math.max(top.depth, done.depth);
    } else if (inside.has(target)) {
      fault ??= { reason: "stack", message: "This function calls itself", registers: [], slot: target };
    } else {
      enter(target);
    }
  }
  const total = known.get(0) ?? { bytes: 0, depth: 0 };
  // Linux gives every function of a program that may interrupt another a stack of its own (bpf_enable_priv_stack, 6.13).
  const apart = !strict && PRIVATE_STACKS.has(program.type);
  if (fault === undefined && total.depth > MAX_DEPTH) {
    fault = {
      reason: "stack",
      message: `Calls are ${total.depth} deep, and at most ${MAX_DEPTH} can be open`,
      registers: [],
    };
  }
  if (fault === undefined && total.bytes > MAX_STACK && !apart) {
    fault = {
      reason: "stack",
      message: `The functions that are open at once use ${total.bytes} bytes of stack, and there are ${MAX_STACK}`,
      registers: [],
    };
  }
  return fault === undefined ? { bytes: total.bytes } : { fault };
}
