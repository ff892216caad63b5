// Filters as socket filters in the running kernel: they match what the function over packets matches. A test run hands them packets
// from IP's header on.
import { expect, it } from "vitest";
import { filterFixtures, tracePackets } from "../../../test/support/filter-packets.ts";
import { loadObject, testRun } from "../../kernel/index.ts";
import { compileFilter } from "./compile-filter.ts";
import { filterObject } from "./object.ts";

const EXPRESSIONS = [
  "tcp",
  "udp port 53",
  "host 10.0.0.1 or tcp port 443",
  "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
  "ip6 or not udp",
  "src net 10.0.0.0/8 and not port 22 and (port 80 or port 443 or port 8080)",
  "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
  "ip[8] % 3 + 1 > 2 and len < 400",
];

it.skipIf(!filterFixtures).each(EXPRESSIONS)("%s", (text) => {
  const filter = compileFilter(text, { linkType: "RAW" });
  using loaded = loadObject(filterObject(filter));
  const fd = loaded.programs.get("filter")?.fd as number;
  const packets = tracePackets().filter(({ data }, i) => i % 4 === 0 && data.length >= 34);
  const theirs = packets.map(({ data }) => testRun(fd, { data }).value !== 0);
  expect(theirs).toEqual(packets.map(({ data }) => filter.matches(data.subarray(14))));
  expect(new Set(theirs).size).toBe(2);
});
