// Headers with one macro for each number of arguments, made from how each is put together.

const count = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const names = (n: number): string =>
  count(1, n)
    .map((i) => `a${i}`)
    .join(", ");

/** `src->a1->a2…` as far as `n`. */
const arrows = (n: number): string => ["(src)", ...count(1, n).map((i) => `a${i}`)].join("->");

/**
 * Reads a member behind several pointers, one read for each: `p` has what the last one gave. `read` is a helper's name.
 */
function chain(n: number): string {
  const steps = count(1, n - 1).map((i) => {
    const from = i === 1 ? "(src)" : `((typeof(${arrows(i - 1)}))__p)`;
    return `read(&__p, sizeof(void *), keep(&(${from})->a${i}));`;
  });
  const last = n === 1 ? "(src)" : `((typeof(${arrows(n - 1)}))__p)`;
  return `({ const void *__p = (void *)0; (void)__p; ${steps.join(" ")} final((void *)(dst), sizeof(*(dst)), keep(&(${last})->a${n})); })`;
}

/** `<bpf/bpf_core_read.h>` */
export function bpfCoreRead(): string {
  const into = count(1, 9).map((n) => `#define ___core_into${n}(read, final, keep, dst, src, ${names(n)}) ${chain(n)}`);
  const type = count(1, 9).map(
    (n) =>
      `#define ___core_type${n}(src, ${names(n)}) typeof((src)->${count(1, n)
        .map((i) => `a${i}`)
        .join("->")})`,
  );
  return `#pragma once
enum bpf_field_info_kind { BPF_FIELD_BYTE_OFFSET = 0, BPF_FIELD_BYTE_SIZE = 1, BPF_FIELD_EXISTS = 2, BPF_FIELD_SIGNED = 3, BPF_FIELD_LSHIFT_U64 = 4, BPF_FIELD_RSHIFT_U64 = 5 };
enum bpf_type_id_kind { BPF_TYPE_ID_LOCAL = 0, BPF_TYPE_ID_TARGET = 1 };
enum bpf_type_info_kind { BPF_TYPE_EXISTS = 0, BPF_TYPE_SIZE = 1, BPF_TYPE_MATCHES = 2 };
enum bpf_enum_value_kind { BPF_ENUMVAL_EXISTS = 0, BPF_ENUMVAL_VALUE = 1 };
#define ___core_cat(a, b) a ## b
#define ___core_apply(fn, n) ___core_cat(fn, n)
#define ___core_nth(_, _1, _2, _3, _4, _5, _6, _7, _8, _9, N, ...) N
#define ___core_narg(...) ___core_nth(_, ##__VA_ARGS__, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define ___core_keep(x) ((const void *)__builtin_preserve_access_index(x))
#define ___core_plain(x) ((const void *)(x))
#define ___core_field1(field) field
#define ___core_field2(type, field) (*(type *)0).field
#define ___core_field(args...) ___core_apply(___core_field, ___core_narg(args))(args)
#define bpf_core_field_exists(field...) __builtin_preserve_field_info(___core_field(field), BPF_FIELD_EXISTS)
#define bpf_core_field_size(field...) __builtin_preserve_field_info(___core_field(field), BPF_FIELD_BYTE_SIZE)
#define bpf_core_field_offset(field...) __builtin_preserve_field_info(___core_field(field), BPF_FIELD_BYTE_OFFSET)
#define bpf_core_type_id_local(type) __builtin_btf_type_id(*(typeof(type) *)0, BPF_TYPE_ID_LOCAL)
#define bpf_core_type_id_kernel(type) __builtin_btf_type_id(*(typeof(type) *)0, BPF_TYPE_ID_TARGET)
#define bpf_core_type_exists(type) __builtin_preserve_type_info(*(typeof(type) *)0, BPF_TYPE_EXISTS)
#define bpf_core_type_matches(type) __builtin_preserve_type_info(*(typeof(type) *)0, BPF_TYPE_MATCHES)
#define bpf_core_type_size(type) __builtin_preserve_type_info(*(typeof(type) *)0, BPF_TYPE_SIZE)
#define bpf_core_enum_value_exists(enum_type, value) __builtin_preserve_enum_value(*(typeof(enum_type) *)(unsigned long)value, BPF_ENUMVAL_EXISTS)
#define bpf_core_enum_value(enum_type, value) __builtin_preserve_enum_value(*(typeof(enum_type) *)(unsigned long)value, BPF_ENUMVAL_VALUE)
#define bpf_core_cast(ptr, type) ((typeof(type) *)bpf_rdonly_cast((ptr), bpf_core_type_id_kernel(type)))
extern void *bpf_rdonly_cast(const void *obj, unsigned int btf_id) __attribute__((section(".ksyms"), weak));
#define bpf_core_read(dst, sz, src) bpf_probe_read_kernel(dst, sz, ___core_keep(src))
#define bpf_core_read_user(dst, sz, src) bpf_probe_read_user(dst, sz, ___core_keep(src))
#define bpf_core_read_str(dst, sz, src) bpf_probe_read_kernel_str(dst, sz, ___core_keep(src))
#define bpf_core_read_user_str(dst, sz, src) bpf_probe_read_user_str(dst, sz, ___core_keep(src))
${into.join("\n")}
${type.join("\n")}
#define ___core_read(read, final, keep, dst, src, a...) ___core_apply(___core_into, ___core_narg(a))(read, final, keep, dst, src, a)
#define ___core_typeof(src, a...) ___core_apply(___core_type, ___core_narg(a))(src, a)
#define BPF_CORE_READ_INTO(dst, src, a...) ___core_read(bpf_probe_read_kernel, bpf_probe_read_kernel, ___core_keep, dst, src, a)
#define BPF_CORE_READ_USER_INTO(dst, src, a...) ___core_read(bpf_probe_read_user, bpf_probe_read_user, ___core_keep, dst, src, a)
#define BPF_PROBE_READ_INTO(dst, src, a...) ___core_read(bpf_probe_read_kernel, bpf_probe_read_kernel, ___core_plain, dst, src, a)
#define BPF_PROBE_READ_USER_INTO(dst, src, a...) ___core_read(bpf_probe_read_user, bpf_probe_read_user, ___core_plain, dst, src, a)
#define BPF_CORE_READ_STR_INTO(dst, src, a...) ___core_read(bpf_probe_read_kernel, bpf_probe_read_kernel_str, ___core_keep, dst, src, a)
#define BPF_CORE_READ_USER_STR_INTO(dst, src, a...) ___core_read(bpf_probe_read_user, bpf_probe_read_user_str, ___core_keep, dst, src, a)
#define BPF_PROBE_READ_STR_INTO(dst, src, a...) ___core_read(bpf_probe_read_kernel, bpf_probe_read_kernel_str, ___core_plain, dst, src, a)
#define BPF_PROBE_READ_USER_STR_INTO(dst, src, a...) ___core_read(bpf_probe_read_user, bpf_probe_read_user_str, ___core_plain, dst, src, a)
#define BPF_CORE_READ(src, a...) ({ ___core_typeof(src, a) __r; BPF_CORE_READ_INTO(&__r, src, a); __r; })
#define BPF_CORE_READ_USER(src, a...) ({ ___core_typeof(src, a) __r; BPF_CORE_READ_USER_INTO(&__r, src, a); __r; })
#define BPF_PROBE_READ(src, a...) ({ ___core_typeof(src, a) __r; BPF_PROBE_READ_INTO(&__r, src, a); __r; })
#define BPF_PROBE_READ_USER(src, a...) ({ ___core_typeof(src, a) __r; BPF_PROBE_READ_USER_INTO(&__r, src, a); __r; })
#define ___core_info(s, field, kind) __builtin_preserve_field_info((s)->field, BPF_FIELD_ ## kind)
#define ___core_shifted(s, field, v) ({ unsigned long long __v = (v); __v <<= ___core_info(s, field, LSHIFT_U64); ___core_info(s, field, SIGNED) ? (unsigned long long)((long long)__v >> ___core_info(s, field, RSHIFT_U64)) : __v >> ___core_info(s, field, RSHIFT_U64); })
#define BPF_CORE_READ_BITFIELD_PROBED(s, field) ({ unsigned long long __w = 0; bpf_probe_read_kernel(&__w, ___core_info(s, field, BYTE_SIZE), (const void *)(s) + ___core_info(s, field, BYTE_OFFSET)); ___core_shifted(s, field, __w); })
#define BPF_CORE_READ_BITFIELD(s, field) ({ const void *__p = (const void *)(s) + ___core_info(s, field, BYTE_OFFSET); unsigned long long __w = 0; switch (___core_info(s, field, BYTE_SIZE)) { case 1: __w = *(const unsigned char *)__p; break; case 2: __w = *(const unsigned short *)__p; break; case 4: __w = *(const unsigned int *)__p; break; case 8: __w = *(const unsigned long long *)__p; break; } ___core_shifted(s, field, __w); })
`;
}

/** Members of `struct pt_regs` that hold what a function is given and gives, by the calling conventions of each machine. */
export const REGISTERS: Readonly<
  Record<
    "x86" | "arm64",
    {
      readonly args: readonly string[];
      readonly system: readonly string[];
      readonly ret: string;
      readonly rc: string;
      readonly sp: string;
      readonly ip: string;
      readonly fp: string;
      readonly cast: string;
      readonly call: string;
    }
  >
> = {
  x86: {
    args: ["di", "si", "dx", "cx", "r8", "r9"],
    system: ["di", "si", "dx", "r10", "r8", "r9"],
    ret: "sp",
    rc: "ax",
    sp: "sp",
    ip: "ip",
    fp: "bp",
    cast: "struct pt_regs",
    call: "__x64_",
  },
  arm64: {
    args: count(0, 7).map((i) => `regs[${i}]`),
    system: ["regs[0]", ...count(1, 5).map((i) => `regs[${i}]`)],
    ret: "regs[30]",
    rc: "regs[0]",
    sp: "sp",
    ip: "pc",
    fp: "regs[29]",
    cast: "struct user_pt_regs",
    call: "__arm64_",
  },
};

/** `<bpf/bpf_tracing.h>` */
export function bpfTracing(machine: "x86" | "arm64"): string {
  const r = REGISTERS[machine];
  const regs = (ctx: string): string => `((const ${r.cast} *)(${ctx}))`;
  const lines: string[] = [];
  const accessor = (name: string, member: string): void => {
    lines.push(`#define ${name}(x) (${regs("x")}->${member})`);
    lines.push(`#define ${name}_CORE(x) BPF_CORE_READ(${regs("x")}, ${member})`);
  };
  for (const [i, member] of r.args.entries()) accessor(`PT_REGS_PARM${i + 1}`, member);
  for (const [i, member] of r.system.entries()) {
    lines.push(`#define PT_REGS_PARM${i + 1}_SYSCALL(x) (${regs("x")}->${member})`);
    lines.push(`#define PT_REGS_PARM${i + 1}_CORE_SYSCALL(x) BPF_CORE_READ(${regs("x")}, ${member})`);
  }
  accessor("PT_REGS_RET", r.ret);
  accessor("PT_REGS_FP", r.fp);
  accessor("PT_REGS_RC", r.rc);
  accessor("PT_REGS_SP", r.sp);
  accessor("PT_REGS_IP", r.ip);
  /** \`name_N(list)\`: the arguments that a program's parameters are given, from the context. */
  const family = (name: string, most: number, first: string, nth: (i: number) => string): void => {
    lines.push(`#define ${name}0() ${first}`);
    for (const n of count(1, most))
      lines.push(`#define ${name}${n}(${names(n)}) ${[first, ...count(1, n).map(nth)].join(", ")}`);
    lines.push(`#define ${name}(args...) ___tr_apply(${name}, ___tr_narg(args))(args)`);
  };
  family("___tr_ctx_cast", 12, "ctx", (i) => `(void *)ctx[${i - 1}]`);
  family("___tr_kprobe_args", 8, "ctx", (i) => `(void *)PT_REGS_PARM${Math.min(i, r.args.length)}(ctx)`);
  family("___tr_kretprobe_args", 1, "ctx", () => "(void *)PT_REGS_RC(ctx)");
  family("___tr_syscall_args", 6, "ctx", (i) => `(void *)PT_REGS_PARM${i}_CORE_SYSCALL(regs)`);
  family("___tr_plain_args", 6, "ctx", (i) => `(void *)PT_REGS_PARM${i}_SYSCALL(ctx)`);
  const program = (name: string, context: string, args: string, before = ""): string =>
    `#define ${name}(name, args...) name(${context}); static __attribute__((always_inline)) typeof(name(0)) ____##name(${context}, ##args); typeof(name(0)) name(${context}) { ${before} return ____##name(${args}(args)); } static __attribute__((always_inline)) typeof(name(0)) ____##name(${context}, ##args)`;
  return `#pragma once
#include <bpf/bpf_core_read.h>
struct pt_regs;
#define ___tr_cat(a, b) a ## b
#define ___tr_apply(fn, n) ___tr_cat(fn, n)
#define ___tr_nth(_, _1, _2, _3, _4, _5, _6, _7, _8, _9, _a, _b, _c, N, ...) N
#define ___tr_narg(...) ___tr_nth(_, ##__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define SYSCALL_WRAPPER 1
#define SYS_PREFIX "${r.call}"
#define PT_REGS_SYSCALL_REGS(ctx) ((struct pt_regs *)PT_REGS_PARM1(ctx))
${lines.join("\n")}
#define BPF_KPROBE_READ_RET_IP(ip, ctx) ({ bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)PT_REGS_RET(ctx)); })
#define BPF_KRETPROBE_READ_RET_IP(ip, ctx) ({ bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)(PT_REGS_FP(ctx) + sizeof(ip))); })
${program("BPF_PROG", "unsigned long long *ctx", "___tr_ctx_cast")}
${program("BPF_KPROBE", "struct pt_regs *ctx", "___tr_kprobe_args")}
${program("BPF_KRETPROBE", "struct pt_regs *ctx", "___tr_kretprobe_args")}
extern _Bool LINUX_HAS_SYSCALL_WRAPPER __attribute__((section(".kconfig")));
#define BPF_KSYSCALL(name, args...) name(struct pt_regs *ctx); extern _Bool LINUX_HAS_SYSCALL_WRAPPER __attribute__((section(".kconfig"))); static __attribute__((always_inline)) typeof(name(0)) ____##name(struct pt_regs *ctx, ##args); typeof(name(0)) name(struct pt_regs *ctx) { if (LINUX_HAS_SYSCALL_WRAPPER) { struct pt_regs *regs = (struct pt_regs *)PT_REGS_PARM1(ctx); return ____##name(___tr_syscall_args(args)); } else return ____##name(___tr_plain_args(args)); } static __attribute__((always_inline)) typeof(name(0)) ____##name(struct pt_regs *ctx, ##args)
#define BPF_KPROBE_SYSCALL BPF_KSYSCALL
#define BPF_UPROBE(name, args...) BPF_KPROBE(name, ##args)
#define BPF_URETPROBE(name, args...) BPF_KRETPROBE(name, ##args)
#define BPF_PROG2 BPF_PROG
#define ___bpf_ctx_cast(args...) ___tr_ctx_cast(args)
`;
}
