// Spilled registers that are never needed at the same time share their place in the frame: done where the frame would be
// too large otherwise, so that other programs stay as they are.
//
// What lives where is worked out on the code as it stands after allocation: a place is written by stores and, if it is a
// block's parameter, by the edges into the block; it is read by loads, and by edges that hand it over.

import type { FrameArea, MachineBlock, MachineFunction, MachineInstr } from "./machine.ts";
import type { Allocation } from "./registers.ts";

/** Bytes of all areas of the frame. */
export const frameBytes = (fn: MachineFunction): number =>
  fn.areas.reduce((bytes, { size }) => bytes + ((size + 7) & ~7), 0);

const isLoad = (instr: MachineInstr): boolean => (instr.op & 7) === 1;

function successors(block: MachineBlock): readonly MachineBlock[] {
  const { end } = block;
  switch (end.kind) {
    case "jump":
      return [end.to.to];
    case "branch":
      return [end.yes, end.no];
    case "may-goto":
      return [end.next, end.exit];
    case "return":
      return [];
  }
}

export function shareSpills(fn: MachineFunction, allocation: Allocation): Allocation {
  const areas = [...new Set(allocation.spilled.values())];
  if (areas.length < 2) return allocation;
  const numbers = new Map(areas.map((area, i) => [area, i]));
  const numberOf = (register: number): number | undefined => {
    const area = allocation.spilled.get(register);
    return area === undefined ? undefined : numbers.get(area);
  };
  const numbersOf = (registers: readonly number[]): number[] => registers.flatMap((r) => numberOf(r) ?? []);
  const entries: Set<number>[] = fn.blocks.map(() => new Set<number>());
  const crosses: Set<number>[] = areas.map(() => new Set<number>());
  const cross = (written: number, live: Iterable<number>): void => {
    for (const other of live) {
      if (other === written) continue;
      (crosses[written] as Set<number>).add(other);
      (crosses[other] as Set<number>).add(written);
    }
  };
  /** What is live at the start of a block, by what is live at the starts of those behind it. */
  const walk = (block: MachineBlock, written: (area: number, live: Set<number>) => void): Set<number> => {
    const live = new Set<number>();
    for (const next of successors(block)) for (const area of entries[next.index] as Set<number>) live.add(area);
    const { end } = block;
    if (end.kind === "jump") {
      const params = numbersOf(end.to.to.params);
      // All are written at once.
      for (const area of params) live.add(area);
      for (const area of params) written(area, live);
      for (const area of params) live.delete(area);
      for (const source of end.to.sources) {
        const area = source.kind === "register" ? numberOf(source.register) : undefined;
        if (area !== undefined) live.add(area);
      }
    }
    for (let i = block.code.length - 1; i >= 0; i--) {
      const instr = block.code[i] as MachineInstr;
      const area = instr.area === undefined ? undefined : numbers.get(instr.area);
      if (area === undefined) continue;
      if (isLoad(instr)) live.add(area);
      else {
        written(area, live);
        live.delete(area);
      }
    }
    return live;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = fn.blocks.length - 1; i >= 0; i--) {
      const block = fn.blocks[i] as MachineBlock;
      const live = walk(block, () => {});
      if (live.size === (entries[block.index] as Set<number>).size) continue;
      entries[block.index] = live;
      changed = true;
    }
  }
  for (const block of fn.blocks) walk(block, cross);

  // Each takes the first place whose others are never live with it.
  const places: { readonly area: FrameArea; readonly members: number[] }[] = [];
  const given = areas.map((area, i) => {
    let place = places.find(({ members }) => !members.some((m) => crosses[i]?.has(m)));
    if (place === undefined) places.push((place = { area, members: [] }));
    place.members.push(i);
    return place.area;
  });
  const placeOf = (area: FrameArea): FrameArea => given[numbers.get(area) as number] as FrameArea;
  for (const block of fn.blocks)
    block.code.forEach((instr, i) => {
      if (instr.area !== undefined && numbers.has(instr.area)) block.code[i] = { ...instr, area: placeOf(instr.area) };
    });
  const kept = new Set(places.map(({ area }) => area));
  const left = fn.areas.filter((area) => !numbers.has(area) || kept.has(area));
  fn.areas.splice(0, fn.areas.length, ...left);
  return { ...allocation, spilled: new Map([...allocation.spilled].map(([r, area]) => [r, placeOf(area)])) };
}
