// Two rule sets, and the packets whose fate one would change: their graphs of decisions are walked side by side, and where they end
// otherwise, what has been asked on the way tells of the packets.

import { formatIpv4, formatPrefix } from "../../source/index.ts";

import { decidesAtOnce } from "./boxes.ts";
import type { Decision } from "./decision.ts";
import { bitOf, FIELDS, type Field, mostOf, setBit, WORLDS, type World } from "./fields.ts";
import { type Intervals, intersection } from "./intervals.ts";
import { graphsOf } from "./parts.ts";
import type { CompiledFirewall } from "./program.ts";
import { ruleName } from "./rule-tests.ts";
import type { Rule } from "./rules.ts";
import { FLAG_NAMES } from "./rules-text.ts";
import { MAP_SETS } from "./sets.ts";

export interface Difference {
  readonly world: World;
  /** What the packets have in common, in words. */
  readonly packets: string;
  readonly before: string;
  readonly after: string;
}

export interface Differences {
  readonly found: readonly Difference[];
  /** False: there may be more than what was looked at. */
  readonly complete: boolean;
}

const MOST_STEPS = 500_000;
type Domain = ReadonlyMap<Field, Intervals>;

/** At most `most` of them. */
export function differences(before: CompiledFirewall, after: CompiledFirewall, most = 100): Differences {
  const found = new Map<string, Difference>();
  const { names, bits } = commonSets(before, after);
  let steps = 0;
  let complete = true;
  const graphsBefore = graphsOf(before.rules, before.sets);
  const graphsAfter = graphsOf(after.rules, after.sets);
  for (const world of WORLDS) {
    const stack: { a: Walk; b: Walk; domain: Domain }[] = [
      {
        a: begin(graphsBefore.get(world) as Decision),
        b: begin(graphsAfter.get(world) as Decision),
        domain: new Map(),
      },
    ];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (++steps > MOST_STEPS || found.size >= most) {
        complete = false;
        break;
      }
      const { a, b, domain } = top;
      const [one, two] = [stand(a, before), stand(b, after)];
      const split = one.split ?? (two.split === undefined ? undefined : renamed(two.split, bits));
      if (split === undefined) {
        if (one.end === two.end) continue;
        const difference = {
          world,
          packets: worded(world, domain, names),
          before: one.end as string,
          after: two.end as string,
        };
        found.set(`${world} ${difference.packets} ${difference.before} ${difference.after}`, difference);
        continue;
      }
      for (const yes of [false, true]) {
        const narrowed = narrow(domain, split, yes);
        if (narrowed === undefined) continue;
        stack.push({
          a: one.split === undefined ? a : follow(a, one.split, yes),
          b: one.split !== undefined || two.split === undefined ? b : follow(b, two.split, yes),
          domain: narrowed,
        });
      }
    }
  }
  return { found: [...found.values()], complete };
}

type Split = Extract<Decision, { kind: "split" }>;

/**
 * A place on the way through a graph. Of graphs that are asked together (`best`) one after the other is walked; `best` is the lowest
 * rule so far, `then` what remains.
 */
interface Walk {
  readonly node: Decision;
  readonly outer: readonly Level[];
  /** Rules that may decide before this place does, by what else they ask. */
  readonly said: readonly string[];
}
interface Level {
  readonly rest: readonly Decision[];
  readonly best: number | undefined;
  readonly next: Decision;
}
const begin = (node: Decision): Walk => ({ node, outer: [], said: [] });
const follow = (walk: Walk, split: Split, yes: boolean): Walk => ({ ...walk, node: yes ? split.yes : split.no });

/** Names of sets by their numbers; those of the second firewall that are not the first one's have numbers of their own. */
function commonSets(
  before: CompiledFirewall,
  after: CompiledFirewall,
): { readonly names: ReadonlyMap<number, string>; readonly bits: ReadonlyMap<number, number> } {
  const names = new Map<number, string>();
  const bits = new Map<number, number>();
  for (const { bit, name } of before.sets.values()) if (bit !== undefined) names.set(bit, name);
  for (const { bit, name, prefixes } of after.sets.values()) {
    if (bit === undefined) continue;
    const same = before.sets.get(name);
    const words = (list: typeof prefixes): string => list.map(formatPrefix).sort().join();
    const number = same?.bit !== undefined && words(same.prefixes) === words(prefixes) ? same.bit : MAP_SETS + bit;
    bits.set(bit, number);
    names.set(number, number < MAP_SETS ? name : `${name} (new)`);
  }
  return { names, bits };
}

function renamed(split: Split, bits: ReadonlyMap<number, number>): Split {
  const bit = bitOf(split.field);
  if (bit === undefined || bit.word === "flags") return split;
  return {
    ...split,
    field: setBit(bit.word === "source sets" ? "source" : "destination", bits.get(bit.bit) ?? bit.bit),
  };
}

/** The next question, or how it ends. */
function stand(walk: Walk, firewall: CompiledFirewall): { readonly split?: Split; readonly end?: string } {
  const now = settle(walk, firewall);
  Object.assign(walk, now);
  if (now.node.kind === "split") return { split: now.node };
  const last = now.node.kind === "match" ? now.node.rule : undefined;
  const { rules } = firewall.rules.value;
  const action = last === undefined ? (firewall.rules.value.default ?? "allow") : (rules[last] as Rule).action;
  return { end: [...now.said, `${action} (${ruleName(firewall, last)})`].join(", else ") };
}

function settle(walk: Walk, firewall: CompiledFirewall): Walk {
  let { node, outer, said } = walk;
  for (;;) {
    if (node.kind === "split") return { node, outer, said };
    if (node.kind === "best") {
      const [first, ...rest] = node.of;
      outer = [...outer, { rest, best: undefined, next: node.next }];
      node = first as Decision;
      continue;
    }
    const level = outer[outer.length - 1];
    if (level !== undefined) {
      const best =
        node.kind === "match" && (level.best === undefined || node.rule < level.best) ? node.rule : level.best;
      const [first, ...rest] = level.rest;
      if (first !== undefined) {
        outer = [...outer.slice(0, -1), { rest, best, next: level.next }];
        node = first;
        continue;
      }
      outer = outer.slice(0, -1);
      if (best === undefined) {
        node = level.next;
        continue;
      }
      return { node: { kind: "match", rule: best, id: -1 }, outer: [], said };
    }
    if (node.kind === "match" && node.next !== undefined) {
      const rule = firewall.rules.value.rules[node.rule] as Rule;
      // What only counts changes no fate; what asks more decides about some.
      if (rule.action !== "count" && !decidesAtOnce(rule))
        said = [...said, `${rule.action} what ${ruleName(firewall, node.rule)} takes`];
      node = node.next;
      continue;
    }
    return { node, outer, said };
  }
}

function narrow(domain: Domain, { field, test, value }: Split, yes: boolean): Domain | undefined {
  const most = mostOf(field);
  const side: Intervals =
    test === "below"
      ? yes
        ? [0, value - 1]
        : [value, most]
      : yes
        ? [value, value]
        : [...(value > 0 ? [0, value - 1] : []), ...(value < most ? [value + 1, most] : [])];
  const set = intersection(domain.get(field) ?? [0, most], side);
  return set.length === 0 ? undefined : new Map(domain).set(field, set);
}

/** Of long lists of ranges so many are told. */
const SHOWN = 4;

function worded(world: World, domain: Domain, sets: ReadonlyMap<number, string>): string {
  const parts = [...domain].flatMap(([field, set]) => {
    if (set.length === 2 && set[0] === 0 && set[1] === mostOf(field)) return [];
    const bit = bitOf(field);
    if (bit !== undefined) {
      const yes = set[0] === 1;
      if (bit.word === "flags") return [`${yes ? "" : "no "}${FLAG_NAMES[bit.bit]}`];
      return [`${bit.word.replace(" sets", "")} ${yes ? "in" : "not in"} $${sets.get(bit.bit) ?? bit.bit}`];
    }
    const ranges: string[] = [];
    for (let i = 0; i < set.length && ranges.length < SHOWN; i += 2)
      ranges.push(range(field, set[i] as number, set[i + 1] as number));
    return [`${field in FIELDS ? title(field) : field} ${ranges.join(" or ")}${set.length > SHOWN * 2 ? " …" : ""}`];
  });
  return [world === "other" ? "no IP" : world.replace("ports", "udp"), ...parts].join(", ");
}

const title = (field: Field): string => field.replace(/[A-Z0-9]+/g, (more) => ` ${more.toLowerCase()}`);

function range(field: Field, low: number, high: number): string {
  const one = (n: number): string =>
    field === "source" || field === "destination"
      ? formatIpv4(Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n))
      : /\d$/.test(field) || field === "etherType"
        ? `0x${n.toString(16)}`
        : String(n);
  return low === high ? one(low) : `${one(low)}-${one(high)}`;
}
