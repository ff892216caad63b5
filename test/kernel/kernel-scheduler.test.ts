// A scheduler in TypeScript (sched_ext), where the kernel has it: it serves processes of the test that ask for it, no others.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { hasFeature, kernelBtf } from "../../src/kernel/index.ts";
import { load } from "../../src/loader/index.ts";
import { repository } from "../support/commands.ts";
import { lacking } from "../support/skips.ts";

const there = hasFeature("btf") && kernelBtf().find("sched_ext_ops", "struct") !== undefined;

/** SCHED_EXT of linux/sched.h */
const RUN = `
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
param = ctypes.c_int(0)
if libc.sched_setscheduler(0, 7, ctypes.byref(param)) != 0: raise OSError(ctypes.get_errno(), "sched_setscheduler")
# More than there are processors: they have to wait for each other.
children = []
for i in range(4):
    child = os.fork()
    if child == 0:
        end = time.time() + 0.5
        while time.time() < end: pass
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
print(os.sched_getscheduler(0))
`;

it.skipIf(lacking("a scheduler in TypeScript", { "sched_ext in the kernel": there }))(
  "a scheduler in TypeScript serves a task that asks for it",
  async () => {
    const state = (): string => readFileSync("/sys/kernel/sched_ext/state", "utf8").trim();
    expect(state()).toBe("disabled");
    {
      await using module = await load(join(repository, "test/data/kernel-ts/scheduler.bpf.ts"));
      expect(state()).toBe("enabled");
      const policy = execFileSync("/usr/bin/python3.11", ["-c", RUN], { encoding: "utf8", timeout: 20_000 }).trim();
      expect(policy).toBe("7");
      const { placed, taken } = module as unknown as Record<"placed" | "taken", { value: bigint }>;
      expect(placed.value).toBeGreaterThan(0n);
      expect(taken.value).toBeGreaterThan(0n);
    }
    expect(state()).toBe("disabled");
  },
);
