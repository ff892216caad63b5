// Damaged modules: told of with a place, or compiled; nothing else, and soon. The seed is printed; SCRY_SEED sets it, SCRY_RUNS how
// many texts there are.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { repository } from "../../../test/support/commands.ts";
import { randomModule } from "../../../test/support/random-kernel-ts.ts";
import { Random } from "../../../test/support/random-words.ts";
import type { Btf } from "../../btf/index.ts";
import { kernelBtf } from "../../kernel/index.ts";
import { compileModule } from "./index.ts";

const seed = Number(process.env["SCRY_SEED"] ?? Date.now() % 1_000_000_000);
const runs = Number(process.env["SCRY_RUNS"] ?? 400);

const modulesOf = (folder: string): string[] =>
  readdirSync(join(repository, folder))
    .filter((name) => name.endsWith(".bpf.ts"))
    .map((name) => readFileSync(join(repository, folder, name), "utf8"));
/** The types of this kernel, where they can be read. */
const btf = ((): Btf | undefined => {
  try {
    return kernelBtf();
  } catch {
    return undefined;
  }
})();
const TEXTS = [
  ...["examples/kernel", "test/data/kernel-ts", "test/data/modules"].flatMap(modulesOf),
  randomModule(7).text,
  randomModule(11).text,
  `import { bpf, hash, list, live, range, rawTracepoint, ring, struct, text, u8, u32, u64, i64 } from "scry/bpf";
const E = struct({ a: u8, t: text(8), l: list(u32, 3) }); const m = hash(u32, E); const r = ring(E); const v = live(i64, -1);
function f(e: typeof E, n: u32): u32 { switch (n) { case 1: return e.l[1] ?? 0; default: return e.a; } }
export const p = rawTracepoint("x", (a, b) => { const e = m.take(1); if (!e || e.t === "abc") return; const { a: q } = e;
  for (const x of e.l) if (x > q && !(b < a)) v.value += x ** 1; do { v.value--; } while (v.value > 3);
  r.send({ a: u8(f(e, 2)), t: bpf.comm(), l: e.l }); bpf.print(\`a \${a} \${e.t}\`); m.set(2, { t: "x" }); });`,
];
const WORDS =
  "( ) { } [ ] ; , . ? : => ?. ?? ! === < >> >>> ** ... ` ${ \" ' 0 1n -1 9e99 0x7fffffffffffffffn undefined null this new class await yield async function return for while do switch case default const let var using import export struct text list hash ring live bpf u8 u64 i64 range value get take set a b e m r v typeof as satisfies delete in of using kernel helpers enums timer lock view xdp packet eth ipv4 tcp structOps sleepable subprogram globalFunction kernelStruct loop numbers tasks reserve drain record peek push tailCall union bits be16 ipv4 mac Math min enum declare namespace".split(
    " ",
  );

/** A tracepoint that has what the texts ask for. */
const FIELDS = ["ret", "count", "flags", "filename"].map((name, i) => ({
  name,
  type: name === "filename" ? "const char *" : "long",
  offset: 8 + i * 8,
  size: 8,
  signed: true,
}));

function damaged(seedOfText: number): string {
  const random = new Random(seedOfText);
  const pieces = random.pick(TEXTS).split(/(\s+|\b|(?=[^\w\s]))/);
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(pieces.length);
    const word = random.pick(WORDS);
    const kind = random.below(5);
    if (kind === 0) pieces.splice(at, 1 + random.below(3));
    else if (kind === 1) pieces.splice(at, 0, ` ${word} `);
    else if (kind === 2) pieces[at] = word;
    else if (kind === 3) pieces.splice(at, 0, ...pieces.slice(random.below(pieces.length), at));
    else pieces[at] = random.pick(pieces);
  }
  return pieces.join("");
}

it("damaged modules are told of, or compiled", { timeout: 20_000 + runs * 50 }, () => {
  console.log(`damaged modules: seed ${seed}, ${runs} texts`);
  let told = 0;
  for (let i = 0; i < runs; i++) {
    const text = damaged(Math.imul(seed + i, 2654435761));
    const source = { name: `damaged${i}.bpf.ts`, text };
    const start = performance.now();
    try {
      const { diagnostics, object } = compileModule(source, {
        tracepoint: () => FIELDS,
        ...(btf === undefined ? {} : { btf: () => btf }),
      });
      if (object === undefined) told++;
      for (const { span, message } of diagnostics) {
        expect(span, message).toBeDefined();
        if (span?.file === undefined) expect(span?.end ?? 0, message).toBeLessThanOrEqual(text.length);
      }
      expect(object === undefined).toBe(diagnostics.length > 0);
    } catch (error) {
      throw new Error(`seed ${seed}, text ${i}:\n${text}`, { cause: error });
    }
    expect(performance.now() - start, text).toBeLessThan(5000);
  }
  expect(told).toBeGreaterThan(runs / 10);
});
