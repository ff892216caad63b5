import { describe, expect, it } from "vitest";
import { BtfWriter } from "../btf/index.ts";
import { assemble } from "../isa/index.ts";
import type { SourceText } from "../source/index.ts";
import { type BpfObject, isPacked, packObject, unpackObject } from "./index.ts";

const types = new BtfWriter();
types.string("a line of the source, which no type has");
types.struct("event", 4, [{ name: "pid", type: types.int("int", 4), bitOffset: 0, bitfieldSize: 0 }]);
const header: SourceText = { name: "own.h", text: "inline int f(void);\n" };
const twice = { name: "twice", parameters: 1, type: 2, code: assemble("r0 = r1\nr0 += r1\nexit") };

const object: BpfObject = {
  license: "GPL",
  types: types.btf(),
  source: { name: "own.c", text: "int a;\nint b;\n" },
  maps: [
    { name: "arena", type: "arena", keySize: 0, valueSize: 0, maxEntries: 4, extra: 1n << 44n },
    { name: ".data", type: "array", keySize: 4, valueSize: 4, maxEntries: 1, initial: Buffer.of(1, 2, 3, 4) },
  ],
  settings: [{ name: "CONFIG_HZ", offset: 0, size: 4, form: "unsigned", weak: true }],
  structOps: [
    { name: "own", struct: "tcp_congestion_ops", link: true, members: [{ name: "name", value: Uint8Array.of(65, 0) }] },
  ],
  programs: ["one", "two"].map((name) => ({
    name,
    type: "xdp" as const,
    attach: [],
    section: "xdp",
    functions: [
      {
        name,
        parameters: 1,
        code: assemble("r1 = 7\nr2 = 0x1122334455667788 ll\nr3 = 1\nr0 = 0\nexit").map((instruction, i) => {
          if (i === 0) return { ...instruction, span: { start: 0, end: 6 } };
          if (i === 1) {
            const ref = { kind: "map-value", map: ".data", offset: 2 } as const;
            return { ...instruction, ref, span: { start: 0, end: 6 } };
          }
          if (i === 2) return { ...instruction, span: { start: 7, end: 300, file: header } };
          return instruction;
        }),
      },
      twice,
    ],
  })),
};

describe("a packed object", () => {
  it("is again what it was", () => {
    const bytes = packObject(object);
    expect(isPacked(bytes)).toBe(true);
    const { types: own, ...back } = unpackObject(bytes);
    const { types: _, ...rest } = object;
    expect(back).toEqual({ ...rest, maps: [rest.maps[0], { ...rest.maps[1], initial: Uint8Array.of(1, 2, 3, 4) }] });
    expect(own?.type(own.find("event") ?? 0)).toEqual(object.types?.type(2));
    expect(new TextDecoder().decode(own?.bytes)).not.toContain("a line of the source");
  });

  it("has a function once that several programs have", () => {
    const [one, two] = unpackObject(packObject(object)).programs;
    expect(one?.functions[1]).toBe(two?.functions[1]);
  });

  it("may lie anywhere in a Buffer", () => {
    const bytes = Buffer.concat([Buffer.of(0), packObject(object)]).subarray(1);
    expect(unpackObject(bytes).maps[1]?.initial).toEqual(Uint8Array.of(1, 2, 3, 4));
  });

  it("is refused where a byte is not what it was", () => {
    const bytes = packObject(object);
    bytes[bytes.length - 9] = (bytes[bytes.length - 9] as number) ^ 1;
    expect(() => unpackObject(bytes)).toThrow("packed object: damaged, at offset 0x8: the checksum is wrong");
    expect(() => unpackObject(bytes.subarray(0, 14))).toThrow("packed object: damaged");
  });
});
