// `scry help [COMMAND]`

import type { Command } from "../command.ts";
import { helpText } from "../help.ts";
import { UsageError } from "../options.ts";
import { printText } from "../streams.ts";

export const help: Command = {
  help: "the page of a command, or this one",
  usage: [["[COMMAND]"]],
  options: [],
  completes: "name",
  examples: ["scry help record"],
  run({ rest }, commands) {
    const [name] = rest;
    if (name !== undefined && !commands.some((c) => c.name === name)) throw new UsageError(`no such command: ${name}`);
    printText(1, helpText(commands, name));
    return 0;
  },
};
