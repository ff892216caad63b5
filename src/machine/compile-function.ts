// One function of a program to one function of Wasm. Registers are i64 locals, or i32 where that is enough (widths.ts):
// each has one of both, and which holds it is known at every place. Control flow is rebuilt from the tree of
// dominators (Ramsey, "Beyond Relooper", ICFP 2022): a `loop` at every loop head, a `block` for every place where paths
// meet, everything else nested where it stands. Work is kept in a list, not on the stack of JavaScript.

import type { ModuleCompiler } from "./compile.ts";
import { branchCondition } from "./compile-branch.ts";
import { emitInstruction, popWide, pushWide } from "./compile-instruction.ts";
import { effectOf, WORDS } from "./decoded.ts";
import type { Block, Flow } from "./flow.ts";
import { State } from "./memory.ts";
import { TRAP_KINDS, type TrapKind } from "./trap.ts";
import { type BlockFacts, factsOf } from "./values.ts";
import { type Code, type FunctionBuilder, I32, I64, type ValueType, Wasm } from "./wasm-module.ts";
import type { Widths } from "./widths.ts";

/** Where r10 points: a fixed address in the entry, a distance from a parameter elsewhere. */
export interface Frame {
  readonly local: number | undefined;
  readonly offset: number;
}

type Task =
  | { readonly do: "node"; readonly block: number }
  | { readonly do: "end"; readonly label: number | undefined; readonly loop: boolean }
  | { readonly do: "else" };

/** Turns of a loop that are written one after another, and how many instructions it may have for that. */
const UNROLLED = 4;
const UNROLLED_SIZE = 24;

/** Where a function's instructions go: into a Wasm function of their own, or into that of their caller. */
export class FunctionCompiler {
  readonly module: ModuleCompiler;
  readonly builder: FunctionBuilder;
  readonly code: Code;
  readonly flow: Flow;
  readonly frame: Frame;
  readonly widths: Widths;
  /** Registers (a bit each) that are in an i32 local here. */
  narrow = 0;
  /** Of the registers that the present instruction writes, those that go to an i32 local. */
  writes = 0;
  /** Registers that are read after a call, by its slot. */
  readonly liveAfter: Map<number, number>;
  facts: BlockFacts;
  /** Locals of rotations' operands, in this block. */
  kept: ({ readonly type: ValueType; readonly local: number } | undefined)[] = [];
  /** Written into its caller's function; its result goes to this i64 local. */
  readonly #answer: number | undefined;
  /** Locals of r0 to r9, by type. */
  readonly #locals: { readonly [type: number]: (number | undefined)[] } = { [I32]: [], [I64]: [] };
  /** Of counted code: the local that holds the budget while this function runs. */
  readonly #fuel: number | undefined;
  /** Where an inlined function's `exit` goes, as a height of nesting. */
  #exitHeight = 0;
  height: number;
  readonly #spare: { readonly [type: number]: number[] };
  readonly #blocks: Int32Array;
  readonly #loops: Int32Array;

  constructor(
    module: ModuleCompiler,
    builder: FunctionBuilder,
    flow: Flow,
    frame: Frame,
    widths: Widths,
    inside?: { readonly host: FunctionCompiler; readonly answer: number },
  ) {
    this.module = module;
    this.builder = builder;
    this.code = builder.code;
    this.flow = flow;
    this.frame = frame;
    this.widths = widths;
    this.#answer = inside?.answer;
    const host = inside?.host;
    this.height = host?.height ?? 0;
    this.#fuel = !module.counted ? undefined : host === undefined ? builder.local(I64) : host.#fuel;
    this.#spare = host === undefined ? { [I32]: [], [I64]: [] } : host.#spare;
    this.#blocks = new Int32Array(flow.blocks.length);
    this.#loops = new Int32Array(flow.blocks.length);
    this.liveAfter = new Map();
    this.facts = { atCall: new Map(), frame: new Map(), keep: new Map(), rotate: new Map() };
  }

  /** A local for a moment; give it back with `release`. */
  take(type: ValueType): number {
    return (this.#spare[type] as number[]).pop() ?? this.builder.local(type);
  }

  release(type: ValueType, local: number): void {
    (this.#spare[type] as number[]).push(local);
  }

  /** The local that holds a register as that type. */
  local(register: number, type: ValueType): number {
    const locals = this.#locals[type] as (number | undefined)[];
    return (locals[register] ??= this.take(type));
  }

  /** Is a register, or r10, in an i32 here? */
  isNarrow(register: number): boolean {
    return register === 10 || ((this.narrow >> register) & 1) === 1;
  }

  /**
   * Writes the whole function. `given` pushes what a register holds at its start and says of which type it is; undefined
   * for those that are 0. Inlined: leaves its answer in its local, and falls out at the end.
   */
  compile(given: (register: number) => ValueType | undefined): void {
    const { code, flow, module } = this;
    const inlined = this.#answer !== undefined;
    if (inlined) {
      code.block();
      this.#exitHeight = ++this.height;
    } else this.loadBudget();
    this.narrow = this.writes = this.widths.atBlock[0] as number;
    for (let register = 0; register < 10; register++) {
      if ((((flow.liveIn[0] as number) >> register) & 1) === 0) continue;
      const type = given(register);
      const wanted = this.isNarrow(register) ? I32 : I64;
      if (type === undefined) {
        // A local of its own starts as 0; one that is used again does not.
        const local = this.local(register, wanted);
        if (!inlined) continue;
        if (wanted === I32) code.i32(0);
        else code.i64(0);
        code.set(local);
        continue;
      }
      if (type !== wanted) code.op(wanted === I32 ? Wasm.i32_wrap : Wasm.i64_extend_i32_u);
      code.set(this.local(register, wanted));
    }
    if (module.checked)
      this.spend(flow.instructions === 0 ? 1 : (flow.blocks[0] as Block).end - (flow.blocks[0] as Block).start);
    if (flow.reducible) this.#structured();
    else this.#dispatched();
    if (inlined) {
      code.end();
      this.height--;
      for (const type of [I32, I64] as const) {
        for (const local of this.#locals[type] ?? []) if (local !== undefined) this.release(type, local);
      }
    } else code.op(Wasm.unreachable);
  }

  /** Leaves the function, with r0 or with the 64 bits that `push` leaves on the stack. */
  exit(push: () => void = () => pushWide(this, 0)): void {
    if (this.#answer !== undefined) {
      push();
      this.code.set(this.#answer).br(this.height - this.#exitHeight);
    } else {
      this.storeBudget();
      push();
      this.code.op(Wasm.return);
    }
  }

  /** Takes 64 bits from the stack into r0. */
  setResult(): void {
    popWide(this, 0);
  }

  /** The budget is in a local; around whatever else may spend of it, it goes to the state page and comes back. */
  storeBudget(): void {
    if (this.#fuel !== undefined) this.code.i32(0).get(this.#fuel).access(0x37, State.BUDGET);
  }
  loadBudget(): void {
    if (this.#fuel !== undefined) this.code.i32(0).access(0x29, State.BUDGET).set(this.#fuel);
  }

  /** Ends the program with a trap. */
  fail(kind: TrapKind, slot: number): void {
    this.storeBudget();
    this.code.i32(0).i32(TRAP_KINDS.indexOf(kind)).access(0x36, State.TRAP_KIND);
    this.code.i32(0).i32(slot).access(0x36, State.TRAP_SLOT);
    this.code.op(Wasm.unreachable);
  }

  /** Takes instructions from the budget; a trap when there are none left. */
  spend(count: number): void {
    const fuel = this.#fuel as number;
    const { code } = this;
    code.get(fuel).i64(count).op(Wasm.i64_sub).tee(fuel).i64(0).op(Wasm.i64_lt_s).if();
    this.fail("budget", -1);
    code.end();
  }

  #structured(): void {
    const { flow, code } = this;
    // Places where paths meet, under the block that dominates them, in ascending order.
    const meets: number[][] = Array.from({ length: flow.blocks.length }, () => []);
    for (let i = 1; i < flow.blocks.length; i++) {
      if ((flow.forward[i] as number) >= 2) (meets[flow.dominator[i] as number] as number[]).push(i);
    }
    const tasks: Task[] = [{ do: "node", block: 0 }];
    while (tasks.length > 0) {
      const task = tasks.pop() as Task;
      if (task.do === "else") code.else();
      else if (task.do === "end") {
        code.end();
        this.height--;
      } else {
        const block = flow.blocks[task.block] as Block;
        if (this.#unrolled(block, tasks)) continue;
        const inner = meets[task.block] as number[];
        if (flow.loopHead[block.index] === 1) {
          code.loop();
          this.#loops[block.index] = ++this.height;
          tasks.push({ do: "end", label: block.index, loop: true });
          if (this.module.counted) this.spend(this.#loopCost(block.index));
        }
        for (let i = inner.length - 1; i >= 0; i--)
          tasks.push({ do: "node", block: inner[i] as number }, { do: "end", label: inner[i], loop: false });
        for (let i = inner.length - 1; i >= 0; i--) {
          code.block();
          this.#blocks[inner[i] as number] = ++this.height;
        }
        this.#body(block);
        this.#leave(block, tasks);
      }
    }
  }

  /**
   * A small loop of one block, several times over: V8 looks at every turn whether the stack is full or somebody wants to
   * stop the code. Not where every instruction is counted.
   */
  #unrolled(block: Block, tasks: Task[]): boolean {
    const { code, flow, module } = this;
    const at = block.next.indexOf(block.index);
    const size = block.end - block.start;
    if (at < 0 || block.ending !== "branch" || flow.backward[block.index] !== 1) return false;
    if (module.checked || size > UNROLLED_SIZE || !module.mayInline(size * (UNROLLED - 1))) return false;
    const out = block.next[1 - at] as number;
    const away = out < block.index || (flow.forward[out] as number) >= 2;
    if (!away) {
      code.block();
      this.#blocks[out] = ++this.height;
    }
    const outHeight = (out < block.index ? this.#loops : this.#blocks)[out] as number;
    code.loop();
    const loop = ++this.height;
    // One turn in so many: enough to see that a loop has no end.
    if (module.counted) this.spend(size);
    // Where the number of turns is a multiple, only the last of them can be the end.
    const exact = (this.widths.turns.get(block.index) ?? 1) % UNROLLED === 0;
    for (let turn = 1; turn <= UNROLLED; turn++) {
      const last = turn === UNROLLED;
      this.#body(block);
      if (exact && !last) continue;
      branchCondition(this, block.last, last === (at === 1));
      code.brIf(this.height - (last ? loop : outHeight));
    }
    code.br(this.height - outHeight).end();
    this.height--;
    if (!away) {
      code.end();
      this.height--;
      tasks.push({ do: "node", block: out });
    }
    return true;
  }

  /** Instructions of a loop, roughly: of all blocks from its head to its last jump backwards. */
  #loopCost(head: number): number {
    return this.module.loopCost(this.flow, head);
  }

  /** How a block ends: jumps to what stands elsewhere, and what it alone leads to follows in place. */
  #leave(block: Block, tasks: Task[]): void {
    const { code, flow } = this;
    const away = (to: number): boolean => to <= block.index || (flow.forward[to] as number) >= 2;
    const depth = (to: number): number =>
      this.height - ((to <= block.index ? this.#loops : this.#blocks)[to] as number);
    const [yes, no] = block.next;
    if (block.ending === "branch" && yes !== undefined && no !== undefined) {
      const slot = block.last;
      if (away(yes)) {
        branchCondition(this, slot, false);
        code.brIf(depth(yes));
        if (away(no)) code.br(depth(no));
        else tasks.push({ do: "node", block: no });
      } else if (away(no)) {
        branchCondition(this, slot, true);
        code.brIf(depth(no));
        tasks.push({ do: "node", block: yes });
      } else {
        branchCondition(this, slot, false);
        code.if();
        this.height++;
        tasks.push(
          { do: "end", label: undefined, loop: false },
          { do: "node", block: no },
          { do: "else" },
          { do: "node", block: yes },
        );
      }
    } else if (yes !== undefined) {
      if (away(yes)) code.br(depth(yes));
      else tasks.push({ do: "node", block: yes });
    } else if (block.ending === "exit") this.exit();
    else
      this.fail(
        "instruction",
        block.start < this.module.program.slots && block.end <= this.module.program.slots
          ? this.#badSlot(block)
          : block.end,
      );
  }

  #badSlot(block: Block): number {
    return this.module.program.code[block.last * WORDS] === 0x2b ? block.last : block.end;
  }

  /** One loop around a table of all blocks: for graphs that no nesting of loops can express. */
  #dispatched(): void {
    const { code, flow } = this;
    const at = this.take(I32);
    const count = flow.blocks.length;
    code.i32(0).set(at).loop();
    const loop = ++this.height;
    for (let i = 0; i < count; i++) code.block();
    this.height += count;
    const depths = Array.from({ length: count }, (_, i) => i);
    code.get(at).brTable(depths, 0);
    for (let i = 0; i < count; i++) {
      code.end();
      this.height--;
      const block = flow.blocks[i] as Block;
      if (this.module.counted && flow.loopHead[i] === 1) this.spend(this.#loopCost(i));
      this.#body(block);
      const [yes, no] = block.next;
      if (block.ending === "branch" && yes !== undefined && no !== undefined) {
        code.i32(yes).i32(no);
        branchCondition(this, block.last, false);
        code
          .op(Wasm.select)
          .set(at)
          .br(this.height - loop);
      } else if (yes !== undefined)
        code
          .i32(yes)
          .set(at)
          .br(this.height - loop);
      else if (block.ending === "exit") this.exit();
      else this.fail("instruction", this.#badSlot(block));
    }
    code.end();
    this.height--;
    if (this.#answer !== undefined) code.op(Wasm.unreachable);
    this.release(I32, at);
  }

  /** The instructions of a block but for the one that ends it. */
  #body(block: Block): void {
    const { program } = this.module;
    this.narrow = this.widths.atBlock[block.index] as number;
    if (block.start >= program.slots) return;
    const op = (slot: number): number => program.code[slot * WORDS] as number;
    const ends =
      block.ending === "branch" || block.ending === "exit" || block.ending === "goto" || op(block.last) === 0x2b;
    this.facts = factsOf(program, block.start, block.last);
    this.#noteLive(block);
    this.kept = [];
    for (let slot = block.start; slot <= block.last; slot += op(slot) === 0x18 ? 2 : 1) {
      if (ends && slot === block.last) break;
      this.writes = this.widths.written[slot - this.widths.first] as number;
      emitInstruction(this, slot);
      this.narrow = (this.narrow & ~effectOf(program.code, slot).defines) | this.writes;
    }
    for (const one of this.kept) if (one !== undefined) this.release(one.type, one.local);
  }

  /** For every call of a block, which registers are read after it. */
  #noteLive(block: Block): void {
    if (this.facts.atCall.size === 0) return;
    const { program } = this.module;
    let live = 0;
    for (const to of block.next) live |= this.flow.liveIn[to] as number;
    const slots: number[] = [];
    for (let slot = block.start; slot <= block.last; slot += program.code[slot * WORDS] === 0x18 ? 2 : 1)
      slots.push(slot);
    for (const slot of slots.reverse()) {
      if (this.facts.atCall.has(slot)) this.liveAfter.set(slot, live);
      const { uses, defines } = effectOf(program.code, slot);
      live = (live & ~defines) | uses;
    }
  }
}
