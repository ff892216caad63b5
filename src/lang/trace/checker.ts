// Gives every expression its type, every map its key and value type, and says what is wrong with the rest.
//
// The same body is checked once for each kind of probe it stands on, and again until the types of maps and variables
// no longer change, because a map may be read above the line that first writes it.

import type { Diagnostic, SourceText, Span } from "../../source/index.ts";
import type {
  Block,
  CallExpression,
  Expression,
  MapExpression,
  Probe,
  Statement,
  TypeName,
  VariableExpression,
} from "./ast.ts";
import { check } from "./check-expressions.ts";
import { alreadySaid, assignMap, mapUse, setValue, useKey } from "./check-maps.ts";
import { constant, constantText, parameterText, typeFrom, userSpace } from "./check-types.ts";
import type { TraceOptions } from "./config.ts";
import type { TraceEnvironment } from "./environment.ts";
import type { ProbeForm, ResolvedProbe } from "./probes.ts";
import type { MapUse } from "./storage.ts";
import { assignable, joinTypes, storedType } from "./type-rules.ts";
import { INT64, isAggregate, isNumeric, NONE, sameType, type Type, typeName } from "./types.ts";

/** One body on one group of probes that can share its code. */
export interface Unit {
  readonly probe: Probe;
  readonly resolved: readonly ResolvedProbe[];
  readonly forms: readonly ProbeForm[];
  /** What a record carries in place of each probe's name. */
  numbers: readonly bigint[];
  /** What the last check found out. */
  variables: Map<VariableExpression, VariableInfo>;
}

export interface VariableInfo {
  readonly name: string;
  type: Type;
  /** How many callbacks (bodies of `for` over a map) it was declared within. */
  readonly level: number;
  /** Used in a callback deeper than its declaration: it must live in memory. */
  captured: boolean;
  /** Declared, and nothing given to it yet. */
  untyped?: boolean;
}

export class Checker {
  readonly env: TraceEnvironment;
  readonly options: TraceOptions;
  readonly source: SourceText;
  readonly maps: Map<string, MapUse> = new Map();
  readonly diagnostics: Diagnostic[] = [];
  /** Set when a pass changed a type that an earlier expression may have used. */
  changed = false;
  /** In the last pass, what is still unknown is an error. */
  final = false;
  unit!: Unit;
  /** Maps that were used without keys. */
  readonly usedAsScalar: Set<string> = new Set();

  #scopes: Map<string, VariableInfo>[] = [];
  #level = 0;
  #loops = 0;
  readonly #said = new Set<string>();
  /** Types that variables had at the end of the last pass, by the place that declares them. */
  readonly #remembered = new Map<Unit, Map<VariableExpression, Type>>();

  constructor(env: TraceEnvironment, options: TraceOptions, source: SourceText) {
    this.env = env;
    this.options = options;
    this.source = source;
  }

  // --- complaints -----------------------------------------------------------------------------------------------

  error(code: `SCRY${number}`, message: string, span: Span, hints: readonly string[] = []): Type {
    this.#say("error", code, message, span, hints);
    return NONE;
  }

  warn(code: `SCRY${number}`, message: string, span: Span, hints: readonly string[] = []): void {
    if (this.final) this.#say("warning", code, message, span, hints);
  }

  #say(
    severity: "error" | "warning",
    code: `SCRY${number}`,
    message: string,
    span: Span,
    hints: readonly string[],
  ): void {
    const key = `${span.start}:${span.end}:${message}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.diagnostics.push({ code, severity, message, span, ...(hints.length === 0 ? {} : { hints }) });
  }

  // --- units ----------------------------------------------------------------------------------------------------

  /** Checks the predicate and the body of a probe. */
  checkUnit(unit: Unit): void {
    this.unit = unit;
    unit.variables = new Map();
    this.#scopes = [new Map()];
    this.#level = 0;
    this.#loops = 0;
    if (unit.probe.predicate !== undefined) {
      const type = this.check(unit.probe.predicate);
      if (type.kind !== "none" && !isNumeric(type) && type.kind !== "string")
        this.error("SCRY1201", `Invalid type for predicate: ${typeName(type)}`, unit.probe.predicate.span);
    }
    this.block(unit.probe.body);
    let remembered = this.#remembered.get(unit);
    if (remembered === undefined) this.#remembered.set(unit, (remembered = new Map()));
    for (const [node, info] of unit.variables) remembered.set(node, info.type);
  }

  // --- statements -----------------------------------------------------------------------------------------------

  block(block: Block): void {
    this.#scopes.push(new Map());
    for (const s of block.statements) this.statement(s);
    this.#scopes.pop();
  }

  statement(s: Statement): void {
    switch (s.kind) {
      case "expression":
        if (
          s.expression.kind === "map" ||
          s.expression.kind === "variable" ||
          s.expression.kind === "integer" ||
          s.expression.kind === "string" ||
          s.expression.kind === "binary" ||
          s.expression.kind === "identifier"
        )
          this.warn("SCRY1290", "Return value discarded.", s.span);
        this.check(s.expression);
        return;
      case "discard":
        this.check(s.expression);
        return;
      case "assign":
        if (s.target.kind === "variable")
          this.#assignVariable(
            s.target,
            s.operator === "=" ? this.check(s.value) : this.#compound(s.target, s.value),
            s.value,
            s.span,
          );
        else assignMap(this, s.target, s.operator, s.value, s.span);
        return;
      case "let": {
        const scope = this.#scopes.at(-1) as Map<string, VariableInfo>;
        if (this.lookup(s.variable.name) !== undefined)
          this.error(
            "SCRY1202",
            `Variable ${s.variable.name} was already declared. Variable shadowing is not allowed.`,
            s.variable.span,
          );
        const declared = s.declared === undefined ? undefined : this.typeFrom(s.declared);
        const value = s.value === undefined ? undefined : this.check(s.value);
        if (value?.kind === "none" && s.value !== undefined && !alreadySaid(this, s.value))
          this.error("SCRY1203", "Cannot assign a value of no type", s.value.span);
        const info = this.#declare(
          scope,
          s.variable,
          declared ?? (value === undefined ? undefined : storedType(value)),
        );
        if (declared !== undefined && value !== undefined && !assignable(declared, value))
          this.error(
            "SCRY1203",
            `Type mismatch for ${s.variable.name}: trying to assign value of type '${typeName(value)}' when variable already has a type '${typeName(declared)}'`,
            s.span,
          );
        this.bind(s.variable, info);
        return;
      }
      case "if":
        this.#condition(s.condition, "if");
        this.block(s.then);
        if (s.otherwise !== undefined) this.block(s.otherwise);
        return;
      case "while":
        this.#condition(s.condition, "while");
        this.#loop(() => this.block(s.body));
        return;
      case "for-range": {
        for (const bound of [s.from, s.to]) {
          const type = this.check(bound);
          if (type.kind !== "none" && type.kind !== "int" && type.kind !== "bool")
            this.error("SCRY1204", "Loop range requires an integer for the bounds", bound.span);
        }
        this.#scoped(s.variable, INT64, () => this.#loop(() => this.block(s.body)));
        return;
      }
      case "for-map": {
        const use = this.mapUse(s.map.name);
        use.walked = true;
        if (this.final && use.valueType === undefined) {
          this.error("SCRY1205", `Undefined map: ${s.map.name}`, s.map.span);
          return;
        }
        if (this.final && use.keyType === undefined) {
          this.error("SCRY1206", `Loop expression does not support scalar map: ${s.map.name}`, s.map.span);
          return;
        }
        const value = use.valueType ?? NONE;
        if (value.kind === "hist" || value.kind === "lhist") {
          this.error("SCRY1206", `Loop expression does not support type: ${value.kind}`, s.map.span);
          return;
        }
        s.map.type = NONE;
        this.#level++;
        const pair: Type = {
          kind: "tuple",
          elements: [
            use.keyType ?? NONE,
            isAggregate(value) ? { kind: "int", bits: 64, signed: "signed" in value && value.signed } : value,
          ],
        };
        this.#scoped(s.variable, pair, () => this.#loop(() => this.block(s.body)), true);
        this.#level--;
        return;
      }
      case "unroll": {
        const count = this.constant(s.count);
        this.check(s.count);
        if (count === undefined) this.error("SCRY1207", "unroll() must be given a constant", s.count.span);
        else if (count < 1n || count > 100n)
          this.error(
            "SCRY1207",
            count < 1n ? "unroll minimum value is 1" : "unroll maximum value is 100",
            s.count.span,
          );
        this.block(s.body);
        return;
      }
      case "break":
      case "continue":
        if (this.#loops === 0) this.error("SCRY1208", `${s.kind} is not allowed outside of a loop`, s.span);
        return;
      case "return":
        if (s.value !== undefined) {
          const type = this.check(s.value);
          if (type.kind !== "none" && type.kind !== "int" && type.kind !== "bool")
            this.error("SCRY1209", `return must be given an integer, got ${typeName(type)}`, s.value.span);
        }
        return;
      case "block":
        this.block(s.block);
        return;
    }
  }

  #condition(e: Expression, what: string): void {
    const type = this.check(e);
    if (type.kind !== "none" && !isNumeric(type) && type.kind !== "string")
      this.error("SCRY1201", `Invalid condition in ${what}(): ${typeName(type)}`, e.span);
  }

  #loop(body: () => void): void {
    this.#loops++;
    body();
    this.#loops--;
  }

  #scoped(variable: VariableExpression, type: Type, body: () => void, replace = false): void {
    if (this.lookup(variable.name) !== undefined)
      this.error(
        "SCRY1202",
        `Variable ${variable.name} was already declared. Variable shadowing is not allowed.`,
        variable.span,
      );
    const scope = new Map<string, VariableInfo>();
    this.#scopes.push(scope);
    const info = this.#declare(scope, variable, type);
    if (replace) info.type = type;
    this.bind(variable, info);
    body();
    this.#scopes.pop();
  }

  // --- variables ------------------------------------------------------------------------------------------------

  lookup(name: string): VariableInfo | undefined {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const found = (this.#scopes[i] as Map<string, VariableInfo>).get(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #declare(scope: Map<string, VariableInfo>, node: VariableExpression, type: Type | undefined): VariableInfo {
    const before = this.#remembered.get(this.unit)?.get(node);
    const joined = type === undefined ? before : before === undefined ? type : (joinTypes(before, type) ?? type);
    const info: VariableInfo = {
      name: node.name,
      type: joined ?? NONE,
      level: this.#level,
      captured: false,
      ...(joined === undefined ? { untyped: true } : {}),
    };
    scope.set(node.name, info);
    return info;
  }

  bind(node: VariableExpression, info: VariableInfo): void {
    node.type = info.type;
    if (this.#level > info.level) info.captured = true;
    this.unit.variables.set(node, info);
  }

  #compound(target: VariableExpression, value: Expression): Type {
    const left = this.check(target);
    const right = this.check(value);
    if (left.kind !== "none" && right.kind !== "none" && !(isNumeric(left) && isNumeric(right)))
      return this.error(
        "SCRY1210",
        `Type mismatch for an arithmetic assignment: '${typeName(left)}' and '${typeName(right)}'`,
        value.span,
      );
    return left.kind === "pointer" ? left : left.kind === "none" ? right : left;
  }

  #assignVariable(target: VariableExpression, value: Type, expression: Expression, span: Span): void {
    if (value.kind === "none") {
      if (this.final && !alreadySaid(this, expression))
        this.error("SCRY1203", "Cannot assign a value of no type", expression.span);
    }
    if (isAggregate(value) && expression.kind === "call")
      this.error(
        "SCRY1211",
        `Map value '${typeName(value)}' cannot be assigned from one map to another, nor to a variable. The function that returns this type must be assigned directly to a map, e.g. @x = ${expression.name}(…)`,
        span,
      );
    const stored = storedType(value);
    let info = this.lookup(target.name);
    if (info === undefined) {
      info = this.#declare(this.#scopes.at(-1) as Map<string, VariableInfo>, target, stored);
    } else if (info.untyped === true) {
      info.type = stored;
      delete info.untyped;
    } else if (stored.kind !== "none") {
      const joined = joinTypes(info.type, stored);
      if (joined === undefined)
        this.error(
          "SCRY1203",
          `Type mismatch for ${target.name}: trying to assign value of type '${typeName(value)}' when variable already has a type '${typeName(info.type)}'`,
          span,
        );
      else if (!sameType(joined, info.type)) {
        info.type = joined;
        this.changed = true;
      }
    }
    this.bind(target, info);
  }

  // --- maps, expressions, types: files of their own ---------------------------------------------------------------

  mapUse(name: string): MapUse {
    return mapUse(this, name);
  }

  useKey(map: MapExpression, key: Expression | undefined = map.key): MapUse {
    return useKey(this, map, key);
  }

  setValue(map: MapExpression, type: Type, span: Span): void {
    setValue(this, map, type, span);
  }

  /** The type of an expression, which is noted in it. */
  check(e: Expression): Type {
    return check(this, e);
  }

  typeFrom(name: TypeName, operand?: Expression): Type {
    return typeFrom(this, name, operand);
  }

  userSpace(): boolean {
    return userSpace(this);
  }

  constant(e: Expression): bigint | undefined {
    return constant(this, e);
  }

  constantText(e: Expression): string | undefined {
    return constantText(this, e);
  }

  parameterText(call: CallExpression): string | undefined {
    return parameterText(this, call);
  }

  enter(): void {
    this.#scopes.push(new Map());
  }

  leave(): void {
    this.#scopes.pop();
  }
}
