// Helpers that tracing programs use: who and when, reading memory that is not the program's, text.

import { formatBytes } from "./format.ts";
import type { HelperTable } from "./helper-table.ts";
import { Errno } from "./map-operations.ts";
import { CONTEXT, State } from "./memory.ts";
import type { Runtime } from "./runtime.ts";
import { TrapSignal } from "./trap.ts";

/** Nanoseconds of a jiffy (HZ is 1000 in most distributions' kernels; 250 in some). */
const JIFFY = 1_000_000n;
const COARSE = 4_000_000n;

type Space = "user" | "kernel";

/** `probe_read*`: what cannot be read gives EFAULT and zeros. */
function probeRead(space: Space): (runtime: Runtime) => number {
  return (runtime) => {
    const size = runtime.size(2);
    const to = runtime.pointer(1, size, true);
    if (size === 0) return 0;
    const bytes = runtime.peek(runtime.arg64(3), size, space);
    if (bytes === undefined) {
      runtime.memory.u8.fill(0, to, to + size);
      return Errno.EFAULT;
    }
    runtime.memory.u8.set(bytes, to);
    return 0;
  };
}

/** `probe_read*_str`: the length with its end, or EFAULT and an empty string. */
function probeReadString(space: Space): (runtime: Runtime) => number {
  return (runtime) => {
    const size = runtime.size(2);
    const to = runtime.pointer(1, size, true);
    if (size === 0) return 0;
    const bytes = runtime.peekString(runtime.arg64(3), size - 1, space);
    if (bytes === undefined) {
      runtime.memory.u8.fill(0, to, to + size);
      return Errno.EFAULT;
    }
    runtime.memory.u8.set(bytes, to);
    runtime.memory.u8[to + bytes.length] = 0;
    return bytes.length + 1;
  };
}

function signal(thread: boolean): (runtime: Runtime) => number {
  return (runtime) => {
    const number = runtime.arg(1);
    if (number > 64) return Errno.EINVAL;
    runtime.effects.push({ kind: "signal", signal: number, thread });
    return 0;
  };
}

const state64 =
  (address: number) =>
  (runtime: Runtime): bigint =>
    runtime.memory.i64[address >>> 3] as bigint;

/** A format and its arguments as 64-bit words. */
function formatted(runtime: Runtime, format: Uint8Array, words: readonly bigint[]): Uint8Array | undefined {
  return formatBytes(format, words, (address, limit) => runtime.peekString(address, limit, "kernel"));
}

function wordsAt(runtime: Runtime, n: number, bytes: number): bigint[] {
  const at = runtime.pointer(n, bytes);
  return Array.from({ length: bytes >>> 3 }, (_, i) => runtime.memory.view.getBigUint64(at + i * 8, true));
}

/** The bytes of an argument up to its 0. */
function stringArgument(runtime: Runtime, n: number): Uint8Array {
  const bytes = runtime.peekString(runtime.arg64(n), 4096, "kernel");
  if (bytes === undefined) throw new TrapSignal("read", `argument ${n} of a helper is no readable string`);
  return bytes;
}

function parseNumber(runtime: Runtime, signed: boolean): number {
  const length = runtime.size(2);
  const from = runtime.pointer(1, length);
  const flags = Number(BigInt.asUintN(32, runtime.arg64(3)));
  const to = runtime.pointer(4, 8, true);
  const text = new TextDecoder("latin1").decode(runtime.memory.bytes(from, Math.min(length, 64)));
  let base = flags & 31;
  if (![0, 8, 10, 16].includes(base)) return Errno.EINVAL;
  const match = /^\s*([+-]?)(0[xX](?=[0-9a-fA-F]))?/.exec(text) as RegExpExecArray;
  let at = match[0].length;
  if (base === 0) base = match[2] !== undefined ? 16 : /^\s*[+-]?0/.test(text) ? 8 : 10;
  else if (match[2] !== undefined && base !== 16) at -= match[2].length;
  if (!signed && match[1] === "-") return Errno.EINVAL;
  const start = at;
  let value = 0n;
  for (; at < text.length; at++) {
    const digit = Number.parseInt(text[at] as string, 36);
    if (!(digit < base)) break;
    value = value * BigInt(base) + BigInt(digit);
  }
  if (at === start) return Errno.EINVAL;
  if (value >= (signed ? 1n << 63n : 1n << 64n)) return -34;
  runtime.memory.view.setBigInt64(to, BigInt.asIntN(64, match[1] === "-" ? -value : value), true);
  return at;
}

export const traceHelpers: HelperTable = {
  get_current_pid_tgid: state64(State.PID_TGID),
  get_current_uid_gid: state64(State.UID_GID),
  get_current_task: state64(State.TASK),
  get_current_task_btf: state64(State.TASK),
  get_attach_cookie: state64(State.COOKIE),
  get_func_ip: () => 0,
  get_current_cgroup_id: () => 1,
  get_current_ancestor_cgroup_id: (runtime) => (runtime.signed(1) === 0 ? 1 : 0),
  get_smp_processor_id: (runtime) => runtime.memory.u32[State.CPU >>> 2] as number,
  get_numa_node_id: () => 0,
  get_prandom_u32: (runtime) => runtime.random() >>> 0,
  get_current_comm: (runtime) => {
    const size = runtime.size(2);
    const to = runtime.pointer(1, size, true);
    if (size === 0) return Errno.EINVAL;
    const { u8 } = runtime.memory;
    u8.fill(0, to, to + size);
    for (let i = 0; i < Math.min(size - 1, 15); i++) {
      const byte = u8[State.COMM + i] as number;
      if (byte === 0) break;
      u8[to + i] = byte;
    }
    return 0;
  },
  get_ns_current_pid_tgid: (runtime) => {
    if (runtime.size(4) !== 8) return Errno.EINVAL;
    const to = runtime.pointer(3, 8, true);
    const id = runtime.memory.i64[State.PID_TGID >>> 3] as bigint;
    runtime.memory.view.setInt32(to, Number(BigInt.asIntN(32, id)), true);
    runtime.memory.view.setInt32(to + 4, Number(BigInt.asIntN(32, id >> 32n)), true);
    return 0;
  },

  ktime_get_ns: (runtime) => runtime.clock(),
  ktime_get_boot_ns: (runtime) => runtime.clock(),
  ktime_get_tai_ns: (runtime) => runtime.clock(),
  ktime_get_coarse_ns: (runtime) => (runtime.clock() / COARSE) * COARSE,
  jiffies64: (runtime) => runtime.clock() / JIFFY,

  probe_read: probeRead("kernel"),
  probe_read_kernel: probeRead("kernel"),
  probe_read_user: probeRead("user"),
  copy_from_user: probeRead("user"),
  copy_from_user_task: probeRead("user"),
  probe_read_str: probeReadString("kernel"),
  probe_read_kernel_str: probeReadString("kernel"),
  probe_read_user_str: probeReadString("user"),
  /** There is no user memory to write. */
  probe_write_user: (runtime) => {
    runtime.pointer(2, runtime.size(3));
    return Errno.EFAULT;
  },
  send_signal: signal(false),
  send_signal_thread: signal(true),
  override_return: (runtime) => {
    runtime.effects.push({ kind: "override-return", value: BigInt.asUintN(64, runtime.arg64(2)) });
    return 0;
  },
  get_retval: (runtime) => runtime.returnValue,
  set_retval: (runtime) => {
    runtime.returnValue = runtime.signed(1);
    return 0;
  },
  // The context of a traced function is its arguments, 8 bytes each, and after its return what it returned.
  get_func_arg_cnt: (runtime) => runtime.contextBytes >>> 3,
  get_func_arg: (runtime) => {
    const n = runtime.arg(2);
    if (n >= runtime.contextBytes >>> 3) return Errno.EINVAL;
    const to = runtime.pointer(3, 8, true);
    runtime.memory.u8.copyWithin(to, CONTEXT + n * 8, CONTEXT + n * 8 + 8);
    return 0;
  },

  strncmp: (runtime) => {
    const size = runtime.size(2);
    const a = runtime.pointer(1, size);
    const b = stringArgument(runtime, 3);
    for (let i = 0; i < size; i++) {
      const difference = (runtime.memory.u8[a + i] as number) - (b[i] ?? 0);
      if (difference !== 0) return difference;
      if (b[i] === undefined) return 0;
    }
    return 0;
  },
  strtol: (runtime) => parseNumber(runtime, true),
  strtoul: (runtime) => parseNumber(runtime, false),
  trace_printk: (runtime) => {
    const size = runtime.size(2);
    const from = runtime.pointer(1, size);
    const format = runtime.memory.u8.slice(from, from + size);
    const end = format.indexOf(0);
    if (end < 0) return Errno.EINVAL;
    const bytes = formatted(
      runtime,
      format.subarray(0, end),
      [3, 4, 5].map((n) => runtime.arg64(n)),
    );
    if (bytes === undefined) return Errno.EINVAL;
    runtime.effects.push({ kind: "printk", text: new TextDecoder().decode(bytes) });
    return bytes.length;
  },
  trace_vprintk: (runtime) => {
    const size = runtime.size(2);
    const from = runtime.pointer(1, size);
    const format = runtime.memory.u8.slice(from, from + size);
    const end = format.indexOf(0);
    if (end < 0) return Errno.EINVAL;
    const bytes = formatted(runtime, format.subarray(0, end), wordsAt(runtime, 3, runtime.size(4)));
    if (bytes === undefined) return Errno.EINVAL;
    runtime.effects.push({ kind: "printk", text: new TextDecoder().decode(bytes) });
    return bytes.length;
  },
  snprintf: (runtime) => {
    const size = runtime.size(2);
    const to = runtime.pointer(1, size, true);
    const bytes = formatted(runtime, stringArgument(runtime, 3), wordsAt(runtime, 4, runtime.size(5)));
    if (bytes === undefined) return Errno.EINVAL;
    if (size > 0) {
      const kept = bytes.subarray(0, size - 1);
      runtime.memory.u8.set(kept, to);
      runtime.memory.u8[to + kept.length] = 0;
    }
    return bytes.length + 1;
  },
  seq_write: (runtime) => {
    const size = runtime.size(3);
    const from = runtime.pointer(2, size);
    runtime.effects.push({ kind: "seq", bytes: runtime.memory.u8.slice(from, from + size) });
    return 0;
  },
  seq_printf: (runtime) => {
    const size = runtime.size(3);
    const from = runtime.pointer(2, size);
    const format = runtime.memory.u8.slice(from, from + size);
    const end = format.indexOf(0);
    if (end < 0) return Errno.EINVAL;
    const bytes = formatted(runtime, format.subarray(0, end), wordsAt(runtime, 4, runtime.size(5)));
    if (bytes === undefined) return Errno.EINVAL;
    runtime.effects.push({ kind: "seq", bytes });
    return 0;
  },
};
