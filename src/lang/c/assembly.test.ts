// Assembly within C, on the embedded machine: operands, labels, jumps to labels of C, whole functions.

import { describe, expect, it } from "vitest";
import { embedded } from "../../machine/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { compileC } from "./index.ts";

/** What a program gives for a packet of these bytes. */
function result(body: string, before = ""): number | string {
  const text = `#include <bpf/bpf_helpers.h>\n#define __naked __attribute__((naked))\n${before}\nSEC("xdp") ${body}\nchar LICENSE[] SEC("license") = "GPL";\n`;
  const source = { name: "asm.bpf.c", text };
  const { object, diagnostics } = compileC(source);
  if (object === undefined) throw new DiagnosticError(diagnostics, source);
  const { value, trap } = embedded(object, { tier: "interpreter", verify: "linux" }).run(undefined, {
    packet: Uint8Array.from({ length: 64 }, (_, i) => i),
  });
  return trap?.message ?? value;
}

const inC = (body: string): string => `int p(struct xdp_md { unsigned data, data_end; } *ctx) { ${body} }`;

describe("assembly", () => {
  const cases: readonly {
    readonly name: string;
    readonly program: string;
    readonly value: number;
    readonly before?: string;
  }[] = [
    {
      name: "an output and an input",
      program: inC('long x = 5, y; asm volatile("%0 = %1; %0 += 2" : "=r"(y) : "r"(x)); return y;'),
      value: 7,
    },
    {
      name: "what is read and written, by name",
      program: inC('int x = 5; asm("%[x] *= 3" : [x] "+r"(x)); return x;'),
      value: 15,
    },
    { name: "a barrier", program: inC("long x = 9; barrier_var(x); barrier(); return x;"), value: 9 },
    {
      name: "one that has the place of an output",
      program: inC('long x = 4, y; asm("" : "=r"(y) : "0"(x)); return y;'),
      value: 4,
    },
    {
      name: "constants",
      program: inC('long y; asm("%0 = %[n] ll" : "=r"(y) : [n] "i"(0x123456789L)); return y >> 4;'),
      value: 0x12345678,
    },
    {
      name: "numbers of 32 bits",
      program: inC('long y = -1; asm("%w0 += %1" : "+r"(y) : "ri"(2)); return y == 1;'),
      value: 1,
    },
    {
      name: "memory",
      program: inC('long v[2] = {3, 4}, y; asm("%0 = *(u64 *)(%1 + 8)" : "=r"(y) : "r"(v)); return y;'),
      value: 4,
    },
    {
      name: "a place in memory",
      program: inC('int v = 3; asm("r3 = *(u32 *)%0; r3 += 1; *(u32 *)%0 = r3" : "+m"(v) :: "r3"); return v;'),
      value: 4,
    },
    {
      name: "a loop, with local labels",
      program: inC(
        'long n = 0, i = 0; asm volatile("1: %0 += %1; %1 += 1; if %1 < 5 goto 1b; goto 2f; %0 = 0; 2:" : "+r"(n), "+r"(i)); return n;',
      ),
      value: 10,
    },
    {
      name: "labels by name",
      program: inC('long n = 1; asm volatile("if %0 == 1 goto l0_%=; %0 = 7; l0_%=: %0 += 1;" : "+r"(n)); return n;'),
      value: 2,
    },
    {
      name: "jumps to labels of C",
      program: inC(
        'long n = 3; asm volatile goto("if %0 s> %1 goto %l[big]" :: "r"(n), "i"(2) :: big); return 1; big: return 2;',
      ),
      value: 2,
    },
    { name: "bytes", program: inC('long x = 0x1234; asm("%0 = be16 %0" : "+r"(x)); return x;'), value: 0x3412 },
    {
      name: "an atomic operation",
      program: inC(
        'long v = 5, y = 2; asm("%1 = atomic_fetch_add((u64 *)(%0 + 0), %1)" :: "r"(&v), "r"(y) : "memory"); return v;',
      ),
      value: 7,
    },
    { name: "a whole function", program: '__naked int p(void) { asm volatile("r0 = 2; r0 <<= 3; exit"); }', value: 16 },
    {
      name: "a whole function with a frame",
      program:
        '__naked int p(void) { asm volatile("*(u64 *)(r10 - 8) = r1; r6 = *(u64 *)(r10 - 8); r1 = *(u32 *)(r6 + 0); r2 = *(u32 *)(r6 + 4); r0 = r1; r0 += 1; if r0 > r2 goto 1f; r0 = *(u8 *)(r1 + 0); r0 += 40; exit; 1: r0 = 0; exit"); }',
      value: 40,
    },
    {
      name: "a helper and a map",
      program:
        '__naked int p(void) { asm volatile("r1 = 1; *(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = %[m] ll; call %[lookup]; if r0 == 0 goto 1f; r0 = *(u64 *)(r0 + 0); r0 += 5; exit; 1: r0 = 9; exit" :: [m] "i"(&m), [lookup] "i"(bpf_map_lookup_elem)); }',
      value: 5,
      before:
        'struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, int); __type(value, long); } m SEC(".maps");',
    },
    {
      name: "a function of C",
      program: '__naked int p(void) { asm volatile("r1 = 4; call twice; r0 += 1; exit"); }',
      value: 9,
      before: "__attribute__((noinline)) int twice(int x) { return x * 2; }",
    },
  ];
  it.each(cases)("$name", ({ program, value, before }) => {
    expect(result(program, `enum { BPF_MAP_TYPE_ARRAY = 2 };\n${before ?? ""}`)).toBe(value);
  });
});
