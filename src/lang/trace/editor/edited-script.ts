// A script as an editor has it: its tokens, and what the compiler's front says of it. Each is worked out once, when it is
// first asked for. While an item is no script, names keep the types they had when it last was one.

import type { ProbeEnvironment } from "../../../probes/index.ts";
import type { Type } from "../../../schema/index.ts";
import type { Diagnostic, SourceText } from "../../../source/index.ts";
import type { CheckedScript } from "../check/index.ts";
import { type Analysis, analyze, analyzeMended, macroAsProbe } from "./analysis.ts";
import { type EditedMacro, macrosOf } from "./macros.ts";
import { isOpen, withStandIns } from "./parameters.ts";
import { type Item, itemIn, type ScannedText, scan } from "./scan.ts";

export class EditedScript {
  readonly source: SourceText;
  readonly env: ProbeEnvironment;
  readonly #before: EditedScript | undefined;
  #scanned: ScannedText | undefined;
  #world: ProbeEnvironment | undefined;
  #analysis: Analysis | undefined;
  #mended: Analysis | undefined;
  #macros: readonly EditedMacro[] | undefined;
  readonly #bodies = new Map<Item, Analysis>();

  /** `before`: the same file as it was. */
  constructor(source: SourceText, env: ProbeEnvironment, before?: EditedScript) {
    this.source = source;
    this.env = env;
    // Not a chain of all that was: the last one that was a script.
    this.#before = before?.lastScript;
  }

  get scanned(): ScannedText {
    this.#scanned ??= scan(this.source);
    return this.#scanned;
  }

  /** The environment that the script is checked in. */
  get world(): ProbeEnvironment {
    this.#world ??= withStandIns(this.scanned, this.env);
    return this.#world;
  }

  get analysis(): Analysis {
    this.#analysis ??= analyze(this.source, this.world);
    return this.#analysis;
  }

  /** Without the items that are no script. */
  get mended(): Analysis {
    const { analysis } = this;
    this.#mended ??= analysis.checked === undefined ? analyzeMended(this.source, this.world) : analysis;
    return this.#mended;
  }

  /** What is known of the item at an offset: of a macro, by itself, though nothing uses it. */
  at(offset: number): Analysis {
    const item = itemIn(this.scanned.items, offset);
    if (item?.kind !== "macro") return this.mended;
    let body = this.#bodies.get(item);
    if (body === undefined) {
      body = analyzeMended({ name: this.source.name, text: macroAsProbe(this.source.text, item) }, this.world);
      this.#bodies.set(item, body);
    }
    return body;
  }

  get lastScript(): EditedScript | undefined {
    return this.#analysis?.checked === undefined ? this.#before : this;
  }

  /** What is wrong with it; empty for a text without anything in it. */
  get diagnostics(): readonly Diagnostic[] {
    const { items, tokens } = this.scanned;
    // A text of macros is for others to import.
    const library = items.length === 0 || items.every((i) => i.kind !== "probe");
    const open = tokens.filter(isOpen);
    const isOfOpen = ({ span }: Diagnostic): boolean =>
      span !== undefined && span.file === undefined && open.some((t) => t.start <= span.start && span.end <= t.end);
    return this.analysis.diagnostics.filter((d) => (!library || d.code !== "SCRY1006") && !isOfOpen(d));
  }

  /** The script's macros and those that it imports. */
  get macros(): readonly EditedMacro[] {
    this.#macros ??= macrosOf(this.source, this.scanned, this.env);
    return this.#macros;
  }

  /** The type of a variable or map by its name; of a variable in the item that is there. */
  typeOfName(name: string, offset: number): Type | undefined {
    for (const checked of [this.mended.checked, this.#before?.analysis.checked]) {
      const type = checked === undefined ? undefined : typeIn(checked, name, offset);
      if (type !== undefined && type.kind !== "none") return type;
    }
    return undefined;
  }
}

function typeIn(checked: CheckedScript, name: string, offset: number): Type | undefined {
  if (name.startsWith("@")) return checked.state.maps.get(name)?.valueType;
  const nearest = [...checked.units].sort(
    (a, b) => distance(a.probe.span.start, offset) - distance(b.probe.span.start, offset),
  );
  for (const unit of nearest)
    for (const [variable, info] of unit.variables)
      if (variable.name === name && info.type.kind !== "none") return info.type;
  return undefined;
}

/** How far an offset is behind a start; one before it is far away. */
const distance = (start: number, offset: number): number => (start <= offset ? offset - start : 1e9 + start - offset);
