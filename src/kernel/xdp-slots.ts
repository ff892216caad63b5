// Which programs share an interface: what a dispatcher's map says, and who is pinned in its slots.

import type { Kernel } from "./kernel.ts";
import { infoOf, mapInfo, openMap } from "./kernel-objects.ts";
import { bpfProgInfo } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { btfById } from "./module-types.ts";
import { programInfo } from "./program-info.ts";
import { textOf } from "./struct.ts";
import {
  DISPATCHER_NAME,
  type DispatcherConfig,
  type DispatcherEntry,
  decodeDispatcherConfig,
  dispatcherVersion,
} from "./xdp-dispatcher.ts";
import { openSlot, pinFolder, withPins } from "./xdp-pins.ts";

/** A program that shares an interface. */
export interface XdpSlot extends DispatcherEntry {
  /** From 0: lower ones run first. */
  readonly slot: number;
  /** Its id; undefined where its pin is not found (another BPF file system, another mount namespace). */
  readonly program?: number;
  /** At most 15 characters. */
  readonly name?: string;
}

/** A dispatcher of libxdp's protocol. */
export interface XdpDispatcher {
  /** Of the dispatcher's program. */
  readonly program: number;
  /** Of the protocol; only the slots of 1 and 2 are known. */
  readonly version: number;
  readonly slots: readonly XdpSlot[];
  /** The folder of its pins. */
  readonly folder: string;
}

/** A configuration is 124 bytes; a map that has more than this is none. */
const MOST_BYTES = 4096;

/** What a program, by its id, tells as a dispatcher; undefined where it is none. Throws a FormatError, a SystemCallError. */
export function dispatcherConfig(program: number, kernel: Kernel): DispatcherConfig | undefined {
  const fd = kernel.bpf("PROG_GET_FD_BY_ID", { prog_id: program });
  if (fd < 0) return undefined;
  let map: number | undefined;
  try {
    const maps = new Uint32Array(1);
    const info = infoOf(kernel, fd, bpfProgInfo, { nr_map_ids: 1, map_ids: new Uint8Array(maps.buffer) });
    if (info === undefined || textOf(info.getBytes("name")) !== DISPATCHER_NAME || info.get("nr_map_ids") !== 1)
      return undefined;
    map = openMap(maps[0] as number, kernel);
    const { keySize, valueSize, maxEntries } = mapInfo(map, kernel);
    if (keySize !== 4 || maxEntries !== 1 || valueSize > MOST_BYTES) return undefined;
    const value = new Uint8Array(valueSize);
    if (kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: map, key: new Uint8Array(4), value }) < 0) return undefined;
    return decodeDispatcherConfig(value, dispatcherVersion(btfById(kernel, info.get("btf_id"))));
  } finally {
    kernel.calls.close(fd);
    if (map !== undefined) kernel.calls.close(map);
  }
}

/**
 * The programs that share an interface (by its number) through the program that stands there; undefined where that is no
 * dispatcher. Throws a FormatError for one that makes no sense, a SystemCallError.
 */
export function xdpDispatcher(
  program: number,
  index: number,
  kernel: Kernel = liveKernel(),
): XdpDispatcher | undefined {
  const config = dispatcherConfig(program, kernel);
  if (config === undefined) return undefined;
  const folder = pinFolder(index, program);
  const pinned = (slot: number): { program?: number; name?: string } => {
    const fd = openSlot(folder, slot, kernel);
    if (fd === undefined) return {};
    try {
      const { id, name } = programInfo(fd, kernel);
      return { program: id, name };
    } finally {
      kernel.calls.close(fd);
    }
  };
  const slots = (find: (slot: number) => object): XdpSlot[] =>
    config.entries.map((entry, slot) => ({ slot, ...entry, ...find(slot) }));
  const known = kernel.files.exists(folder);
  return {
    program,
    version: config.version,
    slots: known ? withPins(kernel, () => slots(pinned)) : slots(() => ({})),
    folder,
  };
}
