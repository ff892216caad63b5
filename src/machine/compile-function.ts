// One function of a program to one function of Wasm. Registers are i64 locals, or i32 where that is enough (widths.ts):
// each has one of both, and which holds it is known at every place. Control flow is rebuilt from the tree of
// dominators (Ramsey, "Beyond Relooper", ICFP 2022): a `loop` at every loop head, a `block` for every place where paths
// join, everything else nested where it stands. Work is kept in a list, not on the stack of JavaScript.

import { slotsOf } from "../isa/index.ts";
import { I32, I64, Wasm } from "../wasm/index.ts";
import { branchCondition } from "./compile-branch.ts";
import { emitInstruction } from "./compile-instruction.ts";
import type { FunctionState, Given } from "./compile-state.ts";
import { effectOf, Op, WORDS } from "./decoded.ts";
import type { BasicBlock } from "./flow.ts";
import { factsOf } from "./values.ts";

type Task =
  | { readonly do: "node"; readonly block: number }
  | { readonly do: "end"; readonly label: number | undefined; readonly loop: boolean }
  | { readonly do: "else" };

/** Turns of a loop that are written one after another, and how many instructions it may have for that. */
const UNROLLED = 4;
const UNROLLED_SIZE = 24;

/**
 * Writes the whole function. `given` pushes what a register holds at its start and says of which type it is; undefined
 * for those that are 0. Inlined: leaves its answer in its local, and falls out at the end.
 */
export function compileFunction(fn: FunctionState, given: Given): void {
  const { code, flow, module } = fn;
  const inlined = fn.answer !== undefined;
  if (inlined) {
    code.block();
    fn.exitHeight = ++fn.height;
  } else fn.loadBudget();
  fn.narrow = fn.writes = fn.widths.atBlock[0] as number;
  for (let register = 0; register < 10; register++) {
    if ((((flow.liveIn[0] as number) >> register) & 1) === 0) continue;
    const type = given(register);
    const wanted = fn.isNarrow(register) ? I32 : I64;
    if (type === undefined) {
      // A local of its own starts as 0; one that is used again does not.
      const local = fn.local(register, wanted);
      if (!inlined) continue;
      if (wanted === I32) code.i32(0);
      else code.i64(0);
      code.set(local);
      continue;
    }
    if (type !== wanted) code.op(wanted === I32 ? Wasm.i32_wrap : Wasm.i64_extend_i32_u);
    code.set(fn.local(register, wanted));
  }
  if (module.checked)
    fn.spend(flow.instructions === 0 ? 1 : (flow.blocks[0] as BasicBlock).end - (flow.blocks[0] as BasicBlock).start);
  if (flow.reducible) structured(fn);
  else dispatched(fn);
  if (inlined) {
    code.end();
    fn.height--;
    for (const type of [I32, I64] as const) {
      for (const local of fn.locals[type] ?? []) if (local !== undefined) fn.release(type, local);
    }
  } else code.op(Wasm.unreachable);
}

function structured(fn: FunctionState): void {
  const { flow, code } = fn;
  // Merge nodes, where paths join, under the block that dominates them, in ascending order.
  const merges: number[][] = Array.from({ length: flow.blocks.length }, () => []);
  for (let i = 1; i < flow.blocks.length; i++) {
    if ((flow.forward[i] as number) >= 2) (merges[flow.dominator[i] as number] as number[]).push(i);
  }
  const tasks: Task[] = [{ do: "node", block: 0 }];
  while (tasks.length > 0) {
    const task = tasks.pop() as Task;
    if (task.do === "else") code.else();
    else if (task.do === "end") {
      code.end();
      fn.height--;
    } else {
      const block = flow.blocks[task.block] as BasicBlock;
      if (unrolled(fn, block, tasks)) continue;
      const inner = merges[task.block] as number[];
      if (flow.loopHead[block.index] === 1) {
        code.loop();
        fn.loops[block.index] = ++fn.height;
        tasks.push({ do: "end", label: block.index, loop: true });
        if (fn.module.counted) fn.spend(loopCost(fn, block.index));
      }
      for (let i = inner.length - 1; i >= 0; i--)
        tasks.push({ do: "node", block: inner[i] as number }, { do: "end", label: inner[i], loop: false });
      for (let i = inner.length - 1; i >= 0; i--) {
        code.block();
        fn.blocks[inner[i] as number] = ++fn.height;
      }
      body(fn, block);
      leave(fn, block, tasks);
    }
  }
}

/**
 * A small loop of one block, several times over: V8 looks at every turn whether the stack is full or somebody wants to
 * stop the code. Not where every instruction is counted.
 */
function unrolled(fn: FunctionState, block: BasicBlock, tasks: Task[]): boolean {
  const { code, flow, module } = fn;
  const at = block.next.indexOf(block.index);
  const size = block.end - block.start;
  if (at < 0 || block.ending !== "branch" || flow.backward[block.index] !== 1) return false;
  if (module.checked || size > UNROLLED_SIZE || !module.mayInline(size * (UNROLLED - 1))) return false;
  const out = block.next[1 - at] as number;
  const away = out < block.index || (flow.forward[out] as number) >= 2;
  if (!away) {
    code.block();
    fn.blocks[out] = ++fn.height;
  }
  const outHeight = (out < block.index ? fn.loops : fn.blocks)[out] as number;
  code.loop();
  const loop = ++fn.height;
  // One turn in so many: enough to see that a loop has no end.
  if (module.counted) fn.spend(size);
  // Where the number of turns is a multiple, only the last of them can be the end.
  const exact = (fn.widths.turns.get(block.index) ?? 1) % UNROLLED === 0;
  for (let turn = 1; turn <= UNROLLED; turn++) {
    const last = turn === UNROLLED;
    body(fn, block);
    if (exact && !last) continue;
    branchCondition(fn, block.last, last === (at === 1));
    code.brIf(fn.height - (last ? loop : outHeight));
  }
  code.br(fn.height - outHeight).end();
  fn.height--;
  if (!away) {
    code.end();
    fn.height--;
    tasks.push({ do: "node", block: out });
  }
  return true;
}

/** Instructions of a loop, roughly: of all blocks from its head to its last jump backwards. */
function loopCost(fn: FunctionState, head: number): number {
  return fn.module.loopCost(fn.flow, head);
}

/** How a block ends: jumps to what stands elsewhere, and what it alone leads to follows in place. */
function leave(fn: FunctionState, block: BasicBlock, tasks: Task[]): void {
  const { code, flow } = fn;
  const away = (to: number): boolean => to <= block.index || (flow.forward[to] as number) >= 2;
  const depth = (to: number): number => fn.height - ((to <= block.index ? fn.loops : fn.blocks)[to] as number);
  const [yes, no] = block.next;
  if (block.ending === "branch" && yes !== undefined && no !== undefined) {
    const slot = block.last;
    if (away(yes)) {
      branchCondition(fn, slot, false);
      code.brIf(depth(yes));
      if (away(no)) code.br(depth(no));
      else tasks.push({ do: "node", block: no });
    } else if (away(no)) {
      branchCondition(fn, slot, true);
      code.brIf(depth(no));
      tasks.push({ do: "node", block: yes });
    } else {
      branchCondition(fn, slot, false);
      code.if();
      fn.height++;
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
  } else if (block.ending === "exit") fn.exit();
  else
    fn.fail(
      "instruction",
      block.start < fn.module.program.slots && block.end <= fn.module.program.slots ? badSlot(fn, block) : block.end,
    );
}

function badSlot(fn: FunctionState, block: BasicBlock): number {
  return fn.module.program.code[block.last * WORDS] === Op.BAD ? block.last : block.end;
}

/** One loop around a table of all blocks: for graphs that no nesting of loops can express. */
function dispatched(fn: FunctionState): void {
  const { code, flow } = fn;
  const at = fn.take(I32);
  const count = flow.blocks.length;
  code.i32(0).set(at).loop();
  const loop = ++fn.height;
  for (let i = 0; i < count; i++) code.block();
  fn.height += count;
  const depths = Array.from({ length: count }, (_, i) => i);
  code.get(at).brTable(depths, 0);
  for (let i = 0; i < count; i++) {
    code.end();
    fn.height--;
    const block = flow.blocks[i] as BasicBlock;
    if (fn.module.counted && flow.loopHead[i] === 1) fn.spend(loopCost(fn, i));
    body(fn, block);
    const [yes, no] = block.next;
    if (block.ending === "branch" && yes !== undefined && no !== undefined) {
      code.i32(yes).i32(no);
      branchCondition(fn, block.last, false);
      code
        .op(Wasm.select)
        .set(at)
        .br(fn.height - loop);
    } else if (yes !== undefined)
      code
        .i32(yes)
        .set(at)
        .br(fn.height - loop);
    else if (block.ending === "exit") fn.exit();
    else fn.fail("instruction", badSlot(fn, block));
  }
  code.end();
  fn.height--;
  if (fn.answer !== undefined) code.op(Wasm.unreachable);
  fn.release(I32, at);
}

/** The instructions of a block but for the one that ends it. */
function body(fn: FunctionState, block: BasicBlock): void {
  const { program } = fn.module;
  fn.narrow = fn.widths.atBlock[block.index] as number;
  if (block.start >= program.slots) return;
  const op = (slot: number): number => program.code[slot * WORDS] as number;
  const ends =
    block.ending === "branch" || block.ending === "exit" || block.ending === "goto" || op(block.last) === 0x2b;
  fn.facts = factsOf(program, block.start, block.last);
  noteLive(fn, block);
  fn.kept = [];
  for (let slot = block.start; slot <= block.last; slot += slotsOf(op(slot))) {
    if (ends && slot === block.last) break;
    fn.writes = fn.widths.written[slot - fn.widths.first] as number;
    emitInstruction(fn, slot);
    fn.narrow = (fn.narrow & ~effectOf(program.code, slot).defines) | fn.writes;
  }
  for (const one of fn.kept) if (one !== undefined) fn.release(one.type, one.local);
}

/** For every call of a block, which registers are read after it. */
function noteLive(fn: FunctionState, block: BasicBlock): void {
  if (fn.facts.atCall.size === 0) return;
  const { program } = fn.module;
  let live = 0;
  for (const to of block.next) live |= fn.flow.liveIn[to] as number;
  const slots: number[] = [];
  for (let slot = block.start; slot <= block.last; slot += slotsOf(program.code[slot * WORDS] as number))
    slots.push(slot);
  for (const slot of slots.reverse()) {
    if (fn.facts.atCall.has(slot)) fn.liveAfter.set(slot, live);
    const { uses, defines } = effectOf(program.code, slot);
    live = (live & ~defines) | uses;
  }
}
