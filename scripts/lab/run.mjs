// The kernel lab: Debian's own kernels under qemu, with this machine's files.
//
//     npm run lab -- [SUITE…] [OPTION…] [FILE…]    runs kernel tests in each (default: those of tests.mjs, all suites)
//     npm run lab -- [SUITE…] [OPTION…] -- COMMAND runs a shell command in each, in the working folder
//
//     --update      looks for a newer kernel of the suite
//     --timeout=S   ends a guest that has not ended by itself after so many seconds (default 900)
//     --console     prints what the kernel itself said, too
//
// SCRY_LAB_ACCEL=tcg translates even where the processor could run the guest itself. Needs root's package source, and
// Debian's qemu-system-x86, busybox-static, kmod, xz-utils.

import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { accelerated, NO_EXIT, runInGuest } from "./guest.mjs";
import { cacheFolder, kernelOf } from "./packages.mjs";
import { suitesByName } from "./suites.mjs";
import { keepResults } from "./table.mjs";
import { bundledTests, LAB_TESTS } from "./tests.mjs";

const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const args = process.argv.slice(2);
const dashes = args.indexOf("--");
const words = dashes < 0 ? args : args.slice(0, dashes);
const given = dashes < 0 ? undefined : args.slice(dashes + 1);
const option = (name) => words.find((w) => w === `--${name}` || w.startsWith(`--${name}=`));
const say = (text) => process.stderr.write(`lab: ${text}\n`);

const quoted = (word) => (/^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
const plain = words.filter((w) => !w.startsWith("--"));
const files = plain.filter((w) => w.endsWith(".ts"));
const suites = suitesByName(plain.filter((w) => !w.endsWith(".ts")));
const timeoutSeconds = Number(option("timeout")?.split("=")[1] ?? 900);
const tests = given === undefined ? await bundledTests(files.length > 0 ? files : LAB_TESTS) : undefined;
// One word is a shell command as it stands; several are its words.
const command = tests?.command ?? (given.length === 1 ? given[0] : given.map(quoted).join(" "));
const passed = ["CI", "SCRY_SEED", "SCRY_RUNS"].flatMap((name) =>
  process.env[name] === undefined ? [] : [[name, process.env[name]]],
);
const env = { SCRY_RUNS: "40", ...Object.fromEntries(passed), ...tests?.env };

// The guest ends with us (guest.mjs), however we do.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(NO_EXIT));

let worst = 0;
for (const suite of suites) {
  const kernel = kernelOf(suite, { update: option("update") !== undefined, say });
  say(`${suite.name}: Linux ${kernel.release}${accelerated() ? "" : ", translated (slow)"}`);
  const share = join(cacheFolder(), "share", suite.name);
  mkdirSync(share, { recursive: true });
  // What the guest finds out for ARCHITECTURE.md's table (table.mjs).
  const results = join(share, "sources.json");
  rmSync(results, { force: true });
  const {
    code,
    seconds,
    console: log,
    hung,
  } = await runInGuest(kernel, {
    command,
    cwd: given === undefined ? root : process.cwd(),
    env: given === undefined ? { ...env, SCRY_LAB_RESULTS: "/lab/sources.json" } : env,
    timeoutSeconds,
    share,
  });
  if (option("console") !== undefined || code === NO_EXIT) process.stderr.write(log.split("\n").slice(-200).join("\n"));
  if (hung) say(`${suite.name}: ended, it did not end by itself within ${timeoutSeconds} s`);
  say(`${suite.name}: exit code ${code} after ${seconds.toFixed(0)} s`);
  if (existsSync(results)) keepResults(suite, results);
  worst = Math.max(worst, code);
}
process.exitCode = worst;
