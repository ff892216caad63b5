// `scry ps`: the BPF programs of this system, who holds them, what they cost.

import type { Command } from "../command.ts";
import { options } from "../options.ts";

export const ps: Command = {
  help: "the BPF programs that are loaded, by whom, and what each costs in a second",
  usage: [[""]],
  options: options("json", "format", "output"),
  completes: "none",
  examples: ["scry ps", "scry ps --json"],
  run: async (line) => (await import("../objects/index.ts")).listPrograms(line),
};
