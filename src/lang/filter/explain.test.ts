// Graphs with the words of their filters, and the ways of packets through them.
import { describe, expect, it } from "vitest";
import { packet } from "../../packets/index.ts";
import { compileFilter } from "./compile-filter.ts";
import { explainFilter } from "./explain.ts";

const explained = (text: string, data?: Uint8Array): string[] =>
  explainFilter(compileFilter(text, { mayMatchNothing: true }), data === undefined ? undefined : { data })
    .trimEnd()
    .split("\n")
    .map((line) => line.replaceAll(/ {2,}/g, " "));

describe("a filter explained", () => {
  it("is its tests, where they lead, and the words that ask for them", () => {
    expect(explained("ip and (host 10.0.0.1 or ip[8] < 5)")).toEqual([
      "1 [12:2] = 0x0800 yes 2, no miss ip, host 10.0.0.1, ip[8] < 5",
      "2 [26:4] = 0x0a000001 yes match, no 3 host 10.0.0.1",
      "3 [30:4] = 0x0a000001 yes match, no 4 host 10.0.0.1",
      "4 [22] >= 5 yes miss, no match ip[8] < 5",
    ]);
    expect(explained("tcp[tcpflags] & tcp-syn != 0").at(-1)).toMatch(
      /^4 \[4\*\(\[14\] & 15\) \+ 27\] has 2 yes match, no miss tcp\[tcpflags\]/,
    );
    expect(explained("")).toEqual(["every packet: match"]);
    expect(explained("len < 0")).toEqual(["every packet: miss"]);
  });

  it("is the way of a packet", () => {
    const web = packet().eth().ipv4({ source: "10.0.0.7" }).tcp({ destination: 443 }).bytes();
    expect(explained("tcp dst port 443 and src host 10.0.0.7", web).at(-1)).toBe("it matches");
    const way = explained("tcp dst port 80", web);
    expect(way.at(-2)).toMatch(/ is 0x01bb +no +tcp dst port 80$/);
    expect(way.at(-1)).toBe("it does not match");
    expect(explained("tcp dst port 443", web.subarray(0, 30)).at(-2)).toContain("not in the packet");
  });
});
