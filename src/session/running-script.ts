// A script at work on the live kernel: loaded, attached, read until it ends, and taken down.

import {
  type Attachment,
  attachEach,
  detachAll,
  hasFeature,
  type KernelMap,
  type LoadedObject,
  type LoadedProgram,
  loadObject,
  multiLink,
  Poller,
  programInfo,
  RingBuffer,
  readIterator,
  runsLatestFirst,
  silence,
  testRun,
  UnsupportedError,
} from "../kernel/index.ts";
import type { AttachTarget } from "../object/index.ts";
import { obstacle, providerOf } from "../probes/index.ts";
import {
  type MapContents,
  type RunEnd,
  type RunListener,
  RunReader,
  type ScriptRun,
  type Stores,
} from "../run/index.ts";
import {
  CONTROL,
  type CompiledScript,
  EVENTS,
  FOLLOW_PROGRAMS,
  GLOBALS,
  HEADER,
  PACKETS,
  type ProgramRole,
  type Resolver,
  SELECTION,
} from "../schema/index.ts";
import { DiagnosticError, type Span } from "../source/index.ts";
import { CgroupOfRun } from "./cgroup-of-run.ts";
import { Followed, followPrograms } from "./followed.ts";
import { missingParts } from "./missing-parts.ts";
import { PacketFiles } from "./packet-files.ts";
import { bootNanoseconds, liveResolver } from "./resolver.ts";
import { UnwindTables } from "./unwind-tables.ts";

export interface RunOptions {
  readonly logLevel?: 1 | 2;
  readonly verbose?: (message: string) => void;
}

/** Wait between looks at a ring that is in use: long enough for records to gather, too short to notice. */
const GATHER_MILLISECONDS = 4;
/** So many looks without a record, and the reader goes to sleep until the next record wakes it. */
const IDLE_LOOKS = 3;
/** Runs of a measured program between two looks at the clock. */
const RUNS_AT_ONCE = 1_000;
/** Losses and signs of life are looked at at least so often. */
const HEARTBEAT_MILLISECONDS = 1000;

export class RunningScript implements ScriptRun {
  readonly script: CompiledScript;
  readonly resolver: Resolver & Disposable;
  readonly #object: LoadedObject;
  readonly #listener: RunListener;
  readonly #globals: DataView;
  readonly #flags: Int32Array;
  readonly #events: RingBuffer | undefined;
  readonly #control: RingBuffer | undefined;
  readonly #reader: RunReader;
  readonly #unwindTables: UnwindTables | undefined;
  readonly #followed: Followed | undefined;
  readonly #cgroup: CgroupOfRun | undefined;
  readonly #packets: PacketFiles | undefined;
  readonly #attachments: Attachment[] = [];
  #poller: Poller | undefined;
  #stopping = false;
  #closed = false;

  /** Loads maps and programs. Throws VerifierError, SystemCallError. */
  constructor(script: CompiledScript, listener: RunListener, options: RunOptions = {}) {
    this.script = script;
    this.#listener = listener;
    for (const role of script.programs.values()) refuse(role);
    const missing = missingParts(script.object);
    if (missing.length > 0) throw new DiagnosticError(missing, script.source);
    this.#object = loadObject(script.object, {
      multi: multiLink,
      ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
    });
    try {
      const globals = (this.#object.maps.get(GLOBALS) as KernelMap).mapped();
      this.#globals = new DataView(globals);
      this.#flags = new Int32Array(globals, 0, HEADER.size >> 2);
      this.#globals.setBigUint64(HEADER.startTime, bootNanoseconds(), true);
      this.#events = this.#ring(EVENTS);
      this.#control = this.#ring(CONTROL);
      this.resolver = liveResolver(
        script,
        (name) => this.#object.maps.get(name),
        (message) => this.#listener.warning(message),
      );
      const rings = new Map([
        [EVENTS, this.#events],
        [CONTROL, this.#control],
      ]);
      const stores: Stores = {
        map: (name) => this.#object.maps.get(name),
        ring: (name) => rings.get(name),
        globals: this.#globals,
      };
      this.#reader = new RunReader(script, listener, stores, this.resolver, (address) => this.#unwatch(address));
      const { unwinds, follows, cgroup } = script;
      const map = (name: string): KernelMap | undefined => this.#object.maps.get(name);
      const packets = map(PACKETS);
      if (packets !== undefined)
        this.#packets = new PacketFiles(packets, script, this.resolver, (message) => listener.warning(message));
      if (follows !== undefined) this.#followed = new Followed(map, follows);
      // A script that no event can be of has no such map.
      const within = map(SELECTION.cgroup);
      if (cgroup !== undefined && within !== undefined) this.#cgroup = new CgroupOfRun(within, cgroup);
      if (unwinds !== undefined) {
        const tables = new UnwindTables(
          (name) => this.#object.maps.get(name),
          unwinds.childPid,
          (message) => listener.warning(message),
        );
        this.#unwindTables = tables;
        if (unwinds.pid !== undefined) tables.add(unwinds.pid);
      }
    } catch (error) {
      // Nobody gets a run to close.
      this.#object.close();
      throw error;
    }
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
    return this.#reader.exit !== undefined;
  }

  // --- beginning ------------------------------------------------------------------------------------------------

  /** Runs the `begin` probes. What they send is read by `run`; answers whether one of them has called exit. */
  begin(): boolean {
    for (const [name, role] of this.script.programs)
      if (role.kind === "begin") testRun((this.#object.programs.get(name) as { fd: number }).fd);
    return this.#reader.exitAsked();
  }

  /** Attaches everything else. What cannot attach throws, and nothing stays attached. */
  attach(): void {
    this.#follow();
    for (const { program, targets } of this.#inOrder()) this.#attachments.push(...attachEach(program, targets));
  }

  /** What is to be attached, in the order in which probes of one place then run as they stand in the script. */
  #inOrder(): { readonly program: LoadedProgram; readonly targets: readonly AttachTarget[] }[] {
    const all = [...this.script.programs].flatMap(([name, role]) => {
      const program = this.#object.programs.get(name);
      if (role.kind === "begin" || role.kind === "end" || followPrograms.has(name) || program === undefined) return [];
      const targets = program.spec.attach.filter((t) => t.kind !== "test_run" && t.kind !== "signal");
      return targets.length === 0 ? [] : [{ program, targets }];
    });
    const backwards = ({ program, targets }: (typeof all)[number]): boolean =>
      targets.some((t) => runsLatestFirst(program, t));
    return [...all.filter(backwards).reverse(), ...all.filter((a) => !backwards(a))];
  }

  /** Takes the watchpoints of an address away. */
  #unwatch(address: bigint): void {
    const watched = (a: Attachment): boolean => a.target.kind === "watchpoint" && a.target.address === address;
    void detachAll(this.#attachments.filter(watched));
    this.#attachments.splice(0, this.#attachments.length, ...this.#attachments.filter((a) => !watched(a)));
  }

  #follow(): void {
    const followed = this.#followed;
    if (followed === undefined) return;
    const attached = (name: string): Attachment[] => {
      const program = this.#object.programs.get(name);
      return program === undefined ? [] : attachEach(program, program.spec.attach);
    };
    // Those that are there at the start are listed when no other can come unseen.
    const log = attached(FOLLOW_PROGRAMS.log);
    try {
      for (const name of [FOLLOW_PROGRAMS.fork, FOLLOW_PROGRAMS.exit]) this.#attachments.push(...attached(name));
      followed.begin();
    } finally {
      void detachAll(log);
    }
  }

  /** Does a process live that is followed? */
  get anyFollowed(): boolean {
    return !this.#closed && this.#followed?.live === true;
  }

  /** Runs a program as often as fits into a time; nanoseconds of a run, as the kernel counts them. */
  measure(name: string, milliseconds: number): { readonly average: number; readonly runs: number } {
    const program = this.#object.programs.get(name);
    if (program === undefined) throw new RangeError(`the script has no program ${name}`);
    const until = performance.now() + milliseconds;
    const before = programInfo(program.fd);
    while (performance.now() < until) for (let i = 0; i < RUNS_AT_ONCE; i++) testRun(program.fd);
    const after = programInfo(program.fd);
    const runs = Number(after.runs - before.runs);
    return { average: runs === 0 ? 0 : Number(after.runNanoseconds - before.runNanoseconds) / runs, runs };
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
      this.#reader.drain();
    }
    this.#reader.drain();
    this.#listener.pause();
    if (this.script.endsByItself || this.exited) return;
    const poller = new Poller(
      [this.#events, this.#control, this.#unwindTables?.ring]
        .flatMap((r) => (r === undefined ? [] : [r.fd]))
        .concat(this.#packets?.fds ?? []),
    );
    this.#poller = poller;
    let idle = 0;
    let beat = Date.now();
    while (!this.#stopping && !this.exited) {
      this.#unwindTables?.serve();
      const found = this.#reader.drain() + (this.#packets?.drain() ?? 0);
      if (this.exited) break;
      if (Date.now() - beat > HEARTBEAT_MILLISECONDS) {
        beat = Date.now();
        this.#reader.report(false);
        this.#tellLostPackets();
        this.#cgroup?.refresh();
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
      if (!this.#reader.waiting) await poller.wait(HEARTBEAT_MILLISECONDS);
      this.#arm(0);
    }
  }

  #tellLostPackets(): void {
    const lost = this.#packets?.takeLost() ?? 0;
    if (lost > 0) this.#listener.lost(lost);
  }

  /** Tells the programs whether the next record shall wake us. */
  #arm(on: 0 | 1): void {
    Atomics.store(this.#flags, HEADER.armed >> 2, on);
    Atomics.store(this.#flags, HEADER.controlArmed >> 2, on);
  }

  // --- numbers of the run ---------------------------------------------------------------------------------------

  /** Runs and time of each program so far, as the kernel counts them where it is told to (`enableStatistics`). */
  statistics(): readonly ProbeStatistics[] {
    return [...this.script.programs].flatMap(([name, { probes, span }]) => {
      const program = this.#object.programs.get(name);
      if (program === undefined || span === undefined) return [];
      const { runs, runNanoseconds, recursionMisses } = programInfo(program.fd);
      return [{ probes, span, runs, nanoseconds: runNanoseconds, missed: recursionMisses }];
    });
  }

  /** The places in the script whose records found no room, and how many of each. */
  losses(): ReturnType<RunReader["losses"]> {
    return this.#reader.losses();
  }

  /** Probes of which the kernel has skipped runs, since the program was at work on that CPU, and how many. */
  skipped(): readonly { readonly span: Span; readonly count: number }[] {
    return [...this.script.programs].flatMap(([name, { span }]) => {
      const program = this.#object.programs.get(name);
      const count = program === undefined || span === undefined ? 0 : Number(programInfo(program.fd).recursionMisses);
      return count === 0 || span === undefined ? [] : [{ span, count }];
    });
  }

  // --- maps -----------------------------------------------------------------------------------------------------

  /** What a map holds now. Throws RangeError for a name that the script does not have. */
  map(name: string): MapContents {
    return this.#reader.map(name);
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
    this.#packets?.drain();
    this.#tellLostPackets();
    return this.#reader.finish(() => {
      for (const [name, role] of this.script.programs)
        if (role.kind === "end") testRun((this.#object.programs.get(name) as { fd: number }).fd);
    });
  }

  /** Detaches and frees everything. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopping = true;
    await this.#poller?.close();
    await detachAll(this.#attachments);
    this.#unwindTables?.close();
    this.#packets?.close();
    this.#events?.close();
    this.#control?.close();
    this.resolver[Symbol.dispose]();
    this.#object.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** What the kernel has counted of a program. */
export interface ProbeStatistics {
  readonly probes: ProgramRole["probes"];
  readonly span: Span;
  readonly runs: bigint;
  readonly nanoseconds: bigint;
  /** Runs that were skipped because the program was running on that CPU already. */
  readonly missed: bigint;
}

/** Says why a program's probes cannot attach here before the kernel says it less clearly. */
function refuse(role: ProgramRole): void {
  for (const { name } of role.probes) {
    const provider = providerOf(name.split(":")[0] as string);
    const why = provider === undefined ? undefined : obstacle(provider, { attaches: hasFeature });
    if (why !== undefined) throw new UnsupportedError(`${name} cannot attach: ${why}`);
  }
}

/** So many records in one look mean that more are on their way. */
const BUSY_RECORDS = 256;
