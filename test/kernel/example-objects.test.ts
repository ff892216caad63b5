// The examples of kernel modules as objects that `scry build` writes: libbpf takes each of them (bpftool prog loadall).

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repository, scryCommand } from "../support/commands.ts";

const examples = join(repository, "examples/kernel");
const names = readdirSync(examples).flatMap((file) => (file.endsWith(".bpf.ts") ? [file.slice(0, -7)] : []));
const folder = mkdtempSync(join(tmpdir(), "scry-objects-"));
const pins = join(folder, "bpf");

beforeAll(() => {
  mkdirSync(pins);
  execFileSync("mount", ["-t", "bpf", "none", pins]);
});
afterAll(() => {
  spawnSync("umount", [pins]);
  rmSync(folder, { recursive: true, force: true });
});

describe("objects of the examples", () => {
  it("are ten", () => {
    expect(names).toHaveLength(10);
  });
  it.each(names)("%s", (name) => {
    const object = join(folder, `${name}.bpf.o`);
    execFileSync(process.execPath, [scryCommand(), "build", join(examples, `${name}.bpf.ts`), "-o", object]);
    const { status, stderr } = spawnSync("bpftool", ["prog", "loadall", object, join(pins, name)], {
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
    const programs = execFileSync("readelf", ["-sW", object], { encoding: "utf8" })
      .split("\n")
      .flatMap((line) => (/ FUNC +GLOBAL /.test(line) ? [line.trim().split(/\s+/).at(-1)] : []));
    expect(readdirSync(join(pins, name)).sort()).toEqual(programs.sort());
  });
});
