// Each tool: the load that it looks at, its arguments, what it sets in its object, and how rows are read from its text and from
// our records and maps. Clock times are left out of rows: each side reads its own clock.

import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import { loadSource } from "../../scripts/load-source.mjs";

const { kernelSymbols } = await loadSource("src/symbols/index.ts");

const text = (bytes) => {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString();
};

/**
 * Reads a record by a list of `name:kind`, as the struct lies in C: `u16 u32 s32 u64`, or a number for that many bytes of
 * text.
 */
const struct = (fields) => (bytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const row = {};
  let at = 0;
  for (const [name, kind] of fields.split(" ").map((field) => field.split(":"))) {
    const size = { u16: 2, u32: 4, s32: 4, u64: 8 }[kind] ?? Number(kind);
    if (kind === "u16") row[name] = view.getUint16(at, true);
    else if (kind === "u32") row[name] = view.getUint32(at, true);
    else if (kind === "s32") row[name] = view.getInt32(at, true);
    else if (kind === "u64") row[name] = view.getBigUint64(at, true);
    else row[name] = text(bytes.subarray(at, at + size));
    at += size;
  }
  return row;
};

/** Rows of a table of text: of the lines that match, what the groups say. */
const lines = (pattern) => (output) => [...output.matchAll(pattern)].map(([, ...groups]) => groups.join(" "));

/** Rows of histograms that C prints: a row for each event of each bucket, by what stands at its head. */
const histograms = (head) => (output) => {
  const rows = [];
  let name = "";
  for (const line of output.split("\n")) {
    const [, low, , count] = /^\s*(\d+) -> (\d+)\s*: (\d+)/.exec(line) ?? [];
    if (low === undefined) name = head?.exec(line)?.[1]?.trim() ?? name;
    else rows.push(...times(Number(count), `${name} from ${low}`));
  }
  return rows;
};

const times = (count, row) => Array.from({ length: count }, () => row);

const buckets = (slots, name = "") =>
  [...slots].flatMap((count, slot) => times(Number(count), `${name} from ${slot === 0 ? 0 : 2 ** slot}`));

const ofRecords = (read, row) => (_, records) => records.map((bytes) => row(read(bytes)));

/** Of programs that are there twice, for kernels with and without typed tracepoints, those that the tool takes here. */
const typed = (object) => {
  for (const program of Object.values(object.programs)) program.load = program.section.startsWith("tp_btf");
};

const join = (object, { group }) => void object.map("cgroup_map").set(0, group);
const inCgroup = ({ cgroup }, ...more) => ["-c", cgroup, ...more];
const ofProcess = ({ pid }, ...more) => ["-p", String(pid), ...more];
const exists = (path) => statSync(path, { throwIfNoEntry: false }) !== undefined;

/** As the tools show a device: its minor and major number in one. */
const deviceOf = (path) => {
  const { rdev } = statSync(path);
  return ((rdev >> 8) << 20) | (rdev & 0xff);
};

/** Room for stacks, so much that hardly two have the same place: then the later one would be left out. */
const ROOM = 65536;
const stacks = (object) => {
  object.map("stackmap").valueSize = 127 * 8;
  object.map("stackmap").maxEntries = ROOM;
};

/** The kernel's part of a stack, by the names of its functions, without the programs that took it. */
const kernelPart = (names) => {
  const entry = names.findIndex((name) => /^(?:entry_|asm_|ret_from)/.test(name));
  return (entry < 0 ? names : names.slice(0, entry + 1)).filter((name) => !name.startsWith("bpf_")).join(" ");
};

const frames = (object, id) => {
  if (id < 0) return "";
  const bytes = new Uint8Array(object.map("stackmap").get(id) ?? []);
  const addresses = [...new BigUint64Array(bytes.slice().buffer)].filter((address) => address !== 0n);
  return kernelPart(addresses.map((address) => kernelSymbols().lookup(address)?.name ?? "?"));
};

const LIBC = ["/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/libc.so.6", "/lib64/libc.so.6"].find(exists);

const STATES = [
  "",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT1",
  "FIN_WAIT2",
  "TIME_WAIT",
  "CLOSE",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
  "CLOSING",
  "NEW_SYN_RECV",
];

const MOUNT_FLAGS = { 0: "0x0", 2: "MS_NOSUID" };
const returned = (ret) => (ret === 0 ? "0" : `-${getSystemErrorName(ret)}`);

/** Names of system calls by their numbers, as the headers of this machine have them. */
const SYSTEM_CALLS = Object.fromEntries(
  execFileSync("gcc", ["-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"], { encoding: "utf8" })
    .match(/__NR_\w+ \d+/g)
    .map((line) => line.slice(5).split(" ").reverse()),
);

export const TOOLS = [
  {
    name: "opensnoop",
    load: "files",
    args: (target) => ofProcess(target),
    prepare: (object, { pid }) => void (object.rodata.targ_tgid = pid),
    records: "events",
    ours: ofRecords(
      struct("ts:u64 pid:s32 uid:u32 ret:s32 flags:s32 callers:16 comm:16 file:255"),
      ({ pid, comm, ret, file }) => [pid, comm, ret < 0 ? -1 : ret, ret < 0 ? -ret : 0, file].join(" "),
    ),
    theirs: lines(/^(\d+) +(\S+) +(-?\d+) +(\d+) (.*)$/gm),
  },
  {
    name: "syscount",
    load: "calls",
    args: (target) => ofProcess(target, "-T", "100"),
    prepare: (object, { pid }) => void (object.rodata.filter_pid = pid),
    ours: (object) =>
      object
        .map("data")
        .entries()
        .flatMap(([number, { count }]) => times(Number(count), SYSTEM_CALLS[number])),
    theirs: (output) =>
      [...output.matchAll(/^(\S+) +(\d+)$/gm)].flatMap(([, name, count]) => times(Number(count), name)),
  },
  {
    name: "execsnoop",
    load: "children",
    args: (target) => inCgroup(target, "-x"),
    prepare: (object) => Object.assign(object.rodata, { filter_cg: true, ignore_failed: false }),
    loaded: join,
    records: "events",
    ours: (_, records) => {
      const read = struct("pid:s32 ppid:s32 uid:u32 ret:s32 count:s32 size:u32 comm:16");
      return records.map((bytes) => {
        const { pid, ppid, ret, size, comm } = read(bytes);
        const given = Buffer.from(bytes.subarray(40, 40 + size))
          .toString()
          .split("\0")
          .slice(0, -1);
        return [comm, pid, ppid, ret, ...given].join(" ");
      });
    },
    theirs: lines(/^(\S+) +(\d+) +(\d+) +(-?\d+) (.*?) *$/gm),
  },
  {
    name: "exitsnoop",
    load: "children",
    args: (target) => inCgroup(target),
    prepare: (object) => Object.assign(object.rodata, { filter_cg: true }),
    loaded: join,
    records: "events",
    ours: ofRecords(struct("from:u64 to:u64 pid:u32 tid:u32 ppid:u32 signal:u32 code:s32 comm:16"), (event) => {
      const how = event.signal > 0 ? `signal ${event.signal}` : event.code === 0 ? "0" : `code ${event.code}`;
      return [event.comm, event.pid, event.ppid, event.tid, how].join(" ");
    }),
    theirs: lines(/^(\S+) +(\d+) +(\d+) +(\d+) +[\d.]+ +(signal \d+|0|code \d+)/gm),
  },
  {
    name: "sigsnoop",
    load: "signals",
    args: (target) => ofProcess(target),
    prepare: (object, { pid }) => {
      // Without -k it looks at signals as they are made, not at system calls.
      for (const program of Object.values(object.programs)) program.load = program.name === "sig_trace";
      object.rodata.filtered_pid = pid;
    },
    records: "events",
    ours: ofRecords(struct("pid:u32 tpid:u32 sig:s32 ret:s32 comm:16"), ({ pid, comm, sig, tpid, ret }) =>
      [pid, comm, sig, tpid, ret].join(" "),
    ),
    theirs: lines(/^[\d:]+ +(\d+) +(\S+) +(\d+) +(\d+) +(-?\d+) *$/gm),
  },
  {
    name: "mountsnoop",
    load: "mounts",
    args: (target) => ofProcess(target),
    prepare: (object, { pid }) => void (object.rodata.target_pid = pid),
    records: "events",
    ours: ofRecords(
      struct("delta:u64 flags:u64 pid:u32 tid:u32 ns:u32 ret:s32 comm:16 type:8 from:4096 to:4096 data:512 op:u32"),
      ({ pid, tid, ns, ret, comm, type, from, to, data, op, flags }) =>
        [
          ...[comm, pid, tid, ns],
          op === 0
            ? `mount("${from}", "${to}", "${type}", ${MOUNT_FLAGS[flags]}, "${data}") = ${returned(ret)}`
            : `umount("${to}", ${MOUNT_FLAGS[flags]}) = ${returned(ret)}`,
        ].join(" "),
    ),
    theirs: lines(/^(\S+) +(\d+) +(\d+) +(\d+) +(.*)$/gm),
  },
  {
    name: "gethostlatency",
    load: "hosts",
    args: (target) => ofProcess(target),
    prepare: (object, { pid }) => void (object.rodata.target_pid = pid),
    attach: async (object, { pid }) => {
      for (const name of ["getaddrinfo", "gethostbyname", "gethostbyname2"]) {
        await object.program("handle_entry").attach({ path: LIBC, function: name, pid, return: false });
        await object.program("handle_return").attach({ path: LIBC, function: name, pid, return: true });
      }
    },
    records: "events",
    ours: ofRecords(struct("time:u64 pid:u32 comm:16 host:80"), ({ pid, comm, host }) => [pid, comm, host].join(" ")),
    theirs: lines(/^[\d:]+ +(\d+) +(\S+) +[\d.]+ +(\S+)$/gm),
  },
  {
    name: "runqslower",
    load: "contend",
    timed: true,
    args: (target) => ofProcess(target, "300"),
    prepare: (object, { pid }) => {
      typed(object);
      Object.assign(object.rodata, { targ_tgid: pid, min_us: 300n });
    },
    records: "events",
    ours: ofRecords(struct("task:16 before:16 delta:u64 pid:s32"), ({ task, pid }) => [task, pid].join(" ")),
    theirs: lines(/^[\d:]+ +(\S+) +(\d+) +\d+ *$/gm),
  },
  {
    name: "runqlat",
    load: "contend",
    timed: true,
    args: (target) => ofProcess(target, "-L"),
    prepare: (object, { pid }) => {
      typed(object);
      Object.assign(object.rodata, { targ_tgid: pid, targ_per_thread: true });
    },
    ours: (object) =>
      object
        .map("hists")
        .entries()
        .flatMap(([tid, { slots }]) => buckets(slots, tid)),
    theirs: histograms(/^tid = (\d+)/),
  },
  {
    name: "cpudist",
    load: "contend",
    timed: true,
    args: (target) => ofProcess(target, "-P"),
    prepare: (object, { pid }) => {
      typed(object);
      Object.assign(object.rodata, { targ_tgid: pid, targ_per_process: true });
      object.map("start").maxEntries = object.map("hists").maxEntries = 32768;
    },
    ours: (object) =>
      object
        .map("hists")
        .entries()
        .flatMap(([pid, { slots }]) => buckets(slots, pid)),
    theirs: histograms(/^pid = (\d+)/),
  },
  {
    name: "funclatency",
    load: "function",
    timed: true,
    // With -p it knows libraries only; nobody else runs this program.
    args: ({ scratch }) => [`${scratch}/load:work`],
    attach: async (object, { scratch }) => {
      const place = { path: `${scratch}/load`, function: "work" };
      await object.program("dummy_kprobe").attach({ ...place, return: false });
      await object.program("dummy_kretprobe").attach({ ...place, return: true });
    },
    ours: (object) => buckets(object.bss.hist),
    theirs: histograms(),
  },
  {
    name: "offcputime",
    load: "sleeps",
    args: (target) => ofProcess(target, `--stack-storage-size=${ROOM}`),
    prepare: (object, { pid }) => {
      stacks(object);
      object.rodata.targ_tgid = pid;
    },
    // An entry without time is a wait that has not ended.
    ours: (object) =>
      object
        .map("info")
        .entries()
        .filter(([, { delta }]) => delta > 0n)
        .map(([{ kern_stack_id, pid }, { comm }]) => `${comm} ${pid} ${frames(object, kern_stack_id)}`),
    // The stack, the kernel's part first; then who it is, and for how long.
    theirs: (output) =>
      [...output.matchAll(/((?: {4}\w.*\n)+) {4}- +(\S+) \((\d+)\)\n/g)].map(
        ([, stack, comm, pid]) => `${comm} ${pid} ${kernelPart(stack.trim().split(/\s+/))}`,
      ),
  },
  {
    name: "wakeuptime",
    load: "wakes",
    args: (target) => ofProcess(target, `--stack-storage-size=${ROOM}`),
    prepare: (object, { pid }) => {
      stacks(object);
      object.rodata.targ_pid = pid;
    },
    ours: (object) =>
      object
        .map("counts")
        .entries()
        .map(([{ waker, target, w_k_stack_id }]) => `${target} ${frames(object, w_k_stack_id)} ${waker}`),
    theirs: (output) =>
      [...output.matchAll(/target: +(.*)\n((?:\t[0-9a-f]{16} .*\n)*)\s+waker: (.*)\n/g)].map(
        ([, target, stack, waker]) => `${target} ${kernelPart(stack.match(/\S+$/gm) ?? [])} ${waker}`,
      ),
  },
  {
    name: "tcpstates",
    load: "tcp",
    args: () => ["-L", "18181"],
    prepare: (object) => void (object.rodata.filter_by_sport = true),
    loaded: (object) => object.map("sports").set(18181, 18181),
    records: "events",
    ours: ofRecords(
      struct("from:16 to:16 sock:u64 ts:u64 delta:u64 pid:u32 old:s32 new:s32 family:u16 sport:u16 dport:u16 task:16"),
      ({ sock, pid, task, sport, dport, old, new: now }) =>
        [sock.toString(16), pid, task, sport, dport, STATES[old], STATES[now]].join(" "),
    ),
    theirs: lines(/^([0-9a-f]{16}) (\d+) +(\S+) +\S+ +(\d+) +\S+ +(\d+) +(\S+) +-> (\S+) +[\d.]+$/gm),
  },
  {
    name: "tcplife",
    load: "tcp",
    args: (target) => ofProcess(target),
    prepare: (object, { pid }) => void (object.rodata.target_pid = pid),
    records: "events",
    ours: ofRecords(
      struct("from:16 to:16 ts:u64 span:u64 rx:u64 tx:u64 pid:u32 sport:u16 dport:u16 family:u16 comm:16"),
      ({ pid, comm, sport, dport, tx, rx }) =>
        [pid, comm, sport, dport, (Number(tx) / 1024).toFixed(2), (Number(rx) / 1024).toFixed(2)].join(" "),
    ),
    theirs: lines(/^(\d+) +(\S+) +\S+ +(\d+) +\S+ +(\d+) +([\d.]+) +([\d.]+) +[\d.]+ *$/gm),
  },
  {
    name: "javagc",
    load: "garbage",
    // Those that take longer than a millisecond.
    args: (target) => ofProcess(target),
    prepare: (object) => void (object.bss.time = 1_000_000),
    attach: async (object, { pid, scratch }) => {
      for (const [program, name] of [
        ["handle_mem_pool_gc_start", "mem__pool__gc__begin"],
        ["handle_mem_pool_gc_end", "mem__pool__gc__end"],
        ["handle_gc_start", "gc__begin"],
        ["handle_gc_end", "gc__end"],
      ])
        await object
          .program(program)
          .attach({ path: `${scratch}/libjvm.so`, usdt: { provider: "hotspot", name }, pid });
    },
    records: "perf_map",
    ours: ofRecords(struct("cpu:u32 pid:u32"), ({ cpu, pid }) => [cpu, pid].join(" ")),
    theirs: lines(/^[\d:]+ +(\d+) +(\d+) +\d+ *$/gm),
  },
  {
    name: "biolatency",
    load: "disk",
    argument: ({ disk }) => [disk],
    timed: true,
    args: ({ disk }) => ["-d", disk.replace("/dev/", "")],
    prepare: (object, { disk }) => {
      typed(object);
      Object.assign(object.rodata, { filter_dev: true, targ_dev: deviceOf(disk) });
    },
    ours: (object) =>
      object
        .map("hists")
        .entries()
        .flatMap(([, { slots }]) => buckets(slots)),
    theirs: histograms(),
  },
  {
    name: "bitesize",
    load: "disk",
    argument: ({ disk }) => [disk],
    args: ({ disk }) => ["-d", disk.replace("/dev/", "")],
    prepare: (object, { disk }) => Object.assign(object.rodata, { filter_dev: true, targ_dev: deviceOf(disk) }),
    ours: (object) =>
      object
        .map("hists")
        .entries()
        .flatMap(([{ comm }, { slots }]) => buckets(slots, comm)),
    theirs: histograms(/^Process Name = (.*)$/),
  },
  {
    name: "biopattern",
    load: "disk",
    argument: ({ disk }) => [disk],
    args: ({ disk }) => ["-d", disk.replace("/dev/", "")],
    prepare: (object, { disk }) => Object.assign(object.rodata, { filter_dev: true, targ_dev: deviceOf(disk) }),
    ours: (object) =>
      object
        .map("counters")
        .entries()
        .map(([, { sequential, random, bytes }]) => {
          const all = sequential + random;
          return [Math.trunc((random * 100) / all), Math.trunc((sequential * 100) / all), all, bytes / 1024n].join(" ");
        }),
    theirs: lines(/^\S+ +(\d+) +(\d+) +(\d+) +(\d+)$/gm),
  },
  {
    name: "hardirqs",
    load: "interrupts",
    argument: ({ scratch }) => [`${scratch}/interrupts`],
    args: (target) => inCgroup(target, "-C"),
    prepare: (object) => {
      typed(object);
      // Where it counts, nothing is to be done at the end of an interrupt.
      object.program("irq_handler_exit_btf").load = false;
      Object.assign(object.rodata, { filter_cg: true, do_count: true });
    },
    loaded: join,
    ours: (object) =>
      object
        .map("infos")
        .entries()
        .map(([{ name }, { count }]) => `${name} ${count}`),
    theirs: lines(/^(\S+) +(\d+)$/gm),
  },
  {
    name: "bashreadline",
    // A shell that reads lines of its own; the tool knows no filter, so other shells' lines are passed over unread.
    command: ["bash", "--norc", "--noprofile", "-i"],
    input: "true one\n: two\ntrue three\n",
    args: () => [],
    attach: (object, { pid }) => object.program("printret").attach({ path: "/bin/bash", function: "readline", pid }),
    records: "events",
    ours: ofRecords(struct("pid:u32 line:80"), ({ pid, line }) => [pid, line].join(" ")),
    theirs: (output, { pid }) => lines(/^[\d:]+ +(\d+) +(.*)$/gm)(output).filter((line) => line.startsWith(`${pid} `)),
  },
];
