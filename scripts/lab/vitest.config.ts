// The kernel tests in a guest: bundled, one after another, in one process.

import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: vitest takes a configuration as a default export
export default defineConfig({
  root: process.env["SCRY_LAB_TESTS"] ?? ".",
  test: {
    name: "kernel",
    include: ["**/*.test.mjs"],
    fileParallelism: false,
    isolate: false,
    pool: "threads",
    hookTimeout: 300_000,
    testTimeout: 300_000,
    cache: false,
  },
});
