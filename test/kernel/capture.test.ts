// Live captures by the command, in a network namespace of the test's own.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCapture, packet } from "../../src/filter.ts";
import { repository } from "../support/commands.ts";
import { addQuietNetwork } from "../support/quiet-network.ts";

const netns = `scry-${process.pid}-capture`;
const folder = mkdtempSync(join(tmpdir(), "scry-capture-"));
const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
const inside = (command: string): void => void execFileSync("ip", ["netns", "exec", netns, "bash", "-c", command]);

beforeAll(() => {
  addQuietNetwork(netns);
  ip("-n", netns, "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  for (const name of ["lo", "v0", "v1"]) ip("-n", netns, "link", "set", name, "up");
  ip("-n", netns, "address", "add", "10.9.0.1/24", "dev", "v0");
  ip("-n", netns, "neighbour", "add", "10.9.0.9", "lladdr", "02:00:00:00:00:09", "dev", "v0");
});
afterAll(() => {
  spawnSync("ip", ["netns", "del", netns]);
  rmSync(folder, { recursive: true });
});

interface Capture {
  readonly child: ChildProcess;
  /** Its exit status, and what it printed. */
  readonly ended: Promise<{ readonly status: number | null; readonly out: string; readonly messages: string }>;
}

/** Starts a capture, and comes back once it is at work. */
async function capture(...words: string[]): Promise<Capture> {
  const child = spawn(process.execPath, [join(repository, "dist/scry.js"), "filter", "--netns", netns, ...words]);
  let out = "";
  let messages = "";
  child.stdout.on("data", (text) => (out += text));
  const ended = new Promise<Awaited<Capture["ended"]>>((resolve) => {
    child.on("close", (status) => resolve({ status, out, messages }));
  });
  await new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.stderr.on("data", (text) => {
      messages += text;
      if (messages.includes("Capturing")) resolve();
    });
  });
  return { child, ended };
}

const send = (text: string, port: number, to = "10.9.0.9"): void => inside(`echo -n ${text} > /dev/udp/${to}/${port}`);

/** A device of IP packets without a link's header, i0, which is there as long as its process is. */
async function openTunnel(): Promise<ChildProcess> {
  const program = `import fcntl, struct, sys
tun = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"i0", 0x1001))
print("there", flush=True)
sys.stdin.read()`;
  const child = spawn("ip", ["netns", "exec", netns, "/usr/bin/python3", "-c", program]);
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("close", (status) => reject(new Error(`no tun device: ${status}`)));
  });
  return child;
}

async function packetsOf(file: string): Promise<{ text: string; comment?: string; interface: string | undefined }[]> {
  const found = [];
  for await (const { data, comment, interface: on } of openCapture(readFileSync(join(folder, file)), { name: file }))
    found.push({
      text: new TextDecoder().decode(data.subarray(42)),
      interface: on?.name,
      ...(comment === undefined ? {} : { comment }),
    });
  return found;
}

describe("scry filter -i", () => {
  it("writes what passes, until Ctrl-C", async () => {
    const file = join(folder, "one.pcapng");
    const { child, ended } = await capture("-i", "v1", "-w", file, "udp dst port 5601");
    send("one", 5601);
    send("other", 5602);
    send("two", 5601);
    child.kill("SIGINT");
    expect(await ended).toEqual({
      status: 0,
      out: "",
      messages: "Capturing on v1; Ctrl-C ends it\n2 packets, none lost\n",
    });
    expect(await packetsOf("one.pcapng")).toEqual(["one", "two"].map((text) => ({ text, interface: "v1" })));
    const bytes = readFileSync(file);
    // Both came in, to a machine that is not this one: the flags of the first packet.
    expect(bytes.includes(Buffer.of(2, 0, 4, 0, 0b10001, 0, 0, 0))).toBe(true);
    const theirs = spawnSync("tcpdump", ["-n", "-r", file], { encoding: "utf8" });
    if (theirs.status === 0) expect(theirs.stdout.trim().split("\n").length).toBe(2);
  });

  it("prints lines, ends behind so many, and tells VLANs", async () => {
    const lines = await capture("-i", "v0", "--limit", "1", "udp dst port 5603");
    send("line", 5603);
    const { status, out } = await lines.ended;
    expect(status).toBe(0);
    expect(out).toMatch(
      /^\d+\.\d{9} 46 eth \S+ > 02:00:00:00:00:09 type 0x0800, ipv4 10\.9\.0\.1 > 10\.9\.0\.9 .*udp \d+ > 5603, 4 bytes\n$/,
    );
    const tagged = await capture("-i", "v1", "--limit", "1", "--json", "vlan 9 and udp dst port 5604");
    const frame = packet().eth().vlan({ id: 9 }).ipv4().udp({ destination: 5604 }).payload("tag").bytes();
    const program = `import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("v0", 0)); s.send(bytes.fromhex("${Buffer.from(frame).toString("hex")}"))`;
    inside(`/usr/bin/python3 -c '${program}'`);
    const { headers } = JSON.parse((await tagged.ended).out) as { headers: { header: string; id?: number }[] };
    expect(headers.map(({ header }) => header)).toEqual(["eth", "vlan", "ipv4", "udp"]);
    expect(headers[1]?.id).toBe(9);
  });

  it("says of which process packets are", async () => {
    const { ended } = await capture(
      "-i",
      "lo",
      "--limit",
      "1",
      "--process",
      "-w",
      join(folder, "who.pcapng"),
      "udp dst port 5605",
    );
    // A socket that is still there when its packet is looked at.
    inside("exec 3>/dev/udp/127.0.0.1/5605; echo -n who >&3; sleep 0.5; :");
    expect((await ended).status).toBe(0);
    const [found] = await packetsOf("who.pcapng");
    expect(found?.text).toBe("who");
    expect(found?.comment).toMatch(/^bash, pid \d+$/);
    const out = await capture("-i", "v0", "--limit", "1", "--process", "udp dst port 5606");
    inside("exec 3>/dev/udp/10.9.0.9/5606; echo -n who >&3; sleep 0.5; :");
    expect((await out.ended).out).toMatch(/ # bash, pid \d+\n$/);
  });

  it("goes on to the next file, and keeps the last ones", async () => {
    const { child, ended } = await capture(
      "-i",
      "v1",
      "-w",
      join(folder, "row.pcapng"),
      "--rotate",
      "1KB",
      "--keep",
      "2",
      "udp dst port 5607",
    );
    inside(`exec 3>/dev/udp/10.9.0.9/5607; for i in 1 2 3 4 5; do printf '%0600d' $i >&3; done`);
    child.kill("SIGTERM");
    expect((await ended).messages).toContain("5 packets, none lost");
    const files = readdirSync(folder).filter((name) => name.startsWith("row"));
    expect(files.toSorted()).toEqual(["row-00002.pcapng", "row-00003.pcapng"]);
    const texts = await Promise.all(files.toSorted().map(packetsOf));
    expect(texts.flat().map(({ text }) => Number(text))).toEqual([3, 4, 5]);
  });

  it("goes on to the next file by packets of two interfaces, with their processes", async () => {
    const words = ["-i", "any", "--process", "-w", join(folder, "both.pcapng"), "--rotate", "1KB", "udp dst port 5610"];
    const { child, ended } = await capture(...words);
    inside(
      // A new socket for each over loopback: nobody is there, which the next write to the same one is told.
      "exec 3>/dev/udp/10.9.0.9/5610; for i in 1 2 3; do exec {lo}>/dev/udp/127.0.0.1/5610; printf '%0600d' $i >&3; printf '%0600d' $i >&$lo; sleep 0.1; done; sleep 0.5",
    );
    child.kill("SIGINT");
    // Out by v0, in by v1, and over loopback.
    expect((await ended).messages).toContain("9 packets, none lost");
    const files = readdirSync(folder).filter((name) => name.startsWith("both"));
    expect(files.length).toBeGreaterThan(3);
    const all = (await Promise.all(files.toSorted().map(packetsOf))).flat();
    const on = (name: string): unknown[] =>
      all.flatMap((one) => (one.interface === name ? [[Number(one.text), one.comment?.replace(/\d+/, "N")]] : []));
    expect(on("v0")).toEqual([1, 2, 3].map((i) => [i, "bash, pid N"]));
    for (const name of ["lo", "v1"]) expect(on(name).map((one) => (one as unknown[])[0])).toEqual([1, 2, 3]);
    for (const name of files) {
      const theirs = spawnSync("tcpdump", ["-n", "-r", join(folder, name)], { encoding: "utf8" });
      if (theirs.error === undefined) expect([name, theirs.status]).toEqual([name, 0]);
    }
  });

  it("ends behind so many packets that are written, and not one more", async () => {
    const { ended } = await capture(
      "-i",
      "v1",
      "--limit",
      "3",
      "-w",
      join(folder, "three.pcapng"),
      "udp dst port 5611",
    );
    inside("exec 3>/dev/udp/10.9.0.9/5611; for i in 1 2 3 4 5; do echo -n $i >&3; done");
    expect(await ended).toMatchObject({ status: 0, messages: expect.stringContaining("3 packets") });
    expect((await packetsOf("three.pcapng")).map(({ text }) => text)).toEqual(["1", "2", "3"]);
  });

  it("takes all interfaces, those too that come later and those without an Ethernet header", async () => {
    const file = join(folder, "all.pcapng");
    const { child, ended } = await capture("-i", "any", "-w", file, "udp dst port 5612");
    const lines = await capture("-i", "any", "--limit", "3", "udp dst port 5612 and inbound");
    send("first", 5612);
    ip("-n", netns, "link", "add", "w0", "type", "veth", "peer", "name", "w1");
    const tunnel = await openTunnel();
    for (const name of ["w0", "w1", "i0"]) ip("-n", netns, "link", "set", name, "up");
    ip("-n", netns, "address", "add", "10.7.0.1/24", "dev", "w0");
    ip("-n", netns, "address", "add", "10.6.0.1/24", "dev", "i0");
    ip("-n", netns, "neighbour", "add", "10.7.0.9", "lladdr", "02:00:00:00:00:09", "dev", "w0");
    send("later", 5612, "10.7.0.9");
    send("lo", 5612, "127.0.0.1");
    send("tunnel", 5612, "10.6.0.9");
    const { out } = await lines.ended;
    child.kill("SIGINT");
    const { status, messages } = await ended;
    expect([status, messages]).toEqual([0, expect.stringContaining("6 packets, none lost")]);
    const found: string[] = [];
    for await (const { data, interface: on, linkType } of openCapture(readFileSync(file), { name: file }))
      found.push(`${on?.name} ${linkType} ${new TextDecoder().decode(data.subarray(linkType === 1 ? 42 : 28))}`);
    expect(found.toSorted()).toEqual(
      ["lo 1 lo", "v0 1 first", "v1 1 first", "w0 1 later", "w1 1 later", "i0 101 tunnel"].toSorted(),
    );
    expect(out.split("\n").flatMap((line) => /^\S+ (\S+) \d+ eth/.exec(line)?.[1] ?? [])).toEqual(["v1", "w1", "lo"]);
    ip("-n", netns, "link", "del", "w0");
    tunnel.stdin?.end();
    await new Promise((done) => tunnel.on("close", done));
  });

  it("ends where the interface goes", async () => {
    ip("-n", netns, "link", "add", "w0", "type", "veth", "peer", "name", "w1");
    for (const name of ["w0", "w1"]) ip("-n", netns, "link", "set", name, "up");
    const { ended } = await capture("-i", "w1", "-w", join(folder, "gone.pcapng"), "udp dst port 5608");
    ip("-n", netns, "link", "del", "w0");
    const { status, messages } = await ended;
    expect([status, messages]).toEqual([
      1,
      "Capturing on w1; Ctrl-C ends it\nWARNING: w1 is down, or gone\n0 packets, none lost\n",
    ]);
    expect(await packetsOf("gone.pcapng")).toEqual([]);
  });

  it("says what it cannot do, before it begins", async () => {
    const words = [
      [["-i", "none", "udp"], /interface "none".*no such device/],
      [["-i", "v0", "tcp port"], /filter:1:9-9: ERROR: The filter ends too early/],
      [["-i", "v0", "ip6 protochain 6"], /it has a loop without a bound/],
      [["-i", "v0", "--rotate", "5", "-w", "x", "udp"], /--rotate takes a size or a time/],
      [["-i", "v0", "udp", "file"], /not both/],
      [["-i", "any", "--promiscuous", "udp"], /--promiscuous is for one interface/],
      [["-i", "any", "ip6 protochain 6"], /it has a loop without a bound/],
    ] as const;
    for (const [line, said] of words) {
      const { status, messages } = await (await capture(...line)).ended;
      expect(status, line.join(" ")).toBe(1);
      expect(messages).toMatch(said);
    }
  });
});
