// The table of helpers: every line is well formed, numbers and names agree with the kernel's.
import { describe, expect, it } from "vitest";
import {
  helper,
  helperCount,
  helperId,
  helperName,
  MAP_TYPES,
  mapTypeName,
  PROGRAM_TYPES,
  programTypeName,
} from "./index.ts";

const ARGUMENTS = new Set(
  "map key value value-or-null value-output memory memory-or-null output output-or-null fixed size size-or-zero allocation-size any context context-or-null context-or-socket function stack-or-null constant-string record kernel kernel-or-null per-cpu socket sock-common spin-lock timer kptr dynptr dynptr-output".split(
    " ",
  ),
);
const RETURNS = new Set(
  "int void map-value map-value-or-null record-or-null memory memory-or-null kernel kernel-or-null socket-or-null tcp-socket-or-null sock-common-or-null".split(
    " ",
  ),
);

describe("helpers", () => {
  it("are 211, each with a name, arguments and a result", () => {
    expect(helperCount()).toBe(212);
    for (let id = 1; id < helperCount(); id++) {
      const entry = helper(id);
      expect(entry?.id).toBe(id);
      expect(helperId(entry?.name as string)).toBe(id);
      expect(helperName(id)).toBe(entry?.name);
      expect(entry?.args.length, entry?.name).toBeLessThanOrEqual(5);
      for (const one of entry?.args ?? []) expect(ARGUMENTS, entry?.name).toContain(one);
      expect(RETURNS, entry?.name).toContain(entry?.returns);
      // A size tells of the memory right before it.
      entry?.args.forEach((one, i) => {
        if (one === "size" || one === "size-or-zero") expect(entry.args[i - 1], entry.name).toMatch(/^(memory|output)/);
      });
    }
  });
  it("have the kernel's numbers", () => {
    const known: Record<string, number> = {
      map_lookup_elem: 1,
      ktime_get_ns: 5,
      tail_call: 12,
      get_current_pid_tgid: 14,
      get_current_comm: 16,
      perf_event_output: 25,
      get_stackid: 27,
      get_stack: 67,
      probe_read_user: 112,
      probe_read_kernel: 113,
      probe_read_user_str: 114,
      ktime_get_boot_ns: 125,
      ringbuf_output: 130,
      ringbuf_reserve: 131,
      get_current_task_btf: 158,
      for_each_map_elem: 164,
      get_attach_cookie: 174,
      loop: 181,
      map_lookup_percpu_elem: 195,
      cgrp_storage_delete: 211,
    };
    for (const [name, id] of Object.entries(known)) expect(helperId(name), name).toBe(id);
    expect(helperId("unspec")).toBeUndefined();
    expect(helperName(0)).toBeUndefined();
    expect(helperName(212)).toBeUndefined();
    expect(helper("trace_printk")).toMatchObject({ args: ["memory", "size"], variadic: true });
    expect(helper("get_current_pid_tgid")).toMatchObject({ args: [], constant: true });
  });
});

describe("types of maps and programs", () => {
  it("go there and back", () => {
    for (const [name, { number }] of Object.entries(MAP_TYPES)) expect(mapTypeName(number)).toBe(name);
    for (const [name, number] of Object.entries(PROGRAM_TYPES).map(([type, row]) => [type, row.number] as const))
      expect(programTypeName(number)).toBe(name);
    expect(mapTypeName(999)).toBeUndefined();
  });
});
