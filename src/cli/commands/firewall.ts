// `scry firewall WORD`: packets allowed and refused at an interface or a control group, by rules in YAML.

import type { Command } from "../command.ts";
import { options } from "../options.ts";

export const firewall: Command = {
  help: "a firewall at an interface (XDP or tc) or a control group, by rules in YAML that are compiled to one program",
  usage: [
    [
      "apply RULES.yaml -i NAME [--dry-run] [--hook PLACE]",
      "put rules to work until Ctrl-C; samples are printed, or written (-w)",
    ],
    [
      "apply RULES.yaml -i NAME --persist [--confirm-within TIME]",
      "put rules to work for good, in one step in the place of those before",
    ],
    ["apply RULES.yaml -i NAME --share [--priority N]", "the same until Ctrl-C, beside XDP programs of others"],
    [
      "apply RULES.yaml --cgroup PATH [--direction WAY] [--persist]",
      "the same at a control group, or a unit's or a container's; the other words take these options, too",
    ],
    ["confirm|remove -i NAME", "keep rules that are on trial; take the firewall away"],
    ["status|top [-i NAME] [--json]", "what each rule of those that stay has done, once or again and again"],
    ["watch -i NAME [-w FILE]", "packets that rules with 'sample' show"],
    ["set NAME add|remove NETWORK… -i NAME", "change a dynamic set; '-' reads '+NETWORK' and '-NETWORK' line by line"],
    ["check RULES.yaml", "whether rules are right, and which are never reached"],
    ["test RULES.yaml", "run the tests that the rules have, on the embedded machine"],
    [
      "explain RULES.yaml PACKET",
      "which rule decides, and why those before it do not: 'tcp 192.0.2.1:5000 > 198.51.100.2:22 syn'",
    ],
    ["diff OLD.yaml NEW.yaml", "the packets whose fate would change"],
    [
      "import FILE [-i NAME]",
      "rules of iptables-save or 'nft list ruleset' as rules of this firewall; what cannot be carried over is said",
    ],
    ["schema", "the JSON Schema of rules, for editors"],
  ],
  options: options(
    "interface",
    "netns",
    "cgroup",
    "unit",
    "container",
    "direction",
    "hook",
    "xdp-mode",
    "share",
    "priority",
    "dry-run",
    "persist",
    "confirm-within",
    "write",
    "json",
    "format",
    "output",
  ),
  completes: "file",
  examples: [
    "scry firewall apply rules.yaml -i eth0 --persist --confirm-within 30s",
    "scry firewall explain rules.yaml 'udp 198.51.100.7:53 > 192.0.2.1:40000'",
    "scry firewall top -i eth0",
  ],
  run: async (line) => (await import("../net/index.ts")).firewall(line),
};
