// Kinds of maps as objects have them, and what is said of those that are declared or used wrongly; no kernel is asked.

import { describe, expect, it } from "vitest";
import type { MapSpec } from "../../object/index.ts";
import { formatDiagnostic } from "../../source/index.ts";
import { compileModule } from "./index.ts";
import { MAPS } from "./maps.ts";

const IMPORTS = `import { bpf, kernelStack, rawTracepoint, struct, text, u8, u32, u64, userStack, ${Object.keys(MAPS).join(", ")} } from "scry/bpf";\n`;

function compiled(top: string, body = "") {
  const source = {
    name: "t.bpf.ts",
    text: `${IMPORTS}${top}\nexport const f = rawTracepoint("sys_enter", (a, b) => {\n${body}\n});`,
  };
  const { object, diagnostics } = compileModule(source);
  return { object, said: diagnostics.map((d) => formatDiagnostic(d, source)).join("\n") };
}
function mapsOf(top: string, body = ""): readonly MapSpec[] {
  const { object, said } = compiled(top, body);
  expect(said).toBe("");
  return object?.maps ?? [];
}
const shown = ({ name, type, keySize, valueSize, maxEntries, flags = 0 }: MapSpec): string =>
  `${name} ${type} ${keySize} ${valueSize} ${maxEntries} ${flags}`;

describe("kinds of maps", () => {
  it("are what the kernel calls them", () => {
    const maps = mapsOf(`
      export const q = queue(u64, { maxEntries: 3 });
      export const s = stack(struct({ a: u8, b: u32 }));
      export const seen = bloomFilter(u64, { maxEntries: 100, hashes: 3 });
      export const tasks = taskStorage(u64);
      export const sockets = socketStorage(u32);
      export const inodes = inodeStorage(u32);
      export const groups = cgroupStorage(u32);`);
    expect(maps.map(shown)).toEqual([
      "q queue 0 8 3 0",
      "s stack 0 8 1024 0",
      "seen bloom_filter 0 8 100 0",
      "tasks task_storage 4 8 0 1",
      "sockets sk_storage 4 4 0 1",
      "inodes inode_storage 4 4 0 1",
      "groups cgrp_storage 4 4 0 1",
    ]);
    expect(maps[2]?.extra).toBe(3n);
  });

  it("have options", () => {
    const [a, b] = mapsOf(`
      export const a = hash(u32, u64, { noPrealloc: true, flags: 0x80, pinned: true, numaNode: 0 });
      export const b = hash(u32, u64, { noPrealloc: false, pinned: false });`);
    expect(a).toMatchObject({ flags: 0x85, pinned: true, numaNode: 0 });
    expect(b).toMatchObject({ type: "hash", maxEntries: 10_240 });
    expect(b?.flags).toBeUndefined();
    expect(b?.pinned).toBeUndefined();
  });

  it("hold maps and programs", () => {
    const { object, said } = compiled(`
      export const one = hash(u32, u64, { maxEntries: 8 });
      export const two = hash(u32, u64, { maxEntries: 8 });
      export const both = arrayOfMaps([one, two]);
      export const byKey = hashOfMaps(u64, hash(u32, u64, { maxEntries: 9 }), { maxEntries: 5 });
      export const step = rawTracepoint("sys_enter", () => {});
      export const steps = programArray([step], { maxEntries: 4 });
      export const g = rawTracepoint("sys_exit", () => { steps.tailCall(0); });`);
    expect(said).toBe("");
    const maps = object?.maps ?? [];
    expect(maps.map(shown)).toEqual([
      "one hash 4 8 8 0",
      "two hash 4 8 8 0",
      "both array_of_maps 4 4 2 0",
      "byKey hash_of_maps 8 4 5 0",
      "steps prog_array 4 4 4 0",
    ]);
    expect(maps[2]?.entries).toEqual([
      { index: 0, name: "one" },
      { index: 1, name: "two" },
    ]);
    expect(shown(maps[3]?.inner as MapSpec)).toBe("byKey.inner hash 4 8 9 0");
    expect(maps[4]?.entries).toEqual([{ index: 0, name: "step" }]);
    // What others go on in is not attached by itself.
    expect(object?.programs.map((p) => p.section)).toEqual([
      "raw_tracepoint",
      "raw_tracepoint/sys_exit",
      "raw_tracepoint/sys_enter",
    ]);
  });

  it("hold stacks of calls", () => {
    const [stacks, calls, events] = mapsOf(
      `const stacks = stackMap({ depth: 20, maxEntries: 100 });
       const Key = struct({ at: kernelStack(stacks), of: userStack(stacks) });
       export const calls = hash(Key, u64);
       export const events = ring(struct({ at: kernelStack(4) }));`,
      "calls.add({ at: bpf.kernelStack(), of: bpf.userStack() }); events.send({ at: bpf.kernelStack() });",
    );
    expect([stacks, calls, events].map((map) => shown(map as MapSpec))).toEqual([
      "stacks stack_trace 4 160 100 0",
      "calls hash 12 8 10240 0",
      "events ringbuf 0 0 262144 0",
    ]);
  });

  it.each([
    [
      "a stack in a number",
      "export const m = hash(u32, u64);",
      "m.set(1, bpf.kernelStack());",
      "kernel_stack_32_frames cannot be made into u64",
    ],
    [
      "the other stack",
      "const S = struct({ at: userStack() }); export const m = ring(S);",
      "m.send({ at: bpf.kernelStack() });",
      "a stack's place is of type kernelStack(…)",
    ],
    ["too many frames", "const S = struct({ at: userStack(128) });", "", "a number of frames from 1 to 127"],
    [
      "stacks in a hash",
      "const m = hash(u32, u64); const S = struct({ at: userStack(m) });",
      "",
      "stacks are kept in a stackMap, not in hash",
    ],
    ["no option", "export const m = queue(u64, { noPrealloc: true });", "", "of queue can be said: { maxEntries, "],
    ["an option of another type", "export const m = hash(u32, u64, { pinned: 7 });", "", "pinned is true or false"],
    ["no method", "export const m = queue(u64);", "m.get(1);", "queue has no method 'get'"],
    ["arrays keep all entries", "export const m = array(u64);", "m.delete(1);", "array has no method 'delete'"],
    ["no map", "export const m = arrayOfMaps(u64);", "", "a map is needed here: its name, or hash("],
    ["no program", "export const m = programArray([bpf]);", "", "a program that stands above is needed here"],
    [
      "a map is no value",
      "export const m = hashOfMaps(u32, hash(u32, u64));",
      "m.get(1) + 1;",
      "a value is needed here, not a map",
    ],
    [
      "storage of a number",
      "export const m = taskStorage(u64);",
      "m.get(a);",
      "this is u64: storage belongs to a pointer of the kernel",
    ],
    [
      "what is said of get",
      "export const m = taskStorage(u64);",
      "m.get(a, { make: true });",
      "{ create: true } is what can be said here",
    ],
  ])("%s", (_name, top, body, message) => {
    expect(compiled(top, body).said).toContain(message);
  });
});
