// The waist of the house: what every language makes and every machine runs. Plain, readonly data.

import type { Btf } from "../btf/index.ts";
import type { Instruction } from "../isa/index.ts";
import type { SourceText, Span } from "../source/index.ts";
import type { CgroupAttachType } from "./attach-types.ts";
import type { KernelSetting } from "./externs.ts";
import type { MapType } from "./map-types.ts";
import type { ProgramType, TargetKind } from "./program-types.ts";
import type { XdpRunConfig } from "./xdp-run-config.ts";

export interface BpfObject {
  readonly maps: readonly MapSpec[];
  readonly programs: readonly ProgramSpec[];
  /** Types of this object's own functions, maps and data; absent where nothing needs them. */
  readonly types?: Btf;
  /** As the kernel wants it, e.g. "GPL". */
  readonly license: string;
  /** What the map `.kconfig` is filled with before anything is loaded. */
  readonly settings?: readonly KernelSetting[];
  /** Structs of the kernel's whose functions are programs of this object. */
  readonly structOps?: readonly StructOpsSpec[];
  /** Of an object that is to be linked with others. */
  readonly linkage?: Linkage;
  /** The text that the spans of the programs refer to. */
  readonly source?: SourceText;
}

/** What an object defines for others, and what it takes of them. Such an object is written to a file; it is not loaded. */
export interface Linkage {
  /** Functions that others may call, each followed by those that it reaches, as a program is. The first has a `type`. */
  readonly functions: readonly {
    readonly functions: readonly FunctionSpec[];
    /** Another's may stand in its place. */
    readonly weak: boolean;
    /** For those alone that are linked together. */
    readonly hidden: boolean;
  }[];
  /** Variables and maps of its own that another's may stand for. `ksym` references of these names mean them. */
  readonly weak: readonly string[];
  /** What `kfunc` and `ksym` references of these names mean is another object's; `type`: id of the `func` or `var`. */
  readonly externs: readonly { readonly name: string; readonly type: number; readonly weak: boolean }[];
}

export interface MapSpec {
  /** Unique in the object. The kernel shows the first 15 characters of it that are letters, digits, `_` or `.`. */
  readonly name: string;
  readonly type: MapType;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes; for per-CPU maps of one CPU's value. */
  readonly valueSize: number;
  /** For a ring buffer: bytes, a power of two and a multiple of the page size. Of perf event arrays 0: one for each CPU. */
  readonly maxEntries: number;
  /** `BPF_F_*` of `BPF_MAP_CREATE`. */
  readonly flags?: number;
  /** `map_extra`: what it means, the type says (hash functions of a bloom filter, the address of an arena). */
  readonly extra?: bigint;
  /** The NUMA node that its memory is to be of. */
  readonly numaNode?: number;
  /** Shared by its name below bpffs: made by whoever comes first, and kept. */
  readonly pinned?: true;
  /** Of maps of maps: what the entries look like. */
  readonly inner?: MapSpec;
  /** What entries begin with, by their index: names of maps, or of programs in an array of those. */
  readonly entries?: readonly { readonly index: number; readonly name: string }[];
  /** For an array: what element 0 starts with (global data). Shorter than the value: the rest is zero. */
  readonly initial?: Uint8Array;
  /** BTF ids in `BpfObject.types` of key and value; task storage and spin locks need them. */
  readonly keyType?: number;
  readonly valueType?: number;
  /** Of rings, which the kernel keeps no types of: what their records are, where the declaration says so (`__type(value, …)`). */
  readonly recordType?: number;
}

/** A variable in section `.struct_ops` or `.struct_ops.link`. */
export interface StructOpsSpec {
  /** Of the variable. */
  readonly name: string;
  /** Of the kernel's struct: `tcp_congestion_ops`. */
  readonly struct: string;
  /** It is at work as long as a link holds it (Linux 6.4), not until it is deleted. */
  readonly link: boolean;
  /** Members that are not zero: a program for a function, or the bytes of anything else. */
  readonly members: readonly { readonly name: string; readonly value: { readonly program: string } | Uint8Array }[];
}

export interface ProgramSpec {
  /** Unique in the object. The kernel shows the first 15 characters of it that are letters, digits, `_` or `.`. */
  readonly name: string;
  readonly type: ProgramType;
  /** Every place that this one program is attached to; each gets its own `cookie`. Empty: only loaded. */
  readonly attach: readonly AttachTarget[];
  /** The first is the entry; the others are reached by call or as callbacks. */
  readonly functions: readonly FunctionSpec[];
  /** For `tracing` and `lsm`: the kernel type that the program is verified against, by name in the kernel's BTF. */
  readonly target?: ProgramTarget;
  readonly sleepable?: boolean;
  /** XDP: it takes packets in several pieces. */
  readonly frags?: true;
  /** Loaded only where somebody asks for it (`SEC("?…")`). */
  readonly optional?: true;
  /** The section of the file that it came from, which may say where it attaches in words that only a loader can resolve. */
  readonly section?: string;
  /** `expected_attach_type` by its name in `attach-types.ts`; absent: what its target and attachments imply, or none. */
  readonly attachType?: string;
  /** How the fields of an event lie in this program's context, where the language knows: see `machine.fire`. */
  readonly context?: ContextLayout;
}

/** What a program is loaded for, by its name in `attach-types.ts`; undefined where nothing says it. */
export function attachTypeOf({ attachType, attach }: Pick<ProgramSpec, "attach" | "attachType">): string | undefined {
  const [first] = attach;
  return attachType ?? (first?.kind === "cgroup" ? `cgroup_${first.attachType}` : undefined);
}

export interface ProgramTarget {
  readonly kind: TargetKind;
  /** Of the tracepoint, function or hook; for `struct_ops` of the struct. */
  readonly name: string;
  /** For `struct_ops`: the member of the struct that the program is to be. */
  readonly member?: string;
  /** The module that has it; absent: the kernel itself. */
  readonly module?: string;
  /** The id of a loaded BPF program: `name` is a function of that. */
  readonly program?: number;
}

/** The context of a program as named fields: what makes contexts from events goes by it. */
export interface ContextLayout {
  /** Bytes, without what is appended for `data-loc` fields. */
  readonly size: number;
  readonly fields: readonly ContextField[];
}

export interface ContextField {
  readonly name: string;
  /** Bytes from the start of the context. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /**
   * `value`: a number, or an address; `array`: bytes in place; `data-loc` and `rel-loc`: a word that says where, behind
   * the record, the bytes are (from its start, or from the word's end) and how many: include/trace/stages/init.h.
   */
  readonly kind: "value" | "array" | "data-loc" | "rel-loc";
  /** Whose memory an address among these is in. */
  readonly space: "user" | "kernel";
  /** Of an address: the struct of the kernel's that is there. */
  readonly struct?: string;
}

export interface FunctionSpec {
  /** Unique in the program, a C identifier. */
  readonly name: string;
  readonly code: readonly ObjectInstruction[];
  /** Number of parameters, 0..5; the entry has one, its context. */
  readonly parameters: number;
  /**
   * Id of its `func` in `BpfObject.types`, where the kernel is to know it by that: it is then verified once, apart from its
   * callers, by the types of its parameters, and another program may stand in for it (freplace).
   */
  readonly type?: number;
  /**
   * The kernel verifies it once, apart from its callers; by then it must know whether the first parameter is the context, or of how many
   * bytes the memory is that it points to. Such a pointer may be null for all that is known there (Linux 5.12; before that, the
   * function is verified where it is called).
   */
  readonly global?: { readonly context: boolean; readonly memory?: number };
}

/** An instruction whose operand may still be symbolic, with the place in the source that it came from. */
export interface ObjectInstruction extends Instruction {
  readonly ref?: Reference;
  readonly span?: Span;
}

/** What a machine has to fill in. */
export type Reference =
  /** `lddw` with the map's address (subtype 1). */
  | { readonly kind: "map"; readonly map: string }
  /** `lddw` with the address of a byte of an array's element 0 (subtype 2); the offset is in the second slot's imm. */
  | { readonly kind: "map-value"; readonly map: string; readonly offset: number }
  /** `call` of a function of the same program (subtype 1). */
  | { readonly kind: "call"; readonly function: string }
  /** `lddw` with the address of a function of the same program, to be a callback (subtype 4). */
  | { readonly kind: "function"; readonly function: string }
  /** `call` of a kernel function by BTF (subtype 2); weak: code that must not be reached where there is none. */
  | { readonly kind: "kfunc"; readonly name: string; readonly weak?: true }
  /**
   * `lddw` with the address of a variable or function of the kernel: a pointer of a type that the verifier knows, where the
   * kernel's types say it (subtype 3), else a number. Weak: 0 where there is none.
   */
  | { readonly kind: "ksym"; readonly name: string; readonly typed: boolean; readonly weak: boolean }
  /** `lddw` with the BTF id of a kernel type as its immediate (for `bpf_rdonly_cast` and its like: mov imm). */
  | { readonly kind: "type-id"; readonly type: string }
  /** The offset (`off` of a load, `imm` of an add) of a field of a kernel type, to be found on the running kernel. */
  | { readonly kind: "field-offset"; readonly type: string; readonly path: readonly string[] }

  /**
   * A question that the types of the running kernel answer (CO-RE), on the instruction that holds what the compiler
   * assumed: `co-re` puts the answer in its place. `type` is an id in `BpfObject.types`, `access` the way into it.
   */
  | { readonly kind: "core"; readonly ask: CoreQuestion; readonly type: number; readonly access: string }
  /** Code that must never be reached, since what it asks for does not exist here; `reason` says what. */
  | { readonly kind: "poison"; readonly reason: string };

/** `enum bpf_core_relo_kind` of linux/bpf.h, in its order. */
export const CORE_QUESTIONS = [
  "field-offset",
  "field-size",
  "field-exists",
  "field-signed",
  "field-left-shift",
  "field-right-shift",
  "type-id-local",
  "type-id",
  "type-exists",
  "type-size",
  "enumerator-exists",
  "enumerator-value",
  "type-matches",
] as const;

export type CoreQuestion = (typeof CORE_QUESTIONS)[number];

/**
 * Where an XDP program runs: in the interface's driver, behind it in the network stack, on the card itself, or in the driver where it
 * can. A card runs what was loaded for it.
 */
export const XDP_MODES = ["any", "native", "generic", "offloaded"] as const;
export type XdpMode = (typeof XDP_MODES)[number];
/** Those of this machine's own processors. */
export type HostXdpMode = Exclude<XdpMode, "offloaded">;

export type AttachTarget = (
  | { readonly kind: "tracepoint"; readonly category: string; readonly name: string }
  | { readonly kind: "raw_tracepoint"; readonly name: string }
  /** BTF tracepoint, fentry, fexit, lsm: the program's `target` says where. */
  | { readonly kind: "trampoline" }
  | {
      readonly kind: "kprobe";
      readonly function: string;
      readonly offset: number;
      readonly return: boolean;
      readonly module?: string;
    }
  | {
      readonly kind: "uprobe";
      readonly path: string;
      /** Bytes from the start of the file. */
      readonly offset: number;
      readonly return: boolean;
      /** Bytes from the start of the file of a USDT semaphore. */
      readonly semaphore?: number;
      /** Only in this process; absent: in every one. */
      readonly pid?: number;
    }
  | {
      readonly kind: "perf_event";
      /** `perf_event_attr.type` and `.config` */
      readonly type: number;
      readonly config: number;
      /** Exactly one of the two: events between samples (nanoseconds for the clocks), or samples per second. */
      readonly period?: number;
      readonly frequency?: number;
      readonly cpus: "each" | "first";
      /** Counts only what this process does, wherever it runs; absent: what each of the CPUs does. */
      readonly pid?: number;
    }
  | {
      readonly kind: "watchpoint";
      readonly address: bigint;
      readonly length: 1 | 2 | 4 | 8;
      readonly mode: string;
      readonly pid?: number;
    }
  | {
      readonly kind: "iter";
      readonly pin?: string;
      /** What it walks over, where its kind asks: the descriptor of a map, or the process whose tasks are meant. */
      readonly map?: number;
      readonly pid?: number;
    }
  /** Run once by `BPF_PROG_TEST_RUN` when the session says so (`begin`, `end`, `test`). */
  | { readonly kind: "test_run"; readonly when: "begin" | "end" | "test" | "bench" }
  | { readonly kind: "signal"; readonly signal: string }
  | {
      readonly kind: "xdp";
      readonly interface: string;
      readonly mode: XdpMode;
      /**
       * Beside other programs, by the protocol of libxdp's dispatcher, which outlives this process; absent: alone, by a link.
       * The program has to be loaded for that, to stand in for a function of a dispatcher.
       */
      readonly share?: XdpRunConfig;
      /** The network namespace that the interface is in: a name of ip-netns(8), or a file; absent: this process's. */
      readonly netns?: string;
    }
  | {
      readonly kind: "tc";
      readonly interface: string;
      readonly direction: "ingress" | "egress";
      /** By a link (tcx, Linux 6.6), or as a filter of a clsact qdisc, which outlives this process; absent: tcx where it is. */
      readonly by?: "tcx" | "clsact";
      readonly netns?: string;
    }
  /** A folder of a cgroup2 file system, and what of its sockets the program is asked about; absent: what it was loaded for. */
  | { readonly kind: "cgroup"; readonly path: string; readonly attachType?: CgroupAttachType }
  /** Filters what a socket of this process receives; the descriptor stays the caller's. */
  | { readonly kind: "socket"; readonly fd: number }
  /** Chooses the listening socket of a connection in a network namespace. */
  | { readonly kind: "sk_lookup"; readonly netns?: string }
  /** Takes packets apart for a network namespace. */
  | { readonly kind: "flow_dissector"; readonly netns?: string }
  /** A hook of the packet filter, in this process's network namespace or another. Lower priorities run first. */
  | {
      readonly kind: "netfilter";
      readonly family: "ipv4" | "ipv6";
      readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting";
      readonly priority: number;
      readonly netns?: string;
    }
  /** The host's end of a netkit pair. */
  | { readonly kind: "netkit"; readonly interface: string; readonly netns?: string }
  /** Handles what the sockets of a sockmap or sockhash receive or send; `map` is its descriptor, the caller's. */
  | { readonly kind: "sockmap"; readonly map: number }
) & {
  /** What `bpf_get_attach_cookie` answers in the program. */
  readonly cookie?: bigint;
  /** What the language calls this place, where it has a name of its own: `uprobe:/bin/bash:readline`. */
  readonly probe?: string;
};
