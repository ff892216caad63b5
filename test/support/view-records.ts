// Records as a running script sends them, made from values, and what a view prints of them.

import { parseFormat } from "../../src/schema/format.ts";
import type { EventAction, EventField, Resolver, Type } from "../../src/schema/index.ts";
import { elementOffsets, sizeOf } from "../../src/schema/layout.ts";
import { ByteSink, jsonStrictView, jsonView, textView, type View } from "../../src/views/index.ts";
import { faultsOf } from "./json-strict-schema.ts";

export const INT64: Type = { kind: "int", bits: 64, signed: true };
export const UINT64: Type = { kind: "int", bits: 64, signed: false };
export const INT32: Type = { kind: "int", bits: 32, signed: true };
export const UINT32: Type = { kind: "int", bits: 32, signed: false };
export const POINTER: Type = { kind: "pointer", space: "kernel" };
export const string = (size: number): Type => ({ kind: "string", size });
export const tuple = (...elements: Type[]): Type => ({ kind: "tuple", elements });

export const unused = (): never => {
  throw new Error("not asked for here");
};
export const resolver: Resolver = {
  truncation: { capacity: 16, trailer: ".." },
  ksym: unused,
  usym: unused,
  ustack: unused,
  username: unused,
  syscallName: unused,
  cgroupPath: unused,
  probe: unused,
  wallClock: unused,
  kstack: () => [0xffffffff81000010n, 0x10n],
  frame: (_kind, address) => (address === 0x10n ? { address, offset: 0 } : { address, name: "schedule", offset: 16 }),
  enumName: (_id, value) => (value === 1 ? "X" : undefined),
};

export interface Shown {
  readonly text: string;
  readonly messages: string;
}

type Clock = () => { readonly seconds: number; readonly nanoseconds: number };

export function show(
  make: typeof textView,
  run: (view: View) => void,
  now: Clock = () => ({ seconds: 0, nanoseconds: 5000 }),
): Shown {
  const shown = { text: "", messages: "" };
  const decoder = new TextDecoder();
  const out = new ByteSink((b) => void (shown.text += decoder.decode(b, { stream: true })));
  const messages = new ByteSink((b) => void (shown.messages += new TextDecoder().decode(b)));
  const source = { name: "stdin", text: 'begin { warnf("hey %d\\n", 5); errorf("x %s", "q"); }' };
  const view = make({ out, messages, resolver, source, now });
  run(view);
  view.flush();
  return shown;
}
export const text = (run: (view: View) => void, now?: Clock): string => show(textView, run, now).text;
/** As JSON; as strict JSON it must follow its schema. */
export const json = (run: (view: View) => void, now?: Clock): string => {
  const faults = faultsOf(show(jsonStrictView, run, now).text);
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return show(jsonView, run, now).text;
};

export const encode = (s: string): Uint8Array => new TextEncoder().encode(s);

/** The bytes of a value of a type. */
export function put(type: Type, value: unknown, view: DataView, at: number): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset);
  if (type.kind === "int" || type.kind === "pointer" || type.kind === "kstack") {
    const bits = type.kind === "int" ? type.bits : 64;
    const n = BigInt(value as number);
    if (bits === 32) view.setUint32(at, Number(BigInt.asUintN(32, n)), true);
    else view.setBigUint64(at, BigInt.asUintN(64, n), true);
  } else if (type.kind === "bool") bytes[at] = Number(value);
  else if (type.kind === "string") bytes.set(encode(value as string), at);
  else if (type.kind === "buffer") {
    view.setUint32(at, (value as Uint8Array).length, true);
    bytes.set(value as Uint8Array, at + 4);
  } else if (type.kind === "tuple" || type.kind === "record") {
    for (const [i, offset] of elementOffsets(type.elements).entries())
      put(type.elements[i] as Type, (value as unknown[])[i], view, at + offset);
  } else throw new Error(type.kind);
}

export function record(view: View, action: EventAction, values: readonly (readonly [Type, unknown])[]): void {
  let at = 8;
  const fields: EventField[] = values.map(([type]) => {
    const offset = at;
    at += Math.ceil(sizeOf(type) / 8) * 8;
    return { type, offset };
  });
  const base = 40;
  const data = new DataView(new ArrayBuffer(base + at + 8));
  for (const [i, [type, value]] of values.entries()) put(type, value, data, base + (fields[i] as EventField).offset);
  const print = view.printer({ id: 1, action, fields, size: at, ring: "events", span: { start: 0, end: 0 } });
  print(data, new Uint8Array(data.buffer), base);
}

export const printf =
  (format: string, ...values: (readonly [Type, unknown])[]) =>
  (view: View): void =>
    record(view, { kind: "printf", format: parseFormat(format), stream: "out" }, values);
