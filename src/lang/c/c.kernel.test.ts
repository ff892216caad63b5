// C in the live kernel: the same numbers as by gcc, and programs with maps, a ring and CO-RE that see what this test does.

import { readFileSync, readlinkSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  byGcc,
  functionsOf,
  numbers,
  OPERANDS,
  objectOfNumbers,
  operandBytes,
  resultOf,
} from "../../../test/support/c-numbers.ts";
import { hasGcc, hasKernelConfiguration, isLinux, lacking } from "../../../test/support/skips.ts";
import {
  attach,
  detachAll,
  hasFeature,
  type KernelMap,
  kernelBtf,
  type LoadedObject,
  liveKernel,
  loadObject,
  RingBuffer,
  testRun,
} from "../../kernel/index.ts";
import { type BpfObject, readObject, writeObject } from "../../object/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { compileC } from "./index.ts";

const NUMBERS = numbers();

/** Pointers that are compared with each other are beyond the verifier's loops, a distance below zero beyond its stack. */
const REFUSED: ReadonlySet<string> = new Set([
  "t_walk",
  "t_index_back",
  "t_ptr_struct",
  // A loop whose end is a number that is not constant: followed to its end since Linux 6.8.
  ...(lacking("t_goto", { "Linux 6.8": isLinux(6, 8) }) ? ["t_goto"] : []),
]);
const key = new Uint8Array(4);

/** The object of a text, with the types of this kernel. */
function objectOf(text: string): BpfObject {
  const source = { name: "t.bpf.c", text };
  const { object, diagnostics } = compileC(source, {
    btf: () => kernelBtf(liveKernel()),
    cpu: hasFeature("isa4") ? 4 : 3,
  });
  if (object === undefined) throw new DiagnosticError(diagnostics, source);
  return object;
}

/** Sets the 32-bit number at the start of a section of data. */
function withPid(object: BpfObject, section: string): BpfObject {
  return {
    ...object,
    maps: object.maps.map((map) => {
      if (map.name !== section) return map;
      const initial = new Uint8Array(map.valueSize);
      initial.set(map.initial ?? []);
      new DataView(initial.buffer).setInt32(0, process.pid, true);
      return { ...map, initial };
    }),
  };
}

describe.skipIf(lacking("C in the kernel against gcc", { gcc: hasGcc }))("numbers", () => {
  it("are those of gcc", () => {
    const names = functionsOf(NUMBERS).filter((name) => !REFUSED.has(name));
    const expected = byGcc(NUMBERS, "-O0");
    using loaded = loadObject(objectOfNumbers(NUMBERS, names));
    const io = loaded.maps.get(".data.io");
    for (const name of names)
      for (const [i, operands] of OPERANDS.entries()) {
        io?.update(key, operandBytes(operands));
        testRun(loaded.programs.get(`run_${name}`)?.fd as number, { data: new Uint8Array(64) });
        expect(`${name} ${i} ${resultOf(io?.lookup(key))}`).toBe(`${name} ${i} ${expected.get(`${name} ${i}`)}`);
      }
  });
});

/** Attaches every program of an object while something is done. */
function during(loaded: LoadedObject, act: () => void): void {
  const attachments = [...loaded.programs.values()].flatMap((program) =>
    program.spec.attach.map((target) => attach(program, target)),
  );
  try {
    act();
  } finally {
    detachAll(attachments);
  }
}

const HEAD = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
const volatile int wanted SEC(".rodata.wanted") = 0;
char LICENSE[] SEC("license") = "GPL";
static __always_inline bool mine(void) { return bpf_get_current_pid_tgid() >> 32 == wanted; }
`;

describe("programs of many kinds are loaded", () => {
  const needs: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
    kinds: { "bpf_iter_num (Linux 6.4)": kernelBtf(liveKernel()).find("bpf_iter_num", "struct") !== undefined },
    names: { "the kernel's configuration": hasKernelConfiguration },
  };
  for (const [name, needed] of Object.entries(needs))
    it.skipIf(lacking(`${name}.bpf.c`, needed))(`${name}.bpf.c`, () => {
      const object = objectOf(readFileSync(new URL(`../../../test/data/c/${name}.bpf.c`, import.meta.url), "utf8"));
      expect(object.programs.length).toBeGreaterThan(6);
      using loaded = loadObject(object);
      expect(loaded.programs.size).toBe(object.programs.length);
    });
});

describe("what the kernel keeps for a program", () => {
  it("is known by tags in the types: pointers in maps, lists of structs", () => {
    const object = objectOf(readFileSync(new URL("../../../test/data/c/graph.bpf.c", import.meta.url), "utf8"));
    expect(object.maps.find((map) => map.name === "bloom")?.extra).toBe(3n);
    const file = writeObject(object, { kernel: kernelBtf(liveKernel()) });
    for (const one of [object, readObject(file).object]) {
      using loaded = loadObject(one);
      const list = loaded.programs.get("list")?.fd as number;
      expect(testRun(list, { data: new Uint8Array(64) }).value).toBe(42);
    }
  });
});

describe("an object from C", () => {
  it("is written as a file with all that it asks of the kernel's types", () => {
    const object = objectOf(`${HEAD}
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, u32); __type(value, struct pair { u64 a; u32 b; }); } m SEC(".maps");
SEC("raw_tp/sched_switch")
int BPF_PROG(sw, bool preempt, struct task_struct *prev)
{
	u32 key = BPF_CORE_READ(prev, real_parent, tgid);
	struct pair *p = bpf_map_lookup_elem(&m, &key);
	return p ? p->b : bpf_core_field_exists(prev->comm) + bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_HASH);
}`);
    const { object: back } = readObject(writeObject(object));
    const asked = (one: BpfObject): string[] =>
      one.programs.flatMap((p) =>
        p.functions.flatMap((f) => f.code.flatMap((i) => (i.ref?.kind === "core" ? [i.ref.ask] : []))),
      );
    expect(asked(back)).toEqual(["field-offset", "field-offset", "field-exists", "enumerator-value"]);
    expect(asked(back)).toEqual(asked(object));
    using loaded = loadObject(back);
    expect([...loaded.programs.keys()]).toEqual(["sw"]);
  });
});

describe("programs", () => {
  it("send events through a ring, with members of the kernel's structs", () => {
    const object = objectOf(`${HEAD}
struct event { int pid; int parent; char comm[16]; char file[40]; long sum; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 64 * 1024); } events SEC(".maps");
static long step(u32 index, void *sum) { *(long *)sum += index; return 0; }
SEC("tracepoint/syscalls/sys_enter_readlink")
int read_link(struct trace_event_raw_sys_enter *ctx)
{
	if (!mine())
		return 0;
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 0;
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	e->pid = BPF_CORE_READ(task, tgid);
	e->parent = BPF_CORE_READ(task, real_parent, tgid);
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_probe_read_user_str(e->file, sizeof(e->file), (const char *)ctx->args[0]);
	long sum = 0;
	bpf_loop(10, step, &sum, 0);
	e->sum = sum + bpf_core_field_exists(task->tgid) + bpf_core_type_exists(struct no_such_type);
	bpf_ringbuf_submit(e, 0);
	return 0;
}`);
    using loaded = loadObject(withPid(object, ".rodata.wanted"));
    const ring = new RingBuffer(loaded.maps.get("events") as KernelMap);
    const events: string[] = [];
    during(loaded, () => {
      readlinkSync("/proc/self/exe");
      ring.drain((at) => {
        const { bytes, view } = ring;
        const text = (from: number, most: number): string => {
          const own = bytes.subarray(at + from, at + from + most);
          return Buffer.from(own.subarray(0, own.indexOf(0))).toString();
        };
        events.push(
          `${view.getInt32(at, true) === process.pid} ${view.getInt32(at + 4, true) === process.ppid} ${text(24, 40)} ${view.getBigInt64(at + 64, true)}`,
        );
      });
    });
    expect(events.join("\n")).toContain("true true /proc/self/exe 46");
  });

  it("count by keys that are structs, with functions, switch, loops and goto", () => {
    const object = objectOf(`${HEAD}
struct key { u32 pid; u16 kind; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, struct key); __type(value, u64); } counts SEC(".maps");
static __noinline int kind_of(unsigned long flags)
{
	switch (flags & 3) {
	case 0: return 10;
	case 1: return 20;
	default: return 30;
	}
}
static void *lookup_or_init(struct key *k)
{
	u64 zero = 0;
	void *v = bpf_map_lookup_elem(&counts, k);
	if (v)
		return v;
	if (bpf_map_update_elem(&counts, k, &zero, BPF_NOEXIST))
		goto again;
again:
	return bpf_map_lookup_elem(&counts, k);
}
SEC("tp/raw_syscalls/sys_enter")
int enter(struct trace_event_raw_sys_enter *ctx)
{
	if (!mine() || ctx->id != 89)
		return 0;
	for (int i = 0; i < 4; i++) {
		struct key k = { .pid = wanted, .kind = kind_of(i) };
		u64 *n = lookup_or_init(&k);
		if (!n)
			return 0;
		__sync_fetch_and_add(n, i + 1);
	}
	return 0;
}`);
    using loaded = loadObject(withPid(object, ".rodata.wanted"));
    during(loaded, () => {
      readlinkSync("/proc/self/exe");
    });
    const dump = loaded.maps.get("counts")?.dump();
    const found = new Map<number, bigint>();
    for (let i = 0; i < (dump?.count ?? 0); i++) {
      const keys = new DataView(
        (dump as { keys: Uint8Array }).keys.buffer,
        (dump as { keys: Uint8Array }).keys.byteOffset,
      );
      const values = new DataView(
        (dump as { values: Uint8Array }).values.buffer,
        (dump as { values: Uint8Array }).values.byteOffset,
      );
      found.set(keys.getUint16(i * 8 + 4, true), values.getBigUint64(i * 8, true));
    }
    expect([...found].sort(([a], [b]) => a - b)).toEqual([
      [10, 1n],
      [20, 2n],
      [30, 7n],
    ]);
  });

  it("read the arguments of tracepoints by BTF, and settings of the kernel", () => {
    const object = objectOf(`${HEAD}
extern int LINUX_KERNEL_VERSION __kconfig;
extern unsigned long CONFIG_HZ __kconfig __weak;
struct out { int version; int hz; long id; u64 flags; } out;
SEC("raw_tp/sys_enter")
int BPF_PROG(raw_enter, struct pt_regs *regs, long id)
{
	if (!mine() || id != 89)
		return 0;
	out.version = LINUX_KERNEL_VERSION;
	out.hz = CONFIG_HZ;
	out.id = id;
	out.flags = PT_REGS_PARM2_CORE(regs);
	return 0;
}`);
    using loaded = loadObject(withPid(object, ".rodata.wanted"));
    during(loaded, () => {
      readlinkSync("/proc/self/exe");
      statSync("/");
    });
    const bytes = loaded.maps.get(".bss")?.lookup(key) as Uint8Array;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    expect(view.getInt32(0, true) >> 16).toBeGreaterThan(4);
    expect(view.getBigInt64(8, true)).toBe(89n);
    expect(view.getBigUint64(16, true)).toBeGreaterThan(0n);
  });
});
