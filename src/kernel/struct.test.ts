import { describe, expect, it } from "vitest";
import { offsetOf, placesOf, Struct, sizeOf } from "./struct.ts";

const layout = {
  small: "u8",
  "first|second": "u32",
  name: "char[5]",
  union: { number: "u16", inner: { address: "ptr", list: "ptr" } },
  last: "s32",
} as const;

/** Addresses count up, and can be followed. */
function memory() {
  const buffers = new Map<bigint, Uint8Array>();
  return {
    buffers,
    addressOf(buffer: Uint8Array): bigint {
      for (const [address, known] of buffers) if (known === buffer) return address;
      const address = BigInt(0x1000 * (buffers.size + 1));
      buffers.set(address, buffer);
      return address;
    },
  };
}

describe("a layout", () => {
  it("has its fields where C has them", () => {
    const places = [...placesOf(layout).places].map(([name, { offset, size }]) => `${name}@${offset}:${size}`);
    expect(places).toEqual([
      "small@0:1",
      "first@4:4",
      "second@4:4",
      "name@8:5",
      "number@16:2",
      "inner@16:16",
      "last@32:4",
    ]);
    expect(sizeOf(layout)).toBe(40);
    expect(offsetOf(layout, "second")).toBe(4);
  });

  it("knows no other fields", () => expect(() => offsetOf(layout, "none" as never)).toThrow('no field "none"'));
});

describe("a struct", () => {
  it("is written and read by names", () => {
    const struct = new Struct(memory(), layout, { small: 1, second: 2, name: "abc", last: -1 });
    expect([struct.get("small"), struct.get("first"), struct.get("last")]).toEqual([1, 2, -1]);
    expect(Buffer.from(struct.getBytes("name")).toString()).toBe("abc\0\0");
    expect(struct.put("first", 7).get("second")).toBe(7);
    expect(struct.set({ small: undefined }).get("small")).toBe(1);
    expect(new Struct(memory(), layout).fill(struct.bytes).get("last")).toBe(-1);
  });

  it("points to buffers, texts and lists of texts", () => {
    const { buffers, addressOf } = memory();
    const struct = new Struct({ addressOf }, layout, { inner: { address: "abc", list: ["d", "ef"] } });
    const view = new DataView(struct.bytes.buffer);
    const text = (address: bigint): string => Buffer.from(buffers.get(address) as Uint8Array).toString();
    expect(text(view.getBigUint64(16, true))).toBe("abc\0");
    const list = new BigUint64Array((buffers.get(view.getBigUint64(24, true)) as Uint8Array).buffer);
    expect(text(list[0] as bigint)).toBe("d\0ef\0");
    expect((list[1] as bigint) - (list[0] as bigint)).toBe(2n);
  });

  it("takes no text that is too long for its field", () =>
    expect(() => new Struct(memory(), layout, { name: "abcdef" })).toThrow("6 bytes for a field of 5"));
});
