// XDP programs beside others of an interface, by libxdp's protocol: whoever comes or goes makes a new dispatcher of all that
// stay, pins it, and puts it in the old one's place in one step, which the kernel refuses where somebody else was faster.
//
// Source: xdp-tools, lib/libxdp/protocol.org, and libxdp.c for the order of equal priorities.

import type { BpfObject, ProgramSpec } from "../object/index.ts";
import { type Attachable, createLink, type TargetOf } from "./attachment.ts";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { type LoadedObject, type LoadedProgram, type LoadOptions, loadObject } from "./load.ts";
import { functionOfProgram, openProgram } from "./module-types.ts";
import { inNetworkNamespace } from "./net-namespace.ts";
import { xdpAt } from "./network-programs.ts";
import { programInfo } from "./program-info.ts";
import { interfaceIndex } from "./sockets.ts";
import {
  DISPATCHER_NAME,
  DISPATCHER_SLOTS,
  DISPATCHER_VERSION,
  type DispatcherEntry,
  dispatcherObject,
  slotFunction,
} from "./xdp-dispatcher.ts";
import { occupied, setXdp } from "./xdp-interface.ts";
import { nap, openSlot, pinFolder, pinnedDispatchers, pinSlots, unpinSlots, withPins } from "./xdp-pins.ts";
import { dispatcherConfig } from "./xdp-slots.ts";

const EPERM = 1;
const EINVAL = 22;
const EEXIST = 17;
const EBUSY = 16;
/** How often it is begun anew where others change the same interface. */
const ATTEMPTS = 10;

/** A program that stands in a dispatcher, or will. */
interface Member {
  readonly fd: number;
  readonly id: number;
  readonly name: string;
  readonly tag: string;
  readonly entry: DispatcherEntry;
  /** It is there already. */
  readonly there: boolean;
}

/** A dispatcher that is loaded, with the programs that stand in for its functions. */
interface Made {
  readonly object: LoadedObject;
  readonly fd: number;
  readonly id: number;
  /** Descriptors, by slots; the links are to be closed. */
  readonly slots: readonly { readonly program: number; readonly link: number }[];
}

/**
 * Loads XDP programs so that they can share an interface (`attach` with `share`): each stands in for a function of a
 * dispatcher, one that is never attached. Otherwise as `loadObject`. Such programs cannot run on their own, nor by
 * BPF_PROG_TEST_RUN. Linux 5.10 has what it takes.
 */
export function loadShared(object: BpfObject, options: LoadOptions = {}, kernel: Kernel = liveKernel()): LoadedObject {
  const entry: DispatcherEntry = { priority: 0, chainCall: [], frags: false };
  using pattern = loadObject(dispatcherObject([entry]), {}, kernel);
  const dispatcher = pattern.programs.get(DISPATCHER_NAME) as LoadedProgram;
  const type = functionOf(kernel, programInfo(dispatcher.fd, kernel).id, slotFunction(0));
  const standsIn = (spec: ProgramSpec): { fd: number; type: number } | undefined =>
    spec.type === "xdp" ? { fd: dispatcher.fd, type } : options.standsIn?.(spec);
  const load = (one: BpfObject): LoadedObject => loadObject(one, { ...options, standsIn }, kernel);
  try {
    try {
      return load(object);
    } catch (error) {
      const followed = followedFromCallers(object);
      if (!(error instanceof SystemCallError) || error.errno !== EINVAL || followed === undefined) throw error;
      return load(followed);
    }
  } catch (error) {
    if (!(error instanceof SystemCallError) || (error.errno !== EPERM && error.errno !== EINVAL)) throw error;
    throw new UnsupportedError(
      `${error.message}; to share an interface a program stands in for a function of another one (freplace), which this kernel did not let it`,
    );
  }
}

/**
 * The same, with no function verified by itself: older kernels (5.10 is one) take the context that such a function of a program
 * that stands in is given for another type's (kernel/bpf/btf.c: btf_check_func_arg_match). Undefined: none is.
 */
function followedFromCallers(object: BpfObject): BpfObject | undefined {
  if (!object.programs.some(({ functions }) => functions.some((fn) => fn.global !== undefined))) return undefined;
  const programs = object.programs.map((program) => ({
    ...program,
    functions: program.functions.map(({ global: _, ...fn }) => fn),
  }));
  return { ...object, programs };
}

function functionOf(kernel: Kernel, program: number, name: string): number {
  const id = functionOfProgram(program, name, kernel);
  if (id === undefined) throw new UnsupportedError(`this kernel does not tell the function ${name} of a dispatcher`);
  return id;
}

/**
 * Puts a program, that `loadShared` has loaded, among those of an interface. It stays when this process ends, until the
 * answer is called, or libxdp's tools take it away. Throws an UnsupportedError where a program stands there that is no
 * dispatcher, or no slot is free; then everything is as it was.
 */
export function joinXdp(program: Attachable, target: TargetOf<"xdp">, kernel: Kernel): () => void {
  const place = `xdp:${target.interface}`;
  const { id, type, name, tag } = programInfo(program.fd, kernel);
  if (type !== "ext")
    throw new UnsupportedError(
      `${place}: program "${program.name}" was loaded to stand there alone; loadShared loads it to share`,
    );
  const { priority = 50, chainCall = ["pass"] } = target.share ?? {};
  const entry = { priority, chainCall, frags: program.spec?.frags === true };
  const own: Member = { fd: program.fd, id, name, tag, entry, there: false };
  const join: Arrange = ({ members, program: there, stranger }) => {
    if (stranger && there !== undefined)
      throw new UnsupportedError(`${occupied(place, there, kernel)}; it was not attached to be shared`);
    if (members.length >= DISPATCHER_SLOTS)
      throw new UnsupportedError(
        `${place}: ${members.length} programs share it already, and there is room for no more`,
      );
    return [...members, own];
  };
  const index = inNetworkNamespace(
    target.netns,
    () => {
      const found = interfaceIndex(target.interface, kernel);
      change(kernel, { index: found, name: place, mode: target.mode }, join);
      return found;
    },
    kernel,
  );
  return () => leaveXdp(id, index, target.netns, kernel);
}

/**
 * Takes a program, by its id, away from those that share an interface; with the last one the dispatcher goes too. What is gone
 * already is no error. Throws a SystemCallError, an UnsupportedError.
 */
export function leaveXdp(program: number, index: number, netns?: string, kernel: Kernel = liveKernel()): void {
  const without: Arrange = ({ members }) => {
    const rest = members.filter(({ id }) => id !== program);
    return rest.length === members.length ? undefined : rest;
  };
  const place = { index, name: `xdp: interface ${index}`, mode: "any" } as const;
  const left = inNetworkNamespace(netns, () => change(kernel, place, without), kernel);
  // The interface went, and its dispatcher with it; or another program was put there.
  if (!left) forget(kernel, index, program);
}

interface Place {
  readonly index: number;
  /** For messages. */
  readonly name: string;
  readonly mode: TargetOf<"xdp">["mode"];
}

/** What stands at an interface. */
interface There {
  readonly members: readonly Member[];
  /** Its program: a dispatcher, or a stranger. */
  readonly program?: { readonly id: number; readonly by: string; readonly fd: number };
  readonly stranger: boolean;
}

/** Which programs an interface shall have; undefined: those that it has. */
type Arrange = (there: There) => readonly Member[] | undefined;

/** Gives an interface other programs in one step. Answers false where they are to stay as they are. */
function change(kernel: Kernel, place: Place, arrange: Arrange): boolean {
  for (let attempt = 1; ; attempt++) {
    const errno = withPins(kernel, () => changeOnce(kernel, place, arrange));
    if (errno === undefined) return false;
    if (errno === 0) return true;
    if ((errno !== EEXIST && errno !== EBUSY) || attempt === ATTEMPTS)
      throw new SystemCallError("netlink(RTM_SETLINK)", errno, place.name);
    nap(Math.min(1 << attempt, 64));
  }
}

/** The errno of putting it there: 0 where it stands; undefined where nothing was to be changed. */
function changeOnce(kernel: Kernel, place: Place, arrange: Arrange): number | undefined {
  const { index, mode } = place;
  const open: number[] = [];
  let made: Made | undefined;
  try {
    const there = lookAt(kernel, place, open);
    const members = arrange(there);
    if (members === undefined) return undefined;
    const old = there.program;
    if (old !== undefined && mode !== "any" && old.by !== mode)
      throw new UnsupportedError(`${place.name}: the programs there are attached ${old.by}, not ${mode}`);
    if (members.length > 0) made = dispatcherOf(kernel, [...members].sort(inOrder), place);
    const folder = made === undefined ? undefined : pinFolder(index, made.id);
    if (made !== undefined && folder !== undefined) pinSlots(folder, made.slots, kernel);
    const errno = setXdp(kernel, index, old?.by ?? mode, made?.fd, old?.fd);
    if (errno !== 0 && folder !== undefined) unpinSlots(folder, kernel);
    if (errno === 0 && old !== undefined) unpinSlots(pinFolder(index, old.id), kernel);
    return errno;
  } finally {
    for (const { link } of made?.slots ?? []) kernel.calls.close(link);
    made?.object.close();
    for (const fd of open) kernel.calls.close(fd);
  }
}

/** What stands there, with descriptors that are put into `open`. */
function lookAt(kernel: Kernel, { index, name }: Place, open: number[]): There {
  const program = xdpAt(index, kernel).find(({ by }) => by !== "offloaded");
  if (program === undefined) return { members: [], stranger: false };
  const fd = openProgram(program.id, kernel);
  open.push(fd);
  const config = dispatcherConfig(program.id, kernel);
  if (config === undefined) return { members: [], program: { ...program, fd }, stranger: true };
  if (config.version !== DISPATCHER_VERSION)
    throw new UnsupportedError(
      `${name}: the dispatcher there is of version ${config.version} of libxdp's protocol, of which ${DISPATCHER_VERSION} is spoken here: take its programs away first`,
    );
  const folder = pinFolder(index, program.id);
  const members = config.entries.map((entry, slot): Member => {
    const member = openSlot(folder, slot, kernel);
    if (member === undefined)
      throw new UnsupportedError(
        `${name}: a dispatcher stands there whose programs are not pinned in ${folder}: LIBXDP_BPFFS says which BPF file system they are in`,
      );
    open.push(member);
    const { id, name: own, tag } = programInfo(member, kernel);
    return { fd: member, id, name: own, tag, entry, there: true };
  });
  return { members, program: { ...program, fd }, stranger: false };
}

/** Lower priorities first; of equal ones as libxdp has it: by name, those that are there before others, by tag, by age. */
function inOrder(a: Member, b: Member): number {
  return (
    a.entry.priority - b.entry.priority ||
    compared(a.name, b.name) ||
    Number(b.there) - Number(a.there) ||
    compared(a.tag, b.tag) ||
    a.id - b.id
  );
}

const compared = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Loads a dispatcher, with each program in the place of its slot's function. */
function dispatcherOf(kernel: Kernel, members: readonly Member[], { name }: Place): Made {
  const object = loadObject(dispatcherObject(members.map(({ entry }) => entry)), {}, kernel);
  const slots: { program: number; link: number }[] = [];
  try {
    const { fd } = object.programs.get(DISPATCHER_NAME) as LoadedProgram;
    const { id } = programInfo(fd, kernel);
    const only = members.length === 1 && members.every(({ entry }) => endsTheSame(entry));
    members.forEach((member, slot) => {
      const type = functionOf(kernel, id, only ? DISPATCHER_NAME : slotFunction(slot));
      const link = { prog_fd: member.fd, target_fd: fd, target_btf_id: type };
      slots.push({ program: member.fd, link: createLink(kernel, link, `${name}: program "${member.name}"`) });
    });
    return { object, fd, id, slots };
  } catch (error) {
    for (const { link } of slots) kernel.calls.close(link);
    object.close();
    throw error;
  }
}

/** Where nobody is asked after it, are its answers those of the dispatcher? Then it stands in for all of that. */
const endsTheSame = ({ chainCall }: DispatcherEntry): boolean => chainCall.every((action) => action === "pass");

/** Takes away the pins of dispatchers that are gone, by a program that was in them. */
function forget(kernel: Kernel, index: number, program: number): void {
  if (pinnedDispatchers(index, kernel).length === 0) return;
  withPins(kernel, () => {
    for (const id of pinnedDispatchers(index, kernel)) {
      const folder = pinFolder(index, id);
      const held = Array.from({ length: DISPATCHER_SLOTS }, (_, slot) => idOf(folder, slot, kernel));
      if (held.includes(program)) unpinSlots(folder, kernel);
    }
  });
}

function idOf(folder: string, slot: number, kernel: Kernel): number | undefined {
  const fd = openSlot(folder, slot, kernel);
  if (fd === undefined) return undefined;
  try {
    return programInfo(fd, kernel).id;
  } finally {
    kernel.calls.close(fd);
  }
}
