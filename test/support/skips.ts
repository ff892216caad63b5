// What a test needs of the machine; where it is not there, the tests that are left out are said out loud.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { release } from "node:os";

/** Whether a command is there. On CI all are, and a test that misses one fails. */
export const hasTool = (name: string): boolean =>
  process.env["CI"] !== undefined || spawnSync(name, ["--version"], { stdio: "ignore" }).error === undefined;

export const hasClang: boolean = hasTool("clang");
export const hasGcc: boolean = hasTool("gcc");

/** For `skipIf`: true, and said once where it stands, unless all is there. */
export function lacking(what: string, needs: Readonly<Record<string, boolean>>): boolean {
  const missing = Object.keys(needs).filter((name) => !needs[name]);
  if (missing.length === 0) return false;
  console.warn(`\n*** not tested, for want of ${missing.join(", ")}: ${what} ***\n`);
  return true;
}

/** Is the running kernel Linux `major.minor`, or later? For what no probe tells, as what its verifier works out. */
export function isLinux(major: number, minor: number): boolean {
  const [here = 0, below = 0] = release().split(".").map(Number);
  return here > major || (here === major && below >= minor);
}

/** Can this kernel's configuration be read? */
export const hasKernelConfiguration: boolean = ["/proc/config.gz", `/boot/config-${release()}`].some(existsSync);
