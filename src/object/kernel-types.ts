// Numbers of the kernel's map and program types (include/uapi/linux/bpf.h: enum bpf_map_type, enum bpf_prog_type).

import type { MapType, ProgramType } from "./object.ts";

/** `BPF_MAP_TYPE_*` */
export const MAP_TYPES: { readonly [type in MapType]: number } = {
  hash: 1,
  array: 2,
  prog_array: 3,
  perf_event_array: 4,
  percpu_hash: 5,
  percpu_array: 6,
  stack_trace: 7,
  cgroup_array: 8,
  lru_hash: 9,
  lru_percpu_hash: 10,
  lpm_trie: 11,
  array_of_maps: 12,
  hash_of_maps: 13,
  devmap: 14,
  sockmap: 15,
  cpumap: 16,
  xskmap: 17,
  sockhash: 18,
  cgroup_storage: 19,
  reuseport_sockarray: 20,
  percpu_cgroup_storage: 21,
  queue: 22,
  stack: 23,
  sk_storage: 24,
  devmap_hash: 25,
  struct_ops: 26,
  ringbuf: 27,
  inode_storage: 28,
  task_storage: 29,
  bloom_filter: 30,
  user_ringbuf: 31,
  cgrp_storage: 32,
  arena: 33,
};

/** `BPF_PROG_TYPE_*` */
export const PROGRAM_TYPES: { readonly [type in ProgramType]: number } = {
  socket_filter: 1,
  kprobe: 2,
  sched_cls: 3,
  sched_act: 4,
  tracepoint: 5,
  xdp: 6,
  perf_event: 7,
  cgroup_skb: 8,
  cgroup_sock: 9,
  lwt_in: 10,
  lwt_out: 11,
  lwt_xmit: 12,
  sock_ops: 13,
  sk_skb: 14,
  cgroup_device: 15,
  sk_msg: 16,
  raw_tracepoint: 17,
  cgroup_sock_addr: 18,
  lwt_seg6local: 19,
  lirc_mode2: 20,
  sk_reuseport: 21,
  flow_dissector: 22,
  cgroup_sysctl: 23,
  raw_tracepoint_writable: 24,
  cgroup_sockopt: 25,
  tracing: 26,
  struct_ops: 27,
  ext: 28,
  lsm: 29,
  sk_lookup: 30,
  syscall: 31,
  netfilter: 32,
};

/** The name of a map type's number, as `bpf_map_info.type` gives it; undefined for one that is newer than this table. */
export function mapTypeName(number: number): MapType | undefined {
  return (Object.keys(MAP_TYPES) as MapType[]).find((type) => MAP_TYPES[type] === number);
}

/** The name of a program type's number; undefined for one that is newer than this table. */
export function programTypeName(number: number): ProgramType | undefined {
  return (Object.keys(PROGRAM_TYPES) as ProgramType[]).find((type) => PROGRAM_TYPES[type] === number);
}
