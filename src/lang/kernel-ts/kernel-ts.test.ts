// What is said of a module that is wrong, and what modules become; no kernel is asked.

import { describe, expect, it } from "vitest";
import { formatDiagnostic } from "../../source/index.ts";
import { compileModule } from "./index.ts";

const IMPORTS =
  'import { array, bpf, hash, list, live, range, rawTracepoint, ring, sizeOf, struct, text, u8, u16, u32, u64, i32, i64 } from "scry/bpf";\n';

function said(text: string): string {
  const source = { name: "t.bpf.ts", text: IMPORTS + text };
  return compileModule(source)
    .diagnostics.map((d) => formatDiagnostic(d, source))
    .join("\n");
}
const inProgram = (body: string, top = ""): string =>
  said(`${top}\nexport const f = rawTracepoint("sys_enter", (a, b) => {\n${body}\n});`);

describe("a module", () => {
  it("becomes maps, programs and variables", () => {
    const source = {
      name: "t.bpf.ts",
      text: `${IMPORTS}
      const Event = struct({ pid: u32, small: u8, comm: text(16), when: u64, each: list(u16, 3) });
      export const calls = hash(u32, Event, { maxEntries: 7 });
      export const slots = array(u64, { maxEntries: 4 });
      export const events = ring(Event, { bytes: 8192 });
      export const level = live(u8, 3);
      const LIMITS = { low: 2, high: 1 << 10 };
      function twice(x: u32): u32 { return x * 2; }
      export const one = rawTracepoint("sys_enter", (regs, id) => {
        if (id > LIMITS.high) return;
        calls.set(twice(bpf.pid()), { pid: bpf.pid(), comm: "none", when: bpf.now(), each: { } as never });
      });
      export const two = rawTracepoint("sys_exit", () => { level.value += 1; slots.add(LIMITS.low); events.send({ small: level.value }); });`,
    };
    const { object, diagnostics } = compileModule(source);
    expect(diagnostics.map((d) => d.message)).toEqual(["list(u16, 3) is no struct".replace("list", "array")]);
    const right = compileModule({ ...source, text: source.text.replace(", each: { } as never", "") });
    expect(right.diagnostics).toEqual([]);
    expect(object).toBeUndefined();
    expect(right.object?.maps.map((m) => `${m.name} ${m.type} ${m.keySize} ${m.valueSize} ${m.maxEntries}`)).toEqual([
      "calls hash 4 40 7",
      "slots array 4 8 4",
      "events ringbuf 0 0 8192",
      ".data array 4 16 1",
    ]);
    expect(right.object?.programs.map((p) => `${p.name} ${p.type} ${p.section}`)).toEqual([
      "one raw_tracepoint raw_tracepoint/sys_enter",
      "two raw_tracepoint raw_tracepoint/sys_exit",
    ]);
    expect(right.object?.license).toBe("GPL");
  });
});

describe("modules that import others", () => {
  const others: Readonly<Record<string, string>> = {
    "./maps.bpf.ts": `import { hash, rawTracepoint, u32, u64 } from "scry/bpf";
      import { SCALE } from "./limits.ts";
      export const counts = hash(u32, u64, { maxEntries: SCALE * 2 });
      export function note(id: u32): void { counts.add(id); }
      export const fills = rawTracepoint("sys_exit", (regs, id) => note(u32(id)));`,
    "./limits.ts": "export const SCALE = 1 << 3;\nexport const NAMES = { one: 1 };",
    "./all.ts": 'export * from "./maps.bpf.ts"; export { SCALE as scale } from "./limits.ts";',
    "./wrong.ts": 'import { u8 } from "scry/bpf";\nexport const x: number = y;',
    "./circle.bpf.ts": 'import { a } from "./circle2.bpf.ts"; export const b = 1;',
    "./circle2.bpf.ts": 'import { b } from "./circle.bpf.ts"; export const a = 1;',
  };
  const compiled = (text: string): { text: string; names: string } => {
    const source = { name: "main.bpf.ts", text };
    const include = (name: string): { name: string; text: string } | undefined =>
      others[name] === undefined ? undefined : { name, text: others[name] };
    const { object, diagnostics } = compileModule(source, { include });
    return {
      text: diagnostics.map((d) => formatDiagnostic(d, source)).join("\n"),
      names: [...(object?.maps ?? []), ...(object?.programs ?? [])].map(({ name }) => name).join(" "),
    };
  };
  it("share maps, functions and programs, one of each", () => {
    const program = 'export const p = rawTracepoint("sys_enter", (regs, id) => { note(u32(id)); counts.add(limit); });';
    const one =
      'import { rawTracepoint, u32 } from "scry/bpf"; import { counts, note } from "./maps.bpf.ts"; import { NAMES as N } from "./limits.ts"; const limit = N.one;';
    expect(compiled(`${one} ${program}`)).toEqual({ text: "", names: "counts fills p" });
    const all =
      'import { rawTracepoint, u32 } from "scry/bpf"; import { counts, note, scale as limit } from "./all.ts"; import * as maps from "./maps.bpf.ts";';
    expect(compiled(`${all} ${program}`)).toEqual({ text: "", names: "counts fills p" });
  });
  it("have constants and pure functions of ordinary modules computed, as JavaScript has them", () => {
    const text = `import { rawTracepoint, u32, u64, hash, text, struct } from "scry/bpf";
      import { HALF, MASKS, hash as hashOf, bits, NAME, scaled, later } from "./pure.ts";
      const Key = struct({ name: text(16), of: u64 });
      const seen = hash(Key, u64, { maxEntries: HALF * 4 });
      const WORD = hashOf("abc");
      export const p = rawTracepoint("sys_enter", (regs, id) => {
        seen.set({ name: NAME, of: WORD + MASKS[2] + bits(5) }, scaled(u64(id)) + hashOf("xyz"));
      });`;
    const pure = `import { readFileSync } from "node:fs";
      export const HALF = [3, 4, 5].map((x) => x / 2).reduce((a, b) => a + b, 0);
      export const NAME = ["a", "b"].join("-").toUpperCase();
      export function bits(n: number): number { return 2 ** n - 1; }
      export const MASKS = [1, 2, 3].map(bits);
      export const hash = (word: string): number => { let h = 7; for (let i = 0; i < word.length; i++) h = (h * 31 + word.charCodeAt(i)) % 65521; return h; };
      export const scaled = (x: u64): u64 => x * SCALE + bits(3);
      const SCALE = 1 << 4;
      export const later = readFileSync;
      export class Other { value = 1; }`;
    const source = { name: "main.bpf.ts", text };
    const include = (name: string): { name: string; text: string } | undefined =>
      name === "./pure.ts" ? { name, text: pure } : undefined;
    expect(
      compileModule(source, { include })
        .diagnostics.map((d) => formatDiagnostic(d, source))
        .join("\n"),
    ).toContain("./pure.ts:1:30-39: ERROR: 'node:fs' cannot be read");
    const right = { ...source, text: text.replace(", later", "") };
    const { object, diagnostics } = compileModule(right, { include });
    expect(diagnostics.map((d) => formatDiagnostic(d, right)).join("\n")).toBe("");
    expect(object?.maps[0]?.maxEntries).toBe(24);
    const wrong = (body: string, module: string): string => {
      const of = {
        name: "main.bpf.ts",
        text: `import { rawTracepoint } from "scry/bpf"; import { x } from "./w.ts"; export const p = rawTracepoint("sys_enter", (a) => { ${body} });`,
      };
      return compileModule(of, { include: () => ({ name: "./w.ts", text: module }) })
        .diagnostics.map((d) => formatDiagnostic(d, of))
        .join("\n");
    };
    expect(wrong("const y = a + x;", "export const x = 1 / 2;")).toContain(
      "there are no fractions in the kernel: this is 0.5",
    );
    expect(
      wrong("const y = a + x(1);", "export function x(n: number): number { while (true) n += 1; return n; }"),
    ).toContain("this takes too long to be computed when the module is compiled");
    expect(wrong("const y = a + x(1);", "export function x(n: number): number { return x(n); }")).toContain(
      "this calls itself too often",
    );
    expect(wrong("const y = a + x;", "export let x = 1;")).toContain("w.ts:1:12-13: ERROR: 'x' may change");
  });
  it("say what is wrong where it stands", () => {
    expect(compiled('import { x } from "./wrong.ts";').text).toContain(
      "wrong.ts:2:26-27: ERROR: 'y' is not known when the module is compiled",
    );
    expect(compiled('import { countss } from "./maps.bpf.ts";').text).toContain("Did you mean 'counts'?");
    expect(compiled('import { a } from "./circle2.bpf.ts";').text).toContain("imports what imports it");
    expect(
      compiled(
        'import { counts } from "./maps.bpf.ts"; import { hash, u8 } from "scry/bpf"; const counts2 = hash(u8, u8); export { counts3 };',
      ).text,
    ).toContain("Export 'counts3' is not defined");
  });
});

describe("what is wrong", () => {
  const cases: readonly (readonly [name: string, body: string, message: string])[] = [
    ["a name", "bpf.print(aa);", "t.bpf.ts:4:11-13: ERROR: 'aa' is not declared"],
    ["a function of bpf", "bpf.pdi();", "ERROR: there is no bpf.pdi\nbpf.pdi();\n    ~~~\nHINT: Did you mean 'pid'?"],
    ["a method", "counts.gte(1);", "ERROR: hash has no method 'gte'"],
    [
      "a narrower place",
      "small.value = a;",
      "ERROR: u64 does not fit into u8\nsmall.value = a;\n              ~\nHINT: u8(…) says that the rest may go",
    ],
    ["a literal that is too large", "small.value = 256;", "ERROR: i64 does not fit into u8"],
    ["a fraction", "const x = a * 1.5;", "ERROR: there are no fractions in the kernel: numbers are whole"],
    ["a literal that is not exact", "const x = a + 9007199254740993;", "HINT: 9007199254740992n"],
    ["a class", "class A {}", "ERROR: there are no classes in the kernel"],
    ["new", "const x = new Map();", "ERROR: there are no classes in the kernel"],
    [
      "an exception",
      "throw 1;",
      "ERROR: there are no exceptions in the kernel\nthrow 1;\n~~~~~~~~\nHINT: return ends a program",
    ],
    ["a closure", "const f = () => 1;", "ERROR: functions stand at the top of the module"],
    ["undefined of a number", "if (a === undefined) return;", "ERROR: this is never undefined: it is of type u64"],
    ["a shift of a number without a sign", "const x = a >>> 3;", "ERROR: '>>>' is '>>' of an unsigned number here"],
    [
      "a text that is too long",
      'texts.send({ comm: "a text of more than sixteen" });',
      "ERROR: this text has 27 bytes; text(16) has room for 15",
    ],
    ["an unknown member", "texts.send({ com: 1 });", "ERROR: struct Text has no member named 'com'"],
    ["too many arguments", "counts.get(1, 2);", "ERROR: get takes 1 arguments, 2 given"],
    ["recursion", "again(1);", "ERROR: 'again' calls itself: there is no recursion in the kernel"],
    ["a parameter without a type", "untyped(1);", "ERROR: 'x' needs a type: x: u32"],
    [
      "a loop over what is no array",
      "for (const x of a) bpf.print(x);",
      "ERROR: this goes over range(…) and arrays, not over u64",
    ],
    [
      "a case that is not known",
      "switch (a) { case b: break; }",
      "ERROR: a case is a number that is known when the module is compiled",
    ],
    ["a live variable itself", "small = 1;", "HINT: Write .value behind it"],
    ["a division by zero", "const x = 5 / 0;", "ERROR: this divides by zero"],
    ["a name that is computed", 'texts["send"]({});', "ERROR: names of members are known before a program runs"],
    ["await", "await a;", "ERROR: Cannot use keyword 'await' outside an async function"],
  ];
  it.each(cases)("%s", (_name, body, message) => {
    const before = `const Text = struct({ comm: text(16) }); const counts = hash(u32, u64); const small = live(u8, 0); const texts = ring(Text); function again(n: u32): u32 { return again(n); } function untyped(x) { return x; }`;
    expect(inProgram(body, before)).toContain(message);
  });
  it("about texts that are live, and values of memory", () => {
    expect(said('export const a = live(text(4), "four");')).toContain(
      "this text has 4 bytes, its place 4 with its end",
    );
    expect(said("export const a = live(text(4), 7);")).toContain("a text that is known when the module is compiled");
    expect(inProgram("bpf.userValue(7, a);")).toContain("a type and an address: (u32, address)");
    expect(inProgram("const x: u32 = bpf.userValue(u64, a);")).toContain("u64 does not fit into u32");
    expect(inProgram("if (bpf.comm().startsWith(a)) return;")).toContain("startsWith takes a text, not u64");
  });
  it("at the top", () => {
    expect(said("export let x = 5;")).toContain("the top of a kernel module has constants");
    expect(said('import { x } from "./y.ts";')).toContain("'./y.ts' cannot be read");
    expect(said('import { hahs } from "scry/bpf";')).toContain("Did you mean 'hash'?");
    expect(said("const m = hash(u32);")).toContain("hash(key, value, { … })");
    expect(said("const m = hash(u32, u64, { entries: 5 });")).toContain("of hash can be said: { maxEntries, ");
    expect(said('export const f = rawTracepoint("x");')).toContain("rawTracepoint(where, (…) => { … })");
    expect(said("bpf.pid();")).toContain("only declarations stand at the top of a kernel module");
    expect(said("const f = (;")).toContain("ERROR: Unexpected token");
  });
});

describe("where no kernel is asked", () => {
  const compiled = (program: string) =>
    compileModule(
      {
        name: "t.bpf.ts",
        text: `import { bpf, cgroupConnect4, hash, tracepoint, u32, u64, uprobe, xdp } from "scry/bpf";\n${program}`,
      },
      { anyTracepoint: true, embedded: true },
    );
  it.each([
    [
      'tracepoint("a:b", (event) => { const { one } = event; if (event.two > one) bpf.print("x"); })',
      "24 one 8 8 value, two 16 8 value",
    ],
    [
      'uprobe("/bin/x:f", (size: u64, at) => { if (size > at) bpf.print("x"); })',
      "168 size 112 8 value, at 104 8 value",
    ],
    [
      "xdp((packet) => packet.data_end - packet.data)",
      "24 data 0 4 value, data_end 4 4 value, data_meta 8 4 value, ingress_ifindex 12 4 value, rx_queue_index 16 4 value, egress_ifindex 20 4 value",
    ],
    [
      "cgroupConnect4((call) => (call.user_port === 80 ? 0 : 1))",
      "72 user_family 0 4 value, user_ip4 4 4 value, user_ip6 8 16 array, user_port 24 4 value",
    ],
  ])("%s", (program, layout) => {
    const { object, diagnostics } = compiled(`export const f = ${program};`);
    expect(diagnostics).toEqual([]);
    const { size = 0, fields = [] } = object?.programs[0]?.context ?? {};
    expect(`${size} ${fields.map((f) => `${f.name} ${f.offset} ${f.size} ${f.kind}`).join(", ")}`).toContain(layout);
  });
});
