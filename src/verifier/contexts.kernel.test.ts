// The rules of contexts against the running kernel: every access of every kind of program, and what it may return.

import { describe, expect, it } from "vitest";
import { answerOf, askContext, askResults, programKinds } from "../../test/data/kernel-answers.ts";
import { returnRange } from "../object/index.ts";
import { contextAccess } from "./contexts.ts";

/** Behind the end of every context that has fields. */
const END = 240;
const SIZES = [1, 2, 4, 8];

const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
const loadable = programKinds().flatMap((kind) => {
  const result = answerOf(kind);
  return result === undefined ? [] : [{ kind, result }];
});

describe("every access to the context is judged as the kernel does", () => {
  // What BTF says of the arguments of tracing programs is not known here.
  it.each(loadable.filter(({ kind }) => kind.type !== "tracing").map((one) => [one.kind.name, one] as const))(
    "%s",
    (_, { kind, result }) => {
      const differ: string[] = [];
      const far = kind.type === "syscall" || kind.type === "tracepoint" ? [2040, 8184, 8192, 32_760] : [];
      const offsets = [...Array.from({ length: END }, (_, i) => i), ...far];
      for (const off of offsets)
        for (const size of SIZES)
          for (const write of [false, true]) {
            if (off % size !== 0) continue;
            const theirs = askContext(kind, result, off, size, write);
            const { type, attachType } = kind;
            const ours = "value" in contextAccess({ type, attachType, machine, off, size, write });
            if (ours !== theirs) differ.push(`${write ? "write" : "read"} ${size} at ${off}: kernel ${theirs}`);
          }
      expect(differ).toEqual([]);
    },
  );
});

describe("what a program may return", () => {
  it.each(loadable.map(({ kind }) => [kind.name, kind] as const))("%s", (_, kind) => {
    const [least, most] = returnRange(kind.type, kind.attachType?.replace("trace_iter", "iter")) ?? [-2n, 1000n];
    for (const value of askResults(kind)) expect(value >= least && value <= most, `${value}`).toBe(true);
    const all = [-2, -1, 0, 1, 2, 3, 4, 7, 127, 128, 255, 1000];
    expect(askResults(kind)).toEqual(all.filter((value) => value >= least && value <= most));
  });
});
