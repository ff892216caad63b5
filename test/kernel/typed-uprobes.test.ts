// Functions of a program that the test starts: their parameters have the types of its debug information, and its structs are
// read in its memory.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { kernelBtf } from "../../src/kernel/index.ts";
import { kernelDeclarations, namesOf } from "../../src/lang/kernel-types/index.ts";
import { load, type RecordStream } from "../../src/loader/index.ts";
import { DiagnosticError } from "../../src/source/index.ts";
import { binaryFunctions, placesOf, probeArguments } from "../../src/sources/index.ts";
import { compileProgram, workFolder } from "../support/c-object.ts";
import { hasGcc, lacking } from "../support/skips.ts";
import { complaintsOf } from "../support/typescript.ts";

const folder = workFolder();
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill();
  folder.remove();
});

const APP = `
#include <stdio.h>
enum kind { READ = 3, WRITE = 9 };
struct owner { int id; char name[16]; };
struct request { unsigned char flags : 3, urgent : 2; enum kind kind; long size; const char *path; struct owner *owner;
  struct request *next; unsigned short parts[4]; struct { int low, high; } span; };
__attribute__((noinline)) struct request *handle(struct request *request, int depth, unsigned char flag, const char *why) {
  asm volatile("" ::: "memory"); return request->next; }
__attribute__((noinline)) int scaled(double factor, int n) { asm volatile("" ::: "memory"); return n * factor; }
int main(void) {
  char line[64];
  struct owner owner = { 42, "an owner" };
  struct request last = { 1, 1, READ, 7, "/last", 0, 0, { 9 }, { 5, 6 } };
  struct request first = { 5, 2, WRITE, -8, "/first", &owner, &last, { 1, 2, 3, 4 }, { -1, 70000 } };
  puts("ready"); fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    handle(&first, -3, 200, "because");
    scaled(1.5, 4);
    puts("done"); fflush(stdout);
  }
}`;

const module = (app: string): string => `
import { bpf, i32, i64, ring, struct, subprogram, text, u16, u32, u8, uprobe, uretprobe } from "scry/bpf";
import type { request_2 } from "scry/bpf";
const Seen = struct({ depth: i32, flag: u8, why: text(16), kind: u32, size: i64, path: text(16), owner: i32, name: text(16),
  next: i64, part: u16, high: i32, bits: u8, urgent: u8, parent: i32, sum: i64 });
export const seen = ring(Seen);
export const given = ring(struct({ size: i64 }));
const sizes = subprogram((r: request_2, n: i64): i64 => r.size + n);
function sizeOfNext(r: request_2): i64 { return r.next?.size ?? 0; }
export const handle = uprobe("${app}:handle", (request, depth, flag, why) => {
  const owner = request.owner;
  seen.send({
    depth, flag, why: bpf.userText(why), kind: request.kind, size: request.size, path: bpf.userText(request.path),
    owner: owner?.id ?? -1, name: owner.name, next: sizeOfNext(request), part: request.parts[2], high: request.span.high,
    bits: request.flags, urgent: request.urgent, parent: i32(bpf.task().tgid), sum: sizes(request, 100),
  });
});
export const left = uretprobe("${app}:handle", (result) => { given.send({ size: result.size }); });
`;

describe.skipIf(lacking("debug information of programs", { gcc: hasGcc }))("uprobes without types", () => {
  const app = (): string => compileProgram(folder.path, "app", APP);
  it("have those of the program", async () => {
    const program = app();
    const path = join(folder.path, "app.bpf.ts");
    writeFileSync(path, module(program));
    const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    await using run = await load(path, { attach: false });
    await run.object.attach({ pid: child.pid as number });
    child.stdin?.write("x\n");
    await once(child.stdout as NodeJS.ReadableStream, "data");
    const { seen, given } = run as unknown as Record<string, RecordStream<unknown>>;
    expect(seen?.take()).toEqual([
      {
        ...{ depth: -3, flag: 200, why: "because", kind: 9, size: -8n, path: "/first", owner: 42, name: "an owner" },
        ...{ next: 7n, part: 3, high: 70000, bits: 5, urgent: 2, parent: child.pid, sum: 92n },
      },
    ]);
    expect(given?.take()).toEqual([{ size: 7n }]);
  });

  it("are declared, by what a module names or whole, and tsc takes the module", () => {
    const program = app();
    const text = module(program);
    const programs = { function: binaryFunctions(), probe: probeArguments };
    writeFileSync(join(folder.path, "app.bpf.ts"), text);
    writeFileSync(
      join(folder.path, "kernel.d.ts"),
      kernelDeclarations({ btf: kernelBtf(), programs }, namesOf([text])),
    );
    const files = ["kernel.d.ts", "app.bpf.ts"];
    expect(complaintsOf(folder.path, files).text).toBe("");
    writeFileSync(
      join(folder.path, "app.bpf.ts"),
      text.replace("request.size", "request.sise").replace("owner?.id", "owner?.ids"),
    );
    expect(complaintsOf(folder.path, files).lines).toEqual([
      expect.stringMatching(/^app\.bpf\.ts:\d+ TS(?:2339|2551)$/),
      expect.stringMatching(/^app\.bpf\.ts:\d+ TS(?:2339|2551)$/),
    ]);
    const whole = kernelDeclarations(
      { btf: kernelBtf(), programs: { ...programs, ...placesOf(program) } },
      namesOf([]),
    );
    expect(whole).toContain(`"${program}:scaled": (factor: unknown, n: i32) => i32;`);
    expect(whole).toContain("readonly span: { readonly low: i32; readonly high: i32; };");
    expect(whole).not.toContain("task_struct");
  });

  it.each([
    ["request.sise", "handle", "(request) => { request.sise; }", /struct request has no member named 'sise'/],
    ["a fifth", "handle", "(a, b, c, d, e) => {}", /there are only 4 arguments here/],
    ["what is behind a fraction", "scaled", "(factor, n) => {}", /'factor' is a floating-point number/],
  ])("%s is refused", async (_name, fn, body, message) => {
    const path = join(folder.path, "wrong.bpf.ts");
    writeFileSync(path, `import { uprobe } from "scry/bpf";\nexport const p = uprobe("${app()}:${fn}", ${body});\n`);
    const error = await load(path).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DiagnosticError);
    expect((error as DiagnosticError).diagnostics[0]?.message).toMatch(message);
  });
});
