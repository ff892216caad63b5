// A script at work on the embedded machine: events come from a recording (or from whoever calls `fire`), and what the
// script sends is read as on the live kernel. Time is the events' own.

import { type EmbeddedMap, embedded, type Fired, type Machine, type RunResult, type Tier } from "../machine/index.ts";
import {
  type MapContents,
  type RunEnd,
  type RunListener,
  RunReader,
  type ScriptRun,
  type StoredRing,
  stackReader,
} from "../run/index.ts";
import { CONTROL, type CompiledScript, EVENTS, GLOBALS, HEADER, type Resolver } from "../schema/index.ts";
import { RecordedFrames } from "./recorded-frames.ts";
import type { RecordedEvent, Recording, RecordingHeader } from "./recording.ts";

export interface EmbeddedRunOptions {
  /** What `run` runs the script over, and what is known of the recorded system. */
  readonly recording?: Recording;
  /** Only this process. */
  readonly pid?: number;
  /** What runs the programs; by default whichever pays. */
  readonly tier?: Tier;
}

/** The event ring need hold only what one event sends. */
export const EMBEDDED_RING_BYTES: number = 1 << 20;

interface Interval {
  readonly program: string;
  readonly probe: string;
  readonly period: bigint;
  next: bigint;
}

export class EmbeddedRun implements ScriptRun {
  readonly script: CompiledScript;
  readonly machine: Machine;
  readonly resolver: Resolver;
  readonly #reader: RunReader;
  readonly #listener: RunListener;
  readonly #globals: DataView;
  readonly #options: EmbeddedRunOptions;
  readonly #frames = new RecordedFrames();
  readonly #probes: ReadonlySet<string>;
  readonly #intervals: Interval[] = [];
  /** Interval probes that the recording itself has ticks of. */
  readonly #ticked = new Set<string>();
  readonly #traps = new Map<string, { message: string; count: number }>();
  readonly #header: RecordingHeader | undefined;
  #now: bigint;
  #started = false;
  #stopped = false;

  /** Throws DiagnosticError where the embedded machine has no such map, helper or function of the kernel. */
  constructor(script: CompiledScript, listener: RunListener, options: EmbeddedRunOptions = {}) {
    this.script = script;
    this.#listener = listener;
    this.#options = options;
    this.#header = options.recording?.header;
    this.#now = BigInt(this.#header?.start ?? 0);
    let random = 1;
    this.machine = embedded(script.object, {
      cpus: script.cpus,
      ...(options.tier === undefined ? {} : { tier: options.tier }),
      clock: () => this.#now,
      // The same numbers for the same recording: xorshift32.
      random: () => {
        random ^= random << 13;
        random ^= random >>> 17;
        random ^= random << 5;
        return random >>> 0;
      },
    });
    const data = (this.machine.maps.get(GLOBALS) as EmbeddedMap).mapped();
    this.#globals = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const map = (name: string): EmbeddedMap | undefined => this.machine.maps.get(name);
    const rings = new Map<string, EmbeddedRing>();
    for (const name of [EVENTS, CONTROL]) {
      const found = map(name);
      if (found !== undefined) rings.set(name, new EmbeddedRing(found));
    }
    this.resolver = this.#makeResolver(map);
    this.#reader = new RunReader(
      script,
      listener,
      { map, ring: (name) => rings.get(name), globals: this.#globals },
      this.resolver,
    );
    this.#probes = new Set(this.machine.probes);
    for (const program of script.object.programs)
      for (const target of program.attach)
        if (target.kind === "perf_event" && target.cpus === "first" && target.probe !== undefined)
          this.#intervals.push({
            program: program.name,
            probe: target.probe,
            period: BigInt(target.period ?? Math.round(1e9 / (target.frequency as number))),
            next: 0n,
          });
  }

  /** Probes of the script that run when something happens. */
  get probes(): readonly string[] {
    return [...this.script.programs.values()].flatMap((role) =>
      role.kind === "probe" ? role.probes.filter((p) => p.special !== true).map((p) => p.name) : [],
    );
  }

  get exited(): boolean {
    return this.#reader.exit !== undefined;
  }

  /** Nanoseconds since boot, by the events. */
  get now(): bigint {
    return this.#now;
  }

  /** The clock before the first event is that of the header where it has one. */
  begin(): boolean {
    const first = this.#options.recording?.events[0]?.nsecs;
    if (first !== undefined) this.#startAt(BigInt(first));
    this.#globals.setBigUint64(HEADER.startTime, this.#now, true);
    for (const interval of this.#intervals) interval.next = this.#now + interval.period;
    this.#started = true;
    this.#runAll("begin");
    return this.exited;
  }

  #startAt(time: bigint): void {
    if (this.#header?.start === undefined) this.#now = time;
  }

  /** Nothing has to be attached: who fires an event names its probe. */
  attach(): void {}

  /** All events of the recording. Interval probes tick as they were recorded, or by the events' time where they were not. */
  async run(): Promise<void> {
    this.replay();
  }

  /** The same, at once. */
  replay(): void {
    const events = this.#options.recording?.events ?? [];
    for (const probe of Object.keys(this.#header?.probes ?? {})) this.#ticked.add(probe);
    for (const event of events) this.#ticked.add(event.probe);
    if (!this.#started) this.begin();
    for (const event of events) {
      if (this.exited || this.#stopped) return;
      this.fire(event);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** A recording has no signals. */
  signals(): readonly string[] {
    return [];
  }

  signal(_name: string): void {}

  /** One event: runs the programs of its probe. False where the script has none for it (its time passes all the same). */
  fire(event: RecordedEvent): boolean {
    if (!this.#started) {
      if (event.nsecs !== undefined) this.#startAt(BigInt(event.nsecs));
      this.begin();
    }
    if (this.exited) return false;
    if (event.nsecs !== undefined) this.advance(BigInt(event.nsecs));
    if (this.exited || !this.#probes.has(event.probe)) return false;
    if (this.#options.pid !== undefined && event.pid !== this.#options.pid) return false;
    const pid = event.pid ?? 0;
    const fired = this.machine.fire(event.probe, event.args ?? {}, {
      cpu: event.cpu ?? 0,
      pid,
      tid: event.tid ?? pid,
      uid: event.uid ?? 0,
      gid: event.gid ?? 0,
      comm: event.comm ?? "",
      ...(event.kstack === undefined ? {} : { kernelStack: this.#frames.addresses(event.kstack, "kernel") }),
      ...(event.ustack === undefined ? {} : { userStack: this.#frames.addresses(event.ustack, "user") }),
    });
    for (const f of fired) this.#noteTrap(f.program, f);
    this.#reader.drain();
    return true;
  }

  /** Sets the clock; interval probes tick on the way. */
  advance(to: bigint): void {
    while (!this.exited) {
      let next: Interval | undefined;
      for (const interval of this.#intervals)
        if (
          !this.#ticked.has(interval.probe) &&
          interval.next <= to &&
          (next === undefined || interval.next < next.next)
        )
          next = interval;
      if (next === undefined) break;
      this.#now = next.next;
      next.next += next.period;
      this.#run(next.program);
      this.#reader.drain();
    }
    // Events of several CPUs are not quite in the order of their times, and each has its own.
    this.#now = to;
  }

  /** Runs a program that needs no event: a test. */
  runProgram(name: string): RunResult {
    const result = this.#run(name);
    this.#reader.drain();
    return result;
  }

  /** What `exit` was called with since the last time; the run goes on as if it had not been. */
  takeExit(): RunEnd | undefined {
    return this.#reader.takeExit();
  }

  #runAll(kind: "begin" | "end"): void {
    for (const [name, role] of this.script.programs) {
      if (role.kind !== kind) continue;
      this.#run(name);
      this.#reader.drain();
      if (this.exited) return;
    }
  }

  #run(name: string): Fired {
    const result = { program: name, ...this.machine.run(name, { context: new Uint8Array(256) }) };
    this.#noteTrap(name, result);
    return result;
  }

  #noteTrap(program: string, result: RunResult): void {
    if (result.trap === undefined) return;
    const known = this.#traps.get(program);
    if (known === undefined) this.#traps.set(program, { message: result.trap.message, count: 1 });
    else known.count++;
  }

  /** Runs the `end` probes and tells what is left to be told. Maps can be read afterwards. */
  finish(): RunEnd {
    if (!this.#started) this.begin();
    const end = this.#reader.finish(() => this.#runAll("end"));
    for (const [program, { message, count }] of this.#traps)
      this.#listener.warning(`the program ${program} was stopped ${count} time${count === 1 ? "" : "s"}: ${message}`);
    this.#listener.pause();
    return end;
  }

  /** What a map holds now. Throws RangeError for a name that the script does not have. */
  map(name: string): MapContents {
    return this.#reader.map(name);
  }

  /** Nothing is held that the machine's memory does not take along. */
  async close(): Promise<void> {}

  #makeResolver(map: (name: string) => EmbeddedMap | undefined): Resolver {
    const { script } = this;
    const header = this.#header;
    const stack = stackReader(map);
    const boot = BigInt(header?.boot ?? 0);
    const name = (address: bigint): string =>
      this.#frames.find(address)?.name ?? (address === 0n ? "0" : `0x${address.toString(16)}`);
    return {
      truncation: { capacity: script.options.maxStrlen + 1, trailer: script.options.strTruncTrailer },
      ksym: name,
      usym: name,
      kstack: stack,
      ustack: stack,
      frame: (_kind, address) => this.#frames.find(address) ?? { address, offset: 0 },
      username: (uid) => header?.users?.[uid] ?? String(uid),
      syscallName: () => undefined,
      cgroupPath: () => "",
      probe: (number, functionName) => {
        const found = script.probeNames.get(BigInt(number));
        return found === undefined ? String(number) : functionName ? found.func : found.name;
      },
      enumName: () => undefined,
      wallClock: (nanoseconds) => {
        const all = nanoseconds + boot;
        return { seconds: Number(all / 1_000_000_000n), nanoseconds: Number(all % 1_000_000_000n) };
      },
    };
  }

  /** The time of day of the event at hand. */
  wallClock(): { seconds: number; nanoseconds: number } {
    return this.resolver.wallClock(this.#now);
  }
}

/** A ring of the machine as the reader wants one: records are copied out. Positions are modulo 2^32. */
class EmbeddedRing implements StoredRing {
  readonly #map: EmbeddedMap;
  readonly #records: { readonly position: number; readonly data: Uint8Array }[] = [];
  view: DataView = new DataView(new ArrayBuffer(0));
  bytes: Uint8Array = new Uint8Array(0);

  constructor(map: EmbeddedMap) {
    this.#map = map;
  }

  #fetch(): void {
    this.#map.consume((record, position) => this.#records.push({ position, data: record.slice() }));
  }

  /** All that there is: the machine stands still while it is read. */
  produced(): number {
    return Number.POSITIVE_INFINITY;
  }

  available(): number {
    this.#fetch();
    return this.#records.length;
  }

  drain(
    read: (offset: number, length: number) => void,
    limit: number = Number.POSITIVE_INFINITY,
    until: number = Number.POSITIVE_INFINITY,
  ): number {
    this.#fetch();
    let count = 0;
    while (count < limit) {
      const record = this.#records[count];
      if (record === undefined || (until !== Number.POSITIVE_INFINITY && ((until - record.position) | 0) <= 0)) break;
      count++;
      this.bytes = record.data;
      this.view = new DataView(record.data.buffer, record.data.byteOffset, record.data.byteLength);
      read(0, record.data.length);
    }
    this.#records.splice(0, count);
    return count;
  }
}
