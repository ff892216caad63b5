// What an object needs of a kernel, by the releases that brought it (the history of include/uapi/linux/bpf.h).

import { Opcode } from "../isa/index.ts";
import { type BpfObject, helperName, MAP_TYPES, type MapType, type ProgramType } from "../object/index.ts";

export interface Need {
  /** `ring buffer`, `helper bpf_loop`. */
  readonly what: string;
  /** Of Linux: `5.8`. */
  readonly since: string;
}

const MAPS: Readonly<Partial<Record<MapType, string>>> = {
  lru_hash: "4.10",
  lru_percpu_hash: "4.10",
  lpm_trie: "4.11",
  array_of_maps: "4.12",
  hash_of_maps: "4.12",
  devmap: "4.14",
  sockmap: "4.14",
  cpumap: "4.15",
  xskmap: "4.18",
  sockhash: "4.18",
  cgroup_storage: "4.19",
  reuseport_sockarray: "4.19",
  percpu_cgroup_storage: "4.20",
  queue: "4.20",
  stack: "4.20",
  sk_storage: "5.2",
  devmap_hash: "5.4",
  struct_ops: "5.6",
  ringbuf: "5.8",
  inode_storage: "5.10",
  task_storage: "5.11",
  bloom_filter: "5.16",
  user_ringbuf: "6.1",
  cgrp_storage: "6.2",
  arena: "6.9",
};

const PROGRAMS: Readonly<Partial<Record<ProgramType, string>>> = {
  raw_tracepoint: "4.17",
  cgroup_sock_addr: "4.17",
  flow_dissector: "4.20",
  cgroup_sysctl: "5.2",
  raw_tracepoint_writable: "5.2",
  cgroup_sockopt: "5.3",
  tracing: "5.5",
  struct_ops: "5.6",
  ext: "5.6",
  lsm: "5.7",
  sk_lookup: "5.9",
  syscall: "5.14",
  netfilter: "6.4",
};

const ATTACH_TYPES: Readonly<Record<string, string>> = {
  trace_iter: "5.8",
  trace_kprobe_multi: "5.18",
  lsm_cgroup: "6.0",
  tcx_ingress: "6.6",
  tcx_egress: "6.6",
  trace_uprobe_multi: "6.6",
  netkit_primary: "6.7",
  netkit_peer: "6.7",
  trace_kprobe_session: "6.10",
  trace_uprobe_session: "6.13",
};

/** The first helper of each release, by its number: all from it on are as new. */
const HELPERS: readonly (readonly [first: number, since: string])[] = [
  [210, "6.2"],
  [208, "6.1"],
  [204, "6.0"],
  [193, "5.19"],
  [187, "5.18"],
  [180, "5.17"],
  [176, "5.16"],
  [169, "5.15"],
  [166, "5.14"],
  [164, "5.13"],
  [163, "5.12"],
  [156, "5.11"],
  [142, "5.10"],
  [136, "5.9"],
  [125, "5.8"],
  [119, "5.7"],
  [116, "5.6"],
  [111, "5.5"],
];

/** What the object needs beyond what kernels since 4.9 have, the newest first. */
export function needsOf(object: BpfObject): readonly Need[] {
  const found = new Map<string, string>();
  for (const { type } of object.maps) {
    const since = MAPS[type];
    if (since !== undefined) found.set(`map type ${type}`, since);
    if (MAP_TYPES[type].number > 33) found.set(`map type ${type}`, "6.9");
  }
  if (object.maps.some((map) => /^\.(?:rodata|data|bss)/.test(map.name))) found.set("global data", "5.2");
  for (const program of object.programs) {
    const since = PROGRAMS[program.type];
    if (since !== undefined) found.set(`program type ${program.type}`, since);
    const attach = ATTACH_TYPES[program.attachType ?? (program.target?.kind === "iter" ? "trace_iter" : "")];
    if (attach !== undefined) found.set(`attach type ${program.attachType ?? "iter"}`, attach);
    if (program.sleepable && program.type !== "syscall") found.set("sleepable programs", "5.10");
    for (const { code } of program.functions)
      for (const one of code) {
        if (one.ref?.kind === "kfunc") found.set(`kernel function ${one.ref.name}`, "5.18");
        if (one.op !== Opcode.CALL || one.src !== 0 || one.ref !== undefined) continue;
        const newest = HELPERS.find(([first]) => one.imm >= first);
        if (newest !== undefined)
          found.set(`helper bpf_${(helperName(one.imm) ?? String(one.imm)).replace(/^bpf_/, "")}`, newest[1]);
      }
  }
  const order = ({ since }: Need): number => since.split(".").reduce((all, part) => all * 1000 + Number(part), 0);
  return [...found].map(([what, since]) => ({ what, since })).sort((a, b) => order(b) - order(a));
}
