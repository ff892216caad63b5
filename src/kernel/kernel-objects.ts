// What the kernel knows of its programs, maps, links and types: their ids, descriptors by id, `BPF_OBJ_GET_INFO_BY_FD`.

import { mapTypeName } from "../object/index.ts";
import type { Kernel } from "./kernel.ts";
import { bpfLinkInfo, bpfMapInfo } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { type Layout, type Struct, textOf, type Values } from "./struct.ts";
import { checked } from "./system-calls.ts";

/** What the kernel says of an object; `wanted` tells it what else to write where. Undefined where it refuses. */
export function infoOf<L extends Layout>(
  kernel: Kernel,
  fd: number,
  layout: L,
  wanted: Values<L>,
): Struct<L> | undefined {
  const info = kernel.struct(layout, wanted);
  return askInfo(kernel, fd, info) < 0 ? undefined : info;
}

/** The same, of `what`. Throws a SystemCallError. */
export function checkedInfo<L extends Layout>(kernel: Kernel, fd: number, layout: L, what: string): Struct<L> {
  const info = kernel.struct(layout);
  checked(askInfo(kernel, fd, info), "bpf(BPF_OBJ_GET_INFO_BY_FD)", what);
  return info;
}

const askInfo = (kernel: Kernel, fd: number, { bytes }: { readonly bytes: Uint8Array }): number =>
  kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: fd, info_len: bytes.length, info: bytes });

type NextId = "BTF_GET_NEXT_ID" | "PROG_GET_NEXT_ID" | "MAP_GET_NEXT_ID" | "LINK_GET_NEXT_ID";

/** The ids of all objects of a kind, ascending. Without CAP_SYS_ADMIN there are none. */
export function* ids(kernel: Kernel, command: NextId): Iterable<number> {
  for (let id = 0; ; ) {
    const attr = kernel.bpfAttr(command, { start_id: id });
    if (kernel.bpf(command, attr) < 0) return;
    yield (id = attr.get("next_id"));
  }
}

/** What a map is, whoever made it. */
export interface MapInfo {
  readonly id: number;
  /** BPF_MAP_TYPE_*, and its name where it is known. */
  readonly typeNumber: number;
  readonly type: ReturnType<typeof mapTypeName>;
  /** As the kernel has it: at most 15 characters. */
  readonly name: string;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes; of per-CPU maps one CPU's. */
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/** Throws a SystemCallError. */
export function mapInfo(fd: number, kernel: Kernel = liveKernel()): MapInfo {
  const info = checkedInfo(kernel, fd, bpfMapInfo, "a map");
  return {
    id: info.get("id"),
    typeNumber: info.get("type"),
    type: mapTypeName(info.get("type")),
    name: textOf(info.getBytes("name")),
    keySize: info.get("key_size"),
    valueSize: info.get("value_size"),
    maxEntries: info.get("max_entries"),
    flags: info.get("map_flags"),
  };
}

/** `enum bpf_link_type`, without BPF_LINK_TYPE_. */
const LINK_TYPES =
  "unspec raw_tracepoint tracing cgroup iter netns xdp perf_event kprobe_multi struct_ops netfilter tcx uprobe_multi netkit sockmap".split(
    " ",
  );

/** What a link is, whoever made it. */
export interface LinkInfo {
  readonly id: number;
  /** `tracing`, `perf_event`, …: `enum bpf_link_type`, lower case. */
  readonly type: string;
  /** The id of its program; 0 for a struct of functions. */
  readonly program: number;
}

/** Throws a SystemCallError. */
export function linkInfo(fd: number, kernel: Kernel = liveKernel()): LinkInfo {
  const info = checkedInfo(kernel, fd, bpfLinkInfo, "a link");
  const type = info.get("type");
  return { id: info.get("id"), type: LINK_TYPES[type] ?? `type ${type}`, program: info.get("prog_id") };
}

/** A descriptor of a map by its id, to be closed by the caller. Throws a SystemCallError. */
export const openMap = (id: number, kernel: Kernel = liveKernel()): number =>
  checked(kernel.bpf("MAP_GET_FD_BY_ID", { map_id: id }), "bpf(BPF_MAP_GET_FD_BY_ID)", `map ${id}`);

/** Lets another program of the same type take the place of a link's, with no event lost (Linux 5.7). Throws a SystemCallError. */
export const updateLink = (link: number, program: number, kernel: Kernel = liveKernel()): void =>
  void checked(kernel.bpf("LINK_UPDATE", { link_fd: link, new_prog_fd: program }), "bpf(BPF_LINK_UPDATE)", "a link");
