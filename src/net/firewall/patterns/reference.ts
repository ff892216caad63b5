// The answers of the functions in plain TypeScript, from the same automata, for machines without BPF: payload in, bits out.

import { walk } from "./automaton.ts";
import type { ContentMatcher } from "./compile.ts";
import { streamPart } from "./kept.ts";
import { MOST_EXTENSIONS, MOST_NAME } from "./scan.ts";

/** What a function answers for a payload. */
export function matchPayload({ name, automaton, bytes }: ContentMatcher, payload: Uint8Array): bigint {
  if (name !== "tls") return walk(automaton, payload.subarray(0, bytes));
  const found = serverName(payload);
  return found === undefined ? 0n : walk(automaton, found, true);
}

/** What the first bytes of a stream say; `cut`: it begins with a greeting of TLS that goes on in a second record. */
export function matchStream(
  matcher: ContentMatcher,
  bytes: Uint8Array,
): { readonly found: bigint; readonly cut: boolean } {
  const { from, to } = streamPart(matcher);
  const seen = bytes.subarray(from, to);
  if (matcher.name !== "tls") return { found: walk(matcher.automaton, seen), cut: false };
  if (isParted(seen)) return { found: 0n, cut: true };
  const greeting = greetingOf(seen);
  const hidden = greeting === "cut" || (greeting === "short" && seen.length === to);
  const name = typeof greeting === "string" ? undefined : greeting;
  return { found: name === undefined ? 0n : walk(matcher.automaton, name, true), cut: hidden };
}

/** Does the message go on in a second record? */
function isParted(bytes: Uint8Array): boolean {
  if (bytes[0] !== 22 || bytes[1] !== 3 || bytes[5] !== 1 || bytes.length < 7) return false;
  if (bytes[6] !== 0) return true;
  if (bytes.length < 9) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint16(3) < view.getUint16(7) + 4;
}

/** The server's name in the greeting of a client of TLS; undefined: it is none, or has none in this packet. */
export function serverName(payload: Uint8Array): Uint8Array | undefined {
  const greeting = greetingOf(payload);
  return typeof greeting === "string" ? undefined : greeting;
}

/** Its server's name; short: there are too few bytes to tell; cut: it has more extensions than are looked at. */
function greetingOf(payload: Uint8Array): Uint8Array | "none" | "short" | "cut" {
  const u8 = (at: number): number => payload[at] ?? Number.NaN;
  const u16 = (at: number): number => u8(at) * 256 + u8(at + 1);
  for (const [at, value] of [
    [0, 22],
    [1, 3],
    [5, 1],
  ] as const) {
    if (Number.isNaN(u8(at))) return "short";
    if (u8(at) !== value) return "none";
  }
  let at = 43;
  at += u8(at) + 1;
  at += u16(at) + 2;
  at += u8(at) + 1;
  const last = at + 2 + u16(at);
  if (Number.isNaN(last)) return "short";
  at += 2;
  for (let i = 0; at < last; i++) {
    if (i === MOST_EXTENSIONS) return "cut";
    const [type, length] = [u16(at), u16(at + 2)];
    if (Number.isNaN(type + length)) return "short";
    if (type === 0) {
      const size = u16(at + 7);
      if (Number.isNaN(u8(at + 6))) return "short";
      if (u8(at + 6) !== 0) return "none";
      if (Number.isNaN(size)) return "short";
      if (size > MOST_NAME) return "none";
      return at + 9 + size > payload.length ? "short" : payload.subarray(at + 9, at + 9 + size);
    }
    at += 4 + length;
  }
  return "none";
}
