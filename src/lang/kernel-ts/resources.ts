// What is taken for a while and has to be given back: `using held = state.lock.hold()`, regions of RCU and of no preemption,
// memory of a ring that is filled in place.

import type { CExpression, CStatement, CVariable } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
import { type CallExpression, refuse, spanOf } from "./ast.ts";
import { kernelCall } from "./kernel-calls.ts";
import type { CallRow, MethodRow, Reader } from "./reader.ts";
import type { Value } from "./values.ts";

/** A region that functions of the kernel open and close. */
const region =
  (open: string, close: string): CallRow =>
  (r, args, at) => {
    if (args.length > 0) return refuse("SCRY1405", "this takes no arguments", at);
    r.do(kernelCall(r, open, [], at));
    const closed = kernelCall(r, close, [], at);
    return {
      kind: "resource",
      of: undefined,
      words: [],
      release: () => [{ kind: "expression", value: closed, span: spanOf(at) }],
    };
  };

/** Below `bpf`. */
export const REGIONS: Readonly<Record<string, CallRow>> = {
  rcu: region("bpf_rcu_read_lock", "bpf_rcu_read_unlock"),
  noPreemption: region("bpf_preempt_disable", "bpf_preempt_enable"),
};

/** `using held = state.lock.hold()`: until the block ends, no other CPU holds the lock (`bpf_spin_lock`). */
export function hold(r: Reader, lock: CExpression, at: CallExpression): Value {
  const { typing, c } = r.types;
  const span = spanOf(at);
  const address = r.read(r.held(typing.address(lock, span), c.pointer(lock.type), span), span);
  r.do(r.call("bpf_spin_lock", [address], span));
  return {
    kind: "resource",
    of: undefined,
    words: [address],
    release: ([word]) => {
      const own = typing.cast(word as CExpression, address.type);
      return [{ kind: "expression", value: r.call("bpf_spin_unlock", [own], span), span }];
    },
  };
}

/** Counts what a ring had no room for, for all CPUs at once. */
export function oneMore(r: Reader, counter: CVariable, span: Span): CStatement {
  const { typing } = r.types;
  const args = [typing.address(r.read(counter, span), span), r.constant(1, counter.type, span)];
  const value: CExpression = { kind: "builtin", name: "__sync_fetch_and_add", args, type: counter.type, span };
  return { kind: "expression", value, span };
}

/** `using record = events.reserve()`: memory of the ring, sent where its block ends, unless `record.discard()` was called. */
export const reserve: MethodRow = (r, map, args, at) => {
  const { typing, c } = r.types;
  const span = spanOf(at);
  if (args.length > 0) return refuse("SCRY1405", "reserve takes no arguments", at);
  const size = r.constant(typing.size(map.value), typing.unsignedLong, span);
  const none = r.constant(0, typing.unsignedLong, span);
  const ring = typing.address({ kind: "variable", variable: map.variable, type: map.variable.type, span }, span);
  const record = r.read(
    r.held(r.call("bpf_ringbuf_reserve", [ring, size, none], span), c.pointer(map.value), span),
    span,
  );
  const cleared: CExpression = {
    kind: "builtin",
    name: "memset",
    args: [record, r.constant(0, typing.int, span), size],
    type: c.pointer(0),
    span,
  };
  r.push({
    kind: "if",
    condition: typing.truth(record),
    then: { kind: "expression", value: cleared, span },
    ...(map.lost === undefined ? {} : { otherwise: oneMore(r, map.lost, span) }),
    span,
  });
  const ended = (helper: string, own: CExpression): { kind: "expression"; value: CExpression; span: typeof span } => ({
    kind: "expression",
    value: r.call(helper, [typing.cast(own, c.pointer(0)), none], span),
    span,
  });
  return {
    kind: "resource",
    of: typing.dereference(record, span),
    present: record,
    words: [record, r.constant(0, r.types.u64, span)],
    release: ([word, discarded]) => {
      const own = typing.explicit(word as CExpression, c.pointer(map.value), span);
      const either = {
        kind: "if" as const,
        condition: typing.truth(discarded as CExpression),
        then: ended("bpf_ringbuf_discard", own),
        otherwise: ended("bpf_ringbuf_submit", own),
        span,
      };
      return [{ kind: "if", condition: typing.truth(own), then: either, span }];
    },
    methods: {
      discard: ([, discarded]) => ({
        kind: "assign",
        target: discarded as CExpression,
        value: r.constant(1, r.types.u64, span),
        type: r.types.u64,
        span,
      }),
    },
  };
};
