// Headers as the balancer reads them: addresses and ports are words as they lie, which are compared and copied, never read.

import { be16, struct, u8, u16, u32 } from "scry/bpf";

/** An Ethernet header, and two bytes of what is behind it. */
export const Ethernet = struct({ to: u32, to2: u16, from: u16, from2: u32, type: be16, behind: u16 });
export const ETHERNET = 14;
export const Ip4 = struct({
  first: u8,
  service: u8,
  length: be16,
  id: u16,
  piece: be16,
  ttl: u8,
  protocol: u8,
  sum: u16,
  source: u32,
  destination: u32,
});
export const Ip6 = struct({
  first: be16,
  flow: u16,
  length: be16,
  next: u8,
  hops: u8,
  s0: u32,
  s1: u32,
  s2: u32,
  s3: u32,
  d0: u32,
  d1: u32,
  d2: u32,
  d3: u32,
});
export const Extension = struct({ next: u8, length: u8 });
export const Fragment = struct({ next: u8, reserved: u8, place: be16, id: u32 });
/** The ports of TCP and UDP: the source in the lower half. */
export const Ports = struct({ ports: u32 });
export const Tcp = struct({
  ports: u32,
  sequence: u32,
  acknowledged: u32,
  offset: u8,
  flags: u8,
  window: u16,
  sum: u16,
  urgent: u16,
});
export const Udp = struct({ ports: u32, length: be16, sum: u16 });
export const Icmp = struct({ type: u8, code: u8, sum: u16, rest: u32 });

export const TCP = 6;
export const UDP = 17;
export const SYN = 2;
/** FIN, RST */
export const OVER = 5;

/** Ports of a packet that went the other way. */
export const swapped = (ports: u32): u32 => (ports >> 16) | (ports << 16);
