// The balancer at the driver: what is for a service goes to one of its servers, everything else on to the kernel.
//
// What is not understood is passed on: frames with VLAN tags, headers that are cut off or do not say how long they are.

import { helpers, u32, XDP, xdp } from "scry/bpf";
import { four } from "./four.bpf.ts";
import { Ethernet } from "./headers.bpf.ts";
import { FOUR, SIX } from "./settings.ts";
import { six } from "./six.bpf.ts";

export const balance = xdp((packet) => {
  const eth = packet.at(Ethernet);
  if (!eth) return XDP.PASS;
  if (FOUR && eth.type === 0x0800) return four(packet);
  if (SIX && eth.type === 0x86dd) return six(packet);
  return XDP.PASS;
});

/** What time it is in the flows' own: asked by the user's side, attached nowhere. */
export const ticks = xdp(() => u32(helpers.bpf_jiffies64()));
