// strftime(3) in the C locale and the local time zone, as libc writes it, and bpftrace's `%f` (microseconds).

import type { WallClock } from "../schema/index.ts";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const dayOfYear = (d: Date): number =>
  Math.round((Date.UTC(d.getFullYear(), d.getMonth(), d.getDate()) - Date.UTC(d.getFullYear(), 0, 1)) / 86_400_000);

/** Week of the year by ISO 8601, and the year it belongs to: the week of that year's Thursday. */
function isoWeek(d: Date): { week: number; year: number } {
  const thursday = new Date(Date.UTC(d.getFullYear(), d.getMonth(), d.getDate() + 4 - (d.getDay() || 7)));
  const year = thursday.getUTCFullYear();
  return { week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / 604_800_000) + 1, year };
}

function zoneOffset(d: Date): string {
  const minutes = -d.getTimezoneOffset();
  const all = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${String(Math.floor(all / 60)).padStart(2, "0")}${String(all % 60).padStart(2, "0")}`;
}

function zoneName(d: Date): string {
  const part = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(d)
    .find((p) => p.type === "timeZoneName");
  return part?.value ?? "UTC";
}

/** What a conversion writes: text, or a number with its usual width and padding. */
type Piece = string | readonly [value: number, width: number, pad: "0" | " "];

const CONVERSIONS: Readonly<Record<string, (d: Date, seconds: number) => Piece>> = {
  a: (d) => (DAYS[d.getDay()] as string).slice(0, 3),
  A: (d) => DAYS[d.getDay()] as string,
  b: (d) => (MONTHS[d.getMonth()] as string).slice(0, 3),
  B: (d) => MONTHS[d.getMonth()] as string,
  c: (d, s) => expand("%a %b %e %H:%M:%S %Y", d, s),
  C: (d) => [Math.floor(d.getFullYear() / 100), 2, "0"],
  d: (d) => [d.getDate(), 2, "0"],
  D: (d, s) => expand("%m/%d/%y", d, s),
  e: (d) => [d.getDate(), 2, " "],
  F: (d, s) => expand("%Y-%m-%d", d, s),
  g: (d) => [isoWeek(d).year % 100, 2, "0"],
  G: (d) => [isoWeek(d).year, 1, "0"],
  h: (d) => (MONTHS[d.getMonth()] as string).slice(0, 3),
  H: (d) => [d.getHours(), 2, "0"],
  I: (d) => [d.getHours() % 12 || 12, 2, "0"],
  j: (d) => [dayOfYear(d) + 1, 3, "0"],
  k: (d) => [d.getHours(), 2, " "],
  l: (d) => [d.getHours() % 12 || 12, 2, " "],
  m: (d) => [d.getMonth() + 1, 2, "0"],
  M: (d) => [d.getMinutes(), 2, "0"],
  n: () => "\n",
  p: (d) => (d.getHours() < 12 ? "AM" : "PM"),
  P: (d) => (d.getHours() < 12 ? "am" : "pm"),
  r: (d, s) => expand("%I:%M:%S %p", d, s),
  R: (d, s) => expand("%H:%M", d, s),
  s: (_d, s) => [s, 1, "0"],
  S: (d) => [d.getSeconds(), 2, "0"],
  t: () => "\t",
  T: (d, s) => expand("%H:%M:%S", d, s),
  u: (d) => [d.getDay() || 7, 1, "0"],
  U: (d) => [Math.floor((dayOfYear(d) + 7 - d.getDay()) / 7), 2, "0"],
  V: (d) => [isoWeek(d).week, 2, "0"],
  w: (d) => [d.getDay(), 1, "0"],
  W: (d) => [Math.floor((dayOfYear(d) + 7 - ((d.getDay() + 6) % 7)) / 7), 2, "0"],
  x: (d, s) => expand("%m/%d/%y", d, s),
  X: (d, s) => expand("%H:%M:%S", d, s),
  y: (d) => [d.getFullYear() % 100, 2, "0"],
  Y: (d) => [d.getFullYear(), 1, "0"],
  z: (d) => zoneOffset(d),
  Z: (d) => zoneName(d),
  "%": () => "%",
};

/** Flags and width are GNU's: `%-d`, `%_H`, `%^a`, `%10Y`. What is no conversion stays as written. */
function expand(format: string, d: Date, seconds: number): string {
  return format.replace(
    /%([-_0^#]*)(\d*)([EO]?)([A-Za-z%])/g,
    (written, flags: string, width: string, _alternative, letter: string) => {
      const piece = CONVERSIONS[letter]?.(d, seconds);
      if (piece === undefined) return written;
      let text: string;
      if (typeof piece === "string") text = piece.padStart(Number(width), flags.includes("0") ? "0" : " ");
      else {
        const pad = flags.includes("_") ? " " : flags.includes("0") ? "0" : piece[2];
        text = flags.includes("-")
          ? String(piece[0])
          : String(piece[0]).padStart(width === "" ? piece[1] : Number(width), pad);
      }
      return flags.includes("^") ? text.toUpperCase() : text;
    },
  );
}

/**
 * A time of day by a format of strftime(3), in the local time zone. With `microseconds`, `%f` stands for six digits of
 * them, as in the language's `strftime()`; its `time()` does not know `%f`.
 */
export function formatTime(format: string, clock: WallClock, microseconds = false): string {
  const own = microseconds
    ? format.replace(/%%|%f/g, (m) => (m === "%f" ? String(Math.floor(clock.nanoseconds / 1000)).padStart(6, "0") : m))
    : format;
  return expand(own, new Date(clock.seconds * 1000), clock.seconds);
}

/** The system's clock. */
export function systemClock(): WallClock {
  const now = Date.now();
  return { seconds: Math.floor(now / 1000), nanoseconds: (now % 1000) * 1_000_000 };
}
