// The tests of a rule set: each packet is judged by the compiled program, on the embedded machine, without root. Where a test asks
// about what a flow was before, the rules are asked one by one, as the program would be the second time.

import { embedded } from "../../machine/index.ts";
import { COUNTERS } from "./counters.ts";
import { HOOKS } from "./hooks.ts";
import { NETWORKS6 } from "./networks.ts";
import { packetOfHex, packetsOfText } from "./packet-words.ts";
import type { CompiledFirewall } from "./program.ts";
import { FIREWALL_PROGRAM } from "./program.ts";
import { referenceFirewall, type Verdict } from "./reference.ts";
import type { RuleTest } from "./rules.ts";

export interface TestOutcome {
  readonly test: number;
  /** What it is called, or its packet. */
  readonly name: string;
  /** What went otherwise than it expects; absent: all is well. */
  readonly failure?: string;
}

/** The name of a rule in messages: its own, or its number from 1 on. */
export const ruleName = ({ rules }: CompiledFirewall, rule: number | undefined): string =>
  rule === undefined || rule >= rules.value.rules.length
    ? "the default"
    : (rules.value.rules[rule]?.name ?? `rule ${rule + 1}`);

/** Runs them all. */
export function runRuleTests(compiled: CompiledFirewall): readonly TestOutcome[] {
  return (compiled.rules.value.tests ?? []).map((test, i) => {
    const name = test.name ?? test.packet ?? `test ${i + 1}`;
    const failure = failureOf(test, compiled);
    return { test: i, name, ...(failure === undefined ? {} : { failure }) };
  });
}

function failureOf(test: RuleTest, compiled: CompiledFirewall): string | undefined {
  if ((test.packet === undefined) === (test.hex === undefined)) return "it needs a packet, in words or as bytes (hex)";
  const frames = test.packet === undefined ? [packetOfHex(test.hex as string)] : packetsOfText(test.packet);
  if ("wrong" in frames) return frames.wrong;
  const [frame, ...before] = frames.toReversed();
  if (frame === undefined || "wrong" in frame) return frame?.wrong;
  const verdict = judge(frame, compiled, test.state, before.reverse() as Uint8Array[]);
  if (onMachine(verdict.action) !== test.expect)
    return `it is ${done(verdict.action)} by ${ruleName(compiled, verdict.rule)}`;
  if (test.by !== undefined && !meant(test.by, verdict, compiled))
    return `it is ${done(verdict.action)}, but by ${ruleName(compiled, verdict.rule)}`;
  return undefined;
}

const done = (action: string): string =>
  ({ allow: "allowed", deny: "denied", reject: "rejected", guard: "allowed" })[action] ?? action;

/** No socket listens on the embedded machine: what would be guarded goes on. */
const onMachine = (action: Verdict["action"]): RuleTest["expect"] => (action === "guard" ? "allow" : action);

function meant(by: string, { rule }: Verdict, { rules }: CompiledFirewall): boolean {
  if (by === "default") return rule === undefined;
  return rule !== undefined && (rules.value.rules[rule]?.name === by || String(rule + 1) === by);
}

/** What becomes of a frame, by the compiled program; of its flow it is told, or it is new. `before`: packets that came ahead of it. */
export function judge(
  frame: Uint8Array,
  compiled: CompiledFirewall,
  state?: "new" | "established",
  before: readonly Uint8Array[] = [],
): Verdict {
  const rulesThemselves = referenceFirewall(compiled.rules, compiled.sets, compiled.hook);
  for (const one of before) rulesThemselves.judge(one, { now: 1n });
  const reference = rulesThemselves.judge(frame, {
    now: 1n,
    ...(state === undefined ? {} : { established: state === "established" }),
  });
  // The program knows no flow that it has not seen.
  if (state === "established") return reference;
  const machine = embedded(compiled.object, { clock: () => 1n });
  for (const { key, bits } of compiled.trie)
    machine.maps.get(NETWORKS6)?.update(key, new Uint8Array(Uint32Array.of(bits).buffer));
  for (const one of before) machine.run(FIREWALL_PROGRAM, { packet: one });
  const result = machine.run(FIREWALL_PROGRAM, { packet: frame });
  const rules = compiled.rules.value.rules.length;
  const hook = HOOKS[compiled.hook];
  const value = result.value | 0;
  const action =
    value === hook.allow ? "allow" : value === hook.deny && reference.action !== "reject" ? "deny" : "reject";
  if (result.trap !== undefined || action !== onMachine(reference.action))
    throw new Error(
      `the program and the rules do not agree: ${action} and ${reference.action}${result.trap === undefined ? "" : ` (${result.trap.message})`}`,
    );
  // The counter that moved last says which rule it was.
  const counters = machine.maps.get(COUNTERS);
  const decided = reference.rule ?? rules;
  const counted = counters?.lookup(new Uint8Array(Uint32Array.of(decided).buffer));
  if (counted?.every((byte) => byte === 0)) throw new Error("the program has counted another rule");
  return reference;
}
