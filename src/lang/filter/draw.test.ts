// Graphs of filters drawn: what a tree looks like, and that nothing is left out or drawn twice, whatever the filter.

import { describe, expect, it } from "vitest";
import { packet } from "../../packets/index.ts";
import { compileFilter, drawFilter, graphFilter } from "./index.ts";

const filter = (text: string) => compileFilter(text, { mayMatchNothing: true });
const web = packet().eth().ipv4({ source: "10.0.0.7" }).tcp({ destination: 80 }).bytes();

describe("a filter drawn as a tree", () => {
  it("has the longer way below, and the shorter one beside", () => {
    expect(drawFilter(filter("tcp dst port 443 or (icmp and src host 10.0.0.1)"))).toBe(
      `
1  [12:2] = 0x86dd                                                  tcp dst port 443
├─ yes ─ 2  [20] = 6 (no: miss)                                     tcp dst port 443
│        │ yes
│        3  [56:2] = 0x01bb (yes: match, no: miss)                  tcp dst port 443
│ no
4  [12:2] = 0x0800 (no: miss)                                       tcp dst port 443, icmp, src host 10.0.0.1
│ yes
5  [23] = 6                                                         tcp dst port 443
├─ yes ─ 6  [20:2] has 0x1fff (yes: miss)                           tcp dst port 443
│        │ no
│        7  [4*([14] & 15) + 16:2] = 0x01bb (yes: match, no: miss)  tcp dst port 443
│ no
8  [23] = 1 (no: miss)                                              icmp
│ yes
9  [26:4] = 0x0a000001 (yes: match, no: miss)                       src host 10.0.0.1
`.slice(1),
    );
    expect(drawFilter(filter(""))).toBe("every packet: match\n");
  });

  it("marks the way of a packet", () => {
    expect(drawFilter(filter("ip6 or (ip and tcp dst port 443)"), { data: web })).toBe(
      `
>  1  [12:2] = 0x86dd (yes: match)                              is 0x0800  ip6, tcp dst port 443
>  │ no
>  2  [12:2] = 0x0800 (no: miss)                                is 0x0800  ip, tcp dst port 443
>  │ yes
>  3  [23] = 6 (no: miss)                                       is 6       tcp dst port 443
>  │ yes
>  4  [20:2] has 0x1fff (yes: miss)                             is 0       tcp dst port 443
>  │ no
>  5  [4*([14] & 15) + 16:2] = 0x01bb (yes: match, no: miss <)  is 80      tcp dst port 443
it does not match
`.slice(1),
    );
  });

  const many = [
    "host 10.0.0.1 or host 10.0.0.2 or net 10.1.0.0/16",
    "port 53 or port 80 or (vlan and port 443)",
    "not (tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn or icmp[0] > 3) and ip6 proto 17",
    Array.from({ length: 300 }, (_, i) => `port ${i + 1}`).join(" or "),
    Array.from({ length: 1500 }, (_, i) => `(ether[${i % 200}] = ${i % 251} and len > ${i})`).join(" or "),
    Array.from({ length: 60 }, (_, i) => `(src port ${i + 1} and len > ${i + 60})`).join(" or "),
  ];
  for (const text of many)
    it(`has each test once: ${text.slice(0, 60)}`, () => {
      const tree = drawFilter(filter(text));
      const numbers = tree
        .split("\n")
        .flatMap((row) => /^(?:[│├─ ]|yes|no)*(\d+) {2}/.exec(row)?.[1] ?? [])
        .map(Number);
      const dot = graphFilter(filter(text), "dot");
      const tests = dot.split("\n").filter((line) => /^ {2}n\d+ \[/.test(line)).length;
      expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: tests }, (_, i) => i + 1));
      expect(Math.max(...tree.split("\n").map((row) => row.length))).toBeLessThan(400);
      // Every way leads somewhere: two of each test.
      expect(dot.match(/ -> /g)?.length).toBe(2 * tests);
      expect(graphFilter(filter(text), "mermaid").match(/-->/g)?.length).toBe(2 * tests);
    });
});

describe("a filter as the text of a picture", () => {
  it("for Graphviz, with the way of a packet", () => {
    expect(graphFilter(filter("tcp[0:2] > 5 and len < 99"), "dot", { data: web }).split("\n")).toEqual(
      expect.arrayContaining([
        "digraph filter {",
        expect.stringMatching(/^ {2}n1 \[label="\[12:2\] = 0x0800\\ntcp\[0:2\] > 5", penwidth=3\];$/),
        "  miss [shape=oval];",
        expect.stringMatching(/^ {2}n1 -> n2 \[label=yes, penwidth=3\];$/),
      ]),
    );
    expect(graphFilter(filter(""), "dot")).toContain("match [shape=oval]");
  });

  it("for Mermaid, with what it takes for its own written as numbers", () => {
    const text = graphFilter(filter("ip[8] < 5"), "mermaid", { data: web });
    expect(text).toContain(`n2["[22] #62;= 5<br>ip[8] #60; 5"]`);
    expect(text).toMatch(/linkStyle 0,2 stroke-width:3px/);
    expect(text).not.toContain("ip[8] <");
  });
});
