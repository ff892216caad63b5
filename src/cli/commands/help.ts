// `scry help [TOPIC]`: the page of a command, or of anything else that has documentation. The build writes the topics into
// a file beside the command, and leaves what only help shows out of the command itself.

import { readFileSync } from "node:fs";
import { nearest } from "../../source/index.ts";
import type { Command } from "../command.ts";
import { helpText } from "../help.ts";
import { topicList, topicPage } from "../help-page.ts";
import { UsageError } from "../options.ts";
import { looksOn, printText } from "../streams.ts";
import { type Topic, topicsCalled } from "../topics.ts";
import { diagnosticPage } from "./explain.ts";

export const help: Command = {
  help: "the page of a command, probe type, builtin, function, statement, option, …; topics lists all",
  usage: [["[TOPIC]"]],
  options: [],
  completes: "topic",
  asksWords: true,
  examples: ["scry help record", "scry help hist", "scry help topics"],
  run({ rest, named, given }, commands) {
    const word = rest[0] ?? (named[0] === undefined ? undefined : `--${named[0]}`);
    const looks = looksOn(1, given);
    if (word === undefined) {
      printText(1, helpText(commands));
      return 0;
    }
    const all = JSON.parse(readFileSync(new URL("./help.json", import.meta.url), "utf8")) as Topic[];
    if (word === "topics") {
      printText(1, topicList(all, looks));
      return 0;
    }
    if (/^(?:SCRY)?\d{4}$/i.test(word)) {
      printText(1, diagnosticPage(word));
      return 0;
    }
    const found = topicsCalled(word, all);
    if (found.length === 0) {
      const like = nearest(word, [...new Set(all.flatMap((t) => t.names))]);
      throw new UsageError(`there is no help on '${word}'`, [...like, "scry help topics lists what there is"]);
    }
    const pages = found.map((t) => (t.group === "commands" ? helpText(commands, t.names[0]) : topicPage(t, looks)));
    printText(1, pages.join("\n"));
    return 0;
  },
};
