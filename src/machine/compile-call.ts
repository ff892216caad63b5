// Calls in Wasm: of functions of the program, which small ones are written in place, and of helpers. What goes on often
// (map look-ups and updates, ring buffers, who is running) stays in Wasm; for the rest r1 to r5 go to the state page and
// a function of JavaScript is called that takes nothing and gives an i32, since a 64-bit number costs a BigInt.

import { helper, helperName } from "../object/index.ts";
import { Access, I32, I64, Wasm } from "../wasm/index.ts";
import { clearArguments, finishCall, noteSlot, storeArguments, storeFrame } from "./compile-arguments.ts";
import { emitInlineHelper } from "./compile-helper.ts";
import { FunctionState, popWide, pushNarrow, pushWide } from "./compile-state.ts";
import type { Flow } from "./flow.ts";
import { FRAME_BYTES, STACK_BASE, State } from "./memory.ts";

const NEEDS_FRAME: ReadonlySet<string> = new Set(["for_each_map_elem", "loop", "tail_call"]);

const TAIL_CALL = 12;

export function emitHelperCall(fn: FunctionState, slot: number, id: number): void {
  const { code, module } = fn;
  if (!module.isReplaced(id) && emitInlineHelper(fn, slot, id)) {
    clearArguments(fn, slot);
    return;
  }
  const known = helper(id);
  const own = module.isReplaced(id);
  storeArguments(fn, known === undefined || known.variadic ? 5 : known.args.length);
  const reenters = own || NEEDS_FRAME.has(helperName(id) ?? "");
  if (reenters) {
    storeFrame(fn);
    fn.storeBudget();
  }
  noteSlot(fn, slot);
  code.call(module.helperFunction(id));
  if (reenters) fn.loadBudget();
  finishCall(fn, slot, own || id === TAIL_CALL);
}

export function emitCallX(fn: FunctionState, slot: number, register: number): void {
  storeArguments(fn, 5);
  storeFrame(fn);
  fn.storeBudget();
  noteSlot(fn, slot);
  pushNarrow(fn, register);
  fn.code.call(fn.module.anyHelperFunction);
  fn.loadBudget();
  finishCall(fn, slot, true);
}

export function emitPacketLoad(fn: FunctionState, op: number, src: number, imm: number): void {
  const { code } = fn;
  const size = (op & 0x18) === 0 ? 4 : (op & 0x18) === 8 ? 2 : 1;
  code.i32(imm);
  if (op >= 0x40) {
    pushNarrow(fn, src);
    code.op(Wasm.i32_add);
  }
  code.i32(size).call(fn.module.packetFunction).op(Wasm.i32_eqz).if();
  fn.height++;
  fn.exit(() => {
    code.i64(0);
  });
  code.end();
  fn.height--;
  code.i32(0).access(Access.i64_load, State.REGISTERS);
  fn.setResult();
  // Packet loads clobber as calls do; liveness is not noted for them.
  for (let register = 1; register <= 5; register++) {
    code.i64(0);
    popWide(fn, register);
  }
}

/** Instructions that a function may have to be written in place. */
const INLINE = 40;

const argumentsOf = (flow: Flow): number[] =>
  [1, 2, 3, 4, 5].filter((register) => (((flow.liveIn[0] as number) >> register) & 1) === 1);

export function emitLocalCall(fn: FunctionState, slot: number, target: number): void {
  const { code, module, frame } = fn;
  const flow = module.flow(target);
  if (module.depthIsUnknown) {
    // Eight frames: the last one that may call lies one frame above the end of the stack.
    if (frame.local === undefined) {
      if (frame.offset <= STACK_BASE + FRAME_BYTES) fn.fail("call-depth", slot);
    } else {
      code
        .get(frame.local)
        .i32(STACK_BASE + FRAME_BYTES - frame.offset)
        .op(Wasm.i32_le_s)
        .if();
      fn.fail("call-depth", slot);
      code.end();
    }
  }
  if (flow.instructions <= INLINE && flow.reducible && module.isLeaf(target) && module.mayInline(flow.instructions)) {
    const answer = fn.take(I64);
    const inside = new FunctionState(
      module,
      fn.builder,
      flow,
      { local: frame.local, offset: frame.offset - FRAME_BYTES },
      module.widths(target),
      { host: fn, answer },
    );
    module.inline(inside, (register) => {
      if (register < 1 || register > 5) return undefined;
      const type = fn.isNarrow(register) ? I32 : I64;
      code.get(fn.local(register, type));
      return type;
    });
    code.get(answer);
    fn.setResult();
    fn.release(I64, answer);
  } else {
    fn.storeBudget();
    for (const register of argumentsOf(flow)) pushWide(fn, register);
    if (frame.local === undefined) code.i32(frame.offset - FRAME_BYTES);
    else
      code
        .get(frame.local)
        .i32(frame.offset - FRAME_BYTES)
        .op(Wasm.i32_add);
    code.call(module.functionIndex(target));
    fn.setResult();
    fn.loadBudget();
  }
  clearArguments(fn, slot);
}
