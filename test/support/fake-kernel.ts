// A kernel that does nothing but take down what it is asked, as text, by the names of the structs' fields:
//
//     bpf(LINK_CREATE, prog_fd=3, target_fd=10, attach_type=perfEvent, perf_event.bpf_cookie=7) = 11
//
// It counts descriptors, and lets any call fail.

import { constants } from "node:os";
import { type CommandName, Kernel, type KernelFiles } from "../../src/kernel/kernel.ts";
import { bpfAttr, ifreq, nlmsghdr, perfEventAttr, tcmsg } from "../../src/kernel/layouts.ts";
import { AttachType, BpfCommand } from "../../src/kernel/numbers.ts";
import { type Layout, placesOf, sizeOf } from "../../src/kernel/struct.ts";
import type { Result, SystemCalls } from "../../src/kernel/system-calls.ts";

/** The errno with which a call, as its text before the ` = `, shall fail; `count` calls went before it. */
export type Failing = (call: string, count: number) => keyof typeof constants.errno | undefined;

export interface FakeKernelOptions {
  /** Files and links by their paths, and the names in folders by theirs. */
  readonly files?: Readonly<Record<string, string | readonly string[]>>;
  readonly failing?: Failing;
  /** Numbers of network interfaces. */
  readonly interfaces?: Readonly<Record<string, number>>;
}

/** Commands that answer a descriptor. */
const OPENING: ReadonlySet<CommandName> = new Set<CommandName>([
  "MAP_CREATE",
  "PROG_LOAD",
  "PROG_GET_FD_BY_ID",
  "RAW_TRACEPOINT_OPEN",
  "BTF_LOAD",
  "BTF_GET_FD_BY_ID",
  "LINK_CREATE",
  "ENABLE_STATS",
  "ITER_CREATE",
]);

/** Which members of unions are meant, where it is not the first. */
const LINKS: Readonly<Record<number, string>> = {
  [AttachType.perfEvent]: "perf_event",
  [AttachType.kprobeMulti]: "kprobe_multi",
  [AttachType.kprobeSession]: "kprobe_multi",
  [AttachType.uprobeMulti]: "uprobe_multi",
  [AttachType.fentry]: "tracing",
  [AttachType.fexit]: "tracing",
};
const BY_INTERFACE: ReadonlySet<number> = new Set([AttachType.xdp, AttachType.tcxIngress, AttachType.tcxEgress]);
const TEXTS: ReadonlySet<string> = new Set(["name", "license", "pathname", "path", "kprobe_func", "uprobe_path"]);
const LISTS: ReadonlySet<string> = new Set(["offsets", "ref_ctr_offsets", "cookies", "addrs"]);
const IOCTLS: Readonly<Record<number, string>> = {
  1074013192: "PERF_EVENT_IOC_SET_BPF",
  9217: "PERF_EVENT_IOC_DISABLE",
  35123: "SIOCGIFINDEX",
};
const ROUTE: Readonly<Record<number, string>> = { 36: "RTM_NEWQDISC", 44: "RTM_NEWTFILTER", 45: "RTM_DELTFILTER" };

export class FakeKernel {
  readonly kernel: Kernel;
  /** The calls so far, one a line. */
  readonly log: string[] = [];
  /** Descriptors that are open, by what opened them. */
  readonly open: Map<number, string> = new Map();
  readonly #options: FakeKernelOptions;
  readonly #buffers: { readonly address: bigint; readonly bytes: Uint8Array }[] = [];
  readonly #answers: Uint8Array[] = [];
  #count = 0;

  constructor(options: FakeKernelOptions = {}) {
    this.#options = options;
    const calls = this.#calls();
    this.kernel = new Kernel(() => calls, fakeFiles(options.files ?? {}));
  }

  /** The calls since the last time that this was asked. */
  said(): string[] {
    return this.log.splice(0);
  }

  /** One call: fails, or does `effect` and answers its result. */
  #call(text: string, effect: () => Result = () => 0): Result {
    const errno = this.#options.failing?.(text, this.#count++);
    const result = errno === undefined ? effect() : -constants.errno[errno];
    this.log.push(`${text} = ${errno === undefined ? result : `-${errno}`}`);
    return result;
  }

  #opened(text: string): Result {
    return this.#call(text, () => {
      let fd = 10;
      while (this.open.has(fd)) fd++;
      this.open.set(fd, text);
      return fd;
    });
  }

  #close(fd: number): Result {
    const known = this.open.delete(fd);
    this.log.push(known ? `close(${fd})` : `close(${fd}), which is not open`);
    return 0;
  }

  /** The bytes at an address, up to the end of their buffer. */
  #at(address: bigint): Uint8Array {
    const buffer = this.#buffers.findLast((b) => address >= b.address && address < b.address + BigInt(b.bytes.length));
    if (buffer === undefined) throw new Error(`no buffer at 0x${address.toString(16)}`);
    return buffer.bytes.subarray(Number(address - buffer.address));
  }

  #text(address: bigint): string {
    const bytes = this.#at(address);
    const end = bytes.indexOf(0);
    if (end < 0) throw new Error("a text without its ending zero");
    return Buffer.from(bytes.subarray(0, end)).toString();
  }

  #words(address: bigint, count: number): bigint[] {
    const bytes = this.#at(address);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return Array.from({ length: count }, (_, i) => view.getBigUint64(i * 8, true));
  }

  /** `field=value, …` of all that is not zero; of a union the member that `chosen` prefers, or its first. */
  #fields(layout: Layout, bytes: Uint8Array, chosen: ReadonlySet<string>, prefix = ""): string[] {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const places = [...placesOf(layout).places];
    const number = (name: string): number => view.getUint32(placesOf(layout).places.get(name)?.offset as number, true);
    const said: string[] = [];
    const taken = new Set<number>();
    const rank = (name: string): number => (chosen.has(name) ? 0 : 1);
    const preferred = places.sort(([a, x], [b, y]) => x.offset - y.offset || rank(a) - rank(b));
    for (const [name, { offset, size, type }] of preferred) {
      if (taken.has(offset)) continue;
      if (typeof type !== "string") {
        if (!chosen.has(name)) continue;
        taken.add(offset);
        said.push(...this.#fields(type, bytes.subarray(offset, offset + size), chosen, `${name}.`));
        continue;
      }
      taken.add(offset);
      if (bytes.subarray(offset, offset + size).every((b) => b === 0)) continue;
      const say = (value: unknown): void => void said.push(`${prefix}${name}=${value}`);
      if (type === "ptr" && TEXTS.has(name)) say(JSON.stringify(this.#text(view.getBigUint64(offset, true))));
      else if (type === "ptr" && name === "syms")
        say(`[${this.#words(view.getBigUint64(offset, true), number("cnt")).map((a) => this.#text(a))}]`);
      else if (type === "ptr" && LISTS.has(name))
        say(`[${this.#words(view.getBigUint64(offset, true), number("cnt")).map(hex)}]`);
      else if (type === "ptr" && name !== "bp_addr") say("…");
      else if (name === "attach_type" || name === "expected_attach_type") say(attachTypeName(number(name)));
      else if (type === "u64" || type === "ptr") say(hex(view.getBigUint64(offset, true)));
      else if (type.startsWith("char"))
        say(
          JSON.stringify(
            Buffer.from(bytes.subarray(offset, offset + size))
              .toString()
              .replace(/\0.*/s, ""),
          ),
        );
      else say(size === 4 ? view.getUint32(offset, true) : size === 2 ? view.getUint16(offset, true) : bytes[offset]);
    }
    return said;
  }

  #bpf(command: number, attribute: Uint8Array): Result {
    const name = Object.entries(BpfCommand).find(([, number]) => number === command)?.[0] as CommandName;
    const layout: Layout = bpfAttr[name];
    const chosen = new Set<string>();
    if (name === "LINK_CREATE") {
      const at = placesOf(layout).places.get("attach_type")?.offset as number;
      const type = new DataView(attribute.buffer, attribute.byteOffset).getUint32(at, true);
      if (LINKS[type] !== undefined) chosen.add(LINKS[type]);
      if (BY_INTERFACE.has(type)) chosen.add("target_ifindex");
    }
    const text = `bpf(${[name, ...this.#fields(layout, attribute, chosen)].join(", ")})`;
    return OPENING.has(name) ? this.#opened(text) : this.#call(text);
  }

  #perfEventOpen(attribute: Uint8Array, pid: number, cpu: number): Result {
    const type = new DataView(attribute.buffer, attribute.byteOffset).getUint32(0, true);
    const unions: Readonly<Record<number, readonly string[]>> = {
      5: ["bp_addr", "bp_len"],
      6: ["kprobe_func", "probe_offset"],
      7: ["uprobe_path", "probe_offset"],
    };
    const bits = new DataView(attribute.buffer, attribute.byteOffset).getUint32(
      placesOf(perfEventAttr).places.get("bits")?.offset as number,
      true,
    );
    const frequency = (bits & (1 << 10)) !== 0;
    const fields = this.#fields(
      perfEventAttr,
      attribute,
      new Set([...(unions[type] ?? []), ...(frequency ? ["sample_freq"] : [])]),
    ).filter((field) => !/^(size|wakeup_events)=/.test(field));
    return this.#opened(`perf_event_open(${fields.join(", ")}; pid=${pid}, cpu=${cpu})`);
  }

  #ioctl(fd: number, request: number, argument: number): Result {
    const name = IOCTLS[request] ?? `0x${request.toString(16)}`;
    if (name !== "SIOCGIFINDEX") return this.#call(`ioctl(${fd}, ${name}${argument === 0 ? "" : `, ${argument}`})`);
    const bytes = this.#at(BigInt(argument));
    const device = this.#text(BigInt(argument));
    return this.#call(`ioctl(${fd}, ${name}, "${device}")`, () => {
      const index = this.#options.interfaces?.[device];
      if (index === undefined) return -constants.errno.ENODEV;
      const at = placesOf(ifreq).places.get("ifr_ifindex")?.offset as number;
      new DataView(bytes.buffer, bytes.byteOffset).setInt32(at, index, true);
      return 0;
    });
  }

  /** A request to the kernel's routing; the answers are a copy of what it made, then that all is well. */
  #request(fd: number, message: Uint8Array): Result {
    const body = message.slice(sizeOf(nlmsghdr), sizeOf(nlmsghdr) + sizeOf(tcmsg));
    const type = new DataView(message.buffer, message.byteOffset).getUint16(4, true);
    const text = `write(${fd}, ${[ROUTE[type] ?? type, ...this.#fields(tcmsg, body, new Set())].join(", ")})`;
    return this.#call(text, () => {
      const made = this.kernel.struct(tcmsg).fill(body).set({ tcm_handle: 1, tcm_info: 0xc0000300 });
      const answers = [this.#answer(2, new Uint8Array(4))];
      if (type === 44) answers.unshift(this.#answer(type, made.bytes));
      this.#answers.push(...answers);
      return message.length;
    });
  }

  #answer(type: number, payload: Uint8Array): Uint8Array {
    const header = this.kernel.struct(nlmsghdr, { nlmsg_len: sizeOf(nlmsghdr) + payload.length, nlmsg_type: type });
    return Buffer.concat([header.bytes, payload]);
  }

  #read(fd: number, buffer: Uint8Array): Result {
    return this.#call(`read(${fd})`, () => {
      const answer = this.#answers.shift();
      if (answer === undefined) return 0;
      buffer.set(answer);
      return answer.length;
    });
  }

  #calls(): SystemCalls {
    let next = 0x10000n;
    return {
      addressOf: (bytes) => {
        const known = this.#buffers.find((b) => b.bytes === bytes);
        if (known !== undefined) return known.address;
        const address = next;
        next += BigInt((bytes.length & ~0xfff) + 0x2000);
        this.#buffers.push({ address, bytes });
        return address;
      },
      bpf: (command, attribute) => this.#bpf(command, attribute),
      bpfAsync: async (command, attribute) => this.#bpf(command, attribute),
      perfEventOpen: (attribute, pid, cpu) => this.#perfEventOpen(attribute, pid, cpu),
      ioctl: (fd, request, argument) => this.#ioctl(fd, request, argument),
      mmap: (length) => new ArrayBuffer(length),
      munmap: () => 0,
      epollCreate: () => this.#opened("epoll_create1()"),
      epollControl: (epoll, _, fd) => this.#call(`epoll_ctl(${epoll}, ${fd})`),
      epollWait: async () => 0,
      eventfd: () => this.#opened("eventfd2()"),
      read: (fd, buffer) => this.#read(fd, buffer),
      write: (fd, buffer) => this.#request(fd, buffer),
      socket: (family, type, protocol) => this.#opened(`socket(${family}, ${type & 0xf}, ${protocol})`),
      setsockopt: (fd, level, name) => this.#call(`setsockopt(${fd}, ${level}, ${name})`),
      getsockopt: (fd, level, name) => this.#call(`getsockopt(${fd}, ${level}, ${name})`),
      bind: (fd) => this.#call(`bind(${fd})`),
      setns: (fd) => this.#call(`setns(${this.open.get(fd)})`),
      open: (path) => this.#opened(`open("${path}")`),
      flock: (fd, operation) => this.#call(`flock(${fd}, ${operation})`),
      close: (fd) => this.#close(fd),
      closeAll: async (fds) => {
        for (const fd of fds) this.#close(fd);
      },
      mount: (source, target) => this.#call(`mount("${source}", "${target}")`),
      unlimitLockedMemory: () => this.#call("prlimit64()"),
      kernelRelease: () => "6.12.0-fake",
    };
  }
}

const hex = (n: bigint): string => (n < 1000n ? `${n}` : `0x${n.toString(16)}`);

const attachTypeName = (number: number): string =>
  Object.entries(AttachType).find(([, value]) => value === number)?.[0] ?? `${number}`;

function fakeFiles(files: Readonly<Record<string, string | readonly string[]>>): KernelFiles {
  const missing = (path: string): never => {
    throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
  };
  return {
    read(path) {
      const file = files[path];
      return typeof file === "string" ? Buffer.from(file, "latin1") : missing(path);
    },
    exists: (path) => Object.keys(files).some((file) => file === path || file.startsWith(`${path}/`)),
    link(path) {
      const file = files[path];
      return typeof file === "string" ? file : missing(path);
    },
    list(path) {
      const folder = files[path];
      return Array.isArray(folder) ? folder : missing(path);
    },
  };
}
