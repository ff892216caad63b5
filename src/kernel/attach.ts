// Attaches loaded programs to where they shall run: one table, with an entry per kind of target.
//
// Whatever is attached is a file descriptor and nothing else (no pins unless asked for, no entries in tracefs), so a
// process that is killed leaves nothing behind.

import type { AttachTarget } from "../object/index.ts";
import { attachKprobe, attachKprobeMulti } from "./attach-kprobe.ts";
import {
  attachCgroup,
  attachFlowDissector,
  attachNetfilter,
  attachNetkit,
  attachSkLookup,
  attachSocket,
  attachSockmap,
  attachTc,
  attachXdp,
} from "./attach-network.ts";
import { attachUprobe, attachUprobeMulti } from "./attach-uprobe.ts";
import {
  type Attachable,
  type Attacher,
  type Attachment,
  createLink,
  openAll,
  setProgram,
  type TargetOf,
} from "./attachment.ts";
import { firstCpu, onlineCpus } from "./cpus.ts";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import { hasFeature } from "./features.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { AttachType, PERF_EVENT_IOC_DISABLE, PERF_TYPE_BREAKPOINT, PERF_TYPE_TRACEPOINT } from "./numbers.ts";
import { openPerfEvent, type PerfEventAttribute } from "./perf-events.ts";
import { concatenated } from "./struct.ts";
import { checked } from "./system-calls.ts";
import { entryAddresses } from "./traceable-functions.ts";
import { tracepointId } from "./tracefs.ts";

type Kind = AttachTarget["kind"];

const nothing = { fds: [], slow: false } as const;

const attachers: { readonly [K in Kind]: Attacher<K> } = {
  tracepoint(program, target, kernel) {
    const name = `tracepoint:${target.category}:${target.name}`;
    const id = tracepointId(target.category, target.name, kernel);
    if (id === undefined) throw new SystemCallError("open", 2, name, "this kernel has no such tracepoint");
    // The program runs on every CPU, whichever one the event is opened for.
    const event = openPerfEvent(
      kernel,
      { type: PERF_TYPE_TRACEPOINT, config: id, sample: 1 },
      -1,
      firstCpu(kernel),
      name,
    );
    return { fds: setProgram(kernel, event, program, target.cookie, name), slow: true };
  },

  raw_tracepoint(program, target, kernel) {
    const result = kernel.bpf("RAW_TRACEPOINT_OPEN", {
      name: target.name,
      prog_fd: program.fd,
      cookie: target.cookie,
    });
    const name = `rawtracepoint:${target.name}`;
    if (result === -2)
      throw new SystemCallError("bpf(BPF_RAW_TRACEPOINT_OPEN)", 2, name, "this kernel has no such tracepoint");
    return { fds: [checked(result, "bpf(BPF_RAW_TRACEPOINT_OPEN)", name)], slow: false };
  },

  trampoline(program, target, kernel) {
    const name = `program "${program.name}"`;
    // Without a cookie the older call does, which every kernel that has trampolines knows (links came with Linux 5.19).
    if (target.cookie === undefined) {
      const result = kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: program.fd });
      return { fds: [checked(result, "bpf(BPF_RAW_TRACEPOINT_OPEN)", name)], slow: false };
    }
    const link = { prog_fd: program.fd, attach_type: program.attachType, tracing: { cookie: target.cookie } };
    return { fds: [createLink(kernel, link, name)], slow: false };
  },

  kprobe: attachKprobe,
  uprobe: attachUprobe,

  perf_event(program, target, kernel) {
    const name = `perf event ${target.type}:${target.config}`;
    const { pid } = target;
    const sample = target.frequency ?? target.period ?? 1;
    const event = { type: target.type, config: target.config, sample, frequency: target.frequency !== undefined };
    const open = (where: number): number[] => {
      const fd =
        pid === undefined
          ? openSampling(kernel, event, -1, where, name)
          : openSampling(kernel, { ...event, inherit: true }, where, -1, name);
      return setProgram(kernel, fd, program, target.cookie, name);
    };
    const cpus = (): readonly number[] => (target.cpus === "first" ? [firstCpu(kernel)] : onlineCpus(kernel));
    return { fds: openAll(kernel, pid === undefined ? cpus() : threadsOf(kernel, pid), open), slow: true };
  },

  watchpoint(program, target, kernel) {
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
          ? openPerfEvent(kernel, event, -1, where, name)
          : openPerfEvent(kernel, { ...event, inherit: true }, where, -1, name);
      return setProgram(kernel, fd, program, target.cookie, name);
    };
    return { fds: openAll(kernel, pid === undefined ? onlineCpus(kernel) : threadsOf(kernel, pid), open), slow: true };
  },

  iter(program, target, kernel) {
    const link = { prog_fd: program.fd, attach_type: AttachType.iter };
    const purpose = `iter program "${program.name}"`;
    // `union bpf_iter_link_info` of linux/bpf.h: a map, or tid, pid and pid_fd of whose tasks are walked.
    const over =
      target.map !== undefined
        ? Uint32Array.of(target.map)
        : target.pid !== undefined
          ? Uint32Array.of(0, target.pid, 0)
          : undefined;
    const fd =
      over === undefined
        ? createLink(kernel, link, purpose)
        : checked(
            kernel.bpf("LINK_CREATE_ITER", {
              ...link,
              iter_info: new Uint8Array(over.buffer),
              iter_info_len: over.byteLength,
            }),
            "bpf(BPF_LINK_CREATE)",
            purpose,
          );
    if (target.pin !== undefined) {
      const path = target.pin.startsWith("/") ? target.pin : `/sys/fs/bpf/${target.pin}`;
      const result = kernel.bpf("OBJ_PIN", { pathname: path, bpf_fd: fd });
      if (result < 0) {
        kernel.calls.close(fd);
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
  flow_dissector: attachFlowDissector,
  netfilter: attachNetfilter,
  netkit: attachNetkit,
  sockmap: attachSockmap,
};

/** Attaches a program to one target. Throws a SystemCallError or an UnsupportedError; then nothing stays attached. */
export function attach(program: Attachable, target: AttachTarget, kernel: Kernel = liveKernel()): Attachment {
  const attacher = attachers[target.kind] as Attacher<Kind> | undefined;
  if (attacher === undefined) throw new UnsupportedError(`no way to attach a program to "${target.kind}" is known`);
  return { kernel, target, ...attacher(program, target as never, kernel) };
}

/**
 * Does the kernel run the program that was attached last before all others of the place? It puts functions' probes and
 * static probes at the head of its list, tracepoints and perf events at the end.
 */
export function runsLatestFirst({ attachType }: Attachable, target: AttachTarget): boolean {
  switch (target.kind) {
    case "uprobe":
      return true;
    case "kprobe":
      return !target.return;
    case "trampoline":
      return attachType === AttachType.fentry || attachType === AttachType.fexit;
    default:
      return false;
  }
}

/**
 * Attaches a program to many targets: by few links where it was loaded for that (`LoadOptions.multi`), else one by one.
 * Where one target cannot be attached, none is.
 */
export function attachEach(
  program: Attachable,
  targets: readonly AttachTarget[],
  kernel: Kernel = liveKernel(),
): Attachment[] {
  const attachments: Attachment[] = [];
  try {
    if (program.attachType === AttachType.uprobeMulti || program.attachType === AttachType.uprobeSession)
      attachManyUprobes(kernel, program, targets as UprobeTarget[], attachments);
    else if (program.attachType === AttachType.kprobeMulti)
      attachManyKprobes(kernel, program, targets as KprobeTarget[], attachments);
    else for (const target of targets) attachments.push(attach(program, withoutLostCookie(target, kernel), kernel));
  } catch (error) {
    for (const attachment of attachments) {
      takeBack(attachment);
      for (const fd of attachment.fds) kernel.calls.close(fd);
    }
    throw error;
  }
  return attachments;
}

/** Takes away what no descriptor holds; answers why that did not work. */
function takeBack(attachment: Attachment): unknown {
  try {
    attachment.undo?.();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** A cookie that the kernel cannot keep is one that the program does not ask for, or it would not have been loaded. */
function withoutLostCookie(target: AttachTarget, kernel: Kernel): AttachTarget {
  if (target.cookie === undefined) return target;
  const { cookie, ...plain } = target;
  const kept =
    target.kind === "raw_tracepoint"
      ? hasFeature("rawTracepointCookie", kernel)
      : target.kind === "trampoline"
        ? hasFeature("fentryCookie", kernel)
        : hasFeature("perfEventCookie", kernel);
  return kept ? target : (plain as AttachTarget);
}

type UprobeTarget = TargetOf<"uprobe">;
type KprobeTarget = TargetOf<"kprobe">;

/** One link for each file, process and side. */
function attachManyUprobes(
  kernel: Kernel,
  program: Attachable,
  targets: readonly UprobeTarget[],
  into: Attachment[],
): void {
  for (const group of groupBy(targets, (t) => `${t.return} ${t.pid} ${t.path}`)) {
    const { path, pid, return: atReturn } = group[0] as UprobeTarget;
    const places = {
      path,
      return: atReturn,
      offsets: group.map((t) => t.offset),
      semaphores: group.map((t) => t.semaphore ?? 0),
      cookies: group.map((t) => t.cookie ?? 0n),
      ...(pid === undefined ? {} : { pid }),
    };
    into.push(attachUprobeMulti(program, places, kernel));
  }
}

/** So few names the kernel may look up itself: that costs less than reading its list of 60,000. */
const FEW_NAMES = 8;

function attachManyKprobes(
  kernel: Kernel,
  program: Attachable,
  targets: readonly KprobeTarget[],
  into: Attachment[],
): void {
  for (const group of groupBy(targets, (t) => `${t.return}`)) {
    const at = group[0]?.return ? "return" : "entry";
    if (group.length <= FEW_NAMES && group.every((t) => t.module === undefined)) {
      const functions = group.map((t) => t.function);
      into.push(attachKprobeMulti(program, { functions, cookies: group.map((t) => t.cookie ?? 0n), at }, kernel));
      continue;
    }
    const addresses = entryAddresses(new Set(group.map((t) => t.function)), kernel);
    const cookies = new Map<bigint, bigint>();
    for (const t of group)
      for (const a of addresses.get(t.module === undefined ? t.function : `${t.module}:${t.function}`) ?? [])
        cookies.set(a, t.cookie ?? 0n);
    if (cookies.size === 0)
      throw new UnsupportedError(
        `kprobe:${group[0]?.function}: the kernel hides the addresses of its functions (kernel.kptr_restrict)`,
      );
    into.push(
      attachKprobeMulti(program, { functions: [...cookies.keys()], cookies: [...cookies.values()], at }, kernel),
    );
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
export const readIterator = ({ kernel, fds }: Attachment): Uint8Array =>
  concatenated([...iteratorOutput(fds[0] as number, kernel)]);

/** The same piece by piece, by the descriptor of its link. Throws a SystemCallError. */
export function* iteratorOutput(link: number, kernel: Kernel = liveKernel()): Iterable<Uint8Array> {
  const { calls } = kernel;
  const fd = checked(kernel.bpf("ITER_CREATE", { link_fd: link }), "bpf(BPF_ITER_CREATE)");
  try {
    const buffer = new Uint8Array(65536);
    for (;;) {
      const length = calls.read(fd, buffer);
      // EAGAIN: the kernel has visited a million objects and lets others run; it goes on where it stopped.
      if (length === -11) continue;
      if (checked(length, "read", "iterator") === 0) return;
      yield buffer.slice(0, length);
    }
  } finally {
    calls.close(fd);
  }
}

/** Stops perf events from running their programs, at once: closing them is what waits. */
export function silence(attachments: readonly Attachment[]): void {
  for (const { kernel, slow, fds } of attachments)
    if (slow) for (const fd of fds) kernel.calls.ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
}

/**
 * Ends all of them: the quick ones at once, the slow ones from a few threads, without blocking the event loop. Throws a
 * SystemCallError for the first that could not be taken away; the others are.
 */
export async function detachAll(attachments: readonly Attachment[]): Promise<void> {
  const slow = new Map<Kernel, number[]>();
  let failed: unknown;
  for (const attachment of attachments) {
    const { kernel, slow: waits, fds } = attachment;
    failed ??= takeBack(attachment);
    if (!waits) for (const fd of fds) kernel.calls.close(fd);
    else if (slow.has(kernel)) slow.get(kernel)?.push(...fds);
    else slow.set(kernel, [...fds]);
  }
  await Promise.all([...slow].map(([kernel, fds]) => kernel.calls.closeAll(fds, 4)));
  if (failed !== undefined) throw failed;
}

function openSampling(kernel: Kernel, event: PerfEventAttribute, pid: number, cpu: number, name: string): number {
  try {
    return openPerfEvent(kernel, event, pid, cpu, name);
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

function threadsOf(kernel: Kernel, pid: number): number[] {
  try {
    return kernel.files.list(`/proc/${pid}/task`).map(Number);
  } catch {
    throw new SystemCallError("open", 3, `process ${pid}`);
  }
}
