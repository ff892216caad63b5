// `scry types -o vmlinux.d.ts`: what modules in TypeScript (`*.bpf.ts`) are checked against, from the kernel's own types.

import type { Command } from "../command.ts";
import { type Option, options } from "../options.ts";

export const types: Command = {
  help: "declarations of what the kernel and programs have, for kernel programs in TypeScript",
  usage: [
    ["-o vmlinux.d.ts", "all that the running kernel has"],
    ["--only FILE.bpf.ts ... -o vmlinux.d.ts", "what these modules name"],
    ["--binary FILE -o app.d.ts", "what a program has"],
  ],
  options: [
    ...options("only", "binary", "btf"),
    { ...(options("output")[0] as Option), help: "the declarations; standard output unless said otherwise" },
  ],
  completes: "file",
  examples: [
    "scry types -o vmlinux.d.ts",
    "scry types --only slow-reads.bpf.ts -o vmlinux.d.ts",
    "scry types --binary ./app -o app.d.ts",
    "scry types --btf vmlinux-6.1 -o vmlinux.d.ts",
  ],
  run: async (line) => (await import("../objects/index.ts")).declareTypes(line),
};
