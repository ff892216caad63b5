// `scry build FILE.bpf.c -o FILE.o`: C for BPF, or a kernel module in TypeScript, as an object that any loader takes; of several files one object.

import type { Command } from "../command.ts";
import { common, type Option, options } from "../options.ts";

const own: readonly Option[] = [
  ...options("include-dir", "include", "define", "undefine", "dialect", "warn", "database"),
  { ...(options("output")[0] as Option), help: "the object; FILE.o beside the text unless said otherwise" },
  ...options("format"),
];

export const build: Command = {
  help: "compile C for BPF into an object file, with no clang; link several to one",
  usage: [
    ["[-I DIR] [-D NAME[=TEXT]] FILE.bpf.c -o FILE.o", "a compiler's other options may stand there as well"],
    ["FILE.bpf.c|FILE.bpf.ts|FILE.o ... -o FILE.o"],
    ["-p compile_commands.json"],
  ],
  options: own,
  completes: "file",
  readsWords: true,
  examples: [
    "scry build opensnoop.bpf.c -o opensnoop.bpf.o",
    "scry build -target bpf -O2 -g -c opensnoop.bpf.c -o opensnoop.bpf.o",
    "scry build main.bpf.o maps.bpf.o -o tool.bpf.o",
    "scry build -p compile_commands.json",
  ],
  run: async ({ rest }) => (await import("../objects/index.ts")).build(rest, [...own, ...common]),
};
