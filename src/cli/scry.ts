// What `bin/scry` runs. Most of a short run is V8 compiling the command's text, so the compiled form of a whole run is
// kept beside that text, in the package's own folder: who can write there could change the text itself as well. Where
// we cannot write there, or V8 is another, the text is compiled as ever.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";

// What `ps` shows, and `comm` in a begin probe.
process.title = "scry";

const require: NodeJS.Require = createRequire(import.meta.url);
const bundle: string = fileURLToPath(new URL("./scry.bundle.cjs", import.meta.url));
const kept: string = fileURLToPath(new URL(`./scry.${process.arch}-${process.versions.v8}.cache`, import.meta.url));

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

const cachedData: Buffer | undefined = read(kept);
const text = `(function (exports, require, module, __filename) {${readFileSync(bundle, "utf8")}\n})`;
const script = new Script(text, { filename: bundle, ...(cachedData === undefined ? {} : { cachedData }) });
const module_: { exports: { main?: (words: readonly string[]) => Promise<number> } } = { exports: {} };
script.runInThisContext()(module_.exports, require, module_, bundle);
const main = module_.exports.main as (words: readonly string[]) => Promise<number>;
const words: readonly string[] = process.argv.slice(2);
process.exitCode = await main(words);

// Only a run that went all the way has compiled what the next one needs, and only a short one still has it: V8 drops the
// bytecode of functions that have not run for some garbage collections (--flush-bytecode).
const SHORT_MILLISECONDS = 10_000;
const whole: boolean =
  performance.now() < SHORT_MILLISECONDS &&
  process.exitCode === 0 &&
  words.some((w) => w === "-e" || w.endsWith(".bt"));
if (whole && (cachedData === undefined || script.cachedDataRejected === true)) {
  const own = `${kept}.${process.pid}`;
  try {
    writeFileSync(own, script.createCachedData());
    renameSync(own, kept);
  } catch {
    // Not our folder: the next run compiles again.
  }
}

// Everything is written by now. Left to itself, Node would take its handlers of signals off some milliseconds before the
// process is gone, and one that comes then would make a good end look like a bad one.
process.exit();
