// Objects in a user namespace, whose root may do nothing of the system's, by the token of a BPF file system (Linux 6.9).

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BPF_FILES, kernelBtf } from "../../src/kernel/index.ts";
import { compileC, workFolder } from "../support/c-object.ts";
import { scryCommand } from "../support/commands.ts";
import { hasClang, hasGcc, lacking } from "../support/skips.ts";

const folder = workFolder();
afterAll(() => folder.remove());

const tokens = kernelBtf().find("bpf_token", "struct") !== undefined;
const needs = { clang: hasClang, gcc: hasGcc, "BPF tokens (Linux 6.9)": tokens };

describe.skipIf(lacking("objects in a user namespace", needs))("in a user namespace", () => {
  const files = join(folder.path, "bpf");
  let object = "";
  let helper = "";
  beforeAll(() => {
    mkdirSync(files);
    helper = join(folder.path, "token");
    execFileSync("gcc", ["-o", helper, new URL("../support/token.c", import.meta.url).pathname]);
    object = compileC(
      folder.path,
      "packets",
      `struct { __uint(type, 1); __type(key, u32); __type(value, u64); __uint(max_entries, 8); } seen SEC(".maps");
      u64 count;
      __attribute__((noinline)) int twice(int n) { return n * 2; }
      SEC("xdp") int pass(void *ctx) {
        u32 key = 1; u64 *value = lookup(&seen, &key);
        count++;
        return value ? 1 : twice(1);
      }`,
    );
  });
  /** In a namespace of its own, where `files` delegates all. */
  const scry = (env: NodeJS.ProcessEnv, ...words: string[]) => scryWith(files, env, ...words);
  const scryWith = (mounted: string, env: NodeJS.ProcessEnv, ...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(helper, [mounted, process.execPath, scryCommand(), ...words], {
      encoding: "utf8",
      timeout: 30_000,
      env: { ...process.env, ...env },
    });
    return { status, text: stdout + stderr };
  };

  it("nothing is loaded without a token", () => {
    const { status, text } = scry({}, "object", object);
    expect(text).toMatch(/cannot be asked: .*EPERM/);
    expect(status).toBe(1);
  });

  it("an object is loaded by the token of a file system that is named", () => {
    const loaded = { status: 0, text: expect.stringMatching(/takes pass, having looked at \d+ instructions/) };
    expect(scry({}, "object", "--token", files, object)).toEqual(loaded);
    expect(scry({ LIBBPF_BPF_TOKEN_PATH: files }, "object", object)).toEqual(loaded);
    expect(scry({ LIBBPF_BPF_TOKEN_PATH: "" }, "object", object).status).toBe(1);
  });

  it.skipIf(!existsSync(BPF_FILES))("the file system at the usual place is asked unless told otherwise", () => {
    expect(scryWith(BPF_FILES, {}, "object", object).status).toBe(0);
  });

  it("what has none to give is told", () => {
    expect(scry({}, "object", "--token", folder.path, object).text).toMatch(
      /bpf\(BPF_TOKEN_CREATE\) failed with EINVAL/,
    );
    expect(scry({}, "object", "--token", join(folder.path, "none"), object).text).toMatch(/open failed with ENOENT/);
  });
});
