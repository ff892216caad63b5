// `scry balance CONFIG.yaml -i IFACE`: a load balancer at an interface.

import type { Command } from "../command.ts";
import { options } from "../options.ts";

export const balance: Command = {
  help: "a load balancer of TCP, UDP and QUIC at an interface (XDP), by a configuration in YAML",
  usage: [
    ["CONFIG.yaml -i NAME [--xdp-mode MODE] [--persist]", "balance until Ctrl-C; SIGHUP reads the configuration again"],
    ["CONFIG.yaml [--cgroup PATH]", "the same of services for this machine's own processes (mode: sockets)"],
    ["status|top -i NAME [--json]", "services and servers of the one that runs there, once or again and again"],
    ["reload -i NAME", "it reads its configuration again; flows keep their servers"],
    ["remove -i NAME", "take away what goes on there (--persist)"],
    ["explain FLOW -i NAME", "which server a flow has, and why: FLOW is 'tcp 198.51.100.7:40000 192.0.2.80:443'"],
    ["explain FLOW CONFIG.yaml", "the same by a configuration alone"],
    ["check CONFIG.yaml", "whether a configuration is right, and what share each server gets"],
    ["schema", "the JSON Schema of configurations, for editors"],
  ],
  options: options("interface", "xdp-mode", "persist", "cgroup", "json", "format", "output"),
  completes: "file",
  examples: [
    "scry balance web.yaml -i eth0",
    "scry balance top -i eth0",
    "scry balance explain 'tcp 198.51.100.7:40000 192.0.2.80:443' web.yaml",
  ],
  run: async (line) => (await import("../net/index.ts")).balance(line),
};
