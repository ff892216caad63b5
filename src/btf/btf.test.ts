// Writing types and reading them back; names, sizes, fields; what broken bytes are told.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../source/index.ts";
import { BtfWriter, encodeFunctionInfo, encodeLineInfo, openBtf, printC, printTypeScript, typeNameC } from "./index.ts";

/** One of everything. */
function sample() {
  const w = new BtfWriter();
  const int = w.int("int", 4, { signed: true });
  const char = w.int("char", 1, { signed: true, char: true });
  const u64 = w.int("unsigned long", 8);
  const bool = w.int("_Bool", 1, { bool: true });
  const double = w.float("double", 8);
  const name = w.array(char, 16, int);
  const inner = w.union("", 8, [
    { name: "raw", type: u64, bitOffset: 0, bitfieldSize: 0 },
    { name: "half", type: int, bitOffset: 32, bitfieldSize: 0 },
  ]);
  const more = w.array(w.ptr(w.const(char)), 1, int);
  const node = w.nextId + 1;
  const next = w.ptr(node);
  w.struct("node", 56, [
    { name: "next", type: next, bitOffset: 0, bitfieldSize: 0 },
    { name: "comm", type: name, bitOffset: 64, bitfieldSize: 0 },
    { name: "", type: inner, bitOffset: 192, bitfieldSize: 0 },
    { name: "flag", type: int, bitOffset: 256, bitfieldSize: 3 },
    { name: "rest", type: int, bitOffset: 259, bitfieldSize: 29 },
    { name: "ok", type: bool, bitOffset: 288, bitfieldSize: 0 },
    { name: "weight", type: double, bitOffset: 320, bitfieldSize: 0 },
    { name: "more", type: more, bitOffset: 384, bitfieldSize: 0 },
  ]);
  const color = w.enum(
    "color",
    4,
    [
      { name: "RED", value: -1n },
      { name: "BLUE", value: 5n },
    ],
    true,
  );
  const big = w.enum64("big", 8, [{ name: "HUGE", value: 0xffffffffffffffffn }]);
  const alias = w.typedef("node_t", w.volatile(node));
  const proto = w.funcProto(
    int,
    [
      { name: "n", type: next },
      { name: "format", type: w.ptr(w.const(char)) },
    ],
    true,
  );
  const callback = w.typedef("callback_t", w.ptr(proto));
  const func = w.func("walk", proto, "global");
  const fwd = w.fwd("hidden", "union");
  const tagged = w.ptr(w.typeTag("user", w.restrict(int)));
  const variable = w.var("counter", u64);
  const datasec = w.datasec(".data", 8, [{ type: variable, offset: 0, size: 8 }]);
  const tag = w.declTag("important", node, 2);
  return {
    btf: w.btf(),
    int,
    node,
    color,
    big,
    alias,
    callback,
    func,
    fwd,
    tagged,
    variable,
    datasec,
    tag,
    u64,
    next,
    proto,
  };
}

describe("what was written", () => {
  const s = sample();
  const { btf } = s;
  it("reads back", () => {
    expect(btf.type(s.int)).toEqual({
      kind: "int",
      id: s.int,
      name: "int",
      size: 4,
      bits: 32,
      bitOffset: 0,
      signed: true,
      char: false,
      bool: false,
    });
    expect(btf.type(s.color)).toMatchObject({
      kind: "enum",
      signed: true,
      values: [
        { name: "RED", value: -1n },
        { name: "BLUE", value: 5n },
      ],
    });
    expect(btf.type(s.big)).toMatchObject({ kind: "enum64", values: [{ name: "HUGE", value: 0xffffffffffffffffn }] });
    expect(btf.type(s.func)).toMatchObject({ kind: "func", name: "walk", linkage: "global", type: s.proto });
    expect(btf.type(s.proto)).toMatchObject({
      variadic: true,
      params: [{ name: "n", type: s.next }, { name: "format" }],
    });
    expect(btf.type(s.fwd)).toMatchObject({ kind: "fwd", union: true });
    expect(btf.type(s.tag)).toMatchObject({ kind: "decl_tag", name: "important", type: s.node, component: 2 });
    expect(btf.type(s.datasec)).toMatchObject({ variables: [{ type: s.variable, offset: 0, size: 8 }] });
    expect(btf.type(0).kind).toBe("void");
    expect(btf.count).toBe(s.tag + 1);
  });
  it("is found by name and kind", () => {
    expect(btf.find("node")).toBe(s.node);
    expect(btf.find("node", ["union", "enum"])).toBeUndefined();
    expect(btf.find("nothing")).toBeUndefined();
    expect(btf.find("")).toBeUndefined();
    expect(btf.findAll("*o*", ["struct", "typedef"]).map((one) => one.name)).toEqual(["node", "node_t"]);
    expect(btf.findAll("[nc]o[ld]*").map((one) => one.name)).toEqual(["node", "color", "node_t"]);
    expect(btf.enumerator("BLUE")).toEqual({ type: s.color, value: 5n });
    expect(btf.enumerator("GREEN")).toBeUndefined();
  });
  it("has sizes and fields", () => {
    expect(btf.sizeof(s.alias)).toBe(56);
    expect(btf.sizeof(s.next)).toBe(8);
    expect(btf.sizeof(s.func)).toBeUndefined();
    expect(btf.field(s.alias, "half")).toEqual({ bitOffset: 224, bitfieldSize: 0, type: s.int });
    expect(btf.field(s.node, "rest")).toEqual({ bitOffset: 259, bitfieldSize: 29, type: s.int });
    expect(btf.field(s.node, "comm[3]")?.bitOffset).toBe(64 + 24);
    expect(btf.field(s.node, ["comm", "16"])).toBeUndefined();
    expect(btf.field(s.node, "nope")).toBeUndefined();
    expect(btf.members(s.alias)).toHaveLength(8);
  });
  it("prints as C", () => {
    expect(printC(btf, s.node)).toBe(`struct node {
	struct node *next;
	char comm[16];
	union {
		unsigned long raw;
		int half;
	};
	int flag: 3;
	int rest: 29;
	_Bool ok;
	double weight;
	const char *more[1];
};`);
    expect(printC(btf, s.callback)).toBe("typedef int (*callback_t)(struct node *n, const char *format, ...);");
    expect(printC(btf, s.func)).toBe("int walk(struct node *n, const char *format, ...);");
    expect(printC(btf, s.color)).toBe("enum color {\n\tRED = -1,\n\tBLUE = 5,\n};");
    expect(typeNameC(btf, s.alias)).toBe("node_t");
    expect(typeNameC(btf, s.next, "p")).toBe("struct node *p");
  });
  it("prints as TypeScript", () => {
    expect(printTypeScript(btf, s.node)).toBe(`export interface node {
  readonly next: bigint;
  readonly comm: string;
  readonly raw: bigint;
  readonly half: number;
  readonly flag: number;
  readonly rest: number;
  readonly ok: boolean;
  readonly weight: number;
  readonly more: readonly bigint[];
}`);
  });
  it("shares equal simple types and continues from another BTF", () => {
    const w = new BtfWriter(btf);
    expect(w.nextId).toBe(btf.count);
    const id = w.typedef("again", s.node);
    expect(w.btf().type(id)).toMatchObject({ kind: "typedef", name: "again", type: s.node });
    expect(w.btf().type(s.node)).toEqual(btf.type(s.node));
    expect(w.ptr(id)).toBe(w.ptr(id));
  });
});

describe("openBtf", () => {
  it("reads bytes at any alignment, with a saved index or without", () => {
    const { btf, node } = sample();
    const shifted = new Uint8Array(btf.bytes.length + 1);
    shifted.set(btf.bytes, 1);
    expect(openBtf(shifted.subarray(1)).type(node)).toEqual(btf.type(node));
    expect(openBtf(btf.bytes, { index: btf.exportIndex() }).type(node)).toEqual(btf.type(node));
    const other = new BtfWriter().btf();
    expect(() => openBtf(btf.bytes, { index: other.exportIndex() })).toThrow("belongs to other bytes");
  });
  it("continues the ids and strings of a base", () => {
    const { btf, node } = sample();
    // A split BTF by hand: its own types and strings alone, whose ids and offsets go on from the base's.
    const whole = new BtfWriter(btf);
    const own = whole.typedef("module_type", node);
    const bytes = whole.encode();
    const view = new DataView(bytes.buffer);
    const base = new DataView(btf.bytes.buffer);
    const typeBytes = base.getUint32(12, true);
    const stringBytes = base.getUint32(20, true);
    const types = bytes.slice(24 + typeBytes, 24 + view.getUint32(12, true));
    const strings = bytes.slice(24 + view.getUint32(16, true) + stringBytes);
    const split = new Uint8Array(24 + types.length + strings.length);
    split.set(bytes.subarray(0, 24));
    split.set(types, 24);
    split.set(strings, 24 + types.length);
    const head = new DataView(split.buffer);
    head.setUint32(12, types.length, true);
    head.setUint32(16, types.length, true);
    head.setUint32(20, strings.length, true);
    const module = openBtf(split, { base: btf });
    expect(module.firstId).toBe(btf.count);
    expect(module.type(own)).toMatchObject({ kind: "typedef", name: "module_type", type: node });
    expect(module.find("module_type")).toBe(own);
    expect(module.find("node")).toBe(node);
    expect(module.sizeof(own)).toBe(56);
    expect(module.findAll("*").map((one) => one.name)).toEqual(["module_type"]);
  });
  it("refuses what is no BTF, and never hangs on any bytes", () => {
    expect(() => openBtf(new Uint8Array(8))).toThrow(FormatError);
    expect(() => openBtf(new Uint8Array(64))).toThrow("no magic");
    const { btf } = sample();
    expect(() => btf.type(btf.count)).toThrow("there is no type");
    fc.assert(
      fc.property(fc.nat(btf.bytes.length - 1), fc.nat(255), (at, value) => {
        const bytes = btf.bytes.slice();
        bytes[at] = value;
        try {
          const broken = openBtf(bytes);
          for (let id = 0; id < broken.count; id++) {
            printC(broken, id);
            broken.sizeof(id);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("records for BPF_PROG_LOAD", () => {
  it("have the kernel's layout", () => {
    expect([...new Uint32Array(encodeFunctionInfo([{ slot: 3, type: 7 }]).buffer)]).toEqual([3, 7]);
    const line = encodeLineInfo([{ slot: 2, file: 5, text: 9, line: 12, column: 2000 }]);
    expect([...new Uint32Array(line.buffer)]).toEqual([2, 5, 9, (12 << 10) | 1023]);
  });
});
