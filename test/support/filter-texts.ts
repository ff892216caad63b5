// Filters of pcap-filter(7), made by a seed.

import { pick, type Random } from "./filter-packets.ts";

const PROTOCOLS = ["ip", "ip6", "arp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "rarp", "ah", "esp", "pim"];
const DIRECTIONS = ["", "src ", "dst ", "src or dst ", "src and dst "];
const HOSTS = ["10.0.0.1", "10.0.0.2", "192.168.1.10", "2001:db8::1", "fe80::1", "8.8.8.8"];
const NETS = ["10.0.0.0/8", "192.168.0.0/16", "10.0.0.0/9", "2001:db8::/32", "fe80::/10", "172.16.0.0/12"];

/** Of link layers, those that few people use. */
const LINK_TERMS = [
  "ether host 02:00:5e:00:00:1e",
  "ether src 02:00:5e:00:00:07",
  "ether dst 02:00:5e:00:00:0a",
  "ether proto 0x86dd",
  "ether proto \\arp",
  "vlan and vlan 20",
  "mpls 100",
  "mpls and mpls 7",
  "pppoed",
  "pppoes 17",
  "stp",
  "iso",
  "clnp",
  "isis",
  "ipx",
  "netbeui",
  "aarp",
  "atalk",
  "lat",
  "decnet",
  "moprc",
  "type mgt",
  "type data subtype qos-data",
  "subtype beacon",
  "dir tods",
  "wlan addr1 02:00:5e:00:00:1e",
  "wlan ra 02:00:5e:00:00:07",
  "geneve",
  "geneve 7",
];

/** Of headers, by the names that they have. */
const FLAG_TERMS = [
  "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
  "tcp[tcpflags] == tcp-syn|tcp-ack",
  "icmp[icmptype] = icmp-echo or icmp[icmptype] = icmp-echoreply",
  "icmp6[icmp6type] = icmp6-neighborsolicit",
  "ip[6:2] & 0x1fff = 0",
  "ip[0] & 0xf != 5",
  "ip6[6] = 44",
  "udp[4:2] > 60",
  "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
  "sctp src port 7",
  "ip broadcast",
  "ip6 multicast",
  "dst net 10",
  "src net 192.168.1",
  "net 10.0.0.0 mask 255.128.0.0",
  "ip host 10.0.0.1",
  "arp host 10.0.0.2",
  "igrp",
  "vrrp",
  "carp",
  "ip6 proto \\udp",
];

function arithmetic(random: Random, depth: number): string {
  const kind = depth === 0 ? Math.floor(random() * 3) : Math.floor(random() * 6);
  const number = `${Math.floor(random() * 64)}`;
  if (kind === 0) return number;
  if (kind === 1) return "len";
  if (kind === 2) {
    const of = pick(random, ["ether", "ip", "ip6", "tcp", "udp", "icmp", "arp"]);
    return `${of}[${Math.floor(random() * 24)}:${pick(random, [1, 2, 4])}]`;
  }
  if (kind === 3) return `(${arithmetic(random, depth - 1)})`;
  const operator = pick(random, ["+", "-", "*", "&", "|", "<<", ">>", "/", "%", "^"]);
  const right = "/%".includes(operator)
    ? `${1 + Math.floor(random() * 9)}`
    : operator === "<<" || operator === ">>"
      ? `${Math.floor(random() * 12)}`
      : arithmetic(random, depth - 1);
  return `${arithmetic(random, depth - 1)} ${operator} ${right}`;
}

function term(random: Random): string {
  const direction = pick(random, DIRECTIONS);
  switch (Math.floor(random() * 11)) {
    case 0:
      return pick(random, PROTOCOLS);
    case 1:
      return `${direction}host ${pick(random, HOSTS)}`;
    case 2:
      return `${direction}net ${pick(random, NETS)}`;
    case 3:
      return `${pick(random, ["", "tcp ", "udp "])}${direction}port ${pick(random, [22, 53, 80, 123, 443])}`;
    case 4:
      return `${pick(random, ["", "tcp ", "udp "])}${direction}portrange ${pick(random, ["20-60", "1024-65535", "443-80"])}`;
    case 5:
      return `${pick(random, ["ip", "ip6", ""])} proto ${pick(random, [1, 6, 17, 58, 132])}`;
    case 6:
      return `${pick(random, ["less", "greater"])} ${pick(random, [60, 64, 100, 500])}`;
    case 7:
      return pick(random, [
        "ether multicast",
        "ether broadcast",
        "ip multicast",
        "vlan",
        "vlan 10",
        "mpls",
        "pppoes",
        "llc",
      ]);
    case 8:
      return pick(random, LINK_TERMS);
    case 9:
      return pick(random, FLAG_TERMS);
    default:
      return `${arithmetic(random, 2)} ${pick(random, ["=", "!=", "<", "<=", ">", ">="])} ${arithmetic(random, 1)}`;
  }
}

/** A filter that is well formed, though not of every link type. */
export function randomFilter(random: Random, depth: number): string {
  if (depth === 0 || random() < 0.2) return random() < 0.2 ? `not ${term(random)}` : term(random);
  const inner = `${randomFilter(random, depth - 1)} ${pick(random, ["and", "or"])} ${randomFilter(random, depth - 1)}`;
  return random() < 0.3 ? `(${inner})` : random() < 0.1 ? `not (${inner})` : inner;
}
