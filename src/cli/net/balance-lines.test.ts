// What people see of a balancer.

import { expect, it } from "vitest";
import type { BalancerStatus, ServerStatus } from "../../net/index.ts";
import { eventLine, explanationLines, statusLines } from "./balance-lines.ts";

const server = (name: string, more: Partial<ServerStatus> = {}): ServerStatus => ({
  name,
  address: `10.0.0.${name.length}`,
  state: "up",
  weight: 1,
  share: 1,
  packets: 1_234_567,
  bytes: 98_765_432,
  flows: 1200,
  open: 34,
  ...more,
});
const status = (packets: number): BalancerStatus => ({
  services: [
    {
      name: "web",
      address: "2001:db8::80",
      ports: "80-90",
      protocol: "tcp",
      forward: "ipip",
      packets: 2_469_134,
      bytes: 197_530_864,
      flows: 2400,
      open: 68,
      servers: [server("a", { packets }), server("bcd", { state: "down", why: "ECONNREFUSED", port: 8080, share: 0 })],
    },
  ],
  lost: { "no server takes new flows": 3, "no route": 0 },
});

it("shows services, servers and what was dropped", () => {
  expect(statusLines(status(1_234_567)).join("\n")).toBe(
    [
      "web  tcp [2001:db8::80]:80-90 by ipip: 68 open, 2,400 flows, 2,469,134 packets, 198 MB",
      "  server  address             state                weight  open  flows    packets  bytes",
      "  a       10.0.0.1            up                        1    34  1,200  1,234,567  99 MB",
      "  bcd     10.0.0.3 port 8080  down (ECONNREFUSED)       1    34  1,200  1,234,567  99 MB",
      "",
      "3 packets dropped: no server takes new flows",
    ].join("\n"),
  );
});

it("shows rates against what was before", () => {
  const [, head, row] = statusLines(status(3000), { status: status(1000), seconds: 2 });
  expect(head).toMatch(/flows\/s +packets\/s +bytes\/s$/);
  expect(row).toMatch(/ 0 +1,000 +0 B$/);
});

it("tells events and explanations", () => {
  expect(eventLine({ kind: "down", server: "web/a", why: "ECONNREFUSED" })).toBe("web/a is down: ECONNREFUSED");
  expect(eventLine({ kind: "up", server: "web/a" })).toBe("web/a is up");
  const flow = { protocol: "tcp", source: "::1", sourcePort: 5, destination: "::2", port: 80 } as const;
  expect(explanationLines(flow, { kind: "drop", why: "no server" })).toEqual([
    "tcp [::1]:5 > [::2]:80",
    "dropped: no server",
  ]);
});
