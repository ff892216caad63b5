// Pieces of classic BPF that have jumps of their own within a block.

import type { ClassicInstruction } from "../../isa/index.ts";
import type { Value } from "./expression.ts";

/** An instruction; jumps within a block are written out. */
export type Code = ClassicInstruction;

type Line = readonly [code: number, k: number, label?: string, otherwise?: string];

export const EXTENSIONS = { hopByHop: 0, destination: 60, routing: 43, fragment: 44 };
export const NO_NEXT_HEADER = 59;
export const AUTHENTICATION = 51;

/** The cell of M[] in which `frameEnd` leaves its answer. */
export const FRAME_CELL = 15;

/**
 * Where the header of a frame of 802.11 ends; X is where it begins, and where it ends behind it. Frames of data with quality of service
 * have two bytes more. The header may be padded to words: whether it is, the radio's flags say, where there are such behind
 * the time stamp.
 */
export function frameEnd(): Code[] {
  const [stamp, flags, extended] = [0x01000000, 0x02000000, 0x80];
  const [padded, data, control, quality] = [0x20, 0x08, 0x04, 0x80];
  return assembled([
    ...([
      [0x87, 0],
      [0x04, 24],
      [0x02, FRAME_CELL],
      [0x50, 0],
    ] as const),
    [0x45, data, "next", "done"],
    [0x45, control, "done", "next"],
    [0x45, quality, "next", "flags"],
    ...([
      [0x60, FRAME_CELL],
      [0x04, 2],
      [0x02, FRAME_CELL],
    ] as const),
    "flags",
    [0x20, 4],
    [0x45, flags, "next", "done"],
    [0x45, extended, "done", "next"],
    [0x45, stamp, "stamped", "next"],
    [0x30, 8],
    [0x45, padded, "pad", "done"],
    "stamped",
    [0x30, 16],
    [0x45, padded, "pad", "done"],
    "pad",
    ...([
      [0x60, FRAME_CELL],
      [0x04, 3],
      [0x54, ~3],
      [0x02, FRAME_CELL],
    ] as const),
    "done",
    [0x61, FRAME_CELL],
  ]);
}

/**
 * The loop of `protochain`: from header to header, until one is of the protocol that is looked for, or leads no further. The
 * kernel takes no loops in classic BPF; where filters run in user space they may have them.
 *
 * A is the protocol of the last header behind it. X and M[0] are used.
 */
export function chainLoop({ family, wanted, offset }: Extract<Value, { kind: "chain" }>): Code[] {
  const lines: (Line | string)[] = [];
  const jumpIf = (number: number, to: string, otherwise = "next"): void => {
    lines.push([0x15, number, to, otherwise]);
  };
  /** Goes on to the next header: its protocol is in the first byte, the length of this one in the second. */
  const goOn = (unit: number, more: number): void => {
    lines.push(
      [0x50, offset],
      [0x02, 0],
      [0x50, offset + 1],
      [0x04, more],
      [0x24, unit],
      [0x0c, 0],
      [0x07, 0],
      [0x60, 0],
    );
    lines.push([0x05, 0, "again"]);
  };
  if (family === 4) lines.push([0x30, offset + 9], [0xb1, offset]);
  else lines.push([0x30, offset + 6], [0x01, 40]);
  lines.push("again");
  jumpIf(wanted, "end");
  jumpIf(NO_NEXT_HEADER, "end");
  if (family === 6) {
    for (const number of Object.values(EXTENSIONS)) jumpIf(number, "extension");
    jumpIf(AUTHENTICATION, "authentication", "end");
    lines.push("extension");
    goOn(8, 1);
    lines.push("authentication");
  } else jumpIf(AUTHENTICATION, "next", "end");
  goOn(4, 2);
  lines.push("end");
  return assembled(lines);
}

function assembled(lines: readonly (Line | string)[]): Code[] {
  const places = new Map<string, number>();
  let count = 0;
  for (const line of lines) {
    if (typeof line === "string") places.set(line, count);
    else count++;
  }
  const code: Code[] = [];
  for (const line of lines) {
    if (typeof line === "string") continue;
    const [op, k, label, otherwise] = line;
    const to = (name: string | undefined): number =>
      name === undefined || name === "next" ? 0 : (places.get(name) as number) - code.length - 1;
    if (op === 0x05) code.push({ code: op, jt: 0, jf: 0, k: to(label) >>> 0 });
    else code.push({ code: op, jt: to(label), jf: to(otherwise), k: k >>> 0 });
  }
  return code;
}
