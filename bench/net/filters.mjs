// Filters over packets beside libpcap: ns a packet in memory against `bpf_filter`, a capture of 1 GB against tcpdump, and live
// captures on a pair of interfaces in a namespace of its own.
//
//     node bench/net/filters.mjs [packets] [file] [live]     (after npm run build; libpcap, tcpdump and gcc; root for live; 1 to 2
//                                                             GB below the temporary folder)

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const { compileFilter, PacketMemory } = await import(new URL("../../dist/filter.js", import.meta.url).href);
const shared = fileURLToPath(new URL("../../../shared/bench/filter/", import.meta.url));
const command = fileURLToPath(new URL("../../dist/scry.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "scry-bench-"));
const parts = process.argv.slice(2);
const wants = (part) => parts.length === 0 || parts.includes(part);

/** What pcap_bench.c uses of libpcap, which may be installed without its headers. */
const HEADER = `#include <sys/time.h>
typedef unsigned char u_char; typedef unsigned int u_int; typedef unsigned short u_short;
typedef struct pcap pcap_t;
struct bpf_insn { u_short code; u_char jt, jf; u_int k; };
struct bpf_program { u_int bf_len; struct bpf_insn *bf_insns; };
struct pcap_pkthdr { struct timeval ts; u_int caplen, len; };
#define PCAP_ERRBUF_SIZE 256
#define PCAP_NETMASK_UNKNOWN 0xffffffff
pcap_t *pcap_open_offline(const char *, char *);
int pcap_next_ex(pcap_t *, struct pcap_pkthdr **, const u_char **);
const char *pcap_lib_version(void);
int pcap_compile(pcap_t *, struct bpf_program *, const char *, int, u_int);
char *pcap_geterr(pcap_t *);
u_int bpf_filter(const struct bpf_insn *, const u_char *, u_int, u_int);
`;

const mean = (ratios) => Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);

function inMemory() {
  const trace = join(folder, "96.pcap");
  execFileSync("node", [join(shared, "gen_trace.js"), trace, "100000", "1", "96"]);
  mkdirSync(join(folder, "pcap"));
  writeFileSync(join(folder, "pcap/pcap.h"), HEADER);
  const peer = join(folder, "pcap_bench");
  execFileSync("gcc", ["-O2", `-I${folder}`, "-o", peer, join(shared, "pcap_bench.c"), "-l:libpcap.so.0.8"]);
  const theirs = execFileSync(peer, [trace, "0.5"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ opt }) => opt === 1);
  const bytes = readFileSync(trace);
  const memory = new PacketMemory({ bytes: bytes.length, packets: 100_000 });
  memory.bytes.set(bytes, memory.start);
  let count = 0;
  for (let at = 24; at < bytes.length; count++) {
    const kept = bytes.readUInt32LE(at + 8);
    memory.describe(count, memory.start + at, memory.start + at + 16, kept, bytes.readUInt32LE(at + 12));
    at += 16 + kept;
  }
  const ratios = theirs.map(({ expr, ns_per_packet, matches }) => {
    const run = memory.compile(compileFilter(expr));
    let best = Number.POSITIVE_INFINITY;
    for (const until = performance.now() + 500; performance.now() < until; ) {
      const start = performance.now();
      if (run(count) !== matches) throw new Error(`${expr}: not the packets of libpcap`);
      best = Math.min(best, ((performance.now() - start) * 1e6) / count);
    }
    console.log(`| \`${expr}\` | ${ns_per_packet} | ${best.toFixed(2)} | ${(best / ns_per_packet).toFixed(2)} |`);
    return best / ns_per_packet;
  });
  console.log(`| geometric mean | | | ${mean(ratios).toFixed(2)} |`);
}

/** Milliseconds and KiB. */
function timed(program, words) {
  const start = performance.now();
  const { stderr, status } = spawnSync("/usr/bin/time", ["-f", "%M", program, ...words], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return { time: performance.now() - start, memory: Number(stderr.trim().split("\n").at(-1)) };
}

const middle = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

function ofFile() {
  const [small, large] = [join(folder, "small.pcap"), join(folder, "large.pcap")];
  execFileSync("node", [join(shared, "gen_trace.js"), small, "200000", "2", "1514"]);
  const bytes = readFileSync(small);
  const fd = openSync(large, "w");
  writeSync(fd, bytes.subarray(0, 24));
  for (let size = 24; size < 1e9; size += bytes.length - 24) writeSync(fd, bytes, 24);
  closeSync(fd);
  const [one, other] = [join(folder, "tcpdump.pcap"), join(folder, "scry.pcap")];
  for (const expr of ["tcp port 443", "ip6 or arp", "tcp", "host 10.0.0.1 and udp", ""]) {
    const [theirs, ours] = [[], []];
    for (let turn = 0; turn < 5; turn++) {
      theirs.push(timed("tcpdump", ["-r", large, "-w", one, expr]));
      ours.push(timed(process.execPath, [command, "filter", expr, large, "-w", other]));
    }
    if (spawnSync("cmp", [one, other]).status !== 0) throw new Error(`${expr}: other bytes than tcpdump's`);
    const [a, b] = [theirs, ours].map((runs) => middle(runs.map(({ time }) => time)));
    const resident = Math.max(...ours.map(({ memory }) => memory)) / 1024;
    console.log(
      `| \`${expr}\` | ${(a / 1000).toFixed(2)} s | ${(b / 1000).toFixed(2)} s, ${resident.toFixed(0)} MiB | ${(b / a).toFixed(2)} |`,
    );
  }
}

/** User and system time of a process, in milliseconds. */
function timesOf(pid) {
  const words = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return { user: Number(words[11]) * 10, system: Number(words[12]) * 10 };
}

const after = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** One capture while so many packets are sent. */
async function captured(netns, words, count, rate, flood) {
  const child = spawn("ip", ["netns", "exec", netns, ...words]);
  let said = "";
  child.stderr.on("data", (text) => (said += text));
  for (const until = Date.now() + 5000; !/listening|Capturing/.test(said) && Date.now() < until; ) await after(20);
  await after(200);
  const before = timesOf(child.pid);
  const sender = spawn("ip", ["netns", "exec", netns, flood, "v0", `${count}`, `${rate}`]);
  let sent = "";
  sender.stdout.on("data", (text) => (sent += text));
  await new Promise((done) => sender.on("close", done));
  await after(500);
  const times = timesOf(child.pid);
  const ended = new Promise((done) => child.on("close", done));
  child.kill("SIGINT");
  await ended;
  const { sent: packets, seconds } = JSON.parse(sent);
  const lost = Number(/([\d,]+) (?:lost|packets dropped by kernel)/.exec(said)?.[1]?.replaceAll(",", "") ?? 0);
  return {
    rate: packets / seconds,
    cpu: times.user + times.system - before.user - before.system,
    lost,
  };
}

async function live() {
  const netns = `scry-bench-${process.pid}`;
  const ip = (...words) => execFileSync("ip", words);
  const flood = join(folder, "flood");
  execFileSync("gcc", ["-O2", "-o", flood, fileURLToPath(new URL("flood.c", import.meta.url))]);
  const filter = "udp port 5555";
  const scry = (device, ...more) => [
    ...[process.execPath, command, "filter", "-i", device, "-w", join(folder, "live.pcapng"), ...more],
    filter,
  ];
  const kinds = {
    tcpdump: ["tcpdump", "-i", "v1", "-w", join(folder, "live.pcap"), filter],
    scry: scry("v1"),
    "scry --limit": scry("v1", "--limit", "1000000000"),
    "scry --rotate": scry("v1", "--rotate", "100MB", "--keep", "2"),
    "scry --process": scry("v1", "--process"),
    "tcpdump -i any": ["tcpdump", "-i", "any", "-w", join(folder, "any.pcap"), `inbound and ${filter}`],
    "scry -i any": [...scry("any").slice(0, -1), `inbound and ${filter}`],
  };
  ip("netns", "add", netns);
  try {
    ip("-n", netns, "link", "add", "v0", "type", "veth", "peer", "name", "v1");
    for (const name of ["v0", "v1"]) ip("-n", netns, "link", "set", name, "up");
    for (const [rate, count] of [
      [100_000, 200_000],
      [300_000, 600_000],
      [0, 2_000_000],
    ]) {
      const found = {};
      for (let turn = 0; turn < 3; turn++)
        for (const [name, words] of Object.entries(kinds))
          found[name] = [...(found[name] ?? []), await captured(netns, words, count, rate, flood)];
      const sent = Math.round(middle(found.scry.map((run) => run.rate)));
      const cpu = (name) => middle(found[name].map((run) => run.cpu));
      for (const name of Object.keys(kinds)) {
        const lost = found[name].map((run) => run.lost).join(", ");
        const anchor = name.includes("any") ? "tcpdump -i any" : "tcpdump";
        console.log(
          `| ${sent} a second, ${count} packets | ${name} | ${cpu(name)} ms | lost ${lost} | ${(cpu(name) / cpu(anchor)).toFixed(2)} |`,
        );
      }
    }
  } finally {
    ip("netns", "del", netns);
  }
}

try {
  if (wants("packets")) inMemory();
  if (wants("file")) ofFile();
  if (wants("live")) await live();
} finally {
  rmSync(folder, { recursive: true });
}
