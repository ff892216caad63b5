// `scry net`: the BPF programs that packets meet at the interfaces of this network namespace.

import type { Command } from "../command.ts";
import { options } from "../options.ts";

export const net: Command = {
  help: "the programs at network interfaces (XDP, tc, netkit): in which order, whose, and what each does in a second",
  usage: [[""], ["--leave ID"]],
  options: options("leave", "json", "format", "output"),
  completes: "none",
  examples: ["scry net", "ip netns exec web scry net --json"],
  run: async (line) => (await import("../objects/index.ts")).listNetwork(line),
};
