// Classic BPF: bytes there and back, text as tcpdump prints it, and libpcap's own programs.
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeClassic, disassembleClassic, encodeClassic } from "./classic.ts";

describe("classic BPF", () => {
  it("prints as `tcpdump -d` does", () => {
    // tcpdump -y EN10MB -d 'ip and udp port 53'
    const program = [
      { code: 0x28, jt: 0, jf: 0, k: 12 },
      { code: 0x15, jt: 0, jf: 10, k: 0x800 },
      { code: 0x30, jt: 0, jf: 0, k: 23 },
      { code: 0x15, jt: 0, jf: 8, k: 17 },
      { code: 0x28, jt: 0, jf: 0, k: 20 },
      { code: 0x45, jt: 6, jf: 0, k: 0x1fff },
      { code: 0xb1, jt: 0, jf: 0, k: 14 },
      { code: 0x48, jt: 0, jf: 0, k: 14 },
      { code: 0x15, jt: 2, jf: 0, k: 53 },
      { code: 0x48, jt: 0, jf: 0, k: 16 },
      { code: 0x15, jt: 0, jf: 1, k: 53 },
      { code: 0x06, jt: 0, jf: 0, k: 262144 },
      { code: 0x06, jt: 0, jf: 0, k: 0 },
    ];
    expect(disassembleClassic(program)).toBe(`(000) ldh      [12]
(001) jeq      #0x800           jt 2\tjf 12
(002) ldb      [23]
(003) jeq      #0x11            jt 4\tjf 12
(004) ldh      [20]
(005) jset     #0x1fff          jt 12\tjf 6
(006) ldxb     4*([14]&0xf)
(007) ldh      [x + 14]
(008) jeq      #0x35            jt 11\tjf 9
(009) ldh      [x + 16]
(010) jeq      #0x35            jt 11\tjf 12
(011) ret      #262144
(012) ret      #0`);
  });
  it("goes there and back", () => {
    const one = fc.record({ code: fc.nat(0xffff), jt: fc.nat(255), jf: fc.nat(255), k: fc.nat({ max: 0xffffffff }) });
    fc.assert(
      fc.property(fc.array(one), (program) => {
        expect(decodeClassic(encodeClassic(program))).toEqual(program);
      }),
    );
    expect(() => decodeClassic(new Uint8Array(12))).toThrow("slot 1: the program ends within");
  });
});

const golden = new URL("../../../shared/fixtures/pcap-filter/golden.json", import.meta.url);
const present = existsSync(golden);
if (!present) console.warn("skipped: the fixtures of pcap-filter are not here");
describe.skipIf(!present)("libpcap's programs", () => {
  it("hold no instruction that has no text", () => {
    const programs = JSON.parse(readFileSync(golden, "utf8")) as { code: [number, number, number, number][] }[];
    expect(programs.length).toBeGreaterThan(500);
    for (const { code } of programs) {
      const program = code.map(([op, jt, jf, k]) => ({ code: op, jt, jf, k: k >>> 0 }));
      expect(decodeClassic(encodeClassic(program))).toEqual(program);
      expect(disassembleClassic(program)).not.toContain("unimp");
    }
  });
});
