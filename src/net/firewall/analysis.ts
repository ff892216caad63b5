// What rules say of each other: which are never reached, since those before them take all of their packets, and which match nothing.

import type { Diagnostic } from "../../source/index.ts";
import { boxesOf, decidesAtOnce } from "./boxes.ts";
import { type Box, nodesOf } from "./decision.ts";
import { WORLDS, type World } from "./fields.ts";
import { covers } from "./intervals.ts";
import { graphsOf } from "./parts.ts";
import type { CompiledFirewall } from "./program.ts";
import type { Rule } from "./rules.ts";

/** Warnings, with the places of the rules: SCRY1609 for one that is never reached, SCRY1610 for one that matches no packet. */
export function analyseRules(compiled: CompiledFirewall): readonly Diagnostic[] {
  const { rules, sets } = compiled;
  const graphs = graphsOf(rules, sets);
  const all = rules.value.rules;
  const reached = new Set<number>();
  let parted = false;
  for (const graph of graphs.values())
    for (const node of nodesOf(graph)) {
      if (node.kind === "match") reached.add(node.rule);
      if (node.kind === "best") parted = true;
    }
  const suspects = all.flatMap((_, i) => (parted || !reached.has(i) ? [i] : []));
  if (suspects.length === 0) return [];
  const boxes = new Map([...boxesOf(all, sets)].map(([world, list]) => [world, byRule(list)]));
  return suspects.flatMap((rule): readonly Diagnostic[] => {
    const span = rules.place("rules", rule);
    if (!WORLDS.some((world) => (boxes.get(world)?.get(rule)?.length ?? 0) > 0))
      return [
        {
          code: "SCRY1610",
          severity: "warning",
          message: `${called(compiled, rule)} matches no packet: what it asks for excludes each other`,
          span,
        },
      ];
    const before = coveredBy(rule, all, boxes);
    if (before === undefined && reached.has(rule)) return [];
    const other = before === undefined ? undefined : all[before];
    const contradicts = other !== undefined && other.action !== all[rule]?.action;
    return [
      {
        code: "SCRY1609",
        severity: "warning",
        message: `${called(compiled, rule)} is never reached: ${
          before === undefined ? "those before it take" : `${inner(compiled, before)} takes`
        } all of its packets${contradicts ? `, and says ${other.action} where this one says ${all[rule]?.action}` : ""}`,
        span,
        ...(before === undefined
          ? {}
          : { related: [{ message: "This one is asked first", span: rules.place("rules", before) }] }),
      },
    ];
  });
}

/** A rule within a sentence, and at its start. */
const inner = ({ rules }: CompiledFirewall, rule: number): string => {
  const name = rules.value.rules[rule]?.name;
  return name === undefined ? `rule ${rule + 1}` : `rule '${name}'`;
};
const called = (compiled: CompiledFirewall, rule: number): string => `R${inner(compiled, rule).slice(1)}`;

function byRule(boxes: readonly Box[]): ReadonlyMap<number, readonly Box[]> {
  const made = new Map<number, Box[]>();
  for (const box of boxes) {
    const own = made.get(box.rule);
    if (own === undefined) made.set(box.rule, [box]);
    else own.push(box);
  }
  return made;
}

/** An earlier rule, that decides by itself, whose boxes hold all boxes of this one. */
function coveredBy(
  rule: number,
  all: readonly Rule[],
  boxes: ReadonlyMap<World, ReadonlyMap<number, readonly Box[]>>,
): number | undefined {
  for (let before = 0; before < rule; before++) {
    if (!decidesAtOnce(all[before] as Rule)) continue;
    const whole = WORLDS.every((world) => {
      const outer = boxes.get(world)?.get(before) ?? [];
      return (boxes.get(world)?.get(rule) ?? []).every((inner) => outer.some((one) => holdsBox(one, inner)));
    });
    if (whole) return before;
  }
  return undefined;
}

const holdsBox = (outer: Box, inner: Box): boolean =>
  [...outer.fields].every(([field, set]) => {
    const own = inner.fields.get(field);
    return own !== undefined && covers(set, own);
  });
