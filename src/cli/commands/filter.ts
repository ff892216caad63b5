// `scry filter EXPRESSION FILE`: packets of a capture or an interface by pcap-filter(7).

import type { Command } from "../command.ts";
import { FILTER_OPTIONS } from "../packets/filter-options.ts";

export const filter: Command = {
  help: "the packets of a capture (pcap, pcapng) or an interface that match a filter of pcap-filter(7)",
  usage: [
    [
      "[--count | --json | -w FILE] [--limit N] EXPRESSION [CAPTURE]",
      "print, count or write the packets that match; '-' is standard input",
    ],
    [
      "-i NAME [-w FILE [--rotate SIZE|TIME]] [--process] EXPRESSION",
      "the same of packets that pass an interface, until Ctrl-C, written as pcapng",
    ],
    ["--explain [-y TYPE] EXPRESSION [CAPTURE [--packet N]]", "the filter's tests, or those that a packet met"],
    ["-d|-dd|-ddd [-y TYPE] EXPRESSION", "print the filter's program, as tcpdump does"],
  ],
  options: FILTER_OPTIONS,
  completes: "file",
  readsWords: true,
  examples: [
    "scry filter --count 'tcp port 443' trace.pcap",
    "scry filter -w dns.pcap 'port 53' trace.pcap",
    "scry filter -i eth0 -w web.pcapng --rotate 100MB --keep 10 'tcp port 80 or tcp port 443'",
    "scry filter --explain 'tcp port 443' trace.pcap --packet 7",
  ],
  run: async (line) => (await import("../packets/index.ts")).filterCapture(line),
};
