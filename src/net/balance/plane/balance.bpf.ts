// The balancer at the driver: what is for a service goes to one of its servers, everything else on to the kernel.
//
// What is not understood is passed on: more than two VLAN tags, headers that are cut off or do not say how long they are.

import { helpers, u32, u64, XDP, xdp } from "scry/bpf";
import { four } from "./four.bpf.ts";
import { Ethernet } from "./headers.bpf.ts";
import { FOUR, SIX } from "./settings.ts";
import { six } from "./six.bpf.ts";
import { ADDRESSES, Behind, carriesBalanced, isBalanced, isTag, retagged, untagged } from "./tags.bpf.ts";

export const balance = xdp((packet) => {
  const eth = packet.at(Ethernet);
  if (!eth) return XDP.PASS;
  let type = u32(eth.type);
  let tags = u64(0);
  if (!isBalanced(type)) {
    if (!isTag(type)) return XDP.PASS;
    const behind = packet.at(Behind, ADDRESSES);
    if (!behind || !carriesBalanced(packet, behind.second)) return XDP.PASS;
    // It is not 0, which nothing here tells the verifier: else it would go through all that follows once more for frames without tags.
    tags = u64(behind.first) | (u64(behind.second) << 32);
    if (!untagged(packet, tags)) return XDP.PASS;
    const bare = packet.at(Ethernet);
    if (!bare) return XDP.DROP;
    type = u32(bare.type);
  }
  const verdict = FOUR && (!SIX || type === 0x0800) ? four(packet) : six(packet);
  return tags === 0 ? verdict : retagged(packet, verdict, tags);
});

/** What time it is in the flows' own: asked by the user's side, attached nowhere. */
export const ticks = xdp(() => u32(helpers.bpf_jiffies64()));
