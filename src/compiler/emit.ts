// The last step: blocks with machine registers become a flat list of object instructions.
//
// A block without instructions that only jumps is passed over. A jump to what follows is left out; a branch is turned
// round when its target follows. An offset beyond 16 bits becomes a `gotol`, a conditional one a short branch around it.

import { FRAME_POINTER, goto, Jmp, load, mayGoto, Opcode, storeImm, storeReg } from "../isa/index.ts";
import type { ObjectInstruction } from "../object/index.ts";
import type { Span } from "../source/index.ts";
import { layOut } from "./frame.ts";
import {
  FIRST_VIRTUAL,
  type FrameArea,
  type MachineBlock,
  type MachineFunction,
  type MachineInstr,
  machineInstr,
  NONE,
} from "./machine.ts";
import { type Location, sequence } from "./moves.ts";
import type { Allocation } from "./registers.ts";
import type { Cpu } from "./select.ts";

export interface Emitted {
  readonly code: ObjectInstruction[];
  /** Bytes of frame. */
  readonly frame: number;
}

/** The condition that holds when the other does not; `jset` has none. */
const INVERSE: Record<number, number> = {
  [Jmp.JEQ]: Jmp.JNE,
  [Jmp.JNE]: Jmp.JEQ,
  [Jmp.JLT]: Jmp.JGE,
  [Jmp.JGE]: Jmp.JLT,
  [Jmp.JGT]: Jmp.JLE,
  [Jmp.JLE]: Jmp.JGT,
  [Jmp.JSLT]: Jmp.JSGE,
  [Jmp.JSGE]: Jmp.JSLT,
  [Jmp.JSGT]: Jmp.JSLE,
  [Jmp.JSLE]: Jmp.JSGT,
};

/** An instruction on its way out; `to` is the block that it jumps to. */
interface Item {
  readonly instr: MachineInstr;
  readonly to?: MachineBlock;
}

/** Instructions of a block with machine registers, and the moves of its edge. */
function finalCode(
  block: MachineBlock,
  allocation: Allocation,
  emergency: (which: 0 | 1) => FrameArea,
): MachineInstr[] {
  const register = (r: number): number => (r < FIRST_VIRTUAL ? r : (allocation.registers[r - FIRST_VIRTUAL] as number));
  const out: MachineInstr[] = [];
  for (const instr of block.code) {
    instr.dst = register(instr.dst);
    instr.src = registerOrSubtype(instr, register);
    if (instr.op === Opcode.MOV64_REG && instr.off === 0 && instr.dst === instr.src) continue;
    out.push(instr);
  }
  if (block.end.kind === "branch") {
    const compare = block.end.compare;
    compare.dst = register(compare.dst);
    compare.src = register(compare.src);
  }
  if (block.end.kind !== "jump" || block.end.to.sources.length === 0) return out;
  const { to, sources } = block.end.to;
  const location = (r: number): Location | undefined => {
    const place = allocation.spilled.get(r);
    if (place !== undefined) return place;
    const given = allocation.registers[r - FIRST_VIRTUAL] as number;
    // A parameter that nothing reads has no range, so no register.
    return given === NONE ? undefined : given;
  };
  const moves: { to: Location; from: Location }[] = [];
  const busy = new Set<number>();
  const made: { to: Location; code: readonly MachineInstr[] }[] = [];
  sources.forEach((source, i) => {
    const target = location(to.params[i] as number);
    if (target === undefined) return;
    if (typeof target === "number") busy.add(target);
    if (source.kind === "made") made.push({ to: target, code: source.code });
    else {
      const from = location(source.register) as Location;
      if (typeof from === "number") busy.add(from);
      moves.push({ to: target, from });
    }
  });
  const free = allocation.freeAt(block.index, to.index, busy);
  const span = block.span;
  out.push(...sequence(moves, { free, emergency }, span));
  for (const { to: target, code } of made) {
    const [only] = code;
    if (typeof target === "number") {
      for (const instr of code) out.push({ ...instr, dst: target });
    } else if (only !== undefined && code.length === 1 && only.op === Opcode.MOV64_IMM) {
      out.push(machineInstr(storeImm(64, FRAME_POINTER, 0, only.imm), only.span, target));
    } else if (free !== NONE) {
      for (const instr of code) out.push({ ...instr, dst: free });
      out.push(machineInstr(storeReg(64, FRAME_POINTER, 0, free), span, target));
    } else {
      const aside = emergency(0);
      out.push(machineInstr(storeReg(64, FRAME_POINTER, 0, 0), span, aside));
      out.push(...code);
      out.push(machineInstr(storeReg(64, FRAME_POINTER, 0, 0), span, target));
      out.push(machineInstr(load(64, 0, FRAME_POINTER, 0), span, aside));
    }
  }
  return out;
}

/** The source field of wide instructions and calls is a subtype, not a register. */
function registerOrSubtype(instr: MachineInstr, register: (r: number) => number): number {
  return instr.op === Opcode.LDDW || instr.op === Opcode.CALL ? instr.src : register(instr.src);
}

const jumpItem = (to: MachineBlock, span: Span | undefined): Item => ({
  instr: machineInstr(goto(0), span),
  to,
});

/** Whether the way from one block (its index) to another comes round a loop. */
export type ComesRound = (from: number, to: number) => boolean;

/**
 * The end of a block, given what follows it. Where `comesRound` is given, a loop does not come round by falling into its
 * head: check_cfg of kernels before Linux 6.9 refuses that, and takes a jump over nothing, which the kernel then removes.
 */
function endItems(
  block: MachineBlock,
  next: MachineBlock | undefined,
  resolve: (b: MachineBlock) => MachineBlock,
  comesRound: ComesRound | undefined,
): Item[] {
  const end = block.end;
  const goesTo = (to: MachineBlock, span: Span | undefined): Item[] =>
    to === next && comesRound?.(block.index, to.index) !== true ? [] : [jumpItem(to, span)];
  switch (end.kind) {
    case "return":
      return [];
    case "jump": {
      return goesTo(resolve(end.to.to), block.span);
    }
    case "may-goto": {
      const to = resolve(end.next);
      const check: Item = { instr: machineInstr(mayGoto(0), block.span), to: resolve(end.exit) };
      return to === next ? [check] : [check, jumpItem(to, block.span)];
    }
    case "branch": {
      const then = resolve(end.yes);
      const otherwise = resolve(end.no);
      const { compare } = end;
      if (then === otherwise) return goesTo(then, compare.span);
      const inverse = INVERSE[compare.op & 0xf0];
      if (then === next && inverse !== undefined) {
        return [{ instr: { ...compare, op: (compare.op & 0x0f) | inverse }, to: otherwise }];
      }
      const items: Item[] = [{ instr: compare, to: then }];
      if (otherwise !== next) items.push(jumpItem(otherwise, compare.span));
      return items;
    }
  }
}

/**
 * Jumps over more slots than this are written as `gotol`. The field has 16 bits, but the kernel replaces calls by
 * longer inline code when it loads the program, and refuses it when a jump then no longer fits.
 */
const FAR = 6000;

const slotsOf = ({ instr }: Item, long: boolean): number => {
  if (instr.op === Opcode.LDDW) return 2;
  if (!long || instr.op === Opcode.JA) return 1;
  return INVERSE[instr.op & 0xf0] === undefined ? 3 : 2;
};

/** Emits the function. Throws where the code is too long for the instruction set's version 3. */
export function emit(fn: MachineFunction, allocation: Allocation, cpu: Cpu, comesRound?: ComesRound): Emitted {
  const asides: FrameArea[] = [];
  const emergency = (which: 0 | 1): FrameArea => {
    let area = asides[which];
    if (area === undefined) fn.areas.push((area = asides[which] = { size: 8, offset: 0 }));
    return area;
  };
  const bodies = fn.blocks.map((block) => finalCode(block, allocation, emergency));
  const frame = layOut(fn.areas);

  // Blocks that only jump stand for where they lead; a ring of such blocks is an endless loop and stays.
  const resolve = (block: MachineBlock): MachineBlock => {
    let at = block;
    for (let steps = 0; steps < fn.blocks.length; steps++) {
      if ((bodies[at.index] as MachineInstr[]).length > 0 || at.end.kind !== "jump") return at;
      at = at.end.to.to;
    }
    return block;
  };
  const targets = new Set<MachineBlock>([resolve(fn.blocks[0] as MachineBlock)]);
  for (const block of fn.blocks) {
    if (resolve(block) !== block) continue;
    if (block.end.kind === "jump") targets.add(resolve(block.end.to.to));
    else if (block.end.kind === "branch") targets.add(resolve(block.end.yes)).add(resolve(block.end.no));
    else if (block.end.kind === "may-goto") targets.add(resolve(block.end.next)).add(resolve(block.end.exit));
  }
  const kept = fn.blocks.filter((block) => targets.has(block));

  const items: Item[] = [];
  const firstItem = new Map<MachineBlock, number>();
  kept.forEach((block, i) => {
    firstItem.set(block, items.length);
    for (const instr of bodies[block.index] as MachineInstr[]) items.push({ instr });
    items.push(...endItems(block, kept[i + 1], resolve, comesRound));
  });

  // Distances depend on which jumps are long; only ever more of them become so.
  const long = new Set<number>();
  const positions = new Int32Array(items.length + 1);
  for (let changed = true; changed; ) {
    changed = false;
    items.forEach((item, i) => {
      positions[i + 1] = (positions[i] as number) + slotsOf(item, long.has(i));
    });
    items.forEach((item, i) => {
      if (item.to === undefined || long.has(i)) return;
      const distance = (positions[firstItem.get(item.to) as number] as number) - (positions[i] as number) - 1;
      const within = cpu < 4 ? 32767 : FAR;
      if (distance < -within || distance > within) {
        if (cpu < 4) throw new Error(`${fn.name}: a jump of ${distance} slots needs version 4 of the instruction set`);
        long.add(i);
        changed = true;
      }
    });
  }

  const code: ObjectInstruction[] = [];
  items.forEach(({ instr, to }, i) => {
    const { span } = instr;
    const said = span === undefined ? {} : { span };
    if (to === undefined) {
      code.push(place(instr));
      return;
    }
    const from = positions[i] as number;
    const target = positions[firstItem.get(to) as number] as number;
    const gotol = (distance: number): ObjectInstruction => ({
      op: Opcode.GOTOL,
      dst: 0,
      src: 0,
      off: 0,
      imm: distance,
      ...said,
    });
    const { op, dst, src, imm } = instr;
    if (!long.has(i)) code.push({ op, dst, src, off: target - from - 1, imm, ...said });
    else if (op === Opcode.JA) code.push(gotol(target - from - 1));
    else {
      const inverse = INVERSE[op & 0xf0];
      if (inverse !== undefined) {
        // if not c goto +1; gotol far
        code.push({ op: (op & 0x0f) | inverse, dst, src, off: 1, imm, ...said });
        code.push(gotol(target - from - 2));
      } else {
        // if c goto +1; goto +1; gotol far
        code.push({ op, dst, src, off: 1, imm, ...said });
        code.push({ ...goto(1), ...said });
        code.push(gotol(target - from - 3));
      }
    }
  });
  return { code, frame };
}

/** The instruction as the object has it, with the place of its area put in. */
function place(instr: MachineInstr): ObjectInstruction {
  const { op, area, imm64, ref, span } = instr;
  const memory = (op & 7) >= 1 && (op & 7) <= 3;
  const shift = area?.offset ?? 0;
  const out: { -readonly [K in keyof ObjectInstruction]: ObjectInstruction[K] } = {
    op,
    dst: instr.dst,
    src: instr.src,
    off: memory ? instr.off + shift : instr.off,
    imm: memory ? instr.imm : instr.imm + shift,
  };
  if (imm64 !== undefined) out.imm64 = imm64;
  if (ref !== undefined) out.ref = ref;
  if (span !== undefined) out.span = span;
  return out;
}
