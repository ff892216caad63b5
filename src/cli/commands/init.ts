// `scry init DIR`: a project of a kernel program in TypeScript, its user's side and its test.

import type { Command } from "../command.ts";

export const init: Command = {
  help: "a project: a kernel program in TypeScript, what reads it, its test, and the kernel's declarations",
  usage: [["DIR"]],
  options: [],
  completes: "file",
  examples: ["scry init slow-reads"],
  run: async (line) => (await import("../objects/index.ts")).initProject(line),
};
