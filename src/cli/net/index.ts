// The commands that act on the network. They are read when one of them is called, from a file of their own (see scripts/build.mjs).

import { explaining, type Run } from "../explaining.ts";
import { balancePackets } from "./balance.ts";

export const balance: Run = explaining(balancePackets);
