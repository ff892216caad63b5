// Helpers of networking programs: XDP, traffic control, socket filters. What would leave the machine is recorded.

import { SkBuff } from "../object/index.ts";
import { checksumDifference, replaceByDifference, replaceValue } from "./checksum.ts";
import type { HelperTable } from "./helper-table.ts";
import { Errno, lookup } from "./map-operations.ts";
import { CONTEXT, State } from "./memory.ts";
import { adjustHead, adjustMeta, adjustTail, changeRoom, changeTail } from "./packet.ts";
import type { Runtime } from "./runtime.ts";
import { TrapSignal } from "./trap.ts";

const XDP_REDIRECT = 4;
const TC_ACT_REDIRECT = 7;
const XDP_ABORTED = 0;
const ETHERNET = 14;
const VLAN_BYTES = 4;

const dataOf = (runtime: Runtime): number => runtime.memory.u32[State.PACKET >>> 2] as number;
const endOf = (runtime: Runtime): number => runtime.memory.u32[State.PACKET_END >>> 2] as number;

/** A run of bytes of the packet by its offset; undefined where it does not lie in it. */
function within(runtime: Runtime, offset: number, size: number, from = dataOf(runtime)): number | undefined {
  const at = from + offset;
  return at >= from && at + size <= endOf(runtime) ? at : undefined;
}

function context(runtime: Runtime, kind: "xdp" | "skb"): void {
  if (runtime.packetKind !== kind || runtime.arg64(1) !== BigInt(CONTEXT)) {
    throw new TrapSignal(
      "helper",
      `argument 1 of a helper is not the context of ${kind === "xdp" ? "an XDP" : "a socket"} program`,
    );
  }
}

const loadBytes =
  (kind: "xdp" | "skb") =>
  (runtime: Runtime): number => {
    context(runtime, kind);
    const size = runtime.size(4);
    const to = runtime.pointer(3, size, true);
    const from = within(runtime, runtime.arg(2), size);
    if (from === undefined) {
      runtime.memory.u8.fill(0, to, to + size);
      return Errno.EFAULT;
    }
    runtime.memory.u8.copyWithin(to, from, from + size);
    return 0;
  };

const storeBytes =
  (kind: "xdp" | "skb") =>
  (runtime: Runtime): number => {
    context(runtime, kind);
    const size = runtime.size(4);
    const from = runtime.pointer(3, size);
    const to = within(runtime, runtime.arg(2), size);
    if (to === undefined) return Errno.EFAULT;
    runtime.memory.u8.copyWithin(to, from, from + size);
    return 0;
  };

function redirectMap(runtime: Runtime): number {
  const map = runtime.map(1);
  const key = runtime.arg(2);
  runtime.memory.u32[runtime.scratch >>> 2] = key;
  const value = lookup(runtime.memory, map.handle, runtime.scratch);
  const target = value === 0 ? 0 : (runtime.memory.u32[value >>> 2] as number);
  if (target === 0) return runtime.arg(3) & 0xff;
  runtime.effects.push({ kind: "redirect-map", map: map.name, key });
  return XDP_REDIRECT;
}

function redirect(runtime: Runtime): number {
  const xdp = runtime.packetKind === "xdp";
  const flags = runtime.arg64(2);
  if (flags !== 0n && (xdp || flags !== 1n)) return xdp ? XDP_ABORTED : 2;
  runtime.effects.push({ kind: "redirect", ifindex: runtime.arg(1), flags, clone: false });
  return xdp ? XDP_REDIRECT : TC_ACT_REDIRECT;
}

/** The low bits of the flags of the checksum helpers, include/uapi/linux/bpf.h. */
const CSUM_SIZE = 15;
const CSUM_MANGLED_0 = 0x20;
const CSUM_ENFORCE = 0x40;

function changed(checksum: number, from: number, to: number, size: number): number | undefined {
  if (size === 0) return from === 0 ? replaceByDifference(checksum, to) : undefined;
  if (size === 2) return replaceValue(checksum, from & 0xffff, to & 0xffff);
  return size === 4 ? replaceValue(checksum, from, to) : undefined;
}

const reshaped = (runtime: Runtime, what: string): void => {
  runtime.effects.push({ kind: "skb", what });
};

const nothing = (): number => 0;

export const packetHelpers: HelperTable = {
  xdp_adjust_head: (runtime) => {
    context(runtime, "xdp");
    return adjustHead(runtime.memory, runtime.signed(2)) ? 0 : Errno.EINVAL;
  },
  xdp_adjust_tail: (runtime) => {
    context(runtime, "xdp");
    return adjustTail(runtime.memory, runtime.signed(2)) ? 0 : Errno.EINVAL;
  },
  xdp_adjust_meta: (runtime) => {
    context(runtime, "xdp");
    return adjustMeta(runtime.memory, runtime.signed(2)) ? 0 : Errno.EINVAL;
  },
  xdp_get_buff_len: (runtime) => endOf(runtime) - dataOf(runtime),
  xdp_load_bytes: loadBytes("xdp"),
  xdp_store_bytes: storeBytes("xdp"),
  redirect,
  redirect_peer: redirect,
  redirect_neigh: (runtime) => {
    runtime.effects.push({ kind: "redirect", ifindex: runtime.arg(1), flags: runtime.arg64(4), clone: false });
    return TC_ACT_REDIRECT;
  },
  clone_redirect: (runtime) => {
    context(runtime, "skb");
    runtime.effects.push({ kind: "redirect", ifindex: runtime.arg(2), flags: runtime.arg64(3), clone: true });
    return 0;
  },
  redirect_map: redirectMap,

  skb_load_bytes: loadBytes("skb"),
  skb_load_bytes_relative: (runtime) => {
    context(runtime, "skb");
    const size = runtime.size(4);
    const to = runtime.pointer(3, size, true);
    const network = runtime.arg(5) === 1;
    const base = network ? (runtime.memory.u32[State.PACKET_NETWORK >>> 2] as number) : dataOf(runtime);
    const from = within(runtime, runtime.arg(2), size, base);
    if (from === undefined) {
      runtime.memory.u8.fill(0, to, to + size);
      return Errno.EFAULT;
    }
    runtime.memory.u8.copyWithin(to, from, from + size);
    return 0;
  },
  skb_store_bytes: storeBytes("skb"),
  skb_pull_data: (runtime) => {
    context(runtime, "skb");
    return runtime.arg(2) > endOf(runtime) - dataOf(runtime) ? Errno.ENOMEM : 0;
  },
  skb_change_tail: (runtime) => {
    context(runtime, "skb");
    return changeTail(runtime.memory, runtime.arg(2)) ? 0 : Errno.EINVAL;
  },
  skb_change_head: (runtime) => {
    context(runtime, "skb");
    const bytes = runtime.arg(2);
    return changeRoom(runtime.memory, 0, bytes) ? 0 : Errno.EINVAL;
  },
  skb_adjust_room: (runtime) => {
    context(runtime, "skb");
    // BPF_ADJ_ROOM_NET (0): between network and transport header; BPF_ADJ_ROOM_MAC (1): behind the link layer's.
    const mode = runtime.arg(3);
    if (mode > 1) return Errno.EOPNOTSUPP;
    const delta = runtime.signed(2);
    if (Math.abs(delta) > 0xfff) return -524;
    const network = (runtime.memory.u32[State.PACKET_NETWORK >>> 2] as number) - dataOf(runtime);
    const first = runtime.memory.u8[dataOf(runtime) + network] as number;
    const offset = mode === 1 ? ETHERNET : network + (first >> 4 === 6 ? 40 : 20);
    return changeRoom(runtime.memory, offset, delta) ? 0 : Errno.EINVAL;
  },
  skb_vlan_push: (runtime) => {
    context(runtime, "skb");
    const { memory } = runtime;
    // The tag stands in the skb; one that is there already moves into the packet.
    if (memory.u32[(CONTEXT + SkBuff.VLAN_PRESENT) >>> 2] !== 0) {
      if (!changeRoom(memory, ETHERNET - 2, VLAN_BYTES)) return Errno.ENOMEM;
      const at = dataOf(runtime) + ETHERNET - 2;
      memory.view.setUint16(at, memory.u32[(CONTEXT + SkBuff.VLAN_PROTO) >>> 2] as number, true);
      memory.view.setUint16(at + 2, memory.u32[(CONTEXT + SkBuff.VLAN_TCI) >>> 2] as number);
    }
    memory.u32[(CONTEXT + SkBuff.VLAN_PRESENT) >>> 2] = 1;
    memory.u32[(CONTEXT + SkBuff.VLAN_PROTO) >>> 2] = runtime.arg(2) & 0xffff;
    memory.u32[(CONTEXT + SkBuff.VLAN_TCI) >>> 2] = runtime.arg(3) & 0xffff;
    return 0;
  },
  skb_vlan_pop: (runtime) => {
    context(runtime, "skb");
    const { memory } = runtime;
    if (memory.u32[(CONTEXT + SkBuff.VLAN_PRESENT) >>> 2] !== 0) {
      for (const field of [SkBuff.VLAN_PRESENT, SkBuff.VLAN_PROTO, SkBuff.VLAN_TCI])
        memory.u32[(CONTEXT + field) >>> 2] = 0;
      return 0;
    }
    const kind = memory.view.getUint16(dataOf(runtime) + ETHERNET - 2);
    if (kind !== 0x8100 && kind !== 0x88a8) return 0;
    return changeRoom(memory, ETHERNET - 2, -VLAN_BYTES) ? 0 : Errno.ENOMEM;
  },
  skb_change_type: (runtime) => {
    context(runtime, "skb");
    if (runtime.arg(2) > 3) return Errno.EINVAL;
    runtime.memory.u32[(CONTEXT + SkBuff.PKT_TYPE) >>> 2] = runtime.arg(2);
    return 0;
  },
  skb_set_tstamp: (runtime) => {
    context(runtime, "skb");
    runtime.memory.i64[(CONTEXT + SkBuff.TSTAMP) >>> 3] = runtime.arg64(2);
    return 0;
  },
  skb_ecn_set_ce: (runtime) => {
    reshaped(runtime, "ecn-set-ce");
    return 0;
  },
  get_hash_recalc: (runtime) => runtime.memory.u32[(CONTEXT + SkBuff.HASH) >>> 2] as number,
  set_hash: (runtime) => {
    context(runtime, "skb");
    runtime.memory.u32[(CONTEXT + SkBuff.HASH) >>> 2] = runtime.arg(2);
    return 0;
  },
  set_hash_invalid: (runtime) => {
    context(runtime, "skb");
    runtime.memory.u32[(CONTEXT + SkBuff.HASH) >>> 2] = 0;
    return 0;
  },
  get_socket_cookie: () => 0,
  // `overflowuid`: there is no socket.
  get_socket_uid: () => 65534,
  get_netns_cookie: () => 1,
  get_cgroup_classid: nothing,
  get_route_realm: nothing,
  skb_cgroup_id: nothing,
  skb_cgroup_classid: nothing,
  check_mtu: nothing,
  // No socket is ever found, so nothing is ever to be released.
  sk_lookup_tcp: nothing,
  sk_lookup_udp: nothing,
  skc_lookup_tcp: nothing,
  sk_fullsock: nothing,
  tcp_sock: nothing,
  sk_release: nothing,
  tcp_check_syncookie: nothing,
  tcp_gen_syncookie: nothing,

  csum_diff: (runtime) => {
    const fromSize = runtime.size(2);
    const toSize = runtime.size(4);
    if ((fromSize | toSize) & 3) return Errno.EINVAL;
    const from = runtime.pointer(1, fromSize);
    const to = runtime.pointer(3, toSize);
    const { memory } = runtime;
    return checksumDifference(memory.bytes(from, fromSize), memory.bytes(to, toSize), runtime.arg(5));
  },
  csum_update: (runtime) => (runtime.packetKind === "skb" ? -524 : Errno.EINVAL),
  csum_level: () => Errno.EINVAL,
  l3_csum_replace: (runtime) => {
    context(runtime, "skb");
    const at = within(runtime, runtime.arg(2), 2);
    const flags = runtime.arg(5);
    if (flags & ~CSUM_SIZE || runtime.arg(2) & 1) return Errno.EINVAL;
    if (at === undefined) return Errno.EFAULT;
    const { view } = runtime.memory;
    const sum = changed(view.getUint16(at, true), runtime.arg(3), runtime.arg(4), flags & CSUM_SIZE);
    if (sum === undefined) return Errno.EINVAL;
    view.setUint16(at, sum, true);
    return 0;
  },
  l4_csum_replace: (runtime) => {
    context(runtime, "skb");
    const at = within(runtime, runtime.arg(2), 2);
    const flags = runtime.arg(5);
    if (runtime.arg(2) & 1) return Errno.EINVAL;
    if (at === undefined) return Errno.EFAULT;
    const { view } = runtime.memory;
    const old = view.getUint16(at, true);
    if (flags & CSUM_MANGLED_0 && !(flags & CSUM_ENFORCE) && old === 0) return 0;
    const sum = changed(old, runtime.arg(3), runtime.arg(4), flags & CSUM_SIZE);
    if (sum === undefined) return Errno.EINVAL;
    view.setUint16(at, flags & CSUM_MANGLED_0 && sum === 0 ? 0xffff : sum, true);
    return 0;
  },
};
