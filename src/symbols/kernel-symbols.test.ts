import { describe, expect, it } from "vitest";
import { KernelSymbols } from "./index.ts";

const text = `0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 t alias
ffffffff81000100 t local
ffffffff81000180 D data
ffffffff81000200 W weak
ffffffffc0000000 t in_module\t[some_module]
ffffffffa0000000 t out_of_order\t[bpf]
`;

describe("kallsyms", () => {
  const symbols = new KernelSymbols(Buffer.from(text));
  it("knows functions only", () =>
    expect([...symbols.functions()]).toEqual(["_stext", "alias", "local", "weak", "out_of_order", "in_module"]));
  for (const [address, wanted] of [
    [0xffffffff80ffffffn, undefined],
    [0xffffffff81000000n, { name: "_stext", offset: 0 }],
    [0xffffffff810000ffn, { name: "_stext", offset: 255 }],
    [0xffffffff81000190n, { name: "local", offset: 0x90 }],
    [0xffffffffc0000010n, { name: "in_module", offset: 16, module: "some_module" }],
    [0xffffffffa0000001n, { name: "out_of_order", offset: 1, module: "bpf" }],
    [-1n, { name: "in_module", offset: 0x3fffffff, module: "some_module" }],
    [0x400000n, undefined],
  ] as const) {
    it(`0x${BigInt.asUintN(64, address).toString(16)}`, () => expect(symbols.lookup(address)).toEqual(wanted));
  }
  it("finds addresses by name, of data and modules too", () => {
    expect(symbols.address("data")).toBe(0xffffffff81000180n);
    expect(symbols.address("in_module")).toBe(0xffffffffc0000000n);
    expect(symbols.address("stext")).toBeUndefined();
  });
  it("has none where they are hidden", () => {
    const hidden = new KernelSymbols(Buffer.from(text.replace(/^[0-9a-f]{16}/gm, "0".repeat(16))));
    expect(hidden.count).toBe(0);
    expect(hidden.lookup(0xffffffff81000000n)).toBeUndefined();
    expect(hidden.address("data")).toBeUndefined();
  });
  it("has none in an empty file", () => expect(new KernelSymbols(Buffer.alloc(0)).count).toBe(0));
});
