// C programs of every type, compiled by clang, and the running kernel's verdict on each against ours: what it takes is taken,
// and nothing is taken that it refuses.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { kernelSays } from "../../test/data/verifier-agreement.ts";
import { hasClang, lacking } from "../../test/support/skips.ts";
import { loadObject } from "../kernel/index.ts";
import { readObject } from "../object/index.ts";
import { verifyProgram } from "./index.ts";

const sources = new URL("../../bench/verifier/programs/", import.meta.url).pathname;
const headers = ["/usr/include/bpf/bpf_helpers.h", "/usr/include/linux/bpf.h"];
const noClang = lacking("verdicts on programs in C", {
  clang: hasClang,
  "libbpf's headers": headers.every(existsSync),
});

/** Where the two may differ: Linux runs loops turn by turn, and gives up where we prove their end. */
const PROVEN_END = /too large|infinite loop/;

describe.skipIf(noClang)("programs in C", () => {
  it.each(readdirSync(sources).filter((name) => name.endsWith(".c")))("%s", { timeout: 120_000 }, (file) => {
    const folder = mkdtempSync(`${tmpdir()}/scry-objects-`);
    try {
      const out = `${folder}/${file}.o`;
      const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
      const include = `-I/usr/include/${machine}-linux-gnu`;
      execFileSync("clang", ["-target", "bpf", "-O2", "-g", "-mcpu=v3", include, "-c", sources + file, "-o", out]);
      const { object } = readObject(readFileSync(out));
      expect(object.programs.length).toBeGreaterThan(15);
      using loaded = loadObject({ ...object, programs: [] });
      const differ: string[] = [];
      for (const program of object.programs) {
        const one = { ...object, programs: [program] };
        const { refusal } = kernelSays(one, { maps: loaded.maps });
        const ours = verifyProgram(one, program, { profile: "linux", cpus: 2 });
        if (ours.accepted && refusal !== undefined && !PROVEN_END.test(refusal))
          differ.push(`${program.name} is taken, and Linux says: ${refusal}`);
        if (!ours.accepted && refusal === undefined) differ.push(`${program.name}: ${ours.refusal.message}`);
      }
      expect(differ).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
