// Stacks: the kernel keeps each distinct one once in a map of its own and gives its number, which is what a key or a
// record carries.

import type { Value } from "../../compiler/index.ts";
import { contextOf } from "./lower-expressions.ts";
import type { Lengths } from "./lower-memory.ts";
import type { Lowering } from "./lowering.ts";
import { HEADER } from "./storage.ts";
import type { Type } from "./types.ts";

/** linux/bpf.h */
const BPF_F_USER_STACK = 256;

/** Name of the map that holds stacks of up to this many frames. */
export function stackMap(l: Lowering, limit: number): string {
  let name = l.script.stackMaps.get(limit);
  if (name === undefined) l.script.stackMaps.set(limit, (name = `stacks_${limit}`));
  return name;
}

/** Writes the number of the present stack, and for a user's stack the process it belongs to. */
export function stackInto(l: Lowering, type: Type, to: Value, offset: number): Lengths {
  const b = l.b;
  if (type.kind !== "kstack" && type.kind !== "ustack") return [];
  const flags = type.kind === "ustack" ? BPF_F_USER_STACK : 0;
  const id = b.helper("get_stackid", [contextOf(l), b.map(stackMap(l, type.limit)), b.const(flags)]);
  const lost = b.block("no-stack");
  const after = b.block("after");
  b.branch("slt", id, 0, lost, after, { unlikely: "then" });
  b.seal(lost);
  b.at(lost);
  l.count(HEADER.stackLost);
  b.jump(after);
  b.seal(after);
  b.at(after);
  b.store(64, to, offset, id);
  if (type.kind === "ustack") b.store(64, to, offset + 8, b.binary("shr", b.helper("get_current_pid_tgid", []), 32));
  return [];
}
