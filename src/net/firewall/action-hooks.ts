// What not every hook has: only XDP answers connections in the kernel's place, XDP's packets have no marks, those of a control group
// nothing before IP's header.

import type { ReadConfig } from "../../config/index.ts";
import { type Diagnostic, DiagnosticError } from "../../source/index.ts";
import type { HookName } from "./hooks.ts";
import type { Action, Rule, RuleSet } from "./rules.ts";

interface Elsewhere {
  readonly message: string;
  readonly hint: string;
}

/** Actions that some hooks have, and what to do at the others. */
const ONLY_AT: Readonly<Partial<Record<Action, Elsewhere & { readonly hooks: readonly HookName[] }>>> = {
  guard: {
    hooks: ["xdp"],
    message: "Connections are guarded at xdp only",
    hint: "A rule with 'within' and 'action: allow' keeps a rate of connections elsewhere",
  },
  mark: {
    hooks: ["tc", "cgroup"],
    message: "Packets have marks at tc and cgroup only",
    hint: "Apply these rules with --hook tc",
  },
  reject: {
    hooks: ["xdp", "tc"],
    message: "Packets are answered at xdp and tc only",
    hint: "'deny' refuses them; who sends is told by EPERM",
  },
};

/** What rules cannot ask at a hook. */
const NOT_AT: Readonly<Partial<Record<HookName, Readonly<Partial<Record<keyof Rule, Elsewhere>>>>>> = {
  cgroup: {
    "source-mac": { message: "Packets have no MAC addresses there", hint: "They have at xdp and tc" },
    "destination-mac": { message: "Packets have no MAC addresses there", hint: "They have at xdp and tc" },
    vlan: { message: "Packets have no tags of VLANs there", hint: "They have at xdp and tc" },
    content: {
      message: "Payloads are not in one piece with the headers there",
      hint: "They are looked into at xdp and tc; what processes may connect to by name, 'services' say",
    },
  },
};

/** Throws a DiagnosticError (SCRY1603) for a rule of these actions that the hook does not have. */
export function refuseElsewhere(read: ReadConfig<RuleSet>, hook: HookName, actions: readonly Action[]): void {
  refuse(
    read,
    hook,
    read.value.rules.flatMap(({ action }, rule) => {
      const only = actions.includes(action) ? ONLY_AT[action] : undefined;
      return only === undefined || only.hooks.includes(hook) ? [] : [{ rule, key: "action", ...only }];
    }),
  );
}

/** Throws a DiagnosticError (SCRY1603) for a rule that asks what packets do not have at the hook. */
export function refuseUnseen(read: ReadConfig<RuleSet>, hook: HookName): void {
  refuse(
    read,
    hook,
    read.value.rules.flatMap((one, rule) =>
      Object.entries(NOT_AT[hook] ?? {}).flatMap(([key, elsewhere]) =>
        one[key as keyof Rule] === undefined ? [] : [{ rule, key, ...elsewhere }],
      ),
    ),
  );
}

function refuse(
  { place, source }: ReadConfig<RuleSet>,
  hook: HookName,
  problems: readonly (Elsewhere & { readonly rule: number; readonly key: string })[],
): void {
  if (problems.length === 0) return;
  const diagnostics = problems.map(
    ({ rule, key, message, hint }): Diagnostic => ({
      code: "SCRY1603",
      severity: "error",
      message: `${message}, and these rules are for ${hook}`,
      span: place("rules", rule, key),
      hints: [hint],
    }),
  );
  throw new DiagnosticError(diagnostics, source);
}
