// Methods of variables, which dialects of C have: each is a macro, whose text stands in place of its call.

import { nearest } from "../source/index.ts";
import { type CToken, fail } from "./tokens.ts";

export interface Methods {
  find(name: string): Method | undefined;
  readonly names: readonly string[];
}

/** A method as a macro: its parameters' names stand in the body, `self` for the variable. */
export interface Method {
  readonly params: readonly { readonly name: string; readonly otherwise?: readonly CToken[] }[];
  readonly body: readonly CToken[];
}

/** The text of a method's call: `self` names the variable, `call` has the tokens from the bracket that opens to the one that closes. */
export function methodText(methods: Methods, name: CToken, self: CToken, call: readonly CToken[]): readonly CToken[] {
  const method = methods.find(name.text);
  if (method === undefined)
    return fail("SCRY1036", `there is no method '${name.text}'`, name, ...nearest(name.text, methods.names));
  const { params, body } = method;
  const given = argumentsOf(call);
  const least = params.filter((p) => p.otherwise === undefined).length;
  if (given.length < least || given.length > params.length)
    fail("SCRY1037", `'${name.text}' takes ${least} arguments, ${given.length} given`, name);
  const from = [...(name.from ?? []), name.text];
  const here = (t: CToken): CToken => ({ ...t, file: name.file, span: name.span, from });
  const punctuation = (text: string): CToken => here({ ...name, kind: "punctuator", text });
  return body.flatMap((t): readonly CToken[] => {
    if (t.kind !== "identifier") return [here(t)];
    if (t.text === "self") return [self];
    const index = params.findIndex((p) => p.name === t.text);
    if (index < 0) return [here(t)];
    const argument = given[index] ?? params[index]?.otherwise?.map(here) ?? [];
    return [punctuation("("), ...argument, punctuation(")")];
  });
}

/** Those of each argument. */
function argumentsOf(call: readonly CToken[]): (readonly CToken[])[] {
  const found: CToken[][] = [];
  let depth = 0;
  let argument: CToken[] | undefined;
  for (const t of call.slice(1, -1)) {
    if (t.kind === "punctuator" && /^[([{]$/.test(t.text)) depth++;
    if (t.kind === "punctuator" && /^[)\]}]$/.test(t.text)) depth--;
    if (argument === undefined) found.push((argument = []));
    if (depth === 0 && t.kind === "punctuator" && t.text === ",") argument = undefined;
    else argument.push(t);
  }
  return found;
}
