// Filters of pcap-filter(7), made by a seed.

import { pick, type Random } from "./filter-packets.ts";

const PROTOCOLS = ["ip", "ip6", "arp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "rarp", "ah", "esp", "pim"];
const DIRECTIONS = ["", "src ", "dst ", "src or dst ", "src and dst "];
const HOSTS = ["10.0.0.1", "10.0.0.2", "192.168.1.10", "2001:db8::1", "fe80::1", "8.8.8.8"];
const NETS = ["10.0.0.0/8", "192.168.0.0/16", "10.0.0.0/9", "2001:db8::/32", "fe80::/10", "172.16.0.0/12"];

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
  switch (Math.floor(random() * 9)) {
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
