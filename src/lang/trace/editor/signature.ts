// The call that a place is within: its form, and which of its arguments is being typed.

import { builtins } from "../builtins/index.ts";
import type { EditedScript } from "./edited-script.ts";
import { languageMacros, macroSignature } from "./macros.ts";

export interface SignatureHelp {
  readonly form: string;
  readonly doc?: string;
  /** Where in the form its arguments stand. */
  readonly parameters: readonly (readonly [start: number, end: number])[];
  /** Counted from 0. */
  readonly active: number;
}

export function signatureHelp(script: EditedScript, offset: number): SignatureHelp | undefined {
  const tokens = script.scanned.tokens.filter((t) => t.kind !== "comment" && t.end <= offset);
  let commas = 0;
  let depth = 0;
  for (let i = tokens.length - 1; i >= 0; i--) {
    const { text, kind } = tokens[i] as (typeof tokens)[number];
    if (kind !== "punctuator") continue;
    if (text === ")" || text === "]" || text === "}") depth++;
    else if (depth > 0 && (text === "(" || text === "[" || text === "{")) depth--;
    else if (text === "{" || text === ";") return undefined;
    else if (text === "," && depth === 0) commas++;
    else if (text === "(") {
      const form = formOf(script, tokens[i - 1]?.text ?? "");
      if (form !== undefined) return { ...form, ...parametersOf(form.form, commas) };
      commas = 0;
    } else if (text === "[" && depth === 0) commas = 0;
  }
  return undefined;
}

function formOf(script: EditedScript, name: string): { form: string; doc?: string } | undefined {
  const macro = [...script.macros, ...languageMacros].find((m) => m.name === name);
  if (macro !== undefined) return { form: macroSignature(macro) };
  const builtin = builtins.get(name);
  return builtin?.arity === undefined ? undefined : { form: builtin.signature, doc: builtin.doc };
}

/** The names within the first parentheses of a form: `str(address[, length])`. */
function parametersOf(form: string, commas: number): Pick<SignatureHelp, "parameters" | "active"> {
  const parameters: [number, number][] = [];
  const open = form.indexOf("(");
  const close = open < 0 ? -1 : form.indexOf(")", open);
  if (close < 0) return { parameters, active: 0 };
  for (const m of form.slice(open + 1, close).matchAll(/[^,()[\]\s](?:[^,()[\]]*[^,()[\]\s])?/g))
    parameters.push([open + 1 + m.index, open + 1 + m.index + m[0].length]);
  return { parameters, active: Math.min(commas, Math.max(0, parameters.length - 1)) };
}
