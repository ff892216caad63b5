// Waits, off the event loop, until ring buffers (or any descriptors) have something to read.

import type { Kernel } from "./kernel.ts";
import { epollEvent, epollEventPacked } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { offsetOf, sizeOf, wordBytes } from "./struct.ts";
import { checked, EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN } from "./system-calls.ts";

const MAXIMUM = 64;
const event = process.arch === "x64" ? epollEventPacked : epollEvent;
const EVENT_BYTES: number = sizeOf(event);
const FD_OFFSET: number = offsetOf(event, "fd");
const EINTR = 4;

/** One epoll over some descriptors; making it throws a SystemCallError. At most one `wait` is under way; `wake` ends it at once. */
export class Poller {
  readonly #kernel: Kernel;
  readonly #epoll: number;
  readonly #wakeFd: number;
  readonly #events = new Uint8Array(EVENT_BYTES * MAXIMUM);
  readonly #view = new DataView(this.#events.buffer);
  #waiting: Promise<readonly number[]> | undefined;
  #open = true;

  constructor(fds: readonly number[] = [], kernel: Kernel = liveKernel()) {
    this.#kernel = kernel;
    const { calls } = kernel;
    this.#epoll = checked(calls.epollCreate(), "epoll_create1");
    const wake = calls.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    this.#wakeFd = wake;
    try {
      checked(wake, "eventfd2");
      for (const fd of [wake, ...fds]) this.add(fd);
    } catch (error) {
      calls.close(this.#epoll);
      if (wake >= 0) calls.close(wake);
      throw error;
    }
  }

  /** Also waits for `fd` to become readable. */
  add(fd: number): void {
    checked(this.#kernel.calls.epollControl(this.#epoll, EPOLL_CTL_ADD, fd, EPOLLIN, fd), "epoll_ctl");
  }

  remove(fd: number): void {
    this.#kernel.calls.epollControl(this.#epoll, EPOLL_CTL_DEL, fd, 0, 0);
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
    const { calls } = this.#kernel;
    const result = await calls.epollWait(this.#epoll, this.#events, MAXIMUM, timeoutMilliseconds);
    if (result === -EINTR) return [];
    const count = checked(result, "epoll_wait");
    const ready: number[] = [];
    for (let i = 0; i < count; i++) {
      const fd = this.#view.getUint32(i * EVENT_BYTES + FD_OFFSET, true);
      if (fd === this.#wakeFd) calls.read(fd, new Uint8Array(8));
      else ready.push(fd);
    }
    return ready;
  }

  /** Ends a `wait` that is under way, or the next one. */
  wake(): void {
    if (this.#open) this.#kernel.calls.write(this.#wakeFd, wordBytes([1]));
  }

  /** Wakes, lets the wait end, and closes. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.wake();
    this.#open = false;
    await this.#waiting?.catch(() => undefined);
    this.#kernel.calls.close(this.#epoll);
    this.#kernel.calls.close(this.#wakeFd);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
