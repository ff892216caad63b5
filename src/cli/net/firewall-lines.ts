// What the commands of a firewall print: rules with their counts, explanations, differences.

import type { CompiledFirewall, Rule, Verdict } from "../../net/firewall/index.ts";
import { ruleName } from "../../net/firewall/index.ts";
import { type LiveFirewall, placeName, type RuleCounts } from "../../net/index.ts";

const DONE = { allow: "allowed", deny: "denied", reject: "rejected", guard: "guarded" } as const;

/** A number with three digits at most and its scale. */
export function short(n: number): string {
  for (const [scale, letter] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e4, "k"],
  ] as const)
    if (n >= scale) return `${(n / (letter === "k" ? 1e3 : scale)).toPrecision(3)}${letter}`;
  return String(Math.round(n));
}

/** How long ago, of nanoseconds of CLOCK_MONOTONIC. */
function ago(last: bigint, now: bigint): string {
  if (last === 0n) return "-";
  const seconds = Math.max(0, Number(now - last) / 1e9);
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} m`;
  return seconds < 86_400 * 2 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

const cells = (rows: readonly (readonly string[])[], right: ReadonlySet<number>): string[] => {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, i) => (right.has(i) ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number)))
      .join("  ")
      .trimEnd(),
  );
};

export interface StatusOptions {
  readonly now: bigint;
  /** What was counted some seconds before, for rates. */
  readonly before?: { readonly counts: readonly RuleCounts[]; readonly seconds: number };
}

/** A firewall's head line, and a line for each rule. */
export function statusLines(firewall: LiveFirewall, { now, before }: StatusOptions): string[] {
  const { place, rules, state, trial } = firewall;
  const counts = firewall.counts();
  const guarded = firewall.guarded();
  const remarks = [
    place.hook,
    rules.source.name,
    ...(state?.dryRun === true ? ["dry run: nothing is refused"] : []),
    ...(trial === undefined
      ? []
      : trial > 0
        ? [`on trial for ${Math.ceil(trial)} s more`]
        : ["not confirmed in time: what was before decides"]),
    ...(firewall.flows === undefined ? [] : [`${firewall.flows} flows`]),
    ...(guarded === undefined
      ? []
      : [
          `SYNs answered by cookies: ${short(guarded.answered)} (${short(guarded.accepted)} came back, ${short(guarded.dropped)} forged)`,
        ]),
  ];
  const head = [
    "RULE",
    "ACTION",
    "PACKETS",
    "BYTES",
    "LAST",
    ...(before === undefined ? [] : ["PACKETS/S", "BYTES/S"]),
  ];
  const rows = counts.map(({ rule, packets, bytes, last }, i) => {
    const one = rules.value.rules[rule];
    const past = before?.counts[i];
    const rate = (is: bigint, was: bigint | undefined): string =>
      short(Number(is - (was ?? is)) / Math.max(0.001, before?.seconds ?? 1));
    return [
      one === undefined ? "default" : (one.name ?? `${rule + 1}`),
      one?.action ?? rules.value.default ?? "allow",
      short(Number(packets)),
      short(Number(bytes)),
      ago(last, now),
      ...(before === undefined ? [] : [rate(packets, past?.packets), rate(bytes, past?.bytes)]),
    ];
  });
  return [
    `${placeName(place)}: ${remarks.join(", ")}`,
    ...cells([head, ...rows], new Set([2, 3, 4, 5, 6])).map((line) => `  ${line}`),
  ];
}

/** The same as data. */
export function statusJson(firewall: LiveFirewall, now: bigint): object {
  const { place, rules, state, trial } = firewall;
  const guarded = firewall.guarded();
  return {
    ...("cgroup" in place ? { cgroup: place.cgroup, direction: place.direction } : { interface: place.interface }),
    hook: place.hook,
    rules: rules.source.name,
    dryRun: state?.dryRun === true,
    ...(trial === undefined ? {} : { trialSeconds: trial }),
    ...(firewall.flows === undefined ? {} : { flows: firewall.flows }),
    ...(guarded === undefined ? {} : { guarded }),
    counts: firewall.counts().map(({ rule, packets, bytes, last }) => {
      const one: Rule | undefined = rules.value.rules[rule];
      return {
        rule: one === undefined ? "default" : (one.name ?? `${rule + 1}`),
        action: one?.action ?? rules.value.default ?? "allow",
        packets: Number(packets),
        bytes: Number(bytes),
        ...(last === 0n ? {} : { secondsAgo: Number(now - last) / 1e9 }),
      };
    }),
  };
}

/** The rules that a packet passed, and the one that decides. */
export function explanationLines(compiled: CompiledFirewall, { action, rule, passed, unclear }: Verdict): string[] {
  const { source, place, value } = compiled.rules;
  const words = (index: number): string => {
    const { start, end } = place("rules", index);
    const text = source.text.slice(start, end).replace(/\s+/g, " ").trim();
    return text.length > 100 ? `${text.slice(0, 99)}…` : text;
  };
  return [
    ...passed.map(({ rule: index, miss }) =>
      miss === undefined
        ? `${ruleName(compiled, index)}: matches, ${value.rules[index]?.action === "mark" ? "is marked" : "is counted"}, and goes on`
        : `${ruleName(compiled, index)}: passed, ${miss}`,
    ),
    `${ruleName(compiled, rule)}: ${DONE[action]}${unclear === true ? ", since what it says is unclear" : ""}${rule === undefined ? "" : `  ${words(rule)}`}`,
  ];
}
