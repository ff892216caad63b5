import { execFileSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseElf } from "../elf/index.ts";
import { findDebugFile } from "./debug-files.ts";
import { FileSymbols, fileSymbols, openElf } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-debug-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A stripped program whose `.gnu_debuglink` names program.debug; `buildId` as for the linker. */
function program(name: string, buildId: string): { readonly path: string; readonly debug: string } {
  const own = join(folder, name);
  mkdirSync(own);
  const path = join(own, "program");
  const debug = join(own, "program.debug");
  writeFileSync(
    `${path}.c`,
    "static __attribute__((noinline)) int hidden(int x) { return x * 3; } int main(int c, char **v) { (void)v; return hidden(c); }",
  );
  execFileSync("gcc", ["-O1", "-fno-ipa-cp", `-Wl,--build-id=${buildId}`, "-o", path, `${path}.c`]);
  execFileSync("objcopy", ["--only-keep-debug", path, debug]);
  execFileSync("objcopy", ["--strip-all", `--add-gnu-debuglink=${debug}`, path], { cwd: own });
  return { path, debug };
}

describe.skipIf(process.platform !== "linux")("symbols that were kept apart", () => {
  it("are found beside the program by its link, below .debug, and through a symbolic link", () => {
    const { path, debug } = program("beside", "none");
    expect(parseElf(openElf(path).bytes).section(".symtab")).toBeUndefined();
    const hidden = fileSymbols(path).find("hidden")!;
    expect(hidden.type).toBe("func");
    expect(fileSymbols(path).at(hidden.fileOffset! + 2)).toEqual({ name: "hidden", offset: 2 });
    expect(fileSymbols(path).functions(/^hidden$/)).toHaveLength(1);

    mkdirSync(join(folder, "beside/.debug"));
    copyFileSync(debug, join(folder, "beside/.debug/program.debug"));
    rmSync(debug);
    expect(new FileSymbols(path, openElf(path)).find("hidden")).toEqual(hidden);
    symlinkSync(path, join(folder, "elsewhere"));
    expect(new FileSymbols(join(folder, "elsewhere"), openElf(path)).find("hidden")).toEqual(hidden);
  });

  it("are not taken from a file with another checksum", () => {
    const { path, debug } = program("changed", "none");
    appendFileSync(debug, "\0");
    expect(fileSymbols(path).find("hidden")).toBeUndefined();
  });

  it("are found by the build id, which must be the same", () => {
    const { path } = program("by-id", "0x0123456789abcdef0123456789abcdef01234567");
    const other = program("other-id", "0x2222222222222222222222222222222222222222");
    const asked: string[] = [];
    // What /usr/lib/debug would hold.
    const stored = new Map([["/usr/lib/debug/.build-id/01/23456789abcdef0123456789abcdef01234567.debug", other.debug]]);
    const open = (place: string) => {
      const found = stored.get(place);
      if (found === undefined) throw Object.assign(new Error(), { code: "ENOENT" });
      asked.push(place);
      return openElf(found);
    };
    expect(findDebugFile(path, openElf(path), open)).toBeUndefined();
    expect(asked).toHaveLength(1);
    stored.set([...stored.keys()][0] as string, join(folder, "by-id/program.debug"));
    expect(findDebugFile(path, openElf(path), open)?.symbols().find("hidden")?.type).toBe("func");
  });
});
