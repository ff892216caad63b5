// `--share --priority N`, of commands that put XDP programs beside others.

import { type CommandLine, UsageError } from "./options.ts";

const MOST_PRIORITY = 0xffffffff;

/** The priority that is said. Throws a UsageError for what is none. */
export function priorityOf(given: CommandLine["given"]): number | undefined {
  const priority = given.get("priority");
  if (priority === undefined) return undefined;
  if (!given.has("share")) throw new UsageError("--priority goes with --share", []);
  if (!(/^\d{1,10}$/.test(priority) && Number(priority) <= MOST_PRIORITY))
    throw new UsageError(`--priority is a number from 0 to ${MOST_PRIORITY}, not '${priority}'`, []);
  return Number(priority);
}
