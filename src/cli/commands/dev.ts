// `scry dev FILE.bpf.ts`: a kernel module at work while it is written.

import type { Command } from "../command.ts";
import { type Option, options } from "../options.ts";

export const dev: Command = {
  help: "run a kernel module, and put each saved text of it in its place; maps are kept",
  usage: [["[--set NAME=VALUE] FILE.bpf.ts"]],
  options: [
    ...options("set", "pid", "interface", "share", "priority", "chain-call"),
    {
      ...(options("cgroup")[0] as Option),
      help: "attach the programs for control groups to this one (a folder of cgroup2)",
    },
    ...options("token", "format", "output", "quiet", "raw"),
  ],
  completes: "file",
  examples: ["scry dev slow-reads.bpf.ts"],
  run: async (line) => (await import("../objects/index.ts")).developObject(line),
};
