// What this kernel can do, found out by trying: each probe is a cheap call, made when first asked for, remembered.

import { type MapType, PROGRAM_TYPES, type ProgramType } from "../object/index.ts";
import { Struct } from "./attributes.ts";
import { kernelBtf } from "./kernel-types.ts";
import { createMap } from "./maps.ts";
import { AttachType, Command } from "./numbers.ts";
import { probeUnit } from "./perf-events.ts";
import { systemCalls } from "./system-calls.ts";

const EBADF = 9;
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
  return systemCalls().bpf(Command.programLoad, attribute.bytes);
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

export type Feature =
  | "kprobe"
  | "uprobe"
  | "uprobeMulti"
  | "fentry"
  | "rawTracepointCookie"
  | "perfEventCookie"
  | "ringBuffer"
  | "btf";

const probes: Readonly<Record<Feature, () => boolean>> = {
  /** kprobes and kretprobes, by the perf PMU */
  kprobe: () => probeUnit("kprobe") !== undefined,
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
  /** `bpf_get_attach_cookie` in raw tracepoints (Linux 6.10) */
  rawTracepointCookie: () => works(tryProgram("raw_tracepoint", { code: helperCode(GET_ATTACH_COOKIE) })),
  /** cookies of perf events: tracepoints, kprobes, uprobes (Linux 5.15) */
  perfEventCookie: () => works(tryProgram("tracepoint", { code: helperCode(GET_ATTACH_COOKIE) })),
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
      createMap({ name: "probe", type, keySize, valueSize: ring ? 0 : 8, maxEntries: ring ? 4096 : 1 }).close();
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
