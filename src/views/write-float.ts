// Floats as text, digit by digit as the C library's printf writes them: exact, rounded half to even.

import type { FloatConversion, FormatSpec } from "../schema/index.ts";

/** |n| = mantissa · 2^exponent. */
interface Binary {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const words = new DataView(new ArrayBuffer(8));
/** More digits behind the point no double has. */
const MOST_DIGITS = 1074;
/** Longest precision that is obeyed. */
const MOST_PRECISION = 1 << 20;

function binary(n: number): Binary {
  words.setFloat64(0, n);
  const bits = words.getBigUint64(0);
  const field = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  return field === 0
    ? { mantissa: fraction, exponent: -1074 }
    : { mantissa: fraction | (1n << 52n), exponent: field - 1075 };
}

const isNegative = (n: number): boolean => n < 0 || Object.is(n, -0);

/** a / b to the nearest, halves to even. */
function divideToEven(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  const twice = (a % b) * 2n;
  return twice > b || (twice === b && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}

/** |n| · 10^power to the nearest integer. */
function scaled({ mantissa, exponent }: Binary, power: number): bigint {
  const over = (exponent > 0 ? mantissa << BigInt(exponent) : mantissa) * (power > 0 ? 10n ** BigInt(power) : 1n);
  const under = (exponent < 0 ? 1n << BigInt(-exponent) : 1n) * (power < 0 ? 10n ** BigInt(-power) : 1n);
  return under === 1n ? over : divideToEven(over, under);
}

/** `1.50`: so many digits behind the point. */
function fixed(n: number, precision: number, point: boolean): string {
  const digits = Math.min(precision, MOST_DIGITS);
  const text = scaled(binary(n), digits)
    .toString()
    .padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits);
  if (precision === 0) return point ? `${whole}.` : whole;
  return `${whole}.${text.slice(text.length - digits).padEnd(precision, "0")}`;
}

/** The digits of |n|, so many behind the first, and the power of ten of the first. */
function decimal(n: number, precision: number): { readonly digits: string; readonly power: number } {
  if (n === 0) return { digits: "0".repeat(precision + 1), power: 0 };
  const behind = Math.min(precision, MOST_DIGITS);
  const parts = binary(n);
  // The shortest digits may round up to a power of ten that the number itself does not reach.
  const text = Math.abs(n).toExponential();
  let power = Number(text.slice(text.indexOf("e") + 1));
  const { mantissa, exponent } = parts;
  const reaches =
    (exponent > 0 ? mantissa << BigInt(exponent) : mantissa) * (power < 0 ? 10n ** BigInt(-power) : 1n) >=
    (exponent < 0 ? 1n << BigInt(-exponent) : 1n) * (power > 0 ? 10n ** BigInt(power) : 1n);
  if (!reaches) power--;
  let digits = scaled(parts, behind - power).toString();
  if (digits.length > behind + 1) {
    digits = digits.slice(0, -1);
    power++;
  }
  return { digits: digits.padEnd(precision + 1, "0"), power };
}

const pointed = (digits: string, point: boolean): string =>
  digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : point ? `${digits}.` : digits;

const powerText = (power: number): string => `e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;

function exponential(n: number, precision: number, point: boolean): string {
  const { digits, power } = decimal(n, precision);
  return `${pointed(digits, point)}${powerText(power)}`;
}

const withoutZeros = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** `keep`: zeros at the end and the point stay (`#`). */
function general(n: number, precision: number, keep: boolean): string {
  const wanted = Math.max(1, precision);
  const { digits, power } = decimal(n, wanted - 1);
  if (power >= -4 && power < wanted) {
    const text = fixed(n, wanted - 1 - power, keep);
    return keep ? text : withoutZeros(text);
  }
  const text = pointed(digits, keep);
  return `${keep ? text : withoutZeros(text)}${powerText(power)}`;
}

/** Hexadecimal digits of a double's fraction. */
const HEX_DIGITS = 13;

function hexadecimal(n: number, precision: number | undefined, point: boolean): string {
  const { mantissa, exponent } = binary(n);
  const power = mantissa === 0n ? 0 : exponent + 52;
  if (precision === undefined) {
    const fraction = (mantissa & 0xf_ffff_ffff_ffffn).toString(16).padStart(HEX_DIGITS, "0").replace(/0+$/, "");
    return `0x${pointed(`${mantissa >> 52n}${fraction}`, point)}p${power < 0 ? "" : "+"}${power}`;
  }
  const kept = Math.min(precision, HEX_DIGITS);
  const rounded = divideToEven(mantissa, 1n << BigInt((HEX_DIGITS - kept) * 4));
  const digits = rounded.toString(16).padStart(kept + 1, "0");
  return `0x${pointed(digits.padEnd(precision + 1, "0"), point)}p${power < 0 ? "" : "+"}${power}`;
}

function digitsOf(conversion: FloatConversion, n: number, precision: number | undefined, point: boolean): string {
  switch (conversion) {
    case "f":
    case "F":
      return fixed(n, precision ?? 6, point);
    case "e":
    case "E":
      return exponential(n, precision ?? 6, point);
    case "g":
    case "G":
      return general(n, precision ?? 6, point);
    case "a":
    case "A":
      return hexadecimal(n, precision, point);
  }
}

/** A number by a conversion of printf(3); `negative` is the sign of a NaN, which the number does not tell. */
export function floatText(
  spec: Pick<FormatSpec, "flags" | "width" | "precision"> & { readonly conversion: FloatConversion },
  n: number,
  negative: boolean = isNegative(n),
): string {
  const { flags, conversion, width = 0 } = spec;
  const finite = Number.isFinite(n);
  const precision = spec.precision === undefined ? undefined : Math.min(spec.precision, MOST_PRECISION);
  const lower = finite ? digitsOf(conversion, n, precision, flags.includes("#")) : Number.isNaN(n) ? "nan" : "inf";
  const text = conversion < "a" ? lower.toUpperCase() : lower;
  const sign = negative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const missing = Math.min(width, MOST_PRECISION) - sign.length - text.length;
  if (missing <= 0) return sign + text;
  if (flags.includes("-")) return sign + text + " ".repeat(missing);
  if (!flags.includes("0") || !finite) return " ".repeat(missing) + sign + text;
  // Zeros stand behind the sign and the 0x.
  const head = text.startsWith("0x") || text.startsWith("0X") ? 2 : 0;
  return sign + text.slice(0, head) + "0".repeat(missing) + text.slice(head);
}

const PLAIN = { flags: "", conversion: "g" } as const;

/** As `print()` shows it: %g. */
export const plainFloat = (n: number): string => floatText(PLAIN, n);

/** As JSON: the number itself; what no number of JSON is as a string. */
export function jsonFloat(n: number): string {
  if (Number.isFinite(n)) return Object.is(n, -0) ? "-0" : String(n);
  return `"${plainFloat(n)}"`;
}
