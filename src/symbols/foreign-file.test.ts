// Files that somebody else has put where we look.

import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openForeign, readPieces } from "./foreign-file.ts";
import { PerfMapFile } from "./perf-map.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-foreign-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const contents = (path: string, most = 100): string => {
  const file = openForeign(path);
  let text = "";
  readPieces(file, 0, most, (piece) => {
    text += new TextDecoder().decode(piece);
  });
  file.close();
  return text;
};

describe.skipIf(process.platform !== "linux")("a file of others", () => {
  it("is not waited for, nor a device or a folder", () => {
    const fifo = join(folder, "fifo");
    execFileSync("mkfifo", [fifo]);
    for (const path of [fifo, "/dev/zero", folder])
      expect(() => openForeign(path)).toThrow(`${path}: it is not a regular file`);
    expect(() => openForeign(join(folder, "nothing"))).toThrow("ENOENT");
  });

  it("is read up to a limit", () => {
    const path = join(folder, "large");
    writeFileSync(path, "begin");
    truncateSync(path, 3 * 2 ** 30);
    expect(contents(path, 5)).toBe("begin");
  });
});

describe.skipIf(process.platform !== "linux")("a list of a JIT's functions", () => {
  const owner = process.getuid?.() ?? 0;
  const list = (name: string): { path: string; file: PerfMapFile; warnings: string[] } => {
    const path = join(folder, name);
    const warnings: string[] = [];
    return { path, file: new PerfMapFile(path, owner, (message) => warnings.push(message)), warnings };
  };

  it("is read on as it grows, and anew when it is another", () => {
    const { path, file } = list("growing");
    expect(file.lookup(0x1000)).toBeUndefined();
    writeFileSync(path, "1000 10 fir");
    expect(file.lookup(0x1000)).toBeUndefined();
    appendFileSync(path, "st\n2000 10 second\n");
    expect(file.lookup(0x1001)).toEqual({ name: "first", offset: 1 });
    expect(file.lookup(0x2000)?.name).toBe("second");
    rmSync(path);
    writeFileSync(path, "3000 10 third\n");
    expect(file.lookup(0x1001)).toBeUndefined();
    expect(file.lookup(0x3000)?.name).toBe("third");
  });

  it("may be three gigabytes of nothing", { timeout: 20_000 }, () => {
    const { path, file, warnings } = list("sparse");
    writeFileSync(path, "1000 10 first\n");
    truncateSync(path, 3 * 2 ** 30);
    const before = process.memoryUsage().rss;
    expect(file.lookup(0x1000)?.name).toBe("first");
    expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
    expect(warnings).toEqual([`${path}: only the first 64 MiB of 3072 are read`]);
  });

  it("may be a FIFO", () => {
    const { path, file, warnings } = list("waiting");
    execFileSync("mkfifo", [path]);
    expect(file.lookup(0x1000)).toBeUndefined();
    expect(warnings).toEqual([`${path}: it is not a regular file`]);
  });

  it.skipIf(owner !== 0)("must be the process's own", () => {
    const { path, file, warnings } = list("another's");
    writeFileSync(path, "1000 10 first\n");
    chownSync(path, 12345, 12345);
    expect(file.lookup(0x1000)).toBeUndefined();
    expect(warnings).toEqual([`${path}: it belongs to another user than the process`]);
  });
});

describe.skipIf(process.platform !== "linux" || process.getuid?.() !== 0)("below the root of a process", () => {
  it("links lead no further than that root", async () => {
    const root = join(folder, "root");
    for (const inside of ["bin", "tmp", "lib/deep"]) mkdirSync(join(root, inside), { recursive: true });
    execFileSync("cp", ["/bin/busybox", join(root, "bin/busybox")]);
    writeFileSync(join(folder, "secret"), "of the host");
    writeFileSync(join(root, "lib/deep/secret"), "inside");
    symlinkSync("/lib/deep", join(root, "deep"));
    symlinkSync("../../../../../../deep/../deep/secret", join(root, "tmp/relative"));
    symlinkSync(join(folder, "secret"), join(root, "tmp/out"));
    symlinkSync("loop", join(root, "tmp/loop"));
    const child = spawn("chroot", [root, "/bin/busybox", "sh", "-c", "echo; read x"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    try {
      const at = (path: string): string => contents(`/proc/${child.pid}/root${path}`);
      expect(at("/lib/deep/secret")).toBe("inside");
      expect(at("/deep/secret")).toBe("inside");
      expect(at("/tmp/relative")).toBe("inside");
      expect(() => at("/tmp/out")).toThrow("ENOENT");
      expect(() => at("/tmp/loop")).toThrow("ELOOP");
      expect(() => at("/lib/deep/secret/more")).toThrow("ENOTDIR");
    } finally {
      child.stdin.end();
    }
  });
});
