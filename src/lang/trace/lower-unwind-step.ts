// One frame up, by what a row of the tables says of the code, or by frame pointers where there is none.

import type { Block, Value, Variable } from "../../compiler/index.ts";
import { DISPLACEMENT_ZERO, SavedFrame, SignalFrame, UnwindBits, UnwindKind } from "../../dwarf/index.ts";
import { either } from "./lower-choice.ts";
import { Frame, follow, must, type Registers, variable } from "./lower-unwind-registers.ts";
import type { Lowering } from "./lowering.ts";

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
export function step(l: Lowering, rule: Value, registers: Registers, words: Value, frame: Variable, ways: Ways): void {
  const b = l.b;
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
    follow(l, yes);
    run();
    follow(l, no);
  };
  const found = (address: Value): void => {
    b.write(cfa, address);
    b.jump(framed);
  };
  const read = (address: Value, size = 8): void =>
    must(l, "eq", b.helper("probe_read_user", [words, b.const(size), address]), 0, ways.cut);
  when(UnwindKind.STACK, () => found(b.add(b.read(sp), bytes(bits("offset")))));
  when(UnwindKind.FRAME, () => found(b.add(b.read(bp), bytes(bits("offset")))));
  when(UnwindKind.NONE, () => b.jump(ways.pointers));
  when(UnwindKind.END, () => b.jump(ways.end));
  when(UnwindKind.LINKAGE, () => {
    const pushed = either(
      l,
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
    b.write(frame, b.const(Frame.INTERRUPTED));
    b.jump(ways.moved);
  });
  // AT_STACK, AT_FRAME
  const base = either(
    l,
    (yes, no) => b.branch("eq", kind, UnwindKind.AT_STACK, yes, no),
    () => b.read(sp),
    () => b.read(bp),
  );
  read(b.add(base, bytes(b.binary("sub", bits("displacement"), DISPLACEMENT_ZERO))));
  found(b.add(b.load("u64", words, 0), bytes(bits("addend"))));

  b.seal(framed);
  b.at(framed);
  const top = b.read(cfa);
  // Stacks grow downwards: what does not lead up leads nowhere.
  must(l, "ult", b.read(sp), top, ways.cut);
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
  follow(l, below);
  {
    const byFrame = b.block("by-frame");
    b.branch("eq", saved, SavedFrame.BELOW, apart, byFrame);
    follow(l, byFrame);
    const at = b.read(bp);
    b.write(cfa, at);
    b.jump(elsewhere);
    follow(l, apart);
    const distance = bits("saved");
    const adjacent = b.block("adjacent");
    const far = b.block("far");
    b.branch("eq", distance, 2, adjacent, far);
    follow(l, adjacent);
    b.write(bp, near);
    b.jump(done);
    follow(l, far);
    b.write(cfa, b.binary("sub", top, bytes(distance)));
    b.jump(elsewhere);
    follow(l, elsewhere);
    read(b.read(cfa));
    b.write(bp, b.load("u64", words, 0));
    b.jump(done);
  }
  b.seal(done);
  b.at(done);
  b.write(sp, top);
  b.write(ip, returns);
  b.write(frame, b.const(Frame.CALLING));
  b.jump(ways.moved);
}

/** One frame up, where rbp points to the caller's rbp with the return address above it. */
export function stepByPointer(
  l: Lowering,
  registers: Registers,
  words: Value,
  frame: Variable,
  ways: Pick<Ways, "moved" | "cut" | "end">,
): void {
  const b = l.b;
  const { ip, sp, bp } = registers;
  const from = b.read(bp);
  // So the outermost frame is marked (System V ABI for x86-64, 3.4.1).
  must(l, "ne", from, 0, ways.end);
  must(l, "ule", b.read(sp), from, ways.cut);
  must(l, "eq", b.and(from, 7), 0, ways.cut);
  must(l, "eq", b.helper("probe_read_user", [words, b.const(16), from]), 0, ways.cut);
  b.write(sp, b.add(from, 16));
  b.write(bp, b.load("u64", words, 0));
  b.write(ip, b.load("u64", words, 8));
  b.write(frame, b.const(Frame.GUESSED));
  b.jump(ways.moved);
}
