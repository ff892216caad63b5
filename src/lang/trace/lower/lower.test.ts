// From text to IR and to instructions: what must be there, and what must not.

import { describe, expect, it } from "vitest";
import { environment } from "../../../../test/support/browser-page.ts";
import { disassemble } from "../../../isa/index.ts";
import { helperName, type ObjectInstruction } from "../../../object/index.ts";
import { compileScript } from "../compile-script.ts";

function assembly(text: string, program = 0): string[] {
  const { object } = compileScript({ name: "test", text }, environment, { ringBytes: 1 << 16 });
  const code = object.programs[program]?.functions[0]?.code ?? [];
  return disassemble(code, {
    helper: helperName,
    symbol: (i) => ((i as ObjectInstruction).ref as { map?: string } | undefined)?.map,
  }).split("\n");
}

const calls = (lines: readonly string[]): string[] => lines.flatMap((l) => /^\s*call (\w+)/.exec(l)?.[1] ?? []);

describe("lowering", () => {
  it("asks for the pid once, and for nothing before the predicate holds", () => {
    const lines = assembly("tracepoint:syscalls:sys_enter_openat /pid == 42/ { @[pid] = count(); @t[tid] = 1; }");
    expect(calls(lines).filter((c) => c === "get_current_pid_tgid")).toHaveLength(1);
    const decided = lines.findIndex((l) => l.includes("!= 42"));
    expect(calls(lines.slice(0, decided))).toEqual(["get_current_pid_tgid"]);
  });

  it("folds what is known: constants, parameters, predicates that never hold", () => {
    expect(assembly("tracepoint:syscalls:sys_enter_openat /0/ { @ = count(); }")).toEqual(["r0 = 0", "exit"]);
    expect(assembly("begin { @x = 2 * $1 + 1; }").join("\n")).toContain("= 85");
  });

  it("knows macros of the headers that the well-known tools use", () => {
    expect(
      assembly(
        "#include <linux/socket.h>\n/* a comment\n # not a directive */\nbegin { @x = AF_INET6 + O_CREAT; }",
      ).join("\n"),
    ).toContain("= 74");
  });

  it("makes the body of a heavy loop a function that is verified apart, with its context", () => {
    const text = (test: string): string =>
      `tracepoint:syscalls:sys_enter_openat { for $i : 0..9 { if (${test}) { @[$i] = args.dfd; break; } } }`;
    const globals = (test: string): unknown =>
      compileScript({ name: "test", text: text(test) }, environment, {
        ringBytes: 1 << 16,
      }).object.programs[0]?.functions.map((f) => f.global);
    expect(globals("$i == 3")).toEqual([undefined]);
    const many = Array.from({ length: 6 }, (_, i) => `args.dfd == ${i * 7}`).join(" || ");
    expect(globals(many)).toEqual([undefined, { context: true }]);
  });

  it("lends the context to the callback of a loop over a map", () => {
    const lines = assembly("tracepoint:syscalls:sys_enter_openat { @x[1] = 1; for $kv : @x { @y = args.dfd; } }");
    expect(lines.join("\n")).toMatch(/\*\(u64 \*\)\(r10 - \d+\) = r[16]/);
  });

  it("counts without a look-up", () => {
    expect(calls(assembly("tracepoint:syscalls:sys_enter_openat { @ = count(); }"))).toEqual(["get_smp_processor_id"]);
  });

  it("looks a key up once for a predicate, a difference and a deletion", () => {
    const lines = assembly(
      "tracepoint:syscalls:sys_enter_openat { @s[tid] = nsecs; } begin /@s[tid]/ { @ns = hist(nsecs - @s[tid]); delete(@s[tid]); }",
      1,
    );
    expect(calls(lines).filter((c) => c === "map_lookup_elem")).toHaveLength(1);
    expect(calls(lines)).not.toContain("map_delete_elem");
  });

  it("builds a record in the ring, in as many bytes as its format looks at", () => {
    const lines = assembly('begin { printf("%d %d %s\\n", pid, 7, comm); }');
    expect(calls(lines)).toContain("ringbuf_reserve");
    // Site, two words of 32 bits, 16 bytes of comm.
    expect(lines.join("\n")).toMatch(/r2 = 32\n/);
  });

  it("puts a name that is known into the format", () => {
    const { sites } = compileScript(
      { name: "t", text: 'begin { printf("%s: %s %d\\n", probe, "x", 3); }' },
      environment,
      { ringBytes: 1 << 16 },
    );
    expect(sites[0]?.action).toMatchObject({ kind: "printf", format: ["begin: x ", { conversion: "d" }, "\n"] });
  });

  it("keeps the script's places in the instructions", () => {
    const text = "begin { @x = 1;\n @y = 2; }";
    const { object } = compileScript({ name: "test", text }, environment, { ringBytes: 1 << 16 });
    const spans = object.programs[0]?.functions[0]?.code.flatMap((i) =>
      i.span === undefined ? [] : [text.slice(i.span.start, i.span.end)],
    );
    expect(new Set(spans)).toContain("@x = 1");
    expect(new Set(spans)).toContain("@y = 2");
  });

  it("serves few system calls by their own tracepoints", () => {
    const { object } = compileScript(
      { name: "t", text: "tracepoint:syscalls:sys_enter_openat { @ = count(); }" },
      environment,
      { ringBytes: 1 << 16 },
    );
    expect(object.programs[0]).toMatchObject({
      type: "tracepoint",
      attach: [{ kind: "tracepoint", category: "syscalls", name: "sys_enter_openat" }],
    });
  });

  it("serves many system calls by one program on the raw tracepoint", () => {
    const names = Array.from({ length: 20 }, (_, i) => `sys_enter_call${i}`);
    const many = {
      ...environment,
      tracepoints: () => names.map((name) => ({ category: "syscalls", name })),
      syscallNumber: (name: string) => Number(name.slice(4)),
    };
    const { object, probeCount, probeNames } = compileScript(
      { name: "t", text: "tracepoint:syscalls:sys_enter_* { @[probe] = count(); }" },
      many,
      { ringBytes: 1 << 16 },
    );
    expect(object.programs).toHaveLength(1);
    expect(object.programs[0]).toMatchObject({ type: "tracing", target: { kind: "tp_btf", name: "sys_enter" } });
    expect(probeCount).toBe(20);
    expect([...probeNames.values()].map((p) => p.name)).toContain("tracepoint:syscalls:sys_enter_call7");
  });
});
