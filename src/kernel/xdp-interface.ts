// The XDP program of an interface: put there, exchanged, taken away by netlink, without a link that would keep it; and who
// stands there already.

import type { XdpMode } from "../object/index.ts";
import type { Kernel } from "./kernel.ts";
import { listPrograms } from "./listing.ts";
import { routeRequest } from "./netlink.ts";
import { dispatcherConfig } from "./xdp-slots.ts";

const RTM_SETLINK = 19;
const NLA_F_NESTED = 1 << 15;
/** linux/if_link.h */
const IFLA_XDP = 43;
const IFLA_XDP_FD = 1;
const IFLA_XDP_FLAGS = 3;
const IFLA_XDP_EXPECTED_FD = 8;
const XDP_FLAGS_UPDATE_IF_NOEXIST = 1 << 0;
const XDP_FLAGS_REPLACE = 1 << 4;
/** `struct ifinfomsg`, with the interface's number at byte 4. */
const IFINFOMSG = 16;

/** XDP_FLAGS_*_MODE */
export const MODE_FLAGS: Readonly<Record<XdpMode, number>> = {
  any: 0,
  generic: 1 << 1,
  native: 1 << 2,
  offloaded: 1 << 3,
};

/**
 * Puts the program of a descriptor at an interface, or with undefined takes away what is there: only where the program there
 * is that of the descriptor `expected`, or none. Answers the errno: 0, EEXIST or EBUSY where another program is there.
 */
export function setXdp(
  kernel: Kernel,
  index: number,
  mode: string,
  fd: number | undefined,
  expected: number | undefined,
): number {
  const body = new Uint8Array(IFINFOMSG);
  new DataView(body.buffer).setInt32(4, index, true);
  const modes: Readonly<Record<string, number>> = MODE_FLAGS;
  const flags = (modes[mode] ?? 0) | (expected === undefined ? XDP_FLAGS_UPDATE_IF_NOEXIST : XDP_FLAGS_REPLACE);
  return routeRequest(kernel, RTM_SETLINK, 0, body, [
    [
      IFLA_XDP | NLA_F_NESTED,
      [
        [IFLA_XDP_FD, fd ?? -1],
        [IFLA_XDP_FLAGS, flags],
        ...(expected === undefined ? [] : ([[IFLA_XDP_EXPECTED_FD, expected]] as const)),
      ],
    ],
  ]).errno;
}

/** Whose program stands where another one is to: it is never replaced without a word. */
export function occupied(
  name: string,
  there: { readonly id: number; readonly by: string } | undefined,
  kernel: Kernel,
): string {
  if (there === undefined) return `${name}: another program stands there`;
  const { id, by } = there;
  const program = listPrograms(kernel).find((one) => one.id === id);
  const holders = (program?.holders ?? []).map((holder) => `${holder.name} (${holder.pid})`).join(", ");
  const whose = holders === "" ? "no process holds it" : `held by ${holders}`;
  const shared = dispatcherConfig(id, kernel)?.entries.length;
  const how =
    shared !== undefined
      ? `it lets ${shared} ${shared === 1 ? "program" : "programs"} share the interface: attach this one to share it, too`
      : program?.links.length === 0
        ? `"ip link set dev NAME xdp off" takes it away`
        : "it goes with its link";
  return `${name}: program ${id}${program === undefined ? "" : ` "${program.name}"`} stands there already (${by}; ${whose}; ${how})`;
}
