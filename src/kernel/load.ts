// Loads an object into the kernel: maps, types, then each program, linked, encoded and relocated.

import { type Btf, openBtf, typesForKernel } from "../btf/index.ts";
import { encode } from "../isa/index.ts";
import {
  type BpfObject,
  type LinkedProgram,
  link,
  MAP_TYPES,
  type MapSpec,
  PROGRAM_TYPES,
  type ProgramSpec,
} from "../object/index.ts";
import { UnsupportedError } from "./errors.ts";
import { allocated, answered, asksForOwnTypes, verifiable, withLocks, withSettings } from "./fitted-object.ts";
import type { BpfAttr, Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { createMap, hasTypes, type KernelMap } from "./maps.ts";
import { chargedBpf } from "./memory-limit.ts";
import { ModuleTypes } from "./names.ts";
import { BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS, BpfCommand } from "./numbers.ts";
import { addRecords, loadBtf, ProgramTypes } from "./program-types.ts";
import { refusal } from "./refusal.ts";
import { relocate } from "./relocate.ts";
import { objectName, textOf } from "./struct.ts";
import { expectedAttachType, type Multi, targetOf } from "./verified-against.ts";

const LOG_BYTES = 16 << 20;
/**
 * Before Linux 6.4 a log that is full fails the load, whatever becomes of the program, and has only the beginning. At this
 * level (BPF_LOG_STATS) it has no instructions, but what is wrong.
 */
const LOG_STATS = 4;
const ENOSPC = 28;
const EAGAIN = 11;

export interface LoadOptions {
  /** Keeps the verifier's log of every program in `LoadedProgram.log`: 1 short, 2 each instruction. */
  readonly logLevel?: 1 | 2;
  /**
   * Which uprobe and kprobe programs will be attached to many places by one link (`attachEach`); these cannot be
   * attached one by one (`attach`). The answer is how: `session` shares a program between entry and return.
   */
  readonly multi?: (program: ProgramSpec) => Multi | undefined;
  /**
   * Programs that stand in for a function of another one, whatever their type is (XDP programs that share an interface). The
   * function takes the context that their type has, and answers a number.
   */
  readonly standsIn?: (program: ProgramSpec) => FunctionOfProgram | undefined;
  /** Which programs are loaded; absent: all but those that are optional. */
  readonly wanted?: (program: ProgramSpec) => boolean;
  /** Maps that exist already, by their names in the object; they stay the caller's to close. */
  readonly maps?: ReadonlyMap<string, KernelMap>;
  /**
   * The number of an interface of this thread's network namespace: its card shall run the programs (XDP and traffic control), which
   * its driver has to agree with, and has their maps (arrays and hashes).
   */
  readonly offload?: number;
}

/** A function of a loaded program, that is the caller's to close. */
export interface FunctionOfProgram {
  readonly fd: number;
  /** Id of its `func` in the program's types. */
  readonly type: number;
}

export interface LoadedProgram {
  readonly fd: number;
  readonly name: string;
  readonly spec: ProgramSpec;
  /** `expected_attach_type` */
  readonly attachType: number;
  /** The verifier's log, where it was asked for. */
  readonly log?: string;
}

/** Maps and programs in the kernel. Closing it closes them; what is attached lives on as long as its attachment. */
export class LoadedObject {
  readonly maps: ReadonlyMap<string, KernelMap>;
  readonly programs: ReadonlyMap<string, LoadedProgram>;
  readonly #owned: readonly KernelMap[];
  readonly #kernel: Kernel;
  #open = true;

  constructor(
    maps: ReadonlyMap<string, KernelMap>,
    programs: ReadonlyMap<string, LoadedProgram>,
    owned: readonly KernelMap[],
    kernel: Kernel,
  ) {
    this.#kernel = kernel;
    this.maps = maps;
    this.programs = programs;
    this.#owned = owned;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const program of this.programs.values()) this.#kernel.calls.close(program.fd);
    for (const map of this.#owned) map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A program that is ready to be handed to the kernel. */
interface Prepared {
  readonly spec: ProgramSpec;
  readonly linked: LinkedProgram;
  readonly attr: BpfAttr<"PROG_LOAD">;
  readonly attachType: number;
}

/** Everything up to the loading of programs, and how to undo it. */
interface Preparation {
  readonly kernel: Kernel;
  readonly maps: ReadonlyMap<string, KernelMap>;
  readonly owned: readonly KernelMap[];
  readonly programs: readonly Prepared[];
  /** Descriptors that are needed until the programs are loaded. */
  readonly passing: readonly number[];
}

/**
 * Loads maps and programs. Throws a VerifierError for a program that the verifier refuses, a SystemCallError or an
 * UnsupportedError otherwise; then nothing stays loaded.
 */
export function loadObject(object: BpfObject, options: LoadOptions = {}, kernel: Kernel = liveKernel()): LoadedObject {
  const preparation = prepare(kernel, object, options);
  const programs = new Map<string, LoadedProgram>();
  try {
    for (const prepared of preparation.programs)
      programs.set(prepared.spec.name, loadProgram(kernel, prepared, options));
  } catch (error) {
    undo(preparation, programs.values());
    throw error;
  }
  return loaded(preparation, object, programs);
}

/**
 * The same, with the programs verified side by side on libuv threads. Measured on two CPUs with 71 programs: of 7
 * instructions each 1.7 ms one after another and 4 ms so; where the verifier has 700 instructions or more to visit in
 * each, 1.6 times as fast (44 and 27 ms).
 */
export async function loadObjectParallel(
  object: BpfObject,
  options: LoadOptions = {},
  kernel: Kernel = liveKernel(),
): Promise<LoadedObject> {
  const preparation = prepare(kernel, object, options);
  const { calls } = kernel;
  const results = await Promise.all(
    preparation.programs.map((prepared) =>
      options.logLevel === undefined ? calls.bpfAsync(BpfCommand.PROG_LOAD, prepared.attr.bytes) : -EAGAIN,
    ),
  );
  const programs = new Map<string, LoadedProgram>();
  preparation.programs.forEach(({ spec, attachType }, i) => {
    const fd = results[i] as number;
    if (fd >= 0) programs.set(spec.name, { fd, name: spec.name, spec, attachType });
  });
  try {
    for (const prepared of preparation.programs) {
      if (!programs.has(prepared.spec.name)) programs.set(prepared.spec.name, loadProgram(kernel, prepared, options));
    }
  } catch (error) {
    undo(preparation, programs.values());
    throw error;
  }
  // In the order of the object, whichever came back first.
  const ordered = new Map(
    preparation.programs.map(({ spec }) => [spec.name, programs.get(spec.name) as LoadedProgram]),
  );
  return loaded(preparation, object, ordered);
}

/** What is loaded, with arrays of programs filled as the object declares them. */
function loaded(
  preparation: Preparation,
  object: BpfObject,
  programs: ReadonlyMap<string, LoadedProgram>,
): LoadedObject {
  const { kernel, maps, owned, passing } = preparation;
  for (const fd of passing) kernel.calls.close(fd);
  const made = new LoadedObject(maps, programs, owned, kernel);
  try {
    for (const { name, type, entries } of object.maps)
      if (type === "prog_array") fill(maps, name, entries, (entry) => programs.get(entry)?.fd);
  } catch (error) {
    made.close();
    throw error;
  }
  return made;
}

/** Writes the entries that a map is declared with: descriptors of maps or programs. */
function fill(
  maps: ReadonlyMap<string, KernelMap>,
  name: string,
  entries: MapSpec["entries"],
  fdOf: (entry: string) => number | undefined,
): void {
  for (const { index, name: entry } of entries ?? []) {
    const fd = fdOf(entry);
    if (fd === undefined) throw new UnsupportedError(`map "${name}": its entry ${index}, ${entry}, is not loaded`);
    const bytes = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
    maps.get(name)?.update(bytes(index), bytes(fd));
  }
}

function prepare(kernel: Kernel, given: BpfObject, options: LoadOptions): Preparation {
  const wanted = options.wanted ?? ((program: ProgramSpec) => program.optional !== true);
  const chosen = withLocks({ ...given, programs: given.programs.filter(wanted) });
  const object = verifiable(kernel, answered(kernel, chosen));
  const there = options.offload === undefined ? {} : { offload: options.offload };
  const maps = new Map<string, KernelMap>();
  const owned: KernelMap[] = [];
  const passing: number[] = [];
  try {
    const linked = object.programs.map((spec) => link(spec));
    const own = chosen.programs.some(asksForOwnTypes);
    const types = new ProgramTypes(object.source, ownTypes(object, linked, own));
    const standIns = object.programs.map((spec) => options.standsIn?.(spec));
    const records = linked.map((program, i) =>
      standIns[i] !== undefined || wantsTypes(program, object)
        ? types.records(program, object.programs[i]?.type, standIns[i] !== undefined)
        : undefined,
    );
    let typesFd = -1;
    if (records.some((record) => record !== undefined)) passing.push((typesFd = types.load(kernel)));
    let btfFd: number | undefined;
    // What programs make of the object's types and put into maps are of one BTF.
    if (own && typesFd >= 0) btfFd = typesFd;
    else if (object.types !== undefined && object.maps.some(hasTypes)) {
      btfFd = loadBtf(kernel, typesForKernel(object.types.bytes), "types of the object");
      passing.push(btfFd);
    }
    for (const plan of object.maps) {
      const spec = withSettings(kernel, object, plan);
      const given = options.maps?.get(spec.name);
      const how = { ...(btfFd === undefined ? {} : { btfFd }), ...there };
      const map = given ?? createMap(allocated(kernel, spec), how, kernel);
      if (given === undefined) owned.push(map);
      maps.set(spec.name, map);
    }
    for (const { name, type, entries } of object.maps)
      if (MAP_TYPES[type].ofMaps) fill(maps, name, entries, (entry) => maps.get(entry)?.fd);
    const modules = new ModuleTypes(kernel);
    const programs = object.programs.map((spec, i): Prepared => {
      const program = linked[i] as LinkedProgram;
      const code = encode(program.instructions);
      relocate(kernel, code, program, maps, modules);
      const standIn = standIns[i];
      const expected = standIn !== undefined ? 0 : expectedAttachType(kernel, spec, options.multi?.(spec));
      const frags = spec.frags === true && standIn === undefined;
      const attr = kernel.bpfAttr("PROG_LOAD", {
        prog_type: PROGRAM_TYPES[standIn === undefined ? spec.type : "ext"].number,
        insn_cnt: program.slots,
        insns: code,
        license: object.license,
        prog_flags: (spec.sleepable ? BPF_F_SLEEPABLE : 0) | (frags ? BPF_F_XDP_HAS_FRAGS : 0),
        prog_name: objectName(spec.name),
        expected_attach_type: expected,
        prog_ifindex: options.offload,
      });
      const record = records[i];
      if (record !== undefined) addRecords(attr, typesFd, record);
      if (standIn !== undefined) attr.set({ attach_btf_id: standIn.type, attach_prog_fd: standIn.fd });
      else if (spec.target !== undefined) {
        const { id, fd } = targetOf(kernel, spec.target);
        // The descriptor, of a program or a BTF, says whose BTF the id is of.
        attr.set({ attach_btf_id: id, attach_prog_fd: fd });
        if (fd !== undefined) passing.push(fd);
      }
      return { spec, linked: program, attr, attachType: expected };
    });
    passing.push(...modules.descriptors);
    const list = modules.list;
    if (list !== undefined) for (const { attr } of programs) attr.set({ fd_array: list });
    return { kernel, maps, owned, programs, passing };
  } catch (error) {
    undo({ kernel, maps, owned, programs: [], passing }, []);
    throw error;
  }
}

function undo(preparation: Preparation, programs: Iterable<LoadedProgram>): void {
  const { calls } = preparation.kernel;
  for (const program of programs) calls.close(program.fd);
  for (const map of preparation.owned) map.close();
  for (const fd of preparation.passing) calls.close(fd);
}

/** The object's types, where functions of its programs are known by them, or its types by their ids. */
function ownTypes({ types }: BpfObject, programs: readonly LinkedProgram[], asked: boolean): Btf | undefined {
  const known = asked || programs.some(({ functions }) => functions.some(({ type }) => type !== undefined));
  if (types === undefined || !known) return undefined;
  return openBtf(typesForKernel(types.bytes));
}

/** Source lines need them, functions that are verified by themselves, and callbacks (`lddw` of a function, subtype 4). */
function wantsTypes(program: LinkedProgram, object: BpfObject): boolean {
  if (object.source !== undefined && program.lines.length > 0) return true;
  if (program.functions.some(({ type, global }) => type !== undefined || global !== undefined)) return true;
  return program.instructions.some((instruction) => instruction.op === 0x18 && instruction.src === 4);
}

function loadProgram(kernel: Kernel, prepared: Prepared, options: LoadOptions): LoadedProgram {
  const { spec, attr, attachType } = prepared;
  if (options.logLevel !== undefined) {
    const { result: first, log } = loadWithLog(kernel, attr, options.logLevel);
    const result = first === -ENOSPC ? withoutLog(kernel, attr) : first;
    if (result < 0) throw refusal(spec.name, prepared.linked, -result, log);
    return { fd: result, name: spec.name, spec, attachType, log };
  }
  const fd = tryLoad(kernel, attr);
  if (fd >= 0) return { fd, name: spec.name, spec, attachType };
  // The log costs time, so it is asked for only now; the second load fails like the first.
  let { result, log } = loadWithLog(kernel, attr, 1);
  if (result === -ENOSPC) ({ result, log } = loadWithLog(kernel, attr, LOG_STATS));
  if (result >= 0) return { fd: result, name: spec.name, spec, attachType };
  throw refusal(spec.name, prepared.linked, -result, log);
}

function withoutLog(kernel: Kernel, attr: BpfAttr<"PROG_LOAD">): number {
  attr.set({ log_level: 0, log_size: 0, log_buf: 0 });
  return tryLoad(kernel, attr);
}

/** EAGAIN means that a signal came in the middle of the verification. */
function tryLoad(kernel: Kernel, attr: BpfAttr<"PROG_LOAD">): number {
  for (let i = 0; ; i++) {
    const fd = chargedBpf(kernel, "PROG_LOAD", attr);
    if (fd !== -EAGAIN || i === 5) return fd;
  }
}

function loadWithLog(kernel: Kernel, attr: BpfAttr<"PROG_LOAD">, level: number): { result: number; log: string } {
  const buffer = new Uint8Array(LOG_BYTES);
  attr.set({ log_level: level, log_size: buffer.length, log_buf: buffer });
  const result = tryLoad(kernel, attr);
  return { result, log: textOf(buffer) };
}
