// Generated programs of numbers give on the embedded machine what the rules say. The seed is printed; RANDOM_TS_SEED sets it,
// and RANDOM_TS_PROGRAMS how many programs are made.

import { expect, it } from "vitest";
import { randomModule, WIDTHS } from "../../../test/support/random-kernel-ts.ts";
import { embedded } from "../../machine/index.ts";
import { formatDiagnostic } from "../../source/index.ts";
import { compileModule } from "./index.ts";

const seed = Number(process.env["RANDOM_TS_SEED"] ?? Date.now() % 1_000_000_000);
const count = Number(process.env["RANDOM_TS_PROGRAMS"] ?? 60);

const INPUTS: readonly (readonly bigint[])[] = [
  WIDTHS.map(() => 0n),
  WIDTHS.map(() => 0xffff_ffff_ffff_ffffn),
  WIDTHS.map((_, i) => 0x8000_0000_8000_8080n >> BigInt(i)),
  WIDTHS.map((_, i) => 0x0123_4567_89ab_cdefn * BigInt(i + 1)),
];

it("generated programs give what the rules say", { timeout: 20_000 + count * 500 }, () => {
  console.log(`generated kernel TypeScript: seed ${seed}, ${count} programs`);
  for (let i = 0; i < count; i++) {
    const made = randomModule(Math.imul(seed + i, 2654435761));
    const source = { name: `random${i}.bpf.ts`, text: made.text };
    const { object, diagnostics } = compileModule(source);
    expect(diagnostics.map((d) => formatDiagnostic(d, source)).join("\n"), made.text).toBe("");
    const key = new Uint8Array(4);
    for (const inputs of INPUTS) {
      const machine = embedded(object as NonNullable<typeof object>, { tier: "interpreter", verify: false });
      const data = machine.maps.get(".data");
      const words = new BigUint64Array(9);
      words.set(inputs.map((n) => BigInt.asUintN(64, n)));
      data?.update(key, new Uint8Array(words.buffer));
      const { trap } = machine.run("f", { packet: new Uint8Array(64) });
      const bytes = data?.lookup(key) ?? new Uint8Array(72);
      const result = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(64, true);
      expect(`${trap?.message ?? ""} ${result}`, `${inputs}\n${made.text}`).toBe(` ${made.result(inputs)}`);
    }
  }
});
