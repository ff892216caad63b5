// Shell completion, written from the table of options.

import { type Option, options } from "./options.ts";

export const shells = ["bash", "zsh", "fish"] as const;

/** The script that a shell reads to complete `scry`; undefined for a shell that is not known. */
export function completion(shell: string): string | undefined {
  switch (shell) {
    case "bash":
      return bash();
    case "zsh":
      return zsh();
    case "fish":
      return fish();
    default:
      return undefined;
  }
}

const words = (o: Option): string[] => [...(o.short === undefined ? [] : [`-${o.short}`]), `--${o.long}`];

function bash(): string {
  const cases = options
    .filter((o) => o.value !== undefined)
    .map((o) => {
      const action =
        o.values !== undefined
          ? `COMPREPLY=($(compgen -W "${o.values.join(" ")}" -- "$word"))`
          : o.completes === "pid"
            ? `COMPREPLY=($(compgen -W "$(cd /proc && echo [0-9]*)" -- "$word"))`
            : o.completes === "command"
              ? `COMPREPLY=($(compgen -c -- "$word"))`
              : o.completes === "none"
                ? "COMPREPLY=()"
                : `COMPREPLY=($(compgen -f -- "$word"))`;
      return `    ${words(o).join("|")}) ${action}; return ;;`;
    });
  return `# bash completion of scry: source <(scry completion bash)
_scry() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  case "$before" in
${cases.join("\n")}
    completion) COMPREPLY=($(compgen -W "${shells.join(" ")}" -- "$word")); return ;;
  esac
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "${options.flatMap(words).join(" ")}" -- "$word")); else COMPREPLY=($(compgen -f -W "completion" -- "$word")); fi
}
complete -o filenames -F _scry scry
`;
}

function zsh(): string {
  const quote = (text: string): string =>
    text.replaceAll("'", "'\\''").replaceAll("[", "\\[").replaceAll("]", "\\]").replaceAll(":", "\\:");
  const rows = options.map((o) => {
    const action =
      o.value === undefined
        ? ""
        : `:${o.value}:${o.values !== undefined ? `(${o.values.join(" ")})` : o.completes === "pid" ? "_pids" : o.completes === "command" ? "_command_names" : o.completes === "none" ? "" : "_files"}`;
    const names = words(o);
    return names.length === 1
      ? `  '${names[0]}[${quote(o.help)}]${action}'`
      : `  '(${names.join(" ")})'{${names.join(",")}}'[${quote(o.help)}]${action}'`;
  });
  return `#compdef scry
# zsh completion of scry: scry completion zsh > "\${fpath[1]}/_scry"
_arguments -s \\
${rows.join(" \\\n")} \\
  '1:script:_files' \\
  '*:parameter:'
`;
}

function fish(): string {
  const rows = options.map((o) => {
    const value =
      o.value === undefined
        ? ""
        : o.values !== undefined
          ? ` -x -a '${o.values.join(" ")}'`
          : o.completes === "file"
            ? " -r"
            : o.completes === "pid"
              ? " -x -a '(__fish_complete_pids)'"
              : o.completes === "command"
                ? " -x -a '(__fish_complete_command)'"
                : " -x";
    return `complete -c scry${o.short === undefined ? "" : ` -s ${o.short}`} -l ${o.long}${value} -d '${o.help.replaceAll("'", "\\'")}'`;
  });
  return `# fish completion of scry: scry completion fish | source
${rows.join("\n")}
complete -c scry -n '__fish_is_first_token' -a completion -d 'completion for a shell'
complete -c scry -n '__fish_seen_subcommand_from completion' -x -a '${shells.join(" ")}'
`;
}
