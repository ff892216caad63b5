// Objects that clang made of C load as they are: maps with types, global data, several programs.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hasClang, lacking } from "../../test/support/skips.ts";
import { readObject } from "../object/index.ts";
import { loadObject } from "./load.ts";

const sources = new URL("../../bench/verifier/c/", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "scry-c-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(lacking("objects of clang", { clang: hasClang }))("objects of clang", () => {
  for (const file of readdirSync(sources).filter((name) => name.endsWith(".c")))
    it(file, () => {
      const to = join(folder, file.replace(/c$/, "o"));
      execFileSync("clang", [
        "-target",
        "bpf",
        "-O2",
        "-g",
        "-mcpu=v3",
        `-I${sources}`,
        "-c",
        join(sources, file),
        "-o",
        to,
      ]);
      const { object, skipped } = readObject(readFileSync(to));
      expect(skipped).toEqual([]);
      expect(object.maps.every((m) => m.type === "ringbuf" || m.type === "array" || m.valueType !== undefined)).toBe(
        true,
      );
      using loaded = loadObject(object);
      expect([...loaded.programs.keys()]).toEqual(object.programs.map((p) => p.name));
    });
});
