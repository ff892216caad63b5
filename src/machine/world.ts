// What a program finds when it begins to run: who it runs for, on which CPU, and its context, packet or memory.

import { type ProgramSpec, SkBuff } from "../object/index.ts";
import { CONTEXT, CONTEXT_BYTES, type Memory, STACK_BASE, STACK_TOP, State } from "./memory.ts";
import { packetKind, placePacket, setPacket } from "./packet.ts";
import { contextFloor, isAsVerified } from "./proof.ts";
import type { RunInput } from "./run.ts";
import type { Runtime } from "./runtime.ts";

/** Where tasks lie that nobody gives an address, by their number. */
const TASK_HIGH = 0xffff_8880;
const TASK_BYTES = 0x4000;

const NO_STACK: readonly bigint[] = [];

/** A part of the machine's memory: addresses from `start` to before `end`. */
export interface Area {
  readonly start: number;
  readonly end: number;
}

export class World {
  /** What was entered last is what the verifier expects of the program. */
  asVerified = false;
  readonly #memory: Memory;
  readonly #runtime: Runtime;
  readonly #cpus: number;
  readonly #packet: Area;
  /** Some program has a frame that it looks at. */
  readonly #stackIsUsed: boolean;
  /** What the last run set up: bytes of context that are let at, bytes of memory, and the name. */
  #contextBytes = 0;
  #memoryBytes = 0;
  #comm: string | undefined;

  constructor(memory: Memory, runtime: Runtime, cpus: number, packet: Area, stackIsUsed: boolean) {
    this.#memory = memory;
    this.#runtime = runtime;
    this.#cpus = cpus;
    this.#packet = packet;
    this.#stackIsUsed = stackIsUsed;
  }

  /** Sets up who runs, and r1 and r2. */
  enter(spec: ProgramSpec, input: RunInput): void {
    const memory = this.#memory;
    const runtime = this.#runtime;
    const cpu = input.cpu ?? 0;
    if (!(cpu >= 0 && cpu < this.#cpus)) throw new RangeError(`CPU ${cpu}: there are ${this.#cpus}`);
    const pid = input.pid ?? 0;
    const tid = input.tid ?? pid;
    memory.u32[State.CPU >>> 2] = cpu;
    memory.u32[State.PID_TGID >>> 2] = tid;
    memory.u32[(State.PID_TGID >>> 2) + 1] = pid;
    memory.u32[State.UID_GID >>> 2] = input.uid ?? 0;
    memory.u32[(State.UID_GID >>> 2) + 1] = input.gid ?? 0;
    if (input.comm !== this.#comm) {
      this.#comm = input.comm;
      memory.u8.fill(0, State.COMM, State.COMM + 16);
      memory.u8.set(new TextEncoder().encode(input.comm ?? "").subarray(0, 15), State.COMM);
    }
    if (input.task !== undefined) memory.i64[State.TASK >>> 3] = BigInt.asIntN(64, input.task);
    else {
      memory.u32[State.TASK >>> 2] = tid * TASK_BYTES;
      memory.u32[(State.TASK >>> 2) + 1] = TASK_HIGH + Math.floor((tid * TASK_BYTES) / 4294967296);
    }
    if (input.cookie !== undefined) memory.i64[State.COOKIE >>> 3] = BigInt.asIntN(64, input.cookie);
    else memory.u32[State.COOKIE >>> 2] = memory.u32[(State.COOKIE >>> 2) + 1] = 0;
    runtime.kernelStack = input.kernelStack ?? NO_STACK;
    runtime.userStack = input.userStack ?? NO_STACK;
    runtime.returnValue = 0;
    runtime.contextBytes = 0;
    runtime.packetKind = "none";
    this.asVerified = isAsVerified(spec.type, input);
    memory.allow(CONTEXT, this.#contextBytes, "none");
    this.#contextBytes = input.packet === undefined ? 0 : SkBuff.BYTES;
    if (this.#stackIsUsed) memory.u8.fill(0, STACK_BASE, STACK_TOP);
    const registers = State.REGISTERS >>> 2;
    for (let i = 0; i < 22; i++) memory.u32[registers + i] = 0;
    memory.u32[registers + 2] = CONTEXT;
    if (input.packet !== undefined) {
      runtime.packetKind = packetKind(spec.type);
      // What a run on plain memory left open of the same area.
      memory.allow(this.#packet.start, this.#memoryBytes, "none");
      this.#memoryBytes = 0;
      placePacket(memory, this.#packet, spec.type, input.packet, input);
    } else if (input.memory !== undefined) {
      this.#placeMemory(input.memory);
    } else {
      const bytes =
        input.context === undefined
          ? new Uint8Array(0)
          : input.context instanceof Uint8Array
            ? input.context
            : new Uint8Array(BigInt64Array.from(input.context.map((word) => BigInt.asIntN(64, word))).buffer);
      if (bytes.length > CONTEXT_BYTES) throw new RangeError(`a context of ${bytes.length} bytes; 65536 is the most`);
      const room = Math.max(bytes.length, contextFloor(spec.type));
      memory.u8.fill(0, CONTEXT + bytes.length, CONTEXT + room);
      memory.u8.set(bytes, CONTEXT);
      memory.allow(CONTEXT, room, "write");
      this.#contextBytes = (room + 7) & ~7;
      runtime.contextBytes = bytes.length;
    }
  }

  #placeMemory(bytes: Uint8Array): void {
    const memory = this.#memory;
    const { start, end } = this.#packet;
    if (start + bytes.length > end) throw new RangeError(`${bytes.length} bytes of memory; 65536 is the most`);
    memory.allow(start, this.#memoryBytes, "none");
    setPacket(memory, start, start);
    this.#memoryBytes = (bytes.length + 7) & ~7;
    memory.u32[State.PACKET >>> 2] = start;
    memory.u32[State.PACKET_END >>> 2] = start + bytes.length;
    memory.u32[State.PACKET_NETWORK >>> 2] = start;
    memory.u8.set(bytes, start);
    memory.allow(start, bytes.length, "write");
    memory.u32[(State.REGISTERS >>> 2) + 2] = bytes.length === 0 ? 0 : start;
    memory.u32[(State.REGISTERS >>> 2) + 4] = bytes.length;
  }
}
