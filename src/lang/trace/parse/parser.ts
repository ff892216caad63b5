// Tokens to a tree: the outermost level, probes and statements. Each function stands under its grammar rule.

import { type CToken, tokenize } from "../../../c/index.ts";
import type { AttachPoint } from "../../../probes/index.ts";
import { DiagnosticError, type SourceText, type Span } from "../../../source/index.ts";
import type {
  AssignOperator,
  ConfigEntry,
  CText,
  Expression,
  FunctionTypes,
  Macro,
  MapDeclaration,
  MapExpression,
  Probe,
  Script,
  Statement,
  StatementBlock,
  TypeName,
  VariableExpression,
} from "./ast.ts";
import { ExpressionParser, tooDeep } from "./expression-parser.ts";
import { library } from "./library.ts";
import { expandMacros } from "./macros.ts";
import { type Headers, type Preamble, readPreamble } from "./preamble.ts";
import { type Rewrite, rewriteExpression, rewriteProbe, rewriteStatements, rewriteType } from "./rewrite.ts";
import { asProbe, nestedTooDeep } from "./walk.ts";
import { MOST_LEVELS } from "./words.ts";

/** The parts of an imported file, whose places are that file's. */
function movedInto(file: SourceText, parts: Parts): Parts {
  const span = (s: Span): Span => (s.file === undefined ? { ...s, file } : s);
  const rewrite = { span };
  return {
    ...parts,
    config: parts.config.map((e) => ({ ...e, span: span(e.span) })),
    mapDeclarations: parts.mapDeclarations.map((d) => ({ ...d, span: span(d.span) })),
    macros: parts.macros.map((m) => ({
      ...m,
      nameSpan: span(m.nameSpan),
      params: m.params.map((p) => ({ ...p, span: span(p.span) })),
      statements: rewriteStatements(m.statements, rewrite),
      ...(m.value === undefined ? {} : { value: rewriteExpression(m.value, rewrite) }),
      ...(m.types === undefined ? {} : { types: movedTypes(m.types, rewrite) }),
    })),
    probes: parts.probes.map((p) => rewriteProbe(p, rewrite)),
  };
}

const movedTypes = ({ params, returns }: FunctionTypes, r: Rewrite): FunctionTypes => ({
  params: params.map((t) => rewriteType(t, r)),
  ...(returns === undefined ? {} : { returns: rewriteType(returns, r) }),
});

const ASSIGN: ReadonlySet<string> = new Set(["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="]);

/** Words that begin a declaration of C. */
const C_WORDS: ReadonlySet<string> = new Set(["struct", "union", "enum", "typedef"]);

/** Parts of an attach point (counted from the provider) in which a `/` is part of a path and not a predicate. */
const PATH_PARTS: Readonly<Record<string, number>> = {
  uprobe: 1,
  u: 1,
  uretprobe: 1,
  ur: 1,
  usdt: 1,
  U: 1,
  iter: 2,
  it: 2,
};

/** Characters of an attach point: what paths may have, and as much again. */
const LONGEST_POINT = 8192;

/** Parses a whole script; throws a DiagnosticError at the first mistake. */
export function parseScript(source: SourceText, params: readonly string[], headers: Headers = { all: false }): Script {
  const parts = partsOf(source, params, headers, new Set());
  // All walks after this one are recursive; macros can nest what they are given.
  refuseDepth([...parts.probes, ...parts.macros.map(asProbe)], source);
  if (headers.unexpanded === true)
    return {
      config: parts.config,
      mapDeclarations: parts.mapDeclarations,
      probes: parts.probes,
      macros: parts.macros,
      declarationEnds: parts.declarationEnds,
    };
  const probes = expandMacros(parts.probes, parts.macros, source, writtenMacro);
  if (parts.macros.length > 0) refuseDepth(probes, source);
  const { config, mapDeclarations, c } = parts;
  if (probes.length === 0)
    throw new DiagnosticError(
      [
        {
          code: "SCRY1006",
          severity: "error",
          message: "there is no probe in the script",
          span: { start: source.text.length, end: source.text.length },
          hints: ['A script is made of probes: begin { printf("hello\\n"); }'],
        },
      ],
      source,
    );
  return { config, mapDeclarations, probes, ...(c.tokens.length + c.skipped.length === 0 ? {} : { c }) };
}

/** A function that is written in the language itself. */
function writtenMacro(name: string): Macro | undefined {
  if (!Object.hasOwn(library, name)) return undefined;
  const source = { name: `library/${name}`, text: (library[name] as { macro: string }).macro };
  const parts = movedInto(source, partsOf(source, [], { all: false }, new Set()));
  return parts.macros[0];
}

function refuseDepth(probes: readonly Probe[], source: SourceText): void {
  for (const probe of probes) {
    const deep = nestedTooDeep(probe, MOST_LEVELS);
    if (deep !== undefined) throw tooDeep(deep, source);
  }
}

/** What a text says, and what it imports. */
interface Parts {
  readonly config: ConfigEntry[];
  readonly mapDeclarations: MapDeclaration[];
  readonly macros: Macro[];
  readonly probes: Probe[];
  readonly c: CText;
  readonly declarationEnds: readonly number[];
}

function partsOf(source: SourceText, params: readonly string[], headers: Headers, seen: Set<string>): Parts {
  return new Parser(readPreamble(source, headers), params, headers, seen).parts();
}

class Parser extends ExpressionParser {
  readonly #preamble: Preamble;
  /** The script's own declarations of C. */
  readonly #declared: CToken[] = [];
  readonly #declarationEnds: number[] = [];

  readonly #headers: Headers;
  /** Names of files that were imported. */
  readonly #seen: Set<string>;

  constructor(preamble: Preamble, params: readonly string[], headers: Headers, seen: Set<string>) {
    super(preamble.source, params, preamble.preprocessor);
    this.#preamble = preamble;
    this.#headers = headers;
    this.#seen = seen;
  }

  // script := (c-declaration | config | import | map-declaration | macro | function | probe)*
  parts(): Parts {
    const config: ConfigEntry[] = [];
    const mapDeclarations: MapDeclaration[] = [];
    const macros: Macro[] = [];
    const probes: Probe[] = [];
    const imported: Parts[] = [];
    while (this.token.kind !== "end") {
      const word = this.token.kind === "identifier" ? this.token.text : "";
      if (word === "config" && this.peekText("=")) config.push(...this.config());
      else if (word === "let") mapDeclarations.push(this.mapDeclaration());
      else if (C_WORDS.has(word) && !this.peekText(":")) this.cDeclaration();
      else if (word === "macro") macros.push(this.macro());
      else if (word === "fn") macros.push(this.function());
      else if (word === "import" && this.peek(0).kind === "string") {
        if (probes.length > 0)
          this.fail("SCRY1047", "syntax: root imports must appear before probes and functions", this.token.span);
        imported.push(...this.import());
      } else probes.push(this.probe());
    }
    const { tokens, preprocessor, skipped, system } = this.#preamble;
    return {
      config: [...imported.flatMap((i) => i.config), ...config],
      mapDeclarations: [...imported.flatMap((i) => i.mapDeclarations), ...mapDeclarations],
      macros: [...imported.flatMap((i) => i.macros), ...macros],
      probes: [...imported.flatMap((i) => i.probes), ...probes],
      declarationEnds: this.#declarationEnds,
      c: {
        tokens: [...imported.flatMap((i) => i.c.tokens), ...tokens, ...this.#declared],
        preprocessor,
        skipped: [...imported.flatMap((i) => i.c.skipped), ...skipped],
        system: (file) => system(file) || imported.some((i) => i.c.system(file)),
      },
    };
  }

  // import := "import" STRING ";"
  import(): Parts[] {
    const start = this.advance().span.start;
    const path = this.expectKind("string", "string after 'import'");
    const span = { start, end: this.lastEnd };
    this.accept(";");
    if (path.text.endsWith(".h")) {
      const include = tokenize({ name: this.source.name, text: `include "${path.text}"` }).slice(0, 2);
      this.preprocessor.directive(
        include.map((t) => ({ ...t, file: this.source, span })),
        [],
        this.#declared,
        0,
      );
      return [];
    }
    if (/\.(?:c|o)$/.test(path.text))
      this.fail("SCRY1900", "imports of C sources and objects are not supported yet", span);
    const found = this.#headers.imported?.(path.text, this.source) ?? path.text;
    if (typeof found === "string")
      return this.fail("SCRY1048", "Unable to find suitable path for import", span, `checked: ${found}`);
    return found.flatMap((file) => {
      if (this.#seen.has(file.name)) return [];
      this.#seen.add(file.name);
      return [movedInto(file, partsOf(file, this.params, this.#headers, this.#seen))];
    });
  }

  // c-declaration := ("struct" | "union" | "enum") … "}" attributes? ";"? | "typedef" … ";" in C's own grammar
  cDeclaration(): void {
    const start = this.token.span.start;
    const tokens = tokenize(this.source, start).filter((t) => t.kind !== "newline");
    const isTypedef = this.token.text === "typedef";
    let depth = 0;
    let at = 0;
    for (; at < tokens.length; at++) {
      const { text, kind } = tokens[at] as CToken;
      if (kind !== "punctuator") continue;
      if (text === "{" || text === "(") depth++;
      if (text === "}" || text === ")") depth--;
      if (depth === 0 && (text === ";" || (text === "}" && !isTypedef))) break;
    }
    let last = tokens[at];
    if (last === undefined || last.kind === "end")
      this.fail("SCRY1030", "this declaration does not end", this.token.span, "It ends with a }");
    // Attributes may follow; the semicolon may be left out.
    while (last.text !== ";" && tokens[at + 1]?.text === "__attribute__") {
      at += 2;
      for (let open = 0; at < tokens.length; at++) {
        if (tokens[at]?.text === "(") open++;
        if (tokens[at]?.text === ")" && --open === 0) break;
      }
    }
    if (last.text !== ";" && tokens[at + 1]?.text === ";") at++;
    last = tokens[at] ?? last;
    const end = last.span.end;
    this.#declared.push(...this.preprocessor.run(this.source, start, end));
    if (last.text !== ";") this.#declared.push({ ...last, kind: "punctuator", text: ";" });
    this.#declarationEnds.push(end);
    this.restart(end);
  }

  // macro := "macro" NAME "(" ((NAME | VARIABLE | MAP) ("," …)*)? ")" "{" (statement ";")* expression? "}"
  macro(): Macro {
    const start = this.advance().span.start;
    const name = this.expectKind("identifier", "the name of a macro");
    const nameSpan = { start, end: name.span.end };
    const params: { name: string; kind: Macro["params"][number]["kind"]; span: Span }[] = [];
    this.expect("(");
    while (!this.at(")")) {
      const { kind, text, span } = this.token;
      const what = { variable: "variable", map: "map", identifier: "expression" } as const;
      if (kind !== "variable" && kind !== "map" && kind !== "identifier")
        this.unexpected("macro argument ($var, @map, or identifier)");
      if (params.some((p) => p.name === text)) {
        const called = { variable: "Variable", map: "Map", identifier: "Ident" }[kind];
        this.fail("SCRY1046", `${called} for macro argument has already been used: ${text}`, span);
      }
      params.push({ name: text, kind: what[kind], span });
      this.advance();
      if (!this.accept(",")) break;
    }
    this.expect(")");
    this.expect("{");
    this.enter();
    const statements: Statement[] = [];
    let value: Expression | undefined;
    while (!this.at("}")) {
      if (this.token.kind === "end") this.unexpected("'}'");
      if (this.accept(";")) continue;
      const statement = this.statement();
      // The last expression is the value, unless a semicolon says that it is none.
      if (this.at("}")) value = this.statementValue(statement);
      if (value === undefined) statements.push(statement);
    }
    this.leave();
    this.expect("}");
    return { name: name.text, nameSpan, params, statements, ...(value === undefined ? {} : { value }) };
  }

  // function := "fn" NAME "(" (VARIABLE ":" type ("," …)*)? ")" ":" type "{" statement* "}"
  function(): Macro {
    const start = this.advance().span.start;
    const name = this.expectKind("identifier", "the name of a function");
    const params: { name: string; kind: "variable"; span: Span }[] = [];
    const types: TypeName[] = [];
    this.expect("(");
    while (!this.at(")")) {
      const { text, span } = this.expectKind("variable", "a parameter");
      if (params.some((p) => p.name === text))
        this.fail("SCRY1046", `Variable for function argument has already been used: ${text}`, span);
      params.push({ name: text, kind: "variable", span });
      this.expect(":");
      types.push(this.typeName());
      if (!this.accept(",")) break;
    }
    this.expect(")");
    this.expect(":");
    const returns = this.typeName();
    const gives = returns.base.kind !== "named" || returns.base.name !== "void" || returns.suffixes.length > 0;
    const { statements } = this.block();
    return {
      name: name.text,
      nameSpan: { start, end: name.span.end },
      params,
      statements,
      types: { params: types, ...(gives ? { returns } : {}) },
    };
  }

  // config := "config" "=" "{" (NAME "=" value (";" | ","))* "}"
  config(): ConfigEntry[] {
    this.advance();
    this.expect("=");
    this.expect("{");
    const entries: ConfigEntry[] = [];
    while (!this.accept("}")) {
      const key = this.expectKind("identifier", "a config key");
      this.expect("=");
      const value = this.advance();
      const plain =
        value.kind === "integer"
          ? Number(value.value)
          : value.text === "true"
            ? true
            : value.text === "false"
              ? false
              : value.text;
      if (value.kind !== "integer" && value.kind !== "string" && value.kind !== "identifier")
        this.fail("SCRY1007", `unexpected ${value.text} as a config value`, value.span);
      entries.push({ key: key.text, value: plain, span: { start: key.span.start, end: value.span.end } });
      if (!this.accept(";") && !this.accept(",") && !this.at("}")) this.unexpected("';'");
    }
    return entries;
  }

  // map-declaration := "let" MAP "=" NAME "(" INT ")" ";"
  mapDeclaration(): MapDeclaration {
    const start = this.advance().span;
    const name = this.expectKind("map", "a map");
    this.expect("=");
    const type = this.expectKind("identifier", "a map type");
    this.expect("(");
    const entries = this.expectKind("integer", "a number of entries");
    const end = this.expect(")").span;
    this.accept(";");
    return {
      name: name.text,
      mapType: type.text,
      entries: Number(entries.value),
      span: { start: start.start, end: end.end },
    };
  }

  // probe := attach-point ("," attach-point)* predicate? block
  probe(): Probe {
    const start = this.token.span.start;
    const attachPoints: AttachPoint[] = [];
    do {
      attachPoints.push(this.attachPoint());
    } while (this.accept(","));
    let predicate: Probe["predicate"];
    if (this.accept("/")) {
      this.inPredicate = true;
      predicate = this.expression();
      this.inPredicate = false;
      this.expect("/");
    }
    const end = this.token.span;
    const body = this.block();
    return {
      attachPoints,
      ...(predicate === undefined ? {} : { predicate }),
      body,
      span: { start, end: end.start },
    };
  }

  // attach-point := provider (":" part)*, as plain text: names, paths, wildcards, "quoted", $1
  attachPoint(): AttachPoint {
    const text = this.source.text;
    const start = this.token.span.start;
    let at = start;
    const parts: string[] = [];
    let part = "";
    for (;;) {
      const c = text[at];
      const provider = parts[0] ?? part;
      if (c === undefined || c === "," || c === "{" || c === ";" || /\s/.test(c)) break;
      if (
        c === "/" &&
        !(parts.length > 0 && PATH_PARTS[/^[a-z]/.test(provider) ? provider : provider.toLowerCase()] === parts.length)
      )
        break;
      if (c === '"') {
        const quoted = /^"((?:[^"\\]|\\.)*)"/s.exec(text.slice(at, at + LONGEST_POINT))?.[1];
        if (quoted === undefined) this.fail("SCRY1004", "unterminated string", { start: at, end: text.length });
        part += quoted.replace(/\\(.)/gs, "$1");
        at += quoted.length + 2;
      } else if (c === "$" && /[0-9]/.test(text[at + 1] ?? "")) {
        const digits = (/^[0-9]+/.exec(text.slice(at + 1)) as RegExpExecArray)[0];
        // A parameter may be several parts, or the whole point.
        const [first = "", ...others] = (this.params[Number(digits) - 1] ?? "").split(/(?<!:):(?!:)/);
        part += first;
        for (const other of others) {
          parts.push(part);
          part = other;
        }
        at += 1 + digits.length;
      } else if (c === ":" && !(parts.length > 1 && text[at + 1] === ":" && /[A-Za-z_~]/.test(text[at + 2] ?? ""))) {
        parts.push(part);
        part = "";
        at++;
      } else if (c === ":") {
        part += "::"; // a C++ name
        at += 2;
      } else {
        part += c;
        at++;
      }
    }
    parts.push(part);
    const span = { start, end: at };
    if (at === start) this.unexpected("a probe");
    if (at - start > LONGEST_POINT)
      this.fail("SCRY1000", `syntax: an attach point of more than ${LONGEST_POINT} characters`, span);
    this.restart(at);
    return { text: parts.join(":"), parts, span };
  }

  // block := "{" statement* "}"
  block(): StatementBlock {
    const start = this.expect("{").span.start;
    const statements: Statement[] = [];
    this.enter();
    while (!this.at("}")) {
      if (this.token.kind === "end") this.unexpected("'}'");
      if (this.accept(";")) continue;
      statements.push(this.statement());
    }
    this.leave();
    const end = this.expect("}").span.end;
    return { statements, span: { start, end } };
  }

  // statement := if | while | for | unroll | let | jump | block | (assignment | expression) (";" | before "}")
  statement(): Statement {
    const start = this.token.span.start;
    const until = (): Span => ({ start, end: this.lastEnd });
    if (this.at("{")) {
      const block = this.block();
      return { kind: "block", block, span: until() };
    }
    if (this.token.kind === "identifier") {
      switch (this.token.text) {
        case "if":
          return this.ifStatement();
        case "while": {
          this.advance();
          const condition = this.expression();
          return { kind: "while", condition, body: this.block(), span: until() };
        }
        case "for":
          return this.forStatement();
        case "unroll": {
          this.advance();
          const count = this.expression();
          return { kind: "unroll", count, body: this.block(), span: until() };
        }
        case "let": {
          this.advance();
          const variable = this.variable("variable after 'let'");
          const declared = this.accept(":") ? this.typeName() : undefined;
          const value = this.accept("=") ? this.expression() : undefined;
          this.endStatement();
          return {
            kind: "let",
            variable,
            ...(declared === undefined ? {} : { declared }),
            ...(value === undefined ? {} : { value }),
            span: until(),
          };
        }
        case "break":
        case "continue": {
          const kind = this.advance().text as "break" | "continue";
          this.endStatement();
          return { kind, span: until() };
        }
        case "return": {
          this.advance();
          const value = this.at(";") || this.at("}") ? undefined : this.expression();
          this.endStatement();
          return { kind: "return", ...(value === undefined ? {} : { value }), span: until() };
        }
        case "_":
          if (this.peekText("=")) {
            this.advance();
            this.advance();
            const expression = this.expression();
            this.endStatement();
            return { kind: "discard", expression, span: until() };
          }
          break;
      }
    }
    const expression = this.expression();
    if (this.token.kind === "punctuator" && ASSIGN.has(this.token.text)) {
      if (expression.kind !== "variable" && expression.kind !== "map")
        this.fail("SCRY1008", "only a variable or a map can be assigned to", expression.span);
      const operator = this.advance().text as AssignOperator;
      const value = this.expression();
      const span = until();
      this.endStatement();
      return { kind: "assign", target: expression, operator, value, span };
    }
    this.endStatement();
    return { kind: "expression", expression, span: until() };
  }

  // if := "if" expression block ("else" (if | block))?
  ifStatement(start: number = this.advance().span.start): Statement {
    const condition = this.expression();
    const then = this.block();
    let otherwise: StatementBlock | undefined;
    if (this.isWord("else")) {
      this.advance();
      if (this.isWord("if")) {
        this.enter();
        const nested = this.ifStatement();
        this.leave();
        otherwise = { statements: [nested], span: nested.span };
      } else otherwise = this.block();
    }
    return {
      kind: "if",
      condition,
      then,
      ...(otherwise === undefined ? {} : { otherwise }),
      span: { start, end: this.lastEnd },
    };
  }

  // for := "for" "("? VARIABLE ":" (expression ".." expression | MAP) ")"? block
  forStatement(): Statement {
    const start = this.advance().span.start;
    const parenthesis = this.accept("(");
    const variable = this.variable();
    this.expect(":");
    const from = this.expression();
    const header = (): Span => ({ start, end: this.lastEnd });
    if (this.accept("..")) {
      const to = this.expression();
      if (parenthesis) this.expect(")");
      const span = header();
      return { kind: "for-range", variable, from, to, body: this.block(), span };
    }
    if (from.kind !== "map" || from.key !== undefined)
      this.fail(
        "SCRY1009",
        "a for loop goes over a range or a whole map",
        from.span,
        "for $i : 0..10 { … }",
        "for $kv : @map { … }",
      );
    if (parenthesis) this.expect(")");
    const span = header();
    return { kind: "for-map", variable, map: from as MapExpression, body: this.block(), span };
  }

  isWord(text: string): boolean {
    return this.token.kind === "identifier" && this.token.text === text;
  }

  variable(what = "a variable"): VariableExpression {
    const token = this.expectKind("variable", what);
    return { kind: "variable", name: token.text, span: token.span };
  }

  override ifValue(start: number): Expression {
    const statement = this.ifStatement(start);
    return (
      this.statementValue(statement) ??
      this.fail("SCRY1014", "an if that is a value needs one on both sides", statement.span)
    );
  }

  /** What a statement stands for where it is the last of a block that has a value; undefined: nothing. */
  statementValue(s: Statement): Expression | undefined {
    switch (s.kind) {
      case "expression":
        return this.source.text[s.span.end - 1] === ";" ? undefined : s.expression;
      case "block":
        return this.blockValue(s.block);
      case "if": {
        const then = this.blockValue(s.then);
        const otherwise = s.otherwise === undefined ? undefined : this.blockValue(s.otherwise);
        return then === undefined || otherwise === undefined
          ? undefined
          : { kind: "ternary", condition: s.condition, then, otherwise, span: s.span };
      }
      default:
        return undefined;
    }
  }

  blockValue(block: StatementBlock): Expression | undefined {
    const last = block.statements.at(-1);
    const value = last === undefined ? undefined : this.statementValue(last);
    if (value === undefined || block.statements.length === 1) return value;
    return { kind: "block", statements: block.statements.slice(0, -1), value, span: block.span };
  }

  override statementsUntilValue(): { statements: Statement[]; value: Expression } {
    // block-expression := "{" (statement ";")* expression "}"
    const statements: Statement[] = [];
    for (;;) {
      if (this.accept(";")) continue;
      if (this.at("}")) {
        const last = statements.pop();
        const value =
          last?.kind === "expression" ? last.expression : last === undefined ? undefined : this.statementValue(last);
        if (value === undefined)
          return this.fail("SCRY1014", "a block expression must end with a value", this.token.span);
        return { statements, value };
      }
      statements.push(this.statement());
    }
  }

  endStatement(): void {
    if (this.accept(";") || this.at("}") || this.token.kind === "end") return;
    this.unexpected("';'");
  }
}
