// Libraries within zip archives, as Android's packages have them: a program that maps one out of its archive is traced by
// the names in it, and its stacks say them.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { crc32 } from "../../src/elf/index.ts";
import { scryCommand } from "../support/commands.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-archive-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PAGE = 4096;
interface Member {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly method?: number;
}

/** A zip archive whose members begin at pages, as `zipalign` makes them. */
function zip(members: readonly Member[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, bytes, method = 0 } of members) {
    const pad = (PAGE - ((at + 30 + name.length) % PAGE)) % PAGE;
    const local = Buffer.alloc(30 + name.length + pad);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(crc32(bytes), 14);
    local.writeUInt32LE(bytes.length, 18);
    local.writeUInt32LE(bytes.length, 22);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(pad, 28);
    local.write(name, 30);
    const entry = Buffer.alloc(46 + name.length);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc32(bytes), 16);
    entry.writeUInt32LE(bytes.length, 20);
    entry.writeUInt32LE(bytes.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    entry.write(name, 46);
    parts.push(local, Buffer.from(bytes));
    directory.push(entry);
    at += local.length + bytes.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, list, end]);
}

const library = join(folder, "libwork.so");
const archive = join(folder, "app.zip");
const loader = join(folder, "loader");

function build(): { readonly command: string; readonly inside: string } {
  writeFileSync(
    join(folder, "work.c"),
    `#include <sys/sdt.h>
static int __attribute__((noinline)) inner(int x) { int y = x * 2; DTRACE_PROBE1(app, seen, y); return y + 1; }
int work(int a) { return inner(a) + 1; }
`,
  );
  writeFileSync(
    join(folder, "loader.c"),
    `#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
int main(int count, char **words) {
  int fd = open(words[1], O_RDONLY);
  char *code = mmap(0, atol(words[2]), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, ${PAGE});
  if (code == MAP_FAILED) return 1;
  for (int i = 5; i < 8; i++) ((int (*)(int))(code + strtol(words[3], 0, 16)))(i);
  return 0;
}
`,
  );
  execFileSync("gcc", ["-g", "-O0", "-shared", "-fPIC", join(folder, "work.c"), "-o", library]);
  execFileSync("gcc", ["-O0", join(folder, "loader.c"), "-o", loader]);
  const bytes = readFileSync(library);
  writeFileSync(
    archive,
    zip([
      { name: "lib/libwork.so", bytes },
      { name: "lib/packed.so", bytes: Buffer.from("not really packed"), method: 8 },
    ]),
  );
  const symbols = execFileSync("nm", [library], { encoding: "utf8" });
  const work = /^(\S+) T work$/m.exec(symbols)?.[1] ?? "";
  return { command: `${loader} ${archive} ${bytes.length} ${work}`, inside: `${archive}!/lib/libwork.so` };
}

const scry = (...words: string[]) =>
  spawnSync(process.execPath, [scryCommand(), "-q", ...words], { encoding: "utf8", timeout: 30_000 });

describe("a library in an archive", () => {
  const { command, inside } = build();

  it("functions, returns, lines with variables and static probes fire, and stacks have its names", () => {
    const { stdout, stderr } = scry(
      "-c",
      command,
      "-e",
      `uprobe:${inside}:inner { @inner[arg0] = count(); @stack[ustack(2)] = count(); }
       uretprobe:${inside}:work { @returned[retval] = count(); }
       uprobe:${inside}@work.c:3 { @line[vars.a] = count(); }
       usdt:${inside}:app:seen { @seen[arg0] = count(); }`,
    );
    expect(stderr).toBe("");
    for (const [name, values] of [
      ["inner", [5, 6, 7]],
      ["returned", [12, 14, 16]],
      ["line", [5, 6, 7]],
      ["seen", [10, 12, 14]],
    ] as const)
      expect(
        [...stdout.matchAll(new RegExp(`^@${name}\\[(\\d+)\\]: 1$`, "gm"))].map((m) => Number(m[1])).sort(),
      ).toEqual(values.toSorted());
    expect(stdout).toMatch(/inner\+\d+\n\s+work\+\d+\n\]: 3/);
  });

  it("is listed, and what is not in it is an error", () => {
    expect(scry("-l", `uprobe:${inside}:w*`).stdout.trim()).toBe(`uprobe:${inside}:work`);
    for (const [path, says] of [
      [`${archive}!/lib/other.so`, "does not exist or is not executable"],
      [`${archive}!/lib/packed.so`, "does not exist or is not executable"],
      [archive, "not an ELF file"],
    ] as const) {
      const { status, stderr } = scry("-e", `uprobe:${path}:work { }`);
      expect([path, status]).toEqual([path, 1]);
      expect(stderr).toContain(says);
    }
  });

  it("a damaged archive is no archive", () => {
    const good = readFileSync(archive);
    const end = good.length - 22;
    for (const at of [end, end + 12, end + 16, good.readUInt32LE(end + 16), good.readUInt32LE(end + 16) + 24]) {
      const bytes = Buffer.from(good);
      bytes.writeUInt32LE(0x7fffffff, at);
      writeFileSync(join(folder, "damaged.zip"), bytes);
      const { status, stderr } = scry("-e", `uprobe:${join(folder, "damaged.zip")}!/lib/libwork.so:work { }`);
      expect([at, status]).toEqual([at, 1]);
      expect(stderr).toContain("does not exist or is not executable");
    }
  });
});
