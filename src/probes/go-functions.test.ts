// Probes of Go functions, without a kernel and without Go: where they are attached, and what their programs read.

import { describe, expect, it } from "vitest";
import { environment } from "../../test/support/browser-page.ts";
import { disassemble } from "../isa/index.ts";
import { compileScript } from "../lang/trace/compile-script.ts";
import { helperName } from "../object/index.ts";
import type { CompiledScript } from "../schema/compiled-script.ts";
import type { DiagnosticError } from "../source/index.ts";
import type { GoFunction, ProbeEnvironment, UserFunction } from "./environment.ts";

const go = (convention: GoFunction["convention"], returns: readonly number[], tailJumps = 0): GoFunction => ({
  version: "go1.19.8",
  goid: 152,
  threadLocal: -8,
  convention,
  exits: () => ({ returns, tailJumps }),
});
const functions: readonly UserFunction[] = [
  { name: "main.fast", offset: 0x106, unless: 0x41, start: 0x100, size: 0x80, go: go("registers", [0x140, 0x170]) },
  { name: "main.old", offset: 0x206, start: 0x200, size: 0x80, go: go("stack", [0x250]) },
  { name: "main.never", offset: 0x300, start: 0x300, size: 0x80, go: go("registers", []) },
  { name: "main.jumps", offset: 0x400, start: 0x400, size: 0x80, go: go("registers", [0x450], 1) },
  { name: "cfunction", offset: 0x500, start: 0x500, size: 0x80, go: go("c", [0x550]) },
  {
    name: "main.strange",
    offset: 0x600,
    start: 0x600,
    size: 0x80,
    go: { ...go("registers", [0x650]), goid: undefined },
  },
  { name: "plain", offset: 0x700, size: 0x80 },
];
const world: ProbeEnvironment = {
  ...environment,
  machine: "x86_64",
  binary: (name) => name,
  functions: (_path, name) =>
    functions.filter((f) => name === f.name || (name.endsWith("*") && f.name.startsWith(name.slice(0, -1)))),
  functionAt: (_path, offset) => functions.find((f) => f.start === offset),
};
const compile = (text: string): CompiledScript => compileScript({ name: "test", text }, world, { ringBytes: 1 << 16 });
const places = (text: string): string[] =>
  compile(text).object.programs.flatMap((p) =>
    p.attach.flatMap((a) => (a.kind === "uprobe" ? [`${a.return ? "return of " : ""}${a.offset.toString(16)}`] : [])),
  );
const assembly = (text: string): string =>
  disassemble(compile(text).object.programs[0]?.functions[0]?.code ?? [], { helper: helperName });
const complaint = (text: string): string => {
  try {
    return compile(text)
      .warnings.map((w) => w.message)
      .join("; ");
  } catch (error) {
    return (error as DiagnosticError).diagnostics[0]?.message ?? "";
  }
};

describe("probes of Go functions", () => {
  it("stand at return instructions; the probe is one", () => {
    expect(places("uretprobe:a:main.fast { @ = count(); }")).toEqual(["140", "170"]);
    expect(compile("uretprobe:a:main.fast { @ = count(); }").probeCount).toBe(1);
    expect(places("uretprobe:a:0x100 { @ = count(); }")).toEqual(["140", "170"]);
    expect(places("uprobe:a:main.fast { @ = count(); }")).toEqual(["106"]);
    expect(places("uprobe:a:main.fast+0x10 { @ = count(); }")).toEqual(["110"]);
    expect(places("uretprobe:a:plain { @ = count(); }")).toEqual(["return of 700"]);
    expect(places("uretprobe:a:cfunction { @ = count(); }")).toEqual(["550"]);
  });

  it("say which function they are of, at each return", () => {
    const { object, probeNames } = compile("uretprobe:a:main.fast, uretprobe:a:main.jumps { @[func] = count(); }");
    const cookies = object.programs[0]?.attach.map((a) => probeNames.get(a.cookie ?? 0n)?.func);
    expect(cookies).toEqual(["main.fast", "main.fast", "main.jumps"]);
  });

  it("read arguments by the function's convention", () => {
    // struct pt_regs: rax 80, rbx 40, r11 48; rdi 112
    expect(assembly("uprobe:a:main.fast { @ = arg0; }")).toMatch(/\*\(u64 \*\)\(r\d \+ 80\)/);
    expect(assembly("uprobe:a:main.fast { @ = arg1; }")).toMatch(/\*\(u64 \*\)\(r\d \+ 40\)/);
    expect(assembly("uprobe:a:main.fast { @ = arg8; }")).toMatch(/\*\(u64 \*\)\(r\d \+ 48\)/);
    expect(assembly("uprobe:a:cfunction { @ = arg0; }")).toMatch(/\*\(u64 \*\)\(r\d \+ 112\)/);
    const stack = assembly("uprobe:a:main.old { @ = arg1; }");
    expect(stack).toMatch(/\*\(u64 \*\)\(r\d \+ 152\)/);
    expect(stack).toMatch(/r3 \+= 16/);
    expect(stack).toContain("probe_read_user");
    expect(complaint("uprobe:a:main.fast { @ = arg9; }")).toContain("arg9");
  });

  it("are no event where the function will start again", () => {
    const lines = assembly("uprobe:a:main.fast { @ = count(); }").split("\n");
    expect(lines[0]).toMatch(/\*\(u64 \*\)\(r1 \+ 144\)/);
    expect(lines[1]).toMatch(/& 65 goto/);
    expect(assembly("uprobe:a:main.fast+0x10 { @ = count(); }")).not.toContain("144");
    expect(assembly("uprobe:a:main.jumps { @ = count(); }")).not.toContain("144");
    expect(assembly("uretprobe:a:main.fast { @ = count(); }")).not.toContain("144");
  });

  it("find the goroutine", () => {
    expect(assembly("uprobe:a:main.fast { @ = goid; }")).toMatch(/\*\(u64 \*\)\(r\d \+ 8\)/);
    expect(complaint("uprobe:a:main.strange { @ = goid; }")).toBe(
      "goid: where go1.19.8 keeps a goroutine's id is not known",
    );
    expect(complaint("uprobe:a:plain { @ = goid; }")).toContain("goid is known in probes of Go functions");
    expect(complaint("begin { @ = goid; }")).toContain("goid is known in probes of Go functions");
  });

  it("say what has no return, or not every one", () => {
    expect(complaint("uretprobe:a:main.never { @ = count(); }")).toBe(
      "main.never has no return instruction, and so no uretprobe",
    );
    expect(complaint("uretprobe:a:main.* { @ = count(); }")).toBe(
      "main.never has no return instruction, and so no uretprobe; main.jumps may also end by a jump to another function, which uretprobe does not see",
    );
    expect(compile("uretprobe:a:main.* { @ = count(); }").object.programs).toHaveLength(1);
    expect(places("uretprobe:a:main.* { @ = count(); }")).toEqual(["140", "170", "250", "450", "650"]);
    expect(complaint("uretprobe:a:main.old { @ = retval; }")).toContain("main.old returns its results on the stack");
    // Of functions that may start again, and of others.
    expect(compile("uprobe:a:main.* { @ = count(); }").object.programs).toHaveLength(2);
    expect(complaint("uprobe:a:main.* { @ = count(); }")).toBe("");
  });
});
