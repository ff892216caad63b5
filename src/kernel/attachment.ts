// What every way to attach has in common: what is attached, what holds it, and the calls that make it so.

import type { AttachTarget, ProgramSpec } from "../object/index.ts";
import type { Kernel } from "./kernel.ts";
import type { bpfAttr } from "./layouts.ts";
import { AttachType, PERF_EVENT_IOC_SET_BPF } from "./numbers.ts";
import type { Values } from "./struct.ts";
import { checked } from "./system-calls.ts";

/** What `attach` needs to know of a program; `LoadedProgram` is one. */
export interface Attachable {
  readonly fd: number;
  readonly name: string;
  /** The `expected_attach_type` that it was loaded with (`enum bpf_attach_type`). */
  readonly attachType?: number;
  readonly spec?: Pick<ProgramSpec, "frags">;
}

/** A program at work at a place, or at many. Closing the descriptors ends it. */
export interface Attachment {
  readonly kernel: Kernel;
  /** The place; the first where one link holds many. */
  readonly target: AttachTarget;
  readonly fds: readonly number[];
  /** Each descriptor waits for an RCU grace period when it is closed (30 to 130 ms), so others should do it. */
  readonly slow: boolean;
  /** For what no descriptor holds: takes it away again. */
  readonly undo?: () => void;
}

type Kind = AttachTarget["kind"];
export type TargetOf<K extends Kind> = Extract<AttachTarget, { kind: K }>;
/** Attaches a program to one place; where it throws, nothing stays attached. */
export type Attacher<K extends Kind> = (
  program: Attachable,
  target: TargetOf<K>,
  kernel: Kernel,
) => Omit<Attachment, "target" | "kernel">;

/** `union bpf_attr` of BPF_LINK_CREATE. */
export type LinkCreate = Values<typeof bpfAttr.LINK_CREATE>;

/** BPF_LINK_CREATE; answers the link's descriptor. Throws a SystemCallError that says what it was for. */
export const createLink = (kernel: Kernel, link: LinkCreate, purpose: string): number =>
  checked(kernel.bpf("LINK_CREATE", link), "bpf(BPF_LINK_CREATE)", purpose);

/** Opens one descriptor for each place; closes those already open where one fails. */
export function openAll<T>(kernel: Kernel, places: readonly T[], open: (place: T) => readonly number[]): number[] {
  const fds: number[] = [];
  try {
    for (const place of places) fds.push(...open(place));
  } catch (error) {
    for (const fd of fds) kernel.calls.close(fd);
    throw error;
  }
  return fds;
}

/**
 * Gives a perf event its program: by ioctl, or by a link where there is a cookie. Answers the descriptors that own it,
 * the event's first: it can be silenced (`silence`), which a link cannot.
 */
export function setProgram(
  kernel: Kernel,
  event: number,
  program: Attachable,
  cookie: bigint | undefined,
  purpose: string,
): number[] {
  const { calls } = kernel;
  try {
    if (cookie === undefined) {
      checked(calls.ioctl(event, PERF_EVENT_IOC_SET_BPF, program.fd), "ioctl(PERF_EVENT_IOC_SET_BPF)", purpose);
      return [event];
    }
    const link = { prog_fd: program.fd, target_fd: event, attach_type: AttachType.perfEvent };
    return [event, createLink(kernel, { ...link, perf_event: { bpf_cookie: cookie } }, purpose)];
  } catch (error) {
    calls.close(event);
    throw error;
  }
}
