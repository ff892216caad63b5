// Loops that count through few known numbers are written out, turn by turn: what is indexed by the counter is then at a known
// place, and stays in registers. Old texts rely on it (`#pragma unroll`): a verifier may follow no pointer around a loop.

import type { CExpression, CFunction, CStatement, CVariable, Typing } from "../../c/index.ts";

type Loop = Extract<CStatement, { kind: "loop" }>;
type Node = CExpression | CStatement;

const MOST_TURNS = 64;
/** Nodes of the tree that all turns together may have. */
const MOST_NODES = 700;

/** The nodes right below one. */
function below(node: Node): Node[] {
  const found: Node[] = [];
  const add = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(add);
    else if (typeof value === "object" && value !== null && "kind" in value && "span" in value)
      found.push(value as Node);
  };
  Object.values(node).forEach(add);
  if ((node.kind === "declare" || node.kind === "literal") && node.variable.initial !== undefined)
    for (const { value } of node.variable.initial.entries) found.push(value);
  return found;
}

function some(node: Node, holds: (node: Node) => boolean): boolean {
  return holds(node) || below(node).some((one) => some(one, holds));
}

/** Functions that stand in place of their calls count with their bodies, loops that are written out with all their turns. */
function weight(node: Node, typing: Typing, inPlace: (fn: CFunction) => boolean, depth = 0): number {
  let sum = 1;
  if (node.kind === "block") {
    node.statements.forEach((one, i) => {
      const own = weight(one, typing, inPlace, depth);
      const turns =
        one.kind === "loop" && own < MOST_NODES
          ? turnsOf(one, node.statements[i - 1], typing, inPlace, own)
          : undefined;
      sum += own * (turns ?? 1);
    });
    return sum;
  }
  if (node.kind === "call" && node.callee.kind === "function" && depth < 8) {
    const fn = node.callee.function;
    if (fn.body !== undefined && inPlace(fn))
      for (const statement of fn.body.statements) sum += weight(statement, typing, inPlace, depth + 1);
  }
  for (const one of below(node)) {
    sum += weight(one, typing, inPlace, depth);
    if (sum > MOST_NODES) return sum;
  }
  return sum;
}

const plain = (of: CExpression): CExpression => (of.kind === "convert" ? plain(of.of) : of);

/** What a statement before the loop gives a variable. */
function given(
  statement: CStatement | undefined,
): { readonly variable: CVariable; readonly value: bigint } | undefined {
  if (statement?.kind === "declare") {
    const first = statement.variable.initial?.entries[0]?.value;
    return first?.kind === "constant" ? { variable: statement.variable, value: first.value } : undefined;
  }
  if (statement?.kind !== "expression" || statement.value.kind !== "assign") return undefined;
  const { target, value } = statement.value;
  return target.kind === "variable" && value.kind === "constant"
    ? { variable: target.variable, value: value.value }
    : undefined;
}

/** How the counter grows. */
function stepOf(step: CExpression | undefined, variable: CVariable): bigint | undefined {
  if (step?.kind !== "update" || step.target.kind !== "variable" || step.target.variable !== variable) return undefined;
  const sum = plain(step.value);
  if (sum.kind !== "binary" || (sum.operator !== "+" && sum.operator !== "-") || sum.right.kind !== "constant")
    return undefined;
  const before = plain(sum.left);
  if (before.kind !== "variable" || before.variable !== step.before) return undefined;
  return sum.operator === "+" ? sum.right.value : -sum.right.value;
}

/** Does the loop go on with this number? Undefined: that depends on something else, too. */
function goesOn(condition: CExpression, variable: CVariable, value: bigint): boolean | undefined {
  if (condition.kind === "logical" && condition.operator === "&&") {
    const [left, right] = [goesOn(condition.left, variable, value), goesOn(condition.right, variable, value)];
    if (left === false || right === false) return false;
    return left === true && right === true ? true : undefined;
  }
  if (condition.kind !== "compare") return undefined;
  const [left, right] = [plain(condition.left), plain(condition.right)];
  const of = (side: CExpression): bigint | undefined =>
    side.kind === "constant" ? side.value : side.kind === "variable" && side.variable === variable ? value : undefined;
  const [x, y] = [of(left), of(right)];
  if (x === undefined || y === undefined) return undefined;
  return { "==": x === y, "!=": x !== y, "<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y }[condition.operator];
}

/** How often a loop is turned at most, where it is small enough to be written out; `before` is the statement before it. */
export function turnsOf(
  loop: Loop,
  before: CStatement | undefined,
  typing: Typing,
  inPlace: (fn: CFunction) => boolean,
  /** Of its body, where it is known already. */
  known?: number,
): number | undefined {
  const start = given(before);
  const { condition, body } = loop;
  if (loop.form !== "while" || start === undefined || condition === undefined) return undefined;
  const { variable } = start;
  const step = stepOf(loop.step, variable);
  if (step === undefined || step === 0n || variable.addressed || variable.storage !== "local") return undefined;
  let value = start.value;
  let turns = 0;
  while (turns <= MOST_TURNS && goesOn(condition, variable, value) !== false) {
    turns++;
    value = typing.cut(value + step, variable.type);
  }
  if (turns > MOST_TURNS) return undefined;
  const changes = some(body, (node) => {
    if (node.kind === "label") return true;
    return (
      (node.kind === "assign" || node.kind === "update") &&
      node.target.kind === "variable" &&
      node.target.variable === variable
    );
  });
  return changes || turns * (known ?? weight(body, typing, inPlace)) > MOST_NODES ? undefined : turns;
}
