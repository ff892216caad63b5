// Damage done to a file, as a bad disk, a cut transfer or a forger does it; and the readers of foreign bytes held to what
// they must do with it: a result or a diagnostic, soon, in little memory.

import { DiagnosticError } from "../../src/source/index.ts";

/** Numbers from a seed (a linear congruential generator). Seeds that follow each other begin with unlike ones. */
export function numbers(seed: number): (below: number) => number {
  let state = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  state = (state ^ (state >>> 16)) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Bytes from `start` up to, not with, `end`. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/** What readers take badly: nothing, all, the sign, one too many. */
const WORDS = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** A damaged copy; `parts` are those that are hit most. */
export function damaged(bytes: Uint8Array, random: (below: number) => number, parts: readonly Part[] = []): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const place = (): number => {
    const part = random(4) === 0 ? undefined : parts[random(parts.length)];
    return part === undefined || part.end <= part.start
      ? random(copy.length)
      : part.start + random(part.end - part.start);
  };
  if (random(8) === 0) return copy.subarray(0, place());
  for (let hits = 1 + random(6); hits > 0; hits--) {
    const at = place();
    switch (random(4)) {
      case 0:
        copy[at] = (copy[at] as number) ^ (1 << random(8));
        break;
      case 1:
        copy[at] = random(256);
        break;
      case 2: {
        const word = WORDS[random(WORDS.length)] as number;
        for (let i = 0; i < 4; i++) copy[(at & ~3) + i] = (word >>> (i * 8)) & 0xff;
        break;
      }
      default:
        // Bytes of another place of the same file make more sense than any others.
        copy.copyWithin(at, place(), undefined);
        copy.set(bytes.subarray(at + 16), Math.min(at + 16, copy.length));
    }
  }
  return copy;
}

/** How the reading of many damaged copies went. */
export interface Outcome {
  readonly results: number;
  readonly diagnostics: number;
  /** Of the slowest copy. */
  readonly milliseconds: number;
  /** How much the process has grown with one copy, at most, in MiB. */
  readonly grown: number;
}

/**
 * Reads `runs` damaged copies. Throws what a reader throws that is no diagnostic, with the seed of that copy in its
 * message.
 */
export function readDamaged(
  bytes: Uint8Array,
  parts: readonly Part[],
  seed: number,
  runs: number,
  read: (copy: Uint8Array, random: (below: number) => number) => void,
): Outcome {
  read(bytes, numbers(seed));
  let grown = 0;
  let results = 0;
  let diagnostics = 0;
  let milliseconds = 0;
  for (let run = 0; run < runs; run++) {
    const random = numbers(seed + run);
    const copy = damaged(bytes, random, parts);
    const before = process.memoryUsage.rss();
    const start = performance.now();
    try {
      read(copy, random);
      results++;
    } catch (error) {
      if (!(error instanceof DiagnosticError))
        throw new Error(`SCRY_SEED=${seed + run}: ${(error as Error).stack}`, { cause: error });
      diagnostics++;
    }
    milliseconds = Math.max(milliseconds, performance.now() - start);
    grown = Math.max(grown, process.memoryUsage.rss() - before);
  }
  return { results, diagnostics, milliseconds, grown: grown / 2 ** 20 };
}
