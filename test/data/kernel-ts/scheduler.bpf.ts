// A scheduler: first come, first served, over all CPUs. Only for tasks that ask for it (SCHED_EXT).

import { enums, kernel, live, sleepable, structOps, u64 } from "scry/bpf";

const SHARED = 0;
export const placed = live(u64, 0);
export const taken = live(u64, 0);

export const scheduler = structOps("sched_ext_ops", {
  name: "scry_first",
  flags: 8, // SCX_OPS_SWITCH_PARTIAL
  timeout_ms: 5000,
  init: sleepable(() => kernel.scx_bpf_create_dsq(SHARED, -1)),
  enqueue: (task, flags) => {
    placed.value += 1;
    kernel.scx_bpf_dsq_insert(task, SHARED, u64(enums.SCX_SLICE_DFL), flags);
  },
  dispatch: (_cpu, _previous) => {
    if (kernel.scx_bpf_dsq_move_to_local(SHARED)) taken.value += 1;
  },
});
