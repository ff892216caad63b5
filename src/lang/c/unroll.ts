// Loops that count through few known numbers are written out, turn by turn: what is indexed by the counter is then at a known
// place, and stays in registers. Old texts rely on it (`#pragma unroll`): a verifier may follow no pointer around a loop.

import {
  anyNode,
  type CExpression,
  type CFunction,
  type CNode,
  type CStatement,
  type CVariable,
  nodesBelow,
  type Typing,
} from "../../c/index.ts";

type Loop = Extract<CStatement, { kind: "loop" }>;

const MOST_TURNS = 64;
/** Statements before a loop among which that is looked for which its counter starts with. */
const MOST_BEFORE = 4;
/** Loops within each other whose turns are looked at one by one. */
const MOST_NESTED = 4;
/** Nodes of the tree that all turns of a loop together may have; once a program has so many, no more than fewer. */
const MOST_NODES = 2500;
const FEWER_NODES = 700;

/** A number, or an address in a variable: so many bytes behind its start. */
interface Known {
  readonly base?: CVariable;
  readonly value: bigint;
}
/** What counters of loops around are, in the turn that is written out. */
export type Counters = ReadonlyMap<CVariable, Known>;

/** A loop that is written out. */
export interface Turns {
  readonly variable: CVariable;
  /** What the counter is in each turn. */
  readonly values: readonly Known[];
  /** Of the tree. */
  readonly nodes: number;
}

interface Asked {
  readonly typing: Typing;
  inPlace(fn: CFunction): boolean;
  /** Nodes beyond which it is of no matter how many there are. */
  readonly most: number;
}

/** Functions that stand in place of their calls count with their bodies, loops that are written out with all their turns. */
function weight(node: CNode, asked: Asked, counters: Counters, depth = 0, loops = 0): number {
  let sum = 1;
  if (node.kind === "block") {
    node.statements.forEach((one, i) => {
      if (sum > asked.most) return;
      const found =
        one.kind === "loop" ? written(one, node.statements.slice(0, i), asked, counters, depth, loops + 1) : undefined;
      sum += found?.nodes ?? weight(one, asked, counters, depth, loops);
    });
    return sum;
  }
  if (node.kind === "call" && node.callee.kind === "function" && depth < 8) {
    const fn = node.callee.function;
    if (fn.body !== undefined && asked.inPlace(fn))
      for (const statement of fn.body.statements) sum += weight(statement, asked, counters, depth + 1, loops);
  }
  for (const one of nodesBelow(node)) {
    sum += weight(one, asked, counters, depth, loops);
    if (sum > asked.most) return sum;
  }
  return sum;
}

const plain = (of: CExpression): CExpression => (of.kind === "convert" ? plain(of.of) : of);

/** What an expression is where the counters are known; it may count one of them on. Undefined: that depends on something else, too. */
function known(of: CExpression, typing: Typing, counters: Map<CVariable, Known>): Known | undefined {
  const number = (value: bigint): Known => ({ value: typing.cut(value, of.type) });
  const inner = (one: CExpression): Known | undefined => known(one, typing, counters);
  switch (of.kind) {
    case "constant":
      return { value: of.value };
    case "variable":
      return counters.get(of.variable);
    case "convert": {
      const found = inner(of.of);
      if (found === undefined || !typing.isScalar(of.type)) return undefined;
      if (found.base === undefined) return number(found.value);
      return typing.isPointer(of.type) ? found : undefined;
    }
    case "decay":
    case "address":
      return of.of.kind === "variable" && of.of.variable.storage === "local"
        ? { base: of.of.variable, value: 0n }
        : undefined;
    case "advance": {
      const [pointer, by] = [inner(of.pointer), inner(of.by)];
      if (pointer?.base === undefined || by === undefined) return undefined;
      return { base: pointer.base, value: pointer.value + by.value * BigInt(of.size) };
    }
    case "unary": {
      const found = inner(of.of);
      if (found === undefined || found.base !== undefined) return undefined;
      const { value } = found;
      return number(of.operator === "-" ? -value : of.operator === "~" ? ~value : value === 0n ? 1n : 0n);
    }
    case "binary": {
      const [x, y] = [inner(of.left), inner(of.right)];
      if (x === undefined || y === undefined || x.base !== undefined || y.base !== undefined) return undefined;
      const made = typing.binary(
        of.operator,
        typing.constant(x.value, of.left.type, of.span),
        typing.constant(y.value, of.right.type, of.span),
        of.span,
      );
      return made.kind === "constant" ? { value: made.value } : undefined;
    }
    case "compare": {
      const [x, y] = [inner(of.left), inner(of.right)];
      if (x === undefined || y === undefined || x.base !== y.base) return undefined;
      const [a, b] = [x.value, y.value];
      const holds = { "==": a === b, "!=": a !== b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b }[of.operator];
      return { value: holds ? 1n : 0n };
    }
    case "logical": {
      const [left, right] = [inner(of.left), inner(of.right)];
      const decides = of.operator === "&&" ? 0n : 1n;
      const truth = (one: Known | undefined): bigint | undefined =>
        one === undefined ? undefined : one.value === 0n && one.base === undefined ? 0n : 1n;
      if (truth(left) === decides || truth(right) === decides) return { value: decides };
      return left === undefined || right === undefined ? undefined : { value: 1n - decides };
    }
    case "assign":
    case "update": {
      if (of.target.kind !== "variable" || !counters.has(of.target.variable)) return undefined;
      const old = counters.get(of.target.variable) as Known;
      const found =
        of.kind === "assign"
          ? inner(of.value)
          : known(of.value, typing, new Map([...counters, [of.before, old] as const]));
      if (found === undefined) return undefined;
      counters.set(of.target.variable, found);
      return of.kind === "update" && of.post ? old : found;
    }
    default:
      return undefined;
  }
}

/** What the statements before a loop give a variable. */
function given(
  variable: CVariable,
  before: readonly CStatement[],
  typing: Typing,
  counters: Counters,
): Known | undefined {
  for (const statement of before.slice(-MOST_BEFORE).reverse()) {
    if (statement.kind === "declare" && statement.variable === variable) {
      const first = statement.variable.initial?.entries[0]?.value;
      return first === undefined ? undefined : known(first, typing, new Map(counters));
    }
    if (statement.kind === "expression" && statement.value.kind === "assign") {
      const { target, value } = statement.value;
      if (target.kind === "variable" && target.variable === variable) return known(value, typing, new Map(counters));
    }
    if (statement.kind !== "declare" && statement.kind !== "expression") return undefined;
    if (changes(statement, variable)) return undefined;
  }
  return undefined;
}

/** Does something in there change the variable, or lead to behind where it is set? */
const changes = (node: CNode, variable: CVariable): boolean =>
  anyNode(
    node,
    (one) =>
      one.kind === "label" ||
      one.kind === "case" ||
      (one.kind === "assembly" &&
        one.outputs.some((o) => o.value.kind === "variable" && o.value.variable === variable)) ||
      ((one.kind === "assign" || one.kind === "update") &&
        one.target.kind === "variable" &&
        one.target.variable === variable),
  );

/** The variable that the step counts, or the condition itself. */
function counterOf({ step, condition }: Loop): CVariable | undefined {
  for (const of of [step, condition?.kind === "compare" ? plain(condition.left) : condition && plain(condition)])
    if ((of?.kind === "update" || of?.kind === "assign") && of.target.kind === "variable") return of.target.variable;
  return undefined;
}

/** Does asking for the condition change something? */
export const counts = (condition: CExpression | undefined): boolean =>
  condition !== undefined && anyNode(condition, (one) => one.kind === "update" || one.kind === "assign");

/** The loop written out, where it is small enough; `before` are the statements before it. */
export function turnsOf(
  loop: Loop,
  before: readonly CStatement[],
  typing: Typing,
  inPlace: (fn: CFunction) => boolean,
  counters: Counters,
  /** Nodes of those that are written out already. */
  done: number,
): Turns | undefined {
  const most = Math.max(FEWER_NODES, MOST_NODES - done);
  return written(loop, before, { typing, inPlace, most }, counters, 0, 1);
}

function written(
  loop: Loop,
  before: readonly CStatement[],
  asked: Asked,
  counters: Counters,
  depth: number,
  loops: number,
): Turns | undefined {
  const { typing } = asked;
  const { condition, step, body, form } = loop;
  const variable = counterOf(loop);
  if (condition === undefined || variable === undefined || loops > MOST_NESTED) return undefined;
  if (variable.addressed || variable.storage !== "local" || changes(body, variable)) return undefined;
  // Asked for once each turn: what counts must not be behind && or ?:.
  if (counts(condition) && (step !== undefined || (condition.kind !== "compare" && condition.kind !== "update")))
    return undefined;
  const start = given(variable, before, typing, counters);
  if (start === undefined) return undefined;
  const now = new Map([...counters, [variable, start] as const]);
  const goesOn = (): boolean => {
    const found = known(condition, typing, now);
    return found === undefined || found.base !== undefined || found.value !== 0n;
  };
  const values: Known[] = [];
  let on = form === "do" || goesOn();
  while (on && values.length <= MOST_TURNS) {
    values.push(now.get(variable) as Known);
    if (step !== undefined && known(step, typing, now) === undefined) return undefined;
    on = goesOn();
    // Where nothing is known of it, it says nothing of how often.
    if (now.get(variable)?.value === values.at(-1)?.value) return undefined;
  }
  const [first] = values;
  const last = values.at(-1);
  if (values.length > MOST_TURNS || first === undefined || last === undefined) return undefined;
  const of = (value: Known): number =>
    weight(body, asked, new Map([...counters, [variable, value] as const]), depth, loops);
  const nodes = values.length * Math.max(of(first), of(last));
  return nodes > asked.most ? undefined : { variable, values, nodes };
}
