// Records of 64 bytes, sent when it is told to: run by hand only. `mixed` as a tool would send them; `numbers` with its 64-bit
// members as numbers; `plain` nothing but such numbers.

import { bpf, i64, live, rawTracepoint, ring, struct, text, u32, u64 } from "scry/bpf";

const Mixed = struct({
  pid: u32,
  tid: u32,
  comm: text(16),
  start: u64,
  ns: u64,
  bytes: u64,
  ret: i64,
  cpu: u32,
  flags: u32,
});
const Numbers = struct({
  pid: u32,
  tid: u32,
  comm: text(16),
  start: u64.asNumber,
  ns: u64.asNumber,
  bytes: u64.asNumber,
  ret: i64.asNumber,
  cpu: u32,
  flags: u32,
});
const Plain = struct({
  a: u64.asNumber,
  b: u64.asNumber,
  c: u64.asNumber,
  d: u64.asNumber,
  e: u64.asNumber,
  f: u64.asNumber,
  g: u64.asNumber,
  h: u64.asNumber,
});
export const mixed = ring(Mixed, { bytes: 8 * 1024 * 1024 });
export const numbers = ring(Numbers, { bytes: 8 * 1024 * 1024 });
export const plain = ring(Plain, { bytes: 8 * 1024 * 1024 });
export const count = live(u32, 0);

export const sendMixed = rawTracepoint("sys_enter", () => {
  bpf.loop(count.value, (i) => {
    mixed.send({
      pid: bpf.pid(),
      tid: i,
      comm: bpf.comm(),
      start: bpf.now(),
      ns: u64(i),
      bytes: 4096,
      ret: -2,
      cpu: 1,
    });
  });
});
export const sendNumbers = rawTracepoint("sys_enter", () => {
  bpf.loop(count.value, (i) => {
    numbers.send({
      pid: bpf.pid(),
      tid: i,
      comm: bpf.comm(),
      start: bpf.now(),
      ns: u64(i),
      bytes: 4096,
      ret: -2,
      cpu: 1,
    });
  });
});
export const sendPlain = rawTracepoint("sys_enter", () => {
  bpf.loop(count.value, (i) => {
    plain.send({ a: bpf.now(), b: u64(i), c: 3, d: 4, e: 5, f: 6, g: 7, h: 8 });
  });
});
