// `scry/plugin`: bundles with kernel modules in them, by Vite's bundler and by esbuild, at work with the texts gone.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build as esbuild } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scry, withModules } from "../../src/plugin.ts";
import { repository } from "../support/commands.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-plugin-"));
afterAll(() => rmSync(folder, { recursive: true }));

const APP = `#!/usr/bin/env node
import { load } from "scry";
interface Reads { readonly counts: { get(key: number): bigint | undefined }; readonly pid: { value: number } }
const module = await load<any>(new URL("./ticks.bpf.ts", import.meta.url)) as Reads & AsyncDisposable;
module.pid.value = process.pid;
for (let i = 0; i < 5; i++) void process.ppid;
const still = await load<any>(new URL("./ticks.bpf.ts", import.meta.url), { machine: "embedded" });
still.pid.value = 7;
still.fire("sys_enter_getppid", {}, { pid: 7 });
console.log(module.counts.get(1), still.counts.get(2));
await module[Symbol.asyncDispose]();
`;
const app = join(folder, "app.ts");

beforeAll(() => {
  writeFileSync(app, APP);
  copyFileSync(join(repository, "test/data/modules/ticks.bpf.ts"), join(folder, "ticks.bpf.ts"));
});

/** What a bundle prints that stands in a folder where there is no text of a module. */
function run(name: string, code: string): string {
  const place = join(folder, name);
  mkdirSync(place);
  const file = join(place, "app.mjs");
  writeFileSync(
    file,
    code.replace('from "scry"', `from ${JSON.stringify(pathToFileURL(join(repository, "dist/index.js")))}`),
  );
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8", timeout: 30_000 });
  return stdout + stderr;
}

interface ViteResult {
  readonly output: readonly { readonly code: string }[];
}
type ViteBuild = (options: object) => Promise<ViteResult | readonly ViteResult[]>;

/** By vite, which vitest brings. */
async function viteBuild(plugins: readonly object[]): Promise<string> {
  const vitest = createRequire(createRequire(import.meta.url).resolve("vitest/package.json"));
  const { build } = (await import(pathToFileURL(vitest.resolve("vite")).href)) as { build: ViteBuild };
  const made = await build({
    root: folder,
    configFile: false,
    logLevel: "silent",
    plugins,
    build: {
      write: false,
      ssr: app,
      target: "node20",
      minify: false,
      rollupOptions: { external: ["scry"] },
    },
  });
  return ([made].flat() as ViteResult[])[0]?.output[0]?.code ?? "";
}
const esbuildBuild = async (): Promise<string> => {
  const { outputFiles } = await esbuild({
    entryPoints: [app],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["scry"],
    logLevel: "silent",
    plugins: [scry.esbuild()],
  });
  return outputFiles[0]?.text ?? "";
};

describe("a bundle", () => {
  it("by esbuild needs no text of its kernel module", async () => {
    expect(run("esbuild", await esbuildBuild())).toBe("5n 1n\n");
  });

  it("by Vite needs none either", async () => {
    expect(run("vite", await viteBuild([scry.vite()]))).toBe("5n 1n\n");
  });

  it("is not made of a module that does not compile: what is wrong is said at its line", async () => {
    const module = join(folder, "ticks.bpf.ts");
    const text = readFileSync(module, "utf8");
    writeFileSync(module, text.replace("bpf.pid()", "bpf.pdi()"));
    try {
      const failed = await esbuildBuild().catch((error: unknown) => error);
      const [error] = (failed as { errors: { text: string; location: { line: number; column: number } }[] }).errors;
      expect(error?.text).toContain("there is no bpf.pdi");
      expect(error?.text).toContain("Did you mean 'pid'?");
      expect(error?.location).toMatchObject({ line: 8, column: 10 });
      await expect(viteBuild([scry.vite()])).rejects.toThrow("there is no bpf.pdi");
    } finally {
      writeFileSync(module, text);
    }
  });
});

describe("a text with modules", () => {
  it("imports each once, on its first line", () => {
    const code =
      "#!/bin/node\nload(new URL('./a.bpf.ts', import.meta.url));\nload(new URL(\"b.bpf.ts\",\n  import.meta.url));\nload(new URL('./a.bpf.ts', import.meta.url));\n";
    expect(withModules(code)).toBe(
      '#!/bin/node\nimport __scry_module_0 from "./a.bpf.ts?scry"; import __scry_module_1 from "./b.bpf.ts?scry"; load(__scry_module_0);\nload(__scry_module_1);\nload(__scry_module_0);\n',
    );
  });

  it("is left as it is where there are none", () => {
    expect(withModules("load(new URL('./a.ts', import.meta.url));")).toBeUndefined();
    expect(withModules("type M = typeof import('./a.bpf.ts');")).toBeUndefined();
  });
});
