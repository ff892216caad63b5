import { describe, expect, it } from "vitest";
import { BtfWriter, openBtf, printTypeScript, valueCodec } from "./index.ts";

/** Numbers, a bit field, text, nested and anonymous members, an enum. */
function sample() {
  const w = new BtfWriter();
  const s32 = w.int("int", 4, { signed: true });
  const u8 = w.int("unsigned char", 1);
  const s16 = w.int("short", 2, { signed: true });
  const char = w.int("char", 1, { signed: true, char: true });
  const u64 = w.int("unsigned long long", 8);
  const u128 = w.int("unsigned __int128", 16);
  const bool = w.int("_Bool", 1, { bool: true });
  const double = w.float("double", 8);
  const kind = w.enum("kind", 4, [
    { name: "QUIET", value: 1n },
    { name: "LOUD", value: 7n },
    { name: "ALSO_LOUD", value: 7n },
  ]);
  const pair = w.struct("pair", 8, [
    { name: "a", type: s32, bitOffset: 0, bitfieldSize: 0 },
    { name: "b", type: s16, bitOffset: 32, bitfieldSize: 0 },
  ]);
  const either = w.union("", 8, [
    { name: "raw", type: u64, bitOffset: 0, bitfieldSize: 0 },
    { name: "low", type: s32, bitOffset: 0, bitfieldSize: 0 },
  ]);
  const all = w.struct("all", 96, [
    { name: "kind", type: kind, bitOffset: 0, bitfieldSize: 0 },
    { name: "small", type: s32, bitOffset: 33, bitfieldSize: 3 },
    { name: "wide", type: u64, bitOffset: 36, bitfieldSize: 28 },
    { name: "text", type: w.array(char, 8, s32), bitOffset: 64, bitfieldSize: 0 },
    { name: "pair", type: pair, bitOffset: 128, bitfieldSize: 0 },
    { name: "", type: either, bitOffset: 192, bitfieldSize: 0 },
    { name: "ok", type: bool, bitOffset: 256, bitfieldSize: 0 },
    { name: "bytes", type: w.array(u8, 3, s32), bitOffset: 264, bitfieldSize: 0 },
    { name: "weight", type: double, bitOffset: 320, bitfieldSize: 0 },
    { name: "next", type: w.ptr(pair), bitOffset: 384, bitfieldSize: 0 },
    { name: "huge", type: u128, bitOffset: 512, bitfieldSize: 0 },
    { name: "pairs", type: w.array(pair, 2, s32), bitOffset: 640, bitfieldSize: 0 },
  ]);
  const tail = w.struct("tail", 4, [
    { name: "n", type: s32, bitOffset: 0, bitfieldSize: 0 },
    { name: "rest", type: w.array(s16, 0, s32), bitOffset: 32, bitfieldSize: 0 },
  ]);
  return { btf: openBtf(w.encode()), all, tail, pair };
}

describe("values by their types", () => {
  const { btf, all, tail, pair } = sample();
  const codec = valueCodec(btf, all);
  const value = {
    kind: "LOUD",
    small: -4,
    wide: 5,
    text: "grüße",
    pair: { a: -1, b: -2 },
    raw: 2n ** 63n,
    low: 0,
    ok: true,
    bytes: [1, 2, 255],
    weight: 1.5,
    next: 2n ** 64n - 1n,
    huge: 2n ** 127n,
    pairs: [
      { a: 3, b: 4 },
      { a: 5, b: 6 },
    ],
  };

  it("come back as they were written", () => {
    const bytes = new Uint8Array(codec.size + 3);
    const view = new DataView(bytes.buffer);
    const { low: _, ...given } = value;
    codec.encode(view, 3, given);
    expect(codec.decode(view, 3)).toEqual(value);
    // What is not said stays as it is.
    codec.encode(view, 3, { pair: { a: 9 }, small: 3 });
    expect(codec.decode(view, 3)).toEqual({ ...value, small: 3, pair: { a: 9, b: -2 } });
    codec.encode(view, 3, { kind: 99, text: Uint8Array.of(65) });
    expect(codec.decode(view, 3)).toMatchObject({ kind: 99, text: "A" });
  });

  it("arrays without a length go on to the end of the bytes", () => {
    const view = new DataView(Uint8Array.of(2, 0, 0, 0, 1, 0, 2, 0, 3, 0).buffer);
    expect(valueCodec(btf, tail).decode(view, 0)).toEqual({ n: 2, rest: [1, 2, 3] });
    expect(valueCodec(btf, tail).decode(view, 0, 8)).toEqual({ n: 2, rest: [1, 2] });
  });

  it.each([
    [{ small: 8 }, "small is a number of 3 bits, not 8"],
    [{ pair: { b: 65536 } }, "pair.b is a number of 16 bits, not 65536"],
    [{ pair: 5 }, "pair is a struct pair, not 5"],
    [{ pair: { c: 5 } }, "pair: struct pair has no member c"],
    [{ kind: "SILENT" }, "kind is a name of enum kind (QUIET, LOUD, ALSO_LOUD), not SILENT"],
    [{ text: "nine bytes" }, "text is text of at most 8 bytes, not one of 10"],
    [{ raw: 1.5 }, "raw is a whole number, not 1.5"],
    [{ pairs: [{}, {}, {}] }, "pairs.length is at most 2, not 3"],
    [{ pairs: [{ a: "x" }] }, "pairs[0].a is a whole number, not x"],
    [{ weight: "heavy" }, "weight is a number, not heavy"],
    [7, "the value is a struct all, not 7"],
  ])("%j is refused by its name", (given, message) => {
    expect(() => codec.encode(new DataView(new ArrayBuffer(codec.size)), 0, given)).toThrow(new RangeError(message));
  });

  it("an enum of some bits is a number, and may be given by its name", () => {
    const w = new BtfWriter();
    const kind = w.enum("kind", 4, [{ name: "LOUD", value: 7n }]);
    const few = w.struct("few", 4, [{ name: "kind", type: kind, bitOffset: 4, bitfieldSize: 8 }]);
    const codec = valueCodec(openBtf(w.encode()), few);
    const view = new DataView(new ArrayBuffer(4));
    codec.encode(view, 0, { kind: "LOUD" });
    expect([view.getUint32(0, true), codec.decode(view, 0)]).toEqual([0x70, { kind: 7 }]);
    expect(() => codec.encode(view, 0, { kind: "SILENT" })).toThrow("kind is a whole number, not SILENT");
  });

  it("types say what the decoder gives", () => {
    const text = printTypeScript(btf, all);
    expect(text).toContain('export type kind = "QUIET" | "LOUD" | "ALSO_LOUD" | number;');
    expect(text).toContain("readonly raw: bigint;\n  readonly low: number;");
    expect(text).toContain("readonly pairs: readonly pair[];");
  });

  it("types that are made of themselves, or have no values, are refused", () => {
    const w = new BtfWriter();
    const s32 = w.int("int", 4, { signed: true });
    const self = w.struct("self", 8, [{ name: "again", type: w.nextId, bitOffset: 0, bitfieldSize: 0 }]);
    const proto = w.funcProto(s32, []);
    const broken = openBtf(w.encode());
    expect(() => valueCodec(broken, self)).toThrow("is made of itself");
    expect(() => valueCodec(broken, proto)).toThrow("has no values");
    expect(() => valueCodec(broken, 0)).toThrow("has no values");
    expect(valueCodec(btf, pair).size).toBe(8);
  });
});

describe("values that are read often", () => {
  const w = new BtfWriter();
  const u32 = w.int("unsigned int", 4);
  const u64 = w.int("long unsigned int", 8);
  const member = (name: string, type: number, at: number, bitfieldSize = 0) => ({
    name,
    type,
    bitOffset: at * 8,
    bitfieldSize,
  });
  const inner = w.struct("inner", 8, [member("low", u32, 0), member("high", u32, 4)]);
  const struct = w.struct("read", 64, [
    member("__proto__", u32, 0),
    member("bits", u32, 4, 3),
    member("text", w.array(w.int("char", 1, { char: true, signed: true }), 16, u32), 8),
    member("wide", u64, 24),
    member("exact", w.typedef("u64_as_number", u64), 32),
    member("signed", w.typedef("i64_as_number", w.int("long int", 8, { signed: true })), 40),
    member("ok", w.int("_Bool", 1, { bool: true }), 48),
    member("inner", inner, 56),
  ]);
  const codec = valueCodec(w.btf(), struct);

  it("are the same as those that are read once", () => {
    const view = new DataView(new ArrayBuffer(64));
    for (let i = 0; i < 2000; i++) {
      const value = {
        ["__proto__"]: i,
        bits: i & 7,
        // More than are kept, the longest without an end.
        text: i % 7 === 0 ? "sixteen letters!" : i % 5 === 0 ? "" : i % 11 === 0 ? `ü${i}` : `t${i % 200}`,
        wide: BigInt(i) << 40n,
        exact: i * 2 ** 40,
        signed: 1 - i,
        ok: i % 2 === 1,
        inner: { low: i, high: i + 1 },
      };
      codec.encode(view, 0, value);
      expect(codec.decode(view, 0)).toEqual(value);
    }
  });

  it("say that a number is not exact", () => {
    const view = new DataView(new ArrayBuffer(64));
    codec.encode(view, 0, { exact: 2n ** 53n });
    expect(() => codec.decode(view, 0)).toThrow(RangeError);
    codec.encode(view, 0, { exact: 2 ** 53 - 1, signed: -(2 ** 53 - 1) });
    expect(codec.decode(view, 0)).toMatchObject({ exact: 2 ** 53 - 1, signed: -(2 ** 53 - 1) });
  });
});
