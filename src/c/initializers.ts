// What variables start with (C11 6.7.9): braces, designators, braces that are left out. It becomes a flat list of what is
// written where.

import { ExpressionReader } from "./expressions.ts";
import type { CExpression, CInitializer, CVariable } from "./tree.ts";
import { refuse, WRONG_TYPE } from "./typing.ts";

type Entry = CInitializer["entries"][number];

interface Part {
  readonly type: number;
  readonly offset: number;
  readonly bits: number;
}

interface Designated {
  readonly parts: readonly Part[];
  /** Of the member or element of the aggregate itself. */
  readonly index: number;
  /** The steps below it; what follows without a designator goes on behind the innermost. */
  readonly inner: { readonly part: Part; readonly index: number }[];
}

/** Elements that a range of designators may name. */
const MOST_ELEMENTS = 1 << 20;

export abstract class InitializerReader extends ExpressionReader {
  #entries: Entry[] = [];

  /** Reads what stands behind `=`, or the braces of a compound literal. An array without a length gets one. */
  protected initialized(variable: CVariable): void {
    const start = this.span;
    const outer = this.#entries;
    this.#entries = [];
    const { types } = this;
    const array = this.typing.resolve(variable.type);
    const open = array.kind === "array" && array.count === 0;
    const elements = this.#part({ type: variable.type, offset: 0, bits: 0 });
    const before = variable.type;
    if (open) variable.type = types.array(array.element, elements);
    // A string that is all of it is as long as it is.
    const entries = this.#entries.map((e) => (open && e.type === before ? { ...e, type: variable.type } : e));
    variable.initial = { entries, span: this.from(start) };
    this.#entries = outer;
  }

  #put(part: Part, of: CExpression): void {
    const value =
      of.kind === "text" && this.typing.resolve(part.type).kind === "array"
        ? of
        : this.typing.assigned(of, part.type, "a value");
    this.#entries.push({ offset: part.offset, bits: part.bits, type: part.type, value });
  }

  #isText(type: number): boolean {
    const array = this.typing.resolve(type);
    if (array.kind !== "array") return false;
    const element = this.typing.resolve(array.element);
    return element.kind === "int" && element.size === 1;
  }

  /** One part with or without braces; of an array, answers how many elements there are. */
  #part(part: Part, first?: CExpression): number {
    const type = this.typing.resolve(part.type);
    if (first === undefined && this.is("{")) return this.inside(() => this.#braces(part));
    const of = first ?? this.assignment();
    if (of.kind === "text" && this.#isText(part.type)) {
      this.#put(part, of);
      return of.bytes.length;
    }
    if (type.kind === "array") return this.#elided(part, of);
    if (type.kind === "struct" || type.kind === "union") {
      if (this.typing.isComposite(of.type)) this.#put(part, of);
      else this.#elided(part, of);
      return 0;
    }
    this.#put(part, of);
    return 0;
  }

  /** The parts of an aggregate whose braces are left out, of which the first value is read already. */
  #elided(part: Part, first: CExpression): number {
    const parts = this.#count(part.type);
    if (parts === 0) refuse(WRONG_TYPE, `${this.typing.name(part.type)} takes no value`, first.span);
    this.#part(this.#child(part, 0), first);
    return this.#follow(part, 1);
  }

  /** The parts of an aggregate from one on, without braces of their own: as many as values follow. */
  #follow(part: Part, from: number): number {
    const parts = this.#count(part.type);
    let n = from;
    while (n < parts && this.is(",")) {
      const next = this.tokens[this.at + 1]?.text;
      if (next === "}" || next === "." || next === "[") break;
      this.at++;
      this.#part(this.#child(part, n++));
    }
    return n;
  }

  #count(type: number): number {
    const found = this.typing.resolve(type);
    if (found.kind === "array") return found.count === 0 ? MOST_ELEMENTS : found.count;
    if (found.kind === "union") return Math.min(1, found.members.length);
    return found.kind === "struct" ? found.members.length : 0;
  }

  #child(part: Part, index: number): Part {
    const found = this.typing.resolve(part.type);
    if (found.kind === "array")
      return { type: found.element, offset: part.offset + index * this.typing.size(found.element) * 8, bits: 0 };
    const member = found.kind === "struct" || found.kind === "union" ? found.members[index] : undefined;
    if (member === undefined)
      return refuse(WRONG_TYPE, `too many values for ${this.typing.name(part.type)}`, this.span);
    return { type: member.type, offset: part.offset + member.bitOffset, bits: member.bitfieldSize };
  }

  // braces := "{" ((designator+ "=")? part ("," …)*)? ","? "}"
  #braces(part: Part): number {
    this.at++;
    const type = this.typing.resolve(part.type);
    const aggregate = type.kind === "array" || type.kind === "struct" || type.kind === "union";
    let next = 0;
    let most = 0;
    if (!aggregate) {
      if (!this.is("}")) this.#part(part);
      else this.#put(part, this.typing.constant(0n, this.typing.int, this.span));
      this.accept(",");
      this.expect("}", "after a value");
      return 0;
    }
    const whole = this.token.kind === "string" && this.#isText(part.type);
    if (whole) {
      const length = this.#part(part, this.primary());
      this.accept(",");
      this.expect("}", "after a string");
      return length;
    }
    while (!this.is("}")) {
      if (
        this.is(".") ||
        this.is("[") ||
        (this.token.kind === "identifier" && this.tokens[this.at + 1]?.text === ":")
      ) {
        const { parts, index, inner } = this.#designated(part);
        const from = this.at;
        let end = from;
        for (const one of parts) {
          this.at = from;
          this.#part(one);
          end = this.at;
        }
        this.at = end;
        for (const level of inner.reverse()) this.#follow(level.part, level.index + 1);
        next = index + 1;
      } else {
        if (next >= this.#count(part.type))
          refuse(WRONG_TYPE, `too many values for ${this.typing.name(part.type)}`, this.span);
        this.#part(this.#child(part, next++));
      }
      most = Math.max(most, next);
      if (!this.accept(",")) break;
    }
    this.expect("}", "after the values");
    return most;
  }

  // designator := "." NAME | "[" constant ("..." constant)? "]" | NAME ":"
  #designated(part: Part): Designated {
    let parts: Part[] = [part];
    let index: number | undefined;
    const inner: { readonly part: Part; readonly index: number }[] = [];
    const into = (step: number): void => {
      const last = parts.at(-1);
      if (index === undefined) index = step;
      else if (last !== undefined) inner.push({ part: last, index: step });
    };
    for (;;) {
      if (this.accept("[")) {
        const at = this.span;
        const low = this.constant();
        const high = this.accept("...") ? this.constant() : low;
        this.expect("]", "after a designator");
        if (high < low || low < 0 || high - low > MOST_ELEMENTS) refuse("SCRY1033", `elements ${low} to ${high}`, at);
        const count = parts[0] === undefined ? 0 : this.#count(parts[0].type);
        if (high >= count) refuse("SCRY1033", `there is no element ${high}`, at);
        into(high);
        parts = parts.flatMap((one) => Array.from({ length: high - low + 1 }, (_, i) => this.#child(one, low + i)));
      } else if (this.is(".") || index === undefined) {
        this.accept(".");
        const name = this.token;
        const path = parts[0] === undefined ? undefined : this.typing.path(parts[0].type, name.text);
        if (path === undefined || name.kind !== "identifier")
          return refuse("SCRY1036", `${this.typing.name(part.type)} has no member named '${name.text}'`, this.span);
        this.at++;
        for (const step of path) {
          into(step);
          parts = parts.map((one) => this.#child(one, step));
        }
        if (this.accept(":")) return { parts, index: index ?? 0, inner };
      } else break;
    }
    this.accept("=");
    return { parts, index, inner };
  }
}
