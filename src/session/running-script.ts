// A script at work on the live kernel: loaded, attached, read until it ends, and taken down.
//
// Two rings come from the programs. The event ring has what is printed; the control ring has what must not be lost
// (exit, print, clear, zero). A control record says how far the event ring was filled when it was made, so both are
// read as one stream, in order.

import {
  type Attachment,
  attach,
  detachAll,
  type KernelMap,
  type LoadedObject,
  loadObject,
  Poller,
  RingBuffer,
  readIterator,
  silence,
  testRun,
  UnsupportedError,
} from "../kernel/index.ts";
import {
  CONTROL,
  type CompiledScript,
  EVENTS,
  type EventSite,
  GLOBALS,
  HEADER,
  type Resolver,
  type ScriptMap,
} from "../lang/trace/index.ts";
import type { ProgramSpec } from "../object/index.ts";
import { obstacle } from "./live-environment.ts";
import { clearMap, type MapContents, readMap, zeroMap } from "./map-contents.ts";
import { bootNanoseconds, liveResolver } from "./resolver.ts";

/** What a run tells whoever listens. Everything is called in the order in which it happened. */
export interface RunListener {
  /** A record of the event ring; the bytes are valid during the call only. */
  record(site: EventSite, view: DataView, bytes: Uint8Array, offset: number): void;
  printMap(contents: MapContents, top: number, div: number): void;
  /** This many records found the ring full since the last time. */
  lost(count: number): void;
  /** All that came so far has been told; a good time to write it out. */
  pause(): void;
  warning(message: string): void;
}

export interface RunOptions {
  readonly logLevel?: 1 | 2;
  readonly verbose?: (message: string) => void;
}

/** How the run ended. */
export interface RunEnd {
  /** Of `exit(code)`; 0 without. */
  readonly code: number;
}

interface ControlRecord {
  readonly site: EventSite;
  /** How far the event ring was filled when the record was made. */
  readonly position: number;
  readonly args: readonly number[];
}

/** Wait between looks at a ring that is in use: long enough for records to gather, too short to notice. */
const GATHER_MILLISECONDS = 4;
/** So many looks without a record, and the reader goes to sleep until the next record wakes it. */
const IDLE_LOOKS = 3;
/** Losses and signs of life are looked at at least so often. */
const HEARTBEAT_MILLISECONDS = 1000;

export class RunningScript {
  readonly script: CompiledScript;
  readonly resolver: Resolver;
  readonly #object: LoadedObject;
  readonly #listener: RunListener;
  readonly #globals: DataView;
  readonly #flags: Int32Array;
  readonly #events: RingBuffer | undefined;
  readonly #control: RingBuffer | undefined;
  /** Control records that were read and not yet acted on. */
  readonly #controls: ControlRecord[] = [];
  readonly #attachments: Attachment[] = [];
  #poller: Poller | undefined;
  #exit: { code: number } | undefined;
  #stopping = false;
  #lost = 0;
  #closed = false;
  readonly #warned = new Map<number, number>();

  /** Loads maps and programs. Throws VerifierError, SystemCallError. */
  constructor(script: CompiledScript, listener: RunListener, options: RunOptions = {}) {
    this.script = script;
    this.#listener = listener;
    for (const program of script.object.programs) refuse(program);
    this.#object = loadObject(script.object, options.logLevel === undefined ? {} : { logLevel: options.logLevel });
    const globals = (this.#object.maps.get(GLOBALS) as KernelMap).mapped();
    this.#globals = new DataView(globals);
    this.#flags = new Int32Array(globals, 0, HEADER.size >> 2);
    this.#globals.setBigUint64(HEADER.startTime, bootNanoseconds(), true);
    this.#events = this.#ring(EVENTS);
    this.#control = this.#ring(CONTROL);
    this.resolver = liveResolver(script, (name) => this.#object.maps.get(name));
  }

  #ring(name: string): RingBuffer | undefined {
    const map = this.#object.maps.get(name);
    return map === undefined ? undefined : new RingBuffer(map);
  }

  /** What the kernel said of each program, where a log was asked for. */
  logs(): { readonly program: string; readonly log: string }[] {
    return [...this.#object.programs.values()].map((p) => ({ program: p.name, log: p.log ?? "" }));
  }

  get exited(): boolean {
    return this.#exit !== undefined;
  }

  // --- beginning ------------------------------------------------------------------------------------------------

  /** Runs the `begin` probes. What they send is read by `run`; answers whether one of them has called exit. */
  begin(): boolean {
    for (const [name, role] of this.script.programs)
      if (role.kind === "begin") testRun((this.#object.programs.get(name) as { fd: number }).fd);
    this.#collectControls();
    return this.#controls.some((c) => c.site.action.kind === "exit");
  }

  /** Attaches everything else. What cannot attach throws, and nothing stays attached. */
  attach(): void {
    for (const [name, role] of this.script.programs) {
      if (role.kind === "begin" || role.kind === "end") continue;
      const program = this.#object.programs.get(name);
      if (program === undefined) continue;
      for (const target of program.spec.attach) {
        if (target.kind === "test_run" || target.kind === "signal") continue;
        this.#attachments.push(attach(program, target));
      }
    }
  }

  /** Runs the programs of `self:signal:…` probes for a signal that was received. */
  signal(name: string): void {
    for (const program of this.#object.programs.values())
      if (program.spec.attach.some((a) => a.kind === "signal" && a.signal === name)) testRun(program.fd);
    this.#poller?.wake();
  }

  /** Signals that the script wants to hear of. */
  signals(): readonly string[] {
    return [...this.#object.programs.values()].flatMap((p) =>
      p.spec.attach.flatMap((a) => (a.kind === "signal" ? [a.signal] : [])),
    );
  }

  // --- reading --------------------------------------------------------------------------------------------------

  /** Reads until the script exits, `stop` is called, or there is nothing to wait for. */
  async run(): Promise<void> {
    for (const a of this.#attachments) {
      if (a.target.kind !== "iter") continue;
      readIterator(a);
      this.#drain();
    }
    this.#drain();
    this.#listener.pause();
    if (this.script.endsByItself || this.exited) return;
    const poller = new Poller([this.#events, this.#control].flatMap((r) => (r === undefined ? [] : [r.fd])));
    this.#poller = poller;
    let idle = 0;
    let beat = Date.now();
    while (!this.#stopping && !this.exited) {
      const found = this.#drain();
      if (this.exited) break;
      if (Date.now() - beat > HEARTBEAT_MILLISECONDS) {
        beat = Date.now();
        this.#report();
      }
      if (found >= BUSY_RECORDS) {
        idle = 0;
        // Signals and other callbacks get their turn.
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      this.#listener.pause();
      idle = found > 0 ? 0 : idle + 1;
      if (idle < IDLE_LOOKS && (this.#events !== undefined || this.#control !== undefined)) {
        await poller.wait(GATHER_MILLISECONDS);
        continue;
      }
      this.#arm(1);
      if (!this.#waiting()) await poller.wait(HEARTBEAT_MILLISECONDS);
      this.#arm(0);
    }
  }

  /** Tells the programs whether the next record shall wake us. */
  #arm(on: 0 | 1): void {
    Atomics.store(this.#flags, HEADER.armed >> 2, on);
    Atomics.store(this.#flags, HEADER.controlArmed >> 2, on);
  }

  #waiting(): boolean {
    return (this.#events?.available() ?? 0) > 0 || (this.#control?.available() ?? 0) > 0;
  }

  /** Reads what there is; gives the number of records. */
  #drain(): number {
    const events = this.#events;
    let count = 0;
    // The event ring is looked at first: what it holds by now was made before what the control ring shows later.
    const end = events?.produced() ?? 0;
    this.#collectControls();
    for (const c of this.#controls.splice(0)) {
      if (this.exited) break;
      count += this.#drainEvents(c.position) + 1;
      this.#controlled(c.site, c.args);
    }
    if (!this.exited) count += this.#drainEvents(end);
    return count;
  }

  #collectControls(): void {
    this.#control?.drain((offset) => {
      const view = (this.#control as RingBuffer).view;
      const site = this.script.sites[view.getUint32(offset, true)] as EventSite;
      this.#controls.push({
        site,
        position: Number(view.getBigUint64(offset + 8, true)),
        args: site.fields.map((f) => Number(view.getBigInt64(offset + f.offset, true))),
      });
    });
  }

  #drainEvents(until: number): number {
    const ring = this.#events;
    if (ring === undefined) return 0;
    const { view, bytes } = ring;
    const sites = this.script.sites;
    const listener = this.#listener;
    return ring.drain(
      (offset) => listener.record(sites[view.getUint32(offset, true)] as EventSite, view, bytes, offset),
      Number.POSITIVE_INFINITY,
      until,
    );
  }

  #controlled(site: EventSite, args: readonly number[]): void {
    const action = site.action;
    switch (action.kind) {
      case "exit":
        this.#exit ??= { code: args[0] ?? 0 };
        return;
      case "print-map":
        this.#listener.printMap(this.map(action.map), args[0] ?? 0, args[1] ?? 0);
        return;
      case "clear":
        clearMap(this.script, this.#object, this.#globals, this.#scriptMap(action.map));
        return;
      case "zero":
        zeroMap(this.script, this.#object, this.#globals, this.#scriptMap(action.map));
        return;
      default:
        return;
    }
  }

  #report(): void {
    const lost =
      Number(this.#globals.getBigUint64(HEADER.lost, true)) +
      Number(this.#globals.getBigUint64(HEADER.controlLost, true));
    if (lost > this.#lost) this.#listener.lost(lost - this.#lost);
    this.#lost = lost;
    for (const map of this.script.maps) {
      const storage = map.storage;
      if (storage.kind !== "hash" && storage.kind !== "percpu") continue;
      const most = this.#object.maps.get(storage.map)?.spec.maxEntries ?? 0;
      this.#warnOnce(
        storage.refused,
        (n) =>
          `Map full; can't update element of ${map.name}: ${n} update${n === 1 ? "" : "s"} lost. It has room for ${most} keys. Try increasing max_map_keys config or manually setting the max entries in a map declaration e.g. \`let ${map.name} = hash(${most * 2})\``,
      );
    }
    this.#warnOnce(
      HEADER.stackLost,
      (n) => `${n} stack${n === 1 ? " was" : "s were"} lost: the table of stacks had no room`,
    );
    this.#warnOnce(
      HEADER.missed,
      (n) => `${n} event${n === 1 ? " was" : "s were"} missed: the CPU's scratch memory was in use`,
    );
    this.#warnOnce(HEADER.loops, (n) => `${n} loop${n === 1 ? " was" : "s were"} ended after too many turns`);
    this.#warnOnce(
      HEADER.divisions,
      (n) =>
        `Divide or modulo by 0 detected ${n} time${n === 1 ? "" : "s"}. This can lead to unexpected results. 1 is being used as the result.`,
    );
  }

  /** Says what a counter has counted, when it has grown since it was last said; the end says it all. */
  #warnOnce(offset: number, text: (n: number) => string): void {
    const n = Number(this.#globals.getBigUint64(offset, true));
    if (n === 0 || (!this.#stopping && this.#warned.has(offset)) || this.#warned.get(offset) === n) return;
    this.#warned.set(offset, n);
    this.#listener.warning(text(n));
  }

  // --- maps -----------------------------------------------------------------------------------------------------

  #scriptMap(name: string): ScriptMap {
    return this.script.plan.maps.get(name) as ScriptMap;
  }

  /** What a map holds now. Throws RangeError for a name that the script does not have. */
  map(name: string): MapContents {
    const map = this.script.plan.maps.get(name);
    if (map === undefined) throw new RangeError(`the script has no map ${name}`);
    return readMap(this.script, this.#object, this.#globals, map, this.resolver);
  }

  // --- ending ---------------------------------------------------------------------------------------------------

  /** Ends `run`. */
  stop(): void {
    this.#stopping = true;
    this.#poller?.wake();
  }

  /** Stops the events, runs the `end` probes, and reads all that is left. Maps can be read until `close`. */
  finish(): RunEnd {
    this.#stopping = true;
    this.#arm(0);
    silence(this.#attachments);
    const quick = this.#attachments.filter((a) => !a.slow);
    void detachAll(quick);
    this.#attachments.splice(0, this.#attachments.length, ...this.#attachments.filter((a) => a.slow));
    this.#drainAll();
    const exited = this.#exit;
    this.#exit = undefined;
    for (const [name, role] of this.script.programs)
      if (role.kind === "end") testRun((this.#object.programs.get(name) as { fd: number }).fd);
    this.#drainAll();
    this.#exit = exited ?? this.#exit;
    this.#report();
    return { code: this.#exit?.code ?? 0 };
  }

  /** Records that are still being written when the events stop are waited for, but not for ever. */
  #drainAll(): void {
    for (let look = 0; look < 100; look++) {
      this.#drain();
      if (this.exited || !this.#waiting()) return;
    }
  }

  /** Detaches and frees everything. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopping = true;
    await this.#poller?.close();
    await detachAll(this.#attachments);
    this.#events?.close();
    this.#control?.close();
    this.#object.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Says why a program cannot attach here before the kernel says it less clearly. */
function refuse(program: ProgramSpec): void {
  const kind = program.target?.kind ?? program.attach[0]?.kind;
  if (kind === undefined) return;
  const why = obstacle(kind);
  if (why === undefined) return;
  const first = program.attach[0];
  const name = program.target?.name ?? (first?.kind === "kprobe" ? first.function : program.name);
  throw new UnsupportedError(
    `${kind === "kprobe" && first?.kind === "kprobe" && first.return ? "kretprobe" : kind}:${name} cannot attach: ${why}`,
  );
}

/** So many records in one look mean that more are on their way. */
const BUSY_RECORDS = 256;
