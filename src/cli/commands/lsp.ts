// `scry lsp`: the language server that an editor starts, over standard input and output.

import { serve } from "../../lsp/index.ts";
import { liveEnvironment } from "../../session/index.ts";
import type { Command } from "../command.ts";
import { options } from "../options.ts";
import { placesOf } from "../script.ts";
import { printText } from "../streams.ts";
import { version } from "../version.ts";

export const lsp: Command = {
  help: "the language server for editors, over standard input and output",
  usage: [["[--stdio] [-I DIR]…"]],
  options: options("stdio", "include-dir", "include"),
  completes: "none",
  examples: ["scry lsp --stdio"],
  async run(line) {
    if (process.stdin.isTTY)
      printText(2, "scry lsp is started by an editor, which speaks to it over its input; Ctrl-C ends it.\n");
    try {
      // Large, and of use to nobody else: it is read when it is needed.
      return await serve(await import("vscode-languageserver/node.js"), {
        input: process.stdin,
        output: process.stdout,
        version,
        // What a script may do, and which of its probes are meant, is asked when it is run.
        environment: () => liveEnvironment({ ...placesOf(line), unsafe: true, wants: () => true }),
      });
    } finally {
      // What is still waited for (input, the library's look at the editor's process) is of no use now.
      setImmediate(() => process.exit());
    }
  },
};
