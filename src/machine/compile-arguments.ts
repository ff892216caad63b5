import { Access, Wasm } from "../wasm/index.ts";
import { type FunctionState, popWide, pushWide } from "./compile-state.ts";
import { State } from "./memory.ts";

const registerAddress = (register: number): number => State.REGISTERS + register * 8;

/** Puts the frame pointer where callbacks and tail calls look for it. */
export function storeFrame(fn: FunctionState): void {
  const { code, frame } = fn;
  code.i32(0);
  if (frame.local === undefined) code.i32(frame.offset);
  else {
    code.get(frame.local);
    if (frame.offset !== 0) code.i32(frame.offset).op(Wasm.i32_add);
  }
  code.access(Access.i32_store, State.FRAME);
}

/** r1 to r5 are 0 after a call; those that nobody reads keep what they had. */
export function clearArguments(fn: FunctionState, slot: number): void {
  const live = fn.liveAfter.get(slot) ?? 0b111110;
  for (let register = 1; register <= 5; register++) {
    if (((live >> register) & 1) === 0) continue;
    fn.code.i64(0);
    popWide(fn, register);
  }
}

export function storeArguments(fn: FunctionState, count: number): void {
  for (let register = 1; register <= count; register++) {
    fn.code.i32(0);
    pushWide(fn, register);
    fn.code.access(Access.i64_store, registerAddress(register));
  }
}

/** So that a trap in a helper can say where it was called. */
export function noteSlot(fn: FunctionState, slot: number): void {
  fn.code.i32(0).i32(slot).access(Access.i32_store, State.TRAP_SLOT);
}

/** Takes the helper's i32: not 0 means that the program ends here. */
export function finishCall(fn: FunctionState, slot: number, mayEnd: boolean): void {
  const { code } = fn;
  const pushResult = (): void => {
    code.i32(0).access(Access.i64_load, State.REGISTERS);
  };
  if (mayEnd) {
    code.if();
    fn.height++;
    fn.exit(pushResult);
    code.end();
    fn.height--;
  } else code.op(Wasm.drop);
  pushResult();
  fn.setResult();
  clearArguments(fn, slot);
}
