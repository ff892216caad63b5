// What a map can be declared as: `let @a = lruhash(100);`

interface DeclaredType {
  readonly doc: string;
  /** A script that uses it. */
  readonly example: string;
}

/** By the names that the language has for them. */
export const mapTypes: Readonly<Record<string, DeclaredType>> = {
  hash: {
    doc: "A map of at most so many entries; what comes after them is not kept.",
    example: "let @opens = hash(100); tracepoint:syscalls:sys_enter_openat { @opens[pid] = 1; }",
  },
  lruhash: {
    doc: "A map of about so many entries, in which new ones take the place of those that were not used for long.",
    example: "let @last = lruhash(100); tracepoint:syscalls:sys_enter_openat { @last[tid] = nsecs; }",
  },
  percpuhash: {
    doc: "A map in which each CPU has values of its own, which are put together when it is read.",
    example: "let @opens = percpuhash(100); tracepoint:syscalls:sys_enter_openat { @opens[pid] = count(); }",
  },
  percpulruhash: {
    doc: "As lruhash, and each CPU has values of its own.",
    example: "let @opens = percpulruhash(100); tracepoint:syscalls:sys_enter_openat { @opens[pid] = count(); }",
  },
};
