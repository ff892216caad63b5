// The dispatcher of XDP programs by itself: the verifier takes it, and with nobody in its slots packets pass. How programs
// stand in them, test/kernel/shared-xdp.test.ts holds, where the kernel lets them.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { liveKernel } from "./live-kernel.ts";
import { type LoadedProgram, loadObject } from "./load.ts";
import { functionOfProgram } from "./module-types.ts";
import { networkPrograms } from "./network-programs.ts";
import { programInfo } from "./program-info.ts";
import { testRun } from "./test-run.ts";
import { DISPATCHER_NAME, type DispatcherEntry, dispatcherObject, slotFunction } from "./xdp-dispatcher.ts";
import { dispatcherFolder, withPins } from "./xdp-pins.ts";
import { xdpDispatcher } from "./xdp-slots.ts";

const entry = (priority: number, chainCall: DispatcherEntry["chainCall"]): DispatcherEntry => ({
  priority,
  chainCall,
  frags: false,
});

for (const count of [0, 1, 2, 10])
  it(`of ${count} programs that are not there passes packets, and is known for what it is`, () => {
    const entries = Array.from({ length: count }, (_, i) => entry(i * 7, i % 2 === 0 ? ["pass"] : ["drop", "tx"]));
    using object = loadObject(dispatcherObject(entries));
    const { fd } = object.programs.get(DISPATCHER_NAME) as LoadedProgram;
    expect(testRun(fd, { data: new Uint8Array(64) }).value).toBe(2);
    const { id } = programInfo(fd);
    const found = xdpDispatcher(id, 1);
    expect(found?.version).toBe(2);
    expect(found?.slots).toEqual(entries.map((one, slot) => ({ slot, ...one })));
    for (let slot = 0; slot < count; slot++)
      expect(functionOfProgram(id, slotFunction(slot), liveKernel())).toBeGreaterThan(0);
  });

it("no other program is taken for one", () => {
  using object = loadObject({
    ...dispatcherObject([]),
    programs: dispatcherObject([]).programs.map((one) => ({ ...one, name: "other" })),
  });
  expect(xdpDispatcher(programInfo((object.programs.get("other") as LoadedProgram).fd).id, 1)).toBeUndefined();
  for (const { id, index } of networkPrograms()) expect(() => xdpDispatcher(id, index)).not.toThrow();
});

describe("the folder of what is pinned", () => {
  const folder = mkdtempSync(join(tmpdir(), "scry-pins-"));
  const pins = join(folder, "bpf");
  const before = process.env["LIBXDP_BPFFS"];
  beforeAll(() => {
    mkdirSync(pins);
    process.env["LIBXDP_BPFFS"] = pins;
  });
  afterAll(() => {
    if (before === undefined) delete process.env["LIBXDP_BPFFS"];
    else process.env["LIBXDP_BPFFS"] = before;
    rmSync(folder, { recursive: true, force: true });
  });

  it("has to be in a BPF file system", () => {
    expect(() => withPins(liveKernel(), () => 0)).toThrow(/bpf\/xdp: (?:this path is in no|no) BPF file system/);
  });

  it("is one process's at a time", async () => {
    execFileSync("mount", ["-t", "bpf", "bpf", pins]);
    try {
      expect(withPins(liveKernel(), () => 1)).toBe(1);
      const holder = spawn("flock", ["-x", dispatcherFolder(), "sh", "-c", "echo held; exec sleep 0.4"]);
      await new Promise((resolve) => holder.stdout.once("data", resolve));
      const begin = performance.now();
      expect(withPins(liveKernel(), () => 2)).toBe(2);
      expect(performance.now() - begin).toBeGreaterThan(200);
    } finally {
      execFileSync("umount", [pins]);
    }
  });
});
