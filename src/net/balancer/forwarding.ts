// Does the kernel answer the data plane's questions for routes? Only of interfaces that forward (bpf_fib_lookup in net/core/filter.c).

import { readFileSync } from "node:fs";
import { DiagnosticError } from "../../source/index.ts";
import { type Balancer, isFour, packetServices } from "../balance/index.ts";

/** Throws a DiagnosticError (SCRY1621) where packets to a server's family are not forwarded from this interface. */
export function needForwarding(balancer: Balancer, device: string): void {
  if (balancer.next !== "routes") return;
  const addresses = packetServices(balancer).flatMap(({ servers }) => servers.map(({ address }) => address));
  for (const family of [4, 6] as const) {
    if (!addresses.some((address) => isFour(address) === (family === 4))) continue;
    if (settingOf(`/proc/sys/net/ipv${family}/conf/${device}/forwarding`) !== "0") continue;
    const name = family === 4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
    throw new DiagnosticError([
      {
        code: "SCRY1621",
        severity: "error",
        message: `${device} does not forward IPv${family}, and then the kernel says no routes to servers`,
        hints: [`sysctl -w ${name}=1, or in the configuration next: the MAC address of the router, or sender`],
      },
    ]);
  }
}

/** Undefined: there is no such interface, which is said by whoever attaches. */
function settingOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
