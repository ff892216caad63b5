// The system calls on `koffi` (prebuilt, no compiler). The only file in the tree that knows it.
//
// Everything goes through libc's `syscall`, because one prototype per shape of call is all that koffi then has to
// prepare. A koffi call costs about 0.15 µs over the call itself.

import { release } from "node:os";
import type { KoffiFunc } from "koffi";
import type { Result, SystemCalls } from "./system-calls.ts";

type Address = number | bigint;
type SyscallNumbers = (call: number, a: Address, b: Address, c: Address, d: Address, e: Address, f: Address) => number;
type SyscallBuffer = (call: number, a: number, b: Uint8Array, c: number, d: number, e: number, f: number) => number;
type SyscallBufferFirst = (call: number, a: Uint8Array, b: number, c: number, d: number, e: number) => number;
type SyscallStrings = (call: number, a: string, b: string, c: string, d: number, e: null) => number;
type SyscallPath = (call: number, a: number, b: string, c: number) => number;
type MapPages = (
  call: number,
  a: number,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => Address;

/** asm/unistd_64.h, and asm-generic/unistd.h for arm64. */
const numbers = {
  x64: {
    read: 0,
    write: 1,
    close: 3,
    mmap: 9,
    munmap: 11,
    ioctl: 16,
    socket: 41,
    bind: 49,
    setsockopt: 54,
    getsockopt: 55,
    flock: 73,
    mount: 165,
    epoll_ctl: 233,
    openat: 257,
    epoll_pwait: 281,
    eventfd2: 290,
    epoll_create1: 291,
    prlimit64: 302,
    perf_event_open: 298,
    setns: 308,
    bpf: 321,
  },
  arm64: {
    read: 63,
    write: 64,
    close: 57,
    mmap: 222,
    munmap: 215,
    ioctl: 29,
    flock: 32,
    mount: 40,
    epoll_ctl: 21,
    openat: 56,
    epoll_pwait: 22,
    eventfd2: 19,
    epoll_create1: 20,
    perf_event_open: 241,
    prlimit64: 261,
    bpf: 280,
    socket: 198,
    bind: 200,
    setsockopt: 208,
    getsockopt: 209,
    setns: 268,
  },
} as const;

const AT_FDCWD = -100;
const RLIMIT_MEMLOCK = 8;
const EPOLL_CLOEXEC = 0o2000000;

/** Loads koffi through `require` and answers the calls. */
export function koffiCalls(require: NodeJS.Require): SystemCalls {
  const koffi = require("koffi") as typeof import("koffi");
  const nr = process.arch === "arm64" ? numbers.arm64 : numbers.x64;
  const libc = koffi.load(null);
  const withNumbers = libc.func("syscall", "long", [
    "long",
    "intptr",
    "intptr",
    "intptr",
    "intptr",
    "intptr",
    "intptr",
  ]) as unknown as KoffiFunc<SyscallNumbers>;
  const withBuffer = libc.func("syscall", "long", [
    "long",
    "intptr",
    "void *",
    "intptr",
    "intptr",
    "intptr",
    "intptr",
  ]) as unknown as KoffiFunc<SyscallBuffer>;
  const bufferFirst = libc.func("syscall", "long", [
    "long",
    "void *",
    "intptr",
    "intptr",
    "intptr",
    "intptr",
  ]) as unknown as SyscallBufferFirst;
  let strings: SyscallStrings | undefined;
  let withPath: SyscallPath | undefined;
  let mapPages: MapPages | undefined;
  /** Where mapped pages lie, for munmap. */
  const mapped = new WeakMap<ArrayBuffer, Address>();
  const event = Buffer.alloc(16);

  const settle = (result: number): Result => (result === -1 ? -koffi.errno() : result);
  const promise = (start: (done: (error: unknown, result: number) => void) => void): Promise<Result> =>
    new Promise((resolve, reject) => {
      start((error, result) => {
        if (error) reject(error as Error);
        // koffi carries the thread's errno over to the callback.
        else resolve(settle(result));
      });
    });

  const closeShare = async (fds: readonly number[], next: () => number): Promise<void> => {
    for (let i = next(); i < fds.length; i = next()) {
      const fd = fds[i] as number;
      await promise((done) => withNumbers.async(nr.close, fd, 0, 0, 0, 0, 0, done));
    }
  };

  return {
    addressOf: (buffer) => koffi.address(buffer),
    bpf: (command, attribute) => settle(withBuffer(nr.bpf, command, attribute, attribute.length, 0, 0, 0)),
    bpfAsync: (command, attribute) =>
      promise((done) => withBuffer.async(nr.bpf, command, attribute, attribute.length, 0, 0, 0, done)),
    perfEventOpen: (attribute, pid, cpu, groupFd, flags) =>
      settle(bufferFirst(nr.perf_event_open, attribute, pid, cpu, groupFd, flags)),
    ioctl: (fd, request, argument) => settle(withNumbers(nr.ioctl, fd, request, argument, 0, 0, 0)),
    mmap(length, protection, flags, fd, offset) {
      mapPages ??= libc.func("syscall", "intptr", [
        "long",
        "intptr",
        "intptr",
        "intptr",
        "intptr",
        "intptr",
        "intptr",
      ]) as unknown as MapPages;
      const at = mapPages(nr.mmap, 0, length, protection, flags, fd, offset);
      if (Number(at) === -1) return -koffi.errno();
      const pages = koffi.view(BigInt(at), length);
      mapped.set(pages, at);
      return pages;
    },
    munmap(pages) {
      const at = mapped.get(pages);
      if (at === undefined) return -22;
      mapped.delete(pages);
      return settle(withNumbers(nr.munmap, at, pages.byteLength, 0, 0, 0, 0));
    },
    epollCreate: () => settle(withNumbers(nr.epoll_create1, EPOLL_CLOEXEC, 0, 0, 0, 0, 0)),
    epollControl(epoll, operation, fd, events, data) {
      event.fill(0);
      event.writeUInt32LE(events, 0);
      // struct epoll_event is packed on x86_64 only.
      event.writeUInt32LE(data, process.arch === "x64" ? 4 : 8);
      return settle(withNumbers(nr.epoll_ctl, epoll, operation, fd, koffi.address(event), 0, 0));
    },
    epollWait: (epoll, events, maximum, timeout) =>
      promise((done) => withBuffer.async(nr.epoll_pwait, epoll, events, maximum, timeout, 0, 8, done)),
    eventfd: (initial, flags) => settle(withNumbers(nr.eventfd2, initial, flags, 0, 0, 0, 0)),
    read: (fd, buffer) => settle(withBuffer(nr.read, fd, buffer, buffer.length, 0, 0, 0)),
    write: (fd, buffer) => settle(withBuffer(nr.write, fd, buffer, buffer.length, 0, 0, 0)),
    open(path, flags) {
      withPath ??= libc.func("syscall", "long", ["long", "intptr", "str", "intptr"]) as unknown as SyscallPath;
      return settle(withPath(nr.openat, AT_FDCWD, path, flags));
    },
    socket: (family, type, protocol) => settle(withNumbers(nr.socket, family, type, protocol, 0, 0, 0)),
    setsockopt: (fd, level, name, value) =>
      settle(withNumbers(nr.setsockopt, fd, level, name, koffi.address(value), value.length, 0)),
    getsockopt: (fd, level, name, value) => {
      const length = Uint8Array.from([value.length, 0, 0, 0]);
      return settle(withNumbers(nr.getsockopt, fd, level, name, koffi.address(value), koffi.address(length), 0));
    },
    bind: (fd, address) => settle(withNumbers(nr.bind, fd, koffi.address(address), address.length, 0, 0, 0)),
    setns: (fd, type) => settle(withNumbers(nr.setns, fd, type, 0, 0, 0, 0)),
    flock: (fd, operation) => settle(withNumbers(nr.flock, fd, operation, 0, 0, 0, 0)),
    close: (fd) => settle(withNumbers(nr.close, fd, 0, 0, 0, 0, 0)),
    async closeAll(fds, threads) {
      let at = 0;
      const next = (): number => at++;
      await Promise.all(Array.from({ length: Math.min(threads, fds.length) }, () => closeShare(fds, next)));
    },
    mount(source, target, type, flags) {
      strings ??= libc.func("syscall", "long", [
        "long",
        "str",
        "str",
        "str",
        "intptr",
        "void *",
      ]) as unknown as SyscallStrings;
      return settle(strings(nr.mount, source, target, type, flags, null));
    },
    unlimitLockedMemory() {
      const limit = Buffer.alloc(16, 0xff);
      return settle(withNumbers(nr.prlimit64, 0, RLIMIT_MEMLOCK, koffi.address(limit), 0, 0, 0));
    },
    kernelRelease: release,
  };
}
