import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseElf, SectionFlag, x86Length } from "./index.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.split(" "), (byte) => Number.parseInt(byte, 16));

// Forms that ordinary code seldom has; each is one whole instruction (what `objdump -d` says of the bytes).
const whole: readonly (readonly [string, string])[] = [
  ["f3 0f 1e fa", "endbr64"],
  ["66 66 2e 0f 1f 84 00 00 00 00 00", "data16 cs nopw 0x0(%rax,%rax,1)"],
  ["48 b8 01 02 03 04 05 06 07 08", "movabs $0x807060504030201,%rax"],
  ["66 b8 01 02", "mov $0x201,%ax"],
  ["48 a1 01 02 03 04 05 06 07 08", "movabs 0x807060504030201,%rax"],
  ["67 a1 01 02 03 04", "addr32 mov 0x4030201,%eax"],
  ["c8 10 00 01", "enter $0x10,$0x1"],
  ["c2 08 00", "ret $0x8"],
  ["f6 c1 01", "test $0x1,%cl"],
  ["f6 d1", "not %cl"],
  ["f7 c1 01 00 00 00", "test $0x1,%ecx"],
  ["66 f7 c1 01 00", "test $0x1,%cx"],
  ["f7 d9", "neg %ecx"],
  ["66 48 e8 01 02 03 04", "data16 rex.W call"],
  ["8b 04 25 00 00 00 00", "mov 0x0,%eax"],
  ["8b 84 24 00 01 00 00", "mov 0x100(%rsp),%eax"],
  ["8f 00", "pop (%rax)"],
  ["8f e9 78 81 00", "vfrczpd (%rax),%xmm0 (XOP map 9)"],
  ["8f e8 78 c0 c1 07", "vprotb $0x7,%xmm1,%xmm0 (XOP map 8)"],
  ["8f ea 78 10 c1 01 00 00 00", "bextr $0x1,%ecx,%eax (XOP map 10)"],
  ["0f 0f c1 9e", "pfadd %mm1,%mm0"],
  ["66 0f 78 c0 01 02", "extrq $0x2,$0x1,%xmm0"],
  ["f2 0f 78 c1 01 02", "insertq $0x2,$0x1,%xmm1,%xmm0"],
  ["0f 38 f0 00", "movbe (%rax),%eax"],
  ["66 0f 3a 0f c1 08", "palignr $0x8,%xmm1,%xmm0"],
  ["c5 f8 77", "vzeroupper"],
  ["c5 fd 73 d8 01", "vpsrldq $0x1,%ymm0,%ymm0"],
  ["c4 e2 7d 18 05 00 00 00 00", "vbroadcastss 0x0(%rip),%ymm0"],
  ["c4 e3 7d 39 c1 01", "vextracti128 $0x1,%ymm0,%xmm1"],
  ["62 f1 7c 48 10 06", "vmovups (%rsi),%zmm0"],
  ["62 f3 7d 48 3f c2 00", "vpcmpeqb %zmm2,%zmm0,%k0"],
  ["62 f5 7c 48 58 c1", "vaddph %zmm1,%zmm0,%zmm0"],
  ["c7 f8 00 00 00 00", "xbegin"],
  ["d9 c0", "fld %st(0)"],
  ["0f 05", "syscall"],
];

describe("x86Length", () => {
  for (const [hex, text] of whole)
    it(text, () => {
      const code = bytes(hex);
      expect(x86Length(code, 0)).toBe(code.length);
      for (let end = 0; end < code.length; end++) expect(x86Length(code.subarray(0, end), 0), `cut at ${end}`).toBe(0);
    });

  it("knows what is no instruction in 64-bit mode", () => {
    for (const hex of ["06", "27", "60", "9a 00 00 00 00 00 00", "d6", "ea", "0f 04", "0f ff ff"].slice(0, 7))
      expect(x86Length(bytes(hex), 0), hex).toBe(0);
  });

  it("reads any bytes, and says at most 15", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), (code) => {
        const length = x86Length(code, 0);
        return length >= 0 && length <= Math.min(15, code.length);
      }),
      { numRuns: 3000 },
    );
  });
});

const programs = ["/bin/bash", "/lib/x86_64-linux-gnu/libc.so.6"].filter((path) => existsSync(path));

describe.skipIf(process.platform !== "linux" || process.arch !== "x64")("real programs, as objdump reads them", () => {
  for (const path of programs)
    it(path, { timeout: 60_000 }, () => {
      const file = parseElf(readFileSync(path));
      const listing = spawnSync("objdump", ["-d", "-z", "-w", path], { maxBuffer: 1 << 28 }).stdout.toString("latin1");
      const wrong: string[] = [];
      let count = 0;
      let code: Uint8Array | undefined;
      let start = 0;
      // The byte columns stand between two tabs: three characters a byte.
      for (const match of listing.matchAll(/^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+)/gm)) {
        const address = Number.parseInt(match[1] as string, 16);
        if (code === undefined || address < start || address >= start + code.length) {
          const section = file.sections.find(
            (s) => (s.flags & SectionFlag.EXEC) !== 0 && s.address <= address && address < s.address + s.size,
          );
          if (section === undefined) throw new Error(`no code at ${match[1]}`);
          code = file.data(section);
          start = section.address;
        }
        count++;
        if (x86Length(code, address - start) !== (match[2] as string).length / 3) wrong.push(match[0]);
      }
      expect(wrong.slice(0, 10)).toEqual([]);
      expect(count).toBeGreaterThan(100_000);
    });
});
