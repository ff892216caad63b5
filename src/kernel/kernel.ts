// One kernel: its system calls, its files, and what has been found out about it. Everything in this room works on the
// kernel that it is given; `liveKernel()` is the one that this process runs on, and the default.

import { bpfAttr } from "./layouts.ts";
import { BpfCommand } from "./numbers.ts";
import { type Layout, Struct, type Values } from "./struct.ts";
import type { Result, SystemCalls } from "./system-calls.ts";

/** The files by which a kernel shows itself: /proc, /sys and what is mounted there. Errors are those of `node:fs`. */
export interface KernelFiles {
  /** A whole file. */
  read(path: string): Uint8Array;
  exists(path: string): boolean;
  /** Where a symbolic link leads. */
  link(path: string): string;
  /** The names in a folder. */
  list(path: string): readonly string[];
}

/** The name of a command of bpf(2), without its BPF_. */
export type CommandName = keyof typeof bpfAttr;
/** `union bpf_attr` as a command takes it. */
export type BpfAttr<C extends CommandName> = Struct<(typeof bpfAttr)[C]>;

/** `BPF_F_TOKEN_FD` */
const TOKEN_FLAG = 1 << 16;
/** Commands that a token goes with, and where in them. */
const TOKEN_FIELDS = {
  MAP_CREATE: ["map_flags", "map_token_fd"],
  PROG_LOAD: ["prog_flags", "prog_token_fd"],
  BTF_LOAD: ["btf_flags", "btf_token_fd"],
} as const;

/**
 * A kernel: the live one, a container's, another machine's, a test's. Several can be used side by side; nothing that is
 * found out about one is believed of another.
 */
export class Kernel {
  readonly files: KernelFiles;
  readonly #open: () => SystemCalls;
  readonly #token: ((kernel: Kernel) => number | undefined) | undefined;
  #calls: SystemCalls | undefined;
  readonly #found = new Map<(kernel: Kernel) => unknown, unknown>();

  /**
   * `open` gives the system calls; it is asked when the first one is made. `token` finds the descriptor of a BPF token,
   * where this process is to use one (`token.ts`).
   */
  constructor(open: () => SystemCalls, files: KernelFiles, token?: (kernel: Kernel) => number | undefined) {
    this.#open = open;
    this.files = files;
    this.#token = token;
  }

  get calls(): SystemCalls {
    this.#calls ??= this.#open();
    return this.#calls;
  }

  /** What `find` answers for this kernel; asked once. Where it throws, the next one asks again. */
  once<T>(find: (kernel: Kernel) => T): T {
    const found = this.#found;
    if (!found.has(find)) found.set(find, find(this));
    return found.get(find) as T;
  }

  /** A struct with addresses of this kernel's. */
  struct<L extends Layout>(layout: L, values?: Values<L>): Struct<L> {
    return new Struct(this.calls, layout, values);
  }

  /** `union bpf_attr` for a command, to be written further, called more than once, or read after the call. */
  bpfAttr<C extends CommandName>(command: C, values?: Values<(typeof bpfAttr)[C]>): BpfAttr<C> {
    const attr = this.struct(bpfAttr[command], values);
    if (this.#token !== undefined && command in TOKEN_FIELDS) this.#authorize(command, attr);
    return attr;
  }

  #authorize(command: CommandName, attr: Struct<Layout>): void {
    const token = this.once(this.#token as (kernel: Kernel) => number | undefined);
    if (token === undefined) return;
    const [flags, field] = TOKEN_FIELDS[command as keyof typeof TOKEN_FIELDS];
    attr.set({ [flags]: Number(attr.get(flags)) | TOKEN_FLAG, [field]: token });
  }

  /** bpf(2): a result that is >= 0, or the negated errno. */
  bpf<C extends CommandName>(command: C, attr: BpfAttr<C> | Values<(typeof bpfAttr)[C]>): Result {
    const { bytes } = attr instanceof Struct ? attr : this.bpfAttr(command, attr);
    return this.calls.bpf(BpfCommand[command], bytes);
  }

  /** The text of a file, byte for byte. */
  text(path: string): string {
    const { buffer, byteOffset, byteLength } = this.files.read(path);
    return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
  }
}
