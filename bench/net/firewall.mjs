// The firewall: nanoseconds a packet by BPF_PROG_TEST_RUN beside Debian's xdp-filter, packets a second that are dropped beside nft, how
// long a thousand rules take to compile, verify and swap, and how many questions and instructions a packet is asked.
//
//     node bench/net/firewall.mjs [ns] [drop] [rules]     needs root; xdp-tools and nftables beside it
//
// Interfaces are a pair of veth in namespaces of its own. Packets for nft and for XDP come the same way: sent by a program at the other
// end of the pair, which the kernel runs over and over (BPF_F_TEST_XDP_LIVE_FRAMES).

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSource } from "../../scripts/load-source.mjs";

const { compileFirewall, rulesOf } = await loadSource("src/net/firewall/index.ts");
const { applyFirewall } = await loadSource("src/net/index.ts");
const kernel = await loadSource("src/kernel/index.ts");
const { packet } = await loadSource("src/packets/index.ts");
const { loadObject, testRun, inNetworkNamespace, interfaceIndex } = kernel;

const parts = process.argv.slice(2);
const wants = (part) => parts.length === 0 || parts.includes(part);
const folder = mkdtempSync(join(tmpdir(), "scry-bench-"));
const netns = `scry-${process.pid}-bench`;
const ip = (...words) => void execFileSync("ip", words);

/** Numbers below `n`, the same for the same seed. */
function seeded(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(((state >>> 1) / 2 ** 31) * n);
  };
}
const roll = seeded(20261129);
const network = (least = 8) => {
  const bits = least + roll(33 - least);
  const address = ((roll(2 ** 16) * 2 ** 16 + roll(2 ** 16)) & (-1 << (32 - bits))) >>> 0;
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}/${bits}`;
};

/** That of v0. */
const MAC = "02:00:00:00:00:a0";
const PORTS = [22, 25, 111, 139, 445];
const ADDRESSES = ["192.0.2.1", "192.0.2.2", "198.51.100.7", "203.0.113.9", "203.0.113.77"];
const TEN = {
  rules: [
    ...PORTS.map((port) => ({ action: "deny", protocol: ["tcp", "udp"], "destination-port": port })),
    ...ADDRESSES.map((address) => ({ action: "deny", source: address })),
  ],
};
const bytes = (port, source = "10.2.3.4") =>
  packet()
    .eth({ destination: MAC })
    .ipv4({ source, destination: "10.9.9.9" })
    .udp({ source: 5000, destination: port })
    .payload(new Uint8Array(22))
    .bytes();
const PASSED = bytes(7000);
const DROPPED = bytes(22);

/** The least of nine rounds, nanoseconds a packet. */
function nanoseconds(fd, data) {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 9; i++) least = Math.min(least, testRun(fd, { data, repeat: 1_000_000 }).nanoseconds);
  return least;
}
function ofRules(rules, data, options = {}) {
  const compiled = compileFirewall(rulesOf(rules), options);
  const object = loadObject(compiled.object);
  try {
    return nanoseconds(object.programs.get("firewall").fd, data);
  } finally {
    object.close();
  }
}

/** xdp-filter's program with the same rules, by its id. */
function ofXdpFilter() {
  // `ip netns exec` would hide the BPF file system.
  const inside = (...words) => spawnSync("nsenter", [`--net=/run/netns/${netns}`, ...words], { encoding: "utf8" });
  const loaded = inside("xdp-filter", "load", "v0", "-m", "native");
  if (loaded.status !== 0) return { why: loaded.stderr.trim().split("\n").at(-1) };
  for (const port of PORTS) inside("xdp-filter", "port", String(port), "-m", "dst", "-p", "tcp,udp");
  for (const address of ADDRESSES) inside("xdp-filter", "ip", address, "-m", "src");
  const id = kernel.networkPrograms(`/run/netns/${netns}`).find(({ where }) => where === "xdp")?.id;
  if (id === undefined) return { why: "it has put no program there" };
  const fd = kernel.liveKernel().bpf("PROG_GET_FD_BY_ID", { prog_id: id });
  try {
    return { passed: nanoseconds(fd, PASSED), dropped: nanoseconds(fd, DROPPED) };
  } finally {
    kernel.liveKernel().calls.close(fd);
    inside("xdp-filter", "unload", "v0");
  }
}

function perPacket() {
  const ours = { passed: ofRules(TEN, PASSED), dropped: ofRules(TEN, DROPPED) };
  const their = ofXdpFilter();
  console.log(`ten rules, ns a packet: passed ${ours.passed}, dropped ${ours.dropped}`);
  if (their.why === undefined)
    console.log(
      `xdp-filter: passed ${their.passed}, dropped ${their.dropped}; ratio ${(ours.passed / their.passed).toFixed(2)}, ${(ours.dropped / their.dropped).toFixed(2)}`,
    );
  else console.log(`xdp-filter was not measured: ${their.why}`);
  console.log(`no rules: ${ofRules({ rules: [] }, PASSED)}`);
  const networks = Array.from({ length: 100_000 }, () => network(16));
  const many = { sets: { many: { file: "many" } }, rules: [{ action: "deny", source: "$many" }, ...TEN.rules] };
  const took = [];
  for (const [name, data] of [
    ["in none", bytes(7000, "10.2.3.4")],
    ["in one", bytes(7000, networks.find((one) => one.endsWith("/32"))?.slice(0, -3))],
  ])
    took.push(`${name} ${ofRules(many, data, { file: () => networks.join("\n") })}`);
  console.log(
    `100,000 networks and ten rules: ${took.join(", ")} (target 1.5 times ten rules: ${(ours.passed * 1.5).toFixed(0)})`,
  );
}

// --- packets dropped ---------------------------------------------------------------------------------------------------

/** Packets a second that arrive and are dropped, by a counter that says how many. */
function rate(counted) {
  const sender = loadObject(object("send", 3));
  const fd = sender.programs.get("send").fd;
  const index = inNetworkNamespace(`/run/netns/${netns}`, () => interfaceIndex("v1"));
  const run = (repeat) =>
    inNetworkNamespace(`/run/netns/${netns}`, () => testRun(fd, { data: DROPPED, repeat, liveAt: index }));
  run(100_000);
  const rates = [];
  for (let i = 0; i < 5; i++) {
    const before = counted();
    const start = process.hrtime.bigint();
    run(3_000_000);
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    rates.push((counted() - before) / seconds);
  }
  sender.close();
  return rates.sort((a, b) => a - b)[2];
}
/** A program that answers a number: XDP_PASS is 2; XDP_TX, out of the same interface, 3. */
const object = (name, answer) => ({
  maps: [],
  license: "GPL",
  programs: [
    {
      name,
      type: "xdp",
      attach: [],
      functions: [
        {
          name,
          parameters: 1,
          code: [
            { op: 0xb7, dst: 0, src: 0, off: 0, imm: answer },
            { op: 0x95, dst: 0, src: 0, off: 0, imm: 0 },
          ],
        },
      ],
    },
  ],
});

/**
 * On one processor, who sends is the one who then drops; on two, a thread of the kernel takes the packets of v0 (threaded NAPI,
 * Documentation/networking/napi.rst), as a machine that is sent packets by another has all its time for them.
 */
const RECEIVERS = { "on one processor": 0, "on two": 1 };
const atDriver = ({ programs }) =>
  kernel.attach(programs.get("pass"), {
    kind: "xdp",
    mode: "native",
    interface: "v0",
    netns: `/run/netns/${netns}`,
  });
const detach = ({ fds }) => fds.forEach((fd) => void kernel.liveKernel().calls.close(fd));

async function dropped() {
  for (const [name, threaded] of Object.entries(RECEIVERS)) {
    console.log(`${name}:`);
    // A veth has NAPI while it has a program; what is set then stays.
    const pass = loadObject(object("pass", 2));
    const there = atDriver(pass);
    execFileSync("ip", ["netns", "exec", netns, "sh", "-c", `echo ${threaded} > /sys/class/net/v0/threaded`]);
    detach(there);
    pass.close();
    await droppedThere();
  }
}

async function droppedThere() {
  const inside = (...words) => execFileSync("ip", ["netns", "exec", netns, ...words], { encoding: "utf8" });
  const place = { interface: "v0", netns: `/run/netns/${netns}`, hook: "xdp" };
  const sum = (text) => [...text.matchAll(/packets (\d+)/g)].reduce((total, [, n]) => total + Number(n), 0);
  const count = (firewall) => () => Number(firewall.counts().reduce((total, { packets }) => total + packets, 0n));
  const results = {};
  // XDP sends to a veth only where its peer has a program: one that lets all pass stands before those that look at packets later.
  const pass = loadObject(object("pass", 2));
  for (const [name, chain] of [
    ["nft, ingress of the device", "type filter hook ingress device v0 priority 0"],
    ["nft, prerouting", "type filter hook prerouting priority raw"],
    ["nft, input", "type filter hook input priority filter"],
  ]) {
    const family = name.includes("ingress") ? "netdev" : "ip";
    const rules = [
      ...PORTS.map((port) => `udp dport ${port} counter drop`),
      ...ADDRESSES.map((address) => `ip saddr ${address} counter drop`),
    ];
    const file = join(folder, "rules.nft");
    writeFileSync(file, `table ${family} bench {\n chain c {\n  ${chain};\n  ${rules.join("\n  ")}\n }\n}\n`);
    inside("nft", "-f", file);
    const before = atDriver(pass);
    results[name] = rate(() => sum(inside("nft", "list", "table", family, "bench")));
    detach(before);
    inside("nft", "delete", "table", family, "bench");
  }
  for (const [name, hook] of [
    ["Scry, tc", "tc"],
    ["Scry, XDP", "xdp"],
  ]) {
    const before = hook === "tc" ? atDriver(pass) : undefined;
    const firewall = applyFirewall({ ...place, hook }, rulesOf(TEN));
    results[name] = rate(count(firewall));
    await firewall.close();
    if (before !== undefined) detach(before);
  }
  // What the sender takes is in all of these.
  const none = loadObject(compileFirewall(rulesOf({ default: "deny", rules: [] })).object);
  const counters = none.maps.get("counters");
  const bare = kernel.attach(none.programs.get("firewall"), {
    kind: "xdp",
    mode: "native",
    interface: "v0",
    netns: `/run/netns/${netns}`,
  });
  results["a program that drops all"] = rate(() =>
    Number(
      new BigUint64Array(counters.lookup(new Uint8Array(4)).slice().buffer).reduce(
        (total, n, i) => (i % 3 === 0 ? total + n : total),
        0n,
      ),
    ),
  );
  detach(bare);
  for (const [name, one] of Object.entries(results))
    console.log(`${name}: ${(one / 1e6).toFixed(2)} million dropped a second`);
}

// --- a thousand rules --------------------------------------------------------------------------------------------------

const KINDS = {
  ports: () => ({ action: "deny", protocol: roll(2) ? "tcp" : "udp", "destination-port": roll(65_536) }),
  sources: () => ({ action: "deny", source: network() }),
  "sources and ports": () => ({
    action: "deny",
    source: network(),
    protocol: roll(2) ? "tcp" : "udp",
    "destination-port": roll(65_536),
  }),
  mixed: () =>
    [
      () => ({ action: "deny", source: network() }),
      () => ({
        action: "allow",
        source: network(),
        destination: network(),
        protocol: "tcp",
        "destination-port": roll(65_536),
      }),
      () => ({ action: "allow", protocol: "udp", "destination-port": `${1000 + roll(1000)}-${3000 + roll(20_000)}` }),
    ][roll(3)](),
};
function manyRules() {
  const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  for (const [kind, make] of Object.entries(KINDS))
    for (const count of [10, 100, 1000]) {
      const read = rulesOf({ default: "deny", rules: Array.from({ length: count }, () => make()) });
      const [compile, load, swap] = [[], [], []];
      let last;
      let longest = 0;
      let before = loadObject(compileFirewall(rulesOf({ rules: [] })).object);
      const attachment = kernel.attach(before.programs.get("firewall"), {
        kind: "xdp",
        mode: "any",
        interface: "v0",
        netns: `/run/netns/${netns}`,
      });
      for (let i = 0; i < 15; i++) {
        const start = performance.now();
        const compiled = compileFirewall(read);
        const then = performance.now();
        const object = loadObject(compiled.object);
        const loaded = performance.now();
        kernel.updateLink(attachment.fds[0], object.programs.get("firewall").fd);
        swap.push(performance.now() - loaded);
        compile.push(then - start);
        load.push(loaded - then);
        before.close();
        before = object;
        last = compiled;
        longest = compiled.longest;
      }
      const ns = nanoseconds(before.programs.get("firewall").fd, PASSED);
      const code = last.object.programs[0].functions.reduce((sum, { code }) => sum + code.length, 0);
      console.log(
        `${count} rules by ${kind}: compile ${middle(compile.slice(5)).toFixed(1)} ms, load ${middle(load.slice(5)).toFixed(1)} ms, swap ${middle(swap.slice(5)).toFixed(1)} ms; ${longest} questions at most, ${code} instructions, ${ns} ns`,
      );
      for (const fd of attachment.fds) kernel.liveKernel().calls.close(fd);
      before.close();
    }
}

ip("netns", "add", netns);
try {
  ip("-n", netns, "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  ip("-n", netns, "link", "set", "v0", "address", MAC);
  ip("-n", netns, "address", "add", "10.9.9.9/32", "dev", "v0");
  for (const name of ["lo", "v0", "v1"]) ip("-n", netns, "link", "set", name, "up");
  if (wants("ns")) perPacket();
  if (wants("drop")) await dropped();
  if (wants("rules")) manyRules();
} finally {
  spawnSync("ip", ["netns", "del", netns]);
  rmSync(folder, { recursive: true });
}
