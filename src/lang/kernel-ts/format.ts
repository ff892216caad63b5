// Texts with values in them, `${…}`, as the kernel writes them: a format, and its values as words (bpf_snprintf of
// bpf-helpers(7)).

import type { CExpression } from "../../c/index.ts";
import { bare, type Expression, refuse, spanOf } from "./ast.ts";
import type { Reader } from "./reader.ts";

export interface Formatted {
  /** The format with its end, in memory that nobody changes. */
  readonly format: CExpression;
  /** Numbers of 64 bits, addresses of texts. */
  readonly values: readonly CExpression[];
}

export function formatted(r: Reader, node: Expression, end = ""): Formatted {
  const { typing } = r.types;
  const text = bare(node);
  const span = spanOf(node);
  const values: CExpression[] = [];
  let format = "";
  if (text.type === "TemplateLiteral") {
    for (const [i, quasi] of text.quasis.entries()) {
      format += (quasi.value.cooked ?? "").replaceAll("%", "%%");
      const value = text.expressions[i];
      if (value === undefined) continue;
      const known = r.value(value);
      if (known.kind === "static" && known.what.kind === "text") {
        format += known.what.text.replaceAll("%", "%%");
        continue;
      }
      const of = r.asPlain(known, value);
      if (r.types.textLength(of.type) !== undefined) {
        format += "%s";
        values.push(typing.address(r.addressable(of), span));
      } else if (!typing.isScalar(of.type))
        return refuse("SCRY1405", `${r.types.name(of.type)} cannot be written as text`, value, "Its members can");
      else {
        const signed = typing.isInteger(of.type) && typing.signed(of.type);
        format += signed ? "%lld" : "%llu";
        values.push(typing.cast(of, signed ? typing.long : typing.unsignedLong));
      }
    }
  } else {
    const literal = r.value(node);
    if (literal.kind !== "static" || literal.what.kind !== "text")
      return refuse("SCRY1405", "a text is needed here, between backquotes where it has values in it", node);
    format = literal.what.text.replaceAll("%", "%%");
  }
  const bytes = new TextEncoder().encode(`${format}${end}\0`);
  return { format: { kind: "text", bytes, type: r.types.text(bytes.length), span }, values };
}

/** The values as a list in memory: its address, and how many bytes it has. */
export function asList(
  r: Reader,
  values: readonly CExpression[],
  node: Expression,
): readonly [CExpression, CExpression] {
  const { typing, c } = r.types;
  const span = spanOf(node);
  const size = r.constant(values.length * 8, typing.unsigned, span);
  if (values.length === 0) return [r.constant(0, c.pointer(0), span), size];
  const list = r.temporary(c.array(r.types.u64, values.length), span);
  list.addressed = true;
  list.initial = {
    entries: values.map((value, i) => ({
      offset: i * 64,
      bits: 0,
      type: r.types.u64,
      value: typing.explicit(typing.value(value), r.types.u64, span),
    })),
    span,
  };
  r.push({ kind: "declare", variable: list, span });
  return [typing.cast(typing.address(r.read(list), span), c.pointer(0)), size];
}
