// compile_commands.json: for each file the folder and the words that it is compiled with (clang's "JSON Compilation Database").

import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { splitCommand } from "../../kernel/index.ts";
import { FormatError } from "../../source/index.ts";
import { readForeign } from "../../symbols/index.ts";
import type { CommandLine } from "../options.ts";

interface Entry {
  readonly directory: string;
  readonly file: string;
  readonly words: readonly string[];
  readonly output: string | undefined;
}

/** Values that are paths, as they are seen from the entry's folder. */
const PATHS = ["include-dir", "include"] as const;

/**
 * What compiles the files for BPF; each answers its command line, or throws what is wrong with that. `read` makes one of
 * the words. Throws FormatError for what is no such database.
 */
export function databaseLines(
  path: string,
  read: (words: readonly string[]) => CommandLine,
): readonly (() => CommandLine)[] {
  const file =
    statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? join(path, "compile_commands.json") : path;
  return entriesOf(file)
    .filter(({ words }) => isForBpf(words))
    .map((entry) => () => placed(entry, read(entry.words)));
}

function placed({ directory, file, output }: Entry, { given, named }: CommandLine): CommandLine {
  const own = new Map(given);
  const object = given.get("output") ?? output ?? file.replace(/\.c$/, ".o");
  own.set("output", resolve(directory, object));
  for (const name of PATHS) {
    const value = given.get(name);
    const paths = value?.split("\n").map((one) => resolve(directory, one));
    if (paths !== undefined) own.set(name, paths.join("\n"));
  }
  return { given: own, rest: [resolve(directory, file)], named };
}

const isForBpf = (words: readonly string[]): boolean =>
  words.some((word, i) => /^--?target=bpf/.test(word) || (/^--?target$/.test(word) && /^bpf/.test(words[i + 1] ?? "")));

function entriesOf(path: string): Entry[] {
  const wrong = (why: string): FormatError => new FormatError(path, `it is no compilation database: ${why}`);
  let rows: unknown;
  try {
    rows = JSON.parse(new TextDecoder().decode(readForeign(path)));
  } catch (error) {
    if (error instanceof SyntaxError) throw wrong(error.message);
    throw error;
  }
  if (!Array.isArray(rows)) throw wrong("it is no list");
  return rows.map((row: unknown, i) => {
    const { directory, file, command, arguments: list, output } = (row ?? {}) as Readonly<Record<string, unknown>>;
    const words = Array.isArray(list)
      ? list.map(String)
      : typeof command === "string"
        ? splitCommand(command)
        : undefined;
    if (typeof directory !== "string" || typeof file !== "string" || words === undefined)
      throw wrong(`entry ${i + 1} lacks its directory, its file or its command`);
    // The first is the compiler.
    return { directory, file, words: words.slice(1), output: typeof output === "string" ? output : undefined };
  });
}
