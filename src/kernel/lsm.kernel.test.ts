// A security hook: what a process asks prctl(2) for, seen with its argument, and refused.

import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { assembleCode, type BpfObject, type MapSpec } from "../object/index.ts";
import { attach, detachAll } from "./attach.ts";
import { type LoadedObject, loadObject } from "./load.ts";
import { counters } from "./small-programs.test-data.ts";

const data: MapSpec = { ...counters, name: "data" };
const ENOSYS = 38;
const EPERM = 1;
/** linux/prctl.h: what setting a process's title ends in. */
const PR_SET_NAME = 15;

/** On task_prctl(option, …): counts in word 0, keeps the option in word 1, and answers. */
const hook = (answer: number): BpfObject => ({
  maps: [data],
  programs: [
    {
      name: "prctl",
      type: "lsm",
      attach: [{ kind: "trampoline" }],
      target: { kind: "lsm", name: "task_prctl" },
      functions: [
        {
          name: "prctl",
          parameters: 1,
          code: assembleCode(`
  r6 = r1
  call get_current_pid_tgid
  r0 >>= 32
  if r0 == ${process.pid} goto mine
  r0 = ${-ENOSYS}
  exit
mine:
  r7 = map_value[data] ll
  r5 = *(u64 *)(r6 + 0)
  *(u64 *)(r7 + 8) = r5
  r5 = *(u64 *)(r7 + 0)
  r5 += 1
  *(u64 *)(r7 + 0) = r5
  r0 = ${-answer}
  exit`),
        },
      ],
    },
  ],
  license: "GPL",
});

/** Where the kernel has the hooks and was told to use them; elsewhere the loading or attaching says so. */
const active = ((): boolean => {
  try {
    return readFileSync("/sys/kernel/security/lsm", "utf8").split(",").includes("bpf");
  } catch {
    return false;
  }
})();
if (!active)
  console.warn(
    "\n*** BPF is none of this kernel's security modules (boot option lsm=…,bpf): hooks are not seen at work here ***\n",
  );

const words = (object: LoadedObject): bigint[] => [...new BigUint64Array(object.maps.get("data")!.mapped(), 0, 2)];
const rename = (name: string): void => writeFileSync("/proc/self/comm", name);

describe("LSM hooks", () => {
  it.skipIf(!active)("are called with their arguments", async () => {
    using object = loadObject(hook(ENOSYS));
    const attachment = attach(object.programs.get("prctl")!, { kind: "trampoline" });
    const before = words(object)[0] as bigint;
    process.title = "scry-lsm";
    const [count, option] = words(object);
    await detachAll([attachment]);
    expect(count).toBeGreaterThan(before);
    expect(option).toBe(BigInt(PR_SET_NAME));
    process.title = "scry";
    expect(words(object)[0]).toBe(count);
  });

  it.skipIf(!active)("refuse what they are asked", async () => {
    using object = loadObject(hook(EPERM));
    rename("before");
    const attachment = attach(object.programs.get("prctl")!, { kind: "trampoline" });
    process.title = "refused";
    await detachAll([attachment]);
    expect(words(object)[0]).toBeGreaterThan(0n);
    expect(readFileSync("/proc/self/comm", "utf8")).toBe("before\n");
  });

  it.skipIf(active)("say so where the kernel has none", () => {
    expect(() => {
      using object = loadObject(hook(ENOSYS));
      const attachment = attach(object.programs.get("prctl")!, { kind: "trampoline" });
      void detachAll([attachment]);
      // Without "bpf" among the modules a program may attach and is never called: not an error of ours.
      if (words(object)[0] === 0n) throw new Error("never called");
    }).toThrow(/BPF|never called|EPERM|EINVAL|lsm/);
  });
});
