// What the kernel itself goes through with a program: `for (const task of bpf.tasks())`. Open-coded iterators, Linux 6.4 and
// later (Documentation/bpf/bpf_iterators.rst; the functions stand in kernel/bpf/task_iter.c, css_iter.c, helpers.c). One row each.

import type { CExpression } from "../../c/index.ts";
import { type CallExpression, type Expression, refuse, spanOf } from "./ast.ts";
import { kernelCall } from "./kernel-calls.ts";
import type { Reader } from "./reader.ts";
import type { Value } from "./values.ts";

interface IteratorRow {
  /** `num`: of `struct bpf_iter_num`, `bpf_iter_num_new`, … */
  readonly name: string;
  /** The least and the most that are given. */
  readonly given: readonly [number, number];
  /** What `…_new` takes behind its state. */
  args(r: Reader, given: readonly CExpression[], at: CallExpression): readonly CExpression[];
  /** It gives addresses of numbers, which are the elements. */
  readonly numbers?: true;
}

const zero = (r: Reader, at: CallExpression): CExpression => r.constant(0, r.types.u32, spanOf(at));

/** `BPF_TASK_ITER_*` (kernel/bpf/task_iter.c) */
const ALL_PROCESSES = 0;
const ALL_THREADS = 1;
const THREADS_OF = 2;

const tasks = (flags: number, least = 0): IteratorRow => ({
  name: "task",
  given: [least, least],
  args: (r, [task], at) => [
    task ?? r.constant(0, r.types.c.pointer(0), spanOf(at)),
    r.constant(flags, r.types.u32, spanOf(at)),
  ],
});

const ITERATORS: Readonly<Record<string, IteratorRow>> = {
  numbers: {
    name: "num",
    given: [1, 2],
    numbers: true,
    args: (r, given, at) => (given.length === 1 ? [zero(r, at), ...given] : given),
  },
  tasks: tasks(ALL_PROCESSES),
  threads: tasks(ALL_THREADS),
  threadsOf: tasks(THREADS_OF, 1),
  memoryAreas: {
    name: "task_vma",
    given: [1, 2],
    args: (r, given, at) => (given.length === 1 ? [...given, zero(r, at)] : given),
  },
  cgroups: {
    name: "css",
    given: [1, 2],
    args: (r, given, at) => (given.length === 1 ? [...given, r.constant(2, r.types.u32, spanOf(at))] : given),
  },
  cgroupTasks: {
    name: "css_task",
    given: [1, 2],
    args: (r, given, at) => (given.length === 1 ? [...given, zero(r, at)] : given),
  },
};

export const iteratorNames: readonly string[] = Object.keys(ITERATORS);

/** The kernel's own name of one: `task_vma` of `struct bpf_iter_task_vma`. */
export const iteratorOf = (word: string): string | undefined =>
  Object.hasOwn(ITERATORS, word) ? ITERATORS[word]?.name : undefined;

/** `bpf.tasks()`; undefined: no iterator has this name. */
export function iterator(r: Reader, word: string, args: readonly Expression[], at: CallExpression): Value | undefined {
  const row = Object.hasOwn(ITERATORS, word) ? ITERATORS[word] : undefined;
  if (row === undefined) return undefined;
  const [least, most] = row.given;
  if (args.length < least || args.length > most)
    return refuse("SCRY1405", `bpf.${word} takes ${least === most ? least : `${least} to ${most}`} arguments`, at);
  const { typing, c } = r.types;
  const state = c.find(`bpf_iter_${row.name}`, "struct");
  if (state === undefined) return refuse("SCRY1404", `this kernel has no iterator 'bpf_iter_${row.name}'`, at);
  const span = spanOf(at);
  const on = (what: string, place: CExpression, more: readonly CExpression[] = []): CExpression =>
    kernelCall(r, `bpf_iter_${row.name}_${what}`, [typing.address(place, span), ...more], at);
  const given = row.args(
    r,
    args.map((arg) => r.plain(arg, r.types.u32)),
    at,
  );
  return {
    kind: "iterator",
    state,
    begin: (place) => on("new", place, given),
    next: (place) => on("next", place),
    end: (place) => on("destroy", place),
    element: (pointer) => ({
      kind: "plain",
      of: row.numbers === true ? typing.cast(typing.dereference(pointer, span), r.types.u32) : pointer,
    }),
  };
}
