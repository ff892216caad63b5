// What the kernel knows of a loaded program (`struct bpf_prog_info`), and the switch for its run-time statistics.

import { type ProgramType, programTypeName } from "../object/index.ts";
import { Struct } from "./attributes.ts";
import { Command } from "./numbers.ts";
import { checked, systemCalls } from "./system-calls.ts";

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
}

/** Asks by BPF_OBJ_GET_INFO_BY_FD. Throws a SystemCallError. */
export function programInfo(fd: number): ProgramInfo {
  const info = new Struct(232);
  const attribute = new Struct(16).u32(0, fd).u32(4, info.bytes.length).pointer(8, info.bytes);
  checked(systemCalls().bpf(Command.infoByFd, attribute.bytes), "bpf(BPF_OBJ_GET_INFO_BY_FD)", `program ${fd}`);
  const name = info.bytes.subarray(64, 80);
  return {
    id: info.readU32(4),
    type: programTypeName(info.readU32(0)),
    name: new TextDecoder().decode(name.subarray(0, name.indexOf(0))),
    tag: Buffer.from(info.bytes.subarray(8, 16)).toString("hex"),
    translatedBytes: info.readU32(20),
    machineBytes: info.readU32(16),
    verifiedInstructions: info.readU32(216),
    runs: info.readU64(200),
    runNanoseconds: info.readU64(192),
    recursionMisses: info.readU64(208),
    btfId: info.readU32(128),
  };
}

/** Makes the kernel count runs and time of every program until the descriptor that it answers is closed. */
export function enableStatistics(): number {
  return checked(systemCalls().bpf(Command.enableStats, new Struct(4).bytes), "bpf(BPF_ENABLE_STATS)");
}
