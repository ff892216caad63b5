// Probes on functions of the kernel, where it has them: many at once, what is left behind by a process that
// is killed, and what is said where a probe cannot be. A kernel without them (this machine's,
// perhaps) skips the tests by name; the lab runs them.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { exit, movImm, movReg } from "../../src/isa/index.ts";
import {
  attach,
  attachEach,
  attachKprobeMulti,
  detachAll,
  hasFeature,
  loadObject,
  parseFtraceList,
  traceableFunctions,
} from "../../src/kernel/index.ts";
import type { AttachTarget } from "../../src/object/index.ts";
import { trace } from "../../src/trace.ts";
import { count, counters, objectOf } from "../data/small-programs.ts";
import { NOTIFY, startScry } from "../support/commands.ts";
import { eventually, kernelObjects, newObjects } from "../support/scripts.ts";

const kprobes = hasFeature("kprobe");
const multi = hasFeature("kprobeMulti");
const fentry = hasFeature("fentry");
const note = (has: boolean, what: string): string => (has ? "" : ` (not on this kernel: ${what})`);

describe("functions of the kernel", () => {
  it.skipIf(!multi)(
    `1,000 at once${note(multi, "links, Linux 5.18, CONFIG_FPROBE")}`,
    { timeout: 60_000 },
    async () => {
      const times: string[] = [];
      const timed = async <T>(what: string, work: () => T | Promise<T>): Promise<T> => {
        const begin = performance.now();
        const result = await work();
        times.push(`${what} ${(performance.now() - begin).toFixed(0)} ms`);
        return result;
      };
      const names = await timed("list", () => traceableFunctions((n) => /^(?:acpi|pci|efi|tty|usb|ata|drm)_/.test(n)));
      expect(names.length).toBeGreaterThan(1000);
      const targets = names
        .slice(0, 1000)
        .map((fn, i): AttachTarget => ({ kind: "kprobe", function: fn, offset: 0, return: false, cookie: BigInt(i) }));
      using object = await timed("load", () =>
        loadObject(objectOf("kprobe", [movReg(6, 1), ...count(true)], [counters]), { multi: () => "kprobe" }),
      );
      const attachments = await timed("attach", () => attachEach(object.programs.get("probe")!, targets));
      expect(attachments.length).toBe(1);
      await timed("detach", () => detachAll(attachments));
      console.log(`1,000 functions: ${times.join(", ")}`);
    },
  );

  it.skipIf(!kprobes)(
    `nothing stays when the tracer is killed${note(kprobes, "CONFIG_KPROBE_EVENTS")}`,
    { timeout: 120_000 },
    async () => {
      const before = kernelObjects();
      const probes = [
        "kprobe:vfs_fsync { @a = count(); }",
        "kprobe:vfs_fsync, kprobe:vfs_fallocate { @b = count(); }",
        "kretprobe:vfs_fallocate, kretprobe:vfs_truncate { @c = count(); }",
        ...(fentry ? ["fentry:vfs_fsync { @d = count(); }"] : []),
      ];
      const command = startScry(["-e", probes.join(" ")], { env: { [NOTIFY]: "1" }, timeout: 100_000 });
      await command.until("Attached", "stderr");
      expect(newObjects(before)).toBeGreaterThan(0);
      command.kill("SIGKILL");
      await command.done;
      expect(await eventually(() => newObjects(before) === 0, 20_000)).toBe(true);
      const listed = (): string => readFileSync("/sys/kernel/debug/kprobes/list", "latin1");
      expect(await eventually(() => !/vfs_(?:fsync|fallocate|truncate)/.test(listed()), 20_000)).toBe(true);
      expect(readFileSync("/sys/kernel/tracing/kprobe_events", "latin1")).toBe("");
    },
  );

  it.skipIf(!kprobes)(`says what is in the way${note(kprobes, "CONFIG_KPROBE_EVENTS")}`, async () => {
    using object = loadObject(objectOf("kprobe", [movImm(0, 0), exit()], []));
    const program = object.programs.get("probe")!;
    const at =
      (fn: string, offset = 0) =>
      (): unknown =>
        attach(program, { kind: "kprobe", function: fn, offset, return: false });
    expect(at("no_such_function")).toThrow(/this kernel has no function no_such_function; scry -l/);
    expect(at("vfs_write", 1)).toThrow(/no instruction begins at vfs_write\+1|takes no probe at vfs_write\+1/);
    const blacklist = readFileSync("/sys/kernel/debug/kprobes/blacklist", "latin1");
    const forbidden = /\t(asm_\w+|do_int3\w*|notify_die)$/m.exec(blacklist)?.[1];
    if (forbidden !== undefined) expect(at(forbidden)).toThrow(/forbids probes in .*; use a function that calls it/);
    await expect(trace("kprobe:no_such_function { }")).rejects.toThrow(/No matches for kprobe no_such_function/);
  });

  it.skipIf(!multi)(`a link says it too${note(multi, "links, Linux 5.18, CONFIG_FPROBE")}`, () => {
    using object = loadObject(objectOf("kprobe", [movImm(0, 0), exit()], []), { multi: () => "kprobe" });
    expect(() =>
      attachKprobeMulti(object.programs.get("probe")!, { functions: ["no_such_function"], at: "entry" }),
    ).toThrow(/kprobe:no_such_function: the kernel has no such function/);
  });
});

it("60,000 functions are listed in 0.3 s", () => {
  // As available_filter_functions_addrs has them, which is the longest form.
  const lines = Array.from({ length: 60_000 }, (_, i) => {
    const module = i % 10 === 0 ? " [module_of_some]" : "";
    return `ffffffff${(0x81000000 + i * 64).toString(16)} some_function_${i}_of_the_kernel${module}`;
  });
  const text = `${lines.join("\n")}\n`;
  const begin = performance.now();
  const all = parseFtraceList(text, () => true);
  const milliseconds = performance.now() - begin;
  expect(all.length).toBe(60_000);
  expect(all[10]).toEqual({ name: "some_function_10_of_the_kernel", module: "module_of_some" });
  expect(parseFtraceList(text, (n) => n.endsWith("_7_of_the_kernel"), "vmlinux")).toHaveLength(1);
  console.log(`60,000 functions listed in ${milliseconds.toFixed(0)} ms`);
  // A translated guest is some twenty times slower than the machine that the figure is meant for.
  expect(milliseconds).toBeLessThan(process.env["LAB_SUITE"] === undefined ? 300 : 6000);
});
