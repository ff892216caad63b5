// The grammar of pcap-filter(7), odd places included, and what is said of a text that is none.
import { describe, expect, it } from "vitest";
import { DiagnosticError, formatDiagnostic } from "../../source/index.ts";
import { compileFilter } from "./compile-filter.ts";
import { parseFilter } from "./parse.ts";
import type { Arithmetic, Expression } from "./tree.ts";

function shown(tree: Expression): string {
  switch (tree.kind) {
    case "all":
      return "all";
    case "and":
    case "or":
      return `(${shown(tree.left)} ${tree.kind} ${shown(tree.right)})`;
    case "not":
      return `!${shown(tree.of)}`;
    case "relation":
      return `${number(tree.left)} ${tree.relation} ${number(tree.right)}`;
    case "protocol":
      return tree.name;
    case "id": {
      const { protocol, direction, type } = tree.qualifiers;
      return [protocol, direction, type, tree.id.text].filter((part) => part !== undefined).join(" ");
    }
    case "word":
      return [tree.protocol, tree.word, tree.text, tree.number].filter((part) => part !== undefined).join(" ");
  }
}

function number(tree: Arithmetic): string {
  switch (tree.kind) {
    case "number":
      return `${tree.number}`;
    case "length":
      return "len";
    case "negate":
      return `-${number(tree.of)}`;
    case "binary":
      return `(${number(tree.left)} ${tree.operator} ${number(tree.right)})`;
    case "bytes":
      return `${tree.protocol}[${number(tree.at)}:${tree.size}]`;
  }
}

describe("the grammar of filters", () => {
  it.each([
    ["", "all"],
    ["tcp or udp and ip", "((tcp or udp) and ip)"],
    ["not tcp and not ether host 0:1:2:3:4:5", "(!tcp and !link host 0:1:2:3:4:5)"],
    ["tcp dst port 80 or 443 or https", "((tcp dst port 80 or tcp dst port 443) or tcp dst port https)"],
    ["port not 22", "!port 22"],
    ["src host (a or b and not c)", "((src host a or src host b) and !src host c)"],
    ["src or dst net 10.0.0.0/8 && len > 5", "(src or dst net 10.0.0.0 and len > 5)"],
    ["src 10.0.0.1 and dst 10.0.0.2", "(src 10.0.0.1 and dst 10.0.0.2)"],
    ["ip[8] % 3 + 1 = 2", "(ip[8:1] % (3 + 1)) = 2"],
    ["1 + 2 * 3 - 4 = len", "((1 + (2 * 3)) - 4) = len"],
    ["2 * 3 ^ 1 = 5", "(2 * (3 ^ 1)) = 5"],
    ["ip[0] & 3 | 4 = 1", "((ip[0:1] & 3) | 4) = 1"],
    ["ip[0] | 3 & 4 = 1", "(ip[0:1] | (3 & 4)) = 1"],
    ["ip[1] & 0xfc >> 2 == 46", "(ip[1:1] & (252 >> 2)) = 46"],
    ["-ip[0] + 1 != 010", "(-ip[0:1] + 1) != 8"],
    ["((ip[0])) = 1 and ((tcp))", "(ip[0:1] = 1 and tcp)"],
    ["(ip[0] + 1) * 2 = 4", "((ip[0:1] + 1) * 2) = 4"],
    ["tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "(tcp[13:1] & (2 | 16)) = 2"],
    ["vlan (10) or mpls", "(vlan 10 or mpls)"],
    ["wlan type mgt subtype beacon", "link type mgt beacon"],
    ["portrange 80-90 or 100-200", "(portrange 80-90 or portrange 100-200)"],
    ["ip proto \\tcp", "ip proto tcp"],
    ["sio (3 or 4)", "(sio 3 or sio 4)"],
    ["ether host aa-bb-cc-dd-ee-ff or aabb.ccdd.eeff", "(link host aa-bb-cc-dd-ee-ff or link host aabb.ccdd.eeff)"],
    ["ip6 host ::ffff:10.0.0.1", "ip6 host ::ffff:10.0.0.1"],
  ])("%s", (text, tree) => {
    expect(shown(parseFilter(text))).toBe(tree);
  });

  it.each([
    ["tcp port 80 or", "filter:1:15-15: ERROR: The filter ends too early (SCRY1501)\ntcp port 80 or\n              ~"],
    ["10.0.0.1", "filter:1:1-9: ERROR: '10.0.0.1' cannot stand here (SCRY1501)"],
    ["tcpp port 80", "Did you mean 'tcp'?"],
    ["net 10/8", "A network with a prefix has its dots: 10.0.0.0/8"],
    ["ip[0:3] = 1", "filter:1:6-7: ERROR: 1, 2 or 4 bytes can be read at once (SCRY1509)"],
    ["dst 172.16/12", "HINT: dst net 172.16/…"],
    ["ip proto tcp", "To use 'tcp' as a name, write '\\tcp'"],
    ["tcp port 80)", "It closes nothing"],
    ["ether host 10.0.0.1", "A host of the link has a MAC address"],
    ["ip[4] / 0 = 1", "filter:1:9-10: ERROR: This divides by zero (SCRY1509)"],
    ["host ä", "'ä' has no meaning in a filter"],
  ])("says what is wrong with %s", (text, said) => {
    let message = "";
    try {
      compileFilter(text);
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      message = error.diagnostics.map((d) => formatDiagnostic(d, error.source)).join("\n");
    }
    expect(message).toContain(said.split(" (SCRY")[0]);
    expect(message).toContain("~");
  });
});
