// One program for several kinds of interfaces: each kind's packets are asked what their own program asks.

import { expect, it } from "vitest";
import type { ClassicInstruction } from "../../isa/index.ts";
import { packet } from "../../packets/index.ts";
import { classicByHardware, classicFunction, compileFilter } from "./index.ts";

/** Without what the kernel alone knows: the kind is a number here. */
const of = (program: readonly ClassicInstruction[], hardware: number): readonly ClassicInstruction[] =>
  program.map((one) => (one.k === 0xfffff01c ? { code: 0x00, jt: 0, jf: 0, k: hardware } : one));

const filters = [
  "udp port 53",
  "tcp[tcpflags] & tcp-syn != 0 or icmp",
  "ip6 and not udp",
  "ip[6:2] & 0x1fff = 0 and len > 60",
];
const packets = [
  packet().ipv4().udp({ destination: 53 }),
  packet().ipv4().tcp({ syn: true }),
  packet().ipv6().tcp({ syn: true }),
  packet().ipv4().icmp(),
  packet().ipv4().udp({ destination: 54 }).payload(new Uint8Array(60)),
];

for (const text of filters)
  it(text, () => {
    const [ethernet, ip] = [compileFilter(text), compileFilter(text, { linkType: 101 })];
    const program = classicByHardware([
      { hardware: [1, 772], program: ethernet.classic },
      { hardware: [519, 768, 65534], program: ip.classic },
    ]);
    for (const one of packets) {
      const bytes = one.bytes();
      const type = (bytes[0] as number) >> 4 === 6 ? [0x86, 0xdd] : [8, 0];
      const framed = Uint8Array.from([...new Uint8Array(12), ...type, ...bytes]);
      for (const kind of [1, 772])
        expect(classicFunction(of(program, kind))(framed) !== 0, `${kind}`).toBe(ethernet.matches(framed));
      for (const kind of [519, 768, 65534])
        expect(classicFunction(of(program, kind))(bytes) !== 0, `${kind}`).toBe(ip.matches(bytes));
      expect(classicFunction(of(program, 803))(framed)).toBe(0);
    }
  });
