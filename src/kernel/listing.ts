// Which programs are loaded on this system, what holds them, how often they run. Names, ids and processes only: what a
// program or a process does is not looked at.

import { type ProgramType, programTypeName } from "../object/index.ts";
import type { Kernel } from "./kernel.ts";
import { ids, infoOf, type LinkInfo, linkInfo } from "./kernel-objects.ts";
import { bpfProgInfo } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { textOf } from "./struct.ts";

/** A process that has a descriptor of a program, a link of it, or a perf event that runs it. */
export interface Holder {
  readonly pid: number;
  /** As /proc/PID/comm has it. */
  readonly name: string;
}

export type LoadedLink = LinkInfo;

export interface ListedProgram {
  readonly id: number;
  readonly type: ProgramType | undefined;
  /** At most 15 characters. */
  readonly name: string;
  /** Of the user who loaded it. */
  readonly uid: number;
  /** Bytes of machine code. */
  readonly machineBytes: number;
  readonly maps: readonly number[];
  readonly links: readonly LoadedLink[];
  readonly holders: readonly Holder[];
}

/** What a program has cost since statistics were first counted. */
export interface ProgramRuns {
  readonly runs: bigint;
  readonly nanoseconds: bigint;
}

const MOST_MAPS = 1024;

/** Runs and their time of every program: meaningful while `enableStatistics` is on. */
export function programRuns(kernel: Kernel = liveKernel()): ReadonlyMap<number, ProgramRuns> {
  const found = new Map<number, ProgramRuns>();
  for (const id of ids(kernel, "PROG_GET_NEXT_ID")) {
    const info = withProgram(kernel, id, (fd) => infoOf(kernel, fd, bpfProgInfo, {}));
    if (info !== undefined) found.set(id, { runs: info.getBig("run_cnt"), nanoseconds: info.getBig("run_time_ns") });
  }
  return found;
}

/** All programs, by their ids. Needs CAP_SYS_ADMIN (else there are none), and sees the holders of processes it may look into. */
export function listPrograms(kernel: Kernel = liveKernel()): readonly ListedProgram[] {
  const links = allLinks(kernel);
  const holders = findHolders(kernel, links);
  const found: ListedProgram[] = [];
  for (const id of ids(kernel, "PROG_GET_NEXT_ID")) {
    const listed = withProgram(kernel, id, (fd): ListedProgram | undefined => {
      const maps = new Uint32Array(MOST_MAPS);
      const info = infoOf(kernel, fd, bpfProgInfo, { nr_map_ids: MOST_MAPS, map_ids: new Uint8Array(maps.buffer) });
      if (info === undefined) return undefined;
      return {
        id,
        type: programTypeName(info.get("type")),
        name: textOf(info.getBytes("name")),
        uid: info.get("created_by_uid"),
        machineBytes: info.get("jited_prog_len"),
        maps: [...maps.subarray(0, Math.min(info.get("nr_map_ids"), MOST_MAPS))],
        links: links.filter((link) => link.program === id),
        holders: [...(holders.get(id)?.values() ?? [])],
      };
    });
    if (listed !== undefined) found.push(listed);
  }
  return found;
}

function withProgram<T>(kernel: Kernel, id: number, ask: (fd: number) => T): T | undefined {
  const fd = kernel.bpf("PROG_GET_FD_BY_ID", { prog_id: id });
  if (fd < 0) return undefined;
  try {
    return ask(fd);
  } finally {
    kernel.calls.close(fd);
  }
}

function allLinks(kernel: Kernel): LoadedLink[] {
  const found: LoadedLink[] = [];
  for (const id of ids(kernel, "LINK_GET_NEXT_ID")) {
    const fd = kernel.bpf("LINK_GET_FD_BY_ID", { link_id: id });
    if (fd < 0) continue;
    try {
      found.push(linkInfo(fd, kernel));
    } catch {
      // It went away.
    } finally {
      kernel.calls.close(fd);
    }
  }
  return found;
}

/** Processes by the ids of programs that their descriptors hold, of themselves or by links. */
function findHolders(kernel: Kernel, links: readonly LoadedLink[]): ReadonlyMap<number, Map<number, Holder>> {
  const found = new Map<number, Map<number, Holder>>();
  const ofLink = new Map(links.map(({ id, program }) => [id, program]));
  const attempt = <T>(read: () => T, instead: T): T => {
    try {
      return read();
    } catch {
      // The process ended, or is closed to us.
      return instead;
    }
  };
  for (const pid of attempt(() => kernel.files.list("/proc"), []).filter((name) => /^\d+$/.test(name))) {
    for (const fd of attempt(() => kernel.files.list(`/proc/${pid}/fd`), [])) {
      const link = attempt(() => kernel.files.link(`/proc/${pid}/fd/${fd}`), "");
      if (!/^anon_inode:(?:bpf-prog|bpf.link|\[perf_event\])/.test(link)) continue;
      const text = attempt(() => kernel.text(`/proc/${pid}/fdinfo/${fd}`), "");
      const own = /^prog_id:\s*(\d+)/m.exec(text)?.[1];
      const byLink = /^link_id:\s*(\d+)/m.exec(text)?.[1];
      const program = own !== undefined ? Number(own) : byLink === undefined ? undefined : ofLink.get(Number(byLink));
      if (program === undefined) continue;
      const holders = found.get(program) ?? new Map<number, Holder>();
      found.set(program, holders);
      const number = Number(pid);
      if (!holders.has(number))
        holders.set(number, { pid: number, name: attempt(() => kernel.text(`/proc/${pid}/comm`).trimEnd(), "?") });
    }
  }
  return found;
}
