// Rates as both kinds of texts write them, as rules have them.

import type { LimitData } from "../rules.ts";

const UNITS: Readonly<Record<string, string>> = {
  s: "s",
  sec: "s",
  second: "s",
  m: "m",
  min: "m",
  minute: "m",
  h: "h",
  hour: "h",
  d: "d",
  day: "d",
};

/** `5/sec`, `10/minute`; undefined: it is none. */
export function rateOf(text: string, burst: number | undefined, per?: string): LimitData | undefined {
  const [, amount, unit] = /^(\d{1,9})\/([a-z]+)$/.exec(text) ?? [];
  const known = unit !== undefined && Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (amount === undefined || known === undefined || Number(amount) === 0) return undefined;
  return {
    rate: `${Number(amount)}/${known}`,
    ...(burst === undefined || burst < 1 ? {} : { burst }),
    ...(per === undefined ? {} : { per }),
  };
}
