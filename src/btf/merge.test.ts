import { describe, expect, it } from "vitest";
import { type Btf, BtfWriter, mergeBtf, openBtf, printC } from "./index.ts";

/** `struct node { struct node *next; VALUE value; }`, in an order of ids of one's own. */
function list(value: "int" | "long", before: number): Btf {
  const writer = new BtfWriter();
  for (let i = 0; i < before; i++) writer.fwd(`before${i}`, "struct");
  const size = value === "int" ? 4 : 8;
  const pointer = writer.nextId;
  writer.ptr(pointer + 1);
  writer.struct("node", 16, [
    { name: "next", type: pointer, bitOffset: 0, bitfieldSize: 0 },
    { name: "value", type: pointer + 2, bitOffset: 64, bitfieldSize: 0 },
  ]);
  writer.int(value, size, { signed: true });
  return writer.btf();
}

const shown = (btf: Btf): string[] =>
  Array.from({ length: btf.count - 1 }, (_, i) => `${btf.kind(i + 1)} ${btf.name(i + 1)}`.trim());

describe("merged types", () => {
  it("stand once where they are equal, in circles too", () => {
    const [one, other] = [list("int", 0), list("int", 2)];
    const { btf, idOf } = mergeBtf([one, other]);
    expect(shown(btf)).toEqual(["ptr", "struct node", "int int", "fwd before0", "fwd before1"]);
    const id = idOf({ input: 1, id: other.find("node") as number });
    expect(id).toBe(idOf({ input: 0, id: one.find("node") as number }));
    expect(printC(btf, id)).toBe(printC(one, one.find("node") as number));
  });

  it("are kept apart where anything that they lead to differs", () => {
    const { btf } = mergeBtf([list("int", 0), list("long", 0)]);
    expect(shown(btf)).toEqual(["ptr", "struct node", "int int", "ptr", "struct node", "int long"]);
  });

  it("may stand for one another; variables and functions are each their own; sections are left out", () => {
    const file = (linkage: "global" | "extern" | "static"): Btf => {
      const writer = new BtfWriter();
      const int = writer.int("int", 4, { signed: true });
      writer.datasec(".data", 4, [{ type: writer.var("count", int, linkage), offset: 0, size: 4 }]);
      return writer.btf();
    };
    const inputs = [file("global"), file("extern"), file("static")];
    const { btf, idOf } = mergeBtf(inputs, {
      standsFor: ({ input, id }) => (input === 1 && id === 2 ? { input: 0, id: 2 } : undefined),
    });
    expect(shown(btf)).toEqual(["int int", "var count", "var count"]);
    expect([0, 1, 2].map((input) => idOf({ input, id: 2 }))).toEqual([2, 2, 3]);
    expect(() => idOf({ input: 0, id: 3 })).toThrow("is a section");
  });

  it("that refer to nothing are refused", () => {
    const writer = new BtfWriter();
    writer.ptr(7);
    expect(() => mergeBtf([openBtf(writer.encode())])).toThrow("type 1 refers to type 7, which there is not");
  });
});
