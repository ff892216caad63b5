// Gives every expression its type, every map its key and value type, and says what is wrong with the rest.
//
// The same body is checked once for each kind of probe it stands on, and again until the types of maps and variables
// no longer change, because a map may be read above the line that first writes it.

import type { Diagnostic, SourceText, Span } from "../../source/index.ts";
import type {
  Block,
  CallExpression,
  Expression,
  FieldExpression,
  IdentifierExpression,
  MapExpression,
  Probe,
  Statement,
  TypeName,
  VariableExpression,
} from "./ast.ts";
import { namedIntType, typeOfBtf } from "./btf-types.ts";
import { builtinFunctions } from "./builtin-functions.ts";
import { builtinVariables } from "./builtin-variables.ts";
import type { TraceOptions } from "./config.ts";
import type { TraceEnvironment } from "./environment.ts";
import { headerConstant } from "./header-constants.ts";
import { nearest } from "./nearest.ts";
import type { ProbeForm, ResolvedProbe } from "./probes.ts";
import type { MapUse } from "./storage.ts";
import {
  assignable,
  intResult,
  isInteger,
  joinTypes,
  keyTypeOf,
  laterFunctions,
  parseInteger,
  probeType,
  storable,
  storedType,
  utf8Length,
} from "./type-rules.ts";
import {
  BOOL,
  INT64,
  isAggregate,
  isNumeric,
  isReadableAggregate,
  NONE,
  sameType,
  type Type,
  typeName,
  UINT64,
} from "./types.ts";

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
        else this.#assignMap(s.target, s.operator, s.value, s.span);
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
        if (value?.kind === "none" && s.value !== undefined && !this.#alreadySaid(s.value))
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
      if (this.final && !this.#alreadySaid(expression))
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

  // --- maps -----------------------------------------------------------------------------------------------------

  mapUse(name: string): MapUse {
    let use = this.maps.get(name);
    if (use === undefined)
      this.maps.set(name, (use = { name, deleted: false, walked: false, keyedByTid: true, cleared: false }));
    return use;
  }

  /** Notes that the map is used with this key, and complains where it is used otherwise elsewhere. */
  useKey(map: MapExpression, key: Expression | undefined = map.key): MapUse {
    const use = this.mapUse(map.name);
    if (key === undefined) {
      if (use.keyType !== undefined && this.final)
        this.error(
          "SCRY1212",
          `${map.name} used as a map without an explicit key (scalar map), previously used with an explicit key (non-scalar map)`,
          map.span,
        );
      return use;
    }
    const type = this.check(key);
    if (!(key.kind === "identifier" && key.name === "tid")) use.keyedByTid = false;
    if (type.kind === "none") {
      return use;
    }
    if (!storable(type)) {
      this.error("SCRY1213", `${typeName(type)} cannot be used as a map key`, key.span);
      return use;
    }
    const stored = keyTypeOf(type, key);
    if (use.keyType === undefined) {
      if (this.#scalarSeen.has(map.name))
        this.error(
          "SCRY1212",
          `${map.name} used as a map with an explicit key (non-scalar map), previously used without an explicit key (scalar map)`,
          map.span,
        );
      use.keyType = stored;
      this.changed = true;
      return use;
    }
    const joined = joinTypes(use.keyType, stored);
    if (joined === undefined)
      this.error(
        "SCRY1214",
        `Argument mismatch for ${map.name}: trying to access with arguments: '${typeName(type)}' when map expects arguments: '${typeName(use.keyType)}'`,
        map.span,
      );
    else if (!sameType(joined, use.keyType)) {
      use.keyType = joined;
      this.changed = true;
    }
    return use;
  }

  readonly #scalarSeen = new Set<string>();

  setValue(map: MapExpression, type: Type, span: Span): void {
    const use = this.mapUse(map.name);
    if (map.key === undefined) this.#scalarSeen.add(map.name);
    if (type.kind === "none") return;
    const stored = isAggregate(type) ? type : storedType(type);
    if (!isAggregate(stored) && !storable(stored)) {
      this.error("SCRY1213", `${typeName(type)} cannot be stored in a map`, span);
      return;
    }
    if (use.valueType === undefined || use.valueType.kind === "none") {
      use.valueType = stored;
      this.changed = true;
      return;
    }
    const joined = joinTypes(use.valueType, stored);
    if (joined === undefined)
      this.error(
        "SCRY1215",
        `Type mismatch for ${map.name}: trying to assign value of type '${typeName(type)}' when map already has a type '${typeName(use.valueType)}'`,
        span,
      );
    else if (!sameType(joined, use.valueType)) {
      use.valueType = joined;
      this.changed = true;
    }
  }

  #assignMap(target: MapExpression, operator: string, value: Expression, span: Span): void {
    this.useKey(target);
    const type = this.check(value);
    target.type = this.mapUse(target.name).valueType ?? NONE;
    if (operator !== "=") {
      if (type.kind !== "none" && !isNumeric(type))
        this.error(
          "SCRY1210",
          `Type mismatch for ${target.name}: an arithmetic assignment needs a number, got '${typeName(type)}'`,
          span,
        );
      this.setValue(target, type.kind === "int" && !type.signed ? UINT64 : INT64, span);
      const held = this.mapUse(target.name).valueType;
      if (held !== undefined && isAggregate(held))
        this.error("SCRY1210", `'${operator}' cannot be used on ${typeName(held)}`, span);
      return;
    }
    if (isAggregate(type) && value.kind !== "call") {
      if (isReadableAggregate(type)) {
        this.error(
          "SCRY1211",
          `Map value '${typeName(type)}' cannot be assigned from one map to another. The function that returns this type must be called directly e.g. \`${target.name} = ${type.kind}(…);\`.`,
          span,
          [`Add a cast to integer if you want the value of the aggregate, e.g. \`${target.name} = (int64)@other;\``],
        );
      } else this.error("SCRY1211", `Map value '${typeName(type)}' cannot be assigned from one map to another.`, span);
      return;
    }
    if (type.kind === "none" && this.final && !this.#alreadySaid(value))
      this.error("SCRY1203", `Cannot assign a value of no type to ${target.name}`, span);
    this.setValue(target, type, span);
    target.type = this.mapUse(target.name).valueType ?? NONE;
  }

  // Nothing of no type is complained about twice: a deeper place has said why.
  #alreadySaid(e: Expression): boolean {
    return (
      this.diagnostics.some(
        (d) =>
          d.severity === "error" && d.span !== undefined && d.span.start >= e.span.start && d.span.end <= e.span.end,
      ) || !this.final
    );
  }

  // --- expressions ----------------------------------------------------------------------------------------------

  check(e: Expression): Type {
    const type = this.#typeOf(e);
    e.type = type;
    return type;
  }

  #typeOf(e: Expression): Type {
    switch (e.kind) {
      case "integer":
        return e.value > 0x7fff_ffff_ffff_ffffn ? UINT64 : INT64;
      case "boolean":
        return BOOL;
      case "string":
        return { kind: "string", size: utf8Length(e.value) + 1 };
      case "parameter":
        return this.#parameter(e.index);
      case "variable": {
        const info = this.lookup(e.name);
        if (info === undefined) return this.error("SCRY1216", `Undefined or undeclared variable: ${e.name}`, e.span);
        this.bind(e, info);
        return info.type;
      }
      case "map": {
        const use = this.useKey(e);
        if (use.valueType === undefined && this.final && !this.diagnostics.some((d) => d.message.endsWith(e.name)))
          return this.error("SCRY1205", `Undefined map: ${e.name}`, e.span);
        if (e.key === undefined && use.keyType !== undefined) return NONE;
        return use.valueType ?? NONE;
      }
      case "identifier":
        return this.#identifier(e);
      case "call":
        return this.#call(e);
      case "field":
        return this.#field(e);
      case "index": {
        const object = this.check(e.object);
        const index = this.check(e.index);
        if (object.kind === "none" || index.kind === "none") return NONE;
        if (object.kind === "tuple") {
          const at = this.constant(e.index);
          if (at === undefined)
            return this.error("SCRY1217", "A tuple can only be indexed by a constant", e.index.span);
          return (
            object.elements[Number(at)] ??
            this.error(
              "SCRY1218",
              `Invalid tuple index: ${at}. Found ${object.elements.length} elements in tuple.`,
              e.span,
            )
          );
        }
        if (index.kind !== "int" && index.kind !== "bool")
          return this.error(
            "SCRY1217",
            `The array index operator [] only accepts integer (literal or variable) indices, got ${typeName(index)}`,
            e.index.span,
          );
        if (object.kind === "array") {
          const at = this.constant(e.index);
          if (at !== undefined && (at < 0n || at >= BigInt(object.count)))
            return this.error("SCRY1219", `the index ${at} is out of bounds for array of size ${object.count}`, e.span);
          return object.of;
        }
        if (object.kind === "pointer")
          return object.to ?? this.error("SCRY1220", "A void pointer cannot be indexed", e.span);
        if (object.kind === "string") return { kind: "int", bits: 8, signed: true };
        return this.error(
          "SCRY1220",
          `The array index operator [] can only be used on arrays and pointers, found ${typeName(object)}.`,
          e.span,
        );
      }
      case "unary":
        return this.#unary(e.operator, e.operand, e.span);
      case "increment": {
        if (e.target.kind === "map") {
          this.useKey(e.target);
          this.setValue(e.target, INT64, e.span);
          const held = this.mapUse(e.target.name).valueType ?? INT64;
          if (held.kind !== "int" && held.kind !== "pointer")
            return this.error(
              "SCRY1210",
              `The ${e.by === 1 ? "++" : "--"} operator can not be used on a map of type ${typeName(held)}`,
              e.span,
            );
          e.target.type = held;
          return held;
        }
        const info = this.lookup(e.target.name);
        if (info === undefined)
          return this.error("SCRY1216", `Undefined or undeclared variable: ${e.target.name}`, e.target.span);
        this.bind(e.target, info);
        if (info.type.kind !== "int" && info.type.kind !== "pointer" && info.type.kind !== "none")
          return this.error(
            "SCRY1210",
            `The ${e.by === 1 ? "++" : "--"} operator can not be used on ${typeName(info.type)}`,
            e.span,
          );
        return info.type;
      }
      case "binary":
        return this.#binary(e);
      case "ternary": {
        const condition = this.check(e.condition);
        if (condition.kind !== "none" && !isNumeric(condition) && condition.kind !== "string")
          this.error("SCRY1201", `Invalid condition in ternary: ${typeName(condition)}`, e.condition.span);
        const then = e.then === undefined ? condition : this.check(e.then);
        const otherwise = this.check(e.otherwise);
        if (then.kind === "none" && otherwise.kind === "none") return NONE;
        if (then.kind === "none" || otherwise.kind === "none") {
          return then.kind === "none" && (e.then ?? e.condition).kind !== "call"
            ? otherwise
            : otherwise.kind === "none"
              ? then
              : otherwise;
        }
        return (
          joinTypes(storedType(then), storedType(otherwise)) ??
          this.error(
            "SCRY1221",
            `Ternary operator must return the same type: have '${typeName(then)}' and '${typeName(otherwise)}'`,
            e.span,
          )
        );
      }
      case "cast":
        return this.#cast(this.typeFrom(e.to, e.operand), e.operand, e.span);
      case "tuple": {
        const elements = e.elements.map((x) => storedType(this.#element(x)));
        return elements.some((t) => t.kind === "none") ? NONE : { kind: "tuple", elements };
      }
      case "record": {
        const elements = e.fields.map((f) => storedType(this.#element(f.value)));
        return elements.some((t) => t.kind === "none")
          ? NONE
          : { kind: "record", names: e.fields.map((f) => f.name), elements };
      }
      case "block": {
        this.#scopes.push(new Map());
        for (const s of e.statements) this.statement(s);
        const type = this.check(e.value);
        this.#scopes.pop();
        return type;
      }
    }
  }

  #element(e: Expression): Type {
    const type = this.check(e);
    if (isAggregate(type))
      return isReadableAggregate(type)
        ? { kind: "int", bits: 64, signed: "signed" in type && type.signed }
        : this.error("SCRY1222", `Map type ${typeName(type)} cannot exist inside a tuple.`, e.span);
    if (type.kind !== "none" && !storable(type))
      return this.error("SCRY1222", `${typeName(type)} cannot exist inside a tuple`, e.span);
    return type;
  }

  #parameter(index: number): Type {
    if (index === 0) return INT64;
    const text = this.env.params[index - 1];
    if (text === undefined || isInteger(text)) return INT64;
    return { kind: "string", size: utf8Length(text) + 1 };
  }

  #identifier(e: IdentifierExpression): Type {
    const numbered = /^(s?)arg(\d+)$/.exec(e.name);
    const builtin = builtinVariables[numbered === null ? e.name : "argN"];
    if (builtin !== undefined) return builtin.check(this, e);
    const named = builtinFunctions[e.name];
    if (named !== undefined && named.arity[0] > 0)
      return this.error("SCRY1223", `Unknown identifier: '${e.name}'`, e.span, [
        `It is a function: ${named.signature}`,
      ]);
    if (named !== undefined)
      return (
        named.check(this, {
          kind: "call",
          name: e.name,
          nameSpan: e.span,
          args: [],
          span: e.span,
        }) ?? NONE
      );
    const enumerator = this.env.btf()?.enumerator(e.name);
    if (enumerator !== undefined) {
      const btf = this.env.btf();
      return btf === undefined ? NONE : typeOfBtf(btf, enumerator.type, "kernel");
    }
    if (headerConstant(e.name) !== undefined) return INT64;
    return this.error(
      "SCRY1223",
      `Unknown identifier: '${e.name}'`,
      e.span,
      nearest(e.name, Object.keys(builtinVariables)),
    );
  }

  #call(e: CallExpression): Type {
    const builtin = builtinFunctions[e.name];
    if (builtin === undefined) {
      const variable = builtinVariables[e.name];
      if (variable !== undefined && e.args.length === 0)
        return variable.check(this, { kind: "identifier", name: e.name, span: e.span });
      for (const a of e.args) this.check(a);
      if (laterFunctions.has(e.name)) return this.error("SCRY1911", `${e.name}() is not supported yet`, e.nameSpan);
      return this.error(
        "SCRY1224",
        `Unknown function: '${e.name}'`,
        e.nameSpan,
        nearest(e.name, Object.keys(builtinFunctions)),
      );
    }
    const [least, most] = builtin.arity;
    if (builtin.unsafe === true && !this.env.unsafe)
      this.error("SCRY1225", `${e.name}() is an unsafe function being used in safe mode`, e.nameSpan, [
        "Use --unsafe to allow functions with side effects on the system",
      ]);
    if (e.args.length < least || e.args.length > most) {
      const wanted =
        least === most
          ? `${least} argument${least === 1 ? "" : "s"}`
          : e.args.length < least
            ? `at least ${least} argument${least === 1 ? "" : "s"}`
            : most === 0
              ? "no arguments"
              : `up to ${most} arguments`;
      return this.error("SCRY1226", `${e.name}() requires ${wanted} (${e.args.length} provided)`, e.span, [
        `${builtin.signature}`,
      ]);
    }
    return builtin.check(this, e);
  }

  /** `args.x`, `task.pid`, `$kv.0`, `$r.name` */
  #field(e: FieldExpression): Type {
    if (e.object.kind === "identifier" && ["args", "vars", "ctx"].includes(e.object.name))
      return this.#argument(e, e.object);
    const object = this.check(e.object);
    if (object.kind === "none") return NONE;
    if (object.kind === "tuple") {
      if (!/^\d+$/.test(e.name))
        return this.error("SCRY1218", `A tuple has no field named '${e.name}'`, e.nameSpan, [
          "Its elements are .0, .1, …",
        ]);
      return (
        object.elements[Number(e.name)] ??
        this.error(
          "SCRY1218",
          `Invalid tuple index: ${e.name}. Found ${object.elements.length} elements in tuple.`,
          e.nameSpan,
        )
      );
    }
    if (object.kind === "record") {
      const at = object.names.indexOf(e.name);
      return at >= 0
        ? (object.elements[at] as Type)
        : this.error(
            "SCRY1227",
            `The record has no field named '${e.name}'`,
            e.nameSpan,
            nearest(e.name, object.names),
          );
    }
    const struct = object.kind === "pointer" ? object.to : object;
    if (struct?.kind !== "struct")
      return this.error(
        "SCRY1228",
        `Can not access field '${e.name}' on expression of type '${typeName(object)}'`,
        e.span,
      );
    const btf = this.env.btf();
    if (btf === undefined)
      return this.error("SCRY1229", "The kernel's type information (BTF) is needed here and is not available", e.span);
    const field = btf.field(struct.btf.id, [e.name]);
    if (field === undefined)
      return this.error(
        "SCRY1230",
        `Struct/union of type '${struct.btf.name}' does not contain a field named '${e.name}'`,
        e.nameSpan,
        nearest(
          e.name,
          btf
            .members(struct.btf.id)
            .map((m) => m.name)
            .filter((n) => n !== ""),
        ),
      );
    const type = typeOfBtf(btf, field.type, struct.space);
    return field.bitfieldSize > 0 && type.kind === "int" ? { kind: "int", bits: 64, signed: type.signed } : type;
  }

  #argument(e: FieldExpression, object: IdentifierExpression): Type {
    object.type = { kind: "args" };
    const form = this.unit.forms[0] as ProbeForm;
    const name = (this.unit.resolved[0] as ResolvedProbe).name;
    const args = form.args;
    const atLine = (this.unit.resolved[0] as ResolvedProbe).variables === true;
    if (object.name === "vars" && !atLine)
      return this.error("SCRY1234", "vars are the variables at a line of source: uprobe:BINARY@FILE:LINE", object.span);
    if (args === undefined) {
      return this.error(
        "SCRY1231",
        `The ${object.name} builtin can only be used with tracepoint, rawtracepoint, fentry, fexit, usdt and iter probes${name === "" ? "" : ` (${name} used here)`}`,
        object.span,
      );
    }
    if (e.name === "0" || /^\d+$/.test(e.name))
      return this.error("SCRY1232", "The arguments of a probe are read by name", e.nameSpan);
    const argument = args.get(e.name);
    if (argument === undefined && atLine)
      return this.error(
        "SCRY1203",
        `There is no variable '${e.name}' at ${name.slice(name.lastIndexOf("@") + 1)}`,
        e.nameSpan,
        nearest(e.name, [...args.keys()]),
      );
    if (argument?.access.kind === "lost") {
      const { why, lines } = argument.access;
      return this.error(
        "SCRY1233",
        `'${e.name}' cannot be read here: ${why}`,
        e.nameSpan,
        lines.length === 0 ? [] : [`It can be read at line${lines.length === 1 ? "" : "s"} ${lines.join(", ")}`],
      );
    }
    if (argument === undefined)
      return this.error(
        "SCRY1203",
        `The arguments of '${name}' have no field named '${e.name}'`,
        { start: e.object.span.start, end: e.nameSpan.end },
        nearest(e.name, [...args.keys()]),
      );
    return argument.type;
  }

  #unary(operator: string, operand: Expression, span: Span): Type {
    if (operator === "&") return this.error("SCRY1901", "taking an address with '&' is not supported yet", span);
    const type = this.check(operand);
    if (type.kind === "none") return NONE;
    if (operator === "*") {
      if (type.kind === "pointer") return type.to ?? this.error("SCRY1233", "Can not dereference a void pointer", span);
      if (type.kind === "int") return { kind: "int", bits: 64, signed: false };
      return this.error(
        "SCRY1233",
        `Can not dereference type '${typeName(type)}'. It needs to be a pointer or an integer.`,
        span,
      );
    }
    if (operator === "!")
      return isNumeric(type) || type.kind === "string"
        ? BOOL
        : this.error("SCRY1234", `The ! operator can not be used on expressions of type '${typeName(type)}'`, span);
    if (!isNumeric(type))
      return this.error(
        "SCRY1234",
        `The ${operator} operator can not be used on expressions of type '${typeName(type)}'`,
        span,
      );
    if (operator === "-") return INT64;
    return type.kind === "int" ? { kind: "int", bits: 64, signed: type.signed } : UINT64;
  }

  #binary(e: Expression & { kind: "binary" }): Type {
    const left = this.check(e.left);
    const right = this.check(e.right);
    if (left.kind === "none" || right.kind === "none") {
      // Unknown so far, or an error that was already told.
      return ["==", "!=", "<", ">", "<=", ">=", "&&", "||"].includes(e.operator)
        ? BOOL
        : left.kind === "int" || left.kind === "pointer"
          ? left
          : right.kind === "int"
            ? right
            : NONE;
    }
    const mismatch = (): Type =>
      this.error(
        "SCRY1235",
        `Type mismatch for '${e.operator}': comparing '${typeName(left)}' with '${typeName(right)}'`,
        e.span,
      );
    switch (e.operator) {
      case "&&":
      case "||":
        for (const [side, type] of [
          [e.left, left],
          [e.right, right],
        ] as const) {
          if (!isNumeric(type) && type.kind !== "string")
            this.error(
              "SCRY1234",
              `The ${e.operator} operator can not be used on expressions of type '${typeName(type)}'`,
              side.span,
            );
        }
        return BOOL;
      case "==":
      case "!=":
        if (left.kind === "string" && right.kind === "string") return BOOL;
        if (left.kind === "tuple" && right.kind === "tuple")
          return joinTypes(left, right) === undefined ? mismatch() : BOOL;
        if (left.kind === "array" && right.kind === "array")
          return sameType(left.of, right.of) && left.count === right.count ? BOOL : mismatch();
        if ((left.kind === "probe") !== (right.kind === "probe")) {
          const text = this.constantText(left.kind === "probe" ? e.right : e.left);
          return text === undefined
            ? this.error("SCRY1902", "the name of a probe can only be compared with a string literal", e.span)
            : BOOL;
        }
        if ((left.kind === "string") !== (right.kind === "string")) return mismatch();
        return isNumeric(left) && isNumeric(right) ? BOOL : mismatch();
      case "<":
      case ">":
      case "<=":
      case ">=":
        return isNumeric(left) && isNumeric(right) ? BOOL : mismatch();
      default: {
        if (!isNumeric(left) || !isNumeric(right))
          return this.error(
            "SCRY1236",
            `The ${e.operator} operator can not be used on expressions of types '${typeName(left)}', '${typeName(right)}'`,
            e.span,
          );
        if ((left.kind === "pointer" || right.kind === "pointer") && (e.operator === "+" || e.operator === "-")) {
          if (left.kind === "pointer" && right.kind === "pointer")
            return e.operator === "-" ? INT64 : this.error("SCRY1236", "Two pointers cannot be added", e.span);
          return left.kind === "pointer" ? left : right;
        }
        if ((e.operator === "/" || e.operator === "%") && this.constant(e.right) === 0n)
          this.warn("SCRY1237", `${e.operator === "/" ? "Division" : "Modulo"} by zero: the result will be 1`, e.span);
        if (e.operator === "-")
          return intResult(left, right, e) === UINT64 && e.left.kind !== "integer" ? UINT64 : INT64;
        return intResult(left, right, e);
      }
    }
  }

  #cast(to: Type, operand: Expression, span: Span): Type {
    const from = this.check(operand);
    if (from.kind === "none" || to.kind === "none") return to;
    const bad = (): Type => this.error("SCRY1238", `Cannot cast from "${typeName(from)}" to "${typeName(to)}"`, span);
    if (to.kind === "int" || to.kind === "bool") {
      if (isNumeric(from) || from.kind === "ksym" || from.kind === "username" || from.kind === "cgroup_path") return to;
      return bad();
    }
    if (to.kind === "pointer")
      return from.kind === "int" || from.kind === "pointer" || from.kind === "struct" ? to : bad();
    if (to.kind === "string") return from.kind === "string" ? to : bad();
    if (to.kind === "struct")
      return this.error("SCRY1239", `Cannot cast to struct "${typeName(to)}"`, span, [
        `Cast to a pointer: (${typeName(to)} *)`,
      ]);
    if (to.kind === "array")
      return from.kind === "array" ? to : this.error("SCRY1903", "casts to an array are not supported yet", span);
    return bad();
  }

  // --- types as written -----------------------------------------------------------------------------------------

  typeFrom(name: TypeName, operand?: Expression): Type {
    let type: Type | undefined;
    const space = operand?.type?.kind === "pointer" ? operand.type.space : this.userSpace() ? "user" : "kernel";
    if (name.base.kind === "typeof") type = storedType(this.check(name.base.expression));
    else type = this.#namedType(name.base.name, name.base.tag, space);
    if (type === undefined) {
      const what =
        name.base.kind === "named" ? `${name.base.tag === undefined ? "" : `${name.base.tag} `}${name.base.name}` : "";
      return this.error("SCRY1240", `Cannot resolve unknown type "${what}"`, name.span);
    }
    const [first, ...rest] = name.suffixes;
    let suffixes = name.suffixes;
    if (
      name.base.kind === "named" &&
      (name.base.name === "string" || name.base.name === "buffer" || name.base.name === "inet") &&
      typeof first === "number"
    ) {
      type = name.base.name === "buffer" ? { kind: "buffer", size: first } : { kind: "string", size: first };
      suffixes = rest;
    }
    for (const s of suffixes) {
      if (s === "*") type = type.kind === "none" ? { kind: "pointer", space } : { kind: "pointer", to: type, space };
      else type = { kind: "array", of: type, count: s, space };
    }
    return type;
  }

  #namedType(name: string, tag: "struct" | "union" | "enum" | undefined, space: "kernel" | "user"): Type | undefined {
    if (tag === undefined) {
      const int = namedIntType(name);
      if (int !== undefined) return int;
      if (name === "void") return NONE;
      if (name === "string") return { kind: "string", size: this.options.maxStrlen + 1 };
      if (name === "buffer") return { kind: "buffer", size: 64 };
      if (name === "inet") return { kind: "inet" };
    }
    const btf = this.env.btf();
    if (btf === undefined) return undefined;
    const id =
      tag === undefined
        ? btf.find(name, ["typedef", "struct", "union", "enum", "enum64", "int"])
        : btf.find(name, tag === "enum" ? ["enum", "enum64"] : tag);
    return id === undefined ? undefined : typeOfBtf(btf, id, space);
  }

  /** Do addresses that come without a type mean the process's memory here? */
  userSpace(): boolean {
    const provider = (this.unit.resolved[0] as ResolvedProbe).provider;
    return provider === "uprobe" || provider === "uretprobe" || provider === "usdt";
  }

  // --- constants ------------------------------------------------------------------------------------------------

  /** The value of an expression that is known before the script runs. */
  constant(e: Expression): bigint | undefined {
    // An enumerator of the kernel comes before a macro of the headers.
    if (
      e.kind === "identifier" &&
      builtinVariables[e.name] === undefined &&
      this.env.btf()?.enumerator(e.name) === undefined
    )
      return headerConstant(e.name);
    if (e.kind === "integer") return e.value;
    if (e.kind === "boolean") return e.value ? 1n : 0n;
    if (e.kind === "parameter") {
      if (e.index === 0) return BigInt(this.env.params.length);
      const text = this.env.params[e.index - 1];
      if (text === undefined) return 0n;
      return isInteger(text) ? parseInteger(text) : undefined;
    }
    if (e.kind === "unary" && e.operator === "-") {
      const value = this.constant(e.operand);
      return value === undefined ? undefined : -value;
    }
    return undefined;
  }

  /** The text of an expression that is known before the script runs. */
  constantText(e: Expression): string | undefined {
    if (e.kind === "string") return e.value;
    if (e.kind === "identifier" && this.unit.resolved.length === 1) {
      const only = this.unit.resolved[0] as ResolvedProbe;
      return e.name === "probe"
        ? only.name
        : e.name === "func"
          ? only.func
          : e.name === "probetype"
            ? probeType(only)
            : undefined;
    }
    if (e.kind === "parameter") return e.index === 0 ? undefined : (this.env.params[e.index - 1] ?? "");
    if (e.kind === "call" && e.name === "str") return this.parameterText(e);
    return undefined;
  }

  /** `str($1)`, `str($1 + n)`, `str($1, n)`: texts from the command line. */
  parameterText(call: CallExpression): string | undefined {
    const [e, length] = call.args;
    const moved = e?.kind === "binary" && e.operator === "+" && e.left.kind === "parameter" ? e.left : undefined;
    const parameter = moved ?? e;
    if (parameter?.kind !== "parameter" || parameter.index === 0) return undefined;
    const skip = e?.kind === "binary" && moved !== undefined ? this.constant(e.right) : 0n;
    const n = length === undefined ? undefined : this.constant(length);
    if (skip === undefined || skip < 0n || (length !== undefined && (n === undefined || n < 0n))) return undefined;
    const text = (this.env.params[parameter.index - 1] ?? "").slice(Number(skip));
    return n === undefined ? text : text.slice(0, Number(n));
  }
}
