// Actions that not every hook has: only XDP answers connections in the kernel's place, only tc's packets have marks.

import type { ReadConfig } from "../../config/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import type { HookName } from "./hooks.ts";
import type { Action, RuleSet } from "./rules.ts";

/** Actions that one hook has, and what to do at the other. */
const ONLY_AT: Readonly<
  Partial<Record<Action, { readonly hook: HookName; readonly message: string; readonly hint: string }>>
> = {
  guard: {
    hook: "xdp",
    message: "Connections are guarded at xdp only",
    hint: "A rule with 'within' and 'action: allow' keeps a rate of connections at tc",
  },
  mark: { hook: "tc", message: "Packets have marks at tc only", hint: "Apply these rules with --hook tc" },
};

/** Throws a DiagnosticError (SCRY1603) for a rule of these actions that the hook does not have. */
export function refuseElsewhere(
  { value, place, source }: ReadConfig<RuleSet>,
  hook: HookName,
  actions: readonly Action[],
): void {
  const problems = value.rules.flatMap(({ action }, rule) => {
    const only = actions.includes(action) ? ONLY_AT[action] : undefined;
    if (only === undefined || only.hook === hook) return [];
    return [
      {
        code: "SCRY1603" as const,
        severity: "error" as const,
        message: `${only.message}, and these rules are for ${hook}`,
        span: place("rules", rule, "action"),
        hints: [only.hint],
      },
    ];
  });
  if (problems.length > 0) throw new DiagnosticError(problems, source);
}
