// Register allocation: a machine register, or a place in the frame, for every virtual register.
//
// r1..r5 and r0 are lost at each call; r6..r9 are kept. Every machine register has a table of the positions where it
// is taken. The virtual registers are served in the order of how much they are used for their length; each takes the
// free register that saves the most moves (the argument it becomes, the result it was, the block parameter it feeds).
// One that finds none is put in the frame: stored once where it is made, loaded before it is read and kept until the
// next call; then all is done anew. Since SSA values have one definition and the tables know holes in lifetimes, this
// needs no splitting and no repair, and the time grows with the sum of the live ranges.

import { FRAME_POINTER, load, Opcode, Role, storeReg } from "../isa/index.ts";
import { coalesce, type MovePair } from "./coalesce.ts";
import { type Liveness, liveness } from "./liveness.ts";
import {
  FIRST_VIRTUAL,
  type FrameArea,
  type MachineFunction,
  type MachineInstr,
  machineInstr,
  NONE,
} from "./machine.ts";

const REGISTERS = 10;
/** The order in which registers are tried when nothing speaks for one of them: arguments last, kept ones only then. */
const PREFERENCE = [5, 4, 3, 0, 2, 1, 6, 7, 8, 9] as const;
/** More rounds than this mean a fault in the allocator. */
const MAX_ROUNDS = 60;

export interface Allocation {
  /** The machine register of each virtual register (less FIRST_VIRTUAL), or NONE. */
  readonly registers: Int8Array;
  /** Virtual registers that live in the frame. */
  readonly spilled: ReadonlyMap<number, FrameArea>;
  /** A machine register that is free at the end of a block and at the start of the next, or NONE. */
  freeAt(block: number, next: number, besides: ReadonlySet<number>): number;
}

/** The parameters of the function, which come in r1..r5, that are read before the registers are written. */
function incoming(code: readonly MachineInstr[]): number[] {
  const found: number[] = [];
  const written = new Set<number>();
  for (const instr of code) {
    if (instr.roles & Role.CALL) break;
    if (instr.roles & Role.READ_SRC && instr.src >= 1 && instr.src <= 5 && !written.has(instr.src))
      found.push(instr.src);
    if (instr.roles & Role.WRITE_DST) written.add(instr.dst);
  }
  return found;
}

/** The positions where each machine register is taken by calls, arguments and results. */
function fixedRanges(fn: MachineFunction, live: Liveness): Uint8Array[] {
  const taken = Array.from({ length: REGISTERS }, () => new Uint8Array(live.size));
  const written = new Int32Array(REGISTERS).fill(-1);
  const read = (register: number, position: number): void => {
    const from = written[register] as number;
    (taken[register] as Uint8Array).fill(1, from < 0 ? position : from, position + 1);
  };
  fn.blocks.forEach((block, index) => {
    written.fill(-1);
    if (index === 0) for (const r of incoming(block.code)) written[r] = 0;
    let position = live.starts[index] as number;
    for (const instr of block.code) {
      const { roles } = instr;
      if (roles & Role.CALL) {
        for (let r = 0; r <= 5; r++) {
          if (r > 0 && (written[r] as number) >= 0) read(r, position);
          (taken[r] as Uint8Array)[position + 1] = 1;
          written[r] = -1;
        }
        written[0] = position + 1;
      } else {
        if (roles & Role.READ_SRC && instr.src < REGISTERS) read(instr.src, position);
        if (roles & Role.READ_DST && instr.dst < REGISTERS) read(instr.dst, position);
        const exchanges = instr.op === 0xdb || instr.op === 0xc3 ? instr.imm === 0xf1 : false;
        if (exchanges) read(0, position);
        if (roles & Role.WRITE_DST && instr.dst < REGISTERS) {
          written[instr.dst] = position + 1;
          (taken[instr.dst] as Uint8Array)[position + 1] = 1;
        }
        if (exchanges) {
          written[0] = position + 1;
          (taken[0] as Uint8Array)[position + 1] = 1;
        }
      }
      position += 2;
    }
  });
  return taken;
}

/** Moves that vanish when both sides get one register. */
function movePairs(fn: MachineFunction): MovePair[] {
  const pairs: MovePair[] = [];
  for (const block of fn.blocks) {
    for (const instr of block.code) {
      if (instr.op !== Opcode.MOV64_REG || instr.off !== 0 || instr.src === FRAME_POINTER) continue;
      pairs.push({ a: instr.dst, b: instr.src, weight: block.frequency });
    }
    if (block.end.kind !== "jump") continue;
    const { to, sources } = block.end.to;
    sources.forEach((source, i) => {
      if (source.kind === "register")
        pairs.push({ a: source.register, b: to.params[i] as number, weight: block.frequency });
    });
  }
  return pairs;
}

type Stage = "whole" | "segment" | "tiny";

class Allocator {
  readonly #fn: MachineFunction;
  readonly #spilled = new Map<number, FrameArea>();
  readonly #stages = new Map<number, Stage>();
  /** Where the value of a segment or tiny register is kept. */
  readonly #homes = new Map<number, FrameArea>();
  /** Registers that are not joined with others. */
  readonly #apart = new Set<number>();

  constructor(fn: MachineFunction) {
    this.#fn = fn;
  }

  run(): Allocation {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const live = liveness(this.#fn, this.#spilled);
      const { registers, taken, failed, unplaced } = this.#color(live);
      if (unplaced === 0) {
        return {
          registers,
          spilled: this.#spilled,
          freeAt: (block, next, besides) => freeAt(taken, live, block, next, besides),
        };
      }
      this.#spill(failed);
    }
    throw new Error(`register allocation of ${this.#fn.name} does not end`);
  }

  #color(live: Liveness): { registers: Int8Array; taken: Uint8Array[]; failed: number[]; unplaced: number } {
    const taken = fixedRanges(this.#fn, live);
    const count = live.ranges.length;
    const pairs = movePairs(this.#fn);
    const webs = coalesce(
      live.ranges,
      pairs.filter(({ a, b }) => a >= FIRST_VIRTUAL && b >= FIRST_VIRTUAL),
      this.#apart,
    );
    const leader = (register: number): number => webs.leaders[register - FIRST_VIRTUAL] as number;

    const members: (number[] | undefined)[] = new Array(count);
    const density = new Float64Array(count);
    const order: number[] = [];
    for (let v = 0; v < count; v++) {
      const head = webs.leaders[v] as number;
      if (head === NONE) continue;
      const known = members[head];
      if (known === undefined) {
        members[head] = [v];
        order.push(head);
      } else known.push(v);
      const isTiny = this.#stages.get(v + FIRST_VIRTUAL) === "tiny";
      density[head] = (density[head] as number) + (isTiny ? Number.POSITIVE_INFINITY : (live.weights[v] as number));
    }
    for (const head of order) {
      const ranges = webs.ranges[head] as readonly number[];
      let length = 2;
      for (let i = 0; i < ranges.length; i += 2) length += (ranges[i + 1] as number) - (ranges[i] as number);
      density[head] = (density[head] as number) / length;
    }
    order.sort((a, b) => {
      const da = density[a] as number;
      const db = density[b] as number;
      return da === db ? a - b : da > db ? -1 : 1;
    });

    // Moves that are left: to or from machine registers, and between webs that could not be one.
    const hints: (number[] | undefined)[] = new Array(count);
    const hint = (v: number, other: number, weight: number): void => {
      const known = hints[v];
      if (known === undefined) hints[v] = [other, weight];
      else known.push(other, weight);
    };
    for (const { a, b, weight } of pairs) {
      const one = a < FIRST_VIRTUAL ? a : leader(a) + FIRST_VIRTUAL;
      const two = b < FIRST_VIRTUAL ? b : leader(b) + FIRST_VIRTUAL;
      if (one === two) continue;
      if (one >= FIRST_VIRTUAL) hint(one - FIRST_VIRTUAL, two, weight);
      if (two >= FIRST_VIRTUAL) hint(two - FIRST_VIRTUAL, one, weight);
    }

    const registers = new Int8Array(count).fill(NONE);
    const failed: number[] = [];
    let unplaced = 0;
    const votes = new Float64Array(REGISTERS);
    const vote = (v: number, share: number, deeper: boolean): void => {
      const list = hints[v];
      if (list === undefined) return;
      // A value with very many moves needs no exact count.
      for (let i = 0; i < list.length && i < 64; i += 2) {
        const other = list[i] as number;
        const weight = (list[i + 1] as number) * share;
        if (other < REGISTERS) votes[other] = (votes[other] as number) + weight;
        else if (other >= FIRST_VIRTUAL) {
          const given = registers[other - FIRST_VIRTUAL] as number;
          if (given !== NONE) votes[given] = (votes[given] as number) + weight;
          else if (deeper) vote(other - FIRST_VIRTUAL, share / 2, false);
        }
      }
    };
    for (const head of order) {
      const ranges = webs.ranges[head] as readonly number[];
      const web = members[head] as readonly number[];
      votes.fill(0);
      vote(head, 1, true);
      let best = NONE;
      let bestVotes = -1;
      for (const r of PREFERENCE) {
        if ((votes[r] as number) > bestVotes && isFree(taken[r] as Uint8Array, ranges)) {
          best = r;
          bestVotes = votes[r] as number;
        }
      }
      if (best === NONE) {
        // What was joined finds room more easily apart; what was alone goes to the frame.
        if (web.length > 1) for (const v of web) this.#apart.add(v + FIRST_VIRTUAL);
        else failed.push(head + FIRST_VIRTUAL);
        unplaced++;
        continue;
      }
      for (const v of web) registers[v] = best;
      const table = taken[best] as Uint8Array;
      for (let i = 0; i < ranges.length; i += 2) table.fill(1, ranges[i] as number, (ranges[i + 1] as number) + 1);
    }
    return { registers, taken, failed, unplaced };
  }

  /** Puts registers that found no room into the frame: by stretches between calls first, then for each read alone. */
  #spill(failed: readonly number[]): void {
    const areas = new Map<number, FrameArea>();
    for (const register of failed) {
      const stage = this.#stages.get(register) ?? "whole";
      if (stage === "tiny") throw new Error(`register allocation of ${this.#fn.name} found no register at all`);
      if (stage === "segment") areas.set(register, this.#homes.get(register) as FrameArea);
      else {
        const area: FrameArea = { size: 8, offset: 0 };
        areas.set(register, area);
        this.#spilled.set(register, area);
        this.#fn.areas.push(area);
      }
    }
    for (const block of this.#fn.blocks) {
      const out: MachineInstr[] = [];
      let touched = false;
      // The register that holds the value of each spilled one right now.
      const held = new Map<number, number>();
      // The last write of each in this block: a value made in several steps is stored after the last.
      const lastWrite = new Map<number, number>();
      block.code.forEach((instr, i) => {
        if (instr.roles & Role.WRITE_DST && areas.has(instr.dst)) lastWrite.set(instr.dst, i);
        if (instr.roles & Role.WRITE_SRC && areas.has(instr.src)) lastWrite.set(instr.src, i);
      });
      const fresh = (register: number): number => {
        const stage: Stage = (this.#stages.get(register) ?? "whole") === "whole" ? "segment" : "tiny";
        const made = this.#fn.nextRegister++;
        this.#stages.set(made, stage);
        this.#homes.set(made, areas.get(register) as FrameArea);
        return made;
      };
      const isTiny = (register: number): boolean => this.#stages.get(register) === "tiny";
      const readable = (register: number, span: MachineInstr["span"]): number => {
        const area = areas.get(register);
        if (area === undefined) return register;
        touched = true;
        const known = held.get(register);
        if (known !== undefined) return known;
        const made = fresh(register);
        const fill = load(64, made, FRAME_POINTER, 0);
        out.push(machineInstr(fill, span, area));
        held.set(register, made);
        return made;
      };
      /** A tiny register lasts for one instruction only. */
      const drop = (): void => {
        for (const [register, made] of held) if (isTiny(made) && !lastWrite.has(register)) held.delete(register);
      };
      block.code.forEach((instr, i) => {
        if (instr.roles & Role.CALL) held.clear();
        const writes = (instr.roles & Role.WRITE_DST) !== 0 && areas.has(instr.dst);
        // A segment that was filled from its place needs no fill of its own any more.
        if (writes && (instr.op & 7) === 1 && instr.area === areas.get(instr.dst) && instr.src === FRAME_POINTER) {
          lastWrite.delete(instr.dst);
          touched = true;
          return;
        }
        // An atomic operation that answers in its source register has that register made before.
        const answers = (instr.roles & Role.WRITE_SRC) !== 0 && areas.has(instr.src);
        const result = answers ? instr.src : instr.dst;
        if (instr.roles & Role.READ_SRC) instr.src = readable(instr.src, instr.span);
        if (writes || answers) {
          const register = result;
          touched = true;
          let made = held.get(register);
          if (answers) instr.dst = readable(instr.dst, instr.span);
          else {
            if (made === undefined || !(instr.roles & Role.READ_DST)) {
              made = fresh(register);
              held.set(register, made);
            }
            instr.dst = made;
          }
          out.push(instr);
          if (lastWrite.get(register) === i) {
            lastWrite.delete(register);
            const stage = this.#stages.get(register) ?? "whole";
            // The store of a segment stands there already.
            if (stage === "whole") {
              const store = storeReg(64, FRAME_POINTER, 0, made as number);
              out.push(machineInstr(store, instr.span, areas.get(register)));
            } else {
              lastWrite.set(register, block.code.length);
              return;
            }
          }
        } else {
          if (instr.roles & Role.READ_DST) instr.dst = readable(instr.dst, instr.span);
          out.push(instr);
        }
        for (const [register, when] of lastWrite) {
          // After the store that follows a segment's making, it may be dropped.
          if (when === block.code.length && !writes && !answers) lastWrite.delete(register);
        }
        drop();
      });
      const end = block.end;
      if (end.kind === "branch") {
        if (end.compare.roles & Role.READ_SRC) end.compare.src = readable(end.compare.src, end.compare.span);
        end.compare.dst = readable(end.compare.dst, end.compare.span);
      }
      if (touched) block.code.splice(0, block.code.length, ...out);
    }
  }
}

function isFree(table: Uint8Array, ranges: readonly number[]): boolean {
  for (let i = 0; i < ranges.length; i += 2) {
    const to = ranges[i + 1] as number;
    for (let at = ranges[i] as number; at <= to; at++) if (table[at] === 1) return false;
  }
  return true;
}

function freeAt(
  taken: readonly Uint8Array[],
  live: Liveness,
  block: number,
  next: number,
  besides: ReadonlySet<number>,
): number {
  const end = (live.starts[block + 1] as number) - 1;
  const start = live.starts[next] as number;
  for (const r of PREFERENCE) {
    const table = taken[r] as Uint8Array;
    if (!besides.has(r) && table[end] === 0 && table[end - 1] === 0 && table[start] === 0) return r;
  }
  return NONE;
}

/** Chooses registers; code for what is kept in the frame is added to the function. */
export function allocate(fn: MachineFunction): Allocation {
  return new Allocator(fn).run();
}
