// Floats as integers: eBPF has no floating point, so the number is worked out from the bits of its form (IEEE 754).

import type { Value } from "../compiler/index.ts";
import type { FloatType, IntType } from "../schema/index.ts";
import { either } from "./choice.ts";
import type { ProgramState } from "./state.ts";

/** Bits of the fraction, of the exponent, and what the exponent counts from. */
const FORMS = { 32: { fraction: 23, exponent: 8, bias: 127 }, 64: { fraction: 52, exponent: 11, bias: 1023 } } as const;

/** The bits but for the sign: 0 only of zeros. */
export function floatMagnitude(p: ProgramState, bits: Value, type: FloatType): Value {
  return p.b.binary("shr", p.b.binary("shl", bits, 65 - type.bits), 65 - type.bits);
}

/** The number without its fraction: beyond the range of `to` its nearest end, and 0 for what is no number. */
export function truncateFloat(p: ProgramState, bits: Value, from: FloatType, to: IntType): Value {
  const b = p.b;
  const form = FORMS[from.bits];
  const magnitude = floatMagnitude(p, bits, from);
  const exponent = b.binary("shr", magnitude, form.fraction);
  const one = 1n << BigInt(form.fraction);
  const mantissa = (): Value => b.binary("or", b.and(magnitude, b.const(one - 1n)), b.const(one));
  const infinity = ((1n << BigInt(form.exponent)) - 1n) << BigInt(form.fraction);
  const choose = (
    condition: "ult" | "ugt" | "uge",
    left: Value,
    right: Value | number | bigint,
    then: () => Value,
    otherwise: () => Value,
  ): Value => either(p, (yes, no) => b.branch(condition, left, right, yes, no), then, otherwise);
  // Without a sign, in 64 bits.
  const point = form.bias + form.fraction;
  const size = choose(
    "ult",
    exponent,
    form.bias,
    () => b.const(0),
    () =>
      choose(
        "ugt",
        magnitude,
        b.const(infinity),
        () => b.const(0),
        () =>
          choose(
            "uge",
            exponent,
            form.bias + 64,
            () => b.const(-1n),
            () =>
              choose(
                "uge",
                exponent,
                point,
                () => b.binary("shl", mantissa(), b.binary("sub", exponent, b.const(point))),
                () => b.binary("shr", mantissa(), b.binary("sub", b.const(point), exponent)),
              ),
          ),
      ),
  );
  const atMost = (most: bigint): Value =>
    choose(
      "ugt",
      size,
      b.const(most),
      () => b.const(most),
      () => size,
    );
  const width = BigInt(to.bits);
  const negative = b.binary("shr", b.binary("shl", bits, 64 - from.bits), 63);
  return either(
    p,
    (yes, no) => b.branch("ne", negative, 0, yes, no),
    () => (to.signed ? b.neg(atMost(1n << (width - 1n))) : b.const(0)),
    () => atMost(to.signed ? (1n << (width - 1n)) - 1n : (1n << width) - 1n),
  );
}

/** The bits of a float as those of the double of the same value, which there always is. */
export function widenFloat(p: ProgramState, bits: Value): Value {
  const b = p.b;
  const magnitude = floatMagnitude(p, bits, { kind: "float", bits: 32 });
  const sign = b.binary("shl", b.binary("shr", b.binary("shl", bits, 32), 63), 63);
  // Fraction and exponent keep their order: the exponent begins 29 bits higher, and counts from another start.
  const moved = b.binary("shl", magnitude, 29);
  const counted = (start: number): Value => b.add(moved, b.const(BigInt(start) << 52n));
  const wide = either(
    p,
    (yes, no) => b.branch("uge", magnitude, 1 << 23, yes, no),
    () =>
      either(
        p,
        (yes, no) => b.branch("uge", magnitude, 0xff << 23, yes, no),
        () => counted(0x7ff - 0xff),
        () => counted(1023 - 127),
      ),
    () =>
      either(
        p,
        (yes, no) => b.branch("ne", magnitude, 0, yes, no),
        () => normalised(p, magnitude),
        () => b.const(0),
      ),
  );
  return b.binary("or", sign, wide);
}

/** A float's fraction that has no leading one (it counts steps of 2^-149) as a double's exponent and fraction. */
function normalised(p: ProgramState, fraction: Value): Value {
  const b = p.b;
  let shifted = fraction;
  let exponent: Value = b.const(1023 - 126);
  // Up until the highest bit is the 24th.
  for (const step of [16, 8, 4, 2, 1]) {
    const before = shifted;
    const small = 2 ** (24 - step);
    shifted = either(
      p,
      (yes, no) => b.branch("ult", before, small, yes, no),
      () => b.binary("shl", before, step),
      () => before,
    );
    const counted = exponent;
    exponent = either(
      p,
      (yes, no) => b.branch("ult", before, small, yes, no),
      () => b.binary("sub", counted, step),
      () => counted,
    );
  }
  return b.binary("or", b.binary("shl", exponent, 52), b.binary("shl", b.and(shifted, 0x7fffff), 29));
}
