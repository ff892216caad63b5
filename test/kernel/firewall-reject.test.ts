// What the firewall answers at tc, on the wire: connections and datagrams between two network namespaces of the test's own are
// refused, and whoever asked is told at once, by a packet whose checksums are right.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { rulesOf } from "../../src/net/firewall/index.ts";
import { applyFirewall } from "../../src/net/index.ts";
import { decodePacket, internetSum, packet } from "../../src/packets/index.ts";
import { addQuietNetwork } from "../support/quiet-network.ts";

const server = `scry-${process.pid}-refuse`;
const client = `scry-${process.pid}-refused`;
const at = { interface: "w0", netns: `/run/netns/${server}`, hook: "tc" } as const;
const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });

beforeAll(() => {
  addQuietNetwork(server);
  addQuietNetwork(client);
  ip("-n", server, "link", "add", "w0", "type", "veth", "peer", "name", "w1", "netns", client);
  for (const [namespace, device, own] of [
    [server, "w0", 1],
    [client, "w1", 2],
  ] as const) {
    ip("-n", namespace, "link", "set", device, "up");
    ip("-n", namespace, "link", "set", "lo", "up");
    ip("-n", namespace, "address", "add", `10.8.0.${own}/24`, "dev", device);
    ip("-n", namespace, "address", "add", `2001:db8:8::${own}/64`, "dev", device, "nodad");
  }
});
afterAll(() => {
  for (const namespace of [server, client]) spawnSync("ip", ["netns", "del", namespace]);
});

/** What a text of Python prints in a network namespace. */
const python = (namespace: string, text: string): string =>
  execFileSync("ip", ["netns", "exec", namespace, "/usr/bin/python3", "-c", text], { encoding: "utf8" });

/** linux/if_packet.h: what is beside a packet is told in struct tpacket_auxdata. */
const [SOL_PACKET, PACKET_AUXDATA, CHECKSUM_NOT_READY] = [263, 8, 8];

interface Frame {
  readonly bytes: Uint8Array;
  /** A network card is to fill in a checksum. */
  readonly unfinished: boolean;
}

/** What an attempt ends with, and the frames that come in meanwhile. */
function tried(text: string): { readonly told: string; readonly frames: readonly Frame[] } {
  const lines = python(
    client,
    `import socket,struct
wire=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3)); wire.bind(("w1",0)); wire.settimeout(0.2)
wire.setsockopt(${SOL_PACKET},${PACKET_AUXDATA},1)
try:
  ${text}
except OSError as error: print(error.strerror or error)
try:
  while True:
    frame,more,_,where=wire.recvmsg(65535,256)
    if where[2]!=socket.PACKET_OUTGOING: print(frame.hex(),struct.unpack("I",more[0][2][:4])[0] & ${CHECKSUM_NOT_READY})
except OSError: pass`,
  )
    .trim()
    .split("\n");
  const frames = lines.slice(1).map((line) => {
    const [hex = "", status] = line.split(" ");
    return { bytes: Uint8Array.from(Buffer.from(hex, "hex")), unfinished: status !== "0" };
  });
  return { told: lines[0] ?? "", frames };
}

/** The sums of a packet of these headers; those that are right are 0xffff. */
function sums(frame: Uint8Array): number[] {
  const { headers } = decodePacket(frame);
  const network = headers.findIndex(({ protocol }) => protocol === "ipv4" || protocol === "ipv6");
  const [outer, inner] = [headers[network], headers[network + 1]];
  if (outer === undefined || inner === undefined) throw new Error("these are no headers of IP");
  const six = outer.protocol === "ipv6";
  const addresses = frame.subarray(outer.at + (six ? 8 : 12), outer.at + (six ? 40 : 20));
  const message = frame.subarray(inner.at);
  const number = { tcp: 6, icmp6: 58 }[inner.protocol as string];
  const first = number === undefined ? 0 : internetSum(addresses, number + message.length);
  return [...(six ? [] : [internetSum(frame.subarray(outer.at, inner.at), 0)]), internetSum(message, first)];
}
const answersOf = (frames: readonly Frame[]): Frame[] =>
  frames.filter(({ bytes }) => {
    const { headers } = decodePacket(bytes);
    return headers.some(
      ({ protocol, fields }) =>
        protocol === "icmp" || fields["rst"] === true || (protocol === "icmp6" && fields["type"] === 1),
    );
  });

const reject = rulesOf({
  rules: [
    { action: "reject", protocol: "tcp", "destination-port": 81 },
    { action: "reject", protocol: "udp", "destination-port": 53 },
  ],
});
const connect = (host: string): string => `socket.create_connection(("${host}",81),timeout=5); print("connected")`;
const ask = (host: string): string =>
  `s=socket.socket(socket.${host.includes(":") ? "AF_INET6" : "AF_INET"},socket.SOCK_DGRAM); s.settimeout(5); s.connect(("${host}",53)); s.send(b"x"*40); print(s.recv(9))`;

it.each([
  ["TCP over IPv4", connect("10.8.0.1"), "Connection refused"],
  ["TCP over IPv6", connect("2001:db8:8::1"), "Connection refused"],
  ["UDP over IPv4", ask("10.8.0.1"), "No route to host"],
  ["UDP over IPv6", ask("2001:db8:8::1"), "Permission denied"],
] as const)("tells who is refused at tc: %s", async (_, attempt, message) => {
  await using firewall = applyFirewall(at, reject);
  const { told, frames } = tried(attempt);
  expect(told).toBe(message);
  const answers = answersOf(frames);
  expect(answers.length).toBe(1);
  for (const { bytes, unfinished } of answers) {
    expect(unfinished).toBe(false);
    for (const sum of sums(bytes)) expect(sum).toBe(0xffff);
  }
  expect(firewall.counts().reduce((sum, { rule, packets }) => (rule < 2 ? sum + Number(packets) : sum), 0)).toBe(1);
});

it("resets a connection that is there at tc, whose packets are many in one", async () => {
  const listener = spawn("ip", [
    ...["netns", "exec", server, "/usr/bin/python3", "-c"],
    `import socket,sys
s=socket.create_server(("10.8.0.1",81)); print("ready",flush=True); c,_=s.accept(); sys.stdin.read()`,
  ]);
  try {
    await new Promise((done) => listener.stdout.once("data", done));
    const sender = spawn("ip", [
      ...["netns", "exec", client, "/usr/bin/python3", "-c"],
      `import socket,sys
s=socket.create_connection(("10.8.0.1",81),timeout=5); print("connected",flush=True); sys.stdin.readline()
try:
  for _ in range(50): s.sendall(bytes(60000))
  print("sent")
except OSError as error: print(error.strerror or error)`,
    ]);
    let said = "";
    const ended = new Promise((done) => sender.on("close", done));
    await new Promise<void>((done) => {
      sender.stdout.on("data", (text) => {
        said += text;
        if (said.includes("connected")) done();
      });
    });
    await using firewall = applyFirewall(at, reject);
    sender.stdin.end("\n");
    await ended;
    expect(said).toBe("connected\nConnection reset by peer\n");
    const [first] = firewall.counts();
    // More bytes than one frame has: the packet was not taken apart before.
    expect(Number(first?.bytes) / Number(first?.packets)).toBeGreaterThan(1514);
  } finally {
    listener.stdin.end();
  }
});

it("does not let in what belongs to a connection that was refused", async () => {
  const stateful = rulesOf({
    default: "deny",
    rules: [
      { name: "known", action: "allow", state: "established" },
      { name: "arp", action: "allow", "ether-type": "arp" },
      { name: "no", action: "reject", protocol: "tcp" },
    ],
  });
  await using firewall = applyFirewall(at, stateful);
  const { told } = tried(`
  for _ in range(3):
    s=socket.socket(); s.bind(("10.8.0.2",4321)); s.settimeout(5)
    try: s.connect(("10.8.0.1",81)); print("connected")
    except OSError as error: told=error.strerror
    s.close()
  print(told)`);
  expect(told).toBe("Connection refused");
  const [known, , no] = firewall.counts();
  expect([known?.packets, no?.packets]).toEqual([0n, 3n]);
});

it("answers by the VLAN that a packet came by, whose tag is beside the packet at tc", async () => {
  await using firewall = applyFirewall(at, reject);
  const syn = packet()
    .eth({ source: "02:00:00:00:00:07", destination: "02:00:00:00:00:08" })
    .vlan({ id: 7 })
    .ipv4({ source: "10.7.0.2", destination: "10.7.0.1" })
    .tcp({ source: 4321, destination: 81, syn: true })
    .bytes();
  const [vlan, answer] = python(
    client,
    `import socket,struct
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3)); s.bind(("w1",0)); s.settimeout(5)
s.setsockopt(${SOL_PACKET},${PACKET_AUXDATA},1); s.send(bytes.fromhex("${Buffer.from(syn).toString("hex")}"))
while True:
  frame,more,_,where=s.recvmsg(65535,256)
  if where[2]!=socket.PACKET_OUTGOING: break
print(struct.unpack("IIIHHHH",more[0][2])[5]&0xfff,frame.hex())`,
  )
    .trim()
    .split(" ");
  expect(vlan).toBe("7");
  const bytes = Uint8Array.from(Buffer.from(answer ?? "", "hex"));
  expect(decodePacket(bytes).headers[2]?.fields).toMatchObject({ source: 81, destination: 4321, rst: true, ack: true });
  for (const sum of sums(bytes)) expect(sum).toBe(0xffff);
  expect(Number(firewall.counts()[0]?.packets)).toBe(1);
});
