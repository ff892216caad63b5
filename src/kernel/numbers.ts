// The kernel's numbers for what this room asks of bpf(2) and perf_event_open(2): include/uapi/linux/bpf.h, perf_event.h.

/** `enum bpf_cmd` */
export const Command = {
  mapCreate: 0,
  mapLookup: 1,
  mapUpdate: 2,
  mapDelete: 3,
  mapNextKey: 4,
  programLoad: 5,
  objectPin: 6,
  programTestRun: 10,
  programNextId: 11,
  programFdById: 13,
  infoByFd: 15,
  rawTracepointOpen: 17,
  btfLoad: 18,
  btfFdById: 19,
  mapFreeze: 22,
  btfNextId: 23,
  mapLookupBatch: 24,
  mapDeleteBatch: 27,
  linkCreate: 28,
  enableStats: 32,
  iterCreate: 33,
} as const;

/** `enum bpf_attach_type` */
export const AttachType = {
  flowDissector: 17,
  rawTracepoint: 23,
  fentry: 24,
  fexit: 25,
  modifyReturn: 26,
  lsm: 27,
  iter: 28,
  skLookup: 36,
  xdp: 37,
  perfEvent: 41,
  kprobeMulti: 42,
  structOps: 44,
  netfilter: 45,
  tcxIngress: 46,
  tcxEgress: 47,
  uprobeMulti: 48,
  kprobeSession: 56,
} as const;

/** `BPF_F_*` of map creation. */
export const BPF_F_NO_PREALLOC = 1;
export const BPF_F_RDONLY_PROG: number = 1 << 7;
export const BPF_F_MMAPABLE: number = 1 << 10;
/** Of program loading. */
export const BPF_F_SLEEPABLE: number = 1 << 4;

/** `enum perf_type_id` */
export const PERF_TYPE_SOFTWARE = 1;
export const PERF_TYPE_TRACEPOINT = 2;
export const PERF_TYPE_BREAKPOINT = 5;
/** Bytes of `struct perf_event_attr` up to `config3` (PERF_ATTR_SIZE_VER8). */
export const PERF_ATTRIBUTE_SIZE = 136;
export const PERF_FLAG_FD_CLOEXEC = 8;
/** _IOW('$', 8, __u32), _IO('$', 0), _IO('$', 1) */
export const PERF_EVENT_IOC_SET_BPF = 0x40042408;
export const PERF_EVENT_IOC_ENABLE = 0x2400;
export const PERF_EVENT_IOC_DISABLE = 0x2401;

/** Bytes of a page. */
export const PAGE_SIZE = 4096;
