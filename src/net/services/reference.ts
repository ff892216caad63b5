// The same decisions in plain TypeScript, rule by rule from the policy itself: what the programs are held against, and what answers
// without a kernel.

import { containsPrefix, type Prefix, wholeAddress } from "../../source/index.ts";
import { addressKey, plainAddress } from "./addresses.ts";
import { LEAST_SECONDS, MESSAGE_BYTES, MOST_SECONDS, MOST_STEPS } from "./layout.ts";
import { matchesName } from "./name-patterns.ts";
import type { Match, Operation, Service, Verdict } from "./policy.ts";

/** A call that is judged. */
export interface Call {
  readonly operation: Operation;
  /** Four bytes or sixteen: the other side; of `bind` the own address. */
  readonly address: Uint8Array;
  /** The other side's; of `bind` and `receive` the own one. */
  readonly port: number;
  /** IP's number. */
  readonly protocol: number;
  /** Of `receive`: the other side's port. */
  readonly sourcePort?: number;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** From 1; absent: no rule matched, or none was asked. */
  readonly rule?: number;
}

/** Names that addresses have: until which second. */
export class NamesSeen {
  readonly #until = new Map<string, Map<string, number>>();

  /** Notes what an answer says; of names that nobody asks for, too. */
  learn({ name, addresses }: Answer, now: number): void {
    for (const { address, seconds } of addresses) {
      const key = addressKey(address).join();
      const own = this.#until.get(key) ?? new Map<string, number>();
      const until = now + Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, seconds)) + 1;
      own.set(name, Math.max(own.get(name) ?? 0, until));
      this.#until.set(key, own);
    }
  }

  namesOf(address: Uint8Array, now: number): readonly string[] {
    const own = this.#until.get(addressKey(address).join());
    return [...(own ?? [])].flatMap(([name, until]) => (until > now ? [name] : []));
  }
}

/** Is this operation of the service restricted at all, and what is decided? */
export function judge(service: Service, call: Call, resolvers: readonly Prefix[], names: readonly string[]): Judgement {
  const rules = service.rules[call.operation];
  if (rules === undefined) return { verdict: "allow" };
  const goes = call.operation === "connect" || call.operation === "send";
  const plain = plainAddress(call.address);
  const address = goes && plain.every((byte) => byte === 0) ? loopback(plain.length) : plain;
  const usesNames = Object.values(service.rules).some((own) =>
    own.some(({ match }) => match.addresses?.some((one) => one.kind === "name")),
  );
  const own = wholeAddress(address);
  const resolver = (port: number): boolean =>
    usesNames && port === 53 && resolvers.some((one) => containsPrefix(one, own));
  if (call.operation === "bind" && call.port === 0) return { verdict: "allow" };
  if (goes && resolver(call.port)) return { verdict: "allow" };
  const index = rules.findIndex(({ match }) => matchesCall(match, own, call.port, call.protocol, names));
  const rule = rules[index];
  if (rule !== undefined) return { verdict: rule.verdict, rule: index + 1 };
  if (call.operation === "receive" && call.protocol === 17) {
    const from = call.sourcePort ?? 0;
    if (resolver(from)) return { verdict: "allow" };
    const sent = service.rules.send?.find(({ match }) => matchesCall(match, own, from, call.protocol, names));
    if (sent?.verdict === "allow") return { verdict: "allow" };
  }
  return { verdict: service.default };
}

const loopback = (bytes: number): Uint8Array =>
  bytes === 4 ? Uint8Array.of(127, 0, 0, 1) : Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0));

function matchesCall(match: Match, own: Prefix, port: number, protocol: number, names: readonly string[]): boolean {
  if (match.protocol !== undefined && protocol !== (match.protocol === "tcp" ? 6 : 17)) return false;
  if (match.ports !== undefined && !match.ports.some(({ from, to }) => port >= from && port <= to)) return false;
  if (match.addresses === undefined) return true;
  return match.addresses.some((one) =>
    one.kind === "prefixes"
      ? one.prefixes.some((prefix) => containsPrefix(prefix, own))
      : names.some((name) => matchesName(one.pattern, name)),
  );
}

/** What a resolver's answer says: addresses of the name that was asked for. */
export interface Answer {
  /** In small letters, without a dot at its end. */
  readonly name: string;
  readonly addresses: readonly { readonly address: Uint8Array; readonly seconds: number }[];
}

/** Reads a DNS answer, as far as the programs do; undefined: it is none, or tells of an error. */
export function readAnswer(message: Uint8Array): Answer | undefined {
  const bytes = message.subarray(0, MESSAGE_BYTES);
  if (bytes.length < 18) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if ((view.getUint16(2) & 0x800f) !== 0x8000 || view.getUint16(4) !== 1) return undefined;
  const question = readQuestion(bytes);
  if (question === undefined) return undefined;
  const addresses: { address: Uint8Array; seconds: number }[] = [];
  let at = question.next;
  let left = view.getUint16(6);
  for (let step = 0; step < MOST_STEPS && left > 0 && at < bytes.length; step++) {
    const c = bytes[at] as number;
    if (c > 0 && c <= 63) {
      at += c + 1;
      continue;
    }
    if (c > 0 && c < 192) break;
    const fields = at + (c === 0 ? 1 : 2);
    if (fields + 10 > bytes.length) break;
    const [type, ttl, length] = [view.getUint16(fields), view.getUint32(fields + 4), view.getUint16(fields + 8)];
    at = fields + 10 + length;
    if (at > bytes.length) break;
    if ((type === 1 && length === 4) || (type === 28 && length === 16))
      addresses.push({ address: bytes.slice(fields + 10, at), seconds: ttl > 0x7fff_ffff ? 0 : ttl });
    left--;
  }
  return { name: question.name, addresses };
}

function readQuestion(bytes: Uint8Array): { readonly name: string; readonly next: number } | undefined {
  const labels: string[] = [];
  let at = 12;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > 63) return undefined;
    if (length === 0) break;
    const label = bytes.subarray(at + 1, at + 1 + length);
    if (label.length < length || label.some((c) => c <= 0x20 || c === 0x2e)) return undefined;
    labels.push(Array.from(label, (c) => String.fromCharCode(c >= 0x41 && c <= 0x5a ? c + 32 : c)).join(""));
    at += 1 + length;
    if (at - 12 >= 255) return undefined;
  }
  const next = at + 1 + 4;
  return labels.length === 0 || next > bytes.length ? undefined : { name: labels.join("."), next };
}
