// `scry completion SHELL`: what a shell reads to complete `scry`, made from the commands and their options.

import { providers } from "../../probes/index.ts";
import type { Command, NamedCommand } from "../command.ts";
import { type Completion, common, type Option, UsageError } from "../options.ts";
import { printText } from "../streams.ts";
import { topics } from "../topics.ts";

/** How a shell writes what completes a word, and the script that it reads. */
interface Shell {
  readonly words: (commands: readonly NamedCommand[]) => string;
}

export const shells: Readonly<Record<string, Shell>> = {
  bash: { words: bash },
  zsh: { words: zsh },
  fish: { words: fish },
};

export const completion: Command = {
  help: "completion for a shell: source <(scry completion bash)",
  usage: [[Object.keys(shells).join("|")]],
  options: [],
  completes: Object.keys(shells),
  examples: ["source <(scry completion bash)", "scry completion fish | source"],
  run({ rest }, all) {
    const shell = shells[rest[0] ?? ""];
    if (shell === undefined) throw new UsageError(`completion takes ${Object.keys(shells).join(", ")}`);
    printText(1, shell.words(all));
    return 0;
  },
};

const written = (o: Option): string[] => [...(o.short === undefined ? [] : [`-${o.short}`]), `--${o.long}`];
const optionsOf = (c: Command): readonly Option[] => [...c.options, ...common];
const probeNames = (): string => providers.map((p) => (p.parts === 0 ? p.name : `${p.name}:`)).join(" ");

/** What `scry help` takes, that a shell reads as one word. */
const topicWords = (commands: readonly NamedCommand[]): string =>
  [...new Set(["topics", ...topics(commands).map((t) => t.names[0])])].filter((w) => /^\w+$/.test(w)).join(" ");

/** Every option that has a value, once, with the commands' words for it. */
function valued(commands: readonly NamedCommand[]): Map<string, Option> {
  const found = new Map<string, Option>();
  for (const o of commands.flatMap(optionsOf)) if (o.value !== undefined) found.set(o.long, o);
  return found;
}

function bash(commands: readonly NamedCommand[]): string {
  const [script, ...named] = commands as [NamedCommand, ...NamedCommand[]];
  const names = named.map((c) => c.name).join(" ");
  const topicNames = topicWords(commands);
  const reply = (what: Completion | readonly string[]): string =>
    typeof what !== "string"
      ? `COMPREPLY=($(compgen -W "${what.join(" ")}" -- "$word"))`
      : {
          pid: `COMPREPLY=($(compgen -W "$(cd /proc && echo [0-9]*)" -- "$word"))`,
          command: `COMPREPLY=($(compgen -c -- "$word"))`,
          probe: `COMPREPLY=($(compgen -W "${probeNames()}" -- "$word"))`,
          topic: `COMPREPLY=($(compgen -W "${topicNames}" -- "$word"))`,
          none: "COMPREPLY=()",
          file: `COMPREPLY=($(compgen -f -- "$word"))`,
        }[what];
  const values = [...valued(commands).values()].map(
    (o) => `    ${written(o).join("|")}) ${reply(o.values ?? o.completes ?? "file")}; return ;;`,
  );
  const cases = named.map(
    (c) => `    ${c.name}) options="${optionsOf(c).flatMap(written).join(" ")}"
      if [[ $word != -* ]]; then ${reply(c.completes)}; return; fi ;;`,
  );
  return `# bash completion of scry: source <(scry completion bash)
_scry() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} options
  local IFS=$' \\t\\n'
  if [[ $before == -l || $before == --list ]]; then ${reply("probe")}; return; fi
  case "$before" in
${values.join("\n")}
  esac
  options="${optionsOf(script).flatMap(written).join(" ")}"
  if [[ $COMP_CWORD -gt 1 ]]; then case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac; fi
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$word")); return; fi
  COMPREPLY=($(compgen -f -- "$word"))
  if [[ $COMP_CWORD -eq 1 ]]; then COMPREPLY+=($(compgen -W "${names}" -- "$word")); fi
}
complete -o filenames -F _scry scry
`;
}

function zsh(commands: readonly NamedCommand[]): string {
  const quote = (text: string): string =>
    text.replaceAll("'", "'\\''").replaceAll("[", "\\[").replaceAll("]", "\\]").replaceAll(":", "\\:");
  const [script, ...named] = commands as [NamedCommand, ...NamedCommand[]];
  const topicNames = topicWords(commands);
  const action = (what: Completion | readonly string[]): string =>
    typeof what !== "string"
      ? `(${what.join(" ")})`
      : {
          topic: `(${topicNames})`,
          pid: "_pids",
          command: "_command_names",
          probe: `(${probeNames()})`,
          none: "",
          file: "_files",
        }[what];
  const rows = (c: Command): string =>
    optionsOf(c)
      .map((o) => {
        const value = o.value === undefined ? "" : `:${o.value}:${action(o.values ?? o.completes ?? "file")}`;
        const names = written(o);
        const text = `[${quote(o.help)}]${value}`;
        return names.length === 1
          ? `    '${names[0]}${text}'`
          : `    '(${names.join(" ")})'{${names.join(",")}}'${text}'`;
      })
      .join(" \\\n");
  const cases = named.map(
    (c) => `  ${c.name}) _arguments -s \\\n${rows(c)} \\\n    '*:word:${action(c.completes)}' ;;`,
  );
  return `#compdef scry
# zsh completion of scry: scry completion zsh > "\${fpath[1]}/_scry"
local -a commands=(${named.map((c) => `'${c.name}:${quote(c.help)}'`).join(" ")})
if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then _describe command commands; fi
case "$words[2]" in
${cases.join("\n")}
  *) _arguments -s \\
${rows(script)} \\
    '1:script:_files' \\
    '*:parameter:' ;;
esac
`;
}

function fish(commands: readonly NamedCommand[]): string {
  const quote = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  const [script, ...named] = commands as [NamedCommand, ...NamedCommand[]];
  const names = named.map((c) => c.name).join(" ");
  const topicNames = topicWords(commands);
  const action = (what: Completion | readonly string[]): string =>
    typeof what !== "string"
      ? ` -x -a '${what.join(" ")}'`
      : {
          topic: ` -x -a '${topicNames}'`,
          pid: " -x -a '(__fish_complete_pids)'",
          command: " -x -a '(__fish_complete_command)'",
          probe: ` -x -a '${probeNames()}'`,
          none: " -x",
          file: " -r",
        }[what];
  const rows = (c: Command, when: string): string[] =>
    optionsOf(c).map(
      (o) =>
        `complete -c scry -n '${when}'${o.short === undefined ? "" : ` -s ${o.short}`} -l ${o.long}${o.value === undefined ? "" : action(o.values ?? o.completes ?? "file")} -d '${quote(o.help)}'`,
    );
  return `# fish completion of scry: scry completion fish | source
${rows(script, `not __fish_seen_subcommand_from ${names}`).join("\n")}
${named
  .flatMap((c) => [
    `complete -c scry -n '__fish_is_first_token' -a ${c.name} -d '${quote(c.help)}'`,
    ...rows(c, `__fish_seen_subcommand_from ${c.name}`),
    `complete -c scry -n '__fish_seen_subcommand_from ${c.name}'${action(c.completes)}`,
  ])
  .join("\n")}
`;
}
