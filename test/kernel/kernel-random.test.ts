// Generated kernel modules on the kernel: what the compiler takes the kernel takes, and it gives what the same source gives by
// the rules of the language. The seed is printed; RANDOM_TS_SEED sets it, and RANDOM_TS_PROGRAMS how many programs are made.

import { expect, it } from "vitest";
import { loadObject, testRun, VerifierError } from "../../src/kernel/index.ts";
import { compileModule } from "../../src/lang/kernel-ts/index.ts";
import { formatDiagnostic } from "../../src/source/index.ts";
import { randomModule, WIDTHS } from "../support/random-kernel-ts.ts";

const seed = Number(process.env["RANDOM_TS_SEED"] ?? Date.now() % 1_000_000_000);
const count = Number(process.env["RANDOM_TS_PROGRAMS"] ?? 60);

const INPUTS: readonly (readonly bigint[])[] = [
  WIDTHS.map(() => 0n),
  WIDTHS.map(() => 0xffff_ffff_ffff_ffffn),
  WIDTHS.map((_, i) => 0x8000_0000_8000_8080n >> BigInt(i)),
  WIDTHS.map((_, i) => 0x0123_4567_89ab_cdefn * BigInt(i + 1)),
];

it("generated programs give on the kernel what the rules say", { timeout: 20_000 + count * 500 }, () => {
  let refused = 0;
  let complex = 0;
  for (let i = 0; i < count; i++) {
    const made = randomModule(Math.imul(seed + i, 2654435761));
    const source = { name: `random${i}.bpf.ts`, text: made.text };
    const { object, diagnostics } = compileModule(source, { cpu: 4 });
    if (object === undefined) {
      // Refused, with the place: only what is too large for a program's stack.
      const text = diagnostics.map((d) => formatDiagnostic(d, source)).join("\n");
      expect(
        diagnostics.every(({ code, span }) => code === "SCRY1311" && span !== undefined),
        text,
      ).toBe(true);
      refused++;
      continue;
    }
    for (const inputs of INPUTS) {
      let loaded: ReturnType<typeof loadObject>;
      try {
        loaded = loadObject(object);
      } catch (error) {
        if (!(error instanceof VerifierError)) throw error;
        // So many ways through it that the kernel gives up, whoever compiled it.
        if (error.message.includes("too large. Processed 1000001")) {
          complex++;
          break;
        }
        throw new Error(`${error.message.slice(-3000)}\n${made.text}`);
      }
      try {
        const data = loaded.maps.get(".data");
        const key = new Uint8Array(4);
        const words = new BigUint64Array(9);
        words.set(inputs.map((n) => BigInt.asUintN(64, n)));
        data?.update(key, new Uint8Array(words.buffer));
        testRun(loaded.programs.get("f")?.fd ?? -1, { context: new Uint8Array(16) });
        const bytes = data?.lookup(key) ?? new Uint8Array(72);
        const result = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(64, true);
        expect(result, `${inputs}\n${made.text}`).toBe(made.result(inputs));
      } finally {
        loaded[Symbol.dispose]();
      }
    }
  }
  console.log(
    `generated kernel TypeScript on the kernel: seed ${seed}, ${count} programs, ${refused} too large for the stack, ${complex} for the kernel's verifier`,
  );
  expect(refused + complex).toBeLessThanOrEqual(Math.ceil(count / 50));
});
