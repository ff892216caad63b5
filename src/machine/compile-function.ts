// One function of a program to one function of Wasm. Registers are i64 locals; control flow is rebuilt from the tree of
// dominators (Ramsey, "Beyond Relooper", ICFP 2022): a `loop` at every loop head, a `block` for every place where paths
// meet, everything else nested where it stands. Work is kept in a list, not on the stack of JavaScript.

import type { ModuleCompiler } from "./compile.ts";
import { branchCondition } from "./compile-branch.ts";
import { emitInstruction } from "./compile-instruction.ts";
import { effectOf, WORDS } from "./decoded.ts";
import type { Block, Flow } from "./flow.ts";
import { State } from "./memory.ts";
import { TRAP_KINDS, type TrapKind } from "./trap.ts";
import { type BlockFacts, factsOf } from "./values.ts";
import { type Code, type FunctionBuilder, I32, I64, type ValueType, Wasm } from "./wasm-module.ts";

/** Where r10 points: a fixed address in the entry, a distance from a parameter elsewhere. */
export interface Frame {
  readonly local: number | undefined;
  readonly offset: number;
}

type Task =
  | { readonly do: "node"; readonly block: number }
  | { readonly do: "end"; readonly label: number | undefined; readonly loop: boolean }
  | { readonly do: "else" };

/** Where a function's instructions go: into a Wasm function of their own, or into that of their caller. */
export class FunctionCompiler {
  readonly module: ModuleCompiler;
  readonly builder: FunctionBuilder;
  readonly code: Code;
  readonly flow: Flow;
  readonly frame: Frame;
  /** Locals of r0 to r9. */
  readonly registers: readonly number[];
  /** Registers that are read after a call, by its slot. */
  readonly liveAfter: Map<number, number>;
  facts: BlockFacts;
  /** Locals of rotations' operands, in this block. */
  kept: number[] = [];
  /** Written into its caller's function. */
  readonly inlined: boolean;
  /** Of checked code: the local that holds the budget while this function runs. */
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
    registers: readonly number[],
    inside?: FunctionCompiler,
  ) {
    this.module = module;
    this.builder = builder;
    this.code = builder.code;
    this.flow = flow;
    this.frame = frame;
    this.registers = registers;
    this.inlined = inside !== undefined;
    this.height = inside?.height ?? 0;
    this.#fuel = !module.checked ? undefined : inside === undefined ? builder.local(I64) : inside.#fuel;
    this.#spare = inside === undefined ? { [I32]: [], [I64]: [] } : inside.#spare;
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

  /** Writes the whole function. Inlined: leaves its answer in its r0, and falls out at the end. */
  compile(): void {
    const { code, flow, module } = this;
    if (this.inlined) {
      code.block();
      this.#exitHeight = ++this.height;
    }
    if (!this.inlined) this.loadBudget();
    if (module.checked)
      this.spend(flow.instructions === 0 ? 1 : (flow.blocks[0] as Block).end - (flow.blocks[0] as Block).start);
    if (flow.reducible) this.#structured();
    else this.#dispatched();
    if (this.inlined) {
      code.end();
      this.height--;
    } else code.op(Wasm.unreachable);
  }

  exit(): void {
    if (this.inlined) this.code.br(this.height - this.#exitHeight);
    else {
      this.storeBudget();
      this.code.get(this.registers[0] as number).op(Wasm.return);
    }
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
        const inner = meets[task.block] as number[];
        if (flow.loopHead[block.index] === 1) {
          code.loop();
          this.#loops[block.index] = ++this.height;
          tasks.push({ do: "end", label: block.index, loop: true });
          if (this.module.checked) this.spend(this.#loopCost(block.index));
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
      if (this.module.checked && flow.loopHead[i] === 1) this.spend(this.#loopCost(i));
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
    if (this.inlined) code.op(Wasm.unreachable);
    this.release(I32, at);
  }

  /** The instructions of a block but for the one that ends it. */
  #body(block: Block): void {
    const { program } = this.module;
    if (block.start >= program.slots) return;
    const op = (slot: number): number => program.code[slot * WORDS] as number;
    const ends =
      block.ending === "branch" || block.ending === "exit" || block.ending === "goto" || op(block.last) === 0x2b;
    this.facts = factsOf(program, block.start, block.last);
    this.#noteLive(block);
    this.kept = [];
    for (let slot = block.start; slot <= block.last; slot += op(slot) === 0x18 ? 2 : 1) {
      if (ends && slot === block.last) break;
      emitInstruction(this, slot);
    }
    for (const local of this.kept) if (local !== undefined) this.release(I64, local);
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
