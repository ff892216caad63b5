// BCC's dialect: which functions are programs, what maps and methods become, which pointers are followed by a helper, and what
// is said of what is wrong. The types stand in the texts: no kernel is asked.

import { describe, expect, it } from "vitest";
import { formatDiagnostic } from "../../../source/index.ts";
import { type CompiledC, compileC } from "../index.ts";

const TYPES = `
typedef unsigned long long u64; typedef unsigned int u32; typedef unsigned char u8; typedef unsigned short u16;
struct pt_regs { unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss; };
struct mm { int users; struct task *owner; }; struct task { int pid; struct mm *mm; char comm[16]; };
struct xdp_md { u32 data, data_end; };
struct bpf_raw_tracepoint_args { u64 args[0]; };
struct bpf_perf_event_data { struct pt_regs regs; u64 sample_period; };
struct bpf_stack_build_id { int status; u8 id[20]; u64 offset; };
enum { BPF_ANY, BPF_NOEXIST };
enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PROG_ARRAY, BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_STACK_TRACE, BPF_MAP_TYPE_LRU_HASH = 9, BPF_MAP_TYPE_LPM_TRIE = 11, BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS, BPF_MAP_TYPE_QUEUE = 22, BPF_MAP_TYPE_RINGBUF = 27 };
`;

const FORMATS: Readonly<Record<string, readonly [type: string, name: string, offset: number, size: number][]>> = {
  "sys:enter": [
    ["unsigned short", "common_type", 0, 2],
    ["const char *", "filename", 8, 8],
    ["int", "fd", 16, 4],
  ],
};

const compile = (text: string): CompiledC => {
  const source = { name: "t.c", text };
  return compileC(source, {
    includes: ["types.h"],
    include: ({ name }) => (name === "types.h" ? { name, text: TYPES } : undefined),
    bcc: {
      tracepoint: (category, name) =>
        FORMATS[`${category}:${name}`]?.map(([type, field, offset, size]) => ({
          type,
          name: field,
          offset,
          size,
          signed: true,
        })),
    },
  });
};

const said = (text: string): string => {
  const source = { name: "t.c", text };
  return compile(text)
    .diagnostics.map((d) => formatDiagnostic(d, source))
    .join("\n");
};

/** Names of the helpers that a program calls, in the order of its code. */
function helpers(text: string): number[] {
  const { object, diagnostics } = compile(text);
  expect(diagnostics).toEqual([]);
  return (object?.programs ?? []).flatMap(({ functions }) =>
    functions.flatMap(({ code }) => code.flatMap((one) => (one.op === 0x85 && one.src === 0 ? [one.imm] : []))),
  );
}

const [LOOKUP, UPDATE, KTIME, READ, READ_KERNEL, TASK, PERF, RESERVE] = [1, 2, 5, 4, 113, 35, 25, 131];

describe("programs", () => {
  const sections = (text: string): string[] =>
    (compile(text).object?.programs ?? []).map(({ name, type, section }) => `${name} ${type} ${section}`);

  it("are known by their names, and by what their contexts are", () => {
    expect(
      sections(`
        int kprobe__vfs_read(struct pt_regs *ctx) { return 0; }
        int kretprobe__vfs_read(struct pt_regs *ctx) { return 0; }
        TRACEPOINT_PROBE(sys, enter) { return args->fd; }
        RAW_TRACEPOINT_PROBE(sched_switch) { return 0; }
        KFUNC_PROBE(vfs_open, struct task *t, int flags) { return flags; }
        LSM_PROBE(bpf, int cmd) { return 0; }
        int on_tick(struct bpf_perf_event_data *ctx) { return 0; }
        int on_packet(struct xdp_md *ctx) { return 2; }
        int any(void *ctx) { return 0; }
        static int helper(void *ctx) { return 0; }
        int used(struct task *t) { return 0; }
        int user(struct pt_regs *ctx, struct task *t) { return used(t) + helper(ctx); }
        int entered(struct tracepoint__sys__enter *args) { return args->fd; }`),
    ).toEqual([
      "kprobe__vfs_read kprobe kprobe/vfs_read",
      "kretprobe__vfs_read kprobe kretprobe/vfs_read",
      "tracepoint__sys__enter tracepoint tracepoint/sys/enter",
      "raw_tracepoint__sched_switch raw_tracepoint raw_tracepoint/sched_switch",
      "kfunc__vfs_open tracing fentry/vfs_open",
      "lsm__bpf lsm lsm/bpf",
      "on_tick perf_event perf_event",
      "on_packet xdp xdp",
      "any kprobe kprobe",
      "user kprobe kprobe",
      "entered tracepoint tracepoint",
    ]);
  });
});

describe("maps", () => {
  it("are declared by macros whose last parameters may be left out", () => {
    const { object, diagnostics } = compile(`
      struct key { u32 a; char op[8]; u64 slot; };
      BPF_HASH(a); BPF_HASH(b, u32); BPF_HASH(c, struct key, u8, 7);
      BPF_ARRAY(d, u32, 3); BPF_HISTOGRAM(e); BPF_HISTOGRAM(f, struct key, 100);
      BPF_TABLE("lru_hash", u32, u64, g, 5); BPF_PERF_OUTPUT(h); BPF_RINGBUF_OUTPUT(i, 2); BPF_STACK_TRACE(j, 16); BPF_QUEUE(k, u64, 4);
      int f1(struct pt_regs *ctx) { return 0; }`);
    expect(diagnostics).toEqual([]);
    expect(object?.maps.map((m) => `${m.name} ${m.type} ${m.keySize} ${m.valueSize} ${m.maxEntries}`)).toEqual([
      "a hash 8 8 10240",
      "b hash 4 8 10240",
      "c hash 24 1 7",
      "d array 4 4 3",
      "e array 4 8 64",
      "f hash 24 8 100",
      "g lru_hash 4 8 5",
      "h perf_event_array 4 4 0",
      "i ringbuf 0 0 8192",
      "j stack_trace 4 1016 16",
      "k queue 0 8 4",
    ]);
    const nested =
      compile(`BPF_ARRAY(inner, u64, 4); BPF_ARRAY_OF_MAPS(outer, "inner", 10); BPF_HASH_OF_MAPS(by, u32, "inner", 7);
      int f1(struct pt_regs *ctx) { int k = 0; void *m = outer.lookup(&k); if (!m) return 0; u64 *v = bpf_map_lookup_elem(m, &k); return v ? *v : 0; }`);
    expect(nested.diagnostics).toEqual([]);
    expect(
      nested.object?.maps.map((m) => `${m.name} ${m.type} ${m.maxEntries} ${m.inner?.type} ${m.inner?.maxEntries}`),
    ).toEqual(["inner array 4 undefined undefined", "outer array_of_maps 10 array 4", "by hash_of_maps 7 array 4"]);
    expect(object?.license).toBe("GPL");
  });

  it("have methods", () => {
    const f = (body: string): number[] =>
      helpers(
        `struct e { u64 t; }; BPF_HASH(m, u32); BPF_PERF_OUTPUT(out); BPF_RINGBUF_OUTPUT(ring, 2); int f(struct pt_regs *ctx) { u32 k = 1; u64 v = 2; ${body} return 0; }`,
      );
    expect(f("u64 *p = m.lookup(&k); if (p) *p += 1;")).toEqual([LOOKUP]);
    expect(f("m.update(&k, &v);")).toEqual([UPDATE]);
    expect(f("m.increment(k);")).toEqual([LOOKUP, UPDATE, LOOKUP]);
    expect(f("m.increment(k, 5);")).toEqual([LOOKUP, UPDATE, LOOKUP]);
    expect(f("u64 *p = m.lookup_or_try_init(&k, &v); if (p) (*p)++;")).toEqual([LOOKUP, UPDATE, LOOKUP]);
    expect(f("struct e x = { .t = bpf_ktime_get_ns() }; out.perf_submit(ctx, &x, sizeof(x));")).toEqual([KTIME, PERF]);
    expect(
      f("struct e *x = ring.ringbuf_reserve(sizeof(*x)); if (x) { x->t = 1; ring.ringbuf_submit(x, 0); }"),
    ).toEqual([RESERVE, 132]);
    expect(f("m.update(m.lookup(&k) ? &k : &k, &v);")).toEqual([LOOKUP, UPDATE]);
  });

  it("know what their records are", () => {
    const { object } = compile(`struct one { u64 a; }; struct two { u32 b; };
      BPF_PERF_OUTPUT(x); BPF_PERF_OUTPUT(both); BPF_RINGBUF_OUTPUT(ring, 2);
      static void send(struct pt_regs *ctx, struct two *t) { both.perf_submit(ctx, t, sizeof(*t)); }
      int f(struct pt_regs *ctx) {
        struct one o = {}; struct two t = {};
        x.perf_submit(ctx, &o, sizeof(o)); both.perf_submit(ctx, &o, sizeof(o)); send(ctx, &t);
        struct two *r = ring.ringbuf_reserve(sizeof(*r)); if (r) { r->b = 1; ring.ringbuf_submit(r, 0); }
        return 0;
      }`);
    const name = (map: string): string | undefined => {
      const type = object?.maps.find((m) => m.name === map)?.recordType;
      return type === undefined ? undefined : object?.types?.type(type).name;
    };
    expect([name("x"), name("both"), name("ring")]).toEqual(["one", undefined, "two"]);
  });
});

describe("pointers", () => {
  const f = (body: string, head = "struct pt_regs *ctx, struct task *t", name = "f"): number[] =>
    helpers(`BPF_HASH(held, u32, struct task *); BPF_HASH(m, u32, struct mm); int ${name}(${head}) { ${body} }`);
  it("of the kernel are followed by a helper, each step", () => {
    expect(f("return t->pid;")).toEqual([READ]);
    expect(f("return t->mm->owner->pid;")).toEqual([READ, READ, READ]);
    expect(f("return t->pid;", "struct pt_regs *ctx, struct task *t", "kprobe__f")).toEqual([READ_KERNEL]);
    expect(f("struct task *me = (struct task *)bpf_get_current_task(); return me->pid;")).toEqual([TASK, READ]);
    expect(f("u32 k = 0; struct task **p = held.lookup(&k); if (!p) return 0; return (*p)->pid;")).toEqual([
      LOOKUP,
      READ,
    ]);
    expect(f("struct task *own; bpf_probe_read_kernel(&own, sizeof(own), &t->mm->owner); return own->pid;")).toEqual([
      READ,
      READ_KERNEL,
      READ,
    ]);
    expect(f("struct task *p = t; if (p->pid) p = p->mm->owner; return p->pid;")).toEqual([READ, READ, READ, READ]);
  });
  it("of maps, the stack and contexts are read as they are", () => {
    expect(f("u32 k = 0; struct mm *p = m.lookup(&k); return p ? p->users : 0;")).toEqual([LOOKUP]);
    expect(f("struct mm local = { .users = 4 }, *p = &local; return p->users;")).toEqual([]);
    expect(f("return ctx->ip;")).toEqual([]);
    expect(f("return PT_REGS_PARM2(ctx) + PT_REGS_RC(ctx);")).toEqual([]);
    expect(f("return &t->comm != 0;")).toEqual([]);
    expect(
      f(
        "u8 *p = (void *)(long)ctx->data; if ((void *)(p + 1) > (void *)(long)ctx->data_end) return 1; return *p;",
        "struct xdp_md *ctx",
        "x",
      ),
    ).toEqual([]);
    expect(f("return t->pid;", "unsigned long long *ctx, struct task *t", "kfunc__f")).toEqual([]);
  });
  it("of system calls' arguments lie behind the registers", () => {
    expect(f("return flags;", "struct pt_regs *ctx, const char *name, int flags", "syscall__open")).toEqual([
      READ,
      READ,
    ]);
    expect(f("return flags;", "struct pt_regs *ctx, const char *name, int flags", "f")).toEqual([]);
  });
  it("cannot be written through", () => {
    expect(
      said("struct s { int a; }; int f(struct pt_regs *ctx, struct s *p) {\n  p->a = 1;\n  return 0;\n}"),
    ).toContain("t.c:2:3-11: ERROR: this writes to the kernel's memory, which programs can only read");
  });
});

describe("what is wrong", () => {
  it("has its place", () => {
    expect(said("BPF_HASH(m);\nint f(void *ctx) { m.lokup(0); return 0; }")).toBe(
      "t.c:2:22-27: ERROR: there is no method 'lokup'\nint f(void *ctx) { m.lokup(0); return 0; }\n                     ~~~~~\nHINT: Did you mean 'lookup'?",
    );
    expect(said("BPF_HASH(m);\nint f(void *ctx) { m.lookup(); return 0; }")).toContain(
      "t.c:2:22-28: ERROR: 'lookup' takes 1 arguments, 0 given",
    );
    expect(said('BPF_TABLE("hash", u32, u64, m, 5);\nint f(void *ctx) { return n; }')).toContain(
      "t.c:2:27-28: ERROR: 'n' is not declared",
    );
    expect(said("TRACEPOINT_PROBE(sys, nothing) { return args->x; }")).toContain(
      "struct tracepoint__sys__nothing is not declared whole",
    );
  });
});
