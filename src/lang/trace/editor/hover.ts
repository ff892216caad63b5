// What is known of the thing at a place: its type, its documentation, a probe's arguments.

import { describeArguments, providerOf } from "../../../probes/index.ts";
import { type Type, typeName } from "../../../schema/index.ts";
import type { Span } from "../../../source/index.ts";
import { builtins } from "../builtins/index.ts";
import { configKeys } from "../check/index.ts";
import { type Expression, walkProbe } from "../parse/index.ts";
import { macroSignature } from "./completion.ts";
import type { EditedScript } from "./edited-script.ts";
import { itemAt } from "./places.ts";
import { type Scanned, tokenAt } from "./scan.ts";

export interface Hover {
  readonly span: Span;
  /** Lines of the language or of C. */
  readonly code: string;
  readonly doc?: string;
}

export function hover(script: EditedScript, offset: number): Hover | undefined {
  const token = tokenAt(script.scanned.tokens, offset);
  if (token === undefined) return undefined;
  const said = describe(script, token, offset);
  return said === undefined ? undefined : { span: { start: token.start, end: token.end }, ...said };
}

function describe(script: EditedScript, token: Scanned, offset: number): Omit<Hover, "span"> | undefined {
  if (token.kind === "attach") return describeProbe(script, token);
  if (token.kind === "variable" || token.kind === "map") {
    const type = typeAt(script, token.start) ?? script.typeOfName(token.text, token.start);
    return type === undefined ? undefined : { code: `${token.text}: ${typeName(type)}${keyOf(script, token)}` };
  }
  if (token.kind !== "identifier" && token.kind !== "parameter") return undefined;
  if (itemAt(script, offset)?.kind === "config") {
    const key = configKeys.find((k) => k.key === token.text);
    if (key === undefined) return undefined;
    const kind = typeof key.kind === "string" ? key.kind : key.kind.join(" | ");
    return {
      code: `${key.key}: ${kind}${key.least === undefined ? "" : `, ${key.least} to ${key.most}`}`,
      doc: key.doc,
    };
  }
  const macro = script.macros.find((m) => m.name === token.text);
  if (macro !== undefined) return { code: `macro ${macroSignature(macro)}` };
  const type = typeAt(script, token.start);
  const suffix = type === undefined || type.kind === "none" ? "" : `: ${typeName(type)}`;
  const at = script.scanned.tokens.indexOf(token);
  const isField = [".", "->"].includes(script.scanned.tokens[at - 1]?.text ?? "");
  const builtin = isField ? undefined : builtins.get(token.text);
  if (builtin !== undefined) return { code: builtin.signature + suffix, doc: builtin.doc };
  return suffix === "" ? undefined : { code: token.text + suffix };
}

function describeProbe(script: EditedScript, token: Scanned): Omit<Hover, "span"> | undefined {
  const provider = providerOf(token.text.split(":")[0] as string);
  if (provider === undefined) return undefined;
  const doc = `${provider.syntax}: ${provider.doc}`;
  for (const unit of script.analysis.checked?.units ?? [])
    for (const point of unit.probe.attachPoints) {
      if (point.span.file !== undefined || point.span.start > token.start || point.span.end < token.end) continue;
      // A pattern's probes can be in several units.
      const [probe] = unit.resolved;
      if (probe === undefined) continue;
      const more = unit.resolved.length > 1 ? `\n… ${unit.resolved.length} probes` : "";
      return { code: [probe.name, ...describeArguments(probe).map((line) => `    ${line}`)].join("\n") + more, doc };
    }
  return { code: token.text, doc };
}

/** ` by string` for a map with keys. */
function keyOf(script: EditedScript, token: Scanned): string {
  if (token.kind !== "map") return "";
  const key = script.analysis.checked?.state.maps.get(token.text)?.keyType;
  return key === undefined || key.kind === "none" ? "" : ` by ${typeName(key)}`;
}

/** The type of the smallest expression that ends with the name at a place, or begins with it. */
function typeAt(script: EditedScript, offset: number): Type | undefined {
  let best: Expression | undefined;
  let type: Type | undefined;
  for (const unit of script.analysis.checked?.units ?? [])
    walkProbe(unit.probe, {
      expression(e) {
        const at = e.kind === "field" || e.kind === "identifier" || e.kind === "call" ? e.nameSpan : e.span;
        if (at.file !== undefined || at.start > offset || offset >= at.end) return;
        if (best !== undefined && best.span.end - best.span.start < e.span.end - e.span.start) return;
        const found = unit.types.get(e);
        if (found === undefined) return;
        best = e;
        type = found;
      },
    });
  return type;
}
