// `scry gen FILE.o > x.ts`: a module in TypeScript with the types of an object's maps, variables and programs.

import type { Command } from "../command.ts";
import { options } from "../options.ts";

export const gen: Command = {
  help: "a TypeScript module with the types of an object's maps, variables and programs",
  usage: [["[--embed|--light] FILE.o > FILE.ts"]],
  options: options("embed", "light", "include-dir", "include", "define", "dialect", "output"),
  completes: "file",
  examples: ["scry gen opensnoop.bpf.o > opensnoop.ts", "scry gen --light opensnoop.bpf.o > opensnoop.ts"],
  run: async (line) => (await import("../objects/index.ts")).generate(line),
};
