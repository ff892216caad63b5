// What this kernel can do, found out by trying: each probe is a cheap call, made when first asked for, remembered.

import { MAP_TYPES, type MapType, PROGRAM_TYPES, type ProgramType } from "../object/index.ts";
import { Struct, wordBytes } from "./attributes.ts";
import { onlineCpus } from "./cpus.ts";
import { kernelBtf } from "./kernel-types.ts";
import { createMap } from "./maps.ts";
import { chargedBpf } from "./memory-limit.ts";
import { AttachType, BPF_F_NO_PREALLOC, Command, PERF_ATTRIBUTE_SIZE, PERF_FLAG_FD_CLOEXEC } from "./numbers.ts";
import { probeUnit } from "./perf-events.ts";
import { systemCalls } from "./system-calls.ts";

const ENOENT = 2;
const ESRCH = 3;
const EBADF = 9;
const FOR_EACH_MAP_ELEM = 164;
const GET_ATTACH_COOKIE = 174;

/** mov r0, 0; exit */
const returnZero = (): Uint8Array => Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

interface Trial {
  readonly code: Uint8Array;
  readonly attachType?: number;
  readonly target?: number;
}

/** Loads a program of a few instructions; answers its descriptor or the negated errno, and the verifier's log. */
function tryProgram(type: ProgramType, { code, attachType = 0, target = 0 }: Trial, log?: Uint8Array): number {
  const attribute = new Struct(144)
    .u32(0, PROGRAM_TYPES[type])
    .u32(4, code.length / 8)
    .pointer(8, code)
    .pointer(16, "GPL")
    .u32(68, attachType)
    .u32(108, target);
  if (log !== undefined) attribute.u32(24, 1).u32(28, log.length).pointer(32, log);
  return chargedBpf(Command.programLoad, attribute.bytes);
}

function works(fd: number): boolean {
  if (fd >= 0) systemCalls().close(fd);
  return fd >= 0;
}

/** With a program loaded, asks something of it. */
function withProgram(fd: number, ask: (fd: number) => boolean): boolean {
  if (fd < 0) return false;
  try {
    return ask(fd);
  } finally {
    systemCalls().close(fd);
  }
}

const helperCode = (id: number): Uint8Array => {
  const code = new Uint8Array(24);
  code.set([0x85], 0);
  new DataView(code.buffer).setInt32(4, id, true);
  code.set(returnZero(), 8);
  return code;
};

/** One instruction between `r0 = 0` and `exit`. */
const instructionCode = (...bytes: number[]): Uint8Array => {
  const code = new Uint8Array(24);
  code.set(returnZero().subarray(0, 8), 0);
  code.set(bytes, 8);
  code.set(returnZero().subarray(8), 16);
  return code;
};

export type Feature =
  | "kprobe"
  | "kprobeMulti"
  | "kprobeSession"
  | "uprobe"
  | "uprobeMulti"
  | "fentry"
  | "fentryCookie"
  | "rawTracepointCookie"
  | "perfEventCookie"
  | "hardwareCounters"
  | "isa4"
  | "atomicFetch"
  | "mayGoto"
  | "callbacks"
  | "tracingPrograms"
  | "runtimeAllocation"
  | "longKeys"
  | "ringBuffer"
  | "btf";

const probes: Readonly<Record<Feature, () => boolean>> = {
  /** kprobes and kretprobes, by the perf PMU */
  kprobe: () => probeUnit("kprobe") !== undefined,
  /** one link for many kprobes (Linux 5.18, CONFIG_FPROBE) */
  kprobeMulti: () => knowsKprobeLink(AttachType.kprobeMulti),
  /** a program for entry and return of functions (Linux 6.10) */
  kprobeSession: () => knowsKprobeLink(AttachType.kprobeSession),
  /** uprobes and uretprobes, by the perf PMU */
  uprobe: () => probeUnit("uprobe") !== undefined,
  /** one link for many uprobes (Linux 6.6) */
  uprobeMulti: () =>
    withProgram(tryProgram("kprobe", { code: returnZero(), attachType: AttachType.uprobeMulti }), (fd) => {
      const offsets = new Uint8Array(8);
      // "/" is no file: a kernel that knows the type says EBADF (libbpf asks in the same way).
      const attribute = new Struct(64)
        .u32(0, fd)
        .u32(8, AttachType.uprobeMulti)
        .pointer(16, "/")
        .pointer(24, offsets)
        .u32(48, 1);
      return systemCalls().bpf(Command.linkCreate, attribute.bytes) === -EBADF;
    }),
  /** fentry and fexit */
  fentry: () => {
    const target = btfFunction("bpf_fentry_test1");
    if (target === undefined) return false;
    return withProgram(tryProgram("tracing", { code: returnZero(), attachType: AttachType.fentry, target }), (fd) =>
      works(systemCalls().bpf(Command.rawTracepointOpen, new Struct(16).u32(8, fd).bytes)),
    );
  },
  /** cookies of fentry, fexit and BTF tracepoints (Linux 5.19) */
  fentryCookie: () => {
    const target = btfFunction("bpf_fentry_test1");
    return (
      target !== undefined &&
      works(tryProgram("tracing", { code: helperCode(GET_ATTACH_COOKIE), attachType: AttachType.fentry, target }))
    );
  },
  /** the instructions of version 4: sign extension, signed division, bswap (Linux 6.6); tried with `r0 = (s8)r0` */
  isa4: () => works(tryProgram("socket_filter", { code: instructionCode(0xbf, 0x00, 8, 0, 0, 0, 0, 0) })),
  /** atomic operations that answer the old value (Linux 5.12); tried with an exchange on the stack */
  atomicFetch: () =>
    works(
      tryProgram("socket_filter", {
        code: Uint8Array.of(
          ...[0x7a, 0x0a, 0xf8, 0xff, 0, 0, 0, 0], // *(u64 *)(r10 - 8) = 0
          ...[0xb7, 0x00, 0, 0, 0, 0, 0, 0], // r0 = 0
          ...[0xdb, 0x0a, 0xf8, 0xff, 0xe1, 0, 0, 0], // r0 = xchg(r10 - 8, r0)
          ...[0x95, 0, 0, 0, 0, 0, 0, 0],
        ),
      }),
    ),
  /** loops that end by the kernel's own count (Linux 6.9) */
  mayGoto: () => works(tryProgram("socket_filter", { code: instructionCode(0xe5, 0, 0, 0, 0, 0, 0, 0) })),
  /** functions handed to the kernel, as bpf_for_each_map_elem wants them (Linux 5.13) */
  callbacks: () => hasHelper("kprobe", FOR_EACH_MAP_ELEM),
  /** programs of tracing at all: what is missing without it is the permission */
  tracingPrograms: () => works(tryProgram("kprobe", { code: returnZero() })),
  /** keys of hashes that are longer than the stack of a program, 512 bytes */
  longKeys: () => {
    try {
      createMap({ name: "probe", type: "hash", keySize: 520, valueSize: 8, maxEntries: 1 }).close();
      return true;
    } catch {
      return false;
    }
  },
  /** hashes that take their memory as they grow, in tracing programs (Linux 6.1; refused or warned of before) */
  runtimeAllocation: () => {
    const attribute = new Struct(80).u32(0, MAP_TYPES.hash).u32(4, 4).u32(8, 8).u32(12, 1).u32(16, BPF_F_NO_PREALLOC);
    const map = chargedBpf(Command.mapCreate, attribute.bytes);
    // Not permitted: then it is not this that is missing.
    if (map < 0) return true;
    try {
      const code = new Uint8Array(32);
      code.set([0x18, 0x11]);
      new DataView(code.buffer).setInt32(4, map, true);
      code.set(returnZero(), 16);
      return works(tryProgram("perf_event", { code }));
    } finally {
      systemCalls().close(map);
    }
  },
  /** `bpf_get_attach_cookie` in raw tracepoints (Linux 6.10) */
  rawTracepointCookie: () => works(tryProgram("raw_tracepoint", { code: helperCode(GET_ATTACH_COOKIE) })),
  /** cookies of perf events: tracepoints, kprobes, uprobes (Linux 5.15) */
  perfEventCookie: () => works(tryProgram("tracepoint", { code: helperCode(GET_ATTACH_COOKIE) })),
  /** cycles, instructions and their like: the processor's counters */
  hardwareCounters: () => {
    const attribute = new Struct(PERF_ATTRIBUTE_SIZE).u32(4, PERF_ATTRIBUTE_SIZE).u64(16, 1_000_000_000);
    return works(systemCalls().perfEventOpen(attribute.bytes, -1, onlineCpus()[0] ?? 0, -1, PERF_FLAG_FD_CLOEXEC));
  },
  /** BPF_MAP_TYPE_RINGBUF (Linux 5.8) */
  ringBuffer: () => hasMap("ringbuf"),
  /** the kernel's own BTF */
  btf: () => {
    try {
      return kernelBtf().count > 1;
    } catch {
      return false;
    }
  },
};

/** Asks for a link on a function that is none: who knows such links says that, others that the type is none. */
function knowsKprobeLink(attachType: number): boolean {
  return withProgram(tryProgram("kprobe", { code: returnZero(), attachType }), (fd) => {
    const name = new TextEncoder().encode("scry_no_such_function\0");
    const names = wordBytes([systemCalls().addressOf(name)]);
    const attribute = new Struct(64).u32(0, fd).u32(8, attachType).u32(20, 1).pointer(24, names).keep(name);
    const result = systemCalls().bpf(Command.linkCreate, attribute.bytes);
    return result === -ESRCH || result === -ENOENT;
  });
}

const known = new Map<string, boolean>();

function once(key: string, probe: () => boolean): boolean {
  let answer = known.get(key);
  if (answer === undefined) known.set(key, (answer = probe()));
  return answer;
}

/** Whether this kernel has it; tried once. False, too, where we lack the permission to try. */
export function hasFeature(feature: Feature): boolean {
  return once(feature, probes[feature]);
}

/** Every feature, for `scry --info`. */
export function featureNames(): readonly Feature[] {
  return Object.keys(probes) as Feature[];
}

/** Whether programs of a type may call a helper (its number in `enum bpf_func_id`); tried once. */
export function hasHelper(type: ProgramType, helper: number): boolean {
  return once(`${type} ${helper}`, () => {
    const log = new Uint8Array(4096);
    if (works(tryProgram(type, { code: helperCode(helper) }, log))) return true;
    const text = new TextDecoder().decode(log);
    // Refused for its arguments: then it is known. `program of this type cannot use helper`, `unknown func`: it is not.
    return /R\d|arg#/.test(text) && !/cannot use helper|unknown func|invalid func/.test(text);
  });
}

/** Whether maps of a type can be made; tried once. */
export function hasMap(type: MapType): boolean {
  return once(`map ${type}`, () => {
    const ring = type === "ringbuf" || type === "user_ringbuf";
    const keySize = ring || type === "queue" || type === "stack" || type === "bloom_filter" ? 0 : 4;
    try {
      const valueSize = ring ? 0 : type === "prog_array" || type === "perf_event_array" ? 4 : 8;
      createMap({ name: "probe", type, keySize, valueSize, maxEntries: ring ? 4096 : 1 }).close();
      return true;
    } catch {
      return false;
    }
  });
}

function btfFunction(name: string): number | undefined {
  try {
    return kernelBtf().find(name, "func");
  } catch {
    return undefined;
  }
}
