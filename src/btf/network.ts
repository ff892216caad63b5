// Types whose bytes are in the network's order, whatever the machine's: the kernel says it by the names of typedefs. Numbers are
// read in the machine's order; addresses are texts.

import type { BtfType } from "./types.ts";

export type NetworkKind = "be16" | "be32" | "be64" | "ipv4" | "ipv6" | "mac";

/** The kind, by what it is a typedef of; the first three are the kernel's own (include/uapi/linux/types.h). */
const TYPEDEFS: Readonly<Record<string, NetworkKind>> = {
  __be16: "be16",
  __be32: "be32",
  __be64: "be64",
  ipv4_address: "ipv4",
  ipv6_address: "ipv6",
  mac_address: "mac",
};

/** Bytes of each; a number may stand in a wider word (`bpf_sock_addr.user_port`). */
export const NETWORK_BYTES: Readonly<Record<NetworkKind, number>> = {
  be16: 2,
  be32: 4,
  be64: 8,
  ipv4: 4,
  ipv6: 16,
  mac: 6,
};

/** The name of the typedef. */
export const networkTypedef = (kind: NetworkKind): string =>
  Object.keys(TYPEDEFS).find((name) => TYPEDEFS[name] === kind) as string;

/** Is this type in the network's order, and how? Typedefs and qualifiers are looked through. */
export function networkKind(types: { type(id: number): BtfType }, id: number): NetworkKind | undefined {
  let at = id;
  for (let depth = 0; depth < 64; depth++) {
    const type = types.type(at);
    if (type.kind === "typedef") {
      const found = Object.hasOwn(TYPEDEFS, type.name) ? TYPEDEFS[type.name] : undefined;
      if (found !== undefined) return found;
    } else if (
      type.kind !== "const" &&
      type.kind !== "volatile" &&
      type.kind !== "restrict" &&
      type.kind !== "type_tag"
    )
      return undefined;
    at = type.type;
  }
  return undefined;
}

const ENDS: Readonly<Record<string, NetworkKind>> = {
  remote_ip4: "ipv4",
  local_ip4: "ipv4",
  remote_ip6: "ipv6",
  local_ip6: "ipv6",
  // Unlike the local one (include/uapi/linux/bpf.h).
  remote_port: "be32",
};

/** Members of contexts that are in the network's order though their types do not say so (include/uapi/linux/bpf.h). */
const MEMBERS: Readonly<Record<string, Readonly<Record<string, NetworkKind>>>> = {
  __sk_buff: { ...ENDS, protocol: "be16", vlan_proto: "be16" },
  bpf_sock_ops: ENDS,
  sk_msg_md: ENDS,
  bpf_sk_lookup: { ...ENDS, remote_port: "be16" },
  bpf_sock: { src_ip4: "ipv4", src_ip6: "ipv6", dst_ip4: "ipv4", dst_ip6: "ipv6", dst_port: "be16" },
  bpf_sock_addr: { user_ip4: "ipv4", user_ip6: "ipv6", user_port: "be16", msg_src_ip4: "ipv4", msg_src_ip6: "ipv6" },
  sk_reuseport_md: { eth_protocol: "be16" },
};

export function networkMember(struct: string, member: string): NetworkKind | undefined {
  const members = Object.hasOwn(MEMBERS, struct) ? MEMBERS[struct] : undefined;
  return members !== undefined && Object.hasOwn(members, member) ? members[member] : undefined;
}
