// Where the machine cannot load BPF, the kernel tests are skipped, all of them, and said to be; in CI that is a failure.

import type { File, Task } from "@vitest/runner";
import { TestRunner } from "vitest";
import { createMap } from "../../src/kernel/index.ts";

function obstacle(): string | undefined {
  try {
    createMap({ name: "probe", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 }).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

// biome-ignore lint/style/noDefaultExport: vitest takes a runner as a default export
export default class KernelRunner extends TestRunner {
  onCollected(files: File[]): void {
    const why = obstacle();
    if (why !== undefined) {
      if (process.env["CI"] !== undefined)
        throw new Error(`the kernel tests must run in CI, and BPF is not to be had: ${why}`);
      console.warn(`\n*** KERNEL TESTS SKIPPED: this machine does not let us load BPF (${why}) ***\n`);
      const skip = (task: Task): void => {
        task.mode = "skip";
        if (task.type === "suite") task.tasks.forEach(skip);
      };
      for (const file of files) file.tasks.forEach(skip);
    }
  }
}
