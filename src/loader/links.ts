// What is attached: a program at one place or many, until it is detached, or its owner closes it or ends.

import {
  type Attachment,
  detachAll,
  iteratorOutput,
  type LinkInfo,
  linkInfo,
  pin,
  SystemCallError,
  silence,
  UnsupportedError,
  unpin,
} from "../kernel/index.ts";

/** A program, as far as a link is concerned. */
export interface LinkedProgram {
  readonly name: string;
  readonly fd: number;
}

export class Link implements Disposable, AsyncDisposable {
  #name: string;
  readonly #attachments: readonly Attachment[];
  #after: () => void;
  #pinned: string | undefined;
  #open = true;

  /** `after` is called once it is detached. */
  constructor(name: string, attachments: readonly Attachment[], after: () => void = () => undefined) {
    this.#name = name;
    this.#attachments = attachments;
    this.#after = after;
  }

  /** Of the program, or the struct, that is attached. */
  get name(): string {
    return this.#name;
  }

  /** Places it is attached to. */
  get places(): readonly Attachment["target"][] {
    return this.#attachments.map(({ target }) => target);
  }

  /** The descriptors of the kernel's links; where there are none, perf events or sockets hold the program. */
  #links(): { fd: number; attachment: Attachment }[] {
    if (!this.#open) throw new Error(`${this.name}: it is detached`);
    return this.#attachments.flatMap((attachment) => {
      const fd = attachment.fds.at(-1);
      // A perf event without a link of its own has one descriptor, the event's.
      return fd === undefined || (attachment.slow && attachment.fds.length === 1) ? [] : [{ fd, attachment }];
    });
  }

  #only(what: string): { fd: number; attachment: Attachment } {
    const links = this.#links();
    const [first] = links;
    if (first === undefined) throw new UnsupportedError(`${this.name}: ${what}: this kernel has no link for it`);
    if (links.length > 1)
      throw new UnsupportedError(`${this.name}: ${what}: it is attached to ${links.length} places by as many links`);
    return first;
  }

  /** The descriptor of its link. Throws an UnsupportedError where it has none, or several. */
  get fd(): number {
    return this.#only("a descriptor").fd;
  }

  /** What the kernel says of its links. Throws a SystemCallError. */
  info(): readonly LinkInfo[] {
    return this.#links().map(({ fd, attachment }) => linkInfo(fd, attachment.kernel));
  }

  /** Can another program take the place of this one in one step? */
  get isUpdatable(): boolean {
    return this.#attachments.every(({ target, fds }) => UPDATABLE.has(target.kind) && fds.length > 0);
  }

  /** Whoever keeps it is told, by `after`, when it is detached: for objects that hand it on. */
  ownedBy(after: () => void): void {
    this.#after = after;
  }

  /** Lets another program of the same type take the place of this one, with no event lost. Throws a SystemCallError. */
  update(program: LinkedProgram): void {
    for (const { fd, attachment } of this.#links()) {
      const result = attachment.kernel.bpf("LINK_UPDATE", { link_fd: fd, new_prog_fd: program.fd });
      if (result === -EINVAL)
        throw new SystemCallError("bpf(BPF_LINK_UPDATE)", EINVAL, this.name, "links of this kind keep their program");
      if (result < 0) throw new SystemCallError("bpf(BPF_LINK_UPDATE)", -result, this.name);
    }
    this.#name = program.name;
  }

  /** Keeps it attached by a name in a BPF file system, also after this process has ended. */
  pin(path: string): void {
    const { fd, attachment } = this.#only("a pin");
    pin(fd, path, attachment.kernel);
    this.#pinned = path;
  }

  /** What an iterator writes, run once, piece by piece. */
  *output(): Iterable<Uint8Array> {
    const { fd, attachment } = this.#only("output");
    yield* iteratorOutput(fd, attachment.kernel);
  }

  /** Ends it, its pin included, without blocking: perf events wait for the kernel's RCU on other threads. */
  async detach(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    if (this.#pinned !== undefined) unpin(this.#pinned);
    silence(this.#attachments);
    try {
      await detachAll(this.#attachments);
    } finally {
      this.#after();
    }
  }

  /** Gives its descriptors back; what is pinned stays attached. Perf events may take 100 ms each: `detach` does not block. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    silence(this.#attachments);
    try {
      for (const { undo } of this.#attachments) undo?.();
    } finally {
      for (const { kernel, fds } of this.#attachments) for (const fd of fds) kernel.calls.close(fd);
      this.#after();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.detach();
  }
}

/**
 * Kinds of attachment whose links take another program (`update_prog` of their bpf_link_ops). Links of tracing keep theirs: of
 * kprobes, tracepoints, perf events and trampolines; what was attached without a link (clsact) cannot be told either.
 */
const UPDATABLE: ReadonlySet<string> = new Set([
  "xdp",
  "tc",
  "netkit",
  "cgroup",
  "sk_lookup",
  "flow_dissector",
  "iter",
]);
const EINVAL = 22;
