// A security hook: a signal that a process sends, seen with its number, and refused.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { counters } from "../../test/data/small-programs.ts";
import { noteSources } from "../../test/support/lab-results.ts";
import { assembleCode, type BpfObject, type MapSpec } from "../object/index.ts";
import { attach, detachAll } from "./attach.ts";
import { type LoadedObject, loadObject } from "./load.ts";

const data: MapSpec = { ...counters, name: "data" };
const EPERM = 1;
/** Which a process that does not ask for it never notices. */
const SIGURG = 23;

/** On task_kill(task, info, signal, …): counts in word 0, keeps the signal in word 1, and answers. */
const hook = (answer: number): BpfObject => ({
  maps: [data],
  programs: [
    {
      name: "kill",
      type: "lsm",
      attach: [{ kind: "trampoline" }],
      target: { kind: "lsm", name: "task_kill" },
      functions: [
        {
          name: "kill",
          parameters: 1,
          code: assembleCode(`
  r6 = r1
  call get_current_pid_tgid
  r0 >>= 32
  if r0 == ${process.pid} goto mine
  r0 = 0
  exit
mine:
  r7 = map_value[data] ll
  r5 = *(u32 *)(r6 + 16)
  *(u64 *)(r7 + 8) = r5
  r5 = *(u64 *)(r7 + 0)
  r5 += 1
  *(u64 *)(r7 + 0) = r5
  r0 = ${answer === 0 ? 0 : -answer}
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
const send = (): void => void process.kill(process.pid, "SIGURG");

describe("LSM hooks", () => {
  it.skipIf(!active)("are called with their arguments", async () => {
    using object = loadObject(hook(0));
    const attachment = attach(object.programs.get("kill")!, { kind: "trampoline" });
    send();
    const [count, signal] = words(object);
    await detachAll([attachment]);
    expect([count, signal]).toEqual([1n, BigInt(SIGURG)]);
    send();
    expect(words(object)[0]).toBe(1n);
  });

  it.skipIf(!active)("refuse what they are asked", async () => {
    using object = loadObject(hook(EPERM));
    const attachment = attach(object.programs.get("kill")!, { kind: "trampoline" });
    try {
      expect(send).toThrow(/EPERM/);
    } finally {
      await detachAll([attachment]);
    }
    expect(send).not.toThrow();
    noteSources({ "LSM hook": { works: true } });
  });

  it.skipIf(active)("say so where the kernel has none", () => {
    expect(() => {
      using object = loadObject(hook(0));
      const attachment = attach(object.programs.get("kill")!, { kind: "trampoline" });
      void detachAll([attachment]);
      // Without "bpf" among the modules a program may attach and is never called: not an error of ours.
      if (words(object)[0] === 0n) throw new Error("never called");
    }).toThrow(/BPF|never called|EPERM|EINVAL|lsm/);
  });
});
