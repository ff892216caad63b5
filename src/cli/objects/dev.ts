// `scry dev`: a kernel module at work while it is written. It is compiled anew on each save, and takes its own place.

import { type FSWatcher, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Link, type ObjectFile, type ObjectProgram, type Swapped, swap } from "../../loader/index.ts";
import type { ByteSink } from "../../views/index.ts";
import { warn } from "../messages.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { openStreams } from "../streams.ts";
import { pidOf } from "../target.ts";
import { explainObjectFailure } from "./object-failure.ts";
import { fileOf, openFile, openOptions, setVariables, warned } from "./open.ts";
import { attachAll, openRings, Printer, printMaps, type Ring, toldPlace } from "./run.ts";

/** Milliseconds for an editor to write all of its files. */
const SETTLE = 60;

/** Runs until Ctrl-C; gives the exit status. */
export async function developFile(line: CommandLine): Promise<number> {
  const file = fileOf(line, "dev");
  if (!file.endsWith(".ts")) throw new UsageError(`scry dev runs kernel modules: '${file}' ends not in .ts`);
  const streams = openStreams(line.given);
  const development = new Development(file, line, new Printer(streams.out, isJson(line)), streams.messages);
  await development.start();
  try {
    await development.untilStopped();
  } finally {
    await development.close();
  }
  streams.out.flush();
  streams.messages.flush();
  return 0;
}

const isJson = ({ given }: CommandLine): boolean => given.get("format")?.startsWith("json") === true;

class Development {
  readonly #file: string;
  readonly #line: CommandLine;
  readonly #printer: Printer;
  readonly #messages: ByteSink;
  readonly #watchers = new Map<string, FSWatcher>();
  /** What the module is made of, by the files' paths. */
  #texts = new Map<string, string>();
  #object: ObjectFile | undefined;
  #rings: readonly Ring[] = [];
  #readers: readonly Promise<void>[] = [];
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> = Promise.resolve();
  #stop: () => void = () => undefined;

  constructor(file: string, line: CommandLine, printer: Printer, messages: ByteSink) {
    this.#file = file;
    this.#line = line;
    this.#printer = printer;
    this.#messages = messages;
  }

  #say(text: string): void {
    if (!this.#line.given.has("quiet")) this.#messages.text(`${text}\n`);
    this.#messages.flush();
  }

  /** What is wrong with the first text is said, and the next one waited for. */
  async start(): Promise<void> {
    await this.#renew();
    this.#say(`${this.#file}: compiled on each save; Ctrl-C ends it`);
  }

  async untilStopped(): Promise<void> {
    const stopped = new Promise<void>((done) => {
      this.#stop = done;
    });
    // A timer keeps this process alive.
    const beat = setInterval(() => undefined, 1000);
    process.on("SIGINT", this.#stop);
    process.on("SIGTERM", this.#stop);
    await stopped;
    clearInterval(beat);
    process.off("SIGINT", this.#stop);
    process.off("SIGTERM", this.#stop);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    await this.#work;
    await this.#closeRings();
    if (this.#object !== undefined) printMaps(this.#object, this.#printer);
    await this.#object?.close();
  }

  // --- one text after the other -------------------------------------------------------------------------------------

  /** Compiles what is there now and puts it in the place of what is at work; what is wrong with it changes nothing. */
  async #renew(): Promise<void> {
    const read = new Set<string>([this.#file]);
    try {
      const options = {
        ...openOptions(this.#line),
        ...warned(this.#line),
        onRead: (path: string) => void read.add(path),
      };
      const next = await openFile(this.#file, options);
      if ((next.file.structOps ?? []).length > 0)
        throw new UsageError("scry dev exchanges programs: structs that the kernel holds are for scry run", []);
      if (this.#object === undefined) await this.#begin(next);
      else await this.#exchange(this.#object, next);
    } catch (error) {
      explainObjectFailure(error, this.#line);
      if (this.#object !== undefined) this.#say("what is at work goes on as it was");
    } finally {
      this.#texts = await textsOf(read);
      this.#watchAll(read);
    }
  }

  async #begin(next: ObjectFile): Promise<void> {
    setVariables(next, this.#line);
    try {
      await next.load();
      this.#read(next);
      const { places, left } = await attachAll(next, this.#line);
      for (const text of left) warn(this.#messages, `not attached: ${text}`);
      this.#say(`${next.name}: ${places.length === 0 ? "loaded" : `attached ${places.join(", ")}`}`);
    } catch (error) {
      await this.#closeRings();
      await next.close();
      throw error;
    }
    this.#object = next;
  }

  async #exchange(running: ObjectFile, next: ObjectFile): Promise<void> {
    const swapped = await swap(running, next, (program) => this.#attach(program));
    // What came to rings that are no more is printed first; kept ones go on where their reader stopped.
    await this.#closeRings();
    this.#read(next);
    this.#object = next;
    await running.close();
    this.#say(`${next.name}: ${told(swapped)}`);
  }

  async #attach(program: ObjectProgram): Promise<Link | undefined> {
    const { needs } = program;
    const pid = this.#line.given.get("pid");
    if (needs === undefined)
      return program.attach(program.type === "kprobe" && pid !== undefined ? { pid: pidOf(pid) } : {});
    const options = toldPlace(program, needs, this.#line);
    return options === undefined ? undefined : program.attach(options);
  }

  // --- rings --------------------------------------------------------------------------------------------------------

  #read(object: ObjectFile): void {
    this.#rings = openRings(object, new Map(), undefined);
    this.#readers = this.#rings.map(({ map, stream }) =>
      stream.forEachBatch((records) =>
        this.#printer.batch(() => {
          for (const record of records) this.#printer.record(map.name, record);
        }),
      ),
    );
  }

  async #closeRings(): Promise<void> {
    for (const { stream } of this.#rings) stream.stop();
    await Promise.all(this.#readers);
    for (const { stream } of this.#rings) await stream.close();
    this.#rings = [];
    this.#readers = [];
  }

  // --- files --------------------------------------------------------------------------------------------------------

  /** Folders are watched, not files: editors put a new file in the place of the old one. */
  #watchAll(files: ReadonlySet<string>): void {
    for (const folder of new Set([...files].map((file) => dirname(resolve(file))))) {
      if (this.#watchers.has(folder)) continue;
      try {
        this.#watchers.set(
          folder,
          watch(folder, () => this.#changed()),
        );
      } catch {
        // A folder that is not there has nothing that could change.
      }
    }
  }

  #changed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#work = this.#work.then(() => this.#renewIfChanged());
    }, SETTLE);
  }

  async #renewIfChanged(): Promise<void> {
    const now = await textsOf(this.#texts.keys());
    if ([...now].some(([path, text]) => this.#texts.get(path) !== text)) await this.#renew();
  }
}

/** A file that is not there is an empty text. */
async function textsOf(files: Iterable<string>): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const file of files) texts.set(file, await readFile(file, "utf8").catch(() => ""));
  return texts;
}

function told({ exchanged, attached, gone, kept, fresh }: Swapped): string {
  const parts = [
    ["exchanged in one step", exchanged],
    ["attached anew, before the old ones went (an event in between is seen by both)", attached],
    ["gone", gone],
    ["maps kept", kept],
    ["maps anew", fresh],
  ] as const;
  return parts
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what}: ${names.join(", ")}`)
    .join("; ");
}
