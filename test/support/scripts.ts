// Small helpers of the tests that run the command.

import { execFileSync } from "node:child_process";

/** Ids of all programs, maps and links in the kernel. */
export function kernelObjects(): {
  readonly programs: Set<number>;
  readonly maps: Set<number>;
  readonly links: Set<number>;
} {
  const ids = (what: string): Set<number> =>
    new Set(
      (
        JSON.parse(execFileSync("bpftool", ["-j", what, "list"], { encoding: "utf8", maxBuffer: 1 << 26 })) as {
          id: number;
        }[]
      ).map((o) => o.id),
    );
  return { programs: ids("prog"), maps: ids("map"), links: ids("link") };
}

/** What is there now and was not before. */
export function newObjects(before: ReturnType<typeof kernelObjects>): number {
  const now = kernelObjects();
  const added = (a: Set<number>, b: Set<number>): number => [...b].filter((id) => !a.has(id)).length;
  return added(before.programs, now.programs) + added(before.maps, now.maps) + added(before.links, now.links);
}

/** Looks again and again until it holds, or so many milliseconds have passed. */
export async function eventually(holds: () => boolean, milliseconds = 5000): Promise<boolean> {
  const end = Date.now() + milliseconds;
  while (!holds()) {
    if (Date.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

/** Whether stdout's number of lost events is said on stderr: the sum of all "Lost N events". */
export function lostEvents(stderr: string): number {
  let lost = 0;
  for (const match of stderr.matchAll(/Lost (\d+) events?/g)) lost += Number(match[1]);
  return lost;
}
