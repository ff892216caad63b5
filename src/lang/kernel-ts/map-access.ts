// Helpers of maps, called on a map that is declared or on one that was looked up in another.

import type { CExpression } from "../../c/index.ts";
import { type Expression, type Node, spanOf } from "./ast.ts";
import type { Reader } from "./reader.ts";
import type { MapValue } from "./values.ts";

/** What a helper gives where there is no map: no pointer, or that there is no such entry. */
const ABSENT = { pointer: 0, status: -2 } as const;

function addressOfMap(r: Reader, { at, variable }: MapValue, node: Node): CExpression {
  const span = spanOf(node);
  return at ?? r.types.typing.address({ kind: "variable", variable, type: variable.type, span }, span);
}

/**
 * Calls a helper whose first argument is the map. Of a map that may be missing nothing is called where it is, and the answer is
 * as if it were empty.
 */
export function onMap(
  r: Reader,
  map: MapValue,
  helper: string,
  args: readonly CExpression[],
  gives: "pointer" | "status",
  at: Node,
): CExpression {
  const span = spanOf(at);
  const call = r.call(helper, [addressOfMap(r, map, at), ...args], span);
  if (map.at === undefined) return call;
  const { typing, c, i64 } = r.types;
  const type = gives === "pointer" ? c.pointer(0) : i64;
  const result = r.held(r.constant(ABSENT[gives], i64, span), type, span);
  const value = typing.cast(call, type);
  const calling = r.gathered(() => r.do({ kind: "assign", target: r.read(result), value, type, span }));
  const then = { kind: "block" as const, statements: calling, span };
  r.push({ kind: "if", condition: typing.truth(map.at), then, span });
  return r.read(result);
}

/** The address of an argument, as one of this type in memory. */
export function addressed(r: Reader, node: Expression, type: number): CExpression {
  return r.types.typing.cast(r.addressOf(node, type), r.types.c.pointer(0));
}

/** A status as true or false: no error. */
export function succeeded(r: Reader, status: CExpression, at: Node): CExpression {
  const { typing, i64 } = r.types;
  const span = spanOf(at);
  return typing.compare("==", typing.cast(status, i64), r.constant(0, i64, span), span);
}

/** A pointer to the value of a key, in a variable; 0 where there is none. */
export function found(r: Reader, map: MapValue, key: CExpression, at: Node): CExpression {
  const span = spanOf(at);
  const call = onMap(r, map, "bpf_map_lookup_elem", [key], "pointer", at);
  return r.read(r.held(call, r.types.c.pointer(map.value), span), span);
}

/** Is this not zero, as a number that is 1 or 0? */
export function asBoolean(r: Reader, of: CExpression, at: Node): CExpression {
  const { typing } = r.types;
  return typing.unary("!", typing.unary("!", typing.truth(of), spanOf(at)), spanOf(at));
}

/** Does something where a condition holds. */
export function where(r: Reader, condition: CExpression, read: () => void, otherwise?: () => void): void {
  const { span } = condition;
  const block = (of: () => void): { kind: "block"; statements: ReturnType<Reader["gathered"]>; span: typeof span } => ({
    kind: "block",
    statements: r.gathered(of),
    span,
  });
  r.push({
    kind: "if",
    condition: r.types.typing.truth(condition),
    then: block(read),
    ...(otherwise === undefined ? {} : { otherwise: block(otherwise) }),
    span,
  });
}
