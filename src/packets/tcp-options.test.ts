// Options of TCP headers, as connections begin with them, and as nobody should write them.

import { describe, expect, it } from "vitest";
import { decodePacket, formatPacket, packet, type TcpOption } from "./index.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(text.split(" ").map((byte) => Number.parseInt(byte, 16)));
const built = (options: string): Uint8Array =>
  packet()
    .eth()
    .ipv4()
    .tcp({ syn: true, options: bytes(options) })
    .bytes();
const options = (text: string): readonly TcpOption[] | undefined => decodePacket(built(text)).headers[2]?.options;

const cases: readonly (readonly [what: string, bytes: string, read: readonly TcpOption[] | undefined, line: string])[] =
  [
    [
      "as Linux opens a connection",
      "02 04 05 b4 04 02 08 0a 00 00 00 7b 00 00 00 00 01 03 03 07",
      [
        { option: "mss", size: 1460 },
        { option: "sackPermitted" },
        { option: "timestamps", value: 123, echo: 0 },
        { option: "windowScale", shift: 7 },
      ],
      "mss 1460 sackPermitted timestamps 123 0 windowScale 7",
    ],
    [
      "what has arrived apart",
      "01 01 05 12 ff ff ff fe 00 00 00 05 00 00 00 09 00 00 00 0c",
      [
        {
          option: "sack",
          blocks: [
            [4294967294, 5],
            [9, 12],
          ],
        },
      ],
      "sack 4294967294-5 9-12",
    ],
    ["behind the end is nothing", "00 02 04 05", [], ""],
    ["known by name", "13 04 aa bb", [{ option: "md5", bytes: 4 }], "md5"],
    ["known by number", "fd 04 aa bb", [{ option: "kind253", bytes: 4 }], "kind253"],
    ["of no length", "01 01 02 00", [{ option: "damaged", at: 22 }], "(options damaged at byte 22)"],
    ["of a length that is not its own", "02 03 05 01", [{ option: "damaged", at: 20 }], "(options damaged at byte 20)"],
    ["longer than the header", "fd 05 00 00", [{ option: "damaged", at: 20 }], "(options damaged at byte 20)"],
    ["a kind without a length", "01 01 01 02", [{ option: "damaged", at: 23 }], "(options damaged at byte 23)"],
  ];

describe("options of TCP", () => {
  for (const [what, text, read, line] of cases)
    it(what, () => {
      expect(options(text)).toEqual(read);
      expect(formatPacket(decodePacket(built(text)))).toMatch(
        new RegExp(`window 65535${line === "" ? "" : ` ${line.replace(/[()]/g, "\\$&")}`}$`),
      );
    });

  it("none, where the header has none", () => {
    expect(decodePacket(packet().eth().ipv4().tcp().bytes()).headers[2]).not.toHaveProperty("options");
  });

  it("any bytes are read within the header", () => {
    let seed = 20261129;
    const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 24;
    for (let i = 0; i < 5000; i++) {
      const given = Uint8Array.from({ length: 4 * (1 + (random() % 10)) }, random);
      const decoded = decodePacket(packet().eth().ipv4().tcp({ options: given }).payload("rest").bytes());
      const found = decoded.headers[2]?.options ?? [];
      expect(found.filter(({ option }) => option === "damaged").length).toBeLessThan(2);
      expect(found.length).toBeLessThan(21);
      expect(() => formatPacket(decoded)).not.toThrow();
    }
  });
});
