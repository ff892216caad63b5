// What of a firewall stays when its command has ended: links, maps and its rules, by names in a BPF file system.
//
//     /sys/fs/bpf/scry/firewall/eth0-4026531840/      the interface, and the number of its network namespace
//                              ingress@12345/         … the way, and the number of the control group
//         link, flows_link        what attaches its programs
//         counters, flows, …      its maps
//         state                   its rules as text, and what has been counted before they were applied
//
// The state is an array map of one element, JSON that is filled up with zeros: it is there as long as the rest, and is read without
// trusting it, since whoever may write to the directory may have written anything.

import { mkdirSync, readdirSync, renameSync, rmdirSync, statSync } from "node:fs";
import {
  BPF_FILES,
  bpfFileSystems,
  createMap,
  type Kernel,
  KernelMap,
  liveKernel,
  mapInfo,
  openPinned,
  pin,
  SystemCallError,
  UnsupportedError,
  unpin,
  unpinLink,
} from "../../kernel/index.ts";
import { FIREWALL_MAPS, HOOKS, type HookName } from "../firewall/index.ts";
import { type FirewallSpot, type GroupPlace, pinName, placeOfPins } from "./places.ts";

/** Counts of a rule. */
export interface Counts {
  readonly packets: bigint;
  readonly bytes: bigint;
  /** Nanoseconds of CLOCK_MONOTONIC; 0: never. */
  readonly last: bigint;
}

export interface FirewallState {
  /** The rules' text and its name. */
  readonly name: string;
  readonly text: string;
  readonly hook: HookName;
  /** The folder of the control group that it was put at. */
  readonly cgroup?: string;
  readonly dryRun: boolean;
  /** What each rule, by its name or all that it asks, had counted before these rules were applied. */
  readonly carried: ReadonlyMap<string, Counts>;
  /** Bits of the sets that change, by their names. */
  readonly bits: ReadonlyMap<string, number>;
}

const ROOT = `${BPF_FILES}/scry`;
const MOST_STATE = 4 << 20;

/** The directory of a place's firewall. Throws a SystemCallError where the place cannot be found. */
export const pinsOf = (place: FirewallSpot): string => `${ROOT}/firewall/${pinName(place)}`;

/** The directories of all firewalls that have been made to stay, and their places. Throws a SystemCallError. */
export function pinnedFirewalls(): readonly { readonly path: string; readonly place: FirewallSpot }[] {
  return namesIn(`${ROOT}/firewall`).flatMap((name) => {
    const place = placeOfPins(name);
    return place === undefined ? [] : [{ path: `${ROOT}/firewall/${name}`, place }];
  });
}

/** Makes a directory of pins. Throws a SystemCallError, or an UnsupportedError where no BPF file system is mounted. */
export function makeDirectory(path: string, kernel: Kernel = liveKernel()): void {
  if (!bpfFileSystems(kernel).includes(BPF_FILES))
    throw new UnsupportedError(
      `${path}: no BPF file system is mounted there: \`mount -t bpf bpf ${BPF_FILES}\`, once, as root ('ip netns exec' hides it: use --netns)`,
    );
  // One by one: Node's own way to make them all never ends where the file system refuses one with ENOENT.
  for (let end = path.indexOf("/", ROOT.length); ; end = path.indexOf("/", end + 1)) {
    const part = end < 0 ? path : path.slice(0, end);
    try {
      mkdirSync(part, { mode: 0o700 });
    } catch (error) {
      const { errno = -1, code } = error as { errno?: number; code?: string };
      if (code !== "EEXIST") throw new SystemCallError("mkdir", Math.abs(errno), part);
    }
    if (end < 0) return;
  }
}

/** Pins, in place of what has that name. */
export function pinAnew(fd: number, path: string, kernel: Kernel = liveKernel()): void {
  const fresh = `${path}_new`;
  if (exists(fresh)) unpin(fresh);
  pin(fd, fresh, kernel);
  renameSync(fresh, path);
}

const exists = (path: string): boolean => {
  try {
    statSync(path);
    return true;
  } catch {
    return false;
  }
};

/** Nothing where there is no such directory. Throws a SystemCallError where it cannot be read. */
function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    const { errno = -1, code } = error as { errno?: number; code?: string };
    if (code === "ENOENT") return [];
    throw new SystemCallError("readdir", Math.abs(errno), path);
  }
}

export function unpinAll(path: string): void {
  if (!exists(path)) return;
  // The links first: nothing else matters then.
  const names = namesIn(path);
  const links = names.filter((name) => /^(?:flows_)?link/.test(name));
  for (const name of links) unpinLink(`${path}/${name}`);
  for (const name of names) if (!links.includes(name)) unpin(`${path}/${name}`);
  rmdirSync(path);
}

/** Takes away what the firewall does not have any more. */
export function unpinOthers(path: string, names: ReadonlySet<string>): void {
  for (const name of readdirSync(path)) if (!names.has(name)) unpin(`${path}/${name}`);
}

/** A map of a firewall, as `openPinnedMap`. Throws an UnsupportedError for one that is none of a firewall's. */
export function openFirewallMap(directory: string, name: string, kernel: Kernel = liveKernel()): KernelMap | undefined {
  const map = openPinnedMap(`${directory}/${name}`, kernel);
  const wanted = FIREWALL_MAPS.get(name);
  if (map === undefined || wanted === undefined) return map;
  const { type, keySize, valueSize } = map.spec;
  if (type === wanted.type && keySize === wanted.keySize && valueSize === (wanted.valueSize ?? valueSize)) return map;
  map.close();
  throw damaged(`${directory}/${name}`, "this is another map than firewalls have there");
}

/** What stands in a firewall's place is not its own. */
export const damaged = (path: string, why: string): UnsupportedError =>
  new UnsupportedError(`${path}: ${why}: \`scry firewall remove -i NAME\` (or --cgroup PATH) takes away what is there`);

/** Takes a place's firewall away, whatever state its pins are in. False: there is none. */
export function removePins(place: FirewallSpot, kernel: Kernel = liveKernel()): boolean {
  const directory = "cgroup" in place && !exists(place.cgroup) ? pinsOfGone(place, kernel) : pinsOf(place);
  if (directory === undefined || !exists(directory)) return false;
  unpinAll(directory);
  return true;
}

/** Those of a control group whose folder is gone: its number is not known any more, but the state has its path. */
const pinsOfGone = ({ cgroup, direction }: GroupPlace, kernel: Kernel): string | undefined =>
  pinnedFirewalls().find(
    ({ path, place }) => "cgroup" in place && place.direction === direction && stateOf(path, kernel)?.cgroup === cgroup,
  )?.path;

/** A pinned map, to be closed by the caller; undefined where there is none. */
export function openPinnedMap(path: string, kernel: Kernel = liveKernel()): KernelMap | undefined {
  if (!exists(path)) return undefined;
  const fd = openPinned(path, kernel);
  if (fd === undefined) return undefined;
  let info: ReturnType<typeof mapInfo>;
  try {
    info = mapInfo(fd, kernel);
  } catch (error) {
    kernel.calls.close(fd);
    throw error;
  }
  const { name, type, keySize, valueSize, maxEntries, flags } = info;
  if (type === undefined) {
    kernel.calls.close(fd);
    throw new SystemCallError("bpf(BPF_OBJ_GET)", 22, path, "this is no map of a kind that is known");
  }
  return new KernelMap(fd, { name, type, keySize, valueSize, maxEntries, flags }, kernel);
}

export function writeState(directory: string, state: FirewallState, kernel: Kernel = liveKernel()): void {
  const carried = [...state.carried].map(([key, counts]) => [
    key,
    `${counts.packets}`,
    `${counts.bytes}`,
    `${counts.last}`,
  ]);
  const bytes = new TextEncoder().encode(JSON.stringify({ ...state, carried, bits: [...state.bits] }));
  if (bytes.length > MOST_STATE) throw new RangeError(`rules of more than ${MOST_STATE} bytes cannot be kept`);
  const value = new Uint8Array((bytes.length + 8) & ~7);
  value.set(bytes);
  using map = createMap(
    { name: "state", type: "array", keySize: 4, valueSize: value.length, maxEntries: 1 },
    {},
    kernel,
  );
  map.update(new Uint8Array(4), value);
  pinAnew(map.fd, `${directory}/state`, kernel);
}

/**
 * Undefined where no firewall stays. Throws an UnsupportedError for a state that cannot be understood, and where a link stays without
 * one.
 */
export function readState(directory: string, kernel: Kernel = liveKernel()): FirewallState | undefined {
  const state = stateOf(directory, kernel);
  if (state === undefined && (exists(`${directory}/state`) || exists(`${directory}/link`)))
    throw damaged(`${directory}/state`, "this is no state of a firewall");
  return state;
}

function stateOf(directory: string, kernel: Kernel): FirewallState | undefined {
  using map = openPinnedMap(`${directory}/state`, kernel);
  if (map === undefined || map.spec.type !== "array" || map.spec.valueSize > MOST_STATE + 8 || map.spec.keySize !== 4)
    return undefined;
  const value = map.lookup(new Uint8Array(4)) ?? new Uint8Array();
  try {
    return understood(JSON.parse(new TextDecoder().decode(value).replace(/\0+$/, "")));
  } catch {
    return undefined;
  }
}

function understood(given: unknown): FirewallState | undefined {
  if (typeof given !== "object" || given === null) return undefined;
  const { name, text, hook, cgroup, dryRun, carried, bits } = given as Record<string, unknown>;
  if (typeof name !== "string" || typeof text !== "string") return undefined;
  if (typeof hook !== "string" || !Object.hasOwn(HOOKS, hook)) return undefined;
  const counts = new Map<string, Counts>();
  for (const row of Array.isArray(carried) ? (carried as unknown[]) : []) {
    if (!Array.isArray(row) || typeof row[0] !== "string") continue;
    const [packets, bytes, last] = row
      .slice(1)
      .map((n) => (typeof n === "string" && /^\d{1,20}$/.test(n) ? BigInt(n) : 0n));
    counts.set(row[0], { packets: packets ?? 0n, bytes: bytes ?? 0n, last: last ?? 0n });
  }
  const sets = new Map<string, number>();
  if (Array.isArray(bits))
    for (const row of bits)
      if (Array.isArray(row) && typeof row[0] === "string" && Number.isInteger(row[1]) && row[1] >= 0 && row[1] < 32)
        sets.set(row[0], row[1]);
  return {
    name,
    text,
    hook: hook as HookName,
    ...(typeof cgroup === "string" ? { cgroup } : {}),
    dryRun: dryRun === true,
    carried: counts,
    bits: sets,
  };
}
