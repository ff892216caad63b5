// Statements, functions and variables of C (C11 6.8, 6.9), each method under its rule. What is wrong is gathered, and the
// text read on behind it.

import { type Diagnostic, DiagnosticError, FormatError, type SourceText, type Span } from "../source/index.ts";
import { AssemblyReader } from "./assembly.ts";
import type { Attributes, Declarator, Specifiers } from "./declarations.ts";
import { noAttributes } from "./declarations.ts";
import { noWords, type UnitOptions } from "./expressions.ts";
import { type CToken, fail } from "./tokens.ts";
import type { CFunction, CStatement, CUnit, CVariable } from "./tree.ts";
import type { CTypes } from "./type-table.ts";
import { refuse, WRONG_TYPE } from "./typing.ts";

/** Beyond that, one mistake tells the others. */
const MOST_MISTAKES = 20;

export interface ReadUnit {
  readonly unit: CUnit;
  /** What is wrong; places in headers say which. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a whole text behind the preprocessor: types go into the table, functions and variables are answered. */
export function readUnit(
  tokens: readonly CToken[],
  types: CTypes,
  main: SourceText,
  options: UnitOptions = {},
): ReadUnit {
  return new UnitReader(tokens, types, main, options).unit();
}

class UnitReader extends AssemblyReader {
  readonly #functions: CFunction[] = [];
  readonly #globals: CVariable[] = [];
  readonly #diagnostics: Diagnostic[] = [];
  #list: CStatement[] = [];
  #returns = 0;
  #function: CFunction | undefined;

  unit(): ReadUnit {
    while (!this.done && this.#diagnostics.length < MOST_MISTAKES) {
      const start = this.at;
      try {
        this.declaration();
      } catch (error) {
        this.#note(error);
        this.close(1);
        this.at = start;
        this.recover(start + 1);
      }
    }
    return { unit: { functions: this.#functions, globals: this.#globals }, diagnostics: this.#diagnostics };
  }

  /** Throws again what is no mistake of the text. */
  #note(error: unknown): void {
    if (error instanceof FormatError) {
      this.#diagnostics.push({ code: "SCRY1030", severity: "error", message: error.message, span: this.span });
      return;
    }
    if (!(error instanceof DiagnosticError)) throw error;
    const source = error.source;
    for (const d of error.diagnostics) {
      const elsewhere =
        source !== undefined && source !== this.main && d.span !== undefined && d.span.file === undefined;
      this.#diagnostics.push(elsewhere ? { ...d, span: { ...(d.span as Span), file: source } } : d);
    }
  }

  protected within(): string | undefined {
    return this.#function?.name;
  }

  // --- declarations ---------------------------------------------------------------------------------------------

  protected override declaration(): void {
    if (this.is("_Static_assert") || this.is("static_assert")) this.#assertion();
    else super.declaration();
  }

  // assertion := "_Static_assert" "(" constant ("," STRING)? ")" ";"
  #assertion(): void {
    const at = this.span;
    this.at++;
    this.expect("(", "after _Static_assert");
    const value = this.constantValue();
    const message = this.accept(",") ? this.token.text : "";
    while (!this.done && this.token.kind === "string") this.at++;
    this.expect(")", "after _Static_assert(");
    this.accept(";");
    if (value === 0n) refuse("SCRY1017", `static assertion failed${message === "" ? "" : `: ${message}`}`, at);
  }

  protected override declared(specifiers: Specifiers, declarator: Declarator, attributes: Attributes): boolean {
    const { name } = declarator;
    if (name === undefined) return this.unexpected("a name");
    if (this.typing.resolve(declarator.type).kind === "func_proto")
      return this.#functionDeclared(specifiers, declarator.type, name, attributes);
    this.#variableDeclared(specifiers, declarator.type, name, attributes);
    return false;
  }

  #functionDeclared(specifiers: Specifiers, type: number, name: CToken, attributes: Attributes): boolean {
    const known = this.binding(name.text);
    const fn: CFunction =
      known?.kind === "function"
        ? known.function
        : {
            name: name.text,
            type,
            span: this.spanOf(name),
            static: false,
            inline: false,
            attributes: new Set(),
            uses: 0,
          };
    if (known?.kind !== "function") {
      if (known?.kind === "variable" && this.scopes.at(-1)?.has(name.text) === true)
        fail("SCRY1032", `'${name.text}' is declared as something else before`, name);
      this.scopes[0]?.set(name.text, { kind: "function", function: fn });
      this.#functions.push(fn);
    }
    fn.static ||= specifiers.storage.has("static");
    fn.inline ||= specifiers.storage.has("inline");
    if (attributes.section !== undefined) fn.section = attributes.section;
    for (const word of attributes.words) fn.attributes.add(word);
    if (!this.is("{")) return false;
    if (fn.body !== undefined) fail("SCRY1032", `redefinition of '${name.text}'`, name);
    fn.type = type;
    this.#body(fn);
    return true;
  }

  #body(fn: CFunction): void {
    const proto = this.typing.resolve(fn.type);
    if (proto.kind !== "func_proto") return;
    this.open();
    const parameters = proto.params.map((param): CVariable => {
      const variable: CVariable = {
        name: param.name,
        type: this.parameterType(param.type),
        span: fn.span,
        storage: "parameter",
        attributes: noWords,
        constant: false,
        align: 0,
        addressed: false,
      };
      if (param.name !== "") this.bind(param.name, { kind: "variable", variable });
      return variable;
    });
    this.#returns = proto.returns;
    this.#function = fn;
    const text: CToken = { ...this.token, kind: "string", text: JSON.stringify(fn.name) };
    this.#nameOfFunction(text);
    const statements = this.statements();
    this.close();
    this.#function = undefined;
    const end = this.tokens[this.at - 1] as CToken;
    fn.body = { parameters, statements, end: this.spanOf(end) };
  }

  /** `__func__` (C11 6.4.2.2) */
  #nameOfFunction(name: CToken): void {
    const bytes = new TextEncoder().encode(`${name.text.slice(1, -1)}\0`);
    const type = this.types.array(this.typing.char, bytes.length);
    const span = this.spanOf(name);
    for (const word of ["__func__", "__FUNCTION__"]) {
      const variable: CVariable = {
        name: word,
        type,
        span,
        storage: "global",
        attributes: noWords,
        constant: true,
        static: true,
        align: 0,
        addressed: true,
        initial: { entries: [{ offset: 0, bits: 0, type, value: { kind: "text", bytes, type, span } }], span },
      };
      this.bind(word, { kind: "variable", variable });
    }
  }

  #variableDeclared(specifiers: Specifiers, type: number, name: CToken, attributes: Attributes): void {
    const { storage: words } = specifiers;
    const inBody = this.inBody();
    const extern = words.has("extern");
    const lasting = !inBody || words.has("static");
    if (this.typing.resolve(type).kind === "void" && !extern) fail("SCRY1033", `a variable of type void`, name);
    const known = this.scopes.at(-1)?.get(name.text);
    if (known !== undefined && (inBody || known.kind !== "variable"))
      fail("SCRY1032", `redefinition of '${name.text}'`, name);
    const cleanup = attributes.cleanup === undefined ? undefined : this.#cleanup(attributes.cleanup);
    const variable: CVariable = {
      name: inBody && lasting && this.#function !== undefined ? `${this.#function.name}.${name.text}` : name.text,
      type,
      span: this.spanOf(name),
      storage: extern ? "extern" : lasting ? "global" : "local",
      ...(attributes.section === undefined ? {} : { section: attributes.section }),
      attributes: attributes.words,
      ...(attributes.declTags.length === 0 ? {} : { tags: attributes.declTags }),
      constant: this.#isConstant(type),
      ...(words.has("static") ? { static: true as const } : {}),
      align: Math.max(attributes.align, 0),
      ...(cleanup?.kind === "function" ? { cleanup: cleanup.function } : {}),
      addressed: cleanup !== undefined,
    };
    // A second declaration of a global is the same variable.
    const file = extern ? this.scopes[0]?.get(name.text) : known;
    const before = file?.kind === "variable" ? file.variable : undefined;
    const used = before ?? variable;
    // What was only said to be somewhere is here.
    if (before?.storage === "extern" && !extern) {
      const { used: named, addressed } = before;
      Object.assign(before, variable, { addressed, ...(named === undefined ? {} : { used: named }) });
    }
    this.bind(name.text, { kind: "variable", variable: used });
    if (used === variable && (lasting || extern)) this.#globals.push(variable);
    if (this.accept("=")) {
      if (extern && inBody) fail("SCRY1032", `'extern' variable '${name.text}' has a value`, name);
      if (used.initial !== undefined) fail("SCRY1032", `redefinition of '${name.text}'`, name);
      this.initialized(used);
    }
    if (used.storage === "extern") return;
    const found = this.typing.resolve(used.type);
    if (found.kind === "fwd" || (found.kind === "array" && found.count === 0 && !lasting))
      fail("SCRY1033", `'${name.text}' has an incomplete type`, name);
    if (used.storage === "local") this.#list.push({ kind: "declare", variable: used, span: used.span });
  }

  #cleanup(name: string): ReturnType<UnitReader["binding"]> {
    const found = this.binding(name);
    if (found?.kind === "function") found.function.uses++;
    return found;
  }

  #isConstant(type: number): boolean {
    let at = this.types.type(type);
    for (let depth = 0; depth < 64; depth++) {
      if (at.kind === "const") return true;
      if (at.kind === "typedef" || at.kind === "volatile" || at.kind === "type_tag") at = this.types.type(at.type);
      else if (at.kind === "array") at = this.types.type(at.element);
      else return false;
    }
    return false;
  }

  // --- statements -----------------------------------------------------------------------------------------------

  // block := "{" (declaration | statement)* "}"
  protected statements(): readonly CStatement[] {
    const open = this.token;
    this.expect("{", "before statements");
    const outer = this.#list;
    const list: CStatement[] = [];
    this.#list = list;
    this.open();
    const depth = this.scopes.length;
    while (!this.is("}")) {
      if (this.done) fail("SCRY1030", "this { is never closed", open);
      const start = this.at;
      try {
        this.#item();
      } catch (error) {
        this.#note(error);
        if (this.#diagnostics.length >= MOST_MISTAKES) return this.unexpected("less that is wrong");
        this.close(depth);
        this.#list = list;
        this.at = start;
        this.#skip();
      }
    }
    this.at++;
    this.close();
    this.#list = outer;
    return list;
  }

  /** To the end of a statement that is wrong. */
  #skip(): void {
    for (let depth = 0; !this.done; ) {
      const { text, kind } = this.token;
      if (kind === "punctuator") {
        if (text === "}" && depth === 0) return;
        if (text === "{" || text === "(" || text === "[") depth++;
        if (text === "}" || text === ")" || text === "]") depth = Math.max(0, depth - 1);
        if (depth === 0 && (text === ";" || text === "}")) {
          this.at++;
          if (!this.is("else") && !this.is("while")) return;
        }
      }
      this.at++;
    }
  }

  #beginsDeclaration(): boolean {
    if (this.done || this.token.kind !== "identifier") return false;
    if (
      /^(?:static|extern|register|auto|typedef|inline|_Static_assert|static_assert|_Alignas|_Thread_local)$/.test(
        this.token.text,
      )
    )
      return true;
    return this.beginsType(this.at) && this.tokens[this.at + 1]?.text !== ":";
  }

  #item(): void {
    if (this.#beginsDeclaration()) this.declaration();
    else this.#list.push(this.#statement());
  }

  /** A statement by itself, as behind `if (…)`. */
  #single(): CStatement {
    const outer = this.#list;
    const span = this.span;
    const list: CStatement[] = [];
    this.#list = list;
    list.push(this.#statement());
    this.#list = outer;
    const [only] = list;
    return list.length === 1 && only !== undefined ? only : { kind: "block", statements: list, span };
  }

  #condition(): ReturnType<UnitReader["expression"]> {
    this.expect("(", "before a condition");
    const condition = this.typing.truth(this.expression());
    this.expect(")", "after a condition");
    return condition;
  }

  #statement(): CStatement {
    const t = this.token;
    const span = this.spanOf(t);
    if (this.is("{")) return { kind: "block", statements: this.statements(), span };
    if (this.accept(";")) return { kind: "block", statements: [], span };
    if (t.kind === "identifier" && !this.done) {
      const found = this.#keyword(t, span);
      if (found !== undefined) return found;
      if (this.tokens[this.at + 1]?.text === ":" && this.tokens[this.at + 1]?.kind === "punctuator") {
        this.at += 2;
        while (this.attributes(noAttributes()));
        this.#list.push({ kind: "label", name: t.text, span });
        // Something has to follow, or nothing.
        return this.is("}") ? { kind: "block", statements: [], span } : this.#labelled();
      }
    }
    const value = this.expression();
    this.expect(";", "after an expression");
    return { kind: "expression", value, span: value.span };
  }

  /** What stands behind a label: since C23, a declaration too. */
  #labelled(): CStatement {
    if (!this.#beginsDeclaration()) return this.#statement();
    const span = this.span;
    this.declaration();
    return { kind: "block", statements: [], span };
  }

  #keyword(t: CToken, span: Span): CStatement | undefined {
    switch (t.text) {
      case "if": {
        this.at++;
        const condition = this.#condition();
        const then = this.#single();
        const otherwise = this.accept("else") ? this.#single() : undefined;
        return { kind: "if", condition, then, ...(otherwise === undefined ? {} : { otherwise }), span };
      }
      case "while": {
        this.at++;
        const condition = this.#condition();
        return { kind: "loop", form: "while", condition, body: this.#single(), span };
      }
      case "do": {
        this.at++;
        const body = this.#single();
        this.expect("while", "after do …");
        const condition = this.#condition();
        this.expect(";", "after do … while (…)");
        return { kind: "loop", form: "do", condition, body, span };
      }
      case "for":
        return this.#for(span);
      case "switch": {
        this.at++;
        this.expect("(", "after switch");
        const value = this.typing.promote(this.expression());
        this.expect(")", "after switch (");
        return { kind: "switch", value, body: this.#single(), span };
      }
      case "case": {
        this.at++;
        const from = this.constantValue();
        const to = this.accept("...") ? this.constantValue() : from;
        this.expect(":", "after case");
        if (to < from) fail("SCRY1033", "an empty range of cases", t);
        this.#list.push({ kind: "case", from, to, span });
        return this.is("}") ? { kind: "block", statements: [], span } : this.#labelled();
      }
      case "default":
        this.at++;
        this.expect(":", "after default");
        this.#list.push({ kind: "default", span });
        return this.is("}") ? { kind: "block", statements: [], span } : this.#labelled();
      case "break":
      case "continue":
        this.at++;
        this.expect(";", `after ${t.text}`);
        return { kind: t.text, span };
      case "goto": {
        this.at++;
        const name = this.token;
        if (name.kind !== "identifier" || this.done) return this.unexpected("a label");
        this.at++;
        this.expect(";", "after goto");
        return { kind: "goto", name: name.text, span };
      }
      case "return":
        return this.#return(span);
      case "asm":
      case "__asm__":
      case "__asm":
        return this.assembly();
      case "__attribute__":
        while (this.attributes(noAttributes()));
        this.accept(";");
        return { kind: "block", statements: [], span };
      case "else":
        return fail("SCRY1030", "else without if", t);
      default:
        return undefined;
    }
  }

  // for := "for" "(" (declaration | expression? ";") expression? ";" expression? ")" statement
  #for(span: Span): CStatement {
    this.at++;
    this.expect("(", "after for");
    const outer = this.#list;
    const list: CStatement[] = [];
    this.#list = list;
    this.open();
    if (this.#beginsDeclaration()) this.declaration();
    else if (!this.accept(";")) {
      const value = this.expression();
      this.expect(";", "after the start of a loop");
      list.push({ kind: "expression", value, span: value.span });
    }
    const condition = this.is(";") ? undefined : this.typing.truth(this.expression());
    this.expect(";", "after the condition of a loop");
    const step = this.is(")") ? undefined : this.expression();
    this.expect(")", "after for (");
    const body = this.#single();
    this.close();
    this.#list = outer;
    list.push({
      kind: "loop",
      form: "while",
      ...(condition === undefined ? {} : { condition }),
      ...(step === undefined ? {} : { step }),
      body,
      span,
    });
    return { kind: "block", statements: list, span };
  }

  #return(span: Span): CStatement {
    this.at++;
    if (this.accept(";")) return { kind: "return", span };
    const given = this.expression();
    this.expect(";", "after return");
    const empty = this.typing.resolve(this.#returns).kind === "void";
    if (empty && this.typing.resolve(given.type).kind !== "void")
      refuse(WRONG_TYPE, "a function of type void returns nothing", given.span);
    const value = empty ? given : this.typing.assigned(given, this.#returns, "the result");
    return {
      kind: "return",
      value,
      span: { ...span, end: given.span.file === span.file ? Math.max(given.span.end, span.end) : span.end },
    };
  }
}
