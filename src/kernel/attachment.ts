// What every way to attach has in common: what is attached, what holds it, and the calls that make it so.

import type { AttachTarget } from "../object/index.ts";
import { Struct } from "./attributes.ts";
import { AttachType, Command, PERF_EVENT_IOC_SET_BPF } from "./numbers.ts";
import { checked, systemCalls } from "./system-calls.ts";

/** What `attach` needs to know of a program; `LoadedProgram` is one. */
export interface Attachable {
  readonly fd: number;
  readonly name: string;
  /** The `expected_attach_type` that it was loaded with (`enum bpf_attach_type`). */
  readonly attachType?: number;
}

/** A program at work at a place, or at many. Closing the descriptors ends it. */
export interface Attachment {
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
export type Attacher<K extends Kind> = (program: Attachable, target: TargetOf<K>) => Omit<Attachment, "target">;

/** `union bpf_attr` of BPF_LINK_CREATE: the program, what it is attached to (a descriptor or 0), the attach type. */
export const linkAttribute = (program: number, target: number, type: number): Struct =>
  new Struct(64).u32(0, program).u32(4, target).u32(8, type);

export const createLink = (attribute: Struct, purpose: string): number =>
  checked(systemCalls().bpf(Command.linkCreate, attribute.bytes), "bpf(BPF_LINK_CREATE)", purpose);

/** Opens one descriptor for each place; closes those already open where one fails. */
export function openAll<T>(places: readonly T[], open: (place: T) => readonly number[]): number[] {
  const fds: number[] = [];
  try {
    for (const place of places) fds.push(...open(place));
  } catch (error) {
    for (const fd of fds) systemCalls().close(fd);
    throw error;
  }
  return fds;
}

/**
 * Gives a perf event its program: by ioctl, or by a link where there is a cookie. Answers the descriptors that own it,
 * the event's first: it can be silenced (`silence`), which a link cannot.
 */
export function setProgram(event: number, program: Attachable, cookie: bigint | undefined, purpose: string): number[] {
  const calls = systemCalls();
  try {
    if (cookie === undefined) {
      checked(calls.ioctl(event, PERF_EVENT_IOC_SET_BPF, program.fd), "ioctl(PERF_EVENT_IOC_SET_BPF)", purpose);
      return [event];
    }
    return [event, createLink(linkAttribute(program.fd, event, AttachType.perfEvent).u64(16, cookie), purpose)];
  } catch (error) {
    calls.close(event);
    throw error;
  }
}
