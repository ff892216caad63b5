// tseries as rows, one for each interval: the time, and a mark where the value lies between the least and the greatest.

import type { Integer, TimeSeriesValue, Type, WallClock } from "../schema/index.ts";

/** Characters between the borders. */
const WIDTH = 51;

type TimeSeries = Type & { readonly kind: "tseries" };

/** How exactly times are written: digits of the second's fraction, and what they are called. */
function precision(interval: number, rows: number): { readonly digits: number; readonly unit: string } {
  if (rows > 1) {
    if (interval >= 1_000_000_000) return { digits: 0, unit: "" };
    if (interval >= 1_000_000) return { digits: 3, unit: ".ms" };
    if (interval >= 1_000) return { digits: 6, unit: ".μs" };
  }
  return { digits: 9, unit: ".ns" };
}

const two = (n: number): string => String(n).padStart(2, "0");

function clockText({ seconds, nanoseconds }: WallClock, digits: number): string {
  const d = new Date(seconds * 1000);
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return digits === 0 ? time : `${time}.${String(nanoseconds).padStart(9, "0").slice(0, digits)}`;
}

/** The last interval that a map's series have, at which all of them end. */
export const lastEpoch = (values: readonly TimeSeriesValue[]): number =>
  values.reduce((last, v) => Math.max(last, v.points.at(-1)?.epoch ?? 0), 0);

/** The points within the intervals that are kept, up to the last of the whole map. */
export const pointsWithin = (type: TimeSeries, value: TimeSeriesValue, last: number): TimeSeriesValue["points"] =>
  value.points.filter((p) => p.epoch > last - type.count);

export function timeSeriesText(type: TimeSeries, value: TimeSeriesValue, last: number): string {
  const points = pointsWithin(type, value, last);
  const [first] = points;
  if (first === undefined) return "<no data>";
  const values = points.map((p) => BigInt(p.value));
  let least = values.reduce((a, b) => (b < a ? b : a));
  let most = values.reduce((a, b) => (b > a ? b : a));
  if (least === most) {
    least -= 1n;
    most += 1n;
  }
  const rows = last - first.epoch + 1;
  const { digits, unit } = precision(type.interval, rows);
  const left = digits === 0 ? 9 : 10 + digits;
  const head = `hh:mm:ss${unit}`;
  // Widths count bytes.
  const bounds = `${" ".repeat(left)}${least}${String(most).padStart(WIDTH + 2 - String(least).length)}\n`;
  const border = (side: string): string => `${side}${"_".repeat(WIDTH)}${side}`;
  const place = (n: Integer | bigint): number => Number(((BigInt(n) - least) * BigInt(WIDTH + 1)) / (most - least));
  const zero = least < 0n && most > 0n ? place(0n) : -1;
  const at = new Map(points.map((p) => [p.epoch, p.value]));
  let text = `${bounds}${head}${" ".repeat(Math.max(0, left - new TextEncoder().encode(head).length))}${border("|")}\n`;
  for (let epoch = first.epoch; epoch <= last; epoch++) {
    const cells: string[] = ["|", ...new Array<string>(WIDTH).fill(" "), "|"];
    if (zero >= 0) cells[zero] = ".";
    const v = at.get(epoch);
    if (v !== undefined) cells[place(v)] = "*";
    text += `${clockText(value.timeOf(epoch), digits).padEnd(left)}${cells.join("")} ${v ?? "-"}\n`;
  }
  return `${text}${" ".repeat(left)}${border("v")}\n${bounds}`;
}

const date = ({ seconds, nanoseconds }: WallClock): string => {
  const d = new Date(seconds * 1000);
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  return `${day} ${clockText({ seconds, nanoseconds }, 9)}`;
};

export function timeSeriesJson(type: TimeSeries, value: TimeSeriesValue, last: number): string {
  const points = pointsWithin(type, value, last).map(
    (p) => `{"interval_start":"${date(value.timeOf(p.epoch))}","value":${p.value}}`,
  );
  return `[${points.join(",")}]`;
}
