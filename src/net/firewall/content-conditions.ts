// Conditions of rules about what a payload says: one function for each kind of content, asked once for a packet, by whichever rule
// comes first. Of TCP it is the flow that is asked, its first bytes in whatever segments they come: its packets are followed before
// any rule is, and all that they say is known then.

import type { Block, FunctionBuilder, IrFunction, Value, Variable } from "../../compiler/index.ts";
import type { ReadConfig } from "../../config/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import type { PacketFacts } from "./facts.ts";
import type { World } from "./fields.ts";
import type { HookName } from "./hooks.ts";
import type { Intervals } from "./intervals.ts";
import { FLOW } from "./parse-packet.ts";
import { type CompiledContent, compileContent, MOST_OFFSET, matchPayload } from "./patterns/index.ts";
import type { Action, Rule, RuleSet } from "./rules.ts";
import { FOLLOW_FUNCTION, isOfStreams, MARKS, type StreamWords, streamLayout, TOLD } from "./streams/index.ts";

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
const NO_PAYLOAD = 0xffff_ffff;
/** Not 0: the packet does not say what its stream does. */
const UNCLEAR = 4;
const ANSWERS = 8;
/** In the upper half of a word: what was read from there the verifier does not follow. */
const ASKED = 4;
/** The place of the payload, whether it is unclear, then for each function whether it was asked and what it answered. */
export const payloadBytes = ({ matchers }: CompiledContent): number => ANSWERS + matchers.length * 16;

/**
 * Begins with no answers. `zero`: that number, but not for the verifier, to which a packet that was asked something and one that was
 * not are then alike, as long as it sees the halves of the stack's words alone. Linux 5.10 would follow each kind of content asked and
 * not asked, with all others, through all rules.
 */
export function noAnswers(b: FunctionBuilder, { matchers }: CompiledContent, slot: Value, zero: Value): void {
  b.zero(slot, 0, ANSWERS);
  for (const kind of matchers.keys()) for (const at of [0, 4, 8, 12]) b.store(32, slot, ANSWERS + kind * 16 + at, zero);
}

/** What is unclear is refused: a rule that refuses by what packets say takes it, and none that lets on. */
const takesUnclear = (action: Action): boolean => action === "deny" || action === "reject";

/** The functions that rules ask about a packet by itself, which is of another protocol than TCP. */
export const packetFunctions = (content: CompiledContent, rules: readonly Rule[]): readonly IrFunction[] => {
  const asked = new Set(
    rules.flatMap((rule, i) =>
      isOfStreams(rule) ? [] : (content.tests.get(i) ?? []).map(({ functionName }) => functionName),
    ),
  );
  return content.functions.filter(({ name }) => asked.has(name));
};

/** Goes on where the payload is as a rule asks, else to `otherwise`. `follows`: there are streams. */
export function saysContent(
  b: FunctionBuilder,
  content: CompiledContent,
  index: number,
  { slot, rule, follows }: PayloadState & { readonly rule: Rule; readonly follows: boolean },
  otherwise: Block,
): void {
  const holds = b.block("says");
  if (follows) b.must("eq", b.load("u32", slot, UNCLEAR), 0, takesUnclear(rule.action) ? holds : otherwise);
  for (const { functionName, bits } of content.tests.get(index) ?? []) {
    const at = ANSWERS + content.matchers.findIndex((one) => one.functionName === functionName) * 16;
    // Streams have answered already.
    if (!isOfStreams(rule))
      b.when("eq", b.load("u32", slot, at + ASKED), 0, () => {
        b.store(32, slot, at + ASKED, 1);
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

/** Whether the packet is unclear, as a number that is not 0. */
export const isUnclear = (b: FunctionBuilder, { slot }: PayloadState): Value => b.load("u32", slot, UNCLEAR);

/** A segment of TCP, as the headers say it. */
export interface SegmentState extends PayloadState {
  /** `struct flow`, filled in. */
  readonly flow: Value;
  /** The number in its header, as it lies there; MARKS of its flags; not 0: the packet is a fragment. */
  readonly sequence: Value;
  readonly marks: Value;
  readonly fragment: Value;
  /** Where the packet of IP ends, from the frame's start; 0: it does not say. */
  readonly end: Value;
  /** Bytes of the frame. */
  readonly length: Value;
}

/** Beside MARKS: it is a segment. */
const SEGMENT = 4;

/** What is read of a segment's headers on the way, for when it is asked about. */
export function segmentOf(b: FunctionBuilder): {
  /** The headers are found. */
  readonly found: (world: World, transport: Value, start: Value, network: Value) => void;
  /** Runs what is only for segments. */
  readonly when: (then: () => void) => void;
  readonly read: () => Pick<SegmentState, "sequence" | "marks" | "end">;
} {
  const variable = (name: string): Variable => ({ name, type: { kind: "int" } });
  const [sequence, marks, end] = [variable("sequence"), variable("marks"), variable("end")] as const;
  return {
    found: (world, transport, start, network) => {
      const [at, header] = world === "ipv4 tcp" ? [2, 0] : [4, 40];
      const length = b.load("u16", network, at);
      b.write(sequence, b.load("u32", transport, 4));
      const flags = b.load("u8", transport, 13);
      const strange = b.and(b.binary("shr", flags, 4), MARKS.strange);
      b.write(marks, b.binary("or", b.binary("or", strange, b.and(b.binary("shr", flags, 1), MARKS.syn)), SEGMENT));
      b.write(end, b.const(0));
      b.when("ne", length, 0, () =>
        b.write(end, b.add(b.add(b.binary("sub", network, start), b.bswap(length, 16)), header)),
      );
    },
    when: (then) => b.when("ne", b.read(marks), 0, then),
    read: () => ({ sequence: b.read(sequence), marks: b.read(marks), end: b.read(end) }),
  };
}

/** Follows a segment's stream, if it goes to one of these ports: what it says is answered then for all rules. */
export function followStream(
  b: FunctionBuilder,
  content: CompiledContent,
  ports: Intervals,
  segment: SegmentState,
): void {
  const { slot, flow } = segment;
  const INT = { kind: "int" } as const;
  const layout = streamLayout(content);
  const done = b.block("followed");
  const asked = b.block("asked");
  const port = b.bswap(b.load("u16", flow, FLOW.destinationPort), 16);
  for (let i = 0; i < ports.length; i += 2) {
    const [low, high] = [ports[i] as number, ports[i + 1] as number];
    const next = b.block("port");
    b.branch("ule", b.and(b.binary("sub", port, low), 0xffff), high - low, asked, next);
    b.enter(next);
  }
  // By itself a segment says nothing.
  b.store(32, slot, 0, NO_PAYLOAD);
  b.jump(done);
  b.enter(asked);
  const offset = b.load("u32", slot, 0);
  const end: Variable = { name: "end", type: INT };
  b.write(end, segment.length);
  b.when("ne", segment.end, 0, () => b.when("ult", segment.end, segment.length, () => b.write(end, segment.end)));
  const bytes: Variable = { name: "bytes", type: INT };
  b.write(bytes, b.const(0));
  b.when("ugt", b.read(end), offset, () => b.write(bytes, b.binary("sub", b.read(end), offset)));
  const marks: Variable = { name: "marks", type: INT };
  b.write(marks, segment.marks);
  b.when("ne", segment.fragment, 0, () => b.write(marks, b.binary("or", segment.marks, MARKS.strange)));
  const key = b.slot(8);
  b.store(32, key, 0, 0);
  const told = b.helper("map_lookup_elem", [b.map(TOLD), key], { kind: "map-value", map: TOLD, nullable: true });
  b.store(32, slot, UNCLEAR, 1);
  b.must("ne", told, 0, done);
  b.copy(told, 0, flow, 0, FLOW.bytes);
  const first = b.zext(b.add(b.bswap(segment.sequence, 32), b.and(segment.marks, MARKS.syn)), 32);
  b.store(32, slot, UNCLEAR, b.call(FOLLOW_FUNCTION, [b.param(0), first, offset, b.read(bytes), b.read(marks)]));
  for (const kind of content.matchers.keys()) {
    b.store(32, slot, ANSWERS + kind * 16 + ASKED, 1);
    b.store(64, slot, ANSWERS + kind * 16 + 8, b.load("u64", told, layout.answer(kind)));
  }
  b.jump(done);
  b.enter(done);
}

/** Bytes from the frame's start to the payload. */
export function payloadPlace(b: FunctionBuilder, world: World, transport: Value | undefined, start: Value): Value {
  if (transport === undefined || world.endsWith("icmp")) return b.const(NO_PAYLOAD);
  const header = world.endsWith("tcp")
    ? b.binary("shl", b.binary("shr", b.load("u8", transport, 12), 4), 2)
    : b.const(8);
  return b.add(b.binary("sub", transport, start), header);
}

/** The payload of a packet that is looked at by itself: behind eight bytes of any header with ports but TCP's. Undefined: it has none. */
export function payloadOf(frame: Uint8Array, { world, transport }: PacketFacts): Uint8Array | undefined {
  if (transport === undefined || !world.endsWith("ports") || transport + 8 > MOST_OFFSET) return undefined;
  return frame.subarray(transport + 8);
}

/** The same question, of bytes: of a stream where the packet is of one that is followed. */
export function payloadSays(
  content: CompiledContent,
  rule: number,
  action: Action,
  payload: Uint8Array | undefined,
  stream: StreamWords | undefined,
): boolean {
  if (stream?.unclear === true) return takesUnclear(action);
  return (content.tests.get(rule) ?? []).some(({ functionName, bits }) => {
    if (stream !== undefined) return ((stream.answers.get(functionName) ?? 0n) & bits) === bits;
    const matcher = content.matchers.find((one) => one.functionName === functionName);
    return matcher !== undefined && payload !== undefined && (matchPayload(matcher, payload) & bits) === bits;
  });
}
