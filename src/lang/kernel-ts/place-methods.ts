// Methods of members that are more than their bytes: `state.lock.hold()`, `state.timer.start(states, ns, (key, state) => …)`. One
// row for each struct that the kernel knows.

import type { CExpression, CStatement, CVariable } from "../../c/index.ts";
import type { Span } from "../../source/index.ts";
import { type CallExpression, type Expression, refuse, spanOf } from "./ast.ts";
import { asList, formatted } from "./format.ts";
import { reference } from "./kernel-calls.ts";
import type { Reader } from "./reader.ts";
import { hold } from "./resources.ts";
import type { Types } from "./types.ts";
import type { Value } from "./values.ts";

type PlaceRow = (r: Reader, of: CExpression, args: readonly Expression[], at: CallExpression) => Value;

/** `CLOCK_MONOTONIC` */
const MONOTONIC = 1;

const timerAddress = (r: Reader, of: CExpression, at: CallExpression): CExpression =>
  r.types.typing.address(of, spanOf(at));

/** By the name of their struct. */
const METHODS: Readonly<Record<string, Readonly<Record<string, PlaceRow>>>> = {
  bpf_spin_lock: {
    hold: (r, of, args, at) => (args.length > 0 ? refuse("SCRY1405", "hold takes no arguments", at) : hold(r, of, at)),
  },
  bpf_timer: {
    /** Runs a function with the entry when so many nanoseconds have gone by; false where it cannot. */
    start: (r, of, args, at) => {
      const { typing, c } = r.types;
      const span = spanOf(at);
      const [mapNode, after, fn] = args;
      const map = mapNode === undefined ? undefined : r.value(mapNode);
      if (
        map?.kind !== "static" ||
        map.what.kind !== "map" ||
        after === undefined ||
        fn === undefined ||
        args.length > 3
      )
        return refuse("SCRY1405", "timer.start(map, nanoseconds, (key, value) => { … })", at);
      const { variable, key, value } = map.what.map;
      const made = r.callback(fn, {
        word: "timer",
        params: [c.pointer(0), c.pointer(key), c.pointer(value)],
        given: ([, k, v]) => [
          { kind: "plain", of: typing.dereference(k as CExpression, span) },
          { kind: "plain", of: typing.dereference(v as CExpression, span) },
        ],
      });
      const address = r.read(r.held(timerAddress(r, of, at), c.pointer(of.type), span), span);
      const holder = typing.address({ kind: "variable", variable, type: variable.type, span }, span);
      // That it is made already is no matter.
      r.do(r.call("bpf_timer_init", [address, holder, r.constant(MONOTONIC, typing.unsignedLong, span)], span));
      r.do(r.call("bpf_timer_set_callback", [address, made.fn], span));
      const nanoseconds = typing.cast(r.plain(after, r.types.u64), r.types.u64);
      const started = r.call("bpf_timer_start", [address, nanoseconds, r.constant(0, typing.unsignedLong, span)], span);
      const result = r.held(typing.cast(started, r.types.i64), r.types.i64, span);
      return { kind: "plain", of: typing.compare("==", r.read(result), r.constant(0, r.types.i64, span), span) };
    },
    cancel: (r, of, args, at) => {
      if (args.length > 0) return refuse("SCRY1405", "cancel takes no arguments", at);
      const { typing } = r.types;
      const span = spanOf(at);
      const result = r.held(r.call("bpf_timer_cancel", [timerAddress(r, of, at)], span), r.types.i64, span);
      return { kind: "plain", of: typing.compare(">", r.read(result), r.constant(0, r.types.i64, span), span) };
    },
  },
};

/** `event.print(`…`)` of an iterator's event: text for whoever reads (`bpf_seq_printf`). */
const print: PlaceRow = (r, of, args, at) => {
  const [text] = args;
  if (text === undefined || args.length > 1) return refuse("SCRY1405", "print(`…`)", at);
  const { typing } = r.types;
  const span = spanOf(at);
  const meta = typing.member(of, "meta", span);
  const seq = typing.member(typing.dereference(meta, span), "seq", span);
  const { format, values } = formatted(r, text);
  const [data, bytes] = asList(r, values, text);
  const size = r.constant(typing.size(format.type), typing.unsigned, span);
  return { kind: "plain", of: r.call("bpf_seq_printf", [seq, typing.value(format), size, data, bytes], span) };
};

/** `name.startsWith("kworker")` */
const startsWith: PlaceRow = (r, of, args, at) => {
  const { typing } = r.types;
  const span = spanOf(at);
  const [node] = args;
  const prefix = node === undefined ? undefined : r.value(node);
  if (prefix === undefined || node === undefined || args.length > 1)
    return refuse("SCRY1405", "startsWith takes a text", at);
  if (prefix.kind !== "static" || prefix.what.kind !== "text") return startsWithPlace(r, of, prefix, node, at);
  const bytes = new TextEncoder().encode(prefix.what.text);
  const room = r.types.textLength(of.type) ?? 0;
  if (bytes.length >= room) return { kind: "plain", of: r.constant(0, typing.int, span) };
  const text: CExpression = { kind: "text", bytes, type: r.types.text(Math.max(1, bytes.length)), span };
  const compared: CExpression = {
    kind: "builtin",
    name: "memcmp",
    args: [
      typing.value(r.addressable(of)),
      typing.value(r.addressable(text)),
      r.constant(bytes.length, r.types.u64, span),
    ],
    type: typing.int,
    span,
  };
  return { kind: "plain", of: typing.compare("==", compared, r.constant(0, typing.int, span), span) };
};

/** A reference that a map keeps: read where RCU protects it, exchanged for another one (`bpf_kptr_xchg`, Linux 6.1). */
const kept = (struct: string): Readonly<Record<string, PlaceRow>> => ({
  get: (r, of, args, at) => {
    if (args.length > 0) return refuse("SCRY1405", "get takes no arguments", at);
    const pointer = r.types.c.pointer(r.types.c.find(struct, "struct") ?? 0);
    return { kind: "plain", of: r.read(r.held(of, pointer, spanOf(at)), spanOf(at)) };
  },
  exchange: (r, of, args, at) => {
    const { typing, c } = r.types;
    const span = spanOf(at);
    const [node] = args;
    const given = node === undefined ? undefined : r.value(node);
    const none = given?.kind === "undefined";
    if (given === undefined || args.length > 1 || !(none || (given.kind === "plain" && given.handOver !== undefined)))
      return refuse(
        "SCRY1405",
        "exchange takes what is held by using, or undefined",
        node ?? at,
        "using task = kernel.bpf_task_acquire(…); entry.task.exchange(task)",
      );
    const pointer = c.pointer(c.find(struct, "struct") ?? 0);
    const value = given.kind === "plain" ? given.of : r.constant(0, pointer, span);
    const call = r.call("bpf_kptr_xchg", [typing.address(of, span), typing.cast(value, c.pointer(0))], span);
    const old = r.read(r.held(call, pointer, span), span);
    if (given.kind === "plain" && given.handOver !== undefined) r.do(given.handOver());
    return reference(r, old, struct, at);
  },
});

/** The same with a text that only the program knows: byte by byte, until it ends. */
function startsWithPlace(r: Reader, of: CExpression, prefix: Value, node: Expression, at: CallExpression): Value {
  const { typing, u32, u64 } = r.types;
  const span = spanOf(at);
  const start = r.addressable(r.asPlain(prefix, node));
  const text = r.addressable(of);
  const length = r.types.textLength(start.type);
  if (length === undefined) return refuse("SCRY1403", `startsWith takes a text, not ${r.types.name(start.type)}`, node);
  const count = Math.min(length, r.types.textLength(text.type) ?? 0);
  const same = r.held(r.constant(1, u32, span), u32, span);
  const index = r.held(r.constant(0, u64, span), u64, span);
  const set = (variable: CVariable, value: CExpression): void =>
    r.do({ kind: "assign", target: r.read(variable), value, type: variable.type, span });
  const bytes = r.types.c.pointer(r.types.number("u8") as number);
  const characterOf = (place: CExpression): CExpression =>
    typing.cast(typing.index(typing.cast(typing.address(place, span), bytes), r.read(index), span), u32);
  const body = r.gathered(() => {
    const wanted = r.held(characterOf(start), u32, span);
    const end = typing.compare("==", r.read(wanted), r.constant(0, u32, span), span);
    r.push({ kind: "if", condition: end, then: { kind: "break", span }, span });
    const differs = typing.compare("!=", characterOf(text), r.read(wanted), span);
    const then = r.gathered(() => set(same, r.constant(0, u32, span)));
    r.push({ kind: "if", condition: differs, then: block([...then, { kind: "break", span }], span), span });
    set(index, typing.binary("+", r.read(index), r.constant(1, u64, span), span));
  });
  const condition = typing.compare("<", r.read(index), r.constant(count, u64, span), span);
  r.push({ kind: "loop", form: "while", condition, body: block(body, span), span });
  return { kind: "plain", of: r.read(same) };
}

const block = (statements: readonly CStatement[], span: Span): CStatement => ({ kind: "block", statements, span });

/** What can be done with a place of this type; undefined: nothing of this name. */
export function placeMethod(types: Types, of: CExpression, name: string): PlaceRow | undefined {
  const owned = types.kept.get(of.type);
  if (owned !== undefined) {
    const rows = kept(owned);
    return Object.hasOwn(rows, name) ? rows[name] : undefined;
  }
  const found = types.typing.resolve(of.type);
  if (found.kind === "ptr") {
    const pointed = types.typing.resolve(found.type);
    if (pointed.name.startsWith("bpf_iter__") && name === "print")
      return (r, pointer, args, at) => print(r, r.types.typing.dereference(pointer, pointer.span), args, at);
  }
  if (types.textLength(of.type) !== undefined) return name === "startsWith" ? startsWith : undefined;
  const { kind, name: struct } = found;
  if (kind !== "struct" || !Object.hasOwn(METHODS, struct)) return undefined;
  const rows = METHODS[struct] as Readonly<Record<string, PlaceRow>>;
  return Object.hasOwn(rows, name) ? rows[name] : undefined;
}
