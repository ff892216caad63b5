// Runs a loaded program on input of the caller's (BPF_PROG_TEST_RUN).

import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { checked } from "./system-calls.ts";

export interface TestRunInput {
  /** The context: for raw tracepoints the arguments as 64-bit words (their number must cover what the program reads). */
  readonly context?: Uint8Array;
  /** The packet, at least 14 bytes, for XDP and socket programs. */
  readonly data?: Uint8Array;
  /** How often to run; for XDP and socket programs only. */
  readonly repeat?: number;
  /** On which CPU; for raw tracepoints only. */
  readonly cpu?: number;
  /**
   * XDP: the packets are real ones, as if they had come in at the interface of this number, and what the program says becomes of
   * them (Linux 5.18). Nothing is answered.
   */
  readonly liveAt?: number;
}

export interface TestRunResult {
  /** What the program returned, 0..2^32-1. */
  readonly value: number;
  /** Of one run, on average. 0 for raw tracepoints. */
  readonly nanoseconds: number;
  /** The packet afterwards. */
  readonly data: Uint8Array;
  /** The context that was given; of syscall programs as it is afterwards. */
  readonly context: Uint8Array;
}

const BPF_F_TEST_RUN_ON_CPU = 1;
const BPF_F_TEST_XDP_LIVE_FRAMES = 2;
/** `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex. */
const XDP_MD_WORDS = 6;

/** Runs a program once here and now, by BPF_PROG_TEST_RUN. Throws a SystemCallError. */
export function testRun(fd: number, input: TestRunInput = {}, kernel: Kernel = liveKernel()): TestRunResult {
  const out = new Uint8Array(input.data === undefined ? 0 : input.data.length + 256);
  const attr = kernel.bpfAttr("PROG_TEST_RUN", { prog_fd: fd });
  if (input.liveAt !== undefined) {
    const data = input.data ?? new Uint8Array(64);
    const md = new Uint32Array(XDP_MD_WORDS);
    md[1] = data.length;
    md[3] = input.liveAt;
    const bytes = new Uint8Array(md.buffer);
    attr.set({
      data_size_in: data.length,
      data_in: data,
      repeat: input.repeat ?? 1,
      flags: BPF_F_TEST_XDP_LIVE_FRAMES,
    });
    attr.set({ ctx_in: bytes, ctx_size_in: bytes.length });
    checked(kernel.bpf("PROG_TEST_RUN", attr), "bpf(BPF_PROG_TEST_RUN)", `program ${fd}`);
    return { value: 0, nanoseconds: attr.get("duration"), data: new Uint8Array(), context: new Uint8Array() };
  }
  if (input.data !== undefined) {
    attr.set({ data_size_in: input.data.length, data_size_out: out.length, data_in: input.data, data_out: out });
    attr.set({ repeat: input.repeat ?? 1 });
  }
  // The kernel writes what a syscall program leaves in its context back to where it was given.
  const context = input.context?.slice() ?? new Uint8Array();
  if (input.context !== undefined) attr.set({ ctx_size_in: context.length, ctx_in: context });
  if (input.cpu !== undefined) attr.set({ flags: BPF_F_TEST_RUN_ON_CPU, cpu: input.cpu });
  checked(kernel.bpf("PROG_TEST_RUN", attr), "bpf(BPF_PROG_TEST_RUN)", `program ${fd}`);
  return {
    value: attr.get("retval"),
    nanoseconds: attr.get("duration"),
    data: out.subarray(0, attr.get("data_size_out")),
    context,
  };
}
