// Counts packets by the prefix that their source begins with, and drops those of prefixes that are to be dropped. Prefixes are set
// while it runs:
//
//     await using module = await load<typeof import("./xdp-prefixes.bpf.ts")>(new URL("./xdp-prefixes.bpf.ts", import.meta.url));
//     module.prefixes.set({ bits: 8, key: "10.0.0.0" }, { drop: true, packets: 0, bytes: 0 });

import { bool, ipv4, ipv6, lpmTrie, struct, u64, type ValueOf, XDP, xdp } from "scry/bpf";

const Rule = struct({ packets: u64, bytes: u64, drop: bool });
export const prefixes = lpmTrie(ipv4, Rule, { maxEntries: 100_000 });
export const prefixes6 = lpmTrie(ipv6, Rule, { maxEntries: 100_000 });

function verdict(rule: ValueOf<typeof Rule>, length: u64): number {
  rule.packets += 1;
  rule.bytes += length;
  return rule.drop ? XDP.DROP : XDP.PASS;
}

export const filter = xdp((packet) => {
  const eth = packet.eth();
  const ip = eth?.ipv4();
  if (ip) {
    const rule = prefixes.find(ip.source);
    return rule ? verdict(rule, packet.length) : XDP.PASS;
  }
  const ip6 = eth?.ipv6();
  if (ip6) {
    const rule = prefixes6.find(ip6.source);
    return rule ? verdict(rule, packet.length) : XDP.PASS;
  }
  return XDP.PASS;
});
