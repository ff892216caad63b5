// Attaches loaded programs to where they shall run: one table, with an entry per kind of target.
//
// Whatever is attached is a file descriptor and nothing else (no pins unless asked for, no entries in tracefs), so a
// process that is killed leaves nothing behind.

import { readdirSync } from "node:fs";
import type { AttachTarget } from "../object/index.ts";
import { Struct, wordBytes } from "./attributes.ts";
import { onlineCpus } from "./cpus.ts";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import {
  AttachType,
  Command,
  PERF_EVENT_IOC_DISABLE,
  PERF_EVENT_IOC_SET_BPF,
  PERF_TYPE_BREAKPOINT,
  PERF_TYPE_TRACEPOINT,
} from "./numbers.ts";
import { openPerfEvent, probeUnit } from "./perf-events.ts";
import { checked, systemCalls } from "./system-calls.ts";
import { tracepointId } from "./tracefs.ts";

/** What `attach` needs to know of a program; `LoadedProgram` is one. */
export interface Attachable {
  readonly fd: number;
  readonly name: string;
  /** The `expected_attach_type` that it was loaded with (`enum bpf_attach_type`). */
  readonly attachType?: number;
}

/** A program at work at a place. Closing the descriptors ends it. */
export interface Attachment {
  readonly target: AttachTarget;
  readonly fds: readonly number[];
  /** Closing waits for an RCU grace period (tens of milliseconds), so it is better done off the event loop. */
  readonly slow: boolean;
}

type Kind = AttachTarget["kind"];
type TargetOf<K extends Kind> = Extract<AttachTarget, { kind: K }>;
type Attacher<K extends Kind> = (program: Attachable, target: TargetOf<K>) => Omit<Attachment, "target">;

const nothing = { fds: [], slow: false } as const;
const later = (what: string) => (): never => {
  throw new UnsupportedError(`${what} programs cannot be attached yet`);
};

const attachers: { readonly [K in Kind]: Attacher<K> } = {
  tracepoint(program, target) {
    const name = `tracepoint:${target.category}:${target.name}`;
    const id = tracepointId(target.category, target.name);
    if (id === undefined) throw new SystemCallError("open", 2, name, "this kernel has no such tracepoint");
    // The program runs on every CPU, whichever one the event is opened for.
    const event = openPerfEvent({ type: PERF_TYPE_TRACEPOINT, config: id, sample: 1 }, -1, firstCpu(), name);
    return { fds: [setProgram(event, program, target.cookie, name)], slow: true };
  },

  raw_tracepoint(program, target) {
    const attribute = new Struct(target.cookie === undefined ? 16 : 24).pointer(0, target.name).u32(8, program.fd);
    if (target.cookie !== undefined) attribute.u64(16, target.cookie);
    const result = systemCalls().bpf(Command.rawTracepointOpen, attribute.bytes);
    const name = `rawtracepoint:${target.name}`;
    if (result === -2)
      throw new SystemCallError("bpf(BPF_RAW_TRACEPOINT_OPEN)", 2, name, "this kernel has no such tracepoint");
    return { fds: [checked(result, "bpf(BPF_RAW_TRACEPOINT_OPEN)", name)], slow: false };
  },

  trampoline(program, target) {
    const attribute = linkAttribute(program.fd, 0, program.attachType ?? 0).u64(24, target.cookie ?? 0);
    return { fds: [createLink(attribute, `program "${program.name}"`)], slow: false };
  },

  kprobe(program, target) {
    const name = `${target.return ? "kretprobe" : "kprobe"}:${target.function}`;
    const unit = probeUnit("kprobe");
    if (unit === undefined) {
      throw new UnsupportedError(
        `${name}: this kernel was built without CONFIG_KPROBES; use a tracepoint (scry -l 'tracepoint:*'), or fentry:${target.function} where the kernel has it`,
      );
    }
    const place = target.module === undefined ? target.function : `${target.module}:${target.function}`;
    const config = target.return ? unit.returnBit : 0n;
    const event = openPerfEvent(
      { type: unit.type, config, sample: 1, config1: place, config2: target.offset },
      -1,
      firstCpu(),
      name,
    );
    return { fds: [setProgram(event, program, target.cookie, name)], slow: true };
  },

  uprobe(program, target) {
    const name = `${target.return ? "uretprobe" : "uprobe"}:${target.path}+0x${target.offset.toString(16)}`;
    const unit = probeUnit("uprobe");
    if (unit === undefined) throw new UnsupportedError(`${name}: this kernel was built without CONFIG_UPROBE_EVENTS`);
    let config = target.return ? unit.returnBit : 0n;
    if (target.semaphore !== undefined) {
      if (unit.semaphoreShift === undefined) {
        throw new UnsupportedError(`${name}: this kernel cannot count USDT semaphores (ref_ctr_offset, Linux 4.20)`);
      }
      config |= BigInt(target.semaphore) << unit.semaphoreShift;
    }
    const pid = target.pid ?? -1;
    const event = openPerfEvent(
      { type: unit.type, config, sample: 1, config1: target.path, config2: target.offset },
      pid,
      pid === -1 ? firstCpu() : -1,
      name,
    );
    return { fds: [setProgram(event, program, target.cookie, name)], slow: true };
  },

  perf_event(program, target) {
    const name = `perf event ${target.type}:${target.config}`;
    const cpus = target.cpus === "first" ? [firstCpu()] : onlineCpus();
    const sample = target.frequency ?? target.period ?? 1;
    const event = { type: target.type, config: target.config, sample, frequency: target.frequency !== undefined };
    return {
      fds: openAll(cpus, (cpu) => setProgram(openSampling(event, cpu, name), program, target.cookie, name)),
      slow: true,
    };
  },

  watchpoint(program, target) {
    const name = `watchpoint:0x${target.address.toString(16)}:${target.length}:${target.mode}`;
    let breakpointType = 0;
    for (const letter of target.mode) breakpointType |= { r: 1, w: 2, x: 4 }[letter] ?? 0;
    // x86 has no breakpoint on reads alone; one on instructions has the length of a long (hw_breakpoint.h).
    if (breakpointType === 1) breakpointType = 3;
    const event = {
      type: PERF_TYPE_BREAKPOINT,
      config: 0,
      sample: 1,
      breakpointType,
      config1: target.address,
      config2: breakpointType & 4 ? 8 : target.length,
    };
    const { pid } = target;
    const open = (where: number): number => {
      const fd =
        pid === undefined
          ? openPerfEvent(event, -1, where, name)
          : openPerfEvent({ ...event, inherit: true }, where, -1, name);
      return setProgram(fd, program, target.cookie, name);
    };
    return { fds: openAll(pid === undefined ? onlineCpus() : threadsOf(pid), open), slow: true };
  },

  iter(program, target) {
    const fd = createLink(linkAttribute(program.fd, 0, AttachType.iter), `iter program "${program.name}"`);
    if (target.pin !== undefined) {
      const path = target.pin.startsWith("/") ? target.pin : `/sys/fs/bpf/${target.pin}`;
      const result = systemCalls().bpf(Command.objectPin, new Struct(16).pointer(0, path).u32(8, fd).bytes);
      if (result < 0) {
        systemCalls().close(fd);
        throw new SystemCallError("bpf(BPF_OBJ_PIN)", -result, path);
      }
    }
    return { fds: [fd], slow: false };
  },

  test_run: () => nothing,
  signal: () => nothing,
  xdp: later("XDP"),
  tc: later("traffic control"),
  cgroup: later("cgroup"),
  socket: later("socket filter"),
};

/** Attaches a program to one target. Throws a SystemCallError or an UnsupportedError; then nothing stays attached. */
export function attach(program: Attachable, target: AttachTarget): Attachment {
  const attacher = attachers[target.kind] as Attacher<Kind> | undefined;
  if (attacher === undefined) throw new UnsupportedError(`no way to attach a program to "${target.kind}" is known`);
  return { target, ...attacher(program, target as never) };
}

export interface UprobeMulti {
  readonly path: string;
  /** Bytes from the start of the file. */
  readonly offsets: readonly number[];
  /** One for each offset. */
  readonly cookies?: readonly bigint[];
  /** File offsets of USDT semaphores, 0 for none; one for each offset. */
  readonly semaphores?: readonly number[];
  readonly pid?: number;
  readonly return: boolean;
}

const BPF_F_UPROBE_MULTI_RETURN = 1;

/**
 * Attaches one program to many places of a file by one link (Linux 6.6, `features().uprobeMulti`). The program must
 * have been loaded with `expected_attach_type` BPF_TRACE_UPROBE_MULTI (`LoadOptions.attachTypes`).
 */
export function attachUprobeMulti(program: Attachable, places: UprobeMulti): Attachment {
  const attribute = linkAttribute(program.fd, 0, AttachType.uprobeMulti)
    .pointer(16, places.path)
    .pointer(24, wordBytes(places.offsets))
    .pointer(32, places.semaphores?.some((offset) => offset !== 0) ? wordBytes(places.semaphores) : undefined)
    .pointer(40, places.cookies === undefined ? undefined : wordBytes(places.cookies))
    .u32(48, places.offsets.length)
    .u32(52, places.return ? BPF_F_UPROBE_MULTI_RETURN : 0)
    .u32(56, places.pid ?? 0);
  const fd = createLink(
    attribute,
    `${places.return ? "uretprobe" : "uprobe"}:${places.path} (${places.offsets.length} places)`,
  );
  const base = { kind: "uprobe", path: places.path, offset: places.offsets[0] ?? 0, return: places.return } as const;
  return { target: places.pid === undefined ? base : { ...base, pid: places.pid }, fds: [fd], slow: true };
}

/** Runs an iterator once and gives what it wrote. */
export function readIterator(attachment: Attachment): Uint8Array {
  const calls = systemCalls();
  const link = attachment.fds[0] as number;
  const fd = checked(calls.bpf(Command.iterCreate, new Struct(8).u32(0, link).bytes), "bpf(BPF_ITER_CREATE)");
  const chunks: Uint8Array[] = [];
  try {
    const buffer = new Uint8Array(65536);
    for (;;) {
      const length = calls.read(fd, buffer);
      // EAGAIN: the kernel has visited a million objects and lets others run; it goes on where it stopped.
      if (length === -11) continue;
      if (checked(length, "read", "iterator") === 0) return concatenated(chunks);
      chunks.push(buffer.slice(0, length));
    }
  } finally {
    calls.close(fd);
  }
}

/** Stops perf events from running their programs, at once: closing them is what waits. */
export function silence(attachments: readonly Attachment[]): void {
  const calls = systemCalls();
  for (const attachment of attachments)
    if (attachment.slow) for (const fd of attachment.fds) calls.ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
}

/** Ends all of them: the quick ones at once, the slow ones from a few threads, without blocking the event loop. */
export async function detachAll(attachments: readonly Attachment[]): Promise<void> {
  const calls = systemCalls();
  const slow: number[] = [];
  for (const attachment of attachments) {
    if (attachment.slow) slow.push(...attachment.fds);
    else for (const fd of attachment.fds) calls.close(fd);
  }
  if (slow.length > 0) await calls.closeAll(slow, 4);
}

const firstCpu = (): number => onlineCpus()[0] ?? 0;

function openSampling(event: Parameters<typeof openPerfEvent>[0], cpu: number, name: string): number {
  try {
    return openPerfEvent(event, -1, cpu, name);
  } catch (error) {
    // ENOENT: no PMU takes this type and number, as in most virtual machines for hardware events.
    if (error instanceof SystemCallError && error.code === "ENOENT") {
      throw new UnsupportedError(
        `${name}: this machine has no such counter (virtual machines often have no hardware counters); use software events or profile`,
      );
    }
    throw error;
  }
}

/** Opens one descriptor for each place; closes those already open where one fails. */
function openAll(places: readonly number[], open: (place: number) => number): number[] {
  const fds: number[] = [];
  try {
    for (const place of places) fds.push(open(place));
  } catch (error) {
    for (const fd of fds) systemCalls().close(fd);
    throw error;
  }
  return fds;
}

/** Gives a perf event its program: by ioctl, or by a link where there is a cookie. Answers the one fd that owns it. */
function setProgram(event: number, program: Attachable, cookie: bigint | undefined, purpose: string): number {
  const calls = systemCalls();
  try {
    if (cookie === undefined) {
      checked(calls.ioctl(event, PERF_EVENT_IOC_SET_BPF, program.fd), "ioctl(PERF_EVENT_IOC_SET_BPF)", purpose);
      return event;
    }
    const link = createLink(linkAttribute(program.fd, event, AttachType.perfEvent).u64(16, cookie), purpose);
    // The link holds the event.
    calls.close(event);
    return link;
  } catch (error) {
    calls.close(event);
    throw error;
  }
}

const linkAttribute = (program: number, target: number, type: number): Struct =>
  new Struct(64).u32(0, program).u32(4, target).u32(8, type);

const createLink = (attribute: Struct, purpose: string): number =>
  checked(systemCalls().bpf(Command.linkCreate, attribute.bytes), "bpf(BPF_LINK_CREATE)", purpose);

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    throw new SystemCallError("open", 3, `process ${pid}`);
  }
}

function concatenated(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
