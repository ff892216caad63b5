// The text of `--help`, made from the commands.

import type { NamedCommand } from "./command.ts";
import { common, type Option } from "./options.ts";
import { version } from "./version.ts";

/** Command lines of a command as they are typed, each with what it is for. */
export const usageOf = (command: NamedCommand): readonly (readonly [line: string, help: string])[] =>
  command.usage.map(([line, help], i) => [
    ["scry", command.name, line].filter((word) => word !== "").join(" "),
    help ?? (i === 0 && command.name !== "" ? command.help : ""),
  ]);

/** How an option is written, with its value. */
export const writtenOption = (o: Option): string =>
  `${o.short === undefined ? "" : `-${o.short}, `}--${o.long}${o.value === undefined ? "" : ` ${o.value}`}`;

const optionRows = (options: readonly Option[]): string =>
  options
    .map((o) => `  ${`${o.short === undefined ? "    " : ""}${writtenOption(o)}`.padEnd(28)} ${o.help}\n`)
    .join("");

/** Where the words on a command line begin. */
const COLUMN = 45;

const usageRows = (commands: readonly NamedCommand[]): string =>
  commands
    .flatMap(usageOf)
    .map(([line, help]) =>
      help === ""
        ? `  ${line}\n`
        : `  ${line.length > COLUMN ? `${line}\n  ${"".padEnd(COLUMN)}` : line.padEnd(COLUMN)} ${help}\n`,
    )
    .join("");

/** The command lines of one of the commands, or of all of them. */
export function usageText(commands: readonly NamedCommand[], name?: string): string {
  const one = commands.find((c) => c.name === name);
  return `USAGE\n${usageRows(one === undefined ? commands : [one])}`;
}

/** The page of one of the commands, or of all of them. */
export function helpText(commands: readonly NamedCommand[], name?: string): string {
  const one = commands.find((c) => c.name === name);
  const [script] = commands;
  const shown = one ?? (script as NamedCommand);
  const environment =
    one === undefined
      ? "\nENVIRONMENT\n  BPFTRACE_MAX_STRLEN, BPFTRACE_MAX_MAP_KEYS, … set what a script's config = { … } can set\n\nscry help TOPIC tells of any probe type, builtin, function, statement or option; scry help topics lists them\n"
      : "";
  const examples = shown.examples.map((line) => `  ${line}\n`).join("");
  return `scry ${one === undefined ? version : one.name}: ${shown.help}

${usageText(commands, name)}
OPTIONS
${optionRows([...shown.options, ...common])}${environment}${examples === "" ? "" : `\nEXAMPLES\n${examples}`}`;
}
