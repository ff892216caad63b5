// Functions of the kernel: one perf event for each place, or one link for many functions (Linux 5.18), whose entry and
// return can share a program (Linux 6.10).

import type { AttachTarget } from "../object/index.ts";
import { type Attachable, type Attacher, type Attachment, setProgram } from "./attachment.ts";
import { firstCpu } from "./cpus.ts";
import { SystemCallError, UnsupportedError } from "./errors.ts";
import { hasFeature } from "./features.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";
import { AttachType } from "./numbers.ts";
import { openPerfEvent, probeUnit } from "./perf-events.ts";
import { wordBytes } from "./struct.ts";
import { checked } from "./system-calls.ts";
import { functionAddresses, isBlacklisted } from "./traceable-functions.ts";

export const NO_KPROBES =
  "this kernel was built without kprobes (CONFIG_KPROBES, CONFIG_KPROBE_EVENTS); use a tracepoint (scry -l 'tracepoint:*'), or fentry where the kernel has it";

export const attachKprobe: Attacher<"kprobe"> = (program, target, kernel) => {
  const name = `${target.return ? "kretprobe" : "kprobe"}:${target.function}${target.offset === 0 ? "" : `+${target.offset}`}`;
  const unit = probeUnit(kernel, "kprobe");
  if (unit === undefined) throw new UnsupportedError(`${name}: ${NO_KPROBES}`);
  const place = target.module === undefined ? target.function : `${target.module}:${target.function}`;
  const config = target.return ? unit.returnBit : 0n;
  let event: number;
  try {
    event = openPerfEvent(
      kernel,
      { type: unit.type, config, sample: 1, config1: place, config2: target.offset },
      -1,
      firstCpu(kernel),
      name,
    );
  } catch (error) {
    throw explained(error, target, name, kernel);
  }
  return { fds: setProgram(kernel, event, program, target.cookie, name), slow: true };
};

type KprobeTarget = Extract<AttachTarget, { kind: "kprobe" }>;

/** The errors of register_kprobe (kernel/kprobes.c) in words: what is in the way, and what can be used instead. */
function explained(error: unknown, target: KprobeTarget, name: string, kernel: Kernel): unknown {
  if (!(error instanceof SystemCallError)) return error;
  const { function: fn, offset } = target;
  const instead = hasFeature("fentry", kernel) ? ` (or fentry:${fn}, where the function has it)` : "";
  const say = (why: string): UnsupportedError => new UnsupportedError(`${name}: ${why}`);
  switch (error.code) {
    case "ENOENT":
      return functionAddresses(fn, target.module, kernel).length === 0
        ? say(
            `this kernel has no function ${target.module === undefined ? "" : `${target.module}:`}${fn}; scry -l 'kprobe:*' lists those it has`,
          )
        : error;
    case "EADDRNOTAVAIL":
      return say(
        `the kernel has several functions called ${fn}; name one by its module (kprobe:MODULE:${fn}), or use a tracepoint`,
      );
    case "EILSEQ":
      return say(`no instruction begins at ${fn}+${offset}: choose an offset where one does (scry does not guess)`);
    case "EINVAL":
      if (isBlacklisted(fn, kernel))
        return say(
          `the kernel forbids probes in ${fn} (it is on its kprobe blacklist); use a function that calls it, or a tracepoint${instead}`,
        );
      return say(
        offset === 0
          ? `the kernel takes no probe on ${fn}: it is inlined, or marked as not to be traced; use a function that calls it, or a tracepoint${instead}`
          : `the kernel takes no probe at ${fn}+${offset}: it is outside of the function, or inside of an instruction`,
      );
    default:
      return error;
  }
}

export interface KprobeMulti {
  /** Functions, by name (the kernel looks for them, takes the first of a name, and knows few of modules) or by address. */
  readonly functions: readonly string[] | readonly bigint[];
  /** One for each function. */
  readonly cookies?: readonly bigint[];
  /** `session`: entry and return run the same program, which can tell them apart (`bpf_session_is_return`). */
  readonly at: "entry" | "return" | "session";
}

const BPF_F_KPROBE_MULTI_RETURN = 1;

/**
 * Attaches one program to many functions by one link. The program must have been loaded for it: with
 * `expected_attach_type` BPF_TRACE_KPROBE_MULTI, or BPF_TRACE_KPROBE_SESSION.
 */
export function attachKprobeMulti(program: Attachable, places: KprobeMulti, kernel: Kernel = liveKernel()): Attachment {
  const type = places.at === "session" ? AttachType.kprobeSession : AttachType.kprobeMulti;
  const { functions } = places;
  const byName = typeof functions[0] === "string";
  const probe = places.at === "return" ? "kretprobe" : "kprobe";
  const what = functions.length === 1 && byName ? `:${functions[0]}` : `s on ${functions.length} functions`;
  const result = kernel.bpf("LINK_CREATE", {
    prog_fd: program.fd,
    attach_type: type,
    kprobe_multi: {
      flags: places.at === "return" ? BPF_F_KPROBE_MULTI_RETURN : 0,
      cnt: functions.length,
      ...(byName ? { syms: functions as readonly string[] } : { addrs: wordBytes(functions as readonly bigint[]) }),
      cookies: places.cookies === undefined ? undefined : wordBytes(places.cookies),
    },
  });
  if (result === -ESRCH || result === -ENOENT)
    throw new UnsupportedError(
      `${probe}${what}: the kernel has no such function that can be traced at its entry; scry -l 'kprobe:*' lists those it has`,
    );
  const fd = checked(result, "bpf(BPF_LINK_CREATE)", `${probe}${what}`);
  return {
    kernel,
    target: { kind: "kprobe", function: "", offset: 0, return: places.at === "return" },
    fds: [fd],
    slow: false,
  };
}

const ESRCH = 3;
const ENOENT = 2;
