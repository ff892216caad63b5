// Values of maps, variables and records as text and as JSON.

import type { Stack } from "../../bpf/index.ts";
import type { Type } from "../../schema/index.ts";
import { formatValue } from "../../views/index.ts";

/** As C writes initialisers: `{ pid: 12, comm: "sh", at: { x: -3 } }`. */
export function valueText(value: unknown): string {
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  if (isStack(value)) return formatValue(STACK[value.space], { kind: "stack", frames: value.frames }).trimEnd();
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([name, one]) => `${name}: ${valueText(one)}`);
    return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

const isStack = (value: unknown): value is Stack =>
  typeof value === "object" && value !== null && "space" in value && "frames" in value && Array.isArray(value.frames);

/** As the trace language prints them: a line for each call, below what they belong to. */
const STACK: Readonly<Record<Stack["space"], Type>> = {
  kernel: { kind: "kstack", limit: 127, mode: "bpftrace" },
  user: { kind: "ustack", limit: 127, mode: "bpftrace" },
};

/** Bytes of which no more is known: without the zeros at the end, and the texts that are among them. */
function hex(bytes: Uint8Array): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  const zeros = bytes.length - end;
  const shown = Buffer.from(bytes.subarray(0, end))
    .toString("hex")
    .replace(/(..)(?=.)/g, "$1 ");
  const texts =
    Buffer.from(bytes)
      .toString("latin1")
      .match(/[\x20-\x7e]{3,}(?=\0)/g) ?? [];
  const rest = zeros < 4 ? " 00".repeat(zeros) : ` … ${zeros} zeros`;
  return `${shown}${rest}${texts.length === 0 ? "" : `  ${texts.map((text) => JSON.stringify(text)).join(" ")}`}`.trim();
}

/** Numbers of 64 bits are numbers in JSON too, which has no limit for them; bytes are hexadecimal digits. */
export function valueJson(value: unknown): string {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString("hex"));
  if (Array.isArray(value)) return `[${value.map(valueJson).join(",")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([name, one]) => `${JSON.stringify(name)}:${valueJson(one)}`)
      .join(",")}}`;
  return typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? "null");
}

/** Is there nothing in it but zeros? */
export function isZero(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.every((byte) => byte === 0);
  if (Array.isArray(value)) return value.every(isZero);
  if (typeof value === "object" && value !== null) return Object.values(value).every(isZero);
  return value === 0 || value === 0n || value === "" || value === false;
}
