// What makes the ten examples work: loads of one process that we start, and events for the embedded machine.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const file = JSON.stringify(`${root}node_modules/.scry-disk`);
const sleeps =
  "const cell = new Int32Array(new SharedArrayBuffer(4)); for (let i = 0; i < 1500; i++) Atomics.wait(cell, 0, 0, 0.2);";

const eth = (type) => [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, type >> 8, type & 255];
const padded = (bytes) => Uint8Array.from({ length: 64 }, (_, i) => bytes[i] ?? 0);
const ip4 = [0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 2, 3, 10, 0, 0, 2];
const ip6 = [0x60, 0, 0, 0, 0, 6, 17, 64, 0x20, 1];

/** A control group of our own, in a mount of our own. */
function group() {
  const mount = mkdtempSync(join(tmpdir(), "scry-twins-"));
  execFileSync("mount", ["-t", "cgroup2", "none", mount]);
  const path = join(mount, `scry-twins-${process.pid}`);
  mkdirSync(path);
  return {
    attach: { cgroup: path },
    enter: (pid) => writeFileSync(join(path, "cgroup.procs"), `${pid}`),
    close() {
      rmdirSync(path);
      execFileSync("umount", [mount]);
      rmdirSync(mount);
    },
  };
}

/** Sends over loopback by one algorithm after the other. */
const SEND = `
import socket, sys, threading
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(1)
print("ready", flush=True)
sys.stdin.readline()
for name in (b"scry_delay", b"scry_delay_c") * 4:
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name)
    client.connect(server.getsockname())
    other, _ = server.accept()
    def read():
        while other.recv(65536): pass
    reader = threading.Thread(target=read)
    reader.start()
    for i in range(500): client.sendall(b"x" * 20000)
    client.shutdown(socket.SHUT_WR)
    reader.join(20)
print("done", flush=True)
sys.stdin.readline()
`;

const pid = (own) => ({ pid: own });
const who = { pid: 7, tid: 7, uid: 0, comm: "cat" };

/**
 * By the name of the example. \`variables\`: filters, by the pid of the process; \`load\`: what it does, as JavaScript;
 * \`events\`: what the embedded machine is given, each [which program, fields, who]; absent where that machine cannot run it.
 */
export const CASES = {
  execsnoop: {
    variables: (own) => ({ parent: own }),
    load: 'const { spawnSync } = require("child_process"); for (let i = 0; i < 60; i++) spawnSync("/bin/true");',
    events: (place) => {
      const words = ["ls", "-l"].map((arg) => place(new TextEncoder().encode(`${arg}\0`)));
      const stack = place(new Uint8Array(new BigUint64Array([2n, ...words, 0n]).buffer));
      return [
        [0, { filename: "/usr/bin/ls" }, { ...who, task: { real_parent: { tgid: 5 }, mm: { start_stack: stack } } }],
        [1, {}, { ...who, task: { exit_code: 256 } }],
      ];
    },
  },
  opensnoop: {
    variables: pid,
    load: 'const fs = require("fs"); for (let i = 0; i < 5000; i++) fs.closeSync(fs.openSync("/etc/passwd"));',
    events: () => [
      [2, { filename: "/etc/passwd", flags: 0 }, who],
      [3, { ret: 3 }, who],
    ],
  },
  runqlat: { variables: pid, load: sleeps },
  biolatency: {
    variables: pid,
    load: `const fs = require("fs"); const fd = fs.openSync(${file}, "w"); for (let i = 0; i < 60; i++) { fs.writeSync(fd, Buffer.alloc(4096, i)); fs.fsyncSync(fd); } fs.closeSync(fd); fs.unlinkSync(${file});`,
    events: () => [
      [0, { dev: 8, sector: 100 }, { ...who, time: 1000 }],
      [1, { dev: 8, sector: 100 }, { ...who, time: 2000 }],
      [2, { dev: 8, sector: 100, rwbs: "WS" }, { ...who, time: 900_000 }],
      [1, { dev: 8, sector: 200 }, { ...who, time: 1_000_000 }],
      [2, { dev: 8, sector: 200, rwbs: "WS" }, { ...who, time: 1_100_000 }],
    ],
  },
  tcplife: {
    variables: pid,
    load: `const net = require("net"); const server = net.createServer((s) => { s.on("error", () => {}); s.resume(); s.end("x"); }).listen(0, "127.0.0.1", async () => { for (let i = 0; i < 300; i++) await new Promise((r) => { const c = net.connect(server.address().port, "127.0.0.1"); c.resume(); c.on("close", r); }); server.close(); finish(); });`,
    later: true,
  },
  offcputime: { variables: pid, load: sleeps },
  memleak: {
    variables: pid,
    load: "for (let i = 0; i < 20000; i++) Buffer.allocUnsafeSlow(9000 + (i % 7));",
    attach: (own) => ({ pid: own }),
    events: () => [
      [0, { size: 100 }, { ...who, userStack: [1n, 2n, 3n] }],
      [1, { address: 0x1000 }, { ...who, userStack: [1n, 2n, 3n] }],
      [0, { size: 50 }, { ...who, userStack: [1n, 2n, 3n] }],
      [1, { address: 0x2000 }, { ...who, userStack: [1n, 2n, 3n] }],
      [6, { address: 0x1000 }, who],
      [6, { address: 0x9000 }, who],
    ],
  },
  "xdp-prefixes": {
    packets: {
      ipv4: padded([...eth(0x0800), ...ip4]),
      ipv6: padded([...eth(0x86dd), ...ip6]),
      other: padded(eth(0x88b5)),
    },
  },
  forbid: {
    group,
    load: `const socket = require("dgram").createSocket("udp4"); let left = 3000; const next = (error) => { if (!error) socket.disconnect(); if (left-- > 0) socket.connect(53, "10.1.2.3", next); else { socket.close(); finish(); } }; next(true);`,
    later: true,
    events: () => [[0, { user_ip4: 0x0302010a, user_port: 0x3500 }, who]],
  },
  congestion: { python: SEND },
};
