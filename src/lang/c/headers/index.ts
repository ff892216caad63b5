// The headers that are answered without a file: those of BPF from texts of our own, those of the kernel from its types.

import type { SourceText } from "../../../source/index.ts";
import { bpfCoreRead, bpfTracing } from "./generated.ts";
import { BPF_ENDIAN, BPF_HELPERS } from "./helpers.ts";

export { REGISTERS } from "./generated.ts";

export type Machine = "x86" | "arm64";

const STDDEF = `#pragma once
#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
`;

/** Types that `vmlinux.h` and `<linux/types.h>` bring are known by name; macros are none, so these stand here. */
const STDBOOL = "#pragma once\n#define true 1\n#define false 0\n";

const STDINT = `#pragma once
#define UINT8_MAX 0xff
#define UINT16_MAX 0xffff
#define UINT32_MAX 0xffffffffU
#define UINT64_MAX 0xffffffffffffffffUL
#define INT8_MAX 0x7f
#define INT16_MAX 0x7fff
#define INT32_MAX 0x7fffffff
#define INT64_MAX 0x7fffffffffffffffL
#define INT8_MIN (-INT8_MAX - 1)
#define INT16_MIN (-INT16_MAX - 1)
#define INT32_MIN (-INT32_MAX - 1)
#define INT64_MIN (-INT64_MAX - 1)
#define SIZE_MAX UINT64_MAX
#define UINTPTR_MAX UINT64_MAX
#define INT8_C(c) c
#define INT16_C(c) c
#define INT32_C(c) c
#define INT64_C(c) c ## L
#define UINT8_C(c) c
#define UINT16_C(c) c
#define UINT32_C(c) c ## U
#define UINT64_C(c) c ## UL
`;

const LIMITS = `#pragma once
#define CHAR_BIT 8
#define SCHAR_MAX 0x7f
#define SCHAR_MIN (-SCHAR_MAX - 1)
#define UCHAR_MAX 0xff
#define CHAR_MAX SCHAR_MAX
#define CHAR_MIN SCHAR_MIN
#define SHRT_MAX 0x7fff
#define SHRT_MIN (-SHRT_MAX - 1)
#define USHRT_MAX 0xffff
#define INT_MAX 0x7fffffff
#define INT_MIN (-INT_MAX - 1)
#define UINT_MAX 0xffffffffU
#define LONG_MAX 0x7fffffffffffffffL
#define LONG_MIN (-LONG_MAX - 1)
#define ULONG_MAX 0xffffffffffffffffUL
#define LLONG_MAX LONG_MAX
#define LLONG_MIN LONG_MIN
#define ULLONG_MAX ULONG_MAX
`;

const TEXTS: Readonly<Record<string, string | ((machine: Machine) => string)>> = {
  "vmlinux.h": "#pragma once\n#define __VMLINUX_H__\n",
  "bpf/bpf_helpers.h": BPF_HELPERS,
  "bpf/bpf_helper_defs.h": "#pragma once\n",
  "bpf/bpf_endian.h": BPF_ENDIAN,
  "bpf/bpf_core_read.h": bpfCoreRead,
  "bpf/bpf_tracing.h": bpfTracing,
  "stddef.h": STDDEF,
  "stdbool.h": STDBOOL,
  "stdint.h": STDINT,
  "limits.h": LIMITS,
};

/** Headers of the kernel whose types its BTF has; of their macros none is there. */
const OF_KERNEL =
  /^(?:linux|asm|asm-generic|uapi)\/(?:bpf|types|ptrace|bpf_common|posix_types|stddef|int-ll64|if|sched|version)\.h$/;

/** A header that stands for itself; undefined: it has to be found. */
export function ownHeader(name: string, machine: Machine): SourceText | undefined {
  const own = Object.hasOwn(TEXTS, name) ? name : `bpf/${name}`;
  const text = Object.hasOwn(TEXTS, own) ? TEXTS[own] : undefined;
  if (text !== undefined) return { name: own, text: typeof text === "string" ? text : text(machine) };
  return OF_KERNEL.test(name) ? { name, text: "#pragma once\n" } : undefined;
}
