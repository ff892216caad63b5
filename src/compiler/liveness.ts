// Where each virtual register is live, as ranges of positions.
//
// Instruction number i has two positions: 2i, where it reads, and 2i + 1, where it writes. So a register whose last
// reader is i and one that i defines may share. A block's end is its last instruction. A parameter is live from its
// block's first position; what an edge hands over is read at the end of the block that it leaves.
//
// Each register is walked from its uses up to its definition (Boissinot et al., "Fast Liveness Checking", CGO 2008,
// section 5), so the work is the size of the live ranges: no bit set over all registers for each block.

import { Role } from "../isa/index.ts";
import { FIRST_VIRTUAL, type MachineBlock, type MachineFunction } from "./machine.ts";

export interface Liveness {
  /** Positions in all: twice the number of instructions. */
  readonly size: number;
  /** The first position of each block, and one past the last of all. */
  readonly starts: Int32Array;
  /** For each virtual register (less FIRST_VIRTUAL): pairs of first and last position, both inclusive. */
  readonly ranges: readonly (readonly number[] | undefined)[];
  /** Reads and writes, weighted by how often their blocks run. */
  readonly weights: Float64Array;
}

/** The blocks with an edge to each block, by index. */
function machinePredecessors(fn: MachineFunction): number[][] {
  const found: number[][] = fn.blocks.map(() => []);
  const add = (to: MachineBlock, from: MachineBlock): void => {
    (found[to.index] as number[]).push(from.index);
  };
  for (const block of fn.blocks) {
    const end = block.end;
    if (end.kind === "jump") add(end.to.to, block);
    else if (end.kind === "branch") {
      add(end.yes, block);
      add(end.no, block);
    } else if (end.kind === "may-goto") {
      add(end.next, block);
      add(end.exit, block);
    }
  }
  return found;
}

/** Liveness of every virtual register but those in `excluded` (they live in memory). */
export function liveness(fn: MachineFunction, excluded: { has(register: number): boolean }): Liveness {
  const count = fn.nextRegister - FIRST_VIRTUAL;
  const starts = new Int32Array(fn.blocks.length + 1);
  let at = 0;
  for (const block of fn.blocks) {
    starts[block.index] = at;
    at += 2 * (block.code.length + 1);
  }
  starts[fn.blocks.length] = at;

  const defBlock = new Int32Array(count).fill(-1);
  const defAt = new Int32Array(count);
  const weights = new Float64Array(count);
  // Pairs of block and last position, in the order of the blocks.
  const uses: (number[] | undefined)[] = new Array(count);
  const define = (register: number, block: MachineBlock, position: number): void => {
    if (register < FIRST_VIRTUAL) return;
    const v = register - FIRST_VIRTUAL;
    weights[v] = (weights[v] as number) + block.frequency;
    if (defBlock[v] !== -1) return;
    defBlock[v] = block.index;
    defAt[v] = position;
  };
  const use = (register: number, block: MachineBlock, position: number): void => {
    if (register < FIRST_VIRTUAL) return;
    const v = register - FIRST_VIRTUAL;
    weights[v] = (weights[v] as number) + block.frequency;
    const known = uses[v];
    if (known === undefined) uses[v] = [block.index, position];
    else if (known[known.length - 2] === block.index) known[known.length - 1] = position;
    else known.push(block.index, position);
  };
  for (const block of fn.blocks) {
    let position = starts[block.index] as number;
    for (const param of block.params) if (!excluded.has(param)) define(param, block, position);
    for (const instr of block.code) {
      if (instr.roles & Role.READ_SRC) use(instr.src, block, position);
      if (instr.roles & Role.READ_DST) use(instr.dst, block, position);
      if (instr.roles & Role.WRITE_DST) define(instr.dst, block, position + 1);
      position += 2;
    }
    const end = block.end;
    if (end.kind === "branch") {
      use(end.compare.dst, block, position);
      if (end.compare.roles & Role.READ_SRC) use(end.compare.src, block, position);
    } else if (end.kind === "jump") {
      for (const source of end.to.sources) {
        if (source.kind === "register" && !excluded.has(source.register)) use(source.register, block, position);
      }
    }
  }

  const preds = machinePredecessors(fn);
  const ranges: (number[] | undefined)[] = new Array(count);
  const mark = new Int32Array(fn.blocks.length).fill(-1);
  const last = new Int32Array(fn.blocks.length);
  for (let v = 0; v < count; v++) {
    const definer = defBlock[v] as number;
    if (definer === -1) continue;
    const from = defAt[v] as number;
    const used = uses[v];
    if (used === undefined) {
      ranges[v] = [from, from];
      continue;
    }
    if (used.length === 2 && used[0] === definer) {
      ranges[v] = [from, Math.max(from, used[1] as number)];
      continue;
    }
    const touched: number[] = [];
    const work: number[] = [];
    const extend = (block: number, to: number): void => {
      if (mark[block] === v) {
        if (to > (last[block] as number)) last[block] = to;
        return;
      }
      mark[block] = v;
      last[block] = to;
      touched.push(block);
      if (block !== definer) work.push(block);
    };
    for (let i = 0; i < used.length; i += 2) extend(used[i] as number, used[i + 1] as number);
    for (let block = work.pop(); block !== undefined; block = work.pop()) {
      for (const pred of preds[block] as number[]) extend(pred, (starts[pred + 1] as number) - 1);
    }
    const found: number[] = [];
    for (const block of touched.sort((a, b) => a - b)) {
      const start = block === definer ? from : (starts[block] as number);
      const to = Math.max(start, last[block] as number);
      // Blocks that follow one another make one range.
      if (found.length > 0 && found[found.length - 1] === start - 1) found[found.length - 1] = to;
      else found.push(start, to);
    }
    ranges[v] = found;
  }
  return { size: at, starts, ranges, weights };
}
