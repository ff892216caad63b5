// What nobody foresaw is said in one way.

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { NamedCommand } from "./command.ts";
import { main } from "./main.ts";

const faulty: NamedCommand = {
  name: "",
  help: "",
  usage: [],
  options: [],
  completes: "none",
  examples: [],
  run: () => (undefined as unknown as string).length,
};

const { writeSync } = fs;
let written = "";
beforeEach(() => {
  written = "";
  fs.writeSync = ((_fd: number, bytes: Uint8Array, offset?: number | null) => {
    const at = offset ?? 0;
    written += new TextDecoder().decode(bytes.subarray(at));
    return bytes.length - at;
  }) as typeof writeSync;
  syncBuiltinESMExports();
});
afterEach(() => {
  fs.writeSync = writeSync;
  syncBuiltinESMExports();
});

it("as an internal error, its place with -d trace alone", async () => {
  expect(await main([], [faulty])).toBe(1);
  expect(written).toMatch(
    /^ERROR: internal error: TypeError: .* \(SCRY2000\)\nHINT: .*please report it\nHINT: .*-d trace.*\n$/,
  );
  written = "";
  expect(await main(["-d", "trace"], [faulty])).toBe(1);
  expect(written).toMatch(/\n {4}at .*main\.test\.ts/);
});
