// `scry filter EXPRESSION FILE`: packets of a capture by pcap-filter(7).

import type { Command } from "../command.ts";
import { options } from "../options.ts";

export const filter: Command = {
  help: "the packets of a capture (pcap, pcapng) that match a filter of pcap-filter(7)",
  usage: [
    ["[--count] [-w FILE] EXPRESSION [CAPTURE]", "print, count or write the packets that match; '-' is standard input"],
    ["-d|-dd|-ddd [-y TYPE] EXPRESSION", "print the filter's program, as tcpdump does"],
  ],
  options: options("count", "write", "link-type"),
  completes: "file",
  readsWords: true,
  examples: ["scry filter --count 'tcp port 443' trace.pcap", "scry filter -w dns.pcap 'port 53' trace.pcap"],
  run: async (line) => (await import("../packets/index.ts")).filterCapture(line),
};
