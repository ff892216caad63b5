// The examples against the declarations of the kernel that runs: tsc takes them, soon, and no `any` comes of them.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { kernelBtf, tracepointFormat } from "../../src/kernel/index.ts";
import { kernelDeclarations, namesOf } from "../../src/lang/kernel-types/index.ts";
import { complaintsOf } from "../support/typescript.ts";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "scry-types-"));
afterAll(() => rmSync(folder, { recursive: true }));

const copied = (from: string, prefix = ""): string[] =>
  readdirSync(join(root, from))
    .filter((name) => name.endsWith(".bpf.ts"))
    .map((name) => {
      cpSync(join(root, from, name), join(folder, prefix + name));
      return prefix + name;
    });
const examples = copied("examples/kernel");
const cases = copied("test/data/kernel-ts", "case-").filter(
  // Its functions are those of kernels with sched_ext.
  (name) => name !== "case-scheduler.bpf.ts" || kernelBtf().find("sched_ext_ops", "struct") !== undefined,
);

function declare(files: readonly string[]): void {
  const names = namesOf(files.map((name) => readFileSync(join(folder, name), "utf8")));
  const kernel = {
    btf: kernelBtf(),
    tracepoint: (category: string, name: string) => tracepointFormat(category, name)?.fields,
  };
  writeFileSync(join(folder, "kernel.d.ts"), kernelDeclarations(kernel, names));
}

it("the examples pass tsc against what they name of this kernel, in two seconds", () => {
  declare(examples);
  expect(examples.length).toBeGreaterThanOrEqual(10);
  const files = ["kernel.d.ts", ...examples];
  expect(complaintsOf(folder, files).text).toBe("");
  // The machine may be at other work: the best of three.
  expect(Math.min(...[1, 2, 3].map(() => complaintsOf(folder, files).seconds))).toBeLessThan(2);
});

it("so do the modules that the tests run", () => {
  declare(cases);
  expect(complaintsOf(folder, ["kernel.d.ts", ...cases]).text).toBe("");
});

it("and what they export has no `any` on the user's side", () => {
  declare(examples);
  const own = readFileSync(join(root, "test/types/no-any.ts"), "utf8").split("none<typeof import")[0] as string;
  const loads = examples.map((name, i) => {
    return `const run${i} = await load<typeof import("./${name}")>("");\nnone<Omit<typeof run${i}, "object">>(true);`;
  });
  writeFileSync(join(folder, "no-any.ts"), `${own.replace(/^import .*testProgram.*$/m, "")}${loads.join("\n")}\n`);
  expect(complaintsOf(folder, ["kernel.d.ts", "no-any.ts", ...examples]).text).toBe("");
});
