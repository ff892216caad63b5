// What the texts of modules name of a kernel. They are read as text, so that a module that is half written has names, too.

import { helperStruct } from "../c/index.ts";
import { PROGRAMS } from "../kernel-ts/index.ts";

/** What declarations are wanted for. */
export interface KernelNames {
  /** `category:name` */
  readonly tracepoints: ReadonlySet<string>;
  /** Functions that programs call: `kernel.NAME`. */
  readonly exported: ReadonlySet<string>;
  /** `enums.NAME` */
  readonly enumerators: ReadonlySet<string>;
  /** Functions, and `btf_trace_NAME`, by their names in the kernel's types. */
  readonly functions: ReadonlySet<string>;
  /** Functions and static probes of programs, as modules write them: `path:function`, `path:provider:name`. */
  readonly places: ReadonlySet<string>;
  readonly probes: ReadonlySet<string>;
  readonly structs: ReadonlySet<string>;
  /** Words behind a dot, or between braces: members, if anything has them. */
  readonly members: ReadonlySet<string>;
}

const COMMENTS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/** Structs that functions of `bpf` give. */
const GIVEN: Readonly<Record<string, string>> = {
  task: "task_struct",
  tasks: "task_struct",
  threads: "task_struct",
  threadsOf: "task_struct",
  cgroupTasks: "task_struct",
  memoryAreas: "vm_area_struct",
  cgroups: "cgroup_subsys_state",
};

/** What modules name. */
export function namesOf(texts: readonly string[]): KernelNames {
  const tracepoints = new Set<string>();
  const functions = new Set<string>();
  const exported = new Set<string>();
  const enumerators = new Set<string>();
  const places = new Set<string>();
  const probes = new Set<string>();
  const structs = new Set<string>();
  const members = new Set<string>();
  for (const text of texts) {
    const code = text.replace(COMMENTS, " ");
    for (const [, called = "", , word] of code.matchAll(/\b(\w+)\s*\(\s*(?:(["'`])([^"'`]*)\2)?/g)) {
      if (word !== undefined && called === "tracepoint") tracepoints.add(word);
      const row = Object.hasOwn(PROGRAMS, called) ? PROGRAMS[called] : undefined;
      if (word !== undefined && row?.traced !== undefined) functions.add(row.traced(word));
      if (row?.context !== undefined) structs.add(row.context);
      if (word !== undefined && /^u(?:ret)?probe$/.test(called)) places.add(word);
      if (word !== undefined && called === "usdt") probes.add(word);
      if (word !== undefined && called === "structOps") structs.add(word);
      if (word !== undefined && called === "iterate") structs.add(`bpf_iter__${word}`);
    }
    for (const [, name] of code.matchAll(/\bkernel\s*\.\s*(\w+)/g)) exported.add(name as string);
    for (const [, name] of code.matchAll(/\benums\s*\.\s*(\w+)/g)) enumerators.add(name as string);
    for (const [, name = ""] of code.matchAll(/\bhelpers\s*\.\s*bpf_(\w+)/g)) {
      const struct = helperStruct(name);
      if (struct !== undefined) structs.add(struct);
    }
    for (const [, name = ""] of code.matchAll(/\bbpf\s*\.\s*(\w+)/g)) {
      const struct = GIVEN[name];
      if (struct !== undefined) structs.add(struct);
    }
    for (const [, all, names = ""] of code.matchAll(
      /\bimport\b\s*(type\b)?[^{;]*\{([^}]*)\}\s*from\s*["']scry\/bpf["']/g,
    ))
      for (const name of names.split(",")) {
        const [, own, imported] = /^(type\s+)?(\w+)/.exec(name.trim()) ?? [];
        if (imported !== undefined && (all ?? own) !== undefined) structs.add(imported);
      }
    for (const [, member] of code.matchAll(/(?:\.|[{,])\s*([A-Za-z_]\w*)/g)) members.add(member as string);
  }
  return { tracepoints, functions, exported, enumerators, places, probes, structs, members };
}
