// From the graph to classic BPF: one block for each test. Registers keep what they hold from block to block: what is in A, X
// or M[] on every way to a test is not read again. Blocks that came out equal are one.

import type { ClassicInstruction } from "../../isa/index.ts";
import type { Operator, Value } from "./expression.ts";
import { inOrder, NO, type Node, type TestNode, YES } from "./graph.ts";
import { fail } from "./problems.ts";
import { type Code, chainLoop, FRAME_CELL, frameEnd } from "./routines.ts";

/** Operations of classic BPF (linux/filter.h, bpf_common.h). */
const LD = 0x00;
const LDX = 0x01;
const ST = 0x02;
const ALU = 0x04;
const JMP = 0x05;
const RET = 0x06;
const TAX = 0x07;
const TXA = 0x87;
const ABS = 0x20;
const IND = 0x40;
const MEM = 0x60;
const LEN = 0x80;
const LDXB_HEADER = 0xb1;
const NEGATE = 0x84;
const BY_X = 0x08;
const SIZES = { 4: 0x00, 2: 0x08, 1: 0x10 } as const;
const ALU_CODES: Readonly<Record<Operator, number>> = {
  "+": 0x00,
  "-": 0x10,
  "*": 0x20,
  "/": 0x30,
  "|": 0x40,
  "&": 0x50,
  "<<": 0x60,
  ">>": 0x70,
  "%": 0x90,
  "^": 0xa0,
};
const JUMP_CODES = { "=": 0x10, ">": 0x20, ">=": 0x30, "&": 0x40 } as const;
/** Of M[] for what is being worked out; the last one keeps where a frame ends. */
const CELLS = FRAME_CELL;

/** What the registers hold. */
interface Registers {
  readonly a: Value | undefined;
  readonly x: Value | undefined;
  readonly cells: ReadonlyMap<number, Value>;
}

const EMPTY: Registers = { a: undefined, x: undefined, cells: new Map() };

function commonRegisters(a: Registers, b: Registers): Registers {
  const cells = new Map([...a.cells].filter(([cell, value]) => b.cells.get(cell) === value));
  return { a: a.a === b.a ? a.a : undefined, x: a.x === b.x ? a.x : undefined, cells };
}

const commutes = (operator: Operator): boolean => "+*&|^".includes(operator);

/** The instructions of one block, and what the registers hold behind each. */
class Writer {
  readonly code: Code[] = [];
  #a: Value | undefined;
  #x: Value | undefined;
  readonly #cells: Map<number, Value>;
  /** Cells that are in use by what is being worked out. */
  #busy = 0;

  constructor({ a, x, cells }: Registers) {
    this.#a = a;
    this.#x = x;
    this.#cells = new Map(cells);
  }

  get registers(): Registers {
    return { a: this.#a, x: this.#x, cells: this.#cells };
  }

  #put(code: number, k = 0): void {
    this.code.push({ code, jt: 0, jf: 0, k: k >>> 0 });
  }

  #cellOf(value: Value): number | undefined {
    for (const [cell, held] of this.#cells) if (held === value) return cell;
    return undefined;
  }

  #held(value: Value): boolean {
    return this.#a === value || this.#x === value || this.#cellOf(value) !== undefined;
  }

  /** Whether working a value out changes X. */
  #changesX(value: Value): boolean {
    if (this.#held(value)) return false;
    switch (value.kind) {
      case "load":
        return value.base !== undefined && this.#x !== value.base;
      case "negate":
        return this.#changesX(value.value);
      case "binary":
        if (value.right.kind === "constant") return this.#changesX(value.left);
        return this.#x !== value.right || this.#changesX(value.left);
      case "header-length":
      case "chain":
      case "frame-end":
        return true;
      default:
        return false;
    }
  }

  inA(value: Value): void {
    if (this.#a === value) return;
    const cell = this.#cellOf(value);
    if (this.#x === value) this.#put(TXA);
    else if (cell !== undefined) this.#put(LD | MEM, cell);
    else this.#workOut(value);
    this.#a = value;
  }

  #workOut(value: Value): void {
    switch (value.kind) {
      case "constant":
        this.#put(LD, value.number);
        break;
      case "length":
        this.#put(LD | LEN);
        break;
      case "load":
        if (value.base !== undefined) this.inX(value.base);
        this.#put(LD | (value.base === undefined ? ABS : IND) | SIZES[value.size], value.offset);
        break;
      case "header-length":
      case "frame-end":
        this.inX(value);
        this.#put(TXA);
        break;
      case "negate":
        this.inA(value.value);
        this.#put(NEGATE);
        break;
      case "binary":
        this.#calculate(value.operator, value.left, value.right);
        break;
      case "chain":
        this.code.push(...chainLoop(value));
        this.#x = undefined;
        this.#cells.delete(0);
        break;
      case "select":
        throw new Error("a value of two forms has no code");
    }
  }

  #calculate(operator: Operator, left: Value, right: Value): void {
    if (right.kind === "constant") {
      this.inA(left);
      const less = operator === "+" && right.number > 0x7fffffff;
      this.#put(ALU | ALU_CODES[less ? "-" : operator], less ? -right.number : right.number);
      return;
    }
    this.both(left, right, commutes(operator));
    this.#put(ALU | BY_X | ALU_CODES[operator]);
  }

  inX(value: Value): void {
    if (this.#x === value) return;
    const cell = this.#cellOf(value);
    if (this.#a === value) this.#put(TAX);
    else if (cell !== undefined) this.#put(LDX | MEM, cell);
    else if (value.kind === "constant") this.#put(LDX, value.number);
    else if (value.kind === "length") this.#put(LDX | LEN);
    else if (value.kind === "header-length") this.#put(LDXB_HEADER, value.offset);
    else if (value.kind === "frame-end") {
      this.inX(value.start);
      this.code.push(...frameEnd());
      this.#a = undefined;
      this.#cells.set(FRAME_CELL, value);
    } else {
      this.inA(value);
      this.#put(TAX);
    }
    this.#x = value;
  }

  /** One value in A, the other in X; the other way round too, where it does not matter. */
  both(left: Value, right: Value, either: boolean): void {
    if (
      either &&
      this.#a !== left &&
      this.#x !== right &&
      (this.#x === left || this.#a === right) &&
      !this.#changesX(right)
    ) {
      this.both(right, left, false);
      return;
    }
    if (this.#x === right && !this.#changesX(left)) {
      this.inA(left);
      return;
    }
    if (this.#needsAtMost(left, right)) {
      this.inX(right);
      this.inA(left);
      return;
    }
    if (either && this.#needsAtMost(right, left)) {
      this.inX(left);
      this.inA(right);
      return;
    }
    const cell = this.#busy++;
    if (cell >= CELLS)
      fail("SCRY1508", { start: 0, end: 0 }, "A term needs more than 15 numbers at once", "Use fewer brackets");
    this.inA(right);
    this.#put(ST, cell);
    this.#cells.set(cell, right);
    this.inA(left);
    this.#busy--;
    if (this.#x !== right) {
      this.#put(LDX | MEM, cell);
      this.#x = right;
    }
  }

  /** Whether a value can be worked out while X holds another, whatever the registers hold by then. */
  #needsAtMost(value: Value, x: Value): boolean {
    switch (value.kind) {
      case "constant":
      case "length":
        return true;
      case "load":
        return value.base === undefined || value.base === x;
      case "negate":
        return this.#needsAtMost(value.value, x);
      case "binary":
        return value.right.kind === "constant" && this.#needsAtMost(value.left, x);
      default:
        return false;
    }
  }
}

interface Block {
  readonly code: readonly Code[];
  /** Of the jump: without the distances. */
  readonly jump: ClassicInstruction;
  readonly yes: Block | Node;
  readonly no: Block | Node;
  readonly id: number;
}

/** The program: it answers how many bytes of a packet to keep, 0 where it does not match. Throws DiagnosticError. */
export function emitClassic(root: Node, snapshotLength: number): ClassicInstruction[] {
  const ends = new Map<Block | Node, number>([
    [YES, snapshotLength],
    [NO, 0],
  ]);
  if (root.kind === "end") return [{ code: RET, jt: 0, jf: 0, k: ends.get(root) as number }];
  return layOut(blocksOf(root), ends);
}

/** Blocks in an order in which jumps go forward, equal ones once. */
function blocksOf(root: Node): Block[] {
  const order = inOrder(root);
  const held = new Map<Node, Registers>([[root, EMPTY]]);
  const written = new Map<TestNode, readonly Code[]>();
  for (const node of order) {
    const writer = new Writer(held.get(node) ?? EMPTY);
    if (typeof node.right === "number") writer.inA(node.left);
    else writer.both(node.left, node.right, node.relation === "=" || node.relation === "&");
    written.set(node, writer.code);
    for (const next of [node.yes, node.no]) {
      const other = held.get(next);
      held.set(next, other === undefined ? writer.registers : commonRegisters(other, writer.registers));
    }
  }
  const known = new Map<string, Block>();
  const blocks = new Map<Node, Block>();
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i] as TestNode;
    const code = written.get(node) as readonly Code[];
    const yes = blocks.get(node.yes) ?? node.yes;
    const no = blocks.get(node.no) ?? node.no;
    const byX = typeof node.right !== "number";
    const jump = {
      code: JMP | JUMP_CODES[node.relation] | (byX ? BY_X : 0),
      jt: 0,
      jf: 0,
      k: typeof node.right === "number" ? node.right : 0,
    };
    const key = `${[...code, jump].map((c) => `${c.code} ${c.jt} ${c.jf} ${c.k}`).join()} ${nameOf(yes)} ${nameOf(no)}`;
    const block = known.get(key) ?? { code, jump, yes, no, id: known.size };
    known.set(key, block);
    blocks.set(node, block);
  }
  // Each was made behind those that it leads to.
  const used = new Set<Block>();
  const all = [...known.values()].reverse();
  used.add(blocks.get(root) as Block);
  for (const block of all) {
    if (!used.has(block)) continue;
    for (const next of [block.yes, block.no]) if (!("kind" in next)) used.add(next);
  }
  return all.filter((block) => used.has(block));
}

const nameOf = (to: Block | Node): string => ("kind" in to ? `end${to.id}` : `${to.id}`);

/** A jump skips up to 255 instructions; beyond, it goes by way of `ja`. */
const FARTHEST = 255;

function layOut(blocks: readonly Block[], ends: ReadonlyMap<Block | Node, number>): ClassicInstruction[] {
  const targets = new Set(blocks.flatMap((block) => [block.yes, block.no]));
  const last = [...ends.keys()].filter((end) => targets.has(end));
  const far = blocks.map(() => ({ yes: false, no: false }));
  const starts = new Map<Block | Node, number>();
  for (let changed = true; changed; ) {
    changed = false;
    let at = 0;
    blocks.forEach((block, i) => {
      starts.set(block, at);
      at += block.code.length + 1 + Number(far[i]?.yes) + Number(far[i]?.no);
    });
    for (const end of last) starts.set(end, at++);
    blocks.forEach((block, i) => {
      const way = far[i] as { yes: boolean; no: boolean };
      const behind = (starts.get(block) as number) + block.code.length + 1;
      for (const which of ["yes", "no"] as const) {
        if (way[which] || (starts.get(block[which]) as number) - behind <= FARTHEST) continue;
        way[which] = true;
        changed = true;
      }
    });
  }
  const out: ClassicInstruction[] = [];
  blocks.forEach((block, i) => {
    out.push(...block.code);
    const { yes, no } = far[i] as { yes: boolean; no: boolean };
    const behind = out.length + 1;
    const distance = (to: Block | Node): number => (starts.get(to) as number) - behind;
    out.push({ ...block.jump, jt: yes ? 0 : distance(block.yes), jf: no ? Number(yes) : distance(block.no) });
    if (yes) out.push({ code: JMP, jt: 0, jf: 0, k: distance(block.yes) - 1 });
    if (no) out.push({ code: JMP, jt: 0, jf: 0, k: distance(block.no) - 1 - Number(yes) });
  });
  for (const end of last) out.push({ code: RET, jt: 0, jf: 0, k: ends.get(end) as number });
  return out;
}
