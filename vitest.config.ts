import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      // No root, no kernel: runs anywhere that Node does.
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/unit/**/*.test.ts"],
          exclude: ["**/*.kernel.test.ts"],
        },
      },
      // Root and a kernel with BPF, one file at a time: programs and maps are the machine's, not the process's.
      {
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
