// Everything up to the object, and the embedded machine, runs in a browser: the same scripts give the same bytes in
// Chromium and here, and the same output for the same events.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { compileAll, filterPackets, replayAll, runModule } from "../support/browser-page.ts";

const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));

async function bundle(): Promise<string> {
  const result = await build({
    stdin: {
      contents:
        'import { compileAll, filterPackets, replayAll, runModule } from "./test/support/browser-page.ts"; document.body.textContent = [compileAll(), replayAll(), runModule(), filterPackets()].join(String.fromCharCode(10));',
      resolveDir: process.cwd(),
      loader: "ts",
    },
    bundle: true,
    platform: "browser",
    // Comments of libraries speak of what is not called.
    minifyWhitespace: true,
    format: "iife",
    write: false,
    logLevel: "silent",
  });
  return (result.outputFiles[0] as { text: string }).text;
}

describe("the embeddable core", () => {
  it("bundles for a browser without anything of Node", async () => {
    const text = await bundle();
    expect(text).not.toMatch(/require\(|["']node:/);
    expect(text.length).toBeGreaterThan(100_000);
  });

  it("runs kernel modules from their texts", () => {
    const said = new TextDecoder().decode(
      Uint8Array.from(runModule().match(/../g) ?? [], (b) => Number.parseInt(b, 16)),
    );
    expect(said).toBe('[{"pid":7,"comm":"cat","ns":"99"}]');
  });

  it("filters packets", () => {
    expect(filterPackets()).toMatch(/^0002010001/);
  });

  it.skipIf(chromium === undefined && process.env["CI"] === undefined)(
    "compiles and replays scripts in Chromium as it does here",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "scry-browser-"));
      try {
        const page = join(folder, "page.html");
        writeFileSync(
          page,
          `<!doctype html><body></body><script>${(await bundle()).replaceAll("</script", "<\\/script")}</script>`,
        );
        const dom = execFileSync(
          chromium ?? "chromium",
          [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            `--user-data-dir=${join(folder, "profile")}`,
            "--dump-dom",
            `file://${page}`,
          ],
          { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 60_000 },
        );
        expect(/<body>([0-9a-f\s]+)/.exec(dom)?.[1]?.trim()).toBe(
          `${compileAll()}\n${replayAll()}\n${runModule()}\n${filterPackets()}`,
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    90_000,
  );
});
