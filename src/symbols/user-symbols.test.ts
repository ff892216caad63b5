import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { fileSymbols, tryFileSymbols, UserSymbols } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-symbols-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(process.platform !== "linux")("a program", () => {
  const path = join(folder, "program");
  writeFileSync(
    `${path}.c`,
    `#include <stdio.h>
     #include <unistd.h>
     int counter = 3;
     static __attribute__((noinline)) int hidden(int x) { __asm__ volatile(""); return x + counter; }
     __attribute__((noinline)) int shown(int x) { return hidden(x) * 2; }
     int main(void) { printf("%p %p\\n", (void *)shown, (void *)hidden); fflush(stdout); shown(1); return getchar(); }`,
  );
  execFileSync("gcc", ["-O1", "-o", path, `${path}.c`]);

  it("has functions with the places of their code in the file", () => {
    const symbols = fileSymbols(path);
    const shown = symbols.find("shown")!;
    expect(shown).toMatchObject({ name: "shown", type: "func" });
    expect(
      symbols
        .functions(/^(shown|hidden|main)$/)
        .map((symbol) => symbol.name)
        .sort(),
    ).toEqual(["hidden", "main", "shown"]);
    expect(symbols.at(shown.fileOffset! + 1)).toEqual({ name: "shown", offset: 1 });
    expect(symbols.find("nothing")).toBeUndefined();
    expect(fileSymbols(path)).toBe(symbols);
    expect(tryFileSymbols(`${path}.c`)).toBeUndefined();
    expect(tryFileSymbols("/nonexistent")).toBeUndefined();
  });

  it("that runs has names for its addresses, also when it is gone", async () => {
    const child = spawn(path, { stdio: ["pipe", "pipe", "inherit"] });
    const [output] = (await once(child.stdout, "data")) as [Buffer];
    const [shown, hidden] = output.toString().trim().split(" ").map(BigInt) as [bigint, bigint];
    const symbols = new UserSymbols(child.pid!);
    symbols.remember();
    const exit = once(child, "exit");
    child.stdin.end();
    await exit;
    expect(symbols.lookup(shown)).toEqual({ name: "shown", offset: 0, module: path });
    expect(symbols.lookup(hidden + 2n)).toEqual({ name: "hidden", offset: 2, module: path });
    expect(symbols.address("shown")).toBe(shown);
    expect(symbols.module(shown)?.path).toBe(path);
    expect(symbols.lookup(16n)).toBeUndefined();
    // One whose process we have never seen alive knows nothing, and says so.
    expect(new UserSymbols(child.pid!).lookup(shown)).toBeUndefined();
  });
});
