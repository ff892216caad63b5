import {
  bpf,
  enums,
  exists,
  globalFunction,
  hash,
  i32,
  i64,
  kernelStruct,
  list,
  live,
  range,
  rawTracepoint,
  ring,
  struct,
  subprogram,
  text,
  u8,
  u16,
  u32,
  u64,
  type ValueOf,
} from "scry/bpf";

const Point = struct({ x: u32, y: u32, name: text(16), l: list(u16, 4) });
type Point = ValueOf<typeof Point>;
const points = hash(u32, Point);
export const out = ring(struct({ a: u64, b: u64, c: u64, d: i64, p: Point, l: list(u8, 3) }));
export const pid = live(u32, 0);
const TABLE = [1, 2, 4, 8, 16];
const SIGNED = [-1, 5, -9];
enum Kind {
  read,
  write = 5,
  other,
}
const Old = kernelStruct("task_struct___old", { state: i64, pid: u32 });
const New = kernelStruct("task_struct___new", { __state: u32 });
function make(x: u32, y: u32 = 7): Point {
  return Point({ x, y, name: "made", l: [1, 2] });
}
function find(id: u32): Point | undefined {
  return points.get(id);
}
const weight = subprogram((p: Point, n: u32): u64 => {
  let sum: u64 = 0;
  for (const _i of range(n & 7)) sum += p.x;
  return sum;
});
const square = globalFunction((x: u64): u64 => x * x);
function first<T>(a: T, _b: T): T {
  return a;
}
function sumOf(values: Point): u64 {
  let s: u64 = 0;
  for (const v of values.l) s += v;
  return s;
}
export const p = rawTracepoint("sys_enter", (_regs, id) => {
  if (bpf.pid() !== pid.value || id !== 110) return;
  points.set(1, make(3));
  const found = find(1);
  if (found === undefined) return;
  const none = find(99);
  const index = u32(id - 107);
  const [l0, l1] = found.l;
  const copy = Point({ ...found, y: 100 });
  const state = exists(Old(bpf.task()).state) ? u64(Old(bpf.task()).state) : New(bpf.task()).__state;
  const lat = u64(100) - Math.min(bpf.pid() * 0 + 30, 40) + Math.max(1, 2) + Math.abs(i32(-4));
  if (!found.name.startsWith("mad") || found.name.startsWith("made2")) return;
  out.send({
    a: weight(found, 5) + square(9) + first(u64(1000), 5) + (none === undefined ? 10000 : 0),
    b: (TABLE[index & 3] ?? 0) + (TABLE[4] ?? 0) * 100 + TABLE.length * 10000,
    c: Kind.other + enums.TCP_LISTEN * 100 + l0 * 1000 + l1 * 10000 + sumOf(found) * 100000 + lat * 1000000,
    d: (SIGNED[index & 1] ?? 0) + (SIGNED[index + 60] ?? 0) + i64(state) * 0,
    p: copy,
    l: [9, 8, 7],
  });
});
