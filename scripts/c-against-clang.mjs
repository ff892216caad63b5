// C by us against clang -O2: for each function of test/data/c/numbers.c and the torture set, how many instructions the
// embedded machine runs over all operands, and how many there are. Geometric means, the worst first.
//
//   node scripts/c-against-clang.mjs [NAME]    with a name: the instructions of both

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSource } from "./load-source.mjs";

const { textOfNumbers, functionsOf, OPERANDS, operandBytes, resultOf } = await loadSource("test/support/c-numbers.ts");
const { compileC } = await loadSource("src/lang/c/index.ts");
const { embedded } = await loadSource("src/machine/index.ts");
const { readObject } = await loadSource("src/object/index.ts");
const { disassembleOne } = await loadSource("src/isa/index.ts");

const [only] = process.argv.slice(2);
const data = new URL("../test/data/c/", import.meta.url);
const texts = [
  ["numbers.c", readFileSync(new URL("numbers.c", data), "utf8")],
  ...(process.env.TORTURE === undefined
    ? []
    : readdirSync(new URL("torture/", data)).map((f) => [f, readFileSync(new URL(`torture/${f}`, data), "utf8")])),
];
const folder = mkdtempSync(join(tmpdir(), "scry-clang-"));

/** What one program runs, over all operands, and the results. */
function ran(object, program) {
  const machine = embedded(object, { tier: "interpreter", verify: false });
  const io = machine.maps.get(".data.io");
  let count = 0;
  const results = [];
  for (const operands of OPERANDS) {
    io.update(new Uint8Array(4), operandBytes(operands));
    const run = machine.run(program, { packet: new Uint8Array(64) });
    count += run.instructions;
    results.push(run.trap?.message ?? resultOf(io.lookup(new Uint8Array(4))));
  }
  return { count, results: results.join() };
}

const size = (object, name) =>
  object.programs.find((p) => p.name === name).functions.reduce((n, f) => n + f.code.length, 0);

const rows = [];
try {
  for (const [file, text] of texts)
    for (const name of functionsOf(text)) {
      if (only !== undefined && name !== only) continue;
      // Static, so that clang drops the others: it has no signed division.
      const heads = functionsOf(text).map((n) => `static long ${n}(long a, long b);`);
      const whole = `${heads.join(" ")}\n${textOfNumbers(text, [name])}`;
      const ours = compileC({ name: "ours.c", text: whole }, { cpu: 3 }).object;
      writeFileSync(join(folder, "a.c"), whole);
      let theirs;
      let b;
      const program = `run_${name}`;
      try {
        execFileSync(
          "clang",
          [
            "-O2",
            "-g",
            "-w",
            "-target",
            "bpf",
            "-mcpu=v3",
            "-fwrapv",
            "-fno-strict-aliasing",
            "-c",
            "a.c",
            "-o",
            "a.o",
          ],
          { cwd: folder, stdio: "pipe" },
        );
        theirs = readObject(readFileSync(join(folder, "a.o"))).object;
        b = ran(theirs, program);
      } catch {
        // It calls memcmp, or divides with a sign.
        continue;
      }
      const a = ran(ours, program);
      const same = a.results === b.results;
      rows.push({ file, name, run: a.count / b.count, written: size(ours, program) / size(theirs, program), same });
      if (only !== undefined)
        for (const object of [ours, theirs])
          for (const fn of object.programs.find((p) => p.name === program).functions)
            console.log(`${fn.name}:\n${fn.code.map((i, n) => `  ${n}: ${disassembleOne(i)}`).join("\n")}`);
    }
} finally {
  rmSync(folder, { recursive: true });
}
const mean = (list) => Math.exp(list.reduce((sum, x) => sum + Math.log(x), 0) / list.length);
rows.sort((x, y) => y.run - x.run);
for (const { file, name, run, written, same } of rows)
  console.log(`${run.toFixed(2)} ${written.toFixed(2)} ${name} ${file}${same ? "" : " DIFFERENT"}`);
console.log(
  `${rows.length} functions: executed ${mean(rows.map((r) => r.run)).toFixed(3)}, written ${mean(rows.map((r) => r.written)).toFixed(3)}`,
);
