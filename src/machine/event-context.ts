// Events as people write them, made into what a program finds: its context, and the memory that its pointers point to.

import type { AttachTarget, ContextField, ContextLayout, ProgramSpec } from "../object/index.ts";

/**
 * The value of a field. Text and bytes where the field is an address get memory of their own, a list of them an array of
 * pointers that ends with a null pointer (argv); where the field is an array in the record they are put in place.
 */
export type EventValue = number | bigint | boolean | string | null | Uint8Array | readonly EventValue[];

/** Fields by name; or the whole context, as bytes or as 64-bit words. */
export type EventArguments = Readonly<Record<string, EventValue>> | Uint8Array | readonly bigint[];

/** A field of an event that the program's context has no place for, or no such value. */
export class EventError extends RangeError {}

const USER_BASE = 0x7f00_0000_0000n;
const KERNEL_BASE = 0xffff_c900_0000_0000n;
/** What follows a text is zeros up to here: who reads more than there is reads on in the page. */
const PADDING = 4096;
/** So much memory of past events is kept: a program may look at the exit of a call at what it was given at its entry. */
const KEPT_BYTES = 1 << 24;

const encoder = new TextEncoder();

/** Memory of events: what their pointers point to. */
export class EventMemory {
  /** Where each piece begins, in bytes from the base of its space; ascending. */
  #starts: number[] = [];
  #pieces: { readonly bytes: Uint8Array; readonly space: "user" | "kernel" }[] = [];
  #next = PADDING;
  #bytes = 0;

  /** Puts bytes somewhere; answers their address. */
  place(bytes: Uint8Array, space: "user" | "kernel"): bigint {
    const start = this.#next;
    this.#next += Math.ceil((bytes.length + PADDING) / 16) * 16;
    this.#starts.push(start);
    this.#pieces.push({ bytes, space });
    this.#bytes += bytes.length + 64;
    if (this.#bytes > KEPT_BYTES) this.#forget();
    return (space === "user" ? USER_BASE : KERNEL_BASE) + BigInt(start);
  }

  #forget(): void {
    const half = this.#starts.length >> 1;
    this.#starts = this.#starts.slice(half);
    this.#pieces = this.#pieces.slice(half);
    this.#bytes = this.#pieces.reduce((sum, piece) => sum + piece.bytes.length + 64, 0);
  }

  /** What is at an address; undefined where nothing was placed. */
  read(address: bigint, size: number): Uint8Array | undefined {
    const space = address >= KERNEL_BASE ? "kernel" : "user";
    const at = Number(address - (space === "user" ? USER_BASE : KERNEL_BASE));
    if (!(at >= 0 && at < this.#next)) return undefined;
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] as number) <= at) low = middle + 1;
      else high = middle;
    }
    const piece = this.#pieces[low - 1];
    if (piece === undefined || piece.space !== space) return undefined;
    const offset = at - (this.#starts[low - 1] as number);
    if (offset + size > piece.bytes.length + PADDING) return undefined;
    const found = piece.bytes.subarray(offset, offset + size);
    if (found.length === size) return found;
    const padded = new Uint8Array(size);
    padded.set(found);
    return padded;
  }
}

/** Makes the context of an event. Throws EventError for a field that the layout has not, or a value that does not fit. */
export function eventContext(layout: ContextLayout, args: EventArguments, memory: EventMemory): Uint8Array {
  if (args instanceof Uint8Array) return args;
  if (isWords(args)) return new Uint8Array(BigInt64Array.from(args, (w) => BigInt.asIntN(64, w)).buffer);
  const tail: Uint8Array[] = [];
  let end = Math.ceil(layout.size / 8) * 8;
  const head = new Uint8Array(end);
  const view = new DataView(head.buffer);
  for (const field of layout.fields) {
    const value = args[field.name];
    if (value === undefined) continue;
    if (field.kind === "data-loc" || field.kind === "rel-loc") {
      const bytes = inPlace(field, value, 0xffff);
      const from = field.kind === "rel-loc" ? end - (field.offset + 4) : end;
      if (from + bytes.length > 0xffff) throw new EventError(`the fields of the event are longer than a record can be`);
      view.setUint32(field.offset, (bytes.length << 16) | from, true);
      const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
      padded.set(bytes);
      tail.push(padded);
      end += padded.length;
    } else if (field.kind === "array") head.set(inPlace(field, value, field.size), field.offset);
    else setWord(view, field, wordOf(field, value, memory));
  }
  if (tail.length === 0) return head;
  const whole = new Uint8Array(end);
  whole.set(head);
  let at = head.length;
  for (const part of tail) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const isWords = (args: EventArguments): args is readonly bigint[] => Array.isArray(args);

const terminated = (text: string): Uint8Array => encoder.encode(`${text}\0`);

/** A number, or the address of what the value says. */
function wordOf(field: ContextField, value: EventValue, memory: EventMemory): bigint {
  if (value === null) return 0n;
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "bigint") return value;
  if (typeof value === "number") {
    if (!Number.isInteger(value)) throw new EventError(`field "${field.name}" is a whole number, not ${value}`);
    return BigInt(value);
  }
  if (field.size !== 8) throw new EventError(`field "${field.name}" is a number of ${field.size * 8} bits, not text`);
  if (typeof value === "string") return memory.place(terminated(value), field.space);
  if (value instanceof Uint8Array) return memory.place(value, field.space);
  const pointers = value.map((v) => BigInt.asUintN(64, wordOf(field, v, memory)));
  return memory.place(new Uint8Array(BigUint64Array.from([...pointers, 0n]).buffer), field.space);
}

/** The bytes of a field that is in the record itself, at most `most`. */
function inPlace(field: ContextField, value: EventValue, most: number): Uint8Array {
  let bytes: Uint8Array;
  if (typeof value === "string") bytes = field.kind === "array" ? encoder.encode(value) : terminated(value);
  else if (value instanceof Uint8Array) bytes = value;
  else if (Array.isArray(value)) bytes = elements(field, value as readonly EventValue[], most);
  else throw new EventError(`field "${field.name}" is text or a list, not ${String(value)}`);
  return bytes.length > most ? bytes.subarray(0, most) : bytes;
}

/** Numbers of an array whose size is known; of bytes where it is not. */
function elements(field: ContextField, values: readonly EventValue[], most: number): Uint8Array {
  const width = field.kind === "array" && values.length > 0 ? elementWidth(field.size, values.length) : 1;
  const view = new DataView(new ArrayBuffer(Math.min(most, width * values.length)));
  values.forEach((v, i) => {
    if (typeof v !== "number" && typeof v !== "bigint")
      throw new EventError(`field "${field.name}" is a list of numbers`);
    if ((i + 1) * width <= view.byteLength) setWord(view, { ...field, offset: i * width, size: width }, BigInt(v));
  });
  return new Uint8Array(view.buffer);
}

const elementWidth = (size: number, count: number): number => {
  const width = Math.floor(size / count);
  return width >= 8 ? 8 : width >= 4 ? 4 : width >= 2 ? 2 : 1;
};

function setWord(view: DataView, field: ContextField, value: bigint): void {
  const { offset, size } = field;
  if (offset + size > view.byteLength) throw new EventError(`field "${field.name}" lies outside of the context`);
  if (size === 8) view.setBigUint64(offset, BigInt.asUintN(64, value), true);
  else for (let i = 0; i < size; i++) view.setUint8(offset + i, Number((value >> BigInt(i * 8)) & 0xffn));
}

/** What the place is called when somebody fires it. */
export function probeName(target: AttachTarget, spec: ProgramSpec): string | undefined {
  if (target.probe !== undefined) return target.probe;
  switch (target.kind) {
    case "tracepoint":
      return `tracepoint:${target.category}:${target.name}`;
    case "raw_tracepoint":
      return `rawtracepoint:${target.name}`;
    case "trampoline":
      return spec.target === undefined
        ? undefined
        : `${spec.target.kind === "tp_btf" ? "rawtracepoint" : spec.target.kind}:${spec.target.name}`;
    case "kprobe":
      return `${target.return ? "kretprobe" : "kprobe"}:${target.function}${target.offset === 0 ? "" : `+${target.offset}`}`;
    case "test_run":
      return target.when;
    case "signal":
      return `self:signal:${target.signal}`;
    default:
      return undefined;
  }
}
