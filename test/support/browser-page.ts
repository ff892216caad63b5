// What the browser test bundles: a script goes from text to encoded instructions, with an environment made of data.

import { embeddedProgram, embeddedTrace } from "../../src/embedded.ts";
import { compileFilter, encodeClassic, PacketMemory, packet, sectionBlock } from "../../src/filter.ts";
import { encode } from "../../src/isa/index.ts";
import { compileScript } from "../../src/lang/trace/index.ts";
import { link } from "../../src/object/index.ts";
import type { ProbeEnvironment } from "../../src/probes/index.ts";
import { Records } from "../../src/user-side/index.ts";

/** A world of data: two tracepoints, no kernel. */
export const environment: ProbeEnvironment = {
  params: ["42"],
  cpus: 4,
  machine: "x86_64",
  unsafe: false,
  btf: () => undefined,
  tracepoints: (category, name) => (category === "syscalls" && name === "sys_enter_openat" ? [{ category, name }] : []),
  tracepointFormat: () => [
    { name: "__syscall_nr", type: "int", offset: 8, size: 4, signed: true },
    { name: "dfd", type: "int", offset: 16, size: 8, signed: false },
    { name: "filename", type: "const char *", offset: 24, size: 8, signed: false },
  ],
  rawTracepoints: (name) => [name],
  kernelFunctions: () => [],
  syscallNumber: () => 257,
  binary: () => undefined,
  functions: () => [],
  usdt: () => [],
  kernelAddress: () => undefined,
  userSymbol: () => undefined,
  cgroupId: () => undefined,
};

export const scripts: readonly string[] = [
  'tracepoint:syscalls:sys_enter_openat /pid == $1/ { printf("%-16s %s\\n", comm, str(args.filename)); }',
  "tracepoint:syscalls:sys_enter_openat { @[str(args.filename), comm] = count(); @h = hist(args.dfd); }",
  "begin { for $i : 0..10 { @a[$i] = $i * 2; } for $kv : @a { print($kv); } exit(); }",
];

/** Every script as the hexadecimal bytes of its programs. */
export function compileAll(): string {
  return scripts
    .map((text) => {
      const { object } = compileScript({ name: "page", text }, environment, { ringBytes: 1 << 16 });
      return object.programs
        .map((p) => Array.from(encode(link(p).instructions), (b) => b.toString(16).padStart(2, "0")).join(""))
        .join("\n");
    })
    .join("\n");
}

/** What scripts give on the embedded machine, from events, as hexadecimal bytes: compiled, verified and run here. */
export function replayAll(): string {
  const open = (filename: string, nsecs: number): object => ({
    probe: "tracepoint:syscalls:sys_enter_openat",
    nsecs,
    pid: 42,
    comm: "ls",
    args: { filename, dfd: -100 },
  });
  const recording = [open("/etc/passwd", 1), open("/", 2_000_000_001), open("/etc/passwd", 3)]
    .map((event) => JSON.stringify(event))
    .join("\n");
  return scripts
    .map((text) => {
      const run = embeddedTrace(text, { recording, params: [42] });
      for (let turn = 0; turn < 200; turn++) run.replay();
      run.end();
      return Array.from(new TextEncoder().encode(run.output), (b) => b.toString(16).padStart(2, "0")).join("");
    })
    .join("\n");
}

/** What a kernel module gives on the embedded machine, from its text, as hexadecimal bytes. */
export function runModule(): string {
  const t = embeddedProgram(`
    import { bpf, hash, ring, struct, text, tracepoint, u32, u64 } from "scry/bpf";
    const Slow = struct({ pid: u32, comm: text(16), ns: u64 });
    const started = hash(u32, u64);
    export const slow = ring(Slow, { bytes: 4096 });
    export const enter = tracepoint("syscalls:sys_enter_read", () => { started.set(bpf.tid(), bpf.now()); });
    export const exit = tracepoint("syscalls:sys_exit_read", (event) => {
      const start = started.take(bpf.tid());
      if (start === undefined || event.ret < 0) return;
      slow.send({ pid: bpf.pid(), comm: bpf.comm(), ns: bpf.now() - start });
    });`);
  t.fire("sys_enter_read", {}, { pid: 7, time: 1 });
  t.fire("sys_exit_read", { ret: 1 }, { pid: 7, comm: "cat", time: 100 });
  const said = JSON.stringify(
    t.exports["slow"] instanceof Records ? t.exports["slow"].drain() : [],
    (_, value: unknown) => (typeof value === "bigint" ? String(value) : value),
  );
  return Array.from(new TextEncoder().encode(said), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Which packets of a memory match a filter, its classic program, and a capture's bytes, as hexadecimal bytes. */
export function filterPackets(): string {
  const packets = [443, 80, 443].map((port) => packet().eth().ipv4().tcp({ destination: port }).bytes());
  const memory = new PacketMemory({ bytes: 1 << 12, packets: packets.length });
  let at = memory.start;
  packets.forEach((bytes, i) => {
    memory.bytes.set(bytes, at);
    memory.describe(i, at, at, bytes.length, bytes.length);
    at += bytes.length;
  });
  const filter = compileFilter("tcp dst port 443");
  const count = memory.compile(filter)(packets.length);
  const found = [...memory.words.subarray(memory.list, memory.list + count)].map((entry) => entry / 16);
  const single = packets.map((bytes) => Number(filter.matches(bytes)));
  return [...found, ...single, ...encodeClassic(filter.classic), ...sectionBlock("page")]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
