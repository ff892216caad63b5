// What is known when a module is compiled, of ordinary modules that it imports: constants, and what pure functions give, as
// JavaScript itself has it. No code of others runs: the tree is gone through, with bounds on steps and depth.

import {
  annotationOf,
  bare,
  type Expression,
  type FunctionNode,
  type Node,
  type Pattern,
  refuse,
  type Statement,
} from "./ast.ts";

/** A value of JavaScript. */
export type Known = number | bigint | string | boolean | null | undefined | readonly Known[] | Closure | KnownObject;
export interface KnownObject {
  readonly [name: string]: Known;
}
/** A function with the names that are known where it stands. */
export class Closure {
  readonly node: FunctionNode;
  readonly names: Names;
  constructor(node: FunctionNode, names: Names) {
    this.node = node;
    this.names = names;
  }
}

const MOST_STEPS = 1_000_000;
const MOST_DEPTH = 200;
const MOST_ELEMENTS = 1 << 16;

/** Variables of a block, above those around it. */
export class Names {
  readonly #own = new Map<string, Known>();
  readonly #outer: { get(name: string): { readonly value: Known } | undefined } | undefined;
  constructor(outer?: { get(name: string): { readonly value: Known } | undefined }) {
    this.#outer = outer;
  }
  get(name: string): { readonly value: Known } | undefined {
    return this.#own.has(name) ? { value: this.#own.get(name) } : this.#outer?.get(name);
  }
  declare(name: string, value: Known): void {
    this.#own.set(name, value);
  }
  /** False where nothing of this name can be set. */
  set(name: string, value: Known): boolean {
    if (this.#own.has(name)) {
      this.#own.set(name, value);
      return true;
    }
    return this.#outer instanceof Names && this.#outer.set(name, value);
  }
}

type Left = { readonly kind: "break" | "continue" } | { readonly kind: "return"; readonly value: Known } | undefined;
type Binary = (a: never, b: never) => Known;

const of = (row: (a: number, b: number) => Known): Binary => row as Binary;
const BINARY: Readonly<Record<string, Binary>> = {
  "+": of((a, b) => a + b),
  "-": of((a, b) => a - b),
  "*": of((a, b) => a * b),
  "/": of((a, b) => a / b),
  "%": of((a, b) => a % b),
  "**": of((a, b) => a ** b),
  "&": of((a, b) => a & b),
  "|": of((a, b) => a | b),
  "^": of((a, b) => a ^ b),
  "<<": of((a, b) => a << b),
  ">>": of((a, b) => a >> b),
  ">>>": of((a, b) => a >>> b),
  "<": of((a, b) => a < b),
  "<=": of((a, b) => a <= b),
  ">": of((a, b) => a > b),
  ">=": of((a, b) => a >= b),
  "===": of((a, b) => a === b),
  "!==": of((a, b) => a !== b),
};

const MATH: Readonly<Record<string, (...args: number[]) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  log2: Math.log2,
  max: Math.max,
  min: Math.min,
  pow: Math.pow,
  round: Math.round,
  sqrt: Math.sqrt,
  trunc: Math.trunc,
};

/** Methods of texts that change nothing. */
const TEXT_METHODS =
  /^(?:at|charAt|charCodeAt|codePointAt|endsWith|includes|indexOf|lastIndexOf|padEnd|padStart|repeat|slice|split|startsWith|substring|toLowerCase|toUpperCase|trim)$/;

export class Evaluator {
  #steps = 0;
  #depth = 0;

  #step(at: Node): void {
    if (++this.#steps > MOST_STEPS)
      refuse("SCRY1402", "this takes too long to be computed when the module is compiled", at);
  }

  // --- expressions ------------------------------------------------------------------------------------------------

  value(given: Expression, names: Names): Known {
    const node = bare(given);
    this.#step(node);
    switch (node.type) {
      case "Literal":
        return node.value instanceof RegExp ? this.#not(node) : (node.value as Known);
      case "Identifier":
        if (node.name === "undefined") return undefined;
        return (names.get(node.name) ?? this.#not(node, `'${node.name}' is not known when the module is compiled`))
          .value;
      case "TemplateLiteral":
        return node.quasis
          .map(({ value }, i) => {
            const expression = node.expressions[i];
            return (value.cooked ?? "") + (expression === undefined ? "" : String(this.value(expression, names)));
          })
          .join("");
      case "ArrayExpression":
        return node.elements.flatMap((element): readonly Known[] => {
          if (element === null) return this.#not(node);
          if (element.type !== "SpreadElement") return [this.value(element, names)];
          const spread = this.value(element.argument, names);
          return Array.isArray(spread) ? spread : this.#not(element);
        });
      case "ObjectExpression":
        return this.#object(node, names);
      case "ArrowFunctionExpression":
      case "FunctionExpression":
        return new Closure(node, names);
      case "UnaryExpression": {
        const value = this.value(node.argument, names);
        if (node.operator === "!") return !value;
        if (node.operator === "typeof") return typeof value;
        if (typeof value !== "number" && typeof value !== "bigint") return this.#not(node);
        if (node.operator === "-") return -value;
        if (node.operator === "~") return ~value;
        return node.operator === "+" && typeof value === "number" ? value : this.#not(node);
      }
      case "BinaryExpression":
        return this.#binary(
          node.operator,
          this.value(node.left as Expression, names),
          this.value(node.right, names),
          node,
        );
      case "LogicalExpression": {
        const left = this.value(node.left, names);
        if (node.operator === "&&" ? !left : node.operator === "||" ? left : left !== undefined && left !== null)
          return left;
        return this.value(node.right, names);
      }
      case "ConditionalExpression":
        return this.value(this.value(node.test, names) ? node.consequent : node.alternate, names);
      case "AssignmentExpression": {
        if (node.left.type !== "Identifier") return this.#not(node.left, "only variables can be set here");
        const right = this.value(node.right, names);
        const value =
          node.operator === "="
            ? right
            : this.#binary(node.operator.slice(0, -1), names.get(node.left.name)?.value, right, node);
        if (!names.set(node.left.name, value)) return this.#not(node.left);
        return value;
      }
      case "UpdateExpression": {
        if (node.argument.type !== "Identifier") return this.#not(node.argument, "only variables can be set here");
        const before = names.get(node.argument.name)?.value;
        const after = this.#binary(
          node.operator === "++" ? "+" : "-",
          before,
          typeof before === "bigint" ? 1n : 1,
          node,
        );
        if (!names.set(node.argument.name, after)) return this.#not(node.argument);
        return node.prefix ? after : before;
      }
      case "MemberExpression": {
        const object = this.value(node.object as Expression, names);
        if (node.optional && (object === undefined || object === null)) return undefined;
        const key = node.computed
          ? this.value(node.property as Expression, names)
          : node.property.type === "Identifier"
            ? node.property.name
            : this.#not(node);
        return this.#member(object, key, node);
      }
      case "CallExpression":
        return this.#call(node, names);
      default:
        return this.#not(node);
    }
  }

  #not(node: Node, message = "this cannot be computed when the module is compiled"): never {
    return refuse("SCRY1402", message, node);
  }

  #object(node: Extract<Expression, { type: "ObjectExpression" }>, names: Names): KnownObject {
    const found: Record<string, Known> = Object.create(null) as Record<string, Known>;
    for (const property of node.properties) {
      if (property.type === "SpreadElement") {
        const spread = this.value(property.argument, names);
        if (!isObject(spread)) return this.#not(property);
        Object.assign(found, spread);
        continue;
      }
      const { key } = property;
      if (property.kind !== "init") return this.#not(property);
      const name = property.computed
        ? String(this.value(key as Expression, names))
        : key.type === "Identifier"
          ? key.name
          : key.type === "Literal"
            ? String(key.value)
            : this.#not(property);
      found[name] = this.value(property.value as Expression, names);
    }
    return found;
  }

  #binary(operator: string, a: Known, b: Known, at: Node): Known {
    const row = Object.hasOwn(BINARY, operator) ? BINARY[operator] : undefined;
    if (row === undefined) return this.#not(at);
    const compared = operator === "===" || operator === "!==";
    const plain = /^(?:number|bigint|string|boolean)$/;
    if (!compared && !(plain.test(typeof a) && plain.test(typeof b))) return this.#not(at);
    if (operator === "**" && typeof b === "bigint" && (b < 0n || b > 4096n)) return this.#not(at);
    if (operator === "<<" && typeof b === "bigint" && b > 4096n) return this.#not(at);
    if (typeof a === "bigint" && b === 0n && /[/%]/.test(operator)) refuse("SCRY1403", "this divides by zero", at);
    if (
      !compared &&
      (typeof a === "bigint") !== (typeof b === "bigint") &&
      typeof a !== "string" &&
      typeof b !== "string" &&
      !/[<>]=?$/.test(operator)
    )
      return this.#not(at, "a number and a bigint cannot be computed with together");
    return row(a as never, b as never);
  }

  #member(object: Known, key: Known, at: Node): Known {
    if (typeof object === "string" || Array.isArray(object)) {
      if (key === "length") return object.length;
      if (typeof key === "number") return object[key];
    }
    if (isObject(object) && typeof key === "string") return Object.hasOwn(object, key) ? object[key] : undefined;
    return this.#not(at);
  }

  // --- calls --------------------------------------------------------------------------------------------------------

  #call(node: Extract<Expression, { type: "CallExpression" }>, names: Names): Known {
    const args = node.arguments.map((arg) => (arg.type === "SpreadElement" ? this.#not(arg) : this.value(arg, names)));
    const callee = bare(node.callee as Expression);
    if (callee.type === "MemberExpression" && !callee.computed && callee.property.type === "Identifier") {
      const { name } = callee.property;
      const holder = bare(callee.object as Expression);
      if (holder.type === "Identifier" && holder.name === "Math" && names.get("Math") === undefined) {
        const row = Object.hasOwn(MATH, name) ? MATH[name] : undefined;
        if (row === undefined || args.some((arg) => typeof arg !== "number")) return this.#not(node);
        return row(...(args as number[]));
      }
      const object = this.value(callee.object as Expression, names);
      if (Array.isArray(object)) return this.#ofList(object, name, args, node);
      if (typeof object === "string" && TEXT_METHODS.test(name)) {
        if (name === "repeat" && object.length * Number(args[0]) > MOST_ELEMENTS) return this.#not(node);
        return (object as unknown as Record<string, (...all: Known[]) => Known>)[name]?.(...args);
      }
      if (isObject(object) && Object.hasOwn(object, name)) return this.call(object[name], args, node);
      return this.#not(node);
    }
    if (callee.type === "Identifier" && names.get(callee.name) === undefined) {
      const [value] = args;
      if (callee.name === "BigInt" && Number.isInteger(value)) return BigInt(value as number);
      if (callee.name === "Number" && /^(?:bigint|number|string)$/.test(typeof value)) return Number(value);
      if (callee.name === "String") return String(value);
    }
    return this.call(this.value(callee, names), args, node);
  }

  #ofList(list: readonly Known[], name: string, args: readonly Known[], at: Node): Known {
    const [first, second] = args;
    const each = (value: Known, i: number): Known => this.call(first, [value, i], at);
    switch (name) {
      case "map":
        return list.map(each);
      case "filter":
        return list.filter((value, i) => each(value, i));
      case "some":
        return list.some((value, i) => each(value, i));
      case "every":
        return list.every((value, i) => each(value, i));
      case "flatMap":
        return list.flatMap(each as (value: Known, i: number) => readonly Known[]);
      case "reduce":
        return list.reduce((sum, value, i) => this.call(first, [sum, value, i], at), second);
      case "includes":
        return list.includes(first);
      case "indexOf":
        return list.indexOf(first);
      case "join":
        return list.join(first === undefined ? "," : String(first));
      case "slice":
        return list.slice(first as number | undefined, second as number | undefined);
      case "concat":
        return list.concat(...(args as readonly Known[][]));
      default:
        return this.#not(at);
    }
  }

  /** What a function gives. */
  call(fn: Known, args: readonly Known[], at: Node): Known {
    if (!(fn instanceof Closure)) return refuse("SCRY1403", "this is no function", at);
    if (++this.#depth > MOST_DEPTH) refuse("SCRY1402", "this calls itself too often", at);
    const names = new Names(fn.names);
    const { node } = fn;
    if (node.async === true || node.generator === true) this.#not(node);
    for (const [i, pattern] of node.params.entries()) this.#bind(pattern, args[i], names);
    let value: Known;
    if (node.body.type === "BlockStatement") {
      const left = this.#statements(node.body.body, names);
      value = left?.kind === "return" ? left.value : undefined;
    } else value = this.value(node.body, names);
    this.#depth--;
    return value;
  }

  #bind(pattern: Pattern, value: Known, names: Names): void {
    if (pattern.type === "Identifier") names.declare(pattern.name, value);
    else if (pattern.type === "AssignmentPattern")
      this.#bind(pattern.left, value === undefined ? this.value(pattern.right, names) : value, names);
    else if (pattern.type === "ArrayPattern" && Array.isArray(value)) {
      for (const [i, element] of pattern.elements.entries()) if (element !== null) this.#bind(element, value[i], names);
    } else if (pattern.type === "ObjectPattern" && isObject(value)) {
      for (const property of pattern.properties) {
        if (property.type !== "Property" || property.key.type !== "Identifier") this.#not(property);
        else this.#bind(property.value as Pattern, value[property.key.name], names);
      }
    } else this.#not(annotationOf(pattern) ?? pattern);
  }

  // --- statements -------------------------------------------------------------------------------------------------

  #statements(all: readonly Statement[], outer: Names): Left {
    const names = new Names(outer);
    for (const one of all) if (one.type === "FunctionDeclaration") names.declare(one.id.name, new Closure(one, names));
    for (const one of all) {
      const left = this.#statement(one, names);
      if (left !== undefined) return left;
    }
    return undefined;
  }

  #statement(node: Statement, names: Names): Left {
    this.#step(node);
    switch (node.type) {
      case "EmptyStatement":
      case "FunctionDeclaration":
        return undefined;
      case "BlockStatement":
        return this.#statements(node.body, names);
      case "ExpressionStatement":
        this.value(node.expression, names);
        return undefined;
      case "VariableDeclaration":
        for (const { id, init } of node.declarations)
          this.#bind(id, init == null ? undefined : this.value(init, names), names);
        return undefined;
      case "ReturnStatement":
        return { kind: "return", value: node.argument == null ? undefined : this.value(node.argument, names) };
      case "IfStatement":
        if (this.value(node.test, names)) return this.#statement(node.consequent, names);
        return node.alternate == null ? undefined : this.#statement(node.alternate, names);
      case "BreakStatement":
        return { kind: "break" };
      case "ContinueStatement":
        return { kind: "continue" };
      case "WhileStatement":
        while (this.value(node.test, names)) {
          const left = this.#statement(node.body, names);
          if (left?.kind === "break") break;
          if (left?.kind === "return") return left;
        }
        return undefined;
      case "ForStatement": {
        const own = new Names(names);
        if (node.init?.type === "VariableDeclaration") this.#statement(node.init, own);
        else if (node.init != null) this.value(node.init, own);
        while (node.test == null || this.value(node.test, own)) {
          const left = this.#statement(node.body, own);
          if (left?.kind === "break") break;
          if (left?.kind === "return") return left;
          if (node.update != null) this.value(node.update, own);
        }
        return undefined;
      }
      case "ForOfStatement": {
        const list = this.value(node.right, names);
        const id = node.left.type === "VariableDeclaration" ? node.left.declarations[0]?.id : undefined;
        if ((!Array.isArray(list) && typeof list !== "string") || id === undefined) return this.#not(node);
        for (const value of list) {
          const own = new Names(names);
          this.#bind(id, value, own);
          const left = this.#statement(node.body, own);
          if (left?.kind === "break") break;
          if (left?.kind === "return") return left;
        }
        return undefined;
      }
      default:
        return this.#not(node);
    }
  }
}

const isObject = (value: Known): value is KnownObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Closure);
