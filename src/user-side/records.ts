// Records of a ring, as they come: one by one, or in batches. One reader at a time for each ring.

export abstract class Records<T> implements AsyncIterable<T> {
  #stopped = false;
  /** What a reader that has ended early has left. */
  #left: readonly T[] = [];

  /** Records that found no room; they never come. */
  abstract get lost(): number;

  /** Some of what is there now, none only where nothing is. */
  protected abstract read(): T[];

  /** What is there now, without waiting; of much that is there the first part. */
  take(): T[] {
    if (this.#left.length === 0) return this.read();
    const left = [...this.#left];
    this.#left = [];
    return left;
  }

  /** The same, all of it. It ends only when nobody sends any more. */
  drain(): T[] {
    const records = this.take();
    for (let more = this.take(); more.length > 0; more = this.take()) for (const record of more) records.push(record);
    return records;
  }

  /** What was taken and not looked at: it comes next. */
  putBack(records: readonly T[]): void {
    this.#left = records;
  }

  /** Settles when there may be something new. */
  protected abstract wait(): Promise<void>;
  protected abstract wake(): void;

  /** Ended: what is there already is still given. */
  protected get stopped(): boolean {
    return this.#stopped;
  }

  /** Waits until there are records, and gives them; none where the reading was ended. */
  async next(): Promise<T[]> {
    for (;;) {
      const records = this.take();
      if (records.length > 0 || this.#stopped) return records;
      await this.wait();
    }
  }

  /** Hands on each batch of records until the reading is ended by `stop()` or by `signal`. */
  async forEachBatch(read: (records: readonly T[]) => void): Promise<void> {
    for (let records = await this.next(); records.length > 0; records = await this.next()) read(records);
  }

  /**
   * The same, read in the background from now on; what is given back ends it. An error that `read` throws goes where unhandled
   * rejections go.
   */
  onBatch(read: (records: readonly T[]) => void): () => void {
    void this.forEachBatch(read);
    return () => this.stop();
  }

  /** `for await (const batch of ring.batches())`: arrays of records, none empty. */
  async *batches(): AsyncGenerator<T[], void> {
    for (let records = await this.next(); records.length > 0; records = await this.next()) yield records;
  }

  /** One by one. Where the loop is left early, another goes on behind its last record. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return new RecordIterator(this);
  }

  /** Ends the reading: what is there already is still given. */
  stop(): void {
    this.#stopped = true;
    this.wake();
  }
}

/** What an async generator would do, with less work for each record: a batch at hand is given without a wait. */
class RecordIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #records: Records<T>;
  #batch: readonly T[] = [];
  #at = 0;
  #done = false;

  constructor(records: Records<T>) {
    this.#records = records;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#at < this.#batch.length) return Promise.resolve({ done: false, value: this.#batch[this.#at++] as T });
    return this.#more();
  }

  async #more(): Promise<IteratorResult<T, undefined>> {
    if (!this.#done) {
      this.#batch = await this.#records.next();
      this.#at = 1;
      if (this.#batch.length > 0) return { done: false, value: this.#batch[0] as T };
    }
    this.#done = true;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#done && this.#at < this.#batch.length) this.#records.putBack(this.#batch.slice(this.#at));
    this.#done = true;
    this.#batch = [];
    return { done: true, value: undefined };
  }
}
