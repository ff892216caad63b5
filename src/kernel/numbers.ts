// The kernel's numbers for what this room asks of bpf(2) and perf_event_open(2): include/uapi/linux/bpf.h, perf_event.h.

/** `enum bpf_cmd`, without its BPF_. */
export const BpfCommand = {
  MAP_CREATE: 0,
  MAP_LOOKUP_ELEM: 1,
  MAP_UPDATE_ELEM: 2,
  MAP_DELETE_ELEM: 3,
  MAP_GET_NEXT_KEY: 4,
  PROG_LOAD: 5,
  OBJ_PIN: 6,
  OBJ_GET: 7,
  PROG_ATTACH: 8,
  PROG_DETACH: 9,
  PROG_TEST_RUN: 10,
  PROG_GET_NEXT_ID: 11,
  MAP_GET_NEXT_ID: 12,
  PROG_GET_FD_BY_ID: 13,
  MAP_GET_FD_BY_ID: 14,
  OBJ_GET_INFO_BY_FD: 15,
  PROG_QUERY: 16,
  RAW_TRACEPOINT_OPEN: 17,
  BTF_LOAD: 18,
  BTF_GET_FD_BY_ID: 19,
  MAP_LOOKUP_AND_DELETE_ELEM: 21,
  MAP_FREEZE: 22,
  BTF_GET_NEXT_ID: 23,
  MAP_LOOKUP_BATCH: 24,
  MAP_UPDATE_BATCH: 26,
  MAP_DELETE_BATCH: 27,
  LINK_CREATE: 28,
  LINK_CREATE_ITER: 28,
  LINK_UPDATE: 29,
  LINK_GET_FD_BY_ID: 30,
  LINK_GET_NEXT_ID: 31,
  ENABLE_STATS: 32,
  ITER_CREATE: 33,
  LINK_DETACH: 34,
  TOKEN_CREATE: 36,
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
  netkitPrimary: 54,
  netkitPeer: 55,
  kprobeSession: 56,
  uprobeSession: 57,
} as const;

/** `BPF_F_*` of program loading; those of maps are in object/map-flags.ts. */
export const BPF_F_SLEEPABLE: number = 1 << 4;
export const BPF_F_XDP_HAS_FRAGS: number = 1 << 5;

/** `enum perf_type_id` */
export const PERF_TYPE_SOFTWARE = 1;
export const PERF_TYPE_TRACEPOINT = 2;
export const PERF_TYPE_BREAKPOINT = 5;
/** `bp_type` of a breakpoint on writes (hw_breakpoint.h). */
export const HW_BREAKPOINT_W = 2;
export const PERF_FLAG_FD_CLOEXEC = 8;
/** _IOW('$', 8, __u32), _IO('$', 1) */
export const PERF_EVENT_IOC_SET_BPF = 0x40042408;
export const PERF_EVENT_IOC_ENABLE = 0x2400;
export const PERF_EVENT_IOC_DISABLE = 0x2401;

/** Bytes of a page. */
export const PAGE_SIZE = 4096;
