// A network of namespaces for tests of the balancer, which the test makes and removes: a client, a balancer and servers at one
// switch. Servers take packets out of the balancer's and answer clients themselves (direct server return).

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { inNetworkNamespace, kernelBtf, systemCalls } from "../../src/kernel/index.ts";
import { compileModule } from "../../src/lang/kernel-ts/index.ts";
import { ObjectFile } from "../../src/loader/index.ts";
import { formatDiagnostic } from "../../src/source/index.ts";

const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });

// linux/ethtool.h, linux/sockios.h
const SIOCETHTOOL = 0x8946;
const ETHTOOL_STXCSUM = 0x17;
/** Of all flags at once: that the card puts tags of VLANs into packets is one of them. */
const ETHTOOL_SFLAGS = 0x26;

/** What ethtool(8) does with `-K`: checksums are written by who sends, since the balancer's packets have no room to say otherwise. */
function setFeature(netns: string, device: string, feature: number, on: boolean): void {
  inNetworkNamespace(`/run/netns/${netns}`, () => {
    const calls = systemCalls();
    const value = new Uint8Array(Uint32Array.of(feature, on ? 1 : 0).buffer);
    const request = new Uint8Array(40);
    request.set(new TextEncoder().encode(device), 0);
    new DataView(request.buffer).setBigUint64(16, BigInt(calls.addressOf(value)), true);
    const socket = calls.socket(2, 2, 0);
    const result = calls.ioctl(socket, SIOCETHTOOL, Number(calls.addressOf(request)));
    calls.close(socket);
    if (result < 0) throw new Error(`ioctl(SIOCETHTOOL) of ${device}: ${result}`);
  });
}

/** Takes the outer header away, of IPIP, IP6IP6 and GUE; a VLAN tag before it stays. */
const DECAPSULATE = `
import { be16, struct, u8, u16, u32, xdp, XDP, type XdpContext } from "scry/bpf";
const Ethernet = struct({ to: u32, to2: u16, from: u16, from2: u32, type: be16, behind: u16 });
const Ip4 = struct({ first: u8, service: u8, length: be16, id: u16, piece: be16, ttl: u8, protocol: u8, sum: u16, source: u32, destination: u32 });
const Ip6 = struct({ first: be16, flow: u16, length: be16, next: u8, hops: u8, s0: u32, s1: u32, s2: u32, s3: u32, d0: u32, d1: u32, d2: u32, d3: u32 });
const Udp = struct({ source: be16, destination: be16, length: be16, sum: u16 });
const First = struct({ first: u8 });
const Tag = struct({ tag: u32, type: be16 });
function stripped(packet: XdpContext, bytes: u32, four: boolean, tag: u32): number {
  const eth = packet.at(Ethernet);
  if (!eth) return XDP.DROP;
  const to: u32 = eth.to;
  const to2: u32 = eth.to2;
  const from: u32 = eth.from;
  const from2: u32 = eth.from2;
  if (!packet.adjustHead(bytes)) return XDP.DROP;
  const inner = packet.at(Ethernet);
  if (!inner) return XDP.DROP;
  inner.to = to;
  inner.to2 = u16(to2);
  inner.from = u16(from);
  inner.from2 = from2;
  if (tag === 0) {
    inner.type = be16(four ? 0x0800 : 0x86dd);
    return XDP.PASS;
  }
  const behind = packet.at(Tag, 12);
  if (!behind) return XDP.DROP;
  behind.tag = tag;
  behind.type = be16(four ? 0x0800 : 0x86dd);
  return XDP.PASS;
}
export const decapsulate = xdp((packet) => {
  const eth = packet.at(Ethernet);
  if (!eth) return XDP.PASS;
  let begin: u32 = 14;
  let type = u32(eth.type);
  let tag: u32 = 0;
  if (type === 0x8100) {
    const behind = packet.at(Tag, 12);
    if (!behind) return XDP.PASS;
    tag = behind.tag;
    type = u32(behind.type);
    begin = 18;
  }
  let at: u32 = 0;
  let protocol: u32 = 0;
  if (type === 0x0800) {
    const ip = packet.at(Ip4, begin);
    if (!ip) return XDP.PASS;
    at = begin + 20;
    protocol = u32(ip.protocol);
  } else if (type === 0x86dd) {
    const ip = packet.at(Ip6, begin);
    if (!ip) return XDP.PASS;
    at = begin + 40;
    protocol = u32(ip.next);
  } else return XDP.PASS;
  if (protocol === 17) {
    const udp = packet.at(Udp, at);
    if (!udp || udp.destination !== 6080) return XDP.PASS;
    at += 8;
    const first = packet.at(First, at);
    if (!first) return XDP.PASS;
    protocol = u32(u32(first.first) >> 4 === 4 ? 4 : 41);
  }
  if (protocol !== 4 && protocol !== 41) return XDP.PASS;
  return stripped(packet, at - begin, protocol === 4, tag);
});
export const pass = xdp(() => XDP.PASS);
`;

/** Tags on what a station sends, and off what it receives: kernels without VLANs (CONFIG_VLAN_8021Q) have those helpers too. */
const tagging = (ids: readonly number[]): string => `
import { helpers, tc, TC } from "scry/bpf";
// 802.1Q, as it lies.
const Q = 0x0081;
export const egress = tc((packet) => {
${ids
  .toReversed()
  .map((id) => `  helpers.bpf_skb_vlan_push(packet, Q, ${id});`)
  .join("\n")}
  return TC.OK;
});
export const ingress = tc((packet) => {
${ids.map(() => "  helpers.bpf_skb_vlan_pop(packet);").join("\n")}
  return TC.OK;
});
`;

function compiled(name: string, text: string): ObjectFile {
  const source = { name, text };
  const { object, diagnostics } = compileModule(source, { btf: () => kernelBtf(), cpu: 3 });
  if (object === undefined) throw new Error(diagnostics.map((one) => formatDiagnostic(one, source)).join("\n"));
  return new ObjectFile(object, { name: name.replace(/\..*/, "") });
}

export interface Station {
  /** Its namespace. */
  readonly netns: string;
  readonly address: string;
  readonly address6: string;
}

/** The address that clients know. */
export const VIP = "192.0.2.80";
export const VIP6 = "2001:db8:80::80";

export class BalancerNetwork {
  readonly client: Station;
  readonly balancer: Station;
  readonly servers: readonly Station[];
  readonly #switch: string;
  readonly #object: ObjectFile;
  readonly #children = new Set<ChildProcess>();

  private constructor(prefix: string, servers: number, object: ObjectFile) {
    this.#switch = `${prefix}-w`;
    this.#object = object;
    const station = (name: string, host: number): Station => ({
      netns: `${prefix}-${name}`,
      address: `10.77.0.${host}`,
      address6: `fd77::${host.toString(16)}`,
    });
    this.balancer = station("b", 1);
    this.client = station("c", 2);
    this.servers = Array.from({ length: servers }, (_, i) => station(`s${i}`, 10 + i));
  }

  /**
   * `direct`: servers answer clients themselves, and take packets out of others; else they answer through the balancer. `mtu`: of the
   * client's routes to services; 1500 is as long as its interface has it.
   */
  static async make(
    prefix: string,
    count: number,
    { direct = true, mtu = 1400 }: { direct?: boolean; mtu?: number } = {},
  ): Promise<BalancerNetwork> {
    const object = compiled("decapsulate.bpf.ts", DECAPSULATE);
    await object.load();
    const network = new BalancerNetwork(prefix, count, object);
    try {
      await network.#make(direct, mtu);
    } catch (error) {
      await network.close();
      throw error;
    }
    return network;
  }

  get #all(): readonly Station[] {
    return [this.balancer, this.client, ...this.servers];
  }

  async #make(direct: boolean, mtu: number): Promise<void> {
    ip("netns", "add", this.#switch);
    ip("-n", this.#switch, "link", "add", "br0", "type", "bridge", "stp_state", "0");
    ip("-n", this.#switch, "link", "set", "br0", "up");
    for (const [i, { netns, address, address6 }] of this.#all.entries()) {
      ip("netns", "add", netns);
      ip("-n", netns, "link", "add", "v0", "type", "veth", "peer", "name", `p${i}`, "netns", this.#switch);
      ip("-n", this.#switch, "link", "set", `p${i}`, "master", "br0");
      ip("-n", this.#switch, "link", "set", `p${i}`, "up");
      setFeature(netns, "v0", ETHTOOL_STXCSUM, false);
      ip("-n", netns, "address", "add", `${address}/24`, "dev", "v0");
      ip("-n", netns, "address", "add", `${address6}/64`, "dev", "v0", "nodad");
      for (const name of ["lo", "v0"]) ip("-n", netns, "link", "set", name, "up");
    }
    const sysctl = (netns: string, name: string, value: number): void =>
      void execFileSync("ip", ["netns", "exec", netns, "bash", "-c", `echo ${value} > /proc/sys/net/${name}`]);
    sysctl(this.balancer.netns, "ipv4/ip_forward", 1);
    sysctl(this.balancer.netns, "ipv6/conf/all/forwarding", 1);
    const narrow = mtu < 1500 ? ["mtu", `${mtu}`] : [];
    ip("-n", this.client.netns, "route", "add", `${VIP}/32`, "via", this.balancer.address, ...narrow);
    ip("-n", this.client.netns, "route", "add", `${VIP6}/128`, "via", this.balancer.address6, ...narrow);
    // What XDP sends back into a pair is received by an end that has a program of its own (drivers/net/veth.c, veth_xdp_flush).
    await this.#object.programs["pass"]?.attach({
      interface: "p0",
      mode: "native",
      netns: `/run/netns/${this.#switch}`,
    });
    for (const { netns } of direct ? this.servers : []) {
      sysctl(netns, "ipv4/conf/all/arp_ignore", 1);
      ip("-n", netns, "address", "add", `${VIP}/32`, "dev", "lo");
      ip("-n", netns, "address", "add", `${VIP6}/128`, "dev", "lo", "nodad");
      const program = this.#object.programs["decapsulate"];
      await program?.attach({ interface: "v0", mode: "native", netns: `/run/netns/${netns}` });
    }
  }

  /**
   * All stations speak with tags of VLANs from now on, inner ones last, which the balancer sees in its frames, as those of a card that
   * leaves them there. What is given ends that.
   */
  async tag(ids: readonly number[]): Promise<AsyncDisposable> {
    setFeature(this.#switch, "p0", ETHTOOL_SFLAGS, false);
    const object = compiled("tags.bpf.ts", tagging(ids));
    await object.load();
    for (const { netns } of this.#all)
      for (const direction of ["ingress", "egress"] as const)
        await object.programs[direction]?.attach({ interface: "v0", netns: `/run/netns/${netns}`, direction });
    return { [Symbol.asyncDispose]: () => object.close() };
  }

  /** A process in a station; killed when the network is closed. */
  start(station: Station, command: string, ...words: string[]): ChildProcess {
    const child = spawn("nsenter", [`--net=/run/netns/${station.netns}`, command, ...words], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#children.add(child);
    child.on("exit", () => this.#children.delete(child));
    return child;
  }

  /** A text of JavaScript in a station; comes back once it has said something. */
  async node(station: Station, text: string): Promise<ChildProcess> {
    const child = this.start(station, process.execPath, "-e", text);
    child.stderr?.on("data", (text) => process.stderr.write(text));
    await once(child.stdout as NodeJS.ReadableStream, "data");
    return child;
  }

  async close(): Promise<void> {
    const ended = [...this.#children].map(async (child) => {
      child.kill("SIGKILL");
      await once(child, "exit");
    });
    await Promise.all(ended);
    await this.#object.close();
    for (const { netns } of [...this.#all, { netns: this.#switch }]) spawnSync("ip", ["netns", "del", netns]);
  }
}
