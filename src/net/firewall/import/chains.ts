// Chains with their jumps as one list of rules, from the first packet's first question on.

import type { Diagnostic, Span } from "../../../source/index.ts";
import type { Action, RuleData } from "../rules.ts";
import { both, type Draft, EVERYTHING, type Families, ruleOf } from "./draft.ts";

export type ImportedVerdict =
  | { readonly kind: "action"; readonly action: Extract<Action, "allow" | "deny" | "reject"> }
  /** What is counted only. */
  | { readonly kind: "count" }
  | { readonly kind: "mark"; readonly mark: number }
  | { readonly kind: "jump" | "goto"; readonly chain: string }
  | { readonly kind: "return" };

export interface ImportedRule {
  readonly span: Span;
  readonly name?: string;
  /** One of them must hold. */
  readonly drafts: readonly Draft[];
  readonly verdict: ImportedVerdict;
}

export interface ImportedChain {
  readonly name: string;
  readonly rules: readonly ImportedRule[];
}

/** Jumps within jumps, and rules that come of a text; rules that are looked at on the way, in chains each time anew. */
const DEEPEST = 16;
const MOST_VISITED = 500_000;
/** Of one text; there is a last one that says so. */
const MOST_TOLD = 10_000;
export const MOST_RULES = 20_000;

/** Says what cannot be carried over. */
export type Tell = (span: Span, message: string, ...hints: readonly string[]) => void;

/** Collects what is told: SCRY1650, a warning for each. */
export function teller(diagnostics: Diagnostic[]): Tell {
  return (span, message, ...hints) => {
    if (diagnostics.length > MOST_TOLD) return;
    const last = diagnostics.length === MOST_TOLD;
    diagnostics.push({
      code: "SCRY1650",
      severity: "warning",
      message: last ? `More than ${MOST_TOLD} lines cannot be carried over: the others are not told` : message,
      span,
      ...(hints.length === 0 || last ? {} : { hints }),
    });
  };
}

/** What comes of a packet that a left-out rule was about. */
export const effectOf = (verdict: ImportedVerdict | undefined): string => {
  if (verdict?.kind !== "action") return "";
  return verdict.action === "allow" ? "what it allowed may be refused" : "what it refused may pass";
};

/**
 * The rules of a chain, those of chains that it jumps to in their places. `policy`: what becomes of packets that come to its end.
 */
export function flatten(
  base: ImportedChain,
  chains: ReadonlyMap<string, ImportedChain>,
  policy: "allow" | "deny",
  families: Families,
  tell: Tell,
): readonly RuleData[] {
  const made: RuleData[] = [];
  let full = false;
  let visited = 0;
  const stop = (span: Span, message: string): void => {
    if (!full) tell(span, message);
    full = true;
  };
  const put = (draft: Draft, action: Action, span: Span, name: string | undefined, mark?: number): void => {
    const rule = ruleOf(draft, families, action, name, mark);
    if (rule === undefined) return;
    if (made.length < MOST_RULES) return void made.push(rule);
    stop(span, `More than ${MOST_RULES} rules come of this text: the rest is left out`);
  };
  /** Undefined where it goes on behind the jump; "ended" where no packet of `asked` does. */
  const walk = (chain: ImportedChain, asked: Draft, path: readonly string[], isBase: boolean): "ended" | undefined => {
    for (const rule of chain.rules) {
      if (++visited > MOST_VISITED) stop(rule.span, "The chains jump to each other too often: the rest is left out");
      if (full) return "ended";
      const own: Draft[] = [];
      for (const draft of rule.drafts) {
        const joined = both(asked, draft);
        if (joined === "never") continue;
        if (joined === "unsaid")
          tell(
            rule.span,
            `This and the jumps to '${chain.name}' ask for more than one rule can say`,
            ...effects(rule.verdict),
          );
        else own.push(joined);
      }
      const whole = rule.drafts.some((draft) => draft === EVERYTHING);
      const { verdict } = rule;
      switch (verdict.kind) {
        case "action":
          for (const draft of own) put(draft, verdict.action, rule.span, rule.name);
          if (whole) return "ended";
          break;
        case "count":
          for (const draft of own) put(draft, "count", rule.span, rule.name);
          break;
        case "mark":
          for (const draft of own) put(draft, "mark", rule.span, rule.name, verdict.mark);
          break;
        case "return":
          if (isBase) for (const draft of own) put(draft, policy, rule.span, rule.name);
          else if (!whole)
            tell(
              rule.span,
              `Packets that go back from '${chain.name}' here would have to pass over its other rules, which a list of rules cannot`,
              "The rules behind it apply to these packets too",
            );
          if (whole) return isBase ? "ended" : undefined;
          break;
        case "jump":
        case "goto": {
          const target = chains.get(verdict.chain);
          if (target === undefined) {
            tell(rule.span, `There is no chain '${verdict.chain}'`);
            break;
          }
          if (path.includes(verdict.chain) || path.length >= DEEPEST) {
            tell(rule.span, `'${verdict.chain}' is jumped to from within itself, or more than ${DEEPEST} deep`);
            break;
          }
          for (const draft of own) {
            const ended = walk(target, draft, [...path, verdict.chain], false);
            // What comes to its end does not come back here: that is no matter where nothing stands behind.
            if (verdict.kind === "goto" && ended === undefined && isBase) put(draft, policy, rule.span, rule.name);
            else if (verdict.kind === "goto" && ended === undefined && !whole)
              tell(
                rule.span,
                `What comes to the end of '${verdict.chain}' goes on behind the jump to '${chain.name}', which a list of rules cannot say`,
              );
            if (whole && (ended === "ended" || verdict.kind === "goto")) return isBase ? "ended" : ended;
          }
          break;
        }
      }
    }
    return undefined;
  };
  const end: Span = base.rules.at(-1)?.span ?? { start: 0, end: 0 };
  if (walk(base, EVERYTHING, [base.name], true) === undefined)
    put(EVERYTHING, policy, end, `policy of ${base.name}`.slice(0, 64));
  return made;
}

const effects = (verdict: ImportedVerdict): readonly string[] => {
  const effect = effectOf(verdict);
  return effect === "" ? [] : [`It is left out: ${effect}`];
};
