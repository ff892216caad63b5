// Loops that are much work for the kernel's verifier. It walks every way through a loop's body, at each turn anew until
// nothing changes; and within a loop it takes two ways that meet for one only where every number on the one lies within
// what it was on the other (RANGE_WITHIN), so that each branch can double the ways. The body of such a loop becomes a
// function of its own that the verifier walks once and apart (a global one), where two ways are one if what differs
// decides nothing. Its variables are then in memory, and each turn is a call: cheap, but not for nothing.

import { type Expression, type Statement, type StatementBlock, walkBlock } from "../parse/index.ts";

/** Branches of a body from which on it is heavy. */
const MOST_BRANCHES = 8;

/** So many ways are there to go at once, in the code of each of these. */
function branchesOf(e: Expression): number {
  switch (e.kind) {
    case "ternary":
    case "map":
    case "increment":
      return 1;
    case "binary":
      return e.operator === "&&" || e.operator === "||" || COMPARISONS.has(e.operator) ? 1 : 0;
    case "call":
    case "identifier":
      return BUILTINS.get(e.name) ?? 0;
    default:
      return 0;
  }
}

const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", ">", "<=", ">="]);

/** Builtins whose code branches. */
const BUILTINS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    kstack: 4,
    ustack: 4,
    dw_ustack: 6,
    strcontains: 3,
    strstr: 3,
    strncmp: 2,
    memcmp: 2,
    strlen: 2,
    str: 1,
    printf: 1,
    print: 1,
    delete: 1,
    has_key: 1,
    hist: 3,
    lhist: 2,
    tseries: 3,
    min: 1,
    max: 1,
    avg: 1,
    stats: 1,
  }),
);

function branchesOfStatement(s: Statement): number {
  switch (s.kind) {
    case "if":
      return 1;
    case "while":
    case "for-range":
    case "for-map":
      return 4;
    case "unroll":
      return 4;
    default:
      return 0;
  }
}

export function isHeavy(body: StatementBlock): boolean {
  let branches = 0;
  walkBlock(body, {
    expression: (e) => {
      branches += branchesOf(e);
    },
    statement: (s) => {
      branches += branchesOfStatement(s);
    },
  });
  return branches > MOST_BRANCHES;
}
