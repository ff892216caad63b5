// Every way to a server, with real packets: IPIP, IP6IP6, one family in the other, GUE, SNAT; datagrams in pieces, errors of ICMP,
// affinity, limits, connection ids; and connections of processes, without packets.

import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BalancerNetwork, type Station, VIP, VIP6 } from "../support/balancer-network.ts";
import { balance, Client, httpClient, httpServer, PATIENCE, printed, type Round } from "../support/balancing.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-ways-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** Answers each datagram with its own name and how long the datagram was, after some milliseconds. */
const udpServer = (name: string, port: number, address: string, wait = 0): string => `
const socket = require("node:dgram").createSocket({ type: ${address.includes(":") ? '"udp6"' : '"udp4"'} });
socket.on("message", (bytes, from) => setTimeout(() => socket.send(${JSON.stringify(name)} + " " + bytes.length, from.port, from.address), ${wait}));
socket.on("error", () => undefined);
socket.bind({ port: ${port}, address: ${JSON.stringify(address)} }, () => console.log("ready"));
process.stdin.on("end", () => process.exit(0)).resume();
`;
/** Sends datagrams (hexadecimal), each from a socket of its own, and prints the answers as a list; "": none. */
const udpClient = (host: string, port: number, datagrams: readonly string[], leave = false): string => `
const { createSocket } = require("node:dgram");
const ask = (hex) => new Promise((resolve) => {
  const socket = createSocket(${host.includes(":") ? '"udp6"' : '"udp4"'});
  const done = (text) => { try { socket.close(); } catch {} resolve(text); };
  socket.on("message", (bytes, from) => done(String(bytes) + " from " + from.address + " " + from.port));
  socket.on("error", (error) => done(error.code));
  socket.send(Buffer.from(hex, "hex"), ${port}, ${JSON.stringify(host)}, () => ${leave ? 'done("")' : `setTimeout(() => done(""), ${2000 * PATIENCE})`});
});
(async () => {
  const all = [];
  for (const one of ${JSON.stringify(datagrams)}) all.push(await ask(one));
  console.log(JSON.stringify(all));
  process.exit(0);
})();
`;

/** Sends a datagram from a connected socket, and prints what comes of it: an answer, or what the kernel says is wrong. */
const connectedClient = (host: string, port: number): string => `
const socket = require("node:dgram").createSocket(${host.includes(":") ? '"udp6"' : '"udp4"'});
const done = (text) => { console.log(text); process.exit(0); };
socket.on("message", (bytes) => done(String(bytes)));
socket.on("error", (error) => done(error.code));
socket.connect(${port}, ${JSON.stringify(host)}, () => socket.send("x"));
setTimeout(() => done("silent"), ${4000 * PATIENCE});
`;
/** Errors of ICMP that say "unreachable", which a station has received. */
function unreachable(station: Station, family: 4 | 6 = 4): number {
  const name = family === 4 ? "snmp" : "snmp6";
  const { stdout } = spawnSync("nsenter", [`--net=/run/netns/${station.netns}`, "cat", `/proc/net/${name}`], {
    encoding: "utf8",
  });
  if (family === 6) return Number(/^Icmp6InDestUnreachs\s+(\d+)/m.exec(stdout)?.[1]);
  const rows = stdout.split("\n").filter((line) => line.startsWith("Icmp:"));
  const column = (rows[0] ?? "").split(" ").indexOf("InDestUnreachs");
  return Number((rows[1] ?? "").split(" ")[column]);
}

describe("scry balance, by every way", () => {
  let network: BalancerNetwork;
  beforeAll(async () => {
    network = await BalancerNetwork.make(`scryw${process.pid}`, 3);
    for (const [i, station] of network.servers.entries()) {
      await network.node(station, httpServer(`s${i}`, 80));
      await network.node(station, httpServer(`s${i}`, 8080));
      await network.node(station, udpServer(`s${i}`, 53, VIP));
      await network.node(station, udpServer(`s${i}`, 53, VIP6));
      await network.node(station, udpServer(`s${i}`, 4433, VIP));
      await network.node(station, udpServer(`s${i}`, 5353, VIP, 300));
    }
  });
  afterAll(() => network?.close());

  const at = (i: number): Station => network.servers[i] as Station;
  const head = (): string => `
source: ${network.balancer.address}
source6: ${network.balancer.address6}
`;
  const lines = (family: 4 | 6, count = 3): string =>
    Array.from({ length: count }, (_, i) => `      s${i}: "${family === 4 ? at(i).address : at(i).address6}"`).join(
      "\n",
    );
  async function asked(host: string, port: number, count: number, from = network.client): Promise<Round> {
    const client = new Client(await network.node(from, httpClient(host, port)));
    try {
      await client.do(`open ${count}`);
      await client.do("ask");
      return await client.do("ask");
    } finally {
      client.end();
    }
  }
  async function sent(host: string, port: number, datagrams: readonly string[], leave = false): Promise<string[]> {
    const child = network.start(network.client, process.execPath, "-e", udpClient(host, port, datagrams, leave));
    let text = "";
    child.stdout?.on("data", (more) => (text += more));
    child.stderr?.pipe(process.stderr);
    await once(child, "close");
    return JSON.parse(text) as string[];
  }
  const repeated = (hex: string, count: number): string[] => Array<string>(count).fill(hex);
  const whom = (answers: readonly string[]): string[] =>
    [...new Set(answers.map((text) => text.split(" ")[0] ?? ""))].sort();

  it.each([
    ["IPv4 in IPv4", VIP, 80, 4, "ipip"],
    ["IPv6 in IPv6", VIP6, 80, 6, "ipip"],
    ["IPv4 in IPv6", VIP, 80, 6, "ipip"],
    ["IPv6 in IPv4", VIP6, 80, 4, "ipip"],
    ["IPv4 in GUE of IPv4", VIP, 8080, 4, "gue"],
    ["IPv6 in GUE of IPv6", VIP6, 8080, 6, "gue"],
  ] as const)("reaches all servers: %s", async (_, address, port, family, forward) => {
    const text = `${head()}
services:
  web:
    address: "${address}"
    port: ${port}
    forward: ${forward}
    health: { tcp: true, every: 300ms }
    servers:
${lines(family)}`;
    const balancing = await balance(network, file("way.yaml", text));
    try {
      const round = await asked(address, port, 60);
      expect(round).toMatchObject({ answered: 60, moved: 0, failed: {} });
      expect(Object.keys(round.by).sort()).toEqual(["s0", "s1", "s2"]);
    } finally {
      expect(await balancing.end()).toBe(0);
    }
  });

  it("sends datagrams in pieces to one server, and errors of ICMP to the one that they are about", async () => {
    const text = `${head()}
services:
  names: { address: ${VIP}, port: 53, protocol: udp, servers: { s0: ${at(0).address}, s1: ${at(1).address}, s2: ${at(2).address} } }
  names6: { address: "${VIP6}", port: 53, protocol: udp, servers: { s0: "${at(0).address6}", s1: "${at(1).address6}" } }
  slow: { address: ${VIP}, port: 5353, protocol: udp, servers: { s1: ${at(1).address} } }
`;
    const balancing = await balance(network, file("pieces.yaml", text));
    try {
      const small = await sent(VIP, 53, repeated("00", 30));
      expect(small.every((answer) => / 1 from 192\.0\.2\.80 53$/.test(answer))).toBe(true);
      expect(whom(small)).toEqual(["s0", "s1", "s2"]);
      // 4,000 bytes are three pieces here.
      const large = await sent(VIP, 53, repeated("11".repeat(4000), 12));
      expect(large.filter((answer) => / 4000 /.test(answer))).toHaveLength(12);
      const large6 = await sent(VIP6, 53, repeated("11".repeat(4000), 12));
      expect(large6.filter((answer) => / 4000 /.test(answer))).toHaveLength(12);
      expect(whom(large6)).toEqual(["s0", "s1"]);
      const before = [0, 1, 2].map((i) => unreachable(at(i)));
      // The socket is closed before the answer comes: the client's kernel says so to the service.
      await sent(VIP, 5353, repeated("22", 5), true);
      await new Promise((done) => setTimeout(done, 1000 * PATIENCE));
      const came = [0, 1, 2].map((i) => unreachable(at(i)) - (before[i] ?? 0));
      expect(came[1]).toBeGreaterThan(0);
      expect([came[0], came[2]]).toEqual([0, 0]);
    } finally {
      expect(await balancing.end()).toBe(0);
    }
  });

  it("keeps a source at its server, holds limits, and follows connection ids", async () => {
    const text = `${head()}
quic: { offset: 1, bytes: 2 }
services:
  web: { address: ${VIP}, port: 80, affinity: source, servers: { s0: ${at(0).address}, s1: ${at(1).address}, s2: ${at(2).address} } }
  few:
    address: ${VIP}
    port: 8080
    servers:
      s0: { address: ${at(0).address}, connections: 5 }
      s1: { address: ${at(1).address}, connections: 7 }
  quic:
    address: ${VIP}
    port: 4433
    protocol: quic
    servers:
      s0: { address: ${at(0).address}, id: 10 }
      s1: { address: ${at(1).address}, id: 11 }
      s2: { address: ${at(2).address}, id: 12 }
`;
    const balancing = await balance(network, file("kinds.yaml", text));
    try {
      expect(Object.values((await asked(VIP, 80, 40)).by)).toEqual([40]);
      // A short header, seven bits of it random, then the connection id: a byte, and the server's number.
      for (const [i, id] of ["000a", "000b", "000c"].entries()) {
        const answers = await sent(VIP, 4433, repeated(`40aa${id}00112233`, 8));
        expect(whom(answers)).toEqual([`s${i}`]);
      }
      // Of what has no number that is known, the ring decides.
      expect(whom(await sent(VIP, 4433, repeated("c000000001", 30))).length).toBeGreaterThan(1);
      const client = new Client(await network.node(network.client, httpClient(VIP, 8080)));
      // Those that are too many get no answer, and try again until the client is ended.
      void client.do("open 40");
      await new Promise((done) => setTimeout(done, 2500 * PATIENCE));
      const status = JSON.parse(
        await printed(network, network.balancer, "balance", "status", "-i", "v0", "--json"),
      ) as {
        services: { name: string; servers: { name: string; open: number }[] }[];
        lost: Record<string, number>;
      };
      const few = status.services.find(({ name }) => name === "few");
      expect(Object.fromEntries(few?.servers.map(({ name, open }) => [name, open]) ?? [])).toEqual({ s0: 5, s1: 7 });
      expect(status.lost["no server takes new flows"]).toBeGreaterThan(0);
      client.end();
    } finally {
      expect(await balancing.end()).toBe(0);
    }
  });

  it("says which server a flow has, and why", async () => {
    const text = `${head()}services: { web: { address: ${VIP}, port: 80, servers: { s0: ${at(0).address}, s1: ${at(1).address} } } }`;
    const path = file("explain.yaml", text);
    const balancing = await balance(network, path);
    try {
      const flow = `tcp ${network.client.address}:5000 ${VIP}:80`;
      const offline = await printed(network, network.client, "balance", "explain", flow, path);
      expect(offline).toMatch(/service web\nserver s[01] .* \(up\), by IPIP\nbecause of slot \d+ of 4093\n/);
      expect(await printed(network, network.balancer, "balance", "explain", flow, "-i", "v0")).toBe(offline);
      expect(
        await printed(network, network.balancer, "balance", "explain", `udp 1.2.3.4:5 ${VIP}:80`, "-i", "v0"),
      ).toContain("passed on to the kernel: for no service");
      // Routes are asked only where packets are forwarded.
      const other = await printed(network, network.client, "balance", path, "-i", "v0");
      expect(other).toMatch(/v0 does not forward IPv4[\s\S]*sysctl -w net\.ipv4\.ip_forward=1/);
      // A second balancer is told whose place it is.
      const second = await printed(network, network.balancer, "balance", path, "-i", "v0");
      expect(second).toMatch(/stands there already/);
    } finally {
      expect(await balancing.end()).toBe(0);
    }
    const { stdout } = spawnSync("ip", ["-n", network.balancer.netns, "link", "show", "v0"], { encoding: "utf8" });
    expect(stdout).not.toContain("xdp");
    expect(await printed(network, network.balancer, "balance", "status", "-i", "v0")).toContain(
      "no balancer runs at v0",
    );
  });

  it("connects processes of a control group to servers, without packets", async () => {
    const root = mkdtempSync(join(tmpdir(), "scry-cgroup2-"));
    execFileSync("mount", ["-t", "cgroup2", "none", root]);
    const group = join(root, `scry-${process.pid}`);
    mkdirSync(group);
    const text = `services:
  web: { address: 198.18.0.1, port: 80, mode: sockets, servers: { s0: { address: ${at(0).address}, port: 8080 }, s1: ${at(1).address} } }
  web6: { address: "2001:db8:5::1", port: 80, mode: sockets, servers: { s2: "${at(2).address6}" } }
  names: { address: 198.18.0.1, port: 53, protocol: udp, mode: sockets, servers: { s0: ${at(0).address} } }
`;
    await network.node(at(0), udpServer("s0", 53, at(0).address));
    const within = (code: string): { stdout: string; stderr: string } => {
      const enter = `echo $$ > ${group}/cgroup.procs; exec nsenter --net=/run/netns/${network.client.netns} ${process.execPath} -e "$CODE"`;
      return spawnSync("bash", ["-c", enter], {
        encoding: "utf8",
        env: { ...process.env, CODE: code },
        timeout: 20_000 * PATIENCE,
      });
    };
    const balancing = await balance(network, file("sockets.yaml", text), network.client, ["--cgroup", group]);
    try {
      const web = (host: string): string => `
        const get = () => new Promise((resolve) => {
          const request = require("node:http").get({ host: ${JSON.stringify(host)}, agent: false }, (answer) => {
            let text = "";
            answer.on("data", (more) => (text += more));
            answer.on("end", () => resolve(text + " at " + answer.socket.remoteAddress));
          });
          request.on("error", (error) => resolve(error.code));
        });
        (async () => { const all = new Set(); for (let i = 0; i < 20; i++) all.add(await get()); console.log([...all].sort().join()); })();`;
      expect(within(web("198.18.0.1")).stdout).toBe("s0 at 198.18.0.1,s1 at 198.18.0.1\n");
      expect(within(web("2001:db8:5::1")).stdout).toBe("s2 at 2001:db8:5::1\n");
      const udp = within(udpClient("198.18.0.1", 53, ["aa", "bbbb"]));
      expect(JSON.parse(udp.stdout)).toEqual(["s0 1 from 198.18.0.1 53", "s0 2 from 198.18.0.1 53"]);
      const status = await printed(network, network.client, "balance", "status");
      expect(status).toMatch(/web {2}tcp 198\.18\.0\.1:80 by sockets/);
      // Nobody outside of the group is led there.
      expect(await sent("198.18.0.1", 53, ["aa"])).not.toEqual(["s0 1 from 198.18.0.1 53"]);
    } finally {
      expect(await balancing.end()).toBe(0);
      rmdirSync(group);
      execFileSync("umount", [root]);
      rmdirSync(root);
    }
  });
});

describe("scry balance, by SNAT", () => {
  let network: BalancerNetwork;
  beforeAll(async () => {
    network = await BalancerNetwork.make(`scryn${process.pid}`, 2, { direct: false });
    for (const [i, station] of network.servers.entries()) {
      await network.node(station, httpServer(`s${i}`, 8081));
      for (const address of [station.address, station.address6]) {
        await network.node(station, udpServer(`s${i}`, 53, address));
        await network.node(station, udpServer(`s${i}`, 5353, address, 300));
      }
    }
  });
  afterAll(() => network?.close());

  const said = async (text: string): Promise<string> => {
    const child = network.start(network.client, process.execPath, "-e", text);
    let all = "";
    child.stdout?.on("data", (more) => (all += more));
    child.stderr?.pipe(process.stderr);
    await once(child, "close");
    return all;
  };

  it.each([
    [4, VIP],
    [6, VIP6],
  ] as const)("sends packets of IPv%s there and answers back, and errors of ICMP both ways", async (family, vip) => {
    const [s0, s1] = network.servers as [Station, Station];
    const of = ({ address, address6 }: Station): string => (family === 4 ? address : address6);
    const text = `
${family === 4 ? "source" : "source6"}: "${of(network.balancer)}"
snat: { ports: 20000-29999 }
services:
  web:
    address: "${vip}"
    port: 80
    forward: snat
    health: { http: /health, port: 8081, every: 300ms, timeout: 10s }
    servers:
      s0: { address: "${of(s0)}", port: 8081 }
      s1: { address: "${of(s1)}", port: 8081 }
  names: { address: "${vip}", port: 53-54, protocol: udp, forward: snat, servers: { s0: "${of(s0)}" } }
  slow: { address: "${vip}", port: 5353, protocol: udp, forward: snat, servers: { s1: "${of(s1)}" } }
`;
    const balancing = await balance(network, file("snat.yaml", text));
    try {
      const client = new Client(await network.node(network.client, httpClient(vip, 80)));
      await client.do("open 300");
      const round = await client.do("ask");
      expect(round).toMatchObject({ answered: 300, failed: {} });
      expect(Object.keys(round.by).sort()).toEqual(["s0", "s1"]);
      expect(await client.do("ask")).toMatchObject({ answered: 300, moved: 0, failed: {} });
      client.end();
      const answers = JSON.parse(await said(udpClient(vip, 53, ["aa", "bbcc"])));
      expect(answers).toEqual([`s0 1 from ${vip} 53`, `s0 2 from ${vip} 53`]);
      const words = [
        "balance",
        "explain",
        family === 4 ? `udp 1.2.3.4:5 ${vip}:53` : `udp [2001:db8::7]:5 [${vip}]:53`,
      ];
      expect(await printed(network, network.balancer, ...words, "-i", "v0")).toContain(
        `server s0 ${of(s0)} (up), by SNAT`,
      );
      // Nobody listens there: the server says so, of what it knows as the balancer's packet.
      expect(await said(connectedClient(vip, 53))).toBe("s0 1\n");
      expect(await said(connectedClient(vip, 54))).toBe("ECONNREFUSED\n");
      // The socket is closed before the answer comes: the client's kernel says so to the service.
      const before = [unreachable(s0, family), unreachable(s1, family)];
      await said(udpClient(vip, 5353, ["22", "22"], true));
      const end = Date.now() + 10_000 * PATIENCE;
      while (unreachable(s1, family) < (before[1] as number) + 2 && Date.now() < end)
        await new Promise((done) => setTimeout(done, 50));
      expect([unreachable(s0, family), unreachable(s1, family)]).toEqual([before[0], (before[1] as number) + 2]);
    } finally {
      expect(await balancing.end()).toBe(0);
    }
  });
});
