// One program of an object: whether and as what it is loaded, then where it attaches.

import type { Btf } from "../btf/index.ts";
import {
  type Attachment,
  attachEach,
  attachKprobeMulti,
  hasFeature,
  type Kernel,
  type LoadedProgram,
  type ProgramInfo,
  pin,
  programInfo,
  type TestRunInput,
  type TestRunResult,
  testRun,
  UnsupportedError,
} from "../kernel/index.ts";
import type { AttachTarget, ProgramSpec, ProgramTarget } from "../object/index.ts";
import {
  type ModuleProgram,
  type ProgramStats,
  type TestInput,
  type TestOutput,
  verdictOf,
} from "../user-side/index.ts";
import { type AttachOptions, placeOf } from "./attach-options.ts";
import { Link } from "./links.ts";
import { sectionPlace } from "./section-places.ts";
import { type UsdtSpecs, usdtTargets } from "./usdt.ts";

/** What a program needs of the object that it is of. */
export interface ProgramOwner {
  readonly kernel: Kernel;
  /** Where arguments of static probes are written down; absent: no program asks for them. */
  usdtSpecs(): UsdtSpecs | undefined;
  /** The object keeps links until they are detached, or it is closed itself. */
  keep(link: Link): void;
  drop(link: Link): void;
  /** Those of a program. */
  linksOf(program: string): readonly Link[];
  /** Types of the object; undefined where it has none. */
  readonly types: Btf | undefined;
  /** Loads a program once more, so that it can share an interface; the object closes it. Throws as `load` does. */
  loadShared(spec: ProgramSpec): LoadedProgram;
  /** Has the kernel count runs from now on, until the object is closed. */
  countRuns(): void;
}

export class ObjectProgram implements ModuleProgram {
  readonly name: string;
  readonly #owner: ProgramOwner;
  #spec: ProgramSpec;
  #load: boolean;
  #loaded: LoadedProgram | undefined;
  /** The same, as what shares an interface. */
  #shared: LoadedProgram | undefined;
  /** `object.attach()` attaches it too. */
  autoAttach = true;

  constructor(spec: ProgramSpec, owner: ProgramOwner) {
    this.name = spec.name;
    this.#spec = spec;
    this.#owner = owner;
    this.#load = spec.optional !== true;
  }

  /** What will be, or was, loaded. */
  get spec(): ProgramSpec {
    return this.#spec;
  }

  /** The section of the file that it is from. */
  get section(): string {
    return this.#spec.section ?? "";
  }

  get type(): ProgramSpec["type"] {
    return this.#spec.type;
  }

  set type(type: ProgramSpec["type"]) {
    this.#change({ type });
  }

  /** It is loaded with the object: all are but those whose section begins with `?`. */
  get load(): boolean {
    return this.#load;
  }

  set load(load: boolean) {
    this.#change({});
    this.#load = load;
  }

  /** `expected_attach_type` by its name: lower case, without `BPF_`. */
  get attachType(): string | undefined {
    return this.#spec.attachType;
  }

  set attachType(attachType: string) {
    this.#change({ attachType });
  }

  /** What it is verified against and attaches to: of `fentry`, `fexit`, `fmod_ret`, `freplace`, `tp_btf`, `lsm`, `iter`. */
  get target(): ProgramTarget | undefined {
    return this.#spec.target;
  }

  set target(target: ProgramTarget) {
    this.#change({ target });
  }

  /**
   * What it stands in for (`freplace`), or looks at (`fentry`, `fexit`): a function of a loaded program, which may be given
   * by its id. The function's name is that of the section unless said otherwise.
   */
  setAttachTarget(program: ObjectProgram | number, name: string | undefined = this.target?.name): void {
    const kind = this.target?.kind ?? "freplace";
    if (name === undefined)
      throw new TypeError(`program "${this.name}": whose section names no function needs its name`);
    this.#change({ target: { kind, name, program: typeof program === "number" ? program : program.info().id } });
  }

  #change(change: Partial<ProgramSpec>): void {
    if (this.#loaded !== undefined) throw new Error(`program ${this.name} is loaded: it cannot be changed any more`);
    this.#spec = { ...this.#spec, ...change };
  }

  /** It is loaded: for the loader. */
  loaded(program: LoadedProgram): void {
    this.#loaded = program;
  }

  #program(): LoadedProgram {
    if (this.#loaded === undefined)
      throw new Error(`program ${this.name} is not loaded${this.#load ? " yet" : ": its `load` is false"}`);
    return this.#loaded;
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined;
  }

  get fd(): number {
    return this.#program().fd;
  }

  /** The verifier's log, where it was asked for. */
  get log(): string | undefined {
    return this.#program().log;
  }

  /** What the kernel says of it. */
  info(): ProgramInfo {
    return programInfo(this.fd, this.#owner.kernel);
  }

  /** Runs it once here and now, by BPF_PROG_TEST_RUN. */
  testRun(input: TestRunInput = {}): TestRunResult {
    return testRun(this.fd, input, this.#owner.kernel);
  }

  /**
   * Runs it once here and now, by BPF_PROG_TEST_RUN: on a packet or a context. Throws a SystemCallError for programs of a type
   * that the kernel cannot run so: of those of tracing it can raw and BTF tracepoints (Linux 5.10), fentry and fexit.
   */
  test({ packet, context }: TestInput = {}): TestOutput {
    const { value, data } = this.testRun({
      ...(packet === undefined ? {} : { data: packet }),
      ...(context === undefined ? {} : { context }),
    });
    return { value, verdict: verdictOf(this.type, value), packet: data };
  }

  /**
   * How often it has run and how long that took, since it was loaded, as far as statistics were on. The first call switches
   * them on for as long as the object is open (BPF_ENABLE_STATS, Linux 5.8), for all programs of this system; it costs some 20 ns
   * a run. Throws a SystemCallError.
   */
  stats(): ProgramStats {
    this.#owner.countRuns();
    const { runs, runNanoseconds } = this.info();
    return { runs, nanoseconds: runNanoseconds };
  }

  /**
   * Lets another program of the same type take its place wherever this one is attached, in one step with no event lost
   * (BPF_LINK_UPDATE). What is attached is then that one's: its own links detach it. Throws an UnsupportedError where it is
   * attached in a way that has no such step (kprobes, tracepoints, perf events, trampolines); then nothing has changed.
   */
  replace(by: ObjectProgram): void {
    const links = this.#owner.linksOf(this.name);
    if (links.length === 0) throw new UnsupportedError(`program "${this.name}" is attached nowhere`);
    for (const link of links)
      if (!link.isUpdatable)
        throw new UnsupportedError(
          `program "${this.name}" cannot be replaced in one step: ${link.places.map(({ kind }) => kind).join(", ")}`,
        );
    for (const link of links) link.update({ name: by.name, fd: by.fd });
  }

  /** Gives it a name in a BPF file system. */
  pin(path: string): void {
    pin(this.fd, path, this.#owner.kernel);
  }

  /** What `object.attach()` needs to be told of it, since its section does not say it; undefined: nothing. */
  get needs(): string | undefined {
    const place = sectionPlace(this.#spec, this.#owner.kernel);
    return place.kind === "asked" ? place.needs : undefined;
  }

  /**
   * Attaches it: as its section says, or as the options do. Throws an UnsupportedError or a SystemCallError; then nothing
   * stays attached.
   */
  async attach(options: AttachOptions = {}): Promise<Link> {
    const program = this.#program();
    const { kernel } = this.#owner;
    const place = placeOf(this.#spec, options, kernel, this.#owner.types);
    switch (place.kind) {
      case "asked":
        throw new UnsupportedError(
          `program "${this.name}" (${this.type}): SEC("${this.section}") does not say where: attach() needs ${place.needs}`,
        );
      case "usdt": {
        const { pid, cookie } = options;
        const own = {
          ...place,
          ...(pid === undefined ? {} : { pid }),
          ...(cookie === undefined ? {} : { cookie: BigInt(cookie) }),
        };
        const { targets, release } = usdtTargets(own, this.#owner.usdtSpecs(), kernel);
        try {
          return this.#link(attachEach(program, targets, kernel), release);
        } catch (error) {
          release();
          throw error;
        }
      }
      case "kprobes": {
        if (program.attachType === 0) {
          const cookie = options.cookie === undefined ? {} : { cookie: BigInt(options.cookie) };
          const each = place.functions.map(
            (name): AttachTarget => ({
              kind: "kprobe",
              function: name,
              offset: 0,
              return: place.at === "return",
              ...cookie,
            }),
          );
          return this.#link(
            attachEach(
              program,
              each.map((target) => linkable(target, kernel)),
              kernel,
            ),
          );
        }
        const cookies =
          options.cookie === undefined ? {} : { cookies: place.functions.map(() => BigInt(options.cookie ?? 0)) };
        return this.#link([attachKprobeMulti(program, { ...place, ...cookies }, kernel)]);
      }
      case "targets":
        return this.attachTo(place.targets.map((target) => linkable(target, kernel)));
    }
  }

  /** Attaches it at these places, whatever its section says. Throws as `attach` does. */
  attachTo(targets: readonly AttachTarget[]): Link {
    const program = this.#program();
    const shares = targets.some((target) => target.kind === "xdp" && target.share !== undefined);
    if (shares) this.#shared ??= this.#owner.loadShared(this.#spec);
    return this.#link(attachEach((shares ? this.#shared : undefined) ?? program, targets, this.#owner.kernel));
  }

  #link(attachments: readonly Attachment[], after?: () => void): Link {
    const link: Link = new Link(this.name, attachments, () => {
      after?.();
      this.#owner.drop(link);
    });
    this.#owner.keep(link);
    return link;
  }

  /** Runs an iterator once: what it writes, piece by piece. Takes the options of `attach`. */
  async *iterate(options: AttachOptions = {}): AsyncIterable<Uint8Array> {
    const link = await this.attach(options);
    try {
      yield* link.output();
    } finally {
      link.close();
    }
  }

  /** The same as text. */
  async *iterateText(options: AttachOptions = {}): AsyncIterable<string> {
    const decoder = new TextDecoder();
    for await (const bytes of this.iterate(options)) yield decoder.decode(bytes, { stream: true });
    const rest = decoder.decode();
    if (rest !== "") yield rest;
  }
}

/** A perf event's program is held by a link where the kernel has them (Linux 5.15), so that it can be pinned and asked about. */
function linkable(target: AttachTarget, kernel: Kernel): AttachTarget {
  if (target.cookie !== undefined || !/^(?:tracepoint|kprobe|uprobe|perf_event)$/.test(target.kind)) return target;
  return hasFeature("perfEventCookie", kernel) ? { ...target, cookie: 0n } : target;
}
