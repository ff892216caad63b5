// Gets the kernels of suites into the cache, or says why that cannot be:
//
//     node scripts/lab/fetch.mjs [SUITE…]        exit code 1: there is no package source that has them, or no qemu

import { spawnSync } from "node:child_process";
import { kernelOf } from "./packages.mjs";
import { suitesByName } from "./suites.mjs";

const say = (text) => process.stderr.write(`lab: ${text}\n`);
try {
  if (spawnSync("qemu-system-x86_64", ["--version"]).status !== 0)
    throw new Error("qemu-system-x86_64 is not installed");
  for (const suite of suitesByName(process.argv.slice(2))) kernelOf(suite, { say });
} catch (error) {
  say(error.message);
  process.exitCode = 1;
}
