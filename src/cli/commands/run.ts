// `scry run FILE.o|FILE.bpf.c|FILE.bpf.ts`: an object of BPF programs at work, its rings, messages and maps printed by their types.

import type { Command } from "../command.ts";
import { type Option, options } from "../options.ts";

export const run: Command = {
  help: "load an object of BPF programs, attach it, print what it sends",
  usage: [["[--set NAME=VALUE] [-p PID] FILE.o|FILE.bpf.c|FILE.bpf.ts"]],
  options: [
    ...options("set", "type"),
    {
      ...(options("include")[0] as Option),
      help: "a C header: of C text before it, of an object with the structs of its records that its own types have not",
      example: "scry run --include opensnoop.h --type events=event opensnoop.bpf.o",
    },
    ...options("include-dir", "define", "dialect", "warn", "pid", "interface", "share", "priority", "chain-call"),
    {
      ...(options("xdp-mode")[0] as Option),
      values: ["any", "native", "generic", "offloaded"],
      help: "where an XDP program runs: in the interface's driver (native), behind it (generic), on its card (offloaded), or where it can",
      example: "scry run --xdp-mode native -i eth0 drop.bpf.o",
    },
    {
      ...(options("cgroup")[0] as Option),
      help: "attach the programs for control groups to this one (a folder of cgroup2)",
    },
    {
      ...(options("dry-run")[0] as Option),
      help: "load, attach, and close again",
      example: "scry run --dry-run opensnoop.bpf.o",
    },
    ...options("token", "format", "output", "quiet", "raw", "debug"),
  ],
  completes: "file",
  examples: [
    "scry run opensnoop.bpf.o",
    "scry run opensnoop.bpf.c",
    "scry run opens.bpf.ts",
    "scry run --dry-run opensnoop.bpf.o",
  ],
  // Read when it is wanted: a script's start would be slower for it.
  run: async (line) => (await import("../objects/index.ts")).runObject(line),
};
