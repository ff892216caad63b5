// One frame up, by what a row of the tables says of the code, or by frame pointers where there is none.

import type { Block, Value, Variable } from "../compiler/index.ts";
import { DISPLACEMENT_ZERO, SavedFrame, SignalFrame, UnwindBits, UnwindKind } from "../dwarf/index.ts";
import { either } from "./choice.ts";
import type { ProgramState } from "./state.ts";
import { FrameKind, type Registers, variable } from "./unwind-registers.ts";

export interface Ways {
  /** `ip`, `sp` and `bp` are the caller's. */
  readonly moved: Block;
  /** Nothing is known but what rbp may say. */
  readonly pointers: Block;
  /** Memory could not be read. */
  readonly cut: Block;
  /** The outermost frame. */
  readonly end: Block;
}

/** One frame up, by a row of the table. */
export function step(
  p: ProgramState,
  rule: Value,
  registers: Registers,
  words: Value,
  frame: Variable,
  ways: Ways,
): void {
  const b = p.b;
  const { ip, sp, bp } = registers;
  const bits = (name: keyof typeof UnwindBits): Value => {
    const { shift, bits: size } = UnwindBits[name];
    const down = shift === 0 ? rule : b.binary("shr", rule, shift);
    return shift + size === 32 ? down : b.and(down, 2 ** size - 1);
  };
  const kind = bits("kind");
  const cfa = variable("cfa");
  const framed = b.block("framed");
  const bytes = (n: Value): Value => b.binary("shl", n, 3);
  const when = (value: number, run: () => void): void => {
    const yes = b.block("kind");
    const no = b.block("other");
    b.branch("eq", kind, value, yes, no);
    p.b.enter(yes);
    run();
    p.b.enter(no);
  };
  const found = (address: Value): void => {
    b.write(cfa, address);
    b.jump(framed);
  };
  const read = (address: Value, size = 8): void =>
    p.b.must("eq", b.helper("probe_read_user", [words, b.const(size), address]), 0, ways.cut);
  when(UnwindKind.STACK, () => found(b.add(b.read(sp), bytes(bits("offset")))));
  when(UnwindKind.FRAME, () => found(b.add(b.read(bp), bytes(bits("offset")))));
  when(UnwindKind.NONE, () => b.jump(ways.pointers));
  when(UnwindKind.END, () => b.jump(ways.end));
  when(UnwindKind.LINKAGE, () => {
    const pushed = either(
      p,
      (yes, no) => b.branch("uge", b.and(b.read(ip), 15), bits("saved"), yes, no),
      () => b.const(8),
      () => b.const(0),
    );
    found(b.add(b.add(b.read(sp), bytes(bits("offset"))), pushed));
  });
  when(UnwindKind.SIGNAL, () => {
    const from = b.read(sp);
    read(b.add(from, SignalFrame.rbp));
    b.write(bp, b.load("u64", words, 0));
    read(b.add(from, SignalFrame.rsp), 16);
    b.write(sp, b.load("u64", words, 0));
    b.write(ip, b.load("u64", words, SignalFrame.rip - SignalFrame.rsp));
    b.write(frame, b.const(FrameKind.INTERRUPTED));
    b.jump(ways.moved);
  });
  // AT_STACK, AT_FRAME
  const base = either(
    p,
    (yes, no) => b.branch("eq", kind, UnwindKind.AT_STACK, yes, no),
    () => b.read(sp),
    () => b.read(bp),
  );
  read(b.add(base, bytes(b.binary("sub", bits("displacement"), DISPLACEMENT_ZERO))));
  found(b.add(b.load("u64", words, 0), bytes(bits("addend"))));

  b.enter(framed);
  const top = b.read(cfa);
  // Stacks grow downwards: what does not lead up leads nowhere.
  p.b.must("ult", b.read(sp), top, ways.cut);
  // Most functions that save rbp do it right below the return address.
  read(b.binary("sub", top, 16), 16);
  const returns = b.load("u64", words, 8);
  const near = b.load("u64", words, 0);
  const saved = bits("savedKind");
  const done = b.block("done");
  const below = b.block("below");
  const apart = b.block("apart");
  const elsewhere = b.block("elsewhere");
  b.branch("eq", saved, SavedFrame.SAME, done, below);
  p.b.enter(below);
  {
    const byFrame = b.block("by-frame");
    b.branch("eq", saved, SavedFrame.BELOW, apart, byFrame);
    p.b.enter(byFrame);
    const at = b.read(bp);
    b.write(cfa, at);
    b.jump(elsewhere);
    p.b.enter(apart);
    const distance = bits("saved");
    const adjacent = b.block("adjacent");
    const far = b.block("far");
    b.branch("eq", distance, 2, adjacent, far);
    p.b.enter(adjacent);
    b.write(bp, near);
    b.jump(done);
    p.b.enter(far);
    b.write(cfa, b.binary("sub", top, bytes(distance)));
    b.jump(elsewhere);
    p.b.enter(elsewhere);
    read(b.read(cfa));
    b.write(bp, b.load("u64", words, 0));
    b.jump(done);
  }
  b.enter(done);
  b.write(sp, top);
  b.write(ip, returns);
  b.write(frame, b.const(FrameKind.CALLING));
  b.jump(ways.moved);
}

/** One frame up, where rbp points to the caller's rbp with the return address above it. */
export function stepByPointer(
  p: ProgramState,
  registers: Registers,
  words: Value,
  frame: Variable,
  ways: Pick<Ways, "moved" | "cut" | "end">,
): void {
  const b = p.b;
  const { ip, sp, bp } = registers;
  const from = b.read(bp);
  // So the outermost frame is marked (System V ABI for x86-64, 3.4.1).
  p.b.must("ne", from, 0, ways.end);
  p.b.must("ule", b.read(sp), from, ways.cut);
  p.b.must("eq", b.and(from, 7), 0, ways.cut);
  p.b.must("eq", b.helper("probe_read_user", [words, b.const(16), from]), 0, ways.cut);
  b.write(sp, b.add(from, 16));
  b.write(bp, b.load("u64", words, 0));
  b.write(ip, b.load("u64", words, 8));
  b.write(frame, b.const(FrameKind.GUESSED));
  b.jump(ways.moved);
}
