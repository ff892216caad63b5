// BCC's ease in TypeScript: a text of its dialect of C, compiled here, attached by name, read as tables and rings.

import { readFileSync } from "node:fs";
import {
  hasFeature,
  kernelBtf,
  listTracepoints,
  liveKernel,
  traceableFunctions,
  UnsupportedError,
} from "../kernel/index.ts";
import {
  type AttachOptions,
  type Link,
  ObjectFile,
  type ObjectMap,
  type ObjectProgram,
  openPrintk,
  type RecordStream,
  syscallFunction,
} from "../loader/index.ts";
import { objectOfText } from "../sources/index.ts";
import { kernelSymbols, userSymbols } from "../symbols/index.ts";
import { Table } from "./table.ts";
import type { USDT } from "./usdt.ts";

export interface BccProgramOptions {
  /** The program's text, or the file that holds it. */
  readonly text?: string;
  readonly srcFile?: string;
  /** Options of a compiler that mean something here: `-DNAME=VALUE`, `-IFOLDER`, `-include FILE`. */
  readonly cflags?: readonly string[];
  readonly usdt?: readonly USDT[];
}

/** Which function of the text runs. */
interface Run {
  readonly fn: string;
}

type Read = (record: unknown, cpu?: number) => void;

export class BCC implements AsyncDisposable {
  /** The object that the text became, with all that BCC's interface does not say. */
  readonly object: ObjectFile;
  readonly #usdt: readonly USDT[];
  readonly #rings = new Map<string, { readonly stream: RecordStream<unknown>; readonly read: Read }>();
  #loading: Promise<void> | undefined;

  /** Compiles the text. Throws a DiagnosticError for what is wrong with it. */
  constructor(options: BccProgramOptions) {
    const { srcFile, usdt = [], cflags = [] } = options;
    const text = options.text ?? (srcFile === undefined ? undefined : readFileSync(srcFile, "utf8"));
    if (text === undefined) throw new TypeError("BCC needs text or srcFile");
    const name = srcFile ?? "program";
    const object = objectOfText(
      { name, text },
      { dialect: "bcc", ...flagsOf(cflags), usdt: new Map(usdt.flatMap((one) => [...one.forms()])) },
    );
    this.#usdt = usdt;
    this.object = new ObjectFile(object, { name });
    // A program is loaded when it is known what it is attached to.
    for (const program of this.#programs()) program.load = isNamed(program);
  }

  #programs(): ObjectProgram[] {
    return Object.values(this.object.programs) as ObjectProgram[];
  }

  /**
   * Makes the maps, and loads and attaches the programs whose names say where, and those of static probes; the first
   * `attach…` does it too. Throws an UnsupportedError, a SystemCallError or a VerifierError.
   */
  async load(): Promise<this> {
    this.#loading ??= (async () => {
      await this.object.load();
      for (const program of this.#programs()) if (program.isLoaded) await program.attach();
      for (const { fn, targets } of this.#usdt.flatMap((one) => one.places()))
        (await this.#loaded({ fn }, "kprobe")).attachTo(targets);
    })();
    await this.#loading;
    return this;
  }

  /** The program, loaded as one of this type. */
  async #loaded({ fn }: Run, type: ObjectProgram["type"]): Promise<ObjectProgram> {
    const program = this.object.program(fn);
    if (!program.isLoaded && program.type !== type) program.type = type;
    if (this.#loading === undefined) await this.load();
    if (!this.object.isLoaded) await this.#loading;
    if (!program.isLoaded) await this.object.loadProgram(fn);
    if (program.type !== type)
      throw new UnsupportedError(`${fn} runs as a program of type ${program.type} already, not as ${type}`);
    return program;
  }

  async #attach(run: Run, type: ObjectProgram["type"], options: AttachOptions): Promise<Link> {
    return (await this.#loaded(run, type)).attach(options);
  }

  // --- attaching --------------------------------------------------------------------------------------------------

  /** At the entry of a function of the kernel, or of all that an expression matches. */
  async attachKprobe(at: Run & { event?: string; eventRe?: RegExp; offset?: number }): Promise<readonly Link[]> {
    return this.#kernelFunctions(at, false);
  }
  /** At its return. */
  async attachKretprobe(at: Run & { event?: string; eventRe?: RegExp }): Promise<readonly Link[]> {
    return this.#kernelFunctions(at, true);
  }

  async #kernelFunctions(
    at: Run & { event?: string; eventRe?: RegExp; offset?: number },
    atReturn: boolean,
  ): Promise<readonly Link[]> {
    const { event, eventRe, offset = 0 } = at;
    const names = event === undefined ? BCC.getKprobeFunctions(eventRe ?? /^$/) : [event];
    if (names.length === 0) throw new UnsupportedError(`no function of the kernel matches ${eventRe}`);
    const links: Link[] = [];
    for (const name of names)
      links.push(await this.#attach(at, "kprobe", { function: name, offset, return: atReturn }));
    return links;
  }

  /** At a function of a program or library (`sym`), or an address in its file (`addr`). */
  attachUprobe(at: Run & { name: string; sym?: string; addr?: number; symOff?: number; pid?: number }): Promise<Link> {
    return this.#attach(at, "kprobe", { ...userPlace(at), return: false });
  }
  attachUretprobe(at: Run & { name: string; sym?: string; addr?: number; pid?: number }): Promise<Link> {
    return this.#attach(at, "kprobe", { ...userPlace(at), return: true });
  }

  /** `tp` is `category:event`. */
  attachTracepoint(at: Run & { tp: string }): Promise<Link> {
    return this.#attach(at, "tracepoint", { tracepoint: at.tp });
  }
  attachRawTracepoint(at: Run & { tp: string }): Promise<Link> {
    return this.#attach(at, "raw_tracepoint", { tracepoint: at.tp });
  }

  /** perf_event_open(2): on all CPUs, or of one process. Give a period (events) or a frequency (per second). */
  attachPerfEvent(
    at: Run & { evType: number; evConfig: number; samplePeriod?: number; sampleFreq?: number; pid?: number },
  ): Promise<Link> {
    const { evType, evConfig, samplePeriod, sampleFreq, pid } = at;
    return this.#attach(at, "perf_event", {
      event: {
        type: evType,
        config: evConfig,
        ...(samplePeriod === undefined ? {} : { period: samplePeriod }),
        ...(sampleFreq === undefined ? {} : { frequency: sampleFreq }),
      },
      ...(pid === undefined ? {} : { pid }),
    });
  }

  attachXdp(at: Run & { dev: string; mode?: NonNullable<AttachOptions["mode"]>; netns?: string }): Promise<Link> {
    const { dev, mode, netns } = at;
    return this.#attach(at, "xdp", {
      interface: dev,
      ...(mode === undefined ? {} : { mode }),
      ...(netns === undefined ? {} : { netns }),
    });
  }

  /** To a socket, by its descriptor. */
  attachRawSocket(at: Run & { fd: number }): Promise<Link> {
    return this.#attach(at, "socket_filter", { socket: at.fd });
  }

  // --- reading ----------------------------------------------------------------------------------------------------

  /** A map of the text. Throws an UnsupportedError where it has none of this name. */
  table(name: string): Table {
    return new Table(this.object.map(name));
  }

  /** What programs send by this ring, as it comes. */
  async events(name: string): Promise<RecordStream<unknown>> {
    await this.load();
    return (this.object.map(name) as ObjectMap).records();
  }

  /** `perfBufferPoll` hands what programs send by this ring to the function. */
  async openPerfBuffer(name: string, read: Read, options: { readonly pages?: number } = {}): Promise<void> {
    await this.load();
    this.#rings.set(name, { stream: this.object.map(name).records(options), read });
  }
  openRingBuffer(name: string, read: Read): Promise<void> {
    return this.openPerfBuffer(name, read);
  }

  /** Waits for records of the opened rings, at most this long (milliseconds); answers how many were read. */
  async perfBufferPoll(timeout = 1000): Promise<number> {
    const end = Date.now() + timeout;
    for (;;) {
      const count = this.perfBufferConsume();
      const left = end - Date.now();
      if (count > 0 || left <= 0) return count;
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, 10)));
    }
  }
  ringBufferPoll(timeout = 1000): Promise<number> {
    return this.perfBufferPoll(timeout);
  }
  /** What is there now. */
  perfBufferConsume(): number {
    let count = 0;
    for (const { stream, read } of this.#rings.values())
      for (const record of stream.take()) {
        read(record);
        count++;
      }
    return count;
  }
  /** Records of a ring that nobody read in time. */
  lost(name: string): number {
    return this.#rings.get(name)?.stream.lost ?? 0;
  }

  /**
   * Lines that the text's programs print by `bpf_trace_printk`, as they come, until the signal is aborted. Throws an
   * UnsupportedError where trace_pipe cannot be opened.
   */
  async *tracePrint(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<string, void> {
    await this.load();
    const waiting: string[] = [];
    const reader = openPrintk(this.object.file, (line) => waiting.push(line));
    if (reader === undefined) throw new UnsupportedError("trace_pipe cannot be opened");
    try {
      while (options.signal?.aborted !== true) {
        reader.read();
        yield* waiting.splice(0);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      reader.read();
      yield* waiting.splice(0);
    } finally {
      reader.close();
    }
  }

  // --- what the system is -------------------------------------------------------------------------------------------

  /** The function of the kernel's that an address is in; `showOffset`: `vfs_read+0x1c`. */
  static ksym(address: bigint, options: { readonly showOffset?: boolean } = {}): string {
    return named(kernelSymbols().lookup(address), options);
  }
  /** The function of a process that an address is in. */
  static sym(address: bigint, pid: number, options: { readonly showOffset?: boolean } = {}): string {
    return named(userSymbols(pid).lookup(address), options);
  }
  /** Functions of the kernel that can be traced. */
  static getKprobeFunctions(expression: RegExp): readonly string[] {
    return traceableFunctions((name) => expression.test(name));
  }
  /** The function that a system call enters by, on this machine. */
  static getSyscallFnname(name: string): string {
    return syscallFunction(name);
  }
  static tracepointExists(category: string, event: string): boolean {
    return listTracepoints().includes(`${category}:${event}`);
  }
  /** Does a struct of the running kernel have this member? */
  static kernelStructHasField(struct: string, field: string): boolean {
    const btf = kernelBtf();
    const id = btf.find(struct, "struct");
    return id !== undefined && btf.members(id).some(({ name }) => name === field);
  }
  /** Can functions of the kernel be traced by typed trampolines (fentry)? */
  static supportKfunc(): boolean {
    return hasFeature("fentry", liveKernel());
  }

  /** Detaches and unloads everything. */
  async close(): Promise<void> {
    for (const { stream } of this.#rings.values()) await stream.close();
    this.#rings.clear();
    await this.object.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Its name says where it is attached. */
const isNamed = ({ section }: ObjectProgram): boolean => section.includes("/") && !section.startsWith("cgroup/");

function userPlace(at: { name: string; sym?: string; addr?: number; symOff?: number; pid?: number }): AttachOptions {
  const { name, sym, addr, symOff = 0, pid } = at;
  if (sym === undefined && addr === undefined) throw new TypeError("attachUprobe needs sym or addr");
  return {
    path: name,
    ...(sym === undefined ? { offset: addr ?? 0 } : { function: sym, offset: symOff }),
    ...(pid === undefined ? {} : { pid }),
  };
}

/** What options of a compiler say here. Throws a TypeError for those that mean nothing. */
function flagsOf(flags: readonly string[]): { defines: string[]; includeFolders: string[]; includes: string[] } {
  const defines: string[] = [];
  const includeFolders: string[] = [];
  const includes: string[] = [];
  for (let i = 0; i < flags.length; i++) {
    const flag = flags[i] as string;
    const value = (): string => (flag.length > 2 ? flag.slice(2) : (flags[++i] ?? ""));
    if (flag.startsWith("-D")) defines.push(value());
    else if (flag.startsWith("-I")) includeFolders.push(value());
    else if (flag === "-include") includes.push(flags[++i] ?? "");
    else if (!/^-(?:[WOg]|std=|f)/.test(flag)) throw new TypeError(`cflags: '${flag}' means nothing here`);
  }
  return { defines, includeFolders, includes };
}

function named(
  found: { readonly name: string; readonly offset: number } | undefined,
  { showOffset = false }: { readonly showOffset?: boolean },
): string {
  if (found === undefined) return "[unknown]";
  return showOffset ? `${found.name}+0x${found.offset.toString(16)}` : found.name;
}
