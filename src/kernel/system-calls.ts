// The one small door to the operating system: what the kernel room asks of libc, as an interface. Today `koffi-calls.ts`
// implements it; a second implementation on `node:ffi` can take its place without a change anywhere else.
//
// No function here throws: a failure is the negated errno, so that hot paths and feature probes cost nothing.
// `checked` turns such a result into a `SystemCallError` where the failure is the caller's end.

import { SystemCallError } from "./errors.ts";

/** A result that is >= 0, or the negated errno. */
export type Result = number;

export interface SystemCalls {
  /** The address of a buffer's first byte. It stays valid only as long as the buffer is referenced. */
  addressOf(buffer: Uint8Array): bigint;
  /** bpf(2): `attribute` is `union bpf_attr`, as long as the command needs. */
  bpf(command: number, attribute: Uint8Array): Result;
  /** bpf(2) on a libuv thread; the attribute, and all that it points to, must stay referenced until it settles. */
  bpfAsync(command: number, attribute: Uint8Array): Promise<Result>;
  /** perf_event_open(2) */
  perfEventOpen(attribute: Uint8Array, pid: number, cpu: number, groupFd: number, flags: number): Result;
  /** ioctl(2) with a number as its argument. */
  ioctl(fd: number, request: number, argument: number): Result;
  /** mmap(2): the pages as an ArrayBuffer that shares their memory. It must not be touched after `munmap`. */
  mmap(length: number, protection: number, flags: number, fd: number, offset: number): ArrayBuffer | Result;
  munmap(pages: ArrayBuffer): Result;
  epollCreate(): Result;
  /** epoll_ctl(2); `data` comes back in the event. */
  epollControl(epoll: number, operation: number, fd: number, events: number, data: number): Result;
  /** epoll_wait(2) on a libuv thread; fills `events` (12 bytes each on x86_64, 16 elsewhere), answers their number. */
  epollWait(epoll: number, events: Uint8Array, maximum: number, timeoutMilliseconds: number): Promise<Result>;
  /** eventfd(2) */
  eventfd(initial: number, flags: number): Result;
  /** read(2) and write(2) of a whole buffer. */
  read(fd: number, buffer: Uint8Array): Result;
  write(fd: number, buffer: Uint8Array): Result;
  /** socket(2) */
  socket(family: number, type: number, protocol: number): Result;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): Result;
  /** getsockopt(2): fills the value, which is as long as the answer. */
  getsockopt(fd: number, level: number, name: number, value: Uint8Array): Result;
  /** bind(2) */
  bind(fd: number, address: Uint8Array): Result;
  /** setns(2), for the calling thread: Node's own. */
  setns(fd: number, type: number): Result;
  /** openat(2) relative to the working folder. */
  open(path: string, flags: number): Result;
  /** flock(2) */
  flock(fd: number, operation: number): Result;
  close(fd: number): Result;
  /**
   * Closes all of them on up to `threads` libuv threads. Closing a perf event waits for an RCU grace period (30 to 70
   * ms); threads wait side by side, and beyond four it gains nothing.
   */
  closeAll(fds: readonly number[], threads: number): Promise<void>;
  mount(source: string, target: string, type: string, flags: number): Result;
  /** setrlimit(2): this process may lock as much memory as it wants (RLIMIT_MEMLOCK). */
  unlimitLockedMemory(): Result;
  /** The name of this machine's kernel: `6.18.44`. */
  kernelRelease(): string;
}

/** mmap(2) */
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;

/** epoll(7), eventfd(2), open(2) */
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLLIN = 1;
export const EFD_NONBLOCK = 0o4000;
export const EFD_CLOEXEC = 0o2000000;
export const O_RDONLY = 0;
export const O_CLOEXEC = 0o2000000;

/** flock(2) */
export const LOCK_EX = 2;
export const LOCK_NB = 4;

/** The result, or a `SystemCallError` that names the call; `what` says in a few words what it was for. */
export function checked(result: Result, call: string, what?: string): number {
  if (result < 0) throw new SystemCallError(call, -result, what);
  return result;
}
