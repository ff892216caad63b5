// Every small program by its name; what a refusal says and how; loops cost no more for turning more often; sound against
// the checked interpreter; our own compiler's programs; hostile bytes.

import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CASES } from "../../test/data/verifier-cases.ts";
import { objectOf } from "../../test/data/verifier-objects.ts";
import { randomObject } from "../../test/data/verifier-random-programs.ts";
import { Alu, Jmp } from "../isa/index.ts";
import { compileScript } from "../lang/trace/index.ts";
import { embedded, rawProgram } from "../machine/index.ts";
import type { BpfObject } from "../object/index.ts";
import type { ProbeEnvironment } from "../probes/environment.ts";
import { formatRefusal, type ProgramResult, verify } from "./index.ts";
import {
  constant,
  contains,
  isConstant,
  type Scalar,
  signExtended,
  truncated,
  unsignedRange,
  zeroExtended,
} from "./scalar.ts";
import { binary, swapped } from "./scalar-alu.ts";
import { decided, refine } from "./scalar-branch.ts";

const said = (result: ProgramResult): string => (result.accepted ? "accepted" : result.refusal.message);

/** Random programs, each verified in both profiles, and run where it is accepted. */
const RUNS = Number(process.env.SCRY_RUNS ?? 400);

describe("small programs", () => {
  for (const { name, code, type, refused, strictOnly } of CASES) {
    it(name, () => {
      const object = objectOf(code, type);
      const [linux] = verify(object, { profile: "linux" }).programs as [ProgramResult];
      const [strict] = verify(object, { profile: "strict" }).programs as [ProgramResult];
      if (refused === undefined) {
        expect(said(linux)).toBe("accepted");
        expect(said(strict)).toBe("accepted");
      } else {
        if (strictOnly) expect(said(linux)).toBe("accepted");
        else expect(said(linux)).toContain(refused);
        expect(said(strict)).toContain(refused);
      }
    });
  }
});

describe("a refusal", () => {
  it("names the path, the missing check and only the lines that matter", () => {
    const code = [
      "r6 = *(u64 *)(r1 + 0)",
      "r7 = *(u64 *)(r1 + 8)",
      "r7 += 1",
      "r1 = map_value[global]+0 ll",
      "if r6 > 100 goto out",
      "r1 += r6",
      "*(u8 *)(r1 + 0) = r7",
      "out: r0 = 0",
      "exit",
    ].join("\n");
    const [result] = verify(objectOf(code), { profile: "linux" }).programs as [ProgramResult];
    if (result.accepted) throw new Error("accepted");
    expect(result.refusal.code).toBe("SCRY3006");
    expect(
      formatRefusal(result.refusal),
    ).toBe(`ERROR: This writes 1 byte of a map value (global), which has 64 bytes, but the offset in r1 may be as large as 100 (SCRY3006)
  in case, at 7: *(u8 *)(r1 + 0) = r7
  on the path where:
    5: r6 > 100 is false
  what it depends on:
    0: r6 = *(u64 *)(r1 + 0)
    3: r1 = map_value[0] ll
    5: if r6 > 100 goto +2
    6: r1 += r6
    7: *(u8 *)(r1 + 0) = r7
  missing: check that the offset is between 0 and 63 first`);
  });

  it("refuses unwritten stack where that is asked for", () => {
    const object = objectOf("r0 = *(u64 *)(r10 - 8)\nexit");
    expect(verify(object, { profile: "linux" }).accepted).toBe(true);
    const [result] = verify(object, { profile: "linux", unwrittenStack: "refuse" }).programs as [ProgramResult];
    expect(said(result)).toContain("fp-8 is read, but was never written");
  });

  it("gives up on too many paths, and says so", () => {
    const [result] = verify(objectOf("r0 = 0\nr6 = 1\nloop: r6 *= 3\nif r6 != 0 goto loop\nexit"), {
      profile: "linux",
      budget: 5000,
    }).programs as [ProgramResult];
    expect(said(result)).toMatch(/not known to end|too many paths/);
  });
});

describe("loops", () => {
  const body = "r7 = r6\nr7 &= 63\nr1 = map_value[global]+0 ll\nr1 += r7\nr2 = *(u8 *)(r1 + 0)\nr0 += r2";
  const shapes: { readonly [name: string]: (turns: number) => string } = {
    "counted up": (turns) => `r0 = 0\nr6 = 0\nloop: ${body}\nr6 += 1\nif r6 < ${turns} goto loop\nexit`,
    "counted down": (turns) => `r0 = 0\nr6 = ${turns}\nloop: ${body}\nr6 += -1\nif r6 != 0 goto loop\nexit`,
    "by inequality": (turns) => `r0 = 0\nr6 = 0\nloop: ${body}\nr6 += 1\nif r6 != ${turns} goto loop\nexit`,
    // As clang has it: the counter is cut to its low half before it is compared.
    "cut to 32 bits": (turns) =>
      `r0 = 0\nr6 = 0\nloop: ${body}\nr6 += 1\nr3 = r6\nr3 <<= 32\nr3 >>= 32\nif r3 == ${turns} goto out\ngoto loop\nout: exit`,
    // … and the value before the step is compared, with a register.
    "compared before the step": (turns) =>
      `r0 = 0\nr6 = 0\nr4 = 0\nr8 = ${turns}\nloop: r6 += 1\nr5 = r4\nr4 = r6\nif r8 > r5 goto loop\nexit`,
    "with a counter on the stack": (turns) =>
      `r0 = 0\n*(u64 *)(r10 - 8) = 0\nloop: r6 = *(u64 *)(r10 - 8)\n${body}\nr6 += 1\n*(u64 *)(r10 - 8) = r6\nif r6 < ${turns} goto loop\nexit`,
  };
  for (const [name, code] of Object.entries(shapes)) {
    it(`${name} cost no more for turning more often`, () => {
      const visits = [10, 1000, 1_000_000].map((turns) => {
        const [result] = verify(objectOf(code(turns)), { profile: "strict" }).programs as [ProgramResult];
        expect(said(result)).toBe("accepted");
        expect(result.accepted && result.stepped).toBe(false);
        return result.visited;
      });
      expect(Math.max(...visits)).toBeLessThanOrEqual(Math.min(...visits) * 1.5);
    });
  }

  it("that have to be run, with many ways through each turn, cost no more than each way once a turn", () => {
    const look = "r2 = r10\nr2 += -8\nr1 = map[table] ll\ncall map_lookup_elem";
    const program = (turns: number): string => `*(u64 *)(r10 - 8) = 0\n${look}\nr1 = r0\nif r0 == 0 goto none\ncall f
none: r0 = 0\nexit
f: r6 = 1\n*(u64 *)(r10 - 8) = 0\n*(u64 *)(r10 - 16) = r1
l: r1 = *(u64 *)(r10 - 16)\nr3 = *(u64 *)(r1 + 0)\n*(u64 *)(r10 - 8) = r3\nif r3 == 0 goto next\n${look}
if r0 == 0 goto out\nr3 = *(u64 *)(r0 + 8)\nif r3 == 9 goto next\nr4 = *(u64 *)(r0 + 16)\nif r4 == 0 goto write
r4 &= 32\nif r4 == 0 goto write\ncall get_smp_processor_id
write: r8 = 0\nnext: r6 <<= 1\nif r6 != ${2 ** turns} goto l\nout: exit`;
    const [few, many] = [8, 24].map((turns) => {
      const [result] = verify(objectOf(program(turns), "tracepoint"), { profile: "linux" }).programs as [ProgramResult];
      expect(said(result)).toBe("accepted");
      expect(result.accepted && result.stepped).toBe(true);
      return result.visited;
    }) as [number, number];
    expect(many).toBeLessThanOrEqual(3 * few);
  });

  it("with a counter that one way does not move are not taken for ending", () => {
    const code =
      "r7 = *(u64 *)(r1 + 0)\nr0 = 0\nr6 = 0\nloop: if r7 == r0 goto skip\nr6 += 1\nskip: r0 = r6\nif r6 < 1000000 goto loop\nexit";
    const [result] = verify(objectOf(code), { profile: "strict" }).programs as [ProgramResult];
    expect(said(result)).not.toBe("accepted");
  });
});

describe("profiles", () => {
  const judged = (code: string): string[] =>
    (["linux", "strict"] as const).map((profile) => {
      const [result] = verify(objectOf(code), { profile }).programs as [ProgramResult];
      return said(result);
    });

  it("strict wants divisors that are not zero; Linux gives 0 for such a quotient", () => {
    expect(judged("r2 = *(u64 *)(r1 + 0)\nr0 = 7\nr0 /= r2\nexit")).toEqual([
      "accepted",
      "The divisor in r2 may be 0 (any number)",
    ]);
    expect(judged("r2 = *(u64 *)(r1 + 0)\nr2 |= 1\nr0 = 7\nr0 %= r2\nexit")).toEqual(["accepted", "accepted"]);
  });

  it("Linux gives up on more turns than it would follow; strict wants the end only", () => {
    expect(judged("r0 = 0\nl: r0 += 1\nif r0 < 5000000 goto l\nexit")).toEqual([
      "This loop is not known to end",
      "accepted",
    ]);
  });

  it("both want the end", () => {
    for (const text of judged("r0 = 1\nl: r0 *= 3\nif r0 != 0 goto l\nexit")) expect(text).toMatch(/end/);
  });

  it("strict counts the stack of all open functions together, where Linux gives tracing programs one each", () => {
    const texts = judged("*(u64 *)(r10 - 400) = 1\ncall f\nexit\nf: *(u64 *)(r10 - 400) = 1\nr0 = 0\nexit");
    expect(texts[0]).toBe("accepted");
    expect(texts[1]).toContain("800 bytes of stack");
  });
});

describe("numbers", () => {
  const word = fc.oneof(
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.constantFrom(0n, 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 63n, (1n << 64n) - 1n, (1n << 63n) - 1n),
    fc.bigInt({ min: 0n, max: 300n }),
  );
  const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
  /** A number that is known a little, with one that it stands for. */
  const sample = fc
    .tuple(word, word, fc.constantFrom("range", "bits", "signed", "constant"))
    .map(([a, b, how]): [Scalar, bigint] => {
      if (how === "constant") return [constant(a), a];
      if (how === "bits") return [binary(Alu.AND, unsignedRange(0n, u64(-1n)), constant(b), OPTIONS), a & b];
      const [low, high] = a < b ? [a, b] : [b, a];
      if (how === "range") return [unsignedRange(low, high), low];
      return [signExtended(unsignedRange(low, high), 4, 64), u64(BigInt.asIntN(32, high))];
    });
  const OPTIONS = { width: 64, signed: false, asKernel: false } as const;
  const holds = (s: Scalar, value: bigint): boolean => contains(s, constant(u64(value)));
  const concrete = (code: number, a: bigint, b: bigint, width: 32 | 64): bigint => {
    const r = binary(code, constant(a), constant(b), { width, signed: false, asKernel: false });
    expect(isConstant(r)).toBe(true);
    return r.umin;
  };

  it("every operation's result holds what the machine computes", () => {
    const codes = [Alu.ADD, Alu.SUB, Alu.MUL, Alu.DIV, Alu.MOD, Alu.AND, Alu.OR, Alu.XOR, Alu.LSH, Alu.RSH, Alu.ARSH];
    fc.assert(
      fc.property(
        fc.constantFrom(...codes),
        fc.constantFrom(32 as const, 64 as const),
        fc.boolean(),
        sample,
        sample,
        (code, width, asKernel, [a, x], [b, y]) => {
          expect(holds(binary(code, a, b, { width, signed: false, asKernel }), concrete(code, x, y, width))).toBe(true);
        },
      ),
      { numRuns: 10_000 },
    );
  });

  it("so do extension, truncation and byte swaps", () => {
    fc.assert(
      fc.property(sample, fc.constantFrom(1, 2, 4), ([a, x], size) => {
        expect(holds(truncated(a, size), BigInt.asUintN(8 * size, x))).toBe(true);
        expect(holds(zeroExtended(a), BigInt.asUintN(32, x))).toBe(true);
        expect(holds(signExtended(a, size, 64), BigInt.asIntN(8 * size, x))).toBe(true);
        expect(holds(swapped(a, 8 * size, true), swapped(constant(x), 8 * size, true).umin)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it("a branch is never thought impossible that is taken, and keeps what is true", () => {
    const codes = [
      Jmp.JEQ,
      Jmp.JNE,
      Jmp.JGT,
      Jmp.JGE,
      Jmp.JLT,
      Jmp.JLE,
      Jmp.JSGT,
      Jmp.JSGE,
      Jmp.JSLT,
      Jmp.JSLE,
      Jmp.JSET,
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...codes),
        fc.constantFrom(32 as const, 64 as const),
        sample,
        sample,
        (code, width, [a, x], [b, y]) => {
          const outcome = decided(code, constant(x), constant(y), width) as boolean;
          expect(outcome).toBeTypeOf("boolean");
          const guess = decided(code, a, b, width);
          if (guess !== undefined) expect(guess).toBe(outcome);
          const refined = refine(code, a, b, width, outcome);
          expect(refined !== undefined && holds(refined.left, x) && holds(refined.right, y)).toBe(true);
        },
      ),
      { numRuns: 10_000 },
    );
  });
});

describe("soundness", () => {
  it("nothing that is accepted traps in the checked interpreter", () => {
    let ran = 0;
    for (let seed = 100_000; seed < 100_000 + RUNS; seed++) {
      const object = randomObject(seed);
      for (const profile of ["linux", "strict"] as const) {
        if (!verify(object, { profile }).accepted) continue;
        const machine = embedded(object, { budget: 20_000_000, tier: "interpreter" });
        const xdp = object.programs[0]?.type === "xdp";
        for (let k = 0; k < 3; k++) {
          const words = Array.from(
            { length: 12 },
            (_, i) => [0n, BigInt(i), (1n << 64n) - 1n - BigInt(i)][k] as bigint,
          );
          const { trap } = machine.run(
            undefined,
            xdp ? { packet: new Uint8Array([14, 20, 60][k] as number).fill(k * 77) } : { context: words },
          );
          if (trap !== undefined) throw new Error(`seed ${seed}, ${profile}: ${trap.message} at slot ${trap.slot}`);
          ran++;
        }
      }
    }
    expect(ran).toBeGreaterThan((2 * RUNS) / 3);
  });

  it("takes any bytes without crashing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 256 }), (bytes) => {
        let program: ReturnType<typeof rawProgram>;
        try {
          program = { ...rawProgram(bytes.subarray(0, bytes.length & ~7)), type: "socket_filter" };
        } catch {
          return;
        }
        verify({ maps: [], programs: [program], license: "GPL" }, { profile: "strict", budget: 20_000 });
      }),
      { numRuns: 1000 },
    );
  });
});

const environment: ProbeEnvironment = {
  params: ["42"],
  cpus: 2,
  machine: "x86_64",
  unsafe: true,
  btf: () => undefined,
  tracepoints: (category, name) => [{ category, name }],
  tracepointFormat: () => [
    { name: "common_type", type: "unsigned short", offset: 0, size: 2, signed: false },
    { name: "ret", type: "long", offset: 16, size: 8, signed: true },
    { name: "filename", type: "const char *", offset: 24, size: 8, signed: false },
  ],
  rawTracepoints: () => [],
  kernelFunctions: (name) => [name],
  syscallNumber: () => undefined,
  binary: (name) => name,
  functions: () => [],
  kernelAddress: () => undefined,
  userSymbol: () => undefined,
  cgroupId: () => undefined,
  usdt: () => [],
};

describe("our own compiler's programs", () => {
  const scripts = [
    'begin { printf("hello\\n"); exit() }',
    'tracepoint:a:b { printf("%s %s %d\\n", comm, str(args.filename), pid); }',
    "tracepoint:a:b { @[comm] = count(); }",
    "tracepoint:a:b /pid == $1 && args.ret > 0/ { @bytes[comm] = hist(args.ret); }",
    "tracepoint:a:b { @start[tid] = nsecs; } tracepoint:a:c /@start[tid]/ { @ns[comm] = hist(nsecs - @start[tid]); delete(@start, tid); }",
    "profile:hz:99 { @[kstack] = count(); }",
    "profile:hz:99 { @[ustack, comm] = count(); }",
    "kprobe:vfs_read { @[comm, arg2] = sum(arg2); @m = max(arg2); @n = min(arg2); @a = avg(arg2); @s = stats(arg2); }",
    "kretprobe:vfs_read { @ = lhist(retval, 0, 1000, 100); }",
    "interval:s:1 { print(@x); clear(@x); } begin { @x[1] = 2; }",
    "begin { $i = 0; while ($i < 100) { @x[$i] = $i; $i++; } }",
    "begin { for $i : 0..10 { @x[$i] = $i * 2; } }",
    "begin { @a[1] = 2; @a[3] = 4; for ($kv : @a) { @sum += $kv.1; } }",
    'begin { unroll(5) { @c++; } $t = (1, "abc", 3); @t = $t; printf("%d\\n", $t.0); }',
    'kprobe:f { if (arg1 == 9 && comm == "bash") { @[pid] = count(); } else { @other[strcontains(comm, "x")] = count(); } }',
    'kprobe:f { $x = (uint64)arg0 / 3; $y = arg1 % 7; @ = $x << $y; @b = $x > 3 ? "big" : "small"; }',
  ];
  for (const text of scripts) {
    it(text, () => {
      const { object, source } = compileScript({ name: "script", text }, environment, { ringBytes: 65_536 });
      for (const profile of ["linux", "strict"] as const) {
        const { programs } = verify(object, { profile, cpus: 2 });
        expect(programs.map((one) => (one.accepted ? "accepted" : formatRefusal(one.refusal, source)))).toEqual(
          programs.map(() => "accepted"),
        );
      }
    });
  }
});

describe("bpf_conformance", () => {
  const folder = new URL("../../../shared/fixtures/bpf_conformance/", import.meta.url);
  const present = existsSync(folder);
  it.skipIf(!present)("every program is judged, most are accepted", () => {
    const tests = JSON.parse(readFileSync(new URL("index.json", folder), "utf8")) as { code: string; mem?: string }[];
    let accepted = 0;
    for (const { code, mem } of tests) {
      const bytes = Uint8Array.from((code.match(/[0-9a-f]{2}/gi) ?? []).map((x) => Number.parseInt(x, 16)));
      const memory = (mem?.match(/[0-9a-f]{2}/gi) ?? []).length;
      const object: BpfObject = { maps: [], programs: [rawProgram(bytes)], license: "GPL" };
      if (verify(object, { profile: "linux", memory }).accepted) accepted++;
    }
    // Linux refuses the 12 shifts that are masked and the call through a register.
    expect(accepted).toBeGreaterThanOrEqual(tests.length - 20);
  });
});
