// What programs and the reader agree on for the processes that are traced, where these are not one by its number.
//
//   followed    a byte for each number that a process can have: those of processes that are followed are not 0
//   forks       child → the process that started it, while it is found out what was there at the start
//   cgroup      the control group that a task must be in, or below

import { BPF_F_MMAPABLE, type MapSpec } from "../object/index.ts";

export const SELECTION = { followed: "scry.followed", forks: "scry.forks", cgroup: "scry.cgroup" } as const;

/** linux/threads.h: no process has this number, or a greater one. */
export const PID_LIMIT = 0x40_0000;

/** A byte of `followed`. Who has ended is still followed: what it does last is its own. */
export const Follow = { no: 0, lives: 1, ended: 2 } as const;

/** Programs that keep `followed` true; the last one writes `forks`, and is attached at the start only. */
export const FOLLOW_PROGRAMS = { fork: "scry_follow_fork", exit: "scry_follow_exit", log: "scry_follow_log" } as const;

/** Processes that may begin at the start, before it is known what was there. */
export const FORKS = 8192;

export const selectionMaps = (): MapSpec[] => [
  {
    name: SELECTION.followed,
    type: "array",
    keySize: 4,
    valueSize: PID_LIMIT,
    maxEntries: 1,
    flags: BPF_F_MMAPABLE,
  },
  { name: SELECTION.forks, type: "hash", keySize: 4, valueSize: 4, maxEntries: FORKS },
  { name: SELECTION.cgroup, type: "cgroup_array", keySize: 4, valueSize: 4, maxEntries: 1 },
];
