// `scry build FILE.bpf.c -o FILE.o`: C for BPF, as an object that any loader takes; of several files one object.

import type { Command } from "../command.ts";
import { type Option, options } from "../options.ts";

export const build: Command = {
  help: "compile C for BPF into an object file, with no clang; link several to one",
  usage: [["[-I DIR] [-D NAME[=TEXT]] FILE.bpf.c -o FILE.o"], ["FILE.bpf.c|FILE.o ... -o FILE.o"]],
  options: [
    ...options("include-dir", "include", "define", "dialect"),
    { ...(options("output")[0] as Option), help: "the object; FILE.o beside the text unless said otherwise" },
    ...options("format"),
  ],
  completes: "file",
  examples: ["scry build opensnoop.bpf.c -o opensnoop.bpf.o", "scry build main.bpf.o maps.bpf.o -o tool.bpf.o"],
  run: async (line) => (await import("../objects/index.ts")).build(line),
};
