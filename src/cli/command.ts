// What a command is: its options, its help and examples. Help, the manual page and completion are made from them.

import type { CommandLine, Completion, Option } from "./options.ts";

export interface Command {
  /** What it does, in a line. */
  readonly help: string;
  /** Its command lines without `scry` and its name, each with a word on it where it needs one. */
  readonly usage: readonly (readonly [line: string, help?: string])[];
  readonly options: readonly Option[];
  /** What words that are no options complete to, or the words themselves. */
  readonly completes: Completion | readonly string[];
  /** It reads its words itself. */
  readonly readsWords?: true;
  /** A single word is what it is asked for, even where it looks like an option. */
  readonly asksWords?: true;
  /** Whole command lines. */
  readonly examples: readonly string[];
  /** Gives the exit status. What it throws is printed by `main`. `all` are the commands, for what tells of them. */
  readonly run: (line: CommandLine, all: readonly NamedCommand[]) => number | Promise<number>;
}

export interface NamedCommand extends Command {
  /** The word that calls it; "" for the one that needs none. */
  readonly name: string;
}
