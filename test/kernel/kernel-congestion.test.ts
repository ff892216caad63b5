// The congestion control of examples/kernel: two sockets of one test process, over loopback, ask for it and send each other
// something.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { load } from "../../src/loader/index.ts";
import { repository } from "../support/commands.ts";

/** Sends so many bytes, and says with which algorithm, and how many arrived. */
const SEND = `
import socket, sys, threading
name, count = sys.argv[1].encode(), int(sys.argv[2])
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(1)
client = socket.socket()
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name)
client.connect(server.getsockname())
other, _ = server.accept()
got = 0
def read():
    global got
    while True:
        piece = other.recv(65536)
        if not piece: break
        got += len(piece)
reader = threading.Thread(target=read)
reader.start()
client.sendall(b"x" * count)
client.shutdown(socket.SHUT_WR)
reader.join(20)
print(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).split(b"\\0")[0].decode(), got)
`;

const send = (name: string, bytes: number): string =>
  execFileSync("/usr/bin/python3.11", ["-c", SEND, name, `${bytes}`], { encoding: "utf8", timeout: 30_000 }).trim();

const [major = 0, minor = 0] = release().split(".").map(Number);
/** Programs that call functions of the kernel. */
const callsFunctions = major > 5 || (major === 5 && minor >= 13);

it.skipIf(callsFunctions)(
  "a congestion control in TypeScript is refused where programs call no functions of the kernel",
  async () => {
    const loading = load(join(repository, "examples/kernel/congestion.bpf.ts"));
    await expect(loading).rejects.toThrow(/uses reserved fields/);
  },
);

it.runIf(callsFunctions)("a congestion control in TypeScript carries a connection", async () => {
  const known = (): string => readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8");
  {
    await using module = await load(join(repository, "examples/kernel/congestion.bpf.ts"));
    expect(known()).toContain("scry_delay");
    expect(send("scry_delay", 20_000_000)).toBe("scry_delay 20000000");
    const { rounds } = module as unknown as { rounds: { value: bigint } };
    expect(Number(rounds.value)).toBeGreaterThan(5);
  }
  expect(known()).not.toContain("scry_delay");
});
