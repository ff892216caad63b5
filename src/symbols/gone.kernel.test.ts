// Processes that have ended before anybody asks: what they had mapped is known from the kernel's records.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { UserSymbols, watchMappings } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-gone-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("processes that are gone have names for their addresses, children without exec too", () => {
  const path = join(folder, "brief");
  writeFileSync(
    `${path}.c`,
    `#include <stdio.h>
     #include <unistd.h>
     #include <sys/wait.h>
     __attribute__((noinline)) int brief(int x) { __asm__ volatile(""); return x; }
     int main(void) {
       printf("%d %p %p\\n", getpid(), (void *)brief, (void *)printf); fflush(stdout);
       if (fork() == 0) { printf("%d %p %p\\n", getpid(), (void *)brief, (void *)printf); fflush(stdout); _exit(0); }
       wait(NULL); return brief(0); }`,
  );
  execFileSync("gcc", ["-O1", "-fpie", "-pie", "-o", path, `${path}.c`]);
  const watch = watchMappings();
  try {
    const lines = Array.from({ length: 20 }, () =>
      spawnSync(path, { encoding: "utf8" }).stdout.trim().split("\n"),
    ).flat();
    expect(lines).toHaveLength(40);
    for (const line of lines) {
      const [pid, brief, print] = line.split(" ") as [string, string, string];
      const symbols = new UserSymbols(Number(pid));
      expect(symbols.lookup(BigInt(brief) + 1n)).toMatchObject({ name: "brief", offset: 1, module: path });
      expect(symbols.lookup(BigInt(print))?.name).toMatch(/printf/);
    }
  } finally {
    watch[Symbol.dispose]();
  }
});
