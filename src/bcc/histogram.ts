// Histograms as BCC prints them: a row for each power of two, or for each number, with its bar of stars.

const STARS = 40;

function stars(count: number, most: number, width: number): string {
  const text = "*".repeat(Math.min(width, Math.floor((count * width) / Math.max(1, most))));
  return count > most ? `${text.slice(0, -1)}+` : text.padEnd(width);
}

export interface HistogramOptions {
  /** What the values are: `usecs`. */
  readonly label?: string;
  /** Rows before the first one that is not empty are left out. */
  readonly stripLeadingZero?: boolean;
}

/** Slots by powers of two: slot n counts values from 2^(n-1) to 2^n - 1. Empty text where nothing was counted. */
export function log2Text(slots: ReadonlyMap<number, number>, options: HistogramOptions = {}): string {
  const last = Math.max(-1, ...[...slots].flatMap(([slot, count]) => (count > 0 ? [slot] : [])));
  if (last < 0) return "";
  const most = Math.max(...slots.values());
  const narrow = last <= 32;
  const [digits, width] = narrow ? [10, STARS] : [20, STARS / 2];
  const indent = narrow ? 5 : 15;
  const { label = "value", stripLeadingZero = false } = options;
  let text = `${" ".repeat(indent)}${label.padEnd(narrow ? 19 : 29)} : count     distribution\n`;
  let begun = !stripLeadingZero;
  for (let i = 1; i <= last; i++) {
    const count = slots.get(i) ?? 0;
    begun ||= count > 0;
    if (!begun) continue;
    const high = 2n ** BigInt(i) - 1n;
    const start = 2n ** BigInt(i) / 2n;
    const low = start === high ? start - 1n : start;
    text += `${String(low).padStart(digits)} -> ${String(high).padEnd(digits)} : ${String(count).padEnd(8)} |${stars(count, most, width)}|\n`;
  }
  return text;
}

/** A row for each number from zero to the greatest that was counted. */
export function linearText(slots: ReadonlyMap<number, number>, options: HistogramOptions = {}): string {
  const used = [...slots].flatMap(([slot, count]) => (count > 0 ? [slot] : []));
  if (used.length === 0) return "";
  const last = Math.max(...used);
  const most = Math.max(...slots.values());
  const { label = "value", stripLeadingZero = false } = options;
  let text = `     ${label.padEnd(13)} : count     distribution\n`;
  for (let i = stripLeadingZero ? Math.min(...used) : 0; i <= last; i++) {
    const count = slots.get(i) ?? 0;
    text += `        ${String(i).padEnd(10)} : ${String(count).padEnd(8)} |${stars(count, most, STARS)}|\n`;
  }
  return text;
}
