// Records of a ring, as they come: an AsyncIterable, or batches for a callback. One reader at a time for each ring.

import { type Kernel, type KernelMap, PerfBuffer, Poller, RingBuffer } from "../kernel/index.ts";
import { type RecordDecoder, Records } from "../user-side/index.ts";

export interface RecordOptions<T> {
  /** What a record is: the name of a struct in the object's types, or a function that reads its bytes (valid during the call). */
  readonly type?: string | ((bytes: Uint8Array, cpu: number | undefined) => T);
  /** Of perf buffers: pages of each CPU's ring, a power of two. 64 unless said otherwise. */
  readonly pages?: number;
  /** Milliseconds after which the ring is looked at even if nobody has woken us (records may be sent without). 200 unless said otherwise. */
  readonly interval?: number;
  /** Ends the reading when aborted. */
  readonly signal?: AbortSignal;
}

/** Reads one record after the other; answers how many there were. */
type Drain = (read: RecordDecoder<unknown>) => number;

interface Source {
  readonly fds: readonly number[];
  readonly drain: Drain;
  readonly lost: () => number;
  readonly close: () => void;
}

export class RecordStream<T> extends Records<T> implements Disposable, AsyncDisposable {
  readonly #source: Source;
  readonly #decode: RecordDecoder<T>;
  readonly #poller: Poller;
  readonly #interval: number;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.stop();
  #closed = false;

  constructor(
    map: KernelMap,
    decode: RecordDecoder<T>,
    options: Pick<RecordOptions<T>, "pages" | "interval" | "signal">,
    refused: () => number = () => 0,
  ) {
    super();
    this.#source = map.spec.type === "ringbuf" ? ringSource(map, refused) : perfSource(map, options.pages);
    this.#decode = decode;
    this.#interval = options.interval ?? 200;
    try {
      this.#poller = new Poller(this.#source.fds, map.kernel as Kernel);
    } catch (error) {
      this.#source.close();
      throw error;
    }
    this.#signal = options.signal;
    if (this.#signal?.aborted) this.stop();
    this.#signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** Records that the kernel had no room for. Of a ring buffer it does not say: programs are told, and count them where they are kernel modules. */
  get lost(): number {
    return this.#source.lost();
  }

  protected read(): T[] {
    const records: T[] = [];
    const decode = this.#decode;
    if (!this.#closed)
      this.#source.drain((view, offset, length, cpu) => records.push(decode(view, offset, length, cpu)));
    return records;
  }

  protected async wait(): Promise<void> {
    await this.#poller.wait(this.#interval);
  }

  protected wake(): void {
    this.#poller.wake();
  }

  /** Ends the reading at once, and gives the memory back. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.stop();
    this.#signal?.removeEventListener("abort", this.#abort);
    await this.#poller.close();
    this.#source.close();
  }

  [Symbol.dispose](): void {
    void this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function ringSource(map: KernelMap, refused: () => number): Source {
  const ring = new RingBuffer(map);
  return {
    fds: [map.fd],
    drain: (read) => ring.drain((offset, length) => read(ring.view, offset, length, undefined), MOST_AT_ONCE),
    lost: refused,
    close: () => ring.close(),
  };
}

function perfSource(map: KernelMap, pages: number | undefined): Source {
  const buffer = new PerfBuffer(map, pages === undefined ? {} : { pages });
  return {
    fds: buffer.fds,
    drain: (read) => buffer.drain(read),
    lost: () => buffer.lost,
    close: () => buffer.close(),
  };
}

/** A ring that is filled as fast as it is read must not keep its reader for ever. */
const MOST_AT_ONCE = 8192;
