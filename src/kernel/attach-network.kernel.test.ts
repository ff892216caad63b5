// Programs where packets and sockets pass, each seen at work: in network namespaces and a cgroup of the test's own.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { counters, objectOf } from "../../test/data/small-programs.ts";
import { noteSources } from "../../test/support/lab-results.ts";
import { addQuietNetwork } from "../../test/support/quiet-network.ts";
import type { CgroupAttachType } from "../object/attach-types.ts";
import { type AttachTarget, assembleCode, type MapSpec } from "../object/index.ts";
import type { ProgramType } from "../object/program-types.ts";
import { attach, detachAll } from "./attach.ts";
import type { Attachment } from "./attachment.ts";
import { SystemCallError } from "./errors.ts";
import { systemCalls } from "./live-kernel.ts";
import { type LoadedObject, type LoadedProgram, loadObject } from "./load.ts";
import { inNetworkNamespace } from "./net-namespace.ts";
import { type NetworkProgram, networkPrograms } from "./network-programs.ts";
import { programInfo } from "./program-info.ts";
import { interfaceIndex, interfaceMtu, openPacketSocket } from "./sockets.ts";

const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });

/** Two namespaces, joined by a pair of interfaces: v0 (10.9.0.1) in a, v1 (10.9.0.2) in b. */
const a = `scry-${process.pid}-a`;
const b = `scry-${process.pid}-b`;
const netns = (name: string): string => `/run/netns/${name}`;
const cgroups = mkdtempSync(join(tmpdir(), "scry-cgroup-"));
const group = join(cgroups, `scry-${process.pid}`);

beforeAll(() => {
  for (const name of [a, b]) addQuietNetwork(name);
  ip("-n", a, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", b);
  ip("-n", a, "address", "add", "10.9.0.1/24", "dev", "v0");
  ip("-n", b, "address", "add", "10.9.0.2/24", "dev", "v1");
  ip("-n", a, "link", "set", "v0", "up");
  ip("-n", b, "link", "set", "v1", "up");
  ip("-n", b, "link", "set", "lo", "up");
  execFileSync("mount", ["-t", "cgroup2", "none", cgroups]);
  mkdirSync(group);
});
afterAll(() => {
  for (const name of [a, b]) spawnSync("ip", ["netns", "del", name]);
  rmdirSync(group);
  spawnSync("umount", [cgroups]);
  rmSync(cgroups, { recursive: true, force: true });
});

/** Runs a shell command in a namespace, in the test's cgroup where wanted. Gives its output. */
function inside(name: string, command: string, grouped = false): { status: number | null; output: string } {
  const enter = grouped ? `echo $$ > ${group}/cgroup.procs; ` : "";
  const { status, stdout, stderr } = spawnSync("ip", ["netns", "exec", name, "bash", "-c", enter + command], {
    encoding: "utf8",
    timeout: 10_000,
  });
  return { status, output: stdout + stderr };
}
const sendUdp = (text: string, port = 5555): void => void inside(a, `echo -n ${text} > /dev/udp/10.9.0.2/${port}`);

/** tcx came with Linux 6.6. */
const hasTcx = ((): boolean => {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 6);
})();

const data: MapSpec = { ...counters, name: "data" };
const words = (object: LoadedObject): bigint[] => [...new BigUint64Array(object.maps.get("data")!.mapped(), 0, 8)];

/** r1 = the packet's bytes, r2 = their end; counts UDP packets for port 5555 in word 0 and keeps 4 bytes of the last in 1. */
const countUdp = (verdict: number): string => `
  r0 = ${verdict}
  r4 = r1
  r4 += 46
  if r4 > r2 goto pass
  r5 = *(u16 *)(r1 + 12)
  if r5 != 0x0008 goto pass
  r5 = *(u8 *)(r1 + 23)
  if r5 != 17 goto pass
  r5 = *(u16 *)(r1 + 36)
  if r5 != 0xb315 goto pass
  r5 = *(u32 *)(r1 + 42)
  r7 = map_value[data] ll
  *(u64 *)(r7 + 8) = r5
  r5 = *(u64 *)(r7 + 0)
  r5 += 1
  *(u64 *)(r7 + 0) = r5
  exit`;

const XDP_DROP = 1;
const XDP_PASS = 2;
const xdpProgram = (verdict: number): string => `
  r2 = *(u32 *)(r1 + 4)
  r1 = *(u32 *)(r1 + 0)
  ${countUdp(verdict)}
pass:
  r0 = ${XDP_PASS}
  exit`;

const TC_OK = 0;
const TC_SHOT = 2;
const tcProgram = (verdict: number): string => `
  r2 = *(u32 *)(r1 + 80)
  r1 = *(u32 *)(r1 + 76)
  ${countUdp(verdict)}
pass:
  r0 = ${TC_OK}
  exit`;

/** Counts runs in word 0 and answers. */
const counting = (answer: string): string => `
  r7 = map_value[data] ll
  r5 = *(u64 *)(r7 + 0)
  r5 += 1
  *(u64 *)(r7 + 0) = r5
  ${answer}
  exit`;

const four = (text: string): bigint => BigInt(Buffer.from(text).readUInt32LE());

async function attached<T>(
  type: ProgramType,
  text: string,
  target: AttachTarget,
  work: (object: LoadedObject) => T | Promise<T>,
): Promise<T> {
  using object = loadObject(objectOf(type, assembleCode(text), [data], { attach: [target] }));
  const attachments: Attachment[] = [attach(object.programs.get("probe")!, target)];
  try {
    return await work(object);
  } finally {
    await detachAll(attachments);
  }
}

/** Is a UDP packet that is sent to b received there? */
function arrives(): boolean {
  using socket = openPacketSocket({ interface: "v1", netns: netns(b) });
  sendUdp("ping");
  for (let packet = socket.read(); packet !== undefined; packet = socket.read())
    if (Buffer.from(packet).includes("ping")) return true;
  return false;
}

describe("XDP", () => {
  for (const mode of ["native", "generic", "any"] as const) {
    it(`${mode}: sees packets with what is in them`, async () => {
      const target = { kind: "xdp", interface: "v1", mode, netns: netns(b) } as const;
      await attached("xdp", xdpProgram(XDP_PASS), target, (object) => {
        sendUdp("abcd");
        sendUdp("wxyz");
        sendUdp("none", 5556);
        expect(words(object).slice(0, 2)).toEqual([2n, four("wxyz")]);
      });
      if (mode !== "any") noteSources({ [`XDP, ${mode}`]: { works: true } });
    });
  }

  it("drops, and when it is gone packets pass again", async () => {
    const target = { kind: "xdp", interface: "v1", mode: "generic", netns: netns(b) } as const;
    expect(arrives()).toBe(true);
    await attached("xdp", xdpProgram(XDP_DROP), target, () => expect(arrives()).toBe(false));
    expect(arrives()).toBe(true);
  });

  it("says what is wrong", async () => {
    using object = loadObject(objectOf("xdp", assembleCode("r0 = 2\nexit"), []));
    const program = object.programs.get("probe")!;
    expect(() => attach(program, { kind: "xdp", interface: "nothing0", mode: "any" })).toThrow(
      /"nothing0".*SIOCGIFINDEX/,
    );
    expect(() => attach(program, { kind: "xdp", interface: "v1", mode: "any", netns: "/run/netns/nowhere" })).toThrow(
      /network namespace \/run\/netns\/nowhere.*ENOENT/,
    );
    const target = { kind: "xdp", interface: "v1", mode: "generic", netns: netns(b) } as const;
    const first = attach(program, target);
    const { id } = programInfo(program.fd);
    expect(() => attach(program, target)).toThrow(
      new RegExp(
        `^xdp:v1: program ${id} "probe" stands there already \\(generic; held by .* \\(${process.pid}\\); it goes with its link\\)$`,
      ),
    );
    await detachAll([first]);
  });
});

describe("what stands at interfaces", () => {
  it("is listed in the order in which packets meet it", async () => {
    using pass = loadObject(objectOf("xdp", assembleCode("r0 = 2\nexit"), []));
    using one = loadObject(objectOf("sched_cls", assembleCode("r0 = -1\nexit"), []));
    using two = loadObject(objectOf("sched_cls", assembleCode("r0 = -1\nexit"), []));
    const [xdp, first, second] = [pass, one, two].map((object) => object.programs.get("probe")!) as [
      LoadedProgram,
      LoadedProgram,
      LoadedProgram,
    ];
    const idOf = ({ fd }: LoadedProgram): number => programInfo(fd).id;
    const there = (): readonly NetworkProgram[] => networkPrograms(netns(b));
    expect(there()).toEqual([]);
    const at = { kind: "tc", interface: "v1", direction: "ingress", netns: netns(b) } as const;
    const all = [
      attach(xdp, { kind: "xdp", interface: "v1", mode: "native", netns: netns(b) }),
      attach(second, { ...at, by: "clsact" }),
      ...(hasTcx ? [attach(first, { ...at, by: "tcx" }), attach(second, { ...at, by: "tcx" })] : []),
      attach(first, { ...at, by: "clsact", direction: "egress" }),
    ];
    const seen = there().map(({ where, by, order, id, link, priority }) => [
      where,
      by,
      order,
      id,
      link !== undefined,
      (priority ?? 0) > 0,
    ]);
    const links = hasTcx
      ? [
          ["ingress", "tcx", 1, idOf(first), true, false],
          ["ingress", "tcx", 2, idOf(second), true, false],
        ]
      : [];
    expect(seen).toEqual([
      ["xdp", "native", 1, idOf(xdp), false, false],
      ...links,
      ["ingress", "clsact", links.length + 1, idOf(second), false, true],
      ["egress", "clsact", 1, idOf(first), false, true],
    ]);
    expect(there().every((program) => program.interface === "v1")).toBe(true);
    await detachAll(all);
    expect(there()).toEqual([]);
  });
});

describe("traffic control", () => {
  it.skipIf(hasTcx)("tcx: this kernel says that it has none", async () => {
    const target = { kind: "tc", interface: "v1", direction: "ingress", by: "tcx", netns: netns(b) } as const;
    await expect(attached("sched_cls", tcProgram(TC_OK), target, () => {})).rejects.toThrow(/no tcx links.*"clsact"/);
    noteSources({ "tc by tcx": { works: false, missing: "tcx (Linux 6.6)" } });
  });

  for (const by of hasTcx ? (["tcx", "clsact"] as const) : (["clsact"] as const)) {
    it(`${by}, ingress: sees packets, and drops them`, async () => {
      const target = { kind: "tc", interface: "v1", direction: "ingress", by, netns: netns(b) } as const;
      await attached("sched_cls", tcProgram(TC_SHOT), target, (object) => {
        sendUdp("abcd");
        expect(words(object).slice(0, 2)).toEqual([1n, four("abcd")]);
      });
      using other = loadObject(objectOf("sched_cls", assembleCode(tcProgram(TC_OK)), [data]));
      sendUdp("abcd");
      expect(words(other)[0]).toBe(0n);
    });

    it(`${by}, egress: sees what is sent`, async () => {
      const target = { kind: "tc", interface: "v0", direction: "egress", by, netns: netns(a) } as const;
      await attached("sched_cls", tcProgram(TC_OK), target, (object) => {
        sendUdp("sent");
        expect(words(object).slice(0, 2)).toEqual([1n, four("sent")]);
      });
      noteSources({ [`tc by ${by}`]: { works: true } });
    });
  }

  it("leaves no filter behind", async () => {
    const filters = (): string =>
      execFileSync("tc", ["-n", a, "filter", "show", "dev", "v0", "egress"], { encoding: "utf8" });
    const target = { kind: "tc", interface: "v0", direction: "egress", by: "clsact", netns: netns(a) } as const;
    await attached("sched_cls", tcProgram(TC_OK), target, () => expect(filters()).toContain("probe"));
    expect(filters()).toBe("");
  });
});

describe("cgroup", () => {
  const cases: readonly {
    readonly type: ProgramType;
    readonly attachType: CgroupAttachType;
    readonly text: string;
    readonly command: string;
    readonly seen: (words: readonly bigint[], output: string) => void;
  }[] = [
    {
      type: "cgroup_skb",
      attachType: "inet_egress",
      text: counting("r5 = *(u32 *)(r1 + 0)\n*(u64 *)(r7 + 8) = r5\nr0 = 1"),
      command: "echo -n 12345 > /dev/udp/10.9.0.2/7777",
      // IP header, UDP header, text.
      seen: ([count, length]) => expect([count, length]).toEqual([1n, 33n]),
    },
    {
      type: "cgroup_skb",
      attachType: "inet_egress",
      text: counting("r0 = 0"),
      command: "echo -n 12345 > /dev/udp/10.9.0.2/7777; echo status $?",
      seen: ([count], output) => {
        expect(count).toBe(1n);
        expect(output).toContain("not permitted");
      },
    },
    {
      type: "cgroup_sock_addr",
      attachType: "inet4_connect",
      // user_ip4 and user_port of struct bpf_sock_addr; to port 9999 it says no.
      text: counting(`r5 = *(u32 *)(r1 + 4)
  *(u64 *)(r7 + 8) = r5
  r5 = *(u32 *)(r1 + 24)
  *(u64 *)(r7 + 16) = r5
  r0 = 0`),
      command: "echo -n 1 > /dev/udp/10.9.0.2/9999",
      seen: ([count, address, port], output) => {
        expect([count, address, port]).toEqual([1n, 0x0200090an, 0x0f27n]);
        expect(output).toContain("not permitted");
      },
    },
    {
      type: "cgroup_sock",
      attachType: "inet_sock_create",
      // family and type of struct bpf_sock
      text: counting(`r5 = *(u32 *)(r1 + 4)
  *(u64 *)(r7 + 8) = r5
  r5 = *(u32 *)(r1 + 8)
  *(u64 *)(r7 + 16) = r5
  r0 = 1`),
      command: "echo -n 1 > /dev/udp/10.9.0.2/9999",
      seen: ([count, family, type]) => expect([count, family, type]).toEqual([1n, 2n, 2n]),
    },
    {
      type: "cgroup_sockopt",
      attachType: "setsockopt",
      // level and optname of struct bpf_sockopt: SOL_SOCKET, SO_REUSEADDR; optlen -1 leaves the option to the kernel.
      text: counting(`r5 = *(u32 *)(r1 + 24)
  *(u64 *)(r7 + 8) = r5
  r5 = *(u32 *)(r1 + 28)
  *(u64 *)(r7 + 16) = r5
  r0 = 0`),
      command: `${process.execPath} -e 'const s = require("dgram").createSocket({ type: "udp4", reuseAddr: true }); s.on("error", (e) => { console.log(e.code); process.exit(); }); s.bind(0, "10.9.0.1", () => s.close());'`,
      seen: ([count, level, option], output) => {
        expect(count).toBeGreaterThan(0n);
        expect([level, option]).toEqual([1n, 2n]);
        expect(output).toContain("EPERM");
      },
    },
  ];
  for (const c of cases)
    it(`${c.attachType}: ${c.text.includes("r0 = 1") ? "sees" : "sees and refuses"}`, async () => {
      await attached(c.type, c.text, { kind: "cgroup", path: group, attachType: c.attachType }, (object) => {
        const { output } = inside(a, c.command, true);
        c.seen(words(object), output);
        // What runs outside of the group is none of its business.
        const [before] = words(object);
        inside(a, c.command);
        expect(words(object)[0]).toBe(before);
      });
      noteSources({ [c.type.replace("_", " ")]: { works: true } });
    });

  it("says what is wrong", () => {
    using object = loadObject(
      objectOf("cgroup_skb", assembleCode("r0 = 1\nexit"), [], {
        attach: [{ kind: "cgroup", path: tmpdir(), attachType: "inet_egress" }],
      }),
    );
    const program = object.programs.get("probe")!;
    expect(() => attach(program, { kind: "cgroup", path: tmpdir(), attachType: "inet_egress" })).toThrow(
      /no folder of a cgroup2 file system/,
    );
    expect(() => attach(program, { kind: "cgroup", path: "/nowhere", attachType: "inet_egress" })).toThrow(/ENOENT/);
  });
});

describe("socket filter", () => {
  it("keeps what it wants of what a socket receives", async () => {
    using socket = openPacketSocket({ interface: "v1", netns: netns(b) });
    // Legacy packet loads: r6 is the context; UDP for port 5555 passes, cut to 46 bytes.
    const text = `
  r6 = r1
  r0 = *(u16 *)skb[12]
  if r0 != 0x0800 goto no
  r0 = *(u8 *)skb[23]
  if r0 != 17 goto no
  r0 = *(u16 *)skb[36]
  if r0 != 5555 goto no
  r7 = map_value[data] ll
  r5 = *(u64 *)(r7 + 0)
  r5 += 1
  *(u64 *)(r7 + 0) = r5
  r0 = 46
  exit
no:
  r0 = 0
  exit`;
    await attached("socket_filter", text, { kind: "socket", fd: socket.fd }, (object) => {
      while (socket.read() !== undefined);
      sendUdp("abcdefgh");
      sendUdp("other", 5556);
      const packets: Uint8Array[] = [];
      for (let packet = socket.read(); packet !== undefined; packet = socket.read()) packets.push(packet);
      expect(words(object)[0]).toBe(1n);
      expect(packets.map((p) => Buffer.from(p.subarray(42)).toString())).toEqual(["abcd"]);
    });
    sendUdp("again");
    expect(socket.read()).toBeDefined();
    noteSources({ "socket filter": { works: true } });
  });
});

describe("socket lookup", () => {
  it("is asked for each new connection of its namespace", async () => {
    // local_port of struct bpf_sk_lookup; SK_PASS, so that the kernel goes on as it would.
    const text = counting(`r5 = *(u32 *)(r1 + 60)
  *(u64 *)(r7 + 8) = r5
  r5 = *(u32 *)(r1 + 12)
  *(u64 *)(r7 + 16) = r5
  r0 = 1`);
    await attached("sk_lookup", text, { kind: "sk_lookup", netns: netns(b) }, (object) => {
      inside(a, "echo x > /dev/tcp/10.9.0.2/8123");
      const [count, port] = words(object);
      expect(count).toBeGreaterThan(0n);
      expect(port).toBe(8123n);
    });
    noteSources({ sk_lookup: { works: true } });
  });
});

describe("interfaces", () => {
  it("have their numbers, in their own namespaces", () => {
    expect(interfaceIndex("lo")).toBe(1);
    expect(interfaceMtu("lo")).toBe(65_536);
    expect(() => interfaceMtu("v1")).toThrow(/"v1".*SIOCGIFMTU|SIOCGIFMTU.*"v1"/);
    expect(inNetworkNamespace(netns(b), () => interfaceIndex("v1"))).toBeGreaterThan(1);
    expect(() => interfaceIndex("v1")).toThrow(SystemCallError);
    expect(() => interfaceIndex("a-name-that-is-too-long")).toThrow(/1 to 15 bytes/);
  });

  it("comes back from a namespace also where the work fails", () => {
    expect(() =>
      inNetworkNamespace(netns(b), () => {
        throw new Error("in the middle");
      }),
    ).toThrow("in the middle");
    expect(() => interfaceIndex("v1")).toThrow(SystemCallError);
    expect(systemCalls().close(-1)).toBe(-9);
  });
});
