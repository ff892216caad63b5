// What an object says of an XDP program's place among others, written as libxdp's XDP_RUN_CONFIG does, and read again.

import { expect, it } from "vitest";
import { BtfWriter } from "../btf/index.ts";
import { assembleCode } from "./assemble-code.ts";
import { readObject } from "./elf-reader.ts";
import { writeObject } from "./elf-writer.ts";
import type { BpfObject } from "./object.ts";
import { XDP_RUN_CONFIG, xdpRunConfig } from "./xdp-run-config.ts";

/** An object whose program `main` says these numbers; `undefined` is a member that is no number. */
function objectWith(said: Readonly<Record<string, number | undefined>>, variable = "_main"): BpfObject {
  const btf = new BtfWriter();
  const int = btf.int("int", 4, { signed: true });
  const members = Object.entries(said).map(([name, value], i) => ({
    name,
    type: value === undefined ? int : btf.ptr(btf.array(int, value, int)),
    bitOffset: 64 * i,
    bitfieldSize: 0,
  }));
  const size = 8 * members.length;
  const of = btf.var(variable, btf.struct("", size, members));
  btf.datasec(".xdp_run_config", size, [{ type: of, offset: 0, size }]);
  return {
    maps: [],
    programs: [
      {
        name: "main",
        type: "xdp",
        attach: [],
        section: "xdp",
        functions: [{ name: "main", code: assembleCode("r0 = 2\nexit"), parameters: 1 }],
      },
    ],
    license: "GPL",
    types: btf.btf(),
  };
}

const cases: readonly (readonly [what: string, said: Readonly<Record<string, number | undefined>>, read: object])[] = [
  ["nothing", {}, XDP_RUN_CONFIG],
  ["a priority", { priority: 10 }, { priority: 10, chainCall: ["pass"] }],
  ["the greatest one", { priority: 0xffffffff }, { priority: 0xffffffff, chainCall: ["pass"] }],
  ["an answer more", { XDP_DROP: 1 }, { priority: 50, chainCall: ["drop", "pass"] }],
  ["one less", { XDP_PASS: 0, XDP_TX: 1 }, { priority: 50, chainCall: ["tx"] }],
  ["what nobody knows", { XDP_NEWER: 1, colour: 3, priority: 1 }, { priority: 1, chainCall: ["pass"] }],
  ["no number", { priority: undefined }, XDP_RUN_CONFIG],
];

for (const [what, said, read] of cases)
  it(`${what}: as its types say it, and as its file does`, () => {
    const object = objectWith(said);
    expect(xdpRunConfig(object.types, "main")).toEqual(read);
    const { object: again } = readObject(writeObject(object));
    expect(again.maps).toEqual([]);
    expect(xdpRunConfig(again.types, "main")).toEqual(read);
  });

it("is one program's alone", () => {
  const { types } = objectWith({ priority: 10 }, "_other");
  expect(xdpRunConfig(types, "other").priority).toBe(10);
  expect(xdpRunConfig(types, "main")).toEqual(XDP_RUN_CONFIG);
  expect(xdpRunConfig(undefined, "main")).toEqual(XDP_RUN_CONFIG);
});

it("an XDP program's file has the type by which others stand in for its functions", () => {
  const { types } = readObject(writeObject(objectWith({ priority: 10 }))).object;
  const fn = types?.type(types.find("main", "func") ?? 0);
  const proto = fn?.kind === "func" ? types?.type(fn.type) : undefined;
  if (proto?.kind !== "func_proto") throw new Error("no function");
  const context = types?.type(proto.params[0]?.type ?? 0);
  expect(context?.kind === "ptr" && types?.name(context.type)).toBe("xdp_md");
});
