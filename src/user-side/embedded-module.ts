// A kernel module on the embedded machine: the same programs, maps, rings and variables, and whoever holds it says what
// happens. No kernel, no privileges; also in a browser.

import type { Btf } from "../btf/index.ts";
import {
  type EmbeddedMap,
  type EventValue,
  embedded,
  type Machine,
  type RunInput,
  type RunResult,
} from "../machine/index.ts";
import { type BpfObject, isGlobalData, type ProgramSpec } from "../object/index.ts";
import { DiagnosticError, nearest } from "../source/index.ts";
import { sectionObject } from "./data-section.ts";
import {
  type EmbeddedControls,
  type EmbeddedModule,
  type EmbeddedModuleOptions,
  EmbeddedProgram,
  type EventFields,
  type EventSource,
  type ProgramRun,
  type RunOptions,
} from "./embedded-side.ts";
import { isKernelObject, type KernelObject, kernelStruct } from "./kernel-memory.ts";
import { type LiveVariable, LOST_PREFIX, liveVariables, verdictOf } from "./module-side.ts";
import { type RecordDecoder, recordDecoder } from "./record-decoder.ts";
import { Records } from "./records.ts";
import type { MapShape } from "./shape.ts";
import { TypedMap } from "./typed-map.ts";

class MachineMap<S extends MapShape> extends TypedMap<S> {
  readonly name: string;
  protected readonly store: EmbeddedMap;
  protected readonly types: Btf | undefined;

  constructor(map: EmbeddedMap, types: Btf | undefined) {
    super();
    this.name = map.name;
    this.store = map;
    this.types = types;
  }
}

class MachineRecords<T> extends Records<T> {
  readonly #map: EmbeddedMap;
  readonly #decode: RecordDecoder<T>;
  readonly #lost: () => number;
  #wake: () => void = () => undefined;

  constructor(map: EmbeddedMap, types: Btf | undefined, lost: () => number) {
    super();
    this.#map = map;
    this.#decode = recordDecoder<T>(types, map.spec.recordType);
    this.#lost = lost;
  }

  get lost(): number {
    return this.#lost();
  }

  protected read(): T[] {
    const records: T[] = [];
    this.#map.consume((bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      records.push(this.#decode(view, 0, bytes.length, undefined));
    });
    return records;
  }

  protected wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Somebody may have sent something. */
  override wake(): void {
    this.#wake();
  }
}

/** Puts an object's programs on a machine of their own. Throws a DiagnosticError for what that machine has not. */
export function embeddedModule<M extends object = Record<never, never>>(
  object: BpfObject,
  options: EmbeddedModuleOptions = {},
): EmbeddedModule<M> {
  return new Running(object, options).module as unknown as EmbeddedModule<M>;
}

class Running {
  readonly #machine: Machine;
  readonly #object: BpfObject;
  readonly #btf: Btf | undefined;
  readonly #places = new Map<string, ProgramSpec[]>();
  readonly #rings: MachineRecords<unknown>[] = [];
  readonly #counts = new Map<string, { runs: bigint; nanoseconds: bigint }>();
  readonly #printed: string[] = [];
  #now: bigint | undefined;
  readonly module: Readonly<Record<string | symbol, unknown>>;

  constructor(object: BpfObject, options: EmbeddedModuleOptions) {
    this.#object = object;
    this.#btf = options.btf;
    this.#now = options.clock === "still" ? 0n : undefined;
    let random = 1;
    this.#machine = embedded(object, {
      cpus: options.cpus ?? 1,
      clock: () => this.#time(),
      ...(options.tier === undefined ? {} : { tier: options.tier }),
      ...(options.clock === "still"
        ? {
            // The same numbers each time: xorshift32.
            random: () => {
              random ^= random << 13;
              random ^= random >>> 17;
              random ^= random << 5;
              return random >>> 0;
            },
          }
        : {}),
    });
    for (const spec of object.programs)
      for (const place of placesOf(spec)) this.#places.set(place, [...(this.#places.get(place) ?? []), spec]);
    this.module = this.#made();
  }

  #made(): Readonly<Record<string | symbol, unknown>> {
    const { types } = this.#object;
    const maps: Record<string, TypedMap> = {};
    const programs: Record<string, EmbeddedProgram> = {};
    const sides: Record<string, unknown> = {};
    const live: Record<string, LiveVariable<unknown>> = {};
    const counters: Record<string, unknown>[] = [];
    for (const map of this.#machine.maps.values()) {
      if (!isGlobalData(map.name)) {
        maps[map.name] = new MachineMap(map, types);
        continue;
      }
      const bytes = map.mapped();
      const view = new DataView(bytes.buffer, bytes.byteOffset, map.spec.valueSize);
      const section = sectionObject(types, map.name, { view, writable: !map.name.startsWith(".rodata") });
      counters.push(section);
      Object.assign(live, liveVariables(section));
    }
    const lost = (ring: string): number => {
      const section = counters.find((one) => `${LOST_PREFIX}${ring}` in one);
      return Number(section?.[`${LOST_PREFIX}${ring}`] ?? 0);
    };
    for (const map of this.#machine.maps.values()) {
      if (isGlobalData(map.name)) continue;
      if (map.spec.type !== "ringbuf") sides[map.name] = maps[map.name];
      else {
        const ring = new MachineRecords(map, types, () => Math.max(map.lost, lost(map.name)));
        this.#rings.push(ring);
        sides[map.name] = ring;
      }
    }
    for (const spec of this.#object.programs) {
      const { name } = spec;
      programs[name] = new EmbeddedProgram(
        spec,
        (options) => this.#run(spec, options),
        () => ({ runs: 0n, nanoseconds: 0n, ...this.#counts.get(name) }),
      );
    }
    Object.assign(sides, live, programs);
    const close = async (): Promise<void> => {
      for (const ring of this.#rings) ring.stop();
    };
    const time = (): bigint => this.#time();
    const set = (nanoseconds: number | bigint): void => {
      this.#now = BigInt(nanoseconds);
    };
    const controls: EmbeddedControls = {
      machine: this.#machine,
      object: this.#object,
      maps,
      programs,
      exports: sides,
      printed: this.#printed,
      time: {
        get now() {
          return time();
        },
        set,
        advance: (nanoseconds) => set(time() + BigInt(nanoseconds)),
      },
      fire: (place, fields, source) => this.#fire(place, fields, source),
      run: (program, options = {}) => this.#run(this.#named(program), options),
      close,
      [Symbol.asyncDispose]: close,
    };
    return { ...sides, ...controls };
  }

  /** Nanoseconds since this process began, where nobody has set the clock. */
  #time(): bigint {
    return this.#now ?? BigInt(Math.round(performance.now() * 1e6));
  }

  #named(name: string): ProgramSpec {
    const found = this.#object.programs.find((one) => one.name === name);
    if (found !== undefined) return found;
    const [hint] = nearest(
      name,
      this.#object.programs.map((one) => one.name),
    );
    throw new RangeError(`there is no program ${name}${hint === undefined ? "" : `. ${hint}`}`);
  }

  #fire(place: string, fields: EventFields = {}, source: EventSource = {}): readonly ProgramRun[] {
    const own = this.#object.programs.filter(({ name }) => name === place);
    const found = own.length > 0 ? own : (this.#places.get(place) ?? []);
    if (found.length === 0) {
      const [hint] = nearest(place, [...this.#object.programs.map(({ name }) => name), ...this.#places.keys()]);
      throw new RangeError(`no program stands at ${place}${hint === undefined ? "" : `. ${hint}`}`);
    }
    const known = found.flatMap(({ context }) => context?.fields.map(({ name }) => name) ?? []);
    for (const name of Object.keys(fields)) {
      if (known.includes(name)) continue;
      const names = [...new Set(known)].filter((one) => !one.startsWith("common_"));
      throw new RangeError(
        `no program at ${place} has a field ${name}: ${names.length === 0 ? "it reads none" : `there are ${names.join(", ")}`}`,
      );
    }
    return found.map((spec) => this.#run(spec, { ...source, fields: ownFields(spec, fields) }));
  }

  #run(spec: ProgramSpec, options: RunOptions): ProgramRun {
    const { packet, context, fields = {}, pid, tid, uid, gid, comm, cpu, time, task, cookie, ...more } = options;
    if (time !== undefined) this.#now = BigInt(time);
    const who: RunInput = {
      ...more,
      ...(pid === undefined ? {} : { pid }),
      ...(tid === undefined ? {} : { tid }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      ...(comm === undefined ? {} : { comm }),
      ...(cpu === undefined ? {} : { cpu }),
      ...(cookie === undefined ? {} : { cookie: BigInt(cookie) }),
      ...(task === undefined ? {} : { task: this.#struct("task_struct", task) }),
    };
    const began = performance.now();
    const result =
      packet !== undefined
        ? this.#machine.run(spec.name, { ...who, packet })
        : context !== undefined
          ? this.#machine.run(spec.name, { ...who, context })
          : this.#machine.runEvent(spec.name, this.#values(spec, fields), who);
    this.#count(spec.name, performance.now() - began);
    return this.#answer(spec, result);
  }

  #values(spec: ProgramSpec, fields: EventFields): Record<string, EventValue> {
    const values: Record<string, EventValue> = {};
    for (const [name, value] of Object.entries(fields)) {
      const struct = spec.context?.fields.find((field) => field.name === name)?.struct;
      if (!isKernelObject(value)) values[name] = value as EventValue;
      else if (struct === undefined)
        throw new RangeError(`field "${name}" of ${spec.name} is no struct of the kernel's`);
      else values[name] = this.#struct(struct, value);
    }
    return values;
  }

  #struct(name: string, value: KernelObject): bigint {
    if (this.#btf === undefined)
      throw new RangeError(`struct ${name}: the types of a kernel are needed for that (the option btf)`);
    const place = (bytes: Uint8Array): bigint => this.#machine.place(bytes, "kernel");
    return place(kernelStruct(this.#btf, name, value, place));
  }

  #count(name: string, milliseconds: number): void {
    const count = this.#counts.get(name) ?? { runs: 0n, nanoseconds: 0n };
    count.runs++;
    count.nanoseconds += BigInt(Math.round(milliseconds * 1e6));
    this.#counts.set(name, count);
  }

  #answer(spec: ProgramSpec, result: RunResult): ProgramRun {
    for (const effect of result.effects)
      if (effect.kind === "printk") this.#printed.push(effect.text.replace(/\n$/, ""));
    for (const ring of this.#rings) ring.wake();
    const { trap } = result;
    if (trap !== undefined) {
      const message = `program "${spec.name}" was stopped: ${trap.message}`;
      const span = trap.span === undefined ? {} : { span: trap.span };
      throw new DiagnosticError([{ code: "SCRY7012", severity: "error", message, ...span }], this.#object.source);
    }
    return {
      program: spec.name,
      value: result.value,
      verdict: verdictOf(spec.type, result.value),
      packet: result.packet ?? new Uint8Array(0),
    };
  }
}

/** An event that several programs see has fields that one of them may not read. */
const ownFields = ({ context }: ProgramSpec, fields: EventFields): EventFields =>
  Object.fromEntries(
    Object.entries(fields).filter(([name]) => context?.fields.some((field) => field.name === name) === true),
  );

/** What the place of a program may be called: `tracepoint/syscalls/sys_exit_read` is `syscalls:sys_exit_read`, too. */
function placesOf({ section = "", name }: ProgramSpec): readonly string[] {
  const [kind = "", ...rest] = section.replace(/^\?/, "").split("/");
  if (rest.length === 0) return [kind];
  const all = new Set<string>();
  if (/^u(?:ret)?probe/.test(kind)) {
    const place = section.slice(section.indexOf("/") + 1);
    all
      .add(place)
      .add(`${kind}:${place}`)
      .add(place.slice(place.lastIndexOf(":") + 1));
  } else {
    const place = rest.join(":");
    all
      .add(place)
      .add(`${kind}:${place}`)
      .add(rest.at(-1) as string)
      .add(`${kind}:${rest.at(-1)}`);
  }
  all.delete(name);
  return [...all];
}
