// What the lab runs in a guest when no command is given: kernel tests, bundled on the host, because the guest's processor
// is slow and vitest would translate 150 files there.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The tests of the lab, fewest dependencies first; `npm run lab -- SUITE FILE…` takes others. */
export const LAB_TESTS = [
  "src/kernel/maps.kernel.test.ts",
  "src/kernel/load.kernel.test.ts",
  "src/kernel/ring-buffer.kernel.test.ts",
  "test/kernel/sources.test.ts",
  "test/kernel/lab-links.test.ts",
  "test/kernel/corpus.test.ts",
  "test/kernel/doctor.test.ts",
  "src/kernel/attach-network.kernel.test.ts",
  "src/kernel/xdp-dispatcher.kernel.test.ts",
  "test/kernel/shared-xdp.test.ts",
  "test/kernel/firewall-shared.test.ts",
  "src/kernel/struct-ops.kernel.test.ts",
  "test/kernel/kernel-scheduler.test.ts",
  "src/kernel/lsm.kernel.test.ts",
  "test/kernel/kernel-modules.test.ts",
  "test/kernel/tracing-modules.test.ts",
  "test/kernel/kernel-networks.test.ts",
  "test/kernel/kernel-congestion.test.ts",
  "src/net/balance/plane.kernel.test.ts",
  "src/net/firewall-live/programs.kernel.test.ts",
  "src/net/firewall/streams/streams.kernel.test.ts",
];

/** Bundles tests, and the command, into a folder; answers the guest's command and its environment. */
export async function bundledTests(files) {
  const folder = join(root, `node_modules/.scry/lab-${process.pid}`);
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(folder, { recursive: true });
  /** @type {import("esbuild").BuildOptions} */
  const common = {
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["koffi", "vitest", "@vitest/*", "esbuild"],
    logLevel: "error",
    loader: { ".bpf.ts": "text" },
    // Its modules for browsers: those for Node are CommonJS, which a bundle of modules cannot read.
    alias: { yaml: join(root, "node_modules/yaml/browser/index.js") },
  };
  await build({
    ...common,
    entryPoints: Object.fromEntries(
      files.map((file) => [file.replace(/\.ts$/, "").replaceAll("/", "-"), join(root, file)]),
    ),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    plugins: [ownUrls],
  });
  await buildCommand(common, folder);
  return {
    command: "node node_modules/vitest/vitest.mjs run --config scripts/lab/vitest.config.ts --reporter=verbose",
    env: { SCRY_COMMAND: join(folder, "scry.js"), SCRY_LAB_TESTS: folder, FORCE_COLOR: "0" },
  };
}

/** The command as scripts/build.mjs makes it, but for its size: a small file that loads the rest. */
async function buildCommand(common, folder) {
  const define = { SCRY_VERSION: '"lab"' };
  await build({ ...common, define, entryPoints: [join(root, "src/cli/scry.ts")], outfile: join(folder, "scry.js") });
  await build({
    ...common,
    format: "cjs",
    entryPoints: [join(root, "src/cli/index.ts")],
    outfile: join(folder, "scry.bundle.cjs"),
    define: { ...define, "import.meta.url": "__here" },
    banner: { js: "const __here=require('node:url').pathToFileURL(__filename).href;" },
  });
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
}

/** A bundled file is somewhere else than its source: `import.meta.url` means the source's place. */
const ownUrls = {
  name: "own-urls",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      if (!text.includes("import.meta.url")) return undefined;
      return {
        contents: text.replaceAll(/(?<!")import\.meta\.url(?!")/g, JSON.stringify(pathToFileURL(path).href)),
        loader: "ts",
        resolveDir: dirname(path),
      };
    });
  },
};
