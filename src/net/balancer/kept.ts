// A balancer that goes on when its process ends (`--persist`): its link, what it remembers, and who its servers are, by pins below
// /sys/fs/bpf/scry-balance. The next one at the interface takes its place in one step, with all flows.

import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import {
  BPF_FILES,
  KernelMap,
  liveKernel,
  mapInfo,
  openPinned,
  UnsupportedError,
  unpinLink,
} from "../../kernel/index.ts";
import { Link, type ObjectFile } from "../../loader/index.ts";
import { stampOf } from "../balance/index.ts";
import { WRITTEN } from "./tables.ts";

/** Below which pins are. */
export const PINS: string = `${BPF_FILES}/scry-balance`;
const STAMP_AT = 20;

/** The folder of an interface of this network namespace. */
export const keptFolder = (device: string): string => `${PINS}/at-${statSync("/proc/self/ns/net").ino}-${device}`;

/** Something goes on there. */
export const isKept = (device: string): boolean => existsSync(`${keptFolder(device)}/link`);

/** Which slots servers had: by their identities, as far as these are known. */
export function keptSlots(device: string, identities: readonly string[]): ReadonlyMap<string, number> {
  const fd = openPinned(`${keptFolder(device)}/servers`);
  if (fd === undefined) return new Map();
  const kernel = liveKernel();
  try {
    const { keySize, valueSize, maxEntries } = mapInfo(fd, kernel);
    const spec = { name: "servers", type: "array", keySize, valueSize, maxEntries, flags: 0 } as const;
    const map = new KernelMap(fd, spec, kernel);
    const found = new Map<string, number>();
    const byStamp = new Map(identities.map((identity) => [stampOf(identity), identity]));
    for (let slot = 0; slot < maxEntries; slot++) {
      const value = map.lookup(new Uint8Array(Uint32Array.of(slot).buffer));
      if (value === undefined || value.length < STAMP_AT + 4) continue;
      const stamp = new DataView(value.buffer, value.byteOffset).getUint32(STAMP_AT, true);
      const identity = byStamp.get(stamp);
      if (identity !== undefined) found.set(identity, slot);
    }
    return found;
  } finally {
    kernel.calls.close(fd);
  }
}

/** Has an object take over the tables of what is remembered, where they are as it wants them. Before it is loaded. */
export function takeTables(object: ObjectFile, device: string): void {
  for (const [name, map] of Object.entries(object.maps)) {
    if (WRITTEN.has(name) || map.pinPath !== undefined) continue;
    const path = `${keptFolder(device)}/${name}`;
    if (!existsSync(path)) continue;
    const fd = openPinned(path);
    if (fd === undefined) continue;
    const { keySize, valueSize, maxEntries } = mapInfo(fd, liveKernel());
    liveKernel().calls.close(fd);
    const same = keySize === map.keySize && valueSize === map.valueSize && maxEntries === map.maxEntries;
    if (same) map.pinPath = path;
    else rmSync(path);
  }
}

/** The link that is kept, with another program from now on. */
export function takeLink(device: string, program: { readonly name: string; readonly fd: number }): Link {
  const fd = openPinned(`${keptFolder(device)}/link`);
  if (fd === undefined) throw new UnsupportedError(`${keptFolder(device)}/link is gone`);
  const target = { kind: "xdp", interface: device, mode: "any" } as const;
  const link = new Link(program.name, [{ kernel: liveKernel(), target, fds: [fd], slow: false }]);
  try {
    link.update(program);
  } catch (error) {
    link.close();
    throw error;
  }
  return link;
}

/** Pins what another process needs to go on. */
export function keep(object: ObjectFile, link: Link, device: string): void {
  const folder = keptFolder(device);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, map] of Object.entries(object.maps)) {
    if ((WRITTEN.has(name) && name !== "servers") || name.startsWith(".") || name.startsWith("shared")) continue;
    const path = `${folder}/${name}`;
    if (map.pinPath === path && existsSync(path)) continue;
    rmSync(path, { force: true });
    map.pin(path);
  }
  if (!existsSync(`${folder}/link`)) link.pin(`${folder}/link`);
}

/** Takes all pins away: what nobody holds ends. False where there were none. Errors are those of `node:fs`. */
export function forget(device: string): boolean {
  const folder = keptFolder(device);
  if (!existsSync(folder)) return false;
  if (existsSync(`${folder}/link`)) unpinLink(`${folder}/link`);
  rmSync(folder, { recursive: true });
  // The folder around it goes with the last.
  if (readdirSync(PINS).length === 0) rmdirSync(PINS);
  return true;
}
