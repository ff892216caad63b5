// What this kernel can do, found out by trying: each probe is a cheap call, made when first asked for, remembered.

import {
  Atomic,
  atomic,
  callHelper,
  encode,
  exit,
  FRAME_POINTER,
  type Instruction,
  mayGoto,
  movImm,
  Opcode,
  SLOT_BYTES,
  signExtend,
  storeImm,
  wide,
} from "../isa/index.ts";
import { BPF_F_NO_PREALLOC, MAP_TYPES, type MapType, PROGRAM_TYPES, type ProgramType } from "../object/index.ts";
import { firstCpu } from "./cpus.ts";
import type { Kernel } from "./kernel.ts";
import { kernelBtf } from "./kernel-types.ts";
import { perfEventAttr } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { createMap } from "./maps.ts";
import { chargedBpf } from "./memory-limit.ts";
import { AttachType, HW_BREAKPOINT_W, PERF_FLAG_FD_CLOEXEC, PERF_TYPE_BREAKPOINT } from "./numbers.ts";
import { openPerfEvent, probeUnit } from "./perf-events.ts";
import { sizeOf } from "./struct.ts";

const ENOENT = 2;
const ESRCH = 3;
const EBADF = 9;
const FOR_EACH_MAP_ELEM = 164;
const GET_ATTACH_COOKIE = 174;
/** `src` of a call to a function of the kernel (BPF_PSEUDO_KFUNC_CALL). */
const KFUNC = 2;
/** `src` of a wide instruction whose immediate is the descriptor of a map (BPF_PSEUDO_MAP_FD). */
const MAP_FD = 1;

const returnsZero: readonly Instruction[] = [movImm(0, 0), exit()];

interface Trial {
  readonly code: readonly Instruction[];
  readonly attachType?: number;
  readonly target?: number;
}

/** Loads a program of a few instructions; answers its descriptor or the negated errno, and the verifier's log. */
function tryProgram(
  kernel: Kernel,
  type: ProgramType,
  { code, attachType = 0, target = 0 }: Trial,
  log?: Uint8Array,
): number {
  const insns = encode(code);
  const attr = kernel.bpfAttr("PROG_LOAD", {
    prog_type: PROGRAM_TYPES[type].number,
    insn_cnt: insns.length / SLOT_BYTES,
    insns,
    license: "GPL",
    expected_attach_type: attachType,
    attach_btf_id: target,
  });
  if (log !== undefined) attr.set({ log_level: 1, log_size: log.length, log_buf: log });
  return chargedBpf(kernel, "PROG_LOAD", attr);
}

function works(kernel: Kernel, fd: number): boolean {
  if (fd >= 0) kernel.calls.close(fd);
  return fd >= 0;
}

/** With a program loaded, asks something of it. */
function withProgram(kernel: Kernel, fd: number, ask: (fd: number) => boolean): boolean {
  if (fd < 0) return false;
  try {
    return ask(fd);
  } finally {
    kernel.calls.close(fd);
  }
}

const callsHelper = (id: number): Instruction[] => [callHelper(id), ...returnsZero];

/** One instruction between `r0 = 0` and `exit`. */
const withInstruction = (instruction: Instruction): Instruction[] => [movImm(0, 0), instruction, exit()];

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
  | "breakpoints"
  | "isa4"
  | "atomicFetch"
  | "mayGoto"
  | "callbacks"
  | "tracingPrograms"
  | "runtimeAllocation"
  | "longKeys"
  | "ringBuffer"
  | "btf";

const probes: Readonly<Record<Feature, (kernel: Kernel) => boolean>> = {
  /** kprobes and kretprobes, by the perf PMU */
  kprobe: (kernel) => probeUnit(kernel, "kprobe") !== undefined,
  /** one link for many kprobes (Linux 5.18, CONFIG_FPROBE) */
  kprobeMulti: (kernel) => knowsKprobeLink(kernel, AttachType.kprobeMulti),
  /** a program for entry and return of functions (Linux 6.10) */
  kprobeSession: (kernel) => knowsKprobeLink(kernel, AttachType.kprobeSession),
  /** uprobes and uretprobes, by the perf PMU */
  uprobe: (kernel) => probeUnit(kernel, "uprobe") !== undefined,
  /** one link for many uprobes (Linux 6.6) */
  uprobeMulti: (kernel) =>
    withProgram(
      kernel,
      tryProgram(kernel, "kprobe", { code: returnsZero, attachType: AttachType.uprobeMulti }),
      (fd) => {
        const offsets = new Uint8Array(8);
        // "/" is no file: a kernel that knows the type says EBADF (libbpf asks in the same way).
        const result = kernel.bpf("LINK_CREATE", {
          prog_fd: fd,
          attach_type: AttachType.uprobeMulti,
          uprobe_multi: { path: "/", offsets, cnt: 1 },
        });
        return result === -EBADF;
      },
    ),
  /** fentry and fexit */
  fentry: (kernel) => {
    const target = btfFunction(kernel, "bpf_fentry_test1");
    if (target === undefined) return false;
    return withProgram(
      kernel,
      tryProgram(kernel, "tracing", { code: returnsZero, attachType: AttachType.fentry, target }),
      (fd) => works(kernel, kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: fd })),
    );
  },
  /** cookies of fentry, fexit and BTF tracepoints (Linux 5.19) */
  fentryCookie: (kernel) => {
    const target = btfFunction(kernel, "bpf_fentry_test1");
    return (
      target !== undefined &&
      works(
        kernel,
        tryProgram(kernel, "tracing", { code: callsHelper(GET_ATTACH_COOKIE), attachType: AttachType.fentry, target }),
      )
    );
  },
  /** the instructions of version 4: sign extension, signed division, bswap (Linux 6.6); tried with `r0 = (s8)r0` */
  isa4: (kernel) => works(kernel, tryProgram(kernel, "socket_filter", { code: withInstruction(signExtend(0, 0, 8)) })),
  /** atomic operations that answer the old value (Linux 5.12); tried with an exchange on the stack */
  atomicFetch: (kernel) =>
    works(
      kernel,
      tryProgram(kernel, "socket_filter", {
        code: [storeImm(64, FRAME_POINTER, -8, 0), movImm(0, 0), atomic(Atomic.XCHG, 64, FRAME_POINTER, -8, 0), exit()],
      }),
    ),
  /** loops that end by the kernel's own count (Linux 6.9) */
  mayGoto: (kernel) => works(kernel, tryProgram(kernel, "socket_filter", { code: withInstruction(mayGoto(0)) })),
  /** functions handed to the kernel, as bpf_for_each_map_elem wants them (Linux 5.13) */
  callbacks: (kernel) => hasHelper("kprobe", FOR_EACH_MAP_ELEM, kernel),
  /** programs of tracing at all: what is missing without it is the permission */
  tracingPrograms: (kernel) => works(kernel, tryProgram(kernel, "kprobe", { code: returnsZero })),
  /** keys of hashes that are longer than the stack of a program, 512 bytes */
  longKeys: (kernel) => {
    try {
      createMap({ name: "probe", type: "hash", keySize: 520, valueSize: 8, maxEntries: 1 }, {}, kernel).close();
      return true;
    } catch {
      return false;
    }
  },
  /** hashes that take their memory as they grow, in tracing programs (Linux 6.1; refused or warned of before) */
  runtimeAllocation: (kernel) => {
    const attr = kernel.bpfAttr("MAP_CREATE", {
      map_type: MAP_TYPES.hash.number,
      key_size: 4,
      value_size: 8,
      max_entries: 1,
      map_flags: BPF_F_NO_PREALLOC,
    });
    const map = chargedBpf(kernel, "MAP_CREATE", attr);
    // Not permitted: then it is not this that is missing.
    if (map < 0) return true;
    try {
      const code = [wide(1, BigInt(map), MAP_FD), ...returnsZero];
      return works(kernel, tryProgram(kernel, "perf_event", { code }));
    } finally {
      kernel.calls.close(map);
    }
  },
  /** `bpf_get_attach_cookie` in raw tracepoints (Linux 6.10) */
  rawTracepointCookie: (kernel) =>
    works(kernel, tryProgram(kernel, "raw_tracepoint", { code: callsHelper(GET_ATTACH_COOKIE) })),
  /** cookies of perf events: tracepoints, kprobes, uprobes (Linux 5.15) */
  perfEventCookie: (kernel) =>
    works(kernel, tryProgram(kernel, "tracepoint", { code: callsHelper(GET_ATTACH_COOKIE) })),
  /** cycles, instructions and their like: the processor's counters */
  hardwareCounters: (kernel) => {
    const { bytes } = kernel.struct(perfEventAttr, { size: sizeOf(perfEventAttr), sample_period: 1_000_000_000 });
    return works(kernel, kernel.calls.perfEventOpen(bytes, -1, firstCpu(kernel), -1, PERF_FLAG_FD_CLOEXEC));
  },
  /** hardware breakpoints that fire: some virtual machines open them and never stop at one; a byte is written to see */
  breakpoints: (kernel) => {
    // Small arrays lie where the garbage collector moves them, those of a buffer do not.
    const memory = new Uint8Array(new ArrayBuffer(64));
    const watched = {
      type: PERF_TYPE_BREAKPOINT,
      config: 0,
      sample: 0,
      breakpointType: HW_BREAKPOINT_W,
      config1: kernel.calls.addressOf(memory),
      config2: 1,
      userOnly: true,
    };
    try {
      // A machine that is emulated may miss the first.
      for (let tries = 0; tries < 3; tries++) {
        const fd = openPerfEvent(kernel, watched, 0, -1, "a breakpoint of this thread");
        const count = new Uint8Array(8);
        Atomics.store(memory, 0, 1);
        kernel.calls.read(fd, count);
        kernel.calls.close(fd);
        if (count[0] === 1) return true;
      }
      return false;
    } catch {
      return false;
    }
  },
  /** BPF_MAP_TYPE_RINGBUF (Linux 5.8) */
  ringBuffer: (kernel) => hasMap("ringbuf", kernel),
  /** the kernel's own BTF */
  btf: (kernel) => {
    try {
      return kernelBtf(kernel).count > 1;
    } catch {
      return false;
    }
  },
};

/** Asks for a link on a function that is none: who knows such links says that, others that the type is none. */
function knowsKprobeLink(kernel: Kernel, attachType: number): boolean {
  return withProgram(kernel, tryProgram(kernel, "kprobe", { code: returnsZero, attachType }), (fd) => {
    const kprobes = { syms: ["scry_no_such_function"], cnt: 1 };
    const result = kernel.bpf("LINK_CREATE", { prog_fd: fd, attach_type: attachType, kprobe_multi: kprobes });
    return result === -ESRCH || result === -ENOENT;
  });
}

/** What has been tried on a kernel, and whether it works. */
const tried = (): Map<string, boolean> => new Map();

function once(kernel: Kernel, key: string, probe: () => boolean): boolean {
  const known = kernel.once(tried);
  let answer = known.get(key);
  if (answer === undefined) known.set(key, (answer = probe()));
  return answer;
}

/** Whether this kernel has it; tried once. False, too, where we lack the permission to try. */
export function hasFeature(feature: Feature, kernel: Kernel = liveKernel()): boolean {
  return once(kernel, feature, () => probes[feature](kernel));
}

/** From here on the kernel is taken not to have the feature: other ways are gone. To be said before anything asks. */
export function doWithout(feature: Feature, kernel: Kernel = liveKernel()): void {
  once(kernel, feature, () => false);
}

/** Every feature, for `scry --info`. */
export function featureNames(): readonly Feature[] {
  return Object.keys(probes) as Feature[];
}

/** Whether programs of a type may call a helper (its number in `enum bpf_func_id`); tried once. */
export function hasHelper(type: ProgramType, helper: number, kernel: Kernel = liveKernel()): boolean {
  return once(kernel, `${type} ${helper}`, () => {
    const log = new Uint8Array(4096);
    if (works(kernel, tryProgram(kernel, type, { code: callsHelper(helper) }, log))) return true;
    const text = new TextDecoder().decode(log);
    // Refused for its arguments: then it is known. `program of this type cannot use helper`, `unknown func`: it is not.
    return /R\d|arg#/.test(text) && !/cannot use helper|unknown func|invalid func/.test(text);
  });
}

/** Whether programs of a type may call a function of the kernel (kfunc) by its name; tried once. */
export function hasKfunc(type: ProgramType, name: string, kernel: Kernel = liveKernel()): boolean {
  return once(kernel, `${type} kfunc ${name}`, () => {
    const id = btfFunction(kernel, name);
    if (id === undefined) return false;
    const log = new Uint8Array(4096);
    const code = [{ op: Opcode.CALL, dst: 0, src: KFUNC, off: 0, imm: id }, ...returnsZero];
    const attached =
      type === "tracing" ? { attachType: AttachType.fentry, target: btfFunction(kernel, "bpf_fentry_test1") ?? 0 } : {};
    if (works(kernel, tryProgram(kernel, type, { code, ...attached }, log))) return true;
    // Refused for its arguments: then it is allowed. Else: `calling kernel function NAME is not allowed`.
    const text = new TextDecoder().decode(log);
    return /R\d|arg#/.test(text) && !/is not allowed/.test(text);
  });
}

/** Whether maps of a type can be made; tried once with the smallest. False for those that need more than themselves. */
export function hasMap(type: MapType, kernel: Kernel = liveKernel()): boolean {
  const { smallest } = MAP_TYPES[type];
  if (smallest === undefined) return false;
  return once(kernel, `map ${type}`, () => {
    try {
      createMap({ name: "probe", type, ...smallest }, {}, kernel).close();
      return true;
    } catch {
      return false;
    }
  });
}

function btfFunction(kernel: Kernel, name: string): number | undefined {
  try {
    return kernelBtf(kernel).find(name, "func");
  } catch {
    return undefined;
  }
}
