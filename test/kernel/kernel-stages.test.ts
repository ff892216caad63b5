// `-d STAGE`: what a kernel module is on its way to an object; and what is said where the kernel refuses one.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { runScry } from "../support/commands.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-stages-"));
afterAll(() => rmSync(folder, { recursive: true }));
const module = (name: string, body: string): string => {
  const path = join(folder, name);
  writeFileSync(
    path,
    `import { bpf, btfTracepoint, hash, kernel, list, struct, u8, u32, u64 } from "scry/bpf";
const Row = struct({ a: u32, l: list(u8, 4) });
const rows = hash(u32, Row);
export const p = btfTracepoint("sys_enter", (regs, id) => {
  if (bpf.pid() !== ${process.pid}) return;
  ${body}
});
`,
  );
  return path;
};

it("shows the tree, the IR after each pass, the instructions", async () => {
  const path = module("stages.bpf.ts", "rows.set(u32(id), { a: bpf.cpu() });");
  const { stdout, status } = await runScry(["build", "-d", "ast,ir,asm", path, "-o", join(folder, "stages.o")]);
  expect(status).toBe(0);
  expect(stdout).toContain('--- ast\n{\n "type": "Program"');
  expect(stdout).toMatch(/--- ir\nprogram "p" \(%0: ctx\) \{\nentry:/);
  expect(stdout).toMatch(/--- asm of p\n[\s\S]*call map_update_elem/);
  const wrong = await runScry(["build", "-d", "nothing", path, "-o", join(folder, "stages.o")]);
  expect(wrong.stderr).toContain("unknown stage 'nothing'; stages are ast, ir, ");
});

it.each([
  ["what may be missing", "const row = rows.get(1); row.a = 5;", "row.a = 5", "if (x === undefined) return;"],
  [
    "an index without bounds",
    "const row = rows.get(1); if (row === undefined) return; row.l[id] = 1;",
    "row.l[id] = 1",
    "list[i & 3]",
  ],
  [
    "a loop without an end",
    "let n: u64 = 0; while (true) { n += bpf.now(); rows.delete(u32(n)); }",
    "",
    "bpf.loop(n, (i) => …)",
  ],
])("says what to write instead of %s", async (_name, body, at, hint) => {
  const { stderr, status } = await runScry(["run", "--dry-run", module("refused.bpf.ts", body)]);
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/refused\.bpf\.ts:6:\d+-\d+: ERROR: the kernel refuses program "p"/);
  if (at !== "") expect(stderr).toContain(`${body.slice(0, body.indexOf(at))}${at}`);
  expect(stderr).toContain(hint);
});
