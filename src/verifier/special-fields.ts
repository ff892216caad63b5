// Fields of map values that the kernel looks after: locks, timers, pointers to its objects. Programs may not touch them but
// by the functions that are for them (btf_parse_fields of kernel/bpf/btf.c, check_map_access of kernel/bpf/verifier.c).

import { type Btf, type BtfType, resolveType } from "../btf/index.ts";
import type { MapSpec } from "../object/index.ts";
import type { Pointer } from "./value.ts";

export type SpecialKind =
  | "spin-lock"
  | "timer"
  | "work-queue"
  | "list-head"
  | "list-node"
  | "tree-root"
  | "tree-node"
  | "reference-count"
  | "task-work"
  /** A pointer to a kernel object: owned by the value, or only looked at. */
  | "kptr"
  | "kptr-untrusted";

export interface SpecialField {
  readonly kind: SpecialKind;
  /** The type's name, or the pointer's tag. */
  readonly name: string;
  /** Bytes from the start of the value. */
  readonly from: number;
  readonly to: number;
}

const STRUCTS: Readonly<Record<string, SpecialKind>> = {
  bpf_spin_lock: "spin-lock",
  bpf_res_spin_lock: "spin-lock",
  bpf_timer: "timer",
  bpf_wq: "work-queue",
  bpf_list_head: "list-head",
  bpf_list_node: "list-node",
  bpf_rb_root: "tree-root",
  bpf_rb_node: "tree-node",
  bpf_refcount: "reference-count",
  bpf_task_work: "task-work",
};

const TAGS: Readonly<Record<string, SpecialKind>> = {
  kptr: "kptr",
  percpu_kptr: "kptr",
  uptr: "kptr",
  kptr_untrusted: "kptr-untrusted",
};

/** Structs within structs that are looked into, and elements of arrays. */
const DEPTH = 16;
const MOST_FIELDS = 64;

/** The special fields of a type, in order of their places. Bounded: types of a damaged object may be made of themselves. */
export function specialFields(types: Btf, id: number): readonly SpecialField[] {
  const found: SpecialField[] = [];
  const visit = (typeId: number, at: number, depth: number): void => {
    if (depth > DEPTH || found.length > MOST_FIELDS) return;
    const type = resolveType(types, typeId);
    const add = (kind: SpecialKind, name: string, size: number): number =>
      found.push({ kind, name, from: at, to: at + size });
    if (type.kind === "struct" || type.kind === "union") {
      const kind = Object.hasOwn(STRUCTS, type.name) ? STRUCTS[type.name] : undefined;
      if (kind !== undefined) add(kind, type.name, type.size);
      else for (const member of type.members) visit(member.type, at + (member.bitOffset >> 3), depth + 1);
    } else if (type.kind === "array") {
      const size = types.sizeof(type.element) ?? 0;
      const before = found.length;
      for (let i = 0; i < type.count && size > 0; i++) {
        visit(type.element, at + i * size, depth + 1);
        if (found.length === before) break;
      }
    } else if (type.kind === "ptr") {
      const kind = tagOf(types, type.type);
      if (kind !== undefined) add(kind, "kptr", 8);
    }
  };
  visit(id, 0, 0);
  return found.sort((a, b) => a.from - b.from);
}

/** What a pointer's tags say of it: they stand between it and what it points to. */
function tagOf(types: Btf, id: number): SpecialKind | undefined {
  let type: BtfType = types.type(id);
  for (let i = 0; i < DEPTH; i++) {
    if (type.kind === "type_tag" && Object.hasOwn(TAGS, type.name)) return TAGS[type.name];
    if (type.kind !== "type_tag" && type.kind !== "const" && type.kind !== "volatile") return undefined;
    type = types.type(type.type);
  }
  return undefined;
}

/** The field that an access of so many bytes touches, wherever the variable part points. */
export function fieldTouched(
  fields: readonly SpecialField[],
  p: Pointer,
  off: number,
  size: number,
): SpecialField | undefined {
  if (fields.length === 0) return undefined;
  const from = BigInt(p.off + off) + p.index.smin;
  const to = BigInt(p.off + off + size) + p.index.umax;
  return fields.find((field) => from < BigInt(field.to) && BigInt(field.from) < to);
}

/** Programs that trace, where a lock or a timer could be taken by what they interrupt (is_tracing_prog_type). */
const TRACING: ReadonlySet<string> = new Set([
  "kprobe",
  "tracepoint",
  "perf_event",
  "raw_tracepoint",
  "raw_tracepoint_writable",
]);

/** Why a map with such fields cannot be used in a program of a type; undefined where it can. */
export function forbiddenIn(fields: readonly SpecialField[], map: MapSpec, type: string): string | undefined {
  const has = (...kinds: readonly SpecialKind[]): boolean => fields.some(({ kind }) => kinds.includes(kind));
  if (TRACING.has(type)) {
    if (has("spin-lock", "timer", "work-queue", "list-head", "tree-root"))
      return `A program of type ${type} cannot use ${map.name}, whose values have locks, timers or lists`;
  }
  if (type === "socket_filter" && has("spin-lock"))
    return `A program of type ${type} cannot use ${map.name}, whose values have locks`;
  return undefined;
}
