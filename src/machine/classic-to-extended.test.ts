import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ClassicError, classicToExtended } from "../isa/classic-to-extended.ts";
import type { ClassicInstruction } from "../isa/index.ts";
import { embedded } from "./machine.ts";

const shared = fileURLToPath(new URL("../../../shared/", import.meta.url));
const fixtures = `${shared}fixtures/pcap-filter/`;
const trace = `${shared}bench/machine/inputs/trace1k.pcap`;

const classic = (rows: readonly (readonly number[])[]): ClassicInstruction[] =>
  rows.map(([code, jt, jf, k]) => ({ code: code!, jt: jt!, jf: jf!, k: k! >>> 0 }));

const filter = (program: readonly ClassicInstruction[], input: "packet" | "memory") =>
  embedded(
    {
      maps: [],
      programs: [
        {
          name: "filter",
          type: "socket_filter",
          attach: [],
          functions: [{ name: "filter", code: classicToExtended(program, { input }), parameters: 1 }],
        },
      ],
      license: "GPL",
    },
    { batchBytes: 2 ** 21 },
  );

function packets(): Uint8Array[] {
  const pcap = new Uint8Array(readFileSync(trace));
  const view = new DataView(pcap.buffer, pcap.byteOffset);
  const list: Uint8Array[] = [];
  for (let at = 24; at + 16 <= pcap.length; at += 16 + view.getUint32(at + 8, true)) {
    list.push(pcap.subarray(at + 16, at + 16 + view.getUint32(at + 8, true)));
  }
  return list;
}

test.skipIf(!existsSync(trace) || !existsSync(fixtures))(
  "libpcap's programs match libpcap's packets",
  { timeout: 120_000 },
  () => {
    interface Golden {
      readonly expr: string;
      readonly dlt: string;
      readonly opt: boolean;
      readonly code: readonly (readonly number[])[];
    }
    const golden: Golden[] = JSON.parse(readFileSync(`${fixtures}golden.json`, "utf8"));
    const matches: { expr: string; dlt: string; bitmap: string }[] = JSON.parse(
      readFileSync(`${fixtures}golden-matches.json`, "utf8"),
    );
    const all = packets();
    let compared = 0;
    for (const { expr, dlt, bitmap } of matches) {
      for (const { code } of golden.filter((one) => one.expr === expr && one.dlt === dlt)) {
        const wanted = Array.from(
          { length: all.length },
          (_, i) => (Number.parseInt(bitmap.slice((i >> 3) * 2, (i >> 3) * 2 + 2), 16) >> (i & 7)) & 1,
        );
        for (const input of ["packet", "memory"] as const) {
          // Extensions of Linux read what only a real packet has.
          if (code.some((row) => row[3]! >>> 0 >= 0xfffff000)) continue;
          const machine = filter(classic(code), input);
          const { values, traps } = machine.runBatch(machine.loadBatch(all, undefined, input));
          expect([...traps], expr).toEqual([]);
          expect([...values].map((value) => (value === 0n ? 0 : 1)).join(""), `${expr} (${input})`).toBe(
            wanted.join(""),
          );
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(100);
  },
);

test("what classic BPF does not have is refused", () => {
  expect(() => classicToExtended(classic([[0xff, 0, 0, 0]]))).toThrow(ClassicError);
  expect(() => classicToExtended(classic([[0x05, 0, 0, 9]]))).toThrow(ClassicError);
  expect(() =>
    classicToExtended(
      classic([
        [0x34, 0, 0, 0],
        [0x16, 0, 0, 0],
      ]),
    ),
  ).toThrow(/zero/);
});

test("arithmetic of A, X and M", () => {
  // A = 7; X = A; A = 100; A /= X; M[3] = A; A = len; A += M[3] by X
  const rows = [
    [0x00, 0, 0, 7],
    [0x07, 0, 0, 0],
    [0x00, 0, 0, 100],
    [0x3c, 0, 0, 0],
    [0x02, 0, 0, 3],
    [0x80, 0, 0, 0],
    [0x61, 0, 0, 3],
    [0x0c, 0, 0, 0],
    [0x16, 0, 0, 0],
  ];
  expect(filter(classic(rows), "packet").run(undefined, { packet: new Uint8Array(60) }).r0).toBe(74n);
  expect(filter(classic(rows), "memory").run(undefined, { memory: new Uint8Array(60) }).r0).toBe(74n);
});
