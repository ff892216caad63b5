// Waits, off the event loop, until ring buffers (or any descriptors) have something to read.

import { Struct } from "./attributes.ts";
import {
  checked,
  EFD_CLOEXEC,
  EFD_NONBLOCK,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLLIN,
  systemCalls,
} from "./system-calls.ts";

const MAXIMUM = 64;
const EVENT_BYTES = process.arch === "x64" ? 12 : 16;
const DATA_OFFSET = process.arch === "x64" ? 4 : 8;
const EINTR = 4;

/** One epoll over some descriptors. At most one `wait` is under way; `wake` ends it at once. */
export class Poller {
  readonly #epoll: number;
  readonly #wakeFd: number;
  readonly #events = new Uint8Array(EVENT_BYTES * MAXIMUM);
  readonly #view = new DataView(this.#events.buffer);
  #waiting: Promise<readonly number[]> | undefined;
  #open = true;

  constructor(fds: readonly number[] = []) {
    const calls = systemCalls();
    this.#epoll = checked(calls.epollCreate(), "epoll_create1");
    this.#wakeFd = checked(calls.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd2");
    this.add(this.#wakeFd);
    for (const fd of fds) this.add(fd);
  }

  /** Also waits for `fd` to become readable. */
  add(fd: number): void {
    checked(systemCalls().epollControl(this.#epoll, EPOLL_CTL_ADD, fd, EPOLLIN, fd), "epoll_ctl");
  }

  remove(fd: number): void {
    systemCalls().epollControl(this.#epoll, EPOLL_CTL_DEL, fd, 0, 0);
  }

  /**
   * Settles with the descriptors that are readable: none after `timeoutMilliseconds` (-1: never) or a `wake`. A call
   * while another is under way gives the same promise. A record that was submitted without a wake-up
   * (BPF_RB_NO_WAKEUP) ends no wait: drain after a timeout too.
   */
  wait(timeoutMilliseconds: number): Promise<readonly number[]> {
    this.#waiting ??= this.#wait(timeoutMilliseconds).finally(() => {
      this.#waiting = undefined;
    });
    return this.#waiting;
  }

  async #wait(timeoutMilliseconds: number): Promise<readonly number[]> {
    const calls = systemCalls();
    const result = await calls.epollWait(this.#epoll, this.#events, MAXIMUM, timeoutMilliseconds);
    if (result === -EINTR) return [];
    const count = checked(result, "epoll_wait");
    const ready: number[] = [];
    for (let i = 0; i < count; i++) {
      const fd = this.#view.getUint32(i * EVENT_BYTES + DATA_OFFSET, true);
      if (fd === this.#wakeFd) calls.read(fd, new Uint8Array(8));
      else ready.push(fd);
    }
    return ready;
  }

  /** Ends a `wait` that is under way, or the next one. */
  wake(): void {
    if (this.#open) systemCalls().write(this.#wakeFd, new Struct(8).u64(0, 1).bytes);
  }

  /** Wakes, lets the wait end, and closes. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.wake();
    this.#open = false;
    await this.#waiting?.catch(() => undefined);
    systemCalls().close(this.#epoll);
    systemCalls().close(this.#wakeFd);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
