// Where a firewall stands, as whoever asks for one says it: at an interface, or at a control group.

import { statSync } from "node:fs";
import { namespaceFile, SystemCallError } from "../../kernel/index.ts";
import type { AttachTarget, HostXdpMode } from "../../object/index.ts";
import { type Direction, otherWay } from "../firewall/index.ts";

export interface InterfacePlace {
  readonly interface: string;
  /** The network namespace: a name of ip-netns(8), or a file; absent: this process's. */
  readonly netns?: string;
}
/** Packets of the sockets of a control group, and of those below it. */
export interface GroupPlace {
  /** Its folder. */
  readonly cgroup: string;
  readonly direction: Direction;
}
/** A place, by which the firewall that stays there is found. */
export type FirewallSpot = InterfacePlace | GroupPlace;
export type FirewallPlace =
  | (InterfacePlace & { readonly hook: "xdp" | "tc" })
  | (GroupPlace & { readonly hook: "cgroup" });

/** Beside other XDP programs: lower priorities are asked first. */
export interface Share {
  readonly priority?: number;
}
/** As libxdp has it, where nothing else is said. */
const BESIDE = { priority: 50, chainCall: ["pass"] } as const;

/** A place in messages. */
export const placeName = (place: FirewallSpot): string =>
  "cgroup" in place ? `${place.cgroup} (${place.direction})` : place.interface;

/** What the options of the command line say of it. */
export const placeOptions = (place: FirewallSpot): string =>
  "cgroup" in place
    ? `--cgroup ${place.cgroup}${place.direction === "egress" ? " --direction egress" : ""}`
    : `-i ${place.interface}`;

/** What the rules are attached to. `share`: beside others, whom what the rules let on is shown to. */
export function targetOf(
  place: FirewallPlace,
  { mode = "any", share }: { readonly mode?: HostXdpMode; readonly share?: Share },
): AttachTarget {
  if (place.hook === "cgroup") return groupTarget(place.cgroup, place.direction);
  return place.hook === "xdp"
    ? { kind: "xdp", mode, ...interfaceOf(place), ...(share === undefined ? {} : { share: { ...BESIDE, ...share } }) }
    : { kind: "tc", direction: "ingress", ...interfaceOf(place) };
}

/** What the program is attached to that sees the other way's packets. */
export const flowsTargetOf = (place: FirewallPlace): AttachTarget =>
  place.hook === "cgroup"
    ? groupTarget(place.cgroup, otherWay(place.direction))
    : { kind: "tc", direction: "egress", ...interfaceOf(place) };

const groupTarget = (path: string, direction: Direction): AttachTarget => ({
  kind: "cgroup",
  path,
  attachType: `inet_${direction}`,
});

const interfaceOf = ({ interface: name, netns }: InterfacePlace): InterfacePlace => ({
  interface: name,
  ...(netns === undefined ? {} : { netns }),
});

/** Names in a BPF file system have no dots (kernel/bpf/inode.c keeps them for itself); those of interfaces may. */
const encoded = (name: string): string => name.replace(/[%.]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
const decoded = (name: string): string =>
  name.replace(/%([\da-f]{2})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));

/**
 * The name of a place's pins: the interface with its namespace's number, or the way with the control group's. Throws a
 * SystemCallError where namespace or control group cannot be found.
 */
export function pinName(place: FirewallSpot): string {
  if ("cgroup" in place) return `${place.direction}@${inode(place.cgroup, `control group ${place.cgroup}`)}`;
  const file = place.netns === undefined ? "/proc/self/ns/net" : namespaceFile(place.netns);
  return `${encoded(place.interface)}-${inode(file, `network namespace ${file}`)}`;
}

/** The place that a name of pins is of; undefined: it is none. A control group is known by its number alone. */
export function placeOfPins(name: string): FirewallSpot | undefined {
  const [, direction, group] = /^(ingress|egress)@(\d+)$/.exec(name) ?? [];
  if (group !== undefined) return { cgroup: `control group ${group}`, direction: direction as Direction };
  const [, device] = /^(.+)-\d+$/.exec(name) ?? [];
  return device === undefined ? undefined : { interface: decoded(device) };
}

function inode(file: string, what: string): number {
  try {
    return statSync(file).ino;
  } catch (error) {
    throw new SystemCallError("stat", Math.abs((error as { errno?: number }).errno ?? 2), what);
  }
}
