import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { constantInliner } from "./scripts/inline-constants.mjs";

const sources = fileURLToPath(new URL("./src/", import.meta.url));
const inline = constantInliner(sources);
/** As in the build: without it, the interpreter's `switch` is a chain of comparisons. */
const plugins = [
  {
    name: "inline-constants",
    enforce: "pre" as const,
    transform: (code: string, id: string) =>
      id.startsWith(sources) && !id.endsWith(".test.ts") && !id.endsWith("?raw")
        ? { code: inline(code), map: null }
        : undefined,
  },
];

export default defineConfig({
  test: {
    projects: [
      // No root, no kernel: runs anywhere that Node does.
      {
        plugins,
        test: {
          name: "unit",
          // Modules keep no state that one test could leave to another, and reading them anew for each takes half the time.
          isolate: false,
          // By default one processor is left for vitest itself, which has little to do.
          maxWorkers: "100%",
          include: ["src/**/*.test.ts", "test/unit/**/*.test.ts", "test/types/**/*.test.ts"],
          exclude: ["**/*.kernel.test.ts"],
          // Generated input takes seconds, and machines differ.
          testTimeout: 20_000,
        },
      },
      // Root and a kernel with BPF, one file at a time: programs and maps are the machine's, not the process's.
      {
        plugins,
        test: {
          name: "kernel",
          include: ["src/**/*.kernel.test.ts", "test/kernel/**/*.test.ts"],
          fileParallelism: false,
          runner: "./test/support/kernel-runner.ts",
          globalSetup: "./test/support/build.ts",
          hookTimeout: 120_000,
          testTimeout: 60_000,
        },
      },
    ],
  },
});
