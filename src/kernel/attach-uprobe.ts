// Functions and static probes of programs: one perf event for each, or one link for many (Linux 6.6).

import { placeInFile } from "./archives.ts";
import { type Attachable, type Attacher, type Attachment, createLink, setProgram } from "./attachment.ts";
import { firstCpu } from "./cpus.ts";
import { UnsupportedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { AttachType } from "./numbers.ts";
import { openPerfEvent, probeUnit } from "./perf-events.ts";
import { wordBytes } from "./struct.ts";

export const attachUprobe: Attacher<"uprobe"> = (program, target, kernel) => {
  const name = `${target.return ? "uretprobe" : "uprobe"}:${target.path}+0x${target.offset.toString(16)}`;
  const unit = probeUnit(kernel, "uprobe");
  if (unit === undefined) throw new UnsupportedError(`${name}: this kernel was built without CONFIG_UPROBE_EVENTS`);
  const place = placeInFile(target.path, target.offset);
  const shift = place.offset - target.offset;
  let config = target.return ? unit.returnBit : 0n;
  if (target.semaphore !== undefined) {
    if (unit.semaphoreShift === undefined) {
      throw new UnsupportedError(`${name}: this kernel cannot count USDT semaphores (ref_ctr_offset, Linux 4.20)`);
    }
    config |= BigInt(target.semaphore + shift) << unit.semaphoreShift;
  }
  const pid = target.pid ?? -1;
  const event = openPerfEvent(
    kernel,
    { type: unit.type, config, sample: 1, config1: place.path, config2: place.offset },
    pid,
    pid === -1 ? firstCpu(kernel) : -1,
    name,
  );
  return { fds: setProgram(kernel, event, program, target.cookie, name), slow: true };
};

export interface UprobeMulti {
  readonly path: string;
  /** Bytes from the start of the file. */
  readonly offsets: readonly number[];
  /** One for each offset. */
  readonly cookies?: readonly bigint[];
  /** File offsets of USDT semaphores, 0 for none; one for each offset. */
  readonly semaphores?: readonly number[];
  readonly pid?: number;
  readonly return: boolean;
}

const BPF_F_UPROBE_MULTI_RETURN = 1;

/**
 * Attaches one program to many places of a file by one link (Linux 6.6, `features().uprobeMulti`). The program must
 * have been loaded for it (`LoadOptions.multi`). Measured: a link closes in 20 to 45 ms, whether it has one place or
 * 500; a perf event in 120 ms, each.
 */
export function attachUprobeMulti(program: Attachable, places: UprobeMulti, kernel: Kernel = liveKernel()): Attachment {
  const { path, offset: shift } = placeInFile(places.path, 0);
  const uprobes = {
    path,
    offsets: wordBytes(places.offsets.map((offset) => offset + shift)),
    ref_ctr_offsets: places.semaphores?.some((offset) => offset !== 0)
      ? wordBytes(places.semaphores.map((offset) => (offset === 0 ? 0 : offset + shift)))
      : undefined,
    cookies: places.cookies === undefined ? undefined : wordBytes(places.cookies),
    cnt: places.offsets.length,
    flags: places.return ? BPF_F_UPROBE_MULTI_RETURN : 0,
    pid: places.pid,
  };
  const fd = createLink(
    kernel,
    { prog_fd: program.fd, attach_type: program.attachType ?? AttachType.uprobeMulti, uprobe_multi: uprobes },
    `${places.return ? "uretprobe" : "uprobe"}:${places.path} (${places.offsets.length} place${places.offsets.length === 1 ? "" : "s"})`,
  );
  const base = { kind: "uprobe", path: places.path, offset: places.offsets[0] ?? 0, return: places.return } as const;
  return { kernel, target: places.pid === undefined ? base : { ...base, pid: places.pid }, fds: [fd], slow: false };
}
