// A policy of services at work: its programs at control groups, names as they are resolved, what was refused. Another policy takes
// its place program by program, each in one step: at no time is a service without one.

import { statSync } from "node:fs";
import {
  attach,
  createMap,
  type Kernel,
  type KernelMap,
  type LoadedObject,
  type LoadedProgram,
  liveKernel,
  loadObject,
  RingBuffer,
} from "../../kernel/index.ts";
import { Link, RecordStream } from "../../loader/index.ts";
import type { MapSpec } from "../../object/index.ts";
import { groupFolder } from "../../session/index.ts";
import type { Diagnostic, Prefix, SourceText, Span } from "../../source/index.ts";
import {
  addressKey,
  type CompiledServices,
  compileServices,
  generationOf,
  MAPS,
  matchesName,
  type Plan,
  type Refusal,
  type RuleCount,
  readCounts,
  readRefusal,
  type Service,
  type ServiceProgram,
  type Who,
} from "../services/index.ts";
import { copyAddresses, sameNumbers } from "./address-table.ts";
import { NameBook } from "./name-book.ts";
import { fileText, hostsOf, resolversOf, usersOf } from "./system-files.ts";

export interface LiveServicesOptions {
  /** Whose answers are believed; those of /etc/resolv.conf unless said otherwise. */
  readonly resolvers?: readonly Prefix[];
  /** Folder of the control group whose sockets' answers are read, and at which policies of users are: the root of cgroup2. */
  readonly root?: string;
  /** The folder of a control group, by what a policy calls it. */
  readonly folderOf?: (who: Who) => string;
  /** Users by their names; those of /etc/passwd unless said otherwise. */
  readonly users?: ReadonlyMap<string, number>;
  /** A file of names with their addresses, which hold for as long as the policy does; /etc/hosts unless said otherwise. */
  readonly hosts?: string;
  readonly kernel?: Kernel;
}

/** A text that a policy is of, for places in diagnostics. */
export interface PolicyText {
  readonly source: SourceText;
  readonly placeOf: (value: object) => Span;
}

/** Maps that outlive a policy: what takes its place goes on with them. */
const KEPT: readonly string[] = [MAPS.refusals, MAPS.answers, MAPS.asked, MAPS.addresses];
const FOREVER = 0xffff_ffff;
/** Policies whose records may still be in the ring. */
const MOST_GENERATIONS = 64;

interface AtWork {
  readonly compiled: CompiledServices;
  readonly loaded: LoadedObject;
  readonly links: Map<string, Placed>;
}
interface Placed {
  readonly link: Link;
  readonly program: LoadedProgram;
  readonly target: {
    readonly kind: "cgroup";
    readonly path: string;
    readonly attachType: ServiceProgram["attachType"];
  };
  /** Of the folder: another one of its name has another. */
  readonly inode: bigint | undefined;
}

export class LiveServices implements AsyncDisposable {
  /** What was refused, or would have been. */
  readonly refusals: RecordStream<Refusal>;
  /** Why a control group that was made anew has no policy; undefined: all have. */
  failure: unknown;
  readonly #kernel: Kernel;
  readonly #options: LiveServicesOptions;
  readonly #resolvers: readonly Prefix[];
  readonly #kept = new Map<string, KernelMap>();
  readonly #plans = new Map<number, Plan>();
  readonly #book: NameBook;
  readonly #answers: RingBuffer;
  readonly #timer: NodeJS.Timeout;
  #generation = 0;
  #now: AtWork;

  private constructor(services: readonly Service[], options: LiveServicesOptions, text: PolicyText | undefined) {
    this.#options = options;
    this.#kernel = options.kernel ?? liveKernel();
    this.#resolvers = options.resolvers ?? resolversOf(fileText("/etc/resolv.conf"));
    this.#book = new NameBook();
    const made: { close(): void }[] = [];
    try {
      for (const spec of [ring(MAPS.refusals), ring(MAPS.answers)]) {
        const map = createMap(spec, {}, this.#kernel);
        made.push(map);
        this.#kept.set(spec.name, map);
      }
      this.#answers = new RingBuffer(this.#kept.get(MAPS.answers) as KernelMap);
      made.push(this.#answers);
      this.#now = this.#start(services, text, undefined);
    } catch (error) {
      for (const map of this.#kept.values()) if (!made.includes(map)) made.push(map);
      for (const one of made.reverse()) one.close();
      throw error;
    }
    this.refusals = new RecordStream<Refusal>(
      this.#kept.get(MAPS.refusals) as KernelMap,
      (view, offset, length) => this.#read(view, offset, length),
      {},
      () => Number(this.counts().lost),
    );
    // Answers that nobody looks at would fill their ring.
    this.#timer = setInterval(() => this.#tick(), 1000);
    this.#timer.unref();
  }

  /**
   * Puts a policy to work. Throws a DiagnosticError (SCRY1630 to SCRY1635 for the policy, SCRY1140 to SCRY1143 for a control group
   * that is not there), a SystemCallError or a VerifierError; then nothing is at work.
   */
  static apply(services: readonly Service[], options: LiveServicesOptions = {}, text?: PolicyText): LiveServices {
    return new LiveServices(services, options, text);
  }

  /**
   * Lets another policy take the place of this one. Throws as `apply` does; then this one goes on. Names that both have keep
   * their addresses. Counters begin anew.
   */
  async replace(services: readonly Service[], text?: PolicyText): Promise<void> {
    const before = this.#now;
    this.#now = this.#start(services, text, before);
    for (const [key, { link }] of before.links) if (this.#now.links.get(key)?.link !== link) await link.detach();
    before.loaded.close();
  }

  /** Warnings about the policy at work. */
  get diagnostics(): readonly Diagnostic[] {
    return this.#now.compiled.diagnostics;
  }

  /** Programs at work, and where. */
  get programs(): readonly { readonly program: ServiceProgram; readonly folder: string }[] {
    return this.#now.compiled.programs.map((program) => ({
      program,
      folder: this.#folder(program, this.#now.compiled),
    }));
  }

  /**
   * Attaches the policy to control groups that were made anew since (a unit that was started again): their programs went with the
   * old ones. It is called each second; what a service does before that, nobody is asked about. Throws a SystemCallError.
   */
  refresh(): void {
    for (const [key, placed] of this.#now.links) {
      const inode = inodeOf(placed.target.path);
      if (inode === undefined || inode === placed.inode) continue;
      const link = new Link(placed.program.name, [attach(placed.program, placed.target, this.#kernel)]);
      placed.link.close();
      this.#now.links.set(key, { ...placed, link, inode });
    }
  }

  /** How often each rule decided. */
  counts(): { readonly rules: readonly RuleCount[]; readonly lost: bigint } {
    const { compiled, loaded } = this.#now;
    const map = loaded.maps.get(MAPS.counts) as KernelMap;
    return readCounts(compiled.plan, new BigUint64Array(map.mapped(), 0, compiled.plan.counters + 1));
  }

  /** Names of an address by the answers seen lately, the newest first. */
  namesOf(address: Uint8Array): readonly string[] {
    this.#readAnswers();
    return this.#book.namesOf(addressKey(address));
  }

  /** Ends the policy. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const { link } of this.#now.links.values()) await link.detach();
    this.#now.loaded.close();
    await this.refusals.close();
    this.#answers.close();
    for (const map of this.#kept.values()) map.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #read(view: DataView, offset: number, length: number): Refusal {
    this.#readAnswers();
    const plan = this.#plans.get(generationOf(view, offset, length)) ?? this.#now.compiled.plan;
    const refusal = readRefusal(view, offset, length, plan, (key) => this.#book.namesOf(key));
    if (refusal === undefined) throw new Error(`a record of ${length} bytes that no policy has sent`);
    return refusal;
  }

  #tick(): void {
    this.#readAnswers();
    try {
      this.refresh();
      this.failure = undefined;
    } catch (error) {
      // The next second tries again; whoever asks is told.
      this.failure = error;
    }
  }

  #readAnswers(): void {
    this.#answers.drain((at, length) => this.#book.note(this.#answers.bytes.subarray(at, at + length)));
  }

  /** Loads a policy and puts it in the place of another. */
  #start(services: readonly Service[], text: PolicyText | undefined, before: AtWork | undefined): AtWork {
    const generation = this.#generation + 1;
    const slots = before?.compiled.plan.slots;
    const compiled = compileServices(services, {
      resolvers: this.#resolvers,
      users: this.#options.users ?? usersOf(fileText("/etc/passwd")),
      generation,
      ...(slots === undefined ? {} : { slots }),
      ...text,
    });
    const kept = this.#mapsFor(compiled, before);
    const loaded = loadObject(compiled.object, { maps: kept.maps }, this.#kernel);
    try {
      fillTables(loaded, compiled);
      if (compiled.plan.names.length > 0) this.#fillHosts(kept.maps.get(MAPS.addresses) as KernelMap, compiled.plan);
      kept.copy();
      const links = this.#place(compiled, loaded, before);
      // Answers that were read in the meantime for the table before this one.
      kept.copy();
      kept.done();
      this.#generation = generation;
      this.#plans.set(generation, compiled.plan);
      if (this.#plans.size > MOST_GENERATIONS) this.#plans.delete(generation - MOST_GENERATIONS);
      return { compiled, loaded, links };
    } catch (error) {
      loaded.close();
      kept.undo();
      throw error;
    }
  }

  /** Maps that go on. The table of addresses does where patterns keep their numbers, else its entries are copied. */
  #mapsFor(compiled: CompiledServices, before: AtWork | undefined) {
    const maps = new Map<string, KernelMap>();
    const fresh: KernelMap[] = [];
    let old: KernelMap | undefined;
    for (const spec of compiled.object.maps) {
      if (!KEPT.includes(spec.name)) continue;
      let map = this.#kept.get(spec.name);
      const goesOn =
        spec.name !== MAPS.addresses || before === undefined || sameNumbers(before.compiled.plan, compiled.plan);
      if (map === undefined || !goesOn) {
        if (spec.name === MAPS.addresses) old = map;
        map = createMap(spec, {}, this.#kernel);
        fresh.push(map);
      }
      maps.set(spec.name, map);
    }
    return {
      maps,
      copy: (): void => {
        const table = maps.get(MAPS.addresses);
        if (old !== undefined && before !== undefined && table !== undefined)
          copyAddresses(old, before.compiled.plan, table, compiled.plan);
      },
      done: (): void => {
        old?.close();
        for (const [name, map] of maps) this.#kept.set(name, map);
      },
      undo: (): void => {
        for (const map of fresh) map.close();
      },
    };
  }

  #folder(program: ServiceProgram, { plan }: CompiledServices): string {
    const who = plan.services.find(({ service }) => service.name === program.service)?.service.who;
    const { root, folderOf } = this.#options;
    if (who === undefined || who.kind === "user") return root ?? groupFolder({ cgroup: "/" });
    return folderOf === undefined ? groupFolder({ [who.kind]: who.name }) : folderOf(who);
  }

  /** Each program takes the place of the one before it, or is attached; where one cannot be, all is as it was. */
  #place(compiled: CompiledServices, loaded: LoadedObject, before: AtWork | undefined): Map<string, Placed> {
    const undo: (() => void)[] = [];
    const links = new Map<string, Placed>();
    // Names first: a service that may reach one must find it known.
    const ordered = [...compiled.programs].sort(
      (a, b) => Number(a.service !== undefined) - Number(b.service !== undefined),
    );
    try {
      for (const one of ordered) {
        const program = loaded.programs.get(one.name);
        if (program === undefined) throw new Error(`program ${one.name} is not loaded`);
        const path = this.#folder(one, compiled);
        const key = `${path}\0${one.service ?? ""}\0${one.attachType}`;
        const target = { kind: "cgroup", path, attachType: one.attachType } as const;
        const inode = inodeOf(path);
        const there = before?.links.get(key);
        if (there !== undefined && there.inode === inode) {
          there.link.update(program);
          undo.push(() => there.link.update(there.program));
          links.set(key, { ...there, program });
          continue;
        }
        const link = new Link(one.name, [attach(program, target, this.#kernel)]);
        undo.push(() => link.close());
        links.set(key, { link, program, target, inode });
      }
      return links;
    } catch (error) {
      for (const step of undo.reverse()) step();
      throw error;
    }
  }

  #fillHosts(table: KernelMap, plan: Plan): void {
    for (const { address, names } of hostsOf(fileText(this.#options.hosts ?? "/etc/hosts"))) {
      const slots = [...plan.slots].flatMap(([pattern, slot]) =>
        names.some((name) => matchesName(pattern, name)) ? [slot] : [],
      );
      if (slots.length === 0) continue;
      const key = addressKey(address.bytes);
      const value = new Uint32Array(plan.capacity);
      const known = table.lookup(key);
      if (known !== undefined) value.set(new Uint32Array(known.slice().buffer));
      for (const slot of slots) value[slot] = FOREVER;
      table.update(key, new Uint8Array(value.buffer));
    }
  }
}

const ring = (name: string): MapSpec => ({ name, type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 256 * 1024 });

function fillTables(loaded: LoadedObject, { entries }: CompiledServices): void {
  for (const { map, key, value } of entries) loaded.maps.get(map)?.update(key, value);
}

/** The folder's number; undefined: it is not there. */
function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}
