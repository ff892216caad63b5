import { describe, expect, it } from "vitest";
import { BtfWriter, openBtf, plainTypes } from "./index.ts";

describe("types for older kernels", () => {
  it("say less of what these do not know, at the same ids and sizes", () => {
    const writer = new BtfWriter();
    const int = writer.int("int", 4, { signed: true });
    const float = writer.float("double", 8);
    const tagged = writer.ptr(writer.typeTag("kptr", int));
    const wide = writer.enum64("wide", 8, [{ name: "HUGE", value: 1n << 40n }]);
    const signed = writer.enum("signed", 4, [{ name: "LESS", value: -1n }], true);
    const struct = writer.struct("all", 32, [
      { name: "f", type: float, bitOffset: 0, bitfieldSize: 0 },
      { name: "p", type: tagged, bitOffset: 64, bitfieldSize: 0 },
      { name: "w", type: wide, bitOffset: 128, bitfieldSize: 0 },
      { name: "s", type: signed, bitOffset: 192, bitfieldSize: 0 },
    ]);
    writer.declTag("some tag", struct, 1);
    const bytes = writer.encode();
    const plain = openBtf(plainTypes(bytes) as Uint8Array);
    expect(Array.from({ length: plain.count - 1 }, (_, i) => plain.kind(i + 1))).toEqual([
      "int",
      "struct",
      "const",
      "ptr",
      "union",
      "enum",
      "struct",
      "int",
    ]);
    expect(plain.members(struct)).toEqual(openBtf(bytes).members(struct));
    expect([float, wide, signed, struct].map((id) => plain.sizeof(id))).toEqual([8, 8, 4, 32]);
    expect(plain.type(signed)).toMatchObject({ signed: false, values: [{ name: "LESS", value: 0xffff_ffffn }] });
  });

  it("are as they were where all is known", () => {
    const writer = new BtfWriter();
    writer.int("int", 4);
    expect(plainTypes(writer.encode())).toBeUndefined();
  });
});
