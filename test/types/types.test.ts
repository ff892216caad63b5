// The types of `scry/bpf`, asked of tsc: what is right passes, what is wrong is the error that the file says.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { compileModule } from "../../src/lang/kernel-ts/index.ts";
import { kernelDeclarations, namesOf } from "../../src/lang/kernel-types/index.ts";
import { formatDiagnostic, type SourceText } from "../../src/source/index.ts";
import { smallKernel } from "../support/small-kernel.ts";
import { complaintsOf } from "../support/typescript.ts";

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "scry-types-"));
afterAll(() => rmSync(folder, { recursive: true }));
const complaints = (files: readonly string[]): string[] => complaintsOf(folder, files).lines;

writeFileSync(join(folder, "kernel.d.ts"), kernelDeclarations(smallKernel()));

/** Copies a file without the words that would keep tsc silent, so that it says which error it is; gives those expected. */
function copied(name: string): string[] {
  const text = readFileSync(join(here, name), "utf8");
  writeFileSync(join(folder, name), text.replaceAll("@ts-expect-error", "expected"));
  return text.split("\n").flatMap((line, i) => {
    const [, code] = /^ *\/\/ @ts-expect-error (TS\d+)$/.exec(line) ?? [];
    return code === undefined ? [] : [`${name}:${i + 2} ${code}`];
  });
}
const right = copied("right.bpf.ts");
const wrong = copied("wrong.bpf.ts");
const user = copied("user.ts");
const anys = copied("no-any.ts");

/** The kernel's side of a file, for the compiler. */
function kernelSide(name: string): SourceText {
  const [text = ""] = readFileSync(join(here, name), "utf8").split("// --- the user's side");
  return { name, text };
}

/** With the line, for who reads what has failed. */
function shown(place: string): string {
  const [, file = "", line] = /^(.*?):(\d+)/.exec(place) ?? [];
  return `${place} ${readFileSync(join(folder, file), "utf8").split("\n")[Number(line) - 1]?.trim()}`;
}

describe("tsc", () => {
  it("takes what is right, against declarations", () => {
    expect(right).toEqual([]);
    expect(complaints(["kernel.d.ts", "right.bpf.ts"])).toEqual([]);
  });

  it("takes nothing there that the compiler refuses", () => {
    const source = kernelSide("right.bpf.ts");
    const { btf, tracepoint, programs } = smallKernel();
    const { object, diagnostics } = compileModule(source, {
      btf: () => btf,
      ...(tracepoint && { tracepoint }),
      ...(programs && { binary: programs.function, probe: programs.probe }),
      cpu: 4,
    });
    expect(diagnostics.map((one) => formatDiagnostic(one, source))).toEqual([]);
    expect(object?.programs.length).toBeGreaterThan(10);
  });

  it(`refuses ${wrong.length} lines that are wrong, each for its reason`, () => {
    expect(wrong.length).toBeGreaterThanOrEqual(60);
    expect(complaints(["kernel.d.ts", "wrong.bpf.ts"]).map(shown)).toEqual(wrong.map(shown));
  });

  it(`knows the user's side of a module, and refuses ${user.length} lines`, () => {
    expect(complaints(["kernel.d.ts", "right.bpf.ts", "user.ts"]).map(shown)).toEqual(user.map(shown));
  });

  it("finds no `any` in what is imported and loaded, and would", () => {
    expect(complaints(["kernel.d.ts", "right.bpf.ts", "no-any.ts"]).map(shown)).toEqual(anys.map(shown));
  });

  it("takes any name where not all is declared, and what is declared by its fields", () => {
    const module = `
      import { fentry, kprobe, lsm, tracepoint, u64 } from "scry/bpf";
      export const a = tracepoint("syscalls:sys_exit_write", (event) => event.ret);
      export const b = tracepoint("syscalls:sys_exit_read", (event) => event.rat);
      export const c = fentry("vfs_write", (file: u64, buf, count) => file + buf + count);
      export const d = fentry("vfs_read", (file) => file.f_inode.i_ino);
      export const e = lsm("file_ioctl", (file) => (file === 0 ? -1 : 0));
      export const f = kprobe("vfs_write", (file) => file.f_inode);`;
    const names = namesOf(['tracepoint("syscalls:sys_exit_read"); fentry("vfs_read", (file) => file.f_inode.i_ino);']);
    writeFileSync(join(folder, "only.d.ts"), kernelDeclarations(smallKernel(), names));
    writeFileSync(join(folder, "module.bpf.ts"), module);
    expect(complaints(["only.d.ts", "module.bpf.ts"])).toEqual(["module.bpf.ts:4 TS2339", "module.bpf.ts:8 TS2339"]);
  });
});
