// Configurations of the balancer that tests and measurements share: each with other parts of the data plane.

const servers = (count: number, prefix: string): string =>
  Array.from({ length: count }, (_, i) => `      s${i}: { address: "${prefix}${i + 1}" }`).join("\n");

export const CONFIGURATIONS: Readonly<Record<string, string>> = {
  "IPv4 by IPIP": `
source: 10.9.9.9
next: 02:00:00:00:00:fe
ring: 1021
services:
  web:
    address: 192.0.2.80
    port: 80
    servers:
${servers(3, "10.0.0.")}
  names:
    address: 192.0.2.80
    port: 53
    protocol: udp
    servers:
${servers(5, "10.0.1.")}
`,
  "IPv6 by IP6IP6, to the sender": `
source6: 2001:db8:9::9
next: sender
ring: 251
services:
  web:
    address: 2001:db8::80
    port: 443
    servers:
${servers(3, "2001:db8:1::")}
  names:
    address: 2001:db8::80
    port: 53
    protocol: udp
    servers:
${servers(2, "2001:db8:2::")}
`,
  "all ways, ranges, affinity, limits, a shared table, QUIC": `
source: 10.9.9.9
source6: 2001:db8:9::9
next: 02:00:00:00:00:fe
shared: { name: fuzz, entries: 4096 }
mtu: 1400
quic: { offset: 1, bytes: 2 }
ring: 1021
services:
  range:
    address: 192.0.2.80
    port: 8000-8010
    affinity: source
    servers:
${servers(3, "10.0.0.")}
      six: { address: "2001:db8:1::7", weight: 3 }
  all:
    address: 192.0.2.81
    port: any
    mtu: 1330
    forward: gue
    servers:
      few: { address: 10.0.3.1, connections: 5 }
      more: { address: 10.0.3.2, connections: 50, weight: 2 }
      six: "2001:db8:3::1"
  quic:
    address: 192.0.2.80
    port: 443
    protocol: quic
    servers:
      a: { address: 10.0.4.1, id: 1 }
      b: { address: 10.0.4.2, id: 2 }
      c: { address: 10.0.4.3, id: 3 }
  quic6:
    address: 2001:db8::80
    port: 443
    protocol: quic
    forward: gue
    servers:
      a: { address: "2001:db8:4::1", id: 1 }
      b: { address: "2001:db8:4::2", id: 2 }
      four: { address: 10.0.4.9, id: 3 }
  six:
    address: 2001:db8::80
    port: 80-81
    affinity: source
    servers:
${servers(4, "2001:db8:5::")}
      four: 10.0.5.5
`,
  "SNAT, with IPIP beside it": `
source: 10.9.9.9
next: 02:00:00:00:00:fe
ring: 251
snat: { ports: 40000-40009 }
services:
  web:
    address: 192.0.2.80
    port: 80
    forward: snat
    servers:
      a: { address: 10.0.0.1, port: 8080 }
      b: 10.0.0.2
  names:
    address: 192.0.2.80
    port: 53
    protocol: udp
    forward: snat
    servers:
      a: 10.0.0.1
  plain:
    address: 192.0.2.81
    port: 80
    servers:
      a: 10.0.0.3
`,
  "SNAT of both families, with IP6IP6 beside it": `
source: 10.9.9.9
source6: 2001:db8:9::9
next: 02:00:00:00:00:fe
ring: 251
snat: { ports: 40000-40009 }
services:
  web:
    address: 2001:db8::80
    port: 80
    forward: snat
    servers:
      a: { address: "2001:db8:1::1", port: 8080 }
      b: "2001:db8:1::2"
  names:
    address: 2001:db8::80
    port: 53
    protocol: udp
    forward: snat
    servers:
      a: "2001:db8:1::1"
  plain:
    address: 2001:db8::81
    port: 80
    servers:
      a: "2001:db8:1::3"
  four:
    address: 192.0.2.80
    port: 53
    protocol: udp
    forward: snat
    servers:
      a: 10.0.0.1
`,
};
