// What BCC puts before each text, in words of our own by its reference guide: declarations of maps, of programs by what they
// are attached to, and functions that its texts rely on.

/** Map types by the names that BPF_TABLE knows; its strings are read as `_hash_`. */
const TABLES: Readonly<Record<string, string>> = {
  hash: "HASH",
  array: "ARRAY",
  percpu_hash: "PERCPU_HASH",
  percpu_array: "PERCPU_ARRAY",
  lru_hash: "LRU_HASH",
  lru_percpu_hash: "LRU_PERCPU_HASH",
  lpm_trie: "LPM_TRIE",
  histogram: "ARRAY",
  hash_of_maps: "HASH_OF_MAPS",
  array_of_maps: "ARRAY_OF_MAPS",
  queue: "QUEUE",
  stack: "STACK",
  stacktrace: "STACK_TRACE",
  prog: "PROG_ARRAY",
  perf_output: "PERF_EVENT_ARRAY",
  perf_array: "PERF_EVENT_ARRAY",
  cgroup_array: "CGROUP_ARRAY",
  devmap: "DEVMAP",
  cpumap: "CPUMAP",
  xskmap: "XSKMAP",
  sockmap: "SOCKMAP",
  sockhash: "SOCKHASH",
};

/** Declarations whose parameters may be left out: `BPF_HASH(name, key = u64, value = u64, entries = 10240)`. */
const DECLARATIONS: readonly (readonly [name: string, params: readonly string[], body: string])[] = [
  ["BPF_HASH", ["u64", "u64", "10240"], "___bcc_map(BPF_MAP_TYPE_HASH, 0, name, a, b, c)"],
  ["BPF_PERCPU_HASH", ["u64", "u64", "10240"], "___bcc_map(BPF_MAP_TYPE_PERCPU_HASH, 0, name, a, b, c)"],
  ["BPF_LRU_HASH", ["u64", "u64", "10240"], "___bcc_map(BPF_MAP_TYPE_LRU_HASH, 0, name, a, b, c)"],
  ["BPF_ARRAY", ["u64", "10240"], "___bcc_map(BPF_MAP_TYPE_ARRAY, 0, name, int, a, b)"],
  ["BPF_PERCPU_ARRAY", ["u64", "10240"], "___bcc_map(BPF_MAP_TYPE_PERCPU_ARRAY, 0, name, int, a, b)"],
  ["BPF_LPM_TRIE", ["u64", "u64", "10240"], "___bcc_map(BPF_MAP_TYPE_LPM_TRIE, 1, name, a, b, c)"],
  [
    "BPF_HISTOGRAM",
    ["int", "64"],
    "___bcc_map(__builtin_types_compatible_p(a, int) ? BPF_MAP_TYPE_ARRAY : BPF_MAP_TYPE_HASH, 0, name, a, u64, b)",
  ],
  ["BPF_PROG_ARRAY", ["1024"], "___bcc_map(BPF_MAP_TYPE_PROG_ARRAY, 0, name, u32, u32, a)"],
  ["BPF_CGROUP_ARRAY", ["8"], "___bcc_map(BPF_MAP_TYPE_CGROUP_ARRAY, 0, name, u32, u32, a)"],
  ["BPF_PERF_ARRAY", ["0"], "___bcc_map(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 0, name, int, u32, a)"],
  ["BPF_STACK_TRACE", ["10240"], "___bcc_map(BPF_MAP_TYPE_STACK_TRACE, 0, name, int, struct ___bcc_stack, a)"],
  [
    "BPF_STACK_TRACE_BUILDID",
    ["10240"],
    "___bcc_map(BPF_MAP_TYPE_STACK_TRACE, 32, name, int, struct ___bcc_stack_buildid, a)",
  ],
  ["BPF_DEVMAP", ["256"], "___bcc_map(BPF_MAP_TYPE_DEVMAP, 0, name, int, int, a)"],
  ["BPF_CPUMAP", ["256"], "___bcc_map(BPF_MAP_TYPE_CPUMAP, 0, name, u32, u32, a)"],
  ["BPF_XSKMAP", ["256"], "___bcc_map(BPF_MAP_TYPE_XSKMAP, 0, name, int, int, a)"],
  ["BPF_SOCKMAP", ["256"], "___bcc_map(BPF_MAP_TYPE_SOCKMAP, 0, name, u32, u32, a)"],
  ["BPF_SOCKHASH", ["u32", "256"], "___bcc_map(BPF_MAP_TYPE_SOCKHASH, 0, name, a, u32, b)"],
];

const LETTERS = ["a", "b", "c"];

function declarations(): string {
  const lines: string[] = [];
  for (const [name, params, body] of DECLARATIONS) {
    params.forEach((_, n) => {
      const given = LETTERS.slice(0, n).join(", ");
      const own = body.replace(/\b[abc]\b/g, (letter) => {
        const at = LETTERS.indexOf(letter);
        return at < n ? letter : (params[at] as string);
      });
      lines.push(`#define ${name}${n + 1}(name${given === "" ? "" : `, ${given}`}) ${own}`);
    });
    const n = params.length;
    lines.push(`#define ${name}${n + 1}(name, ${LETTERS.slice(0, n).join(", ")}) ${body}`);
    lines.push(`#define ${name}(args...) ___bpf_apply(${name}, ___bpf_narg(args))(args)`);
  }
  for (const [name, type] of Object.entries(TABLES)) lines.push(`#define ___bcc_table_${name}_ BPF_MAP_TYPE_${type}`);
  return lines.join("\n");
}

/** Stands before each text. */
export const BCC_HEADER: string = `#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>
#include <stdint.h>
struct ___bcc_stack { u64 ip[127]; };
struct ___bcc_build_id { int status; u8 build_id[20]; u64 offset; };
struct ___bcc_stack_buildid { struct ___bcc_build_id trace[127]; };
#define ___bcc_map(kind, flags, name, K, V, N) struct { __uint(type, kind); __uint(map_flags, flags); __type(key, K); __type(value, V); __uint(max_entries, N); } name SEC(".maps")
${declarations()}
#define BPF_TABLE(kind, K, V, name, N) ___bcc_map(___bcc_table##kind, 0, name, K, V, N)
#define BPF_F_TABLE(kind, K, V, name, N, flags) ___bcc_map(___bcc_table##kind, flags, name, K, V, N)
#define BPF_TABLE_PUBLIC BPF_TABLE
#define BPF_TABLE_SHARED BPF_TABLE
#define BPF_TABLE_PINNED(kind, K, V, name, N, path) BPF_TABLE(kind, K, V, name, N)
#define BPF_PERF_OUTPUT(name) struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __type(key, int); __type(value, u32); __uint(max_entries, 0); } name SEC(".maps")
#define BPF_RINGBUF_OUTPUT(name, pages) struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, (pages) * 4096); } name SEC(".maps")
#define BPF_QUEUE(name, V, N) struct { __uint(type, BPF_MAP_TYPE_QUEUE); __type(value, V); __uint(max_entries, N); } name SEC(".maps")
#define BPF_STACK(name, V, N) struct { __uint(type, BPF_MAP_TYPE_STACK); __type(value, V); __uint(max_entries, N); } name SEC(".maps")
#define BPF_ARRAY_OF_MAPS(name, inner, N) struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __type(key, u32); __type(value, u32); __uint(max_entries, N); __array(values, typeof(inner)); } name SEC(".maps")
#define BPF_HASH_OF_MAPS(name, K, inner, N) struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __type(key, K); __type(value, u32); __uint(max_entries, N); __array(values, typeof(inner)); } name SEC(".maps")
#define BPF_SK_STORAGE(name, V) struct { __uint(type, BPF_MAP_TYPE_SK_STORAGE); __uint(map_flags, 1); __type(key, int); __type(value, V); } name SEC(".maps")
#define BPF_INODE_STORAGE(name, V) struct { __uint(type, BPF_MAP_TYPE_INODE_STORAGE); __uint(map_flags, 1); __type(key, int); __type(value, V); } name SEC(".maps")
#define BPF_TASK_STORAGE(name, V) struct { __uint(type, BPF_MAP_TYPE_TASK_STORAGE); __uint(map_flags, 1); __type(key, int); __type(value, V); } name SEC(".maps")
#define BPF_CGROUP_STORAGE(name, V) struct { __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE); __type(key, struct bpf_cgroup_storage_key); __type(value, V); } name SEC(".maps")
#define BPF_LICENSE(x) char _license[] SEC("license") = #x
#define TRACEPOINT_PROBE(category, event) int tracepoint__##category##__##event(struct tracepoint__##category##__##event *args)
#define RAW_TRACEPOINT_PROBE(event) int raw_tracepoint__##event(struct bpf_raw_tracepoint_args *ctx)
#define KFUNC_PROBE(event, args...) int kfunc__##event(unsigned long long *ctx, ##args)
#define KRETFUNC_PROBE(event, args...) int kretfunc__##event(unsigned long long *ctx, ##args)
#define KMOD_RET(event, args...) int kmod_ret__##event(unsigned long long *ctx, ##args)
#define LSM_PROBE(event, args...) int lsm__##event(unsigned long long *ctx, ##args)
#define BPF_ITER(target) int bpf_iter__##target(struct bpf_iter__##target *ctx)
#define TP_DATA_LOC_READ_CONST(dst, field, length) do { unsigned short __offset = args->data_loc_##field & 0xFFFF; bpf_probe_read((void *)dst, length, (char *)args + __offset); } while (0)
#define TP_DATA_LOC_READ(dst, field) do { unsigned short __offset = args->data_loc_##field & 0xFFFF; unsigned short __length = args->data_loc_##field >> 16; bpf_probe_read((void *)dst, __length, (char *)args + __offset); } while (0)
#define TP_DATA_LOC_READ_STR(dst, field, length) do { unsigned short __offset = args->data_loc_##field & 0xFFFF; bpf_probe_read_str((void *)dst, length, (char *)args + __offset); } while (0)
#define bpf_trace_printk(fmt, args...) bpf_printk(fmt, ##args)
#define bpf_usdt_readarg(n, ctx, arg) bpf_usdt_readarg_##n(ctx, arg, sizeof(*(arg)))
#define bpf_usdt_readarg_p(n, ctx, buf, len) ({ u64 __from = 0; bpf_usdt_readarg_##n(ctx, &__from, 8); bpf_probe_read_user(buf, len, (void *)__from); })
#define lock_xadd(ptr, val) ((void)__sync_fetch_and_add(ptr, val))
static __always_inline unsigned int bpf_log2(unsigned int v) { unsigned int r, shift; r = (v > 0xFFFF) << 4; v >>= r; shift = (v > 0xFF) << 3; v >>= shift; r |= shift; shift = (v > 0xF) << 2; v >>= shift; r |= shift; shift = (v > 0x3) << 1; v >>= shift; r |= shift; r |= v >> 1; return r; }
static __always_inline unsigned int bpf_log2l(unsigned long v) { unsigned int hi = v >> 32; return hi ? bpf_log2(hi) + 33 : bpf_log2(v) + 1; }
`;
