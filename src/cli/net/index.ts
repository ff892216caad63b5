// The commands that act on the network. They are read when one of them is called, from a file of their own (see scripts/build.mjs).

import { explaining, type Run } from "../explaining.ts";
import { balancePackets } from "./balance.ts";
import { firewallPackets } from "./firewall.ts";

export const balance: Run = explaining(balancePackets);
export const firewall: Run = explaining(firewallPackets);
