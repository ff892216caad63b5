// The options of the command line, each once; a command says which of them it takes. Parsing, help, the man page and the
// shells' completion follow from this table.

import { DiagnosticError } from "../source/index.ts";

/** What a word completes to in a shell; `topic`: what `scry help` takes. */
export type Completion = "file" | "command" | "pid" | "probe" | "topic" | "none";

export interface Option {
  readonly long: string;
  readonly short?: string;
  /** What its value is called in help; absent: a switch. */
  readonly value?: string;
  /** Values it can have, for completion and checking. */
  readonly values?: readonly string[];
  /** What is said of another value, where bpftrace has words for it. */
  readonly refusal?: (value: string) => UsageError;
  /** What the value completes to; a file where it is not said. */
  readonly completes?: Completion;
  /** May stand several times; its values are lines of one text. */
  readonly many?: true;
  readonly help: string;
  /** A whole command line. */
  readonly example: string;
}

const table: Readonly<Record<string, Omit<Option, "long">>> = {
  execute: {
    short: "e",
    value: "PROGRAM",
    completes: "none",
    help: "run this program instead of a file's",
    example: `scry -e 'begin { printf("hello\\n"); exit(); }'`,
  },
  list: {
    short: "l",
    help: "list probes that match a pattern, or those of a program",
    example: "scry -l 'tracepoint:sched:*'",
  },
  pid: {
    short: "p",
    value: "PID",
    completes: "pid",
    help: "only this process",
    example: "scry -p 1 -e 'profile:hz:99 { @[ustack] = count(); }'",
  },
  cmd: {
    short: "c",
    value: "COMMAND",
    completes: "command",
    help: "start this command, trace it, and end when it ends",
    example: "scry -c 'ls -l' -e 'tracepoint:syscalls:sys_enter_openat /pid == cpid/ { print(str(args.filename)); }'",
  },
  follow: {
    help: "with -p or -c: the process and all that it starts, until the last of them ends",
    example: "scry --follow -c 'make -j4' -e 'tracepoint:sched:sched_process_exec { print(str(args.filename)); }'",
  },
  cgroup: {
    value: "PATH",
    completes: "file",
    help: "only tasks of this control group (cgroup2) and those below it: a path, or a folder's name; with balance, whose connections; with firewall, whose packets",
    example: "scry --cgroup /system.slice -e 'profile:hz:99 { @[comm] = count(); }'",
  },
  container: {
    value: "ID",
    completes: "none",
    help: "only tasks of this container: its id, four digits or more of its beginning, or its name; with firewall, whose packets",
    example: "scry --container web -e 'tracepoint:syscalls:sys_enter_openat { print(str(args.filename)); }'",
  },
  unit: {
    value: "NAME",
    completes: "none",
    help: "only tasks of this unit of systemd; with firewall, whose packets",
    example: "scry --unit ssh -e 'tracepoint:syscalls:sys_enter_execve { print(str(args.filename)); }'",
  },
  "include-dir": {
    short: "I",
    value: "DIR",
    completes: "file",
    many: true,
    help: "look for headers in this folder, too",
    example: "scry -I /usr/include/mine script.bt",
  },
  include: {
    value: "FILE",
    completes: "file",
    many: true,
    help: "include this header before the script",
    example: "scry --include linux/types.h script.bt",
  },
  define: {
    short: "D",
    value: "NAME[=TEXT]",
    completes: "none",
    many: true,
    help: "define a macro of C before the text; 1 where nothing is said",
    example: "scry build -D DEBUG opensnoop.bpf.c -o opensnoop.bpf.o",
  },
  dialect: {
    value: "NAME",
    values: ["c", "bcc"],
    help: "of C text: c (libbpf's, the default) or bcc (maps with methods, programs by their names)",
    example: "scry run --dialect bcc opensnoop.c",
  },
  warn: {
    value: "WORD",
    completes: "none",
    many: true,
    help: "of C text, as a compiler's -W: error (warnings are errors), none, or no-NAME (not that one)",
    example: "scry build --warn no-unused-function opensnoop.bpf.c -o opensnoop.bpf.o",
  },
  undefine: {
    short: "U",
    value: "NAME",
    completes: "none",
    many: true,
    help: "take a macro of C back",
    example: "scry build -U DEBUG opensnoop.bpf.c -o opensnoop.bpf.o",
  },
  database: {
    short: "p",
    value: "FILE",
    completes: "file",
    help: "compile what compile_commands.json compiles for BPF (its file, or the folder that it is in)",
    example: "scry build -p compile_commands.json",
  },
  output: {
    short: "o",
    value: "FILE",
    completes: "file",
    help: "write output to this file",
    example: "scry -o opens.txt -e 'tracepoint:syscalls:sys_enter_openat { print(comm); }'",
  },
  format: {
    short: "f",
    value: "FORMAT",
    values: ["text", "json", "json-strict"],
    refusal: (value) =>
      new UsageError(`Invalid output format "${value}"`, ["Valid formats: 'text', 'json', 'json-strict'"]),
    help: "format of the output: text, json (as bpftrace has it), or json-strict (by the schema of docs/json-strict.md)",
    example: `scry -f json -e 'begin { printf("hello\\n"); exit(); }'`,
  },
  buffering: {
    short: "B",
    value: "MODE",
    values: ["line", "full", "none"],
    refusal: () => new UsageError("USAGE: -B must be either 'line', 'full', or 'none'.", []),
    help: "when output is written: line, full or none",
    example: "scry -B none -e 'interval:ms:100 { print(nsecs); }'",
  },
  color: {
    value: "WHEN",
    values: ["auto", "always", "never"],
    help: "colours in text: always, never, or auto, where it goes to a terminal (and NO_COLOR does not say no)",
    example: "scry --color always -e 'profile:hz:99 { @ = hist(pid); } interval:s:5 { exit(); }' | less -R",
  },
  raw: {
    help: "write control bytes of what is traced to a terminal as they are, not as \\x1b",
    example: "scry --raw -e 'tracepoint:syscalls:sys_enter_openat { print(comm); }'",
  },
  quiet: {
    short: "q",
    help: "say nothing but the script's own output",
    example: "scry -q -e 'begin { print(1); exit(); }'",
  },
  verbose: {
    short: "v",
    help: "say what is done; with -l, show arguments and types",
    example: "scry -lv tracepoint:syscalls:sys_enter_openat",
  },
  debug: {
    short: "d",
    value: "STAGE",
    completes: "none",
    help: "print a stage of compilation and go on: ast, ir, a pass's name, asm, verifier, all; trace: where an internal error is",
    example: "scry -d ir --dry-run -e 'begin { print(1); }'",
  },
  machine: {
    value: "MACHINE",
    values: ["kernel", "embedded"],
    help: "where the script runs: on the kernel, or on the embedded machine (which needs --events)",
    example: "scry --machine embedded --events opens.jsonl opens.bt",
  },
  events: {
    value: "FILE",
    completes: "file",
    help: "events for the embedded machine, as scry record writes them",
    example: "scry --events opens.jsonl opens.bt",
  },
  stacks: {
    help: "record stacks with each event",
    example: "scry record --stacks -e tracepoint:sched:sched_switch -o switches.jsonl",
  },
  test: {
    help: "run the script's test: probes, on the embedded machine",
    example: `scry --test -e 'test:sums { assert(1 + 1 == 2, "two"); }'`,
  },
  bench: {
    help: "run the script's bench: probes, and say what each costs in the kernel",
    example: "scry --bench -e 'bench:count { @[pid] = count(); }'",
  },
  mode: {
    value: "MODE",
    values: ["codegen", "compiler-bench", "bench", "test", "format"],
    help: "what is done with the script: the same as --dry-run, --bench, --test, --fmt; compiler-bench times its compilation",
    example: "scry --mode compiler-bench -e 'begin { print(1); }'",
  },
  "probe-filter": {
    value: "REGEX",
    completes: "none",
    help: "only tests and benchmarks whose names match",
    example: "scry --test --probe-filter '^opens' opens.bt",
  },
  live: {
    help: "on a terminal, show the script's maps while it runs, below what it prints; elsewhere it changes nothing",
    example: "scry --live -e 'tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }'",
  },
  stats: {
    help: "at the end, say how often each probe ran and what that cost, as the kernel counts it",
    example: "scry --stats -e 'tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } interval:s:5 { exit(); }'",
  },
  info: { help: "what this kernel can do: the same as scry doctor", example: "scry --info" },
  "emit-elf": {
    value: "FILE",
    completes: "file",
    help: "write the script's programs to this object file, and do not run it",
    example: "scry --emit-elf opens.o opens.bt",
  },
  debuginfo: {
    value: "DIR",
    completes: "file",
    many: true,
    help: "look for debug information in this folder, too",
    example: "scry --debuginfo /srv/debug -e 'profile:hz:99 { @[ustack] = count(); }'",
  },
  "traceable-functions": {
    value: "FILE",
    completes: "file",
    help: "take the kernel's functions that can be traced from this file",
    example: "scry --traceable-functions functions.txt -e 'kprobe:vfs_* { @[func] = count(); }'",
  },
  "no-feature": {
    value: "LIST",
    completes: "none",
    help: "do without these of the kernel: kprobe_multi, kprobe_session, uprobe_multi",
    example: "scry --no-feature kprobe_multi,uprobe_multi -e 'kprobe:vfs_* { @[func] = count(); }'",
  },
  fmt: { help: "print the script, formatted, and do not run it", example: "scry --fmt opens.bt" },
  json: { help: "the same as -f json", example: "scry doctor --json" },
  "dry-run": {
    help: "compile, load and attach, but do not run",
    example: "scry --dry-run -e 'tracepoint:syscalls:sys_enter_openat { print(comm); }'",
  },
  unsafe: {
    help: "allow functions with effects on the system (system, signal)",
    example: `scry --unsafe -e 'interval:s:1 { system("uptime"); }'`,
  },
  set: {
    value: "NAME=VALUE",
    completes: "none",
    many: true,
    help: "a variable of the object (const volatile in its C): a number, true or false, or text; or of a map: MAP.max_entries, MAP.value_size",
    example: "scry run --set targ_tgid=42 opensnoop.bpf.o",
  },
  type: {
    value: "MAP=STRUCT",
    completes: "none",
    many: true,
    help: "what the records of a ring are, where its declaration does not say so",
    example: "scry run --type events=event opensnoop.bpf.o",
  },
  interface: {
    short: "i",
    value: "NAME",
    completes: "none",
    help: "attach the programs for packets (XDP, traffic control) to this network interface; with filter, capture there (any: on all of them); with firewall and balance, stand there",
    example: "scry run --interface lo pass.bpf.o",
  },
  share: {
    help: "attach XDP programs beside those that share the interface already, by the protocol of xdp-tools' dispatcher",
    example: "scry run --interface eth0 --share pass.bpf.o",
  },
  priority: {
    value: "N",
    completes: "none",
    help: "with --share: lower ones run first; else as the object says, or 50",
    example: "scry run --interface eth0 --share --priority 10 pass.bpf.o",
  },
  "chain-call": {
    value: "ACTIONS",
    completes: "none",
    help: "with --share: after which answers the next program is asked (pass,drop,tx,redirect,aborted, or none); else as the object says, or pass",
    example: "scry run --interface eth0 --share --chain-call pass,tx pass.bpf.o",
  },
  leave: {
    value: "ID",
    completes: "none",
    help: "take this XDP program away from those that share an interface, whoever put it there",
    example: "scry net --leave 42",
  },
  hook: {
    value: "PLACE",
    values: ["xdp", "tc", "cgroup"],
    help: "where a firewall stands: before the kernel looks at packets (xdp), behind its taps, where marks can be set (tc), or at a control group, which --cgroup, --unit and --container say",
    example: "scry firewall apply rules.yaml -i eth0 --hook tc",
  },
  direction: {
    value: "WAY",
    values: ["ingress", "egress"],
    help: "of a control group's packets: those that come in (ingress, unless said otherwise), or those that leave",
    example: "scry firewall apply rules.yaml --unit nginx --direction egress",
  },
  persist: {
    help: "with firewall and balance: it goes on when scry has ended, by pins in the BPF file system, until it is removed",
    example: "scry firewall apply rules.yaml -i eth0 --persist",
  },
  "confirm-within": {
    value: "TIME",
    completes: "none",
    help: "with --persist: the rules before decide again after this time, unless `scry firewall confirm` says otherwise",
    example: "scry firewall apply rules.yaml -i eth0 --persist --confirm-within 30s",
  },
  "xdp-mode": {
    value: "MODE",
    values: ["any", "native", "generic"],
    help: "where the program runs: in the interface's driver (native), behind it (generic), or where it can; any unless said otherwise",
    example: "scry balance web.yaml -i eth0 --xdp-mode native",
  },
  embed: {
    help: "put the object itself into the module, so that no file is needed beside it",
    example: "scry gen --embed opensnoop.bpf.o > opensnoop.ts",
  },
  binary: {
    value: "FILE",
    completes: "file",
    many: true,
    help: "declare this program's functions, structs and static probes, by its debug information",
    example: "scry types --binary ./app -o app.d.ts",
  },
  only: {
    value: "FILE",
    completes: "file",
    many: true,
    help: "declare only what this module names, and the files behind it",
    example: "scry types --only slow-reads.bpf.ts -o vmlinux.d.ts",
  },
  btf: {
    value: "FILE",
    completes: "file",
    help: "the types of this file instead of the running kernel's: BTF, or a kernel's image with it; without tracepoints",
    example: "scry types --btf vmlinux-6.1 -o vmlinux.d.ts",
  },
  token: {
    value: "DIR",
    completes: "file",
    help: "load by the token of this BPF file system, which delegates that to the user namespace (Linux 6.9)",
    example: "scry run --token /sys/fs/bpf opensnoop.bpf.o",
  },
  light: {
    help: "put the object into the module as data, ready to be loaded: smaller, and no ELF file is read",
    example: "scry gen --light opensnoop.bpf.o > opensnoop.ts",
  },
  count: { help: "print how many packets match", example: "scry filter --count 'tcp port 443' trace.pcap" },
  write: {
    short: "w",
    value: "FILE",
    completes: "file",
    help: "write the packets that match to this file, in the format that they are read in",
    example: "scry filter -w dns.pcap 'port 53' trace.pcap",
  },
  limit: {
    value: "N",
    completes: "none",
    help: "end behind so many packets that match",
    example: "scry filter --limit 10 'icmp' trace.pcap",
  },
  netns: {
    value: "NAME",
    completes: "none",
    help: "capture in this network namespace: a name of ip-netns(8), or a file (/proc/PID/ns/net)",
    example: "scry filter -i eth0 --netns web 'tcp port 80'",
  },
  rotate: {
    value: "SIZE|TIME",
    completes: "none",
    help: "go on to the next file after so much or so long: 100MB, 10m, or both with a comma",
    example: "scry filter -i eth0 -w web.pcapng --rotate 100MB 'tcp port 80'",
  },
  keep: {
    value: "N",
    completes: "none",
    help: "with --rotate, keep the last files only, so many",
    example: "scry filter -i eth0 -w web.pcapng --rotate 1h --keep 24 'tcp port 80'",
  },
  snapshot: {
    value: "BYTES",
    completes: "none",
    help: "keep so many bytes of each packet",
    example: "scry filter -i eth0 -w heads.pcapng --snapshot 96 'tcp'",
  },
  promiscuous: {
    help: "capture packets to other machines too",
    example: "scry filter -i eth0 --promiscuous 'arp'",
  },
  process: {
    help: "say of which process a packet is, where a look at all sockets finds it",
    example: "scry filter -i eth0 --process 'tcp port 443'",
  },
  explain: {
    help: "print the filter's tests with the words that ask for them; with a capture, those that a packet met",
    example: "scry filter --explain 'tcp port 443'",
  },
  packet: {
    value: "N",
    completes: "none",
    help: "with --explain, which packet of the capture; 1 by default",
    example: "scry filter --explain 'tcp port 443' trace.pcap --packet 7",
  },
  "link-type": {
    short: "y",
    value: "TYPE",
    completes: "none",
    help: "how packets begin, for -d and --explain: EN10MB, RAW, LINUX_SLL2, ...; a capture says it itself",
    example: "scry filter -d -y RAW 'tcp port 443'",
  },
  stdio: { help: "accepted, as editors say it; there is no other way", example: "scry lsp --stdio" },
  version: { short: "V", help: "print the version", example: "scry --version" },
  help: { short: "h", help: "print this help", example: "scry record --help" },
  "no-warnings": {
    help: "do not print warnings, neither about the program nor of its run (warnf)",
    example: "scry --no-warnings script.bt",
  },
  warnings: {
    short: "k",
    help: "warn where a look-up or a read fails while the script runs",
    example: "scry -k -e 'tracepoint:syscalls:sys_enter_openat { print(str(args.filename)); }'",
  },
  // bpftrace's, taken so that its command lines work; what they choose between does not exist here.
  "usdt-file-activation": {
    help: "accepted; semaphores are activated through the file in any case",
    example: "scry --usdt-file-activation -p 1 script.bt",
  },
  "dwarf-pid": {
    value: "PID",
    completes: "pid",
    help: "accepted; dw_ustack unwinds every process",
    example: "scry --dwarf-pid 1 -e 'profile:hz:99 { @[dw_ustack] = count(); }'",
  },
};

/** The options of these names, in this order. Throws on a name that the table has not. */
export function options(...names: readonly string[]): readonly Option[] {
  return names.map((long) => {
    const option = table[long];
    if (option === undefined) throw new Error(`no option is called ${long}`);
    return { long, ...option };
  });
}

/** Taken by every command. */
export const common: readonly Option[] = options("debug", "color", "version", "help");

export interface CommandLine {
  readonly given: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
  /** Words behind `--` that name a parameter of the script: `name=value`, without its dashes. */
  readonly named: readonly string[];
}

/** Words that are not what the command line takes. */
export class UsageError extends DiagnosticError {
  constructor(message: string, hints: readonly string[] = ["scry --help shows how it is used"]) {
    super([{ code: "SCRY1127", severity: "error", message, ...(hints.length === 0 ? {} : { hints }) }]);
    this.message = message;
  }
}

/** Words that are no command line at all: how the command is used is printed below what is said of them. */
export class CommandLineError extends UsageError {}

/** Options end at the first word that is none (the script's file), or after `-e PROGRAM` at the first parameter. */
export function parseCommandLine(words: readonly string[], taken: readonly Option[]): CommandLine {
  const given = new Map<string, string>();
  const rest: string[] = [];
  const named: string[] = [];
  const queue = [...words];
  let file = false;
  while (queue.length > 0) {
    const word = queue.shift() as string;
    if (word === "--") {
      for (const w of queue) (/^--[A-Za-z]/.test(w) ? named : rest).push(w.replace(/^--(?=[A-Za-z])/, ""));
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
      const option = taken.find((o) => o.long === name);
      if (option === undefined) throw new CommandLineError(`unknown option: --${name}`);
      if (option.value === undefined && equals >= 0) throw new UsageError(`--${name} takes no value`);
      set(option, equals >= 0 ? word.slice(equals + 1) : undefined, queue);
      continue;
    }
    // -lv, -p42
    for (let i = 1; i < word.length; i++) {
      const option = taken.find((o) => o.short === word[i]);
      if (option === undefined) throw new CommandLineError(`unknown option: -${word[i]}`);
      const attached = option.value !== undefined && i + 1 < word.length ? word.slice(i + 1) : undefined;
      set(option, attached, queue);
      if (option.value !== undefined) break;
    }
  }
  return { given, rest, named };

  function set(option: Option, attached: string | undefined, words: string[]): void {
    const shown = option.short === undefined ? `--${option.long}` : `-${option.short}`;
    const value = option.value === undefined ? "" : (attached ?? words.shift());
    if (value === undefined) throw new CommandLineError(`${shown} needs a value: ${option.value}`);
    if (option.values !== undefined && !option.values.includes(value))
      throw option.refusal?.(value) ?? new UsageError(`${shown} takes ${option.values.join(", ")}, not '${value}'`);
    const before = option.many === true ? given.get(option.long) : undefined;
    given.set(option.long, before === undefined ? value : `${before}\n${value}`);
  }
}
