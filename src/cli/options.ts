// The command line as data: every option once. Parsing, help and shell completion follow from this table.

export interface Option {
  readonly long: string;
  readonly short?: string;
  /** What its value is called in help; absent: a switch. */
  readonly value?: string;
  /** Values it can have, for completion and checking. */
  readonly values?: readonly string[];
  /** What the value completes to. */
  readonly completes?: "file" | "command" | "pid" | "none";
  readonly help: string;
}

export const options: readonly Option[] = [
  { long: "execute", short: "e", value: "PROGRAM", completes: "none", help: "run this program instead of a file's" },
  { long: "list", short: "l", help: "list probes that match a pattern, or those of a program" },
  { long: "pid", short: "p", value: "PID", completes: "pid", help: "only this process" },
  {
    long: "cmd",
    short: "c",
    value: "COMMAND",
    completes: "command",
    help: "start this command, trace it, and end when it ends",
  },
  { long: "output", short: "o", value: "FILE", completes: "file", help: "write output to this file" },
  { long: "format", short: "f", value: "FORMAT", values: ["text", "json"], help: "format of the output: text or json" },
  {
    long: "buffering",
    short: "B",
    value: "MODE",
    values: ["line", "full", "none"],
    help: "when output is written: line, full or none",
  },
  { long: "quiet", short: "q", help: "say nothing but the script's own output" },
  { long: "verbose", short: "v", help: "say what is done; with -l, show arguments and types" },
  {
    long: "debug",
    short: "d",
    value: "STAGE",
    completes: "none",
    help: "print a stage of compilation and go on: ast, ir, a pass's name, asm, verifier, all",
  },
  {
    long: "machine",
    value: "MACHINE",
    values: ["kernel", "embedded"],
    help: "where the script runs: on the kernel, or on the embedded machine (which needs --events)",
  },
  {
    long: "events",
    value: "FILE",
    completes: "file",
    help: "events for the embedded machine, as scry record writes them",
  },
  { long: "stacks", help: "record stacks with each event (scry record)" },
  { long: "test", help: "run the script's test: probes, on the embedded machine" },
  { long: "json", help: "the same as -f json (scry doctor)" },
  { long: "dry-run", help: "compile, load and attach, but do not run" },
  { long: "unsafe", help: "allow functions with effects on the system (system, signal)" },
  { long: "version", short: "V", help: "print the version" },
  { long: "help", short: "h", help: "print this help" },
  // bpftrace's, taken so that its command lines work; what they choose between does not exist here.
  { long: "warnings", short: "k", help: "accepted; run-time warnings are always printed" },
  { long: "dwarf-pid", value: "PID", completes: "pid", help: "accepted; dw_ustack unwinds every process" },
  { long: "no-warnings", help: "do not print warnings about the program" },
];

export interface CommandLine {
  readonly given: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
}

/** Words that are not what the command line takes. */
export class UsageError extends Error {}

/** Options end at the first word that is none (the script's file), or after `-e PROGRAM` at the first parameter. */
export function parseCommandLine(words: readonly string[]): CommandLine {
  const given = new Map<string, string>();
  const rest: string[] = [];
  const queue = [...words];
  let file = false;
  while (queue.length > 0) {
    const word = queue.shift() as string;
    if (word === "--") {
      rest.push(...queue);
      break;
    }
    // Parameters of the script follow its file; options may still stand between `-e PROGRAM` and them.
    if (!word.startsWith("-") || word === "-" || (file && /^-\d/.test(word))) {
      rest.push(word);
      if (!given.has("execute") || rest.length > 1) file = true;
      continue;
    }
    if (word.startsWith("--")) {
      const equals = word.indexOf("=");
      const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
      const option = options.find((o) => o.long === name);
      if (option === undefined) throw new UsageError(`unknown option: --${name}`);
      if (option.value === undefined && equals >= 0) throw new UsageError(`--${name} takes no value`);
      set(option, equals >= 0 ? word.slice(equals + 1) : undefined, queue);
      continue;
    }
    // -lv, -p42
    for (let i = 1; i < word.length; i++) {
      const option = options.find((o) => o.short === word[i]);
      if (option === undefined) throw new UsageError(`unknown option: -${word[i]}`);
      const attached = option.value !== undefined && i + 1 < word.length ? word.slice(i + 1) : undefined;
      set(option, attached, queue);
      if (option.value !== undefined) break;
    }
  }
  return { given, rest };

  function set(option: Option, attached: string | undefined, words: string[]): void {
    const shown = option.short === undefined ? `--${option.long}` : `-${option.short}`;
    const value = option.value === undefined ? "" : (attached ?? words.shift());
    if (value === undefined) throw new UsageError(`${shown} needs a value: ${option.value}`);
    if (option.values !== undefined && !option.values.includes(value))
      throw new UsageError(`${shown} takes ${option.values.join(", ")}, not '${value}'`);
    given.set(option.long, value);
  }
}

/** The text of `--help`. */
export function helpText(version: string): string {
  const rows = options.map((o) => {
    const left = `  ${o.short === undefined ? "    " : `-${o.short}, `}--${o.long}${o.value === undefined ? "" : ` ${o.value}`}`;
    return `${left.padEnd(30)} ${o.help}`;
  });
  return `scry ${version}: ask a running Linux system a question, with eBPF

USAGE
  scry [options] FILE [parameters]
  scry [options] -e 'PROGRAM' [parameters]
  scry -l [PATTERN]
  scry [options] --events EVENTS.jsonl FILE     run it on recorded events: no kernel, no privileges
  scry --test [--events EVENTS.jsonl] FILE      run its test: probes
  scry record -e PROBES [-p PID | -c COMMAND] [-o EVENTS.jsonl]
  scry doctor [--json]                          what this kernel, this user and this container allow
  scry demo                                     what it looks like
  scry completion bash|zsh|fish

OPTIONS
${rows.join("\n")}

ENVIRONMENT
  BPFTRACE_MAX_STRLEN, BPFTRACE_MAX_MAP_KEYS, … set what a script's config = { … } can set

EXAMPLES
  scry -l '*sleep*'
  scry -e 'tracepoint:syscalls:sys_enter_openat { printf("%-16s %s\\n", comm, str(args.filename)); }'
  scry -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'
  scry -c 'ls -l' -e 'tracepoint:syscalls:sys_exit_read /pid == cpid/ { @bytes = hist(args.ret); }'
`;
}
