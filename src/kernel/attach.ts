// Attaches loaded programs to where they shall run: one table, with an entry per kind of target.
//
// Whatever is attached is a file descriptor and nothing else (no pins unless asked for, no entries in tracefs), so a
// process that is killed leaves nothing behind.

import { readdirSync } from "node:fs";
import type { AttachTarget } from "../object/index.ts";
import { attachKprobe, attachKprobeMulti } from "./attach-kprobe.ts";
import { attachCgroup, attachSkLookup, attachSocket, attachTc, attachXdp } from "./attach-network.ts";
import { attachUprobe, attachUprobeMulti } from "./attach-uprobe.ts";
import {
  type Attachable,
  type Attacher,
  type Attachment,
  createLink,
  linkAttribute,
  openAll,
  setProgram,
  type TargetOf,
} from "./attachment.ts";
import { concatenated, Struct } from "./attributes.ts";
import { onlineCpus } from "./cpus.ts";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import { hasFeature } from "./features.ts";
import { AttachType, Command, PERF_EVENT_IOC_DISABLE, PERF_TYPE_BREAKPOINT, PERF_TYPE_TRACEPOINT } from "./numbers.ts";
import { openPerfEvent } from "./perf-events.ts";
import { checked, systemCalls } from "./system-calls.ts";
import { entryAddresses } from "./traceable-functions.ts";
import { tracepointId } from "./tracefs.ts";

type Kind = AttachTarget["kind"];

const nothing = { fds: [], slow: false } as const;

const attachers: { readonly [K in Kind]: Attacher<K> } = {
  tracepoint(program, target) {
    const name = `tracepoint:${target.category}:${target.name}`;
    const id = tracepointId(target.category, target.name);
    if (id === undefined) throw new SystemCallError("open", 2, name, "this kernel has no such tracepoint");
    // The program runs on every CPU, whichever one the event is opened for.
    const event = openPerfEvent({ type: PERF_TYPE_TRACEPOINT, config: id, sample: 1 }, -1, firstCpu(), name);
    return { fds: setProgram(event, program, target.cookie, name), slow: true };
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
    const name = `program "${program.name}"`;
    // Without a cookie the older call does, which every kernel that has trampolines knows (links came with Linux 5.19).
    if (target.cookie === undefined) {
      const result = systemCalls().bpf(Command.rawTracepointOpen, new Struct(16).u32(8, program.fd).bytes);
      return { fds: [checked(result, "bpf(BPF_RAW_TRACEPOINT_OPEN)", name)], slow: false };
    }
    const attribute = linkAttribute(program.fd, 0, program.attachType ?? 0).u64(24, target.cookie);
    return { fds: [createLink(attribute, name)], slow: false };
  },

  kprobe: attachKprobe,
  uprobe: attachUprobe,

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
    const open = (where: number): number[] => {
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
  xdp: attachXdp,
  tc: attachTc,
  cgroup: attachCgroup,
  socket: attachSocket,
  sk_lookup: attachSkLookup,
};

/** Attaches a program to one target. Throws a SystemCallError or an UnsupportedError; then nothing stays attached. */
export function attach(program: Attachable, target: AttachTarget): Attachment {
  const attacher = attachers[target.kind] as Attacher<Kind> | undefined;
  if (attacher === undefined) throw new UnsupportedError(`no way to attach a program to "${target.kind}" is known`);
  return { target, ...attacher(program, target as never) };
}

/**
 * Attaches a program to many targets: by few links where it was loaded for that (`LoadOptions.multi`), else one by one.
 * Where one target cannot be attached, none is.
 */
export function attachEach(program: Attachable, targets: readonly AttachTarget[]): Attachment[] {
  const attachments: Attachment[] = [];
  try {
    if (program.attachType === AttachType.uprobeMulti)
      attachManyUprobes(program, targets as UprobeTarget[], attachments);
    else if (program.attachType === AttachType.kprobeMulti)
      attachManyKprobes(program, targets as KprobeTarget[], attachments);
    else for (const target of targets) attachments.push(attach(program, withoutLostCookie(target)));
  } catch (error) {
    for (const { fds, undo } of attachments) {
      undo?.();
      for (const fd of fds) systemCalls().close(fd);
    }
    throw error;
  }
  return attachments;
}

/** A cookie that the kernel cannot keep is one that the program does not ask for, or it would not have been loaded. */
function withoutLostCookie(target: AttachTarget): AttachTarget {
  if (target.cookie === undefined) return target;
  const { cookie, ...plain } = target;
  const kept =
    target.kind === "raw_tracepoint"
      ? hasFeature("rawTracepointCookie")
      : target.kind === "trampoline"
        ? hasFeature("fentryCookie")
        : hasFeature("perfEventCookie");
  return kept ? target : (plain as AttachTarget);
}

type UprobeTarget = TargetOf<"uprobe">;
type KprobeTarget = TargetOf<"kprobe">;

/** One link for each file, process and side. */
function attachManyUprobes(program: Attachable, targets: readonly UprobeTarget[], into: Attachment[]): void {
  for (const group of groupBy(targets, (t) => `${t.return} ${t.pid} ${t.path}`)) {
    const { path, pid, return: atReturn } = group[0] as UprobeTarget;
    into.push(
      attachUprobeMulti(program, {
        path,
        return: atReturn,
        offsets: group.map((t) => t.offset),
        semaphores: group.map((t) => t.semaphore ?? 0),
        cookies: group.map((t) => t.cookie ?? 0n),
        ...(pid === undefined ? {} : { pid }),
      }),
    );
  }
}

/** So few names the kernel may look up itself: that costs less than reading its list of 60,000. */
const FEW_NAMES = 8;

function attachManyKprobes(program: Attachable, targets: readonly KprobeTarget[], into: Attachment[]): void {
  for (const group of groupBy(targets, (t) => `${t.return}`)) {
    const at = group[0]?.return ? "return" : "entry";
    if (group.length <= FEW_NAMES && group.every((t) => t.module === undefined)) {
      const functions = group.map((t) => t.function);
      into.push(attachKprobeMulti(program, { functions, cookies: group.map((t) => t.cookie ?? 0n), at }));
      continue;
    }
    const addresses = entryAddresses(new Set(group.map((t) => t.function)));
    const cookies = new Map<bigint, bigint>();
    for (const t of group)
      for (const a of addresses.get(t.module === undefined ? t.function : `${t.module}:${t.function}`) ?? [])
        cookies.set(a, t.cookie ?? 0n);
    if (cookies.size === 0)
      throw new UnsupportedError(
        `kprobe:${group[0]?.function}: the kernel hides the addresses of its functions (kernel.kptr_restrict)`,
      );
    into.push(attachKprobeMulti(program, { functions: [...cookies.keys()], cookies: [...cookies.values()], at }));
  }
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
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
    attachment.undo?.();
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

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    throw new SystemCallError("open", 3, `process ${pid}`);
  }
}
