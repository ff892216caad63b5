// The guard against floods of SYNs on the live kernel: a server in a network namespace of the test's own, clients and floods in another.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RulesData, rulesOf } from "../../src/net/firewall/index.ts";
import { applyFirewall, type LiveFirewall } from "../../src/net/index.ts";
import { addQuietNetwork } from "../support/quiet-network.ts";

const server = `scry-${process.pid}-guarded`;
const client = `scry-${process.pid}-guests`;
const [serverPath, clientPath] = [server, client].map((name) => `/run/netns/${name}`) as [string, string];
const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
const inside = (namespace: string, ...words: string[]): string =>
  execFileSync("ip", ["netns", "exec", namespace, ...words], { encoding: "utf8" });
/** What a text of Python prints in a network namespace. */
const python = (namespace: string, text: string): string => inside(namespace, "/usr/bin/python3", "-c", text).trim();
/** 2: each SYN is answered by a cookie; 1: once a socket's queue is full (Documentation/networking/ip-sysctl.rst). */
const cookies = (value: 0 | 1 | 2): void =>
  void inside(server, "sh", "-c", `echo ${value} > /proc/sys/net/ipv4/tcp_syncookies`);

const MAC = { server: "02:00:00:00:00:01", client: "02:00:00:00:00:02" } as const;
const ADDRESSES = { ipv4: { server: "10.7.0.1", client: "10.7.0.2" }, ipv6: { server: "fd07::1", client: "fd07::2" } };
const FAMILIES = ["ipv4", "ipv6"] as const;
type Family = (typeof FAMILIES)[number];
const PORT = 80;
const BACKLOG = 64;

/** A server of all addresses of a namespace, whose answer is what comes in, in capitals. */
async function serve(namespace: string): Promise<ChildProcess> {
  const child = spawn("ip", [
    "netns",
    "exec",
    namespace,
    "/usr/bin/python3",
    "-c",
    `import socket,threading,sys
s=socket.create_server(("::",${PORT}),family=socket.AF_INET6,dualstack_ipv6=True,backlog=${BACKLOG})
def serve(c):
  while data:=c.recv(65536): c.sendall(data.upper())
  c.close()
def take():
  while True: threading.Thread(target=serve,args=(s.accept()[0],),daemon=True).start()
threading.Thread(target=take,daemon=True).start()
print("ready",flush=True); sys.stdin.read()`,
  ]);
  await new Promise((done) => child.stdout.once("data", done));
  return child;
}
async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((done) => child.once("close", done));
  child.stdin?.end();
  await ended;
}

let echo: ChildProcess;
beforeAll(async () => {
  addQuietNetwork(server);
  addQuietNetwork(client);
  ip("-n", server, "link", "add", "g0", "type", "veth", "peer", "name", "g1", "netns", client);
  for (const [name, link, who] of [
    [server, "g0", "server"],
    [client, "g1", "client"],
  ] as const) {
    ip("-n", name, "link", "set", link, "address", MAC[who]);
    ip("-n", name, "address", "add", `${ADDRESSES.ipv4[who]}/16`, "dev", link);
    ip("-n", name, "address", "add", `${ADDRESSES.ipv6[who]}/64`, "dev", link, "nodad");
    ip("-n", name, "link", "set", link, "up");
    ip("-n", name, "link", "set", "lo", "up");
  }
  echo = await serve(server);
});
afterAll(async () => {
  await end(echo);
  for (const name of [server, client]) spawnSync("ip", ["netns", "del", name]);
});

/** Counters of TcpExt and the rest by their names. */
function counters(namespace = server): ReadonlyMap<string, number> {
  const lines = inside(namespace, "cat", "/proc/net/netstat").trim().split("\n");
  const all = new Map<string, number>();
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [names, values] = [lines[i] as string, lines[i + 1] as string].map((line) => line.split(" "));
    for (const [at, name] of (names ?? []).entries()) all.set(name, Number(values?.[at]));
  }
  return all;
}
/** How much a counter of the server has gone up. */
function rise(name: string, run: () => void): number {
  const before = counters().get(name) ?? Number.NaN;
  run();
  return (counters().get(name) ?? Number.NaN) - before;
}
/** Connections of the server that are half open: state 03 of /proc/net/tcp (TCP_SYN_RECV). */
const halfOpen = (): number =>
  inside(server, "cat", "/proc/net/tcp", "/proc/net/tcp6")
    .split("\n")
    .filter((line) => line.trim().split(/\s+/)[3] === "03").length;

/** Connects, sends so many bytes and has them back; what came, or the error. */
const talkTo = (address: string, bytes: number, port: number, from: string): string =>
  python(
    from,
    `import socket
try:
  s=socket.create_connection(("${address}",${port}),timeout=5)
  s.sendall(b"a"*${bytes}); s.shutdown(socket.SHUT_WR)
  got=b""
  while data:=s.recv(65536): got+=data
  print(got==b"A"*${bytes}, len(got))
except OSError as error: print(error.strerror or error)`,
  );
const talk = (family: Family, bytes = 20_000, port = PORT): string =>
  talkTo(ADDRESSES[family].server, bytes, port, client);

/** Sends segments of sources that are not there, all different: `flags` of TCP, so many of them, with an option or none. */
const flood = (family: Family, flags: number, times: number, options = "020405b4"): void =>
  void python(
    client,
    `import socket,struct
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW); s.bind(("g1",0))
macs=bytes.fromhex("${`${MAC.server}${MAC.client}`.replaceAll(":", "")}")
def sum(data):
  n=0
  for (word,) in struct.iter_unpack("!H",data): n+=word
  while n>>16: n=(n>>16)+(n&0xffff)
  return ~n&0xffff
options=bytes.fromhex("${options}")
size=20+len(options)
for i in range(${times}):
  tcp=struct.pack("!HHIIBBHHH",1024+i%50000,${PORT},i*7919&0xffffffff,i*104729&0xffffffff,size//4<<4,${flags},65000,0,0)+options
  if ${family === "ipv4" ? "True" : "False"}:
    source=bytes((10,7,1+i//250%250,1+i%250)); to=socket.inet_pton(socket.AF_INET,"${ADDRESSES.ipv4.server}")
    ip=struct.pack("!BBHHHBBH",0x45,0,20+size,0,0x4000,64,6,0)+source+to
    ip=ip[:10]+struct.pack("!H",sum(ip))+ip[12:]
    kind=b"\\x08\\x00"; pseudo=source+to+struct.pack("!HH",6,size)
  else:
    source=socket.inet_pton(socket.AF_INET6,"fd07::1:%x"%(i+1)); to=socket.inet_pton(socket.AF_INET6,"${ADDRESSES.ipv6.server}")
    ip=struct.pack("!IHBB",0x60000000,size,6,64)+source+to
    kind=b"\\x86\\xdd"; pseudo=source+to+struct.pack("!II",size,6)
  tcp=tcp[:16]+struct.pack("!H",sum(pseudo+tcp))+tcp[18:]
  s.send(macs+kind+ip+tcp)`,
  );
const [SYN, ACK] = [2, 16];

const rules = {
  rules: [{ name: "web", action: "guard", protocol: "tcp", "destination-port": [PORT, PORT + 1] }],
} as const;
/** A guard at the server's end. What XDP sends back leaves a veth only where the peer has a program too (drivers/net/veth.c). */
async function guarded(run: (firewall: LiveFirewall) => void): Promise<void> {
  await using _peer = applyFirewall({ interface: "g1", netns: clientPath, hook: "xdp" }, rulesOf({ rules: [] }));
  await using firewall = applyFirewall({ interface: "g0", netns: serverPath, hook: "xdp" }, rulesOf(rules));
  run(firewall);
}

describe.each(FAMILIES)("a guarded server (%s)", (family) => {
  it("is reached by who comes back with the cookie, and data goes both ways", async () => {
    cookies(2);
    await guarded((firewall) => {
      expect(rise("SyncookiesRecv", () => expect(talk(family)).toBe("True 20000"))).toBe(1);
      // The kernel has sent no cookie itself.
      expect(rise("SyncookiesSent", () => expect(talk(family, 1)).toBe("True 1"))).toBe(0);
      expect(firewall.guarded()).toEqual({ answered: 2, accepted: 2, dropped: 0 });
      expect(Number(firewall.counts()[0]?.packets)).toBeGreaterThan(4);
    });
  });

  it("keeps nothing of a flood, and is reached meanwhile", async () => {
    cookies(2);
    await guarded((firewall) => {
      expect(rise("SyncookiesSent", () => flood(family, SYN, 20_000))).toBe(0);
      expect(halfOpen()).toBe(0);
      expect(talk(family)).toBe("True 20000");
      expect(firewall.guarded()).toEqual({ answered: 20_001, accepted: 1, dropped: 0 });
    });
  });

  it("answers SYNs without options and with many", async () => {
    cookies(2);
    await guarded((firewall) => {
      flood(family, SYN, 10, "");
      flood(family, SYN, 10, `020405b40402080a${"00".repeat(8)}01030307${"01".repeat(20)}`);
      expect(firewall.guarded()).toEqual({ answered: 20, accepted: 0, dropped: 0 });
      expect(halfOpen()).toBe(0);
    });
  });

  it("drops acknowledgments that nobody has asked for", async () => {
    cookies(2);
    await guarded((firewall) => {
      talk(family);
      const before = firewall.guarded();
      expect(rise("SyncookiesFailed", () => flood(family, ACK, 100))).toBe(0);
      expect(firewall.guarded()).toEqual({ ...before, dropped: 100 });
      expect(talk(family)).toBe("True 20000");
    });
  });

  it("leaves to the kernel what it does not guard: cookies that are off, ports where nobody listens", async () => {
    cookies(0);
    await guarded((firewall) => {
      expect(talk(family)).toBe("True 20000");
      expect(talk(family, 1, PORT + 1)).toBe("Connection refused");
      expect(firewall.guarded()).toEqual({ answered: 0, accepted: 0, dropped: 0 });
    });
  });
});

it("a guarded server answers by cookies once its queue is full, where the system says so", async () => {
  cookies(1);
  await guarded((firewall) => {
    expect(talk("ipv4")).toBe("True 20000");
    expect(firewall.guarded()).toEqual({ answered: 0, accepted: 0, dropped: 0 });
    flood("ipv4", SYN, 2000);
    // The kernel's until then: as many as wait at a socket, and those of a moment more.
    const waiting = halfOpen();
    expect(waiting).toBeGreaterThanOrEqual(BACKLOG);
    expect(waiting).toBeLessThan(BACKLOG * 2);
    expect(firewall.guarded()?.answered).toBe(2000 - waiting);
    expect(rise("SyncookiesRecv", () => expect(talk("ipv4")).toBe("True 20000"))).toBe(1);
  });
});

// A router between the client and a server in a namespace of its own: the guard stands at the router, the sockets are behind it.
describe("a server in another namespace", () => {
  const router = `scry-${process.pid}-router`;
  const behind = `scry-${process.pid}-behind`;
  const outside = `scry-${process.pid}-outside`;
  const [CLIENT, WAY, SERVER] = ["10.8.0.2", "10.8.0.1", "10.9.0.2"] as const;
  let served: ChildProcess;
  beforeAll(async () => {
    for (const name of [router, behind, outside]) addQuietNetwork(name);
    ip("-n", router, "link", "add", "r0", "type", "veth", "peer", "name", "c0", "netns", outside);
    ip("-n", router, "link", "add", "r1", "type", "veth", "peer", "name", "s0", "netns", behind);
    for (const [name, link, address] of [
      [outside, "c0", CLIENT],
      [router, "r0", WAY],
      [router, "r1", "10.9.0.1"],
      [behind, "s0", SERVER],
    ] as const) {
      ip("-n", name, "address", "add", `${address}/24`, "dev", link);
      ip("-n", name, "link", "set", link, "up");
      ip("-n", name, "link", "set", "lo", "up");
    }
    inside(router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward");
    inside(behind, "sh", "-c", "echo 2 > /proc/sys/net/ipv4/tcp_syncookies");
    inside(router, "sh", "-c", "echo 0 > /proc/sys/net/ipv4/tcp_syncookies");
    ip("-n", outside, "route", "add", "default", "via", WAY);
    ip("-n", behind, "route", "add", "default", "via", "10.9.0.1");
    served = await serve(behind);
  });
  afterAll(async () => {
    await end(served);
    for (const name of [router, behind, outside]) spawnSync("ip", ["netns", "del", name]);
  });
  const asked = (bytes: number): string => talkTo(SERVER, bytes, PORT, outside);
  const guardedBy = (namespace: string): RulesData => ({
    rules: [
      { name: "web", action: "guard", namespace, protocol: "tcp", destination: SERVER, "destination-port": PORT },
    ],
  });

  it("is guarded at the router, with its own cookies", async () => {
    await using _peer = applyFirewall({ interface: "c0", netns: outside, hook: "xdp" }, rulesOf({ rules: [] }));
    await using firewall = applyFirewall({ interface: "r0", netns: router, hook: "xdp" }, rulesOf(guardedBy(behind)));
    const received = (): number => counters(behind).get("SyncookiesRecv") ?? Number.NaN;
    const before = received();
    expect(asked(20_000)).toBe("True 20000");
    expect(received() - before).toBe(1);
    expect(firewall.guarded()).toEqual({ answered: 1, accepted: 1, dropped: 0 });
  });

  it("is not known to a rule of the router's own sockets", async () => {
    await using _peer = applyFirewall({ interface: "c0", netns: outside, hook: "xdp" }, rulesOf({ rules: [] }));
    await using firewall = applyFirewall({ interface: "r0", netns: router, hook: "xdp" }, rulesOf(guardedBy(router)));
    expect(asked(100)).toBe("True 100");
    expect(firewall.guarded()).toEqual({ answered: 0, accepted: 0, dropped: 0 });
  });

  it("must be there", () => {
    const nowhere = rulesOf(guardedBy("scry-nowhere"));
    expect(() => applyFirewall({ interface: "r0", netns: router, hook: "xdp" }, nowhere)).toThrow(
      /network namespace \/run\/netns\/scry-nowhere.*ENOENT/,
    );
  });
});
