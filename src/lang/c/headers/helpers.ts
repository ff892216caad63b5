// Headers that C text for BPF includes, in words of our own: what libbpf's documentation says of each macro (docs.ebpf.io,
// "Libbpf / eBPF side"). Helpers need no declarations here: the compiler knows them.

/** `<bpf/bpf_helpers.h>` */
export const BPF_HELPERS = `#pragma once
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]
#define __ulong(name, val) enum { ___bpf_concat(__unique_value, __COUNTER__) = val } name
#define ___bpf_concat(a, b) a ## b
#define ___bpf_apply(fn, n) ___bpf_concat(fn, n)
#define ___bpf_nth(_, _1, _2, _3, _4, _5, _6, _7, _8, _9, _a, _b, _c, N, ...) N
#define ___bpf_narg(...) ___bpf_nth(_, ##__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
#define __hidden __attribute__((visibility("hidden")))
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#define __uptr __attribute__((btf_type_tag("uptr")))
#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))
#define __arg_nullable __attribute__((btf_decl_tag("arg:nullable")))
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
#define __arg_arena __attribute__((btf_decl_tag("arg:arena")))
#include <stddef.h>
#ifndef container_of
#define container_of(ptr, type, member) ({ void *__mptr = (void *)(ptr); (type *)(__mptr - offsetof(type, member)); })
#endif
#define barrier() asm volatile("" ::: "memory")
#define barrier_var(var) asm volatile("" : "+r"(var))
#define __bpf_unreachable() __builtin_trap()
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#ifndef likely
#define likely(x) (__builtin_expect(!!(x), 1))
#endif
#ifndef unlikely
#define unlikely(x) (__builtin_expect(!!(x), 0))
#endif
enum libbpf_pin_type { LIBBPF_PIN_NONE, LIBBPF_PIN_BY_NAME };
enum libbpf_tristate { TRI_NO = 0, TRI_YES = 1, TRI_MODULE = 2 };
#define bpf_ksym_exists(sym) ({ !!sym; })
#define ___bpf_fill0(arr, p, x) do {} while (0)
#define ___bpf_fill1(arr, p, x) arr[p] = x
#define ___bpf_fill2(arr, p, x, a...) arr[p] = x; ___bpf_fill1(arr, p + 1, a)
#define ___bpf_fill3(arr, p, x, a...) arr[p] = x; ___bpf_fill2(arr, p + 1, a)
#define ___bpf_fill4(arr, p, x, a...) arr[p] = x; ___bpf_fill3(arr, p + 1, a)
#define ___bpf_fill5(arr, p, x, a...) arr[p] = x; ___bpf_fill4(arr, p + 1, a)
#define ___bpf_fill6(arr, p, x, a...) arr[p] = x; ___bpf_fill5(arr, p + 1, a)
#define ___bpf_fill7(arr, p, x, a...) arr[p] = x; ___bpf_fill6(arr, p + 1, a)
#define ___bpf_fill8(arr, p, x, a...) arr[p] = x; ___bpf_fill7(arr, p + 1, a)
#define ___bpf_fill9(arr, p, x, a...) arr[p] = x; ___bpf_fill8(arr, p + 1, a)
#define ___bpf_fill10(arr, p, x, a...) arr[p] = x; ___bpf_fill9(arr, p + 1, a)
#define ___bpf_fill11(arr, p, x, a...) arr[p] = x; ___bpf_fill10(arr, p + 1, a)
#define ___bpf_fill12(arr, p, x, a...) arr[p] = x; ___bpf_fill11(arr, p + 1, a)
#define ___bpf_fill(arr, args...) ___bpf_apply(___bpf_fill, ___bpf_narg(args))(arr, 0, args)
#define ___bpf_values(args...) unsigned long long ___param[___bpf_narg(args)]; ___bpf_fill(___param, args)
#define BPF_SEQ_PRINTF(seq, fmt, args...) ({ static const char ___fmt[] = fmt; ___bpf_values(args); bpf_seq_printf(seq, ___fmt, sizeof(___fmt), ___param, sizeof(___param)); })
#define BPF_SNPRINTF(out, out_size, fmt, args...) ({ static const char ___fmt[] = fmt; ___bpf_values(args); bpf_snprintf(out, out_size, ___fmt, ___param, sizeof(___param)); })
#define ___bpf_print_few(fmt, args...) ({ static const char ____fmt[] = fmt; bpf_trace_printk(____fmt, sizeof(____fmt), ##args); })
#define ___bpf_print_many(fmt, args...) ({ static const char ___fmt[] = fmt; ___bpf_values(args); bpf_trace_vprintk(___fmt, sizeof(___fmt), ___param, sizeof(___param)); })
#define ___bpf_print_which(...) ___bpf_nth(_, ##__VA_ARGS__, many, many, many, many, many, many, many, many, many, few, few, few, few)
#define bpf_printk(fmt, args...) ___bpf_apply(___bpf_print_, ___bpf_print_which(args))(fmt, ##args)
struct bpf_iter_num;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;
#define ___bpf_iter(type, it, args...) struct bpf_iter_##type it __attribute__((aligned(8), cleanup(bpf_iter_##type##_destroy))), *___bpf_concat(it, _made) = (bpf_iter_##type##_new(&it, ##args), (void *)0)
#define bpf_for(i, start, end) for (___bpf_iter(num, ___it, (start), (end)); ({ int *___t = bpf_iter_num_next(&___it); (___t && ((i) = *___t, (i) >= (start) && (i) < (end))); }); )
#define bpf_repeat(N) for (___bpf_iter(num, ___it, 0, (N)); bpf_iter_num_next(&___it); )
#define bpf_for_each(type, cur, args...) for (___bpf_iter(type, ___it, ##args); (((cur) = bpf_iter_##type##_next(&___it))); )
static __always_inline void bpf_tail_call_static(void *ctx, const void *map, const unsigned int slot) { bpf_tail_call(ctx, map, slot); }
`;

/** `<bpf/bpf_endian.h>` */
export const BPF_ENDIAN = `#pragma once
#define ___bpf_swab16(x) ((unsigned short)((((unsigned short)(x) & 0xff) << 8) | (((unsigned short)(x) >> 8) & 0xff)))
#define __bpf_ntohs(x) __builtin_bswap16(x)
#define __bpf_htons(x) __builtin_bswap16(x)
#define __bpf_constant_ntohs(x) __builtin_bswap16(x)
#define __bpf_constant_htons(x) __builtin_bswap16(x)
#define __bpf_ntohl(x) __builtin_bswap32(x)
#define __bpf_htonl(x) __builtin_bswap32(x)
#define __bpf_constant_ntohl(x) __builtin_bswap32(x)
#define __bpf_constant_htonl(x) __builtin_bswap32(x)
#define bpf_ntohs(x) __builtin_bswap16(x)
#define bpf_htons(x) __builtin_bswap16(x)
#define bpf_ntohl(x) __builtin_bswap32(x)
#define bpf_htonl(x) __builtin_bswap32(x)
#define bpf_cpu_to_be64(x) __builtin_bswap64(x)
#define bpf_be64_to_cpu(x) __builtin_bswap64(x)
`;
