// Memory that a process has and does not give back, by who asked for it: sudo scry run memleak.bpf.ts --pid 123
//
//     --set least=1024    only allocations of so many bytes and more, and up to --set most=…
//     --set every=10      one of so many allocations

import { bpf, hash, i64, live, stackMap, struct, u32, u64, uprobe, uretprobe, userStack } from "scry/bpf";

const stacks = stackMap({ depth: 32, maxEntries: 16_384 });
const Site = struct({ stack: userStack(stacks) });
const Allocation = struct({ size: u64, at: u64, site: Site });

/** What a thread is asking for. */
const asked = hash(u32, u64, { maxEntries: 10_240 });
/** By address: what was not given back yet. */
export const outstanding = hash(u64, Allocation, { maxEntries: 1_000_000, noPrealloc: true });
/** Bytes, and how many, by who asked. */
export const bytes = hash(Site, i64, { maxEntries: 16_384 });
export const counts = hash(Site, i64, { maxEntries: 16_384 });

export const pid = live(u32, 0);
export const least = live(u64, 0);
export const most = live(u64, 0xffff_ffff_ffff_ffffn);
export const every = live(u32, 1);

function asks(size: u64): void {
  if (pid.value !== 0 && bpf.pid() !== pid.value) return;
  if (size < least.value || size > most.value) return;
  if (every.value > 1 && bpf.random() % every.value !== 0) return;
  asked.set(bpf.tid(), size);
}

function gets(address: u64): void {
  const size = asked.take(bpf.tid());
  if (size === undefined || address === 0) return;
  const site = Site({ stack: bpf.userStack() });
  outstanding.set(address, { size, at: bpf.now(), site });
  bytes.add(site, size);
  counts.add(site);
}

function gives(address: u64): void {
  const allocation = outstanding.take(address);
  if (allocation === undefined) return;
  bytes.add(allocation.site, -allocation.size);
  counts.add(allocation.site, -1);
}

export const malloc = uprobe("libc:malloc", (size: u64) => asks(size));
export const mallocs = uretprobe("libc:malloc", (address: u64) => gets(address));
export const calloc = uprobe("libc:calloc", (count: u64, size: u64) => asks(count * size));
export const callocs = uretprobe("libc:calloc", (address: u64) => gets(address));
export const realloc = uprobe("libc:realloc", (address: u64, size: u64) => {
  gives(address);
  asks(size);
});
export const reallocs = uretprobe("libc:realloc", (address: u64) => gets(address));
export const free = uprobe("libc:free", (address: u64) => gives(address));
