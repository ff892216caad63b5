// Packets of an interface of the test's own by a ring: filtered in the kernel, with direction, length and VLAN tags.
import { execFileSync, spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addQuietNetwork } from "../../test/support/quiet-network.ts";
import { encodeClassic } from "../isa/index.ts";
import { compileFilter } from "../lang/filter/index.ts";
import { packet } from "../packets/index.ts";
import { sockaddrLl } from "./layouts.ts";
import { liveKernel } from "./live-kernel.ts";
import { inNetworkNamespace } from "./net-namespace.ts";
import { openPacketRing, type PacketRing, PacketType } from "./packet-ring.ts";
import { Poller } from "./poller.ts";
import { interfaceIndex } from "./sockets.ts";
import { checked } from "./system-calls.ts";

const netns = `scry-${process.pid}-ring`;
const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });

beforeAll(() => {
  addQuietNetwork(netns);
  ip("-n", netns, "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  for (const name of ["lo", "v0", "v1"]) ip("-n", netns, "link", "set", name, "up");
  ip("-n", netns, "address", "add", "10.9.0.1/24", "dev", "v0");
  ip("-n", netns, "neighbour", "add", "10.9.0.9", "lladdr", "02:00:00:00:00:09", "dev", "v0");
});
afterAll(() => void spawnSync("ip", ["netns", "del", netns]));

const send = (text: string, to: string, port: number): void =>
  void execFileSync("ip", ["netns", "exec", netns, "bash", "-c", `echo -n ${text} > /dev/udp/${to}/${port}`]);

/** Sends a whole frame. */
function sendFrame(device: string, frame: Uint8Array): void {
  const kernel = liveKernel();
  const { calls } = kernel;
  inNetworkNamespace(`/run/netns/${netns}`, () => {
    const fd = checked(calls.socket(17, 3, 0), "socket");
    const address = kernel.struct(sockaddrLl, { sll_family: 17, sll_ifindex: interfaceIndex(device) });
    checked(calls.bind(fd, address.bytes), "bind");
    checked(calls.write(fd, frame), "write");
    calls.close(fd);
  });
}

const open = (device: string, filter: string): PacketRing =>
  openPacketRing({
    interface: device,
    netns: `/run/netns/${netns}`,
    filter: encodeClassic(compileFilter(filter).classic),
    bytes: 2 << 20,
    milliseconds: 10,
  });

interface Seen {
  readonly text: string;
  readonly length: number;
  readonly type: number;
  readonly vlan: number;
  readonly late: boolean;
}

/** Waits for so many packets, for two seconds at most. */
async function packets(ring: PacketRing, count: number): Promise<Seen[]> {
  const seen: Seen[] = [];
  await using poller = new Poller([ring.fd]);
  for (const until = Date.now() + 2000; seen.length < count && Date.now() < until; ) {
    await poller.wait(100);
    ring.read((at, kept, length, seconds, nanoseconds, type, vlan) => {
      const text = new TextDecoder().decode(ring.bytes.subarray(at + 42, at + kept));
      const late = Math.abs(seconds * 1000 + nanoseconds / 1e6 - Date.now()) > 10_000;
      seen.push({ text, length, type, vlan, late });
    });
  }
  return seen;
}

describe("a ring of packets", () => {
  it("has what its filter lets through, from either side", async () => {
    using out = open("v0", "udp dst port 5555");
    using into = open("v1", "udp dst port 5555");
    expect([out.hardware, into.hardware]).toEqual([1, 1]);
    send("other", "10.9.0.9", 5556);
    send("hello", "10.9.0.9", 5555);
    send("world", "10.9.0.9", 5555);
    const [sent, received] = [await packets(out, 2), await packets(into, 2)];
    const one = { length: 47, vlan: 0, late: false };
    expect(sent).toEqual(["hello", "world"].map((text) => ({ ...one, text, type: PacketType.OUTGOING })));
    // Its address is none of ours.
    expect(received).toEqual(["hello", "world"].map((text) => ({ ...one, text, type: PacketType.OTHER })));
    expect(out.counts()).toEqual({ received: 2, dropped: 0 });
    expect(into.counts()).toEqual({ received: 2, dropped: 0 });
  });

  it("has VLAN tags beside the packets", async () => {
    using into = open("v1", "udp dst port 5557");
    sendFrame("v0", packet().eth().vlan({ id: 7 }).ipv4().udp({ destination: 5557 }).payload("tagged").bytes());
    const [seen] = await packets(into, 1);
    expect([seen?.text, seen?.vlan]).toEqual(["tagged", 0x81000007]);
  });

  it("goes round, and counts what finds no room", async () => {
    using into = open("v1", "udp dst port 5558");
    const flood = `exec 3>/dev/udp/10.9.0.9/5558; for i in {1..3000}; do printf '%01400d' $i >&3; done`;
    execFileSync("ip", ["netns", "exec", netns, "bash", "-c", flood]);
    const { received, dropped } = into.counts();
    const read = (await packets(into, 3000)).length;
    expect(received).toBe(3000);
    expect(dropped).toBeGreaterThan(0);
    expect(read).toBe(received - dropped);
    send("again", "10.9.0.9", 5558);
    expect((await packets(into, 1)).map(({ text }) => text)).toEqual(["again"]);
  });

  it("says why it is none", () => {
    expect(() => open("none", "udp")).toThrow(/interface "none"/);
    expect(() => openPacketRing({ interface: "v0", netns: `/run/netns/${netns}`, bytes: 1 << 19 })).toThrow(
      /PACKET_RX_RING/,
    );
  });
});
