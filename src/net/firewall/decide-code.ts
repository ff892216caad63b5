// A graph of decisions as instructions: the function `decide`, which is given the packet's fields in memory and answers with the rule.
// Rules that have more to ask than fields are noted on the way, each by a bit: the rest of the program asks them, in their order,
// before it goes by the answer.
//
// It is written here and not by the compiler's passes: a graph of a thousand rules has thousands of blocks that are all alike, and
// no value but those that are loaded at its start.
//
//     r1  fields, words of 32 bits        r0  answer, or the best so far
//     r2  where to begin, then a scratch  r4 to r8  the fields that are asked most
//     r3  any number, the length          r9  bits of rules that have more to ask
//
// The kernel verifies it by itself, from Linux 5.12 on. What is asked most is loaded once, at the start.

import { Alu, aluImm, aluReg, branchImm, exit, goto, Jmp, load, movImm, movReg } from "../../isa/index.ts";
import type { FunctionSpec, ObjectInstruction } from "../../object/index.ts";
import { type Decision, followers, nodesOf } from "./decision.ts";
import { bitOf, type Field, type Word, wordOf } from "./fields.ts";

/** What `decide` answers: the rule in bits 8 to 31, what is to be done in the low ones; bits of noted rules in the upper half. */
export const answerOf = (rule: number, action: number): number => rule * 256 + action;

/** Bytes for each word of fields: they lie in the upper halves, where the verifier does not follow what a number was read from. */
export const WORD_BYTES = 8;
/** More than jumps of 16 bits reach; nobody writes such rules by hand. */
const MOST_INSTRUCTIONS = 30_000;
const FIELDS_AT = 1;
const HOT_REGISTERS = [4, 5, 6, 7, 8];
const NOTED = 9;
const UNKNOWN = 3;
const SCRATCH = 2;
const NONE = 0x7fff_ffff;

/** Code with jumps to places that are known later. */
class Code {
  readonly #instructions: { instruction: ObjectInstruction; to?: unknown }[] = [];
  readonly #places = new Map<unknown, number>();
  #slots = 0;

  add(instruction: ObjectInstruction, to?: unknown): void {
    this.#instructions.push(to === undefined ? { instruction } : { instruction, to });
    this.#slots += instruction.imm64 === undefined ? 1 : 2;
  }
  place(name: unknown): void {
    this.#places.set(name, this.#slots);
  }
  finish(): ObjectInstruction[] {
    let at = 0;
    return this.#instructions.map(({ instruction, to }) => {
      at += instruction.imm64 === undefined ? 1 : 2;
      return to === undefined ? instruction : { ...instruction, off: (this.#places.get(to) as number) - at };
    });
  }
  get length(): number {
    return this.#slots;
  }
}

/**
 * `entries`: graphs by the number that says which is meant, from 1. `words`: where each word lies. `answer`: what a rule's
 * answer is; of `undefined`, where no rule matches. `bit`: that of a rule that has more to ask. Undefined: the graphs are too
 * large.
 */
export function decideFunction(
  entries: readonly Decision[],
  words: ReadonlyMap<Word, number>,
  answer: (rule: number | undefined) => number,
  bit: (rule: number) => number,
): FunctionSpec | undefined {
  const code = new Code();
  const notes = entries.some((root) => ordered(root).some((node) => node.kind === "match" && node.next !== undefined));
  if (notes) code.add(movImm(NOTED, 0));
  // For the verifier, which looks at this function by itself and takes any memory to be missing.
  code.add(movImm(0, 0));
  code.add(branchImm(Jmp.JEQ, 64, FIELDS_AT, 0, 0), LEAVE);
  // Graphs that are the same have one body.
  const bodies = [...new Set(entries)].map((root) => ({ root, hot: hotWords(root) }));
  type Body = (typeof bodies)[number];
  const starts = entries.map((node) => bodies.find(({ root }) => root === node) as Body);
  let last = 0;
  const start = (i: number): string => `start ${i}`;
  // Which start: by halves.
  const dispatch = (from: number, to: number): void => {
    if (from === to) {
      code.add(goto(0), start(from));
      return;
    }
    const middle = (from + to + 1) >> 1;
    const label = `from ${from} to ${to}`;
    code.add(branchImm(Jmp.JGE, 32, SCRATCH, middle + 1, 0), label);
    dispatch(from, middle - 1);
    code.place(label);
    dispatch(middle, to);
  };
  dispatch(0, starts.length - 1);
  const emit = (root: Decision, hot: Body["hot"], leaf: Leaves): void => {
    const order = ordered(root);
    order.forEach((node, i) => {
      code.place(leaf.name(node));
      switch (node.kind) {
        case "end":
          leaf.end(code);
          return;
        case "match":
          if (node.next === undefined) {
            leaf.match(code, node.rule);
            return;
          }
          code.add(aluImm(Alu.OR, 32, NOTED, (1 << bit(node.rule)) | 0));
          if (order[i + 1] !== node.next) code.add(goto(0), leaf.name(node.next));
          return;
        case "best": {
          const inner = `best ${last++}`;
          code.add(movImm(0, NONE, 32));
          node.of.forEach((one, j) => {
            // What the graph before has learnt of a field would be followed through this one.
            if (j > 0) loadHot(hot);
            emit(one, hot, {
              name: (of) => `${inner} ${j} ${of.id}`,
              end: () => code.add(goto(0), `${inner} after ${j}`),
              match: (_, rule) => {
                code.add(branchImm(Jmp.JLE, 32, 0, answer(rule), 0), `${inner} after ${j}`);
                code.add(movImm(0, answer(rule), 32));
                code.add(goto(0), `${inner} after ${j}`);
              },
            });
            code.place(`${inner} after ${j}`);
            forget(code, 0);
          });
          code.add(branchImm(Jmp.JEQ, 32, 0, NONE, 0), leaf.name(node.next));
          code.add(goto(0), ANSWER);
          return;
        }
        case "split": {
          const register = value(node.field, hot);
          const of = bitOf(node.field);
          if (of !== undefined) {
            // "below 1": the bit is not there.
            const [set, clear] = node.test === "is" && node.value === 1 ? [node.yes, node.no] : [node.no, node.yes];
            code.add(branchImm(Jmp.JSET, 32, register, (1 << of.bit) | 0, 0), leaf.name(set));
            if (order[i + 1] !== clear) code.add(goto(0), leaf.name(clear));
            return;
          }
          const { holds, not } = TESTS[node.test];
          // Where `yes` follows, what is jumped to is `no`.
          const [test, there, here] = order[i + 1] === node.yes ? [not, node.no, node.yes] : [holds, node.yes, node.no];
          code.add(branchImm(test, 32, register, node.value | 0, 0), leaf.name(there));
          if (order[i + 1] !== here) code.add(goto(0), leaf.name(here));
        }
      }
    });
  };
  const loadHot = (hot: Body["hot"]): void => {
    for (const [word, register] of hot) code.add(load(32, register, FIELDS_AT, words.get(word) as number));
  };
  const value = (field: Field, hot: ReadonlyMap<Word, number>): number => {
    const word = wordOf(field);
    const register = hot.get(word);
    if (register !== undefined) return register;
    code.add(load(32, SCRATCH, FIELDS_AT, words.get(word) as number));
    return SCRATCH;
  };
  // A start loads what is asked most, and goes to its node, which stands in the body of its graph.
  starts.forEach((body, i) => {
    code.place(start(i));
    loadHot(body.hot);
    code.add(goto(0), `body ${bodies.indexOf(body)} ${body.root.id}`);
  });
  bodies.forEach(({ root, hot }, i) => {
    emit(root, hot, {
      name: (node) => `body ${i} ${node.id}`,
      end: () => {
        code.add(movImm(0, answer(undefined), 32));
        code.add(goto(0), ANSWER);
      },
      match: (_, rule) => {
        code.add(movImm(0, answer(rule), 32));
        code.add(goto(0), ANSWER);
      },
    });
  });
  code.place(ANSWER);
  forget(code, 0);
  if (notes) {
    forget(code, NOTED);
    code.add(movReg(0, 0, 32));
    code.add(aluImm(Alu.LSH, 64, NOTED, 32));
    code.add(aluReg(Alu.OR, 64, 0, NOTED));
  }
  code.place(LEAVE);
  code.add(exit());
  if (code.length > MOST_INSTRUCTIONS) return undefined;
  return {
    name: "decide",
    code: code.finish(),
    parameters: 3,
    global: { context: false, memory: words.size * WORD_BYTES },
  };
}

const TESTS = { is: { holds: Jmp.JEQ, not: Jmp.JNE }, below: { holds: Jmp.JLT, not: Jmp.JGE } } as const;

/** The place where answers leave. */
const ANSWER = "answer";
const LEAVE = "leave";

/**
 * The kernel's verifier would follow each rule that a register may stand for by itself. A number that it knows nothing of, added and taken
 * away again, leaves one that it knows nothing of.
 */
function forget(code: Code, register: number): void {
  for (const operation of [Alu.ADD, Alu.SUB]) code.add(aluReg(operation, 64, register, UNKNOWN));
}

interface Leaves {
  readonly name: (node: Decision) => string;
  readonly end: (code: Code) => void;
  readonly match: (code: Code, rule: number) => void;
}

/** Nodes of one function body in an order in which `no` follows where it can; graphs within `best` have bodies of their own. */
function ordered(root: Decision): readonly Decision[] {
  let order = orders.get(root);
  if (order === undefined)
    orders.set(root, (order = nodesOf(root, (node) => (node.kind === "best" ? [node.next] : followers(node)))));
  return order;
}
const orders = new WeakMap<Decision, readonly Decision[]>();

/** The words that most questions are about, with the registers that keep them. */
function hotWords(root: Decision): ReadonlyMap<Word, number> {
  const counts = new Map<Word, number>();
  const count = (from: Decision): void => {
    for (const node of ordered(from)) {
      if (node.kind === "split") counts.set(wordOf(node.field), (counts.get(wordOf(node.field)) ?? 0) + 1);
      if (node.kind === "best") node.of.forEach(count);
    }
  };
  count(root);
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, HOT_REGISTERS.length);
  return new Map(most.map(([word], i) => [word, HOT_REGISTERS[i] as number]));
}

/** Questions on the longest way. */
export function depth(root: Decision): number {
  const known = new Map<Decision, number>();
  for (const node of [...ordered(root)].reverse()) {
    const within = node.kind === "best" ? node.of.reduce((sum, one) => sum + depth(one), 0) : 0;
    const next = node.kind === "best" ? [node.next] : followers(node);
    known.set(node, (node.kind === "split" ? 1 : 0) + within + Math.max(0, ...next.map((one) => known.get(one) ?? 0)));
  }
  return known.get(root) ?? 0;
}
