// What rules say of a packet, without compiling anything: rule by rule, in order. The compiled program is held against this, and
// explanations are made of it.

import type { ReadConfig } from "../../config/index.ts";
import { containsPrefix, wholeAddress } from "../../source/index.ts";

import { IDLE, limitTerms } from "./conditions.ts";
import { contentOf, payloadOf, payloadSays } from "./content-conditions.ts";
import { factsOf, type PacketFacts } from "./facts.ts";
import { type FIELDS, hasField, type World } from "./fields.ts";
import { ruleFilter } from "./filter-function.ts";
import { HOOKS, type HookName } from "./hooks.ts";
import { has, normalised } from "./intervals.ts";
import { FRAGMENTS, RANGE_FIELDS } from "./rule-fields.ts";
import { type Action, type AddressItem, isFinal, type Limit, type Range, type Rule, type RuleSet } from "./rules.ts";
import type { FirewallSet } from "./sets.ts";
import { referenceStreams, type StreamWords } from "./streams/index.ts";

/** What of a rule a packet does not have, in words; undefined: it matches. */
export type Miss = string | undefined;

export interface Passed {
  readonly rule: number;
  /** Why it does not match; absent: it matches and goes on (`count`, `mark`). */
  readonly miss?: string;
}

export interface Verdict {
  readonly action: Exclude<Action, "count" | "mark">;
  /** The rule that decides; absent: the default. */
  readonly rule?: number;
  /** It takes the packet because what that says is unclear. */
  readonly unclear?: true;
  /** Those before it. */
  readonly passed: readonly Passed[];
}

/** What a packet meets beside its bytes. */
export interface Circumstances {
  /** Nanoseconds; 0 where nothing is said. */
  readonly now?: bigint;
  /** The VLAN that a network card has taken out. */
  readonly vlan?: number;
  /** Whether the packet's flow is known; otherwise what has been seen before says it. */
  readonly established?: boolean;
}

export interface FirewallReference {
  /** Judges a packet, and remembers what limits and flows need. */
  readonly judge: (frame: Uint8Array, circumstances?: Circumstances) => Verdict;
  /** Why a rule does not match by the packet's fields and bytes alone. */
  readonly missOf: (rule: number, frame: Uint8Array, circumstances?: Circumstances) => Miss;
}

const SECOND = 1_000_000_000n;

export function referenceFirewall(
  read: ReadConfig<RuleSet>,
  sets: ReadonlyMap<string, FirewallSet>,
  hook: HookName = "xdp",
): FirewallReference {
  const { rules, default: fallback = "allow" } = read.value;
  const content = contentOf(read);
  const streams = content === undefined ? undefined : referenceStreams(content, rules);
  const filters = rules.map((rule, i) => ruleFilter(rule, i, read, hook));
  /** The frame as the hook has it. */
  const seen = (frame: Uint8Array): Uint8Array => (HOOKS[hook].link === 0 ? frame.subarray(14) : frame);
  const owed = new Map<string, bigint>();
  const flows = new Map<string, bigint>();
  const blocked = new Map<string, { until: bigint; rule: number }>();
  const tracks = rules.some(({ state }) => state !== undefined);
  const blocks = rules.some(({ block }) => block !== undefined);

  const fits = (rule: number, limit: Limit, facts: PacketFacts, now: bigint): boolean => {
    const { unit, most } = limitTerms(limit);
    const length = facts.fields.get("length") ?? 0;
    const cost =
      limit.rate.of === "packets"
        ? BigInt(Math.max(1, Math.round(unit / 1024)))
        : (BigInt(length) * BigInt(unit)) >> 10n;
    const key = `${rule} ${limitKey(limit, facts)}`;
    const before = owed.get(key) ?? 0n;
    const next = (before > now ? before : now) + cost;
    if (next - now > most) return false;
    owed.set(key, next);
    return true;
  };

  const missOf = (index: number, frame: Uint8Array, facts: PacketFacts, stream: StreamWords | undefined): Miss => {
    const rule = rules[index] as Rule;
    const miss = missedField(rule, facts, sets);
    if (miss !== undefined) return miss;
    const filter = filters[index];
    if (filter !== undefined && !filter.matches(seen(frame))) return `its bytes are not '${filter.source.text}'`;
    if (rule.content === undefined || content === undefined) return undefined;
    if (payloadSays(content, index, rule.action, payloadOf(frame, facts), stream)) return undefined;
    return stream?.unclear === true ? "what it says is unclear" : "its payload says something else";
  };

  const judge = (frame: Uint8Array, { now = 0n, vlan, established }: Circumstances = {}): Verdict => {
    const facts = factsOf(frame, vlan, hook);
    const passed: Passed[] = [];
    if (facts === undefined) return { action: fallback, passed };
    const flow = flowKey(facts);
    const last = flows.get(flow);
    const idle = BigInt(facts.fields.get("protocol") === 6 ? IDLE.tcp : IDLE.other);
    const known = established ?? (last !== undefined && now - last <= idle * SECOND);
    const source = facts.source?.join();
    const block = source === undefined ? undefined : blocked.get(source);
    if (blocks && block !== undefined && block.until > now) return { action: "deny", rule: block.rule, passed };
    const stream = streams?.follow(flow, frame, facts);
    for (const [i, rule] of rules.entries()) {
      let miss = missOf(i, frame, facts, stream);
      if (miss === undefined && rule.state !== undefined && known !== (rule.state === "established"))
        miss = `its flow is ${known ? "established" : "new"}`;
      if (miss === undefined && rule.state === "established") flows.set(flow, now);
      if (miss === undefined && rule.within !== undefined && !fits(i, rule.within, facts, now))
        miss = "the rate is gone over";
      if (miss === undefined && rule.over !== undefined && fits(i, rule.over, facts, now)) miss = "the rate is kept";
      if (miss !== undefined) {
        passed.push({ rule: i, miss });
        continue;
      }
      if (rule.block !== undefined && source !== undefined)
        blocked.set(source, { until: now + BigInt(Math.round(rule.block * 1e9)), rule: i });
      if (!isFinal(rule.action)) {
        passed.push({ rule: i });
        continue;
      }
      const unclear = rule.content !== undefined && stream?.unclear === true;
      const action = unclear ? "deny" : (rule.action as Verdict["action"]);
      if ((action === "allow" || action === "guard") && tracks && hasPorts(facts)) flows.set(flow, now);
      return { action, rule: i, ...(unclear ? { unclear } : {}), passed };
    }
    if (fallback === "allow" && tracks && hasPorts(facts)) flows.set(flow, now);
    return { action: fallback, passed };
  };

  return {
    judge,
    missOf: (rule, frame, { vlan } = {}) => {
      const facts = factsOf(frame, vlan, hook);
      if (facts === undefined) return "it is no Ethernet frame";
      return missOf(rule, frame, facts, streams?.follow(flowKey(facts), frame, facts, false));
    },
  };
}

const hasPorts = ({ fields }: PacketFacts): boolean =>
  (fields.get("sourcePort") ?? 0) !== 0 || (fields.get("destinationPort") ?? 0) !== 0;

function flowKey({ source, destination, fields }: PacketFacts): string {
  return [
    source?.join(),
    destination?.join(),
    fields.get("sourcePort"),
    fields.get("destinationPort"),
    fields.get("protocol"),
  ].join(" ");
}

function limitKey({ per }: Limit, facts: PacketFacts): string {
  if (per === undefined) return "";
  const address = facts[per.side];
  if (address === undefined) return "";
  const bits = address.length === 4 ? per.bits4 : per.bits6;
  return (
    [...address].map((byte, i) => byte & (0xff00 >> Math.max(0, Math.min(8, bits - i * 8)))).join() + address.length
  );
}

function missedField(rule: Rule, facts: PacketFacts, sets: ReadonlyMap<string, FirewallSet>): Miss {
  const value = (field: keyof typeof FIELDS): number | undefined =>
    hasField(facts.world as World, field) ? facts.fields.get(field) : undefined;
  for (const [key, field] of RANGE_FIELDS) {
    const ranges = rule[key] as readonly Range[] | undefined;
    if (ranges === undefined) continue;
    const own = value(field);
    if (own === undefined) return `it has no ${key}`;
    if (!has(normalised(ranges), own))
      return `its ${key} is ${field === "etherType" ? `0x${own.toString(16).padStart(4, "0")}` : own}`;
  }
  for (const side of ["source", "destination"] as const) {
    const items = rule[side];
    if (items === undefined) continue;
    const address = facts[side];
    if (address === undefined) return `it has no ${side} address`;
    const not = items[0]?.not === true;
    if (items.some((item) => inItem(item, address, sets)) === not)
      return `its ${side} is ${not ? "among those excluded" : "another"}`;
  }
  if (rule.flags !== undefined) {
    const flags = value("flags");
    if (flags === undefined) return "it has no flags";
    if (!rule.flags.some(({ set, clear }) => (flags & set) === set && (flags & clear) === 0))
      return "its flags are others";
  }
  if (rule.fragment !== undefined) {
    const fragment = value("fragment");
    if (fragment === undefined) return "it is no packet of IP";
    const kind = FRAGMENTS[fragment] as "none";
    if (!rule.fragment.includes(kind)) return `its kind of fragment is ${kind}`;
  }
  for (const side of ["source", "destination"] as const) {
    const macs = rule[`${side}-mac`];
    if (macs === undefined) continue;
    const high = facts.fields.get(`${side}MacHigh`) as number;
    const low = facts.fields.get(`${side}MacLow`) as number;
    const same = macs.some((mac) => {
      const view = new DataView(mac.buffer, mac.byteOffset);
      return view.getUint16(0) === high && view.getUint32(2) === low;
    });
    if (!same) return `its ${side}-mac is another`;
  }
  return undefined;
}

function inItem(item: AddressItem, address: Uint8Array, sets: ReadonlyMap<string, FirewallSet>): boolean {
  if ("prefix" in item) return containsPrefix(item.prefix, wholeAddress(address));
  return sets.get(item.set)?.prefixes.some((prefix) => containsPrefix(prefix, wholeAddress(address))) ?? false;
}
