// `scry object FILE.o`: what is in an object of BPF programs, what it needs, and whether this kernel would take it.

import type { Command } from "../command.ts";
import { options } from "../options.ts";

export const object: Command = {
  help: "what an object of BPF programs is, what it needs, whether this kernel takes it",
  usage: [["FILE.o"]],
  options: options("include-dir", "include", "define", "dialect", "token", "format", "verbose", "output"),
  completes: "file",
  examples: ["scry object opensnoop.bpf.o", "scry object -f json opensnoop.bpf.o"],
  run: async (line) => (await import("../objects/index.ts")).showObject(line),
};
