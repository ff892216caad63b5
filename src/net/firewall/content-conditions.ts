// Conditions of rules about what a payload says: one function for each kind of content, asked once for a packet, by whichever rule
// comes first.

import type { Block, FunctionBuilder, Value } from "../../compiler/index.ts";
import type { ReadConfig } from "../../config/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import type { PacketFacts } from "./facts.ts";
import type { HookName } from "./hooks.ts";
import { type CompiledContent, compileContent, MOST_OFFSET, matchPayload } from "./patterns/index.ts";
import type { RuleSet } from "./rules.ts";

/** The functions and tables of all rules; undefined where none asks for content. Throws a DiagnosticError (SCRY1640, SCRY1641). */
export function contentOf(
  { value, place, source }: ReadConfig<RuleSet>,
  hook: HookName = "xdp",
): CompiledContent | undefined {
  const conditions = value.rules.flatMap(({ content = [] }, id) =>
    content.map(({ pattern, ignoreCase }, i) => ({ id, pattern, ignoreCase, span: place("rules", id, "content", i) })),
  );
  if (conditions.length === 0) return undefined;
  const { content, diagnostics } = compileContent(conditions, { context: hook === "xdp" ? "xdp" : "tc" });
  if (content === undefined || diagnostics.length > 0) throw new DiagnosticError(diagnostics, source);
  return content;
}

/** What a program knows of the payload: where it begins (a word; NO_PAYLOAD: there is none), and the answers so far. */
export interface PayloadState {
  /** Memory of `payloadBytes`. */
  readonly slot: Value;
}
export const NO_PAYLOAD = 0xffff_ffff;
/** The place of the payload, then for each function whether it was asked and what it answered. */
export const payloadBytes = ({ matchers }: CompiledContent): number => 8 + matchers.length * 16;

/** Goes on where the payload is as a rule asks, else to `otherwise`. */
export function saysContent(
  b: FunctionBuilder,
  content: CompiledContent,
  rule: number,
  { slot }: PayloadState,
  otherwise: Block,
): void {
  const holds = b.block("says");
  for (const { functionName, bits } of content.tests.get(rule) ?? []) {
    const at = 8 + content.matchers.findIndex((one) => one.functionName === functionName) * 16;
    b.when("eq", b.load("u64", slot, at), 0, () => {
      b.store(64, slot, at, 1);
      b.store(64, slot, at + 8, b.call(functionName, [b.param(0), b.load("u32", slot, 0)]));
    });
    const wanted = b.const(BigInt.asIntN(64, bits));
    const other = b.block("other");
    b.branch("eq", b.binary("and", b.load("u64", slot, at + 8), wanted), wanted, holds, other);
    b.enter(other);
  }
  b.jump(otherwise);
  b.enter(holds);
}

/** Where a packet's payload begins: behind TCP's header, or eight bytes of any other with ports. Undefined: it has none. */
export function payloadOf(frame: Uint8Array, { world, transport }: PacketFacts): Uint8Array | undefined {
  if (transport === undefined) return undefined;
  const header = world.endsWith("tcp")
    ? ((frame[transport + 12] as number) >> 4) * 4
    : world.endsWith("ports")
      ? 8
      : undefined;
  if (header === undefined || transport + header > MOST_OFFSET) return undefined;
  return frame.subarray(transport + header);
}

/** The same question, of bytes. */
export function payloadSays(content: CompiledContent, rule: number, payload: Uint8Array | undefined): boolean {
  if (payload === undefined) return false;
  return (content.tests.get(rule) ?? []).some(({ functionName, bits }) => {
    const matcher = content.matchers.find((one) => one.functionName === functionName);
    return matcher !== undefined && (matchPayload(matcher, payload) & bits) === bits;
  });
}
