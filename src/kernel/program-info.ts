// What the kernel knows of a loaded program (`struct bpf_prog_info`), and the switch for its run-time statistics.

import { type ProgramType, programTypeName } from "../object/index.ts";
import type { Kernel } from "./kernel.ts";
import { checkedInfo } from "./kernel-objects.ts";
import { bpfProgInfo } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { textOf } from "./struct.ts";
import { checked } from "./system-calls.ts";

export interface ProgramInfo {
  readonly id: number;
  readonly type: ProgramType | undefined;
  /** As the kernel has it: at most 15 characters. */
  readonly name: string;
  /** Hash of the instructions, 16 hexadecimal digits. */
  readonly tag: string;
  /** Bytes of instructions after the verifier's rewriting. */
  readonly translatedBytes: number;
  /** Bytes of machine code. */
  readonly machineBytes: number;
  /** Instructions that the verifier visited. */
  readonly verifiedInstructions: number;
  /** Zero unless statistics are on (`enableStatistics`). */
  readonly runs: bigint;
  readonly runNanoseconds: bigint;
  /** Runs that were skipped because the program was running on that CPU already. */
  readonly recursionMisses: bigint;
  readonly btfId: number;
  /** The number of the interface whose card it was loaded for; 0: none. */
  readonly card: number;
}

/** Asks by BPF_OBJ_GET_INFO_BY_FD. Throws a SystemCallError. */
export function programInfo(fd: number, kernel: Kernel = liveKernel()): ProgramInfo {
  const info = checkedInfo(kernel, fd, bpfProgInfo, `program ${fd}`);
  return {
    id: info.get("id"),
    type: programTypeName(info.get("type")),
    name: textOf(info.getBytes("name")),
    tag: Buffer.from(info.getBytes("tag")).toString("hex"),
    translatedBytes: info.get("xlated_prog_len"),
    machineBytes: info.get("jited_prog_len"),
    verifiedInstructions: info.get("verified_insns"),
    runs: info.getBig("run_cnt"),
    runNanoseconds: info.getBig("run_time_ns"),
    recursionMisses: info.getBig("recursion_misses"),
    btfId: info.get("btf_id"),
    card: info.get("ifindex"),
  };
}

/** `enum bpf_stats_type` */
const BPF_STATS_RUN_TIME = 0;

/** Makes the kernel count runs and time of every program until the descriptor that it answers is closed. */
export function enableStatistics(kernel: Kernel = liveKernel()): number {
  return checked(kernel.bpf("ENABLE_STATS", { type: BPF_STATS_RUN_TIME }), "bpf(BPF_ENABLE_STATS)");
}
