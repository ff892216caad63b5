// Rules as graphs of decisions, in parts: of rules that have more to ask than fields, only so many are noted beside one answer.

import type { ReadConfig } from "../../config/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { boxesOf, decidesAtOnce, TooManyBoxes } from "./boxes.ts";
import { type Decision, decideEach } from "./decision.ts";
import { WORLDS, type World } from "./fields.ts";
import type { RuleSet } from "./rules.ts";
import type { FirewallSet } from "./sets.ts";

/** Rules that are decided about together: from one number up to below another. */
export interface Part {
  readonly from: number;
  readonly to: number;
  /** Those that have more to ask, each by its bit. */
  readonly more: readonly number[];
  readonly graphs: ReadonlyMap<World, Decision>;
}
/** Bits beside an answer. */
export const MOST_MORE = 32;

/** Throws a DiagnosticError (SCRY1606) for a rule with too many combinations. */
export function partsOf(
  { value, source, place }: ReadConfig<RuleSet>,
  sets: ReadonlyMap<string, FirewallSet>,
  most: number,
): readonly Part[] {
  const atOnce = value.rules.map(decidesAtOnce);
  const parts: { from: number; to: number; more: number[] }[] = [{ from: 0, to: 0, more: [] }];
  atOnce.forEach((decides, rule) => {
    let last = parts[parts.length - 1] as { from: number; to: number; more: number[] };
    if (!decides && last.more.length === most) parts.push((last = { from: rule, to: rule, more: [] }));
    if (!decides) last.more.push(rule);
    last.to = rule + 1;
  });
  try {
    const boxes = [...boxesOf(value.rules, sets).values()];
    const lists = parts.flatMap(({ from, to }) =>
      boxes.map((all) => (parts.length === 1 ? all : all.filter(({ rule }) => rule >= from && rule < to))),
    );
    const graphs = decideEach(lists, { decides: (rule) => atOnce[rule] === true });
    return parts.map((part, i) => ({
      ...part,
      graphs: new Map(WORLDS.map((world, j) => [world, graphs[i * WORLDS.length + j] as Decision])),
    }));
  } catch (error) {
    if (!(error instanceof TooManyBoxes)) throw error;
    throw new DiagnosticError(
      [
        {
          code: "SCRY1606",
          severity: "error",
          message: "This rule has too many combinations of addresses and flags",
          span: place("rules", error.rule),
          hints: ["Name the networks in a set and mark it 'dynamic: true': it is then asked in one step"],
        },
      ],
      source,
    );
  }
}

/** The graphs of all worlds, each of all rules. Throws as `compileFirewall`. */
export const graphsOf = (
  rules: ReadConfig<RuleSet>,
  sets: ReadonlyMap<string, FirewallSet>,
): ReadonlyMap<World, Decision> => (partsOf(rules, sets, Number.POSITIVE_INFINITY)[0] as Part).graphs;
