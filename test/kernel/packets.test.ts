// skboutput(): packets of this process, sent on the loopback, as a pcap file.

import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hasFeature } from "../../src/kernel/index.ts";
import { NOTIFY, runScry, scratchFolder, startScry } from "../support/commands.ts";
import { lacking } from "../support/skips.ts";

const fentry = hasFeature("fentry");

/** The packets of a pcap file with times to the nanosecond. */
function packetsOf(bytes: Buffer): { readonly time: number; readonly packet: Buffer }[] {
  expect([bytes.readUInt32LE(0), bytes.readUInt32LE(20)]).toEqual([0xa1b23c4d, 101]);
  const packets: { time: number; packet: Buffer }[] = [];
  for (let at = 24; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    packets.push({ time: bytes.readUInt32LE(at), packet: bytes.subarray(at + 16, at + 16 + length) });
    at += 16 + length;
  }
  return packets;
}

describe("skboutput()", () => {
  it.skipIf(lacking("skboutput", { fentry }))("writes what this process sends, with the time", async () => {
    const file = join(scratchFolder(), "sent.pcap");
    const script = `fentry:ip_send_skb /pid == $1/ { $r = skboutput("${file}", args.skb, args.skb.len, 0); @[$r] = count(); }`;
    const run = startScry(["-e", script, "--", String(process.pid)], { env: { [NOTIFY]: "1" } });
    await run.until(NOTIFY);
    const socket = createSocket("udp4");
    for (const text of ["one", "two", "three"])
      await new Promise<void>((resolve, reject) =>
        socket.send(text, 45_678, "127.0.0.1", (error) => (error === null ? resolve() : reject(error))),
      );
    socket.close();
    run.kill("SIGINT");
    const ended = await run.done;
    expect(ended.stdout).toContain("@[0]: 3");
    const packets = packetsOf(readFileSync(file));
    // IPv4 without options, UDP.
    expect(packets.map(({ packet }) => [packet[0], packet[9], packet.subarray(28).toString()])).toEqual([
      [0x45, 17, "one"],
      [0x45, 17, "two"],
      [0x45, 17, "three"],
    ]);
    for (const { time } of packets) expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(120);
  });

  it("is for functions whose arguments are packets", async () => {
    for (const [script, says] of [
      ['begin { skboutput("x", 1, 2, 3) }', 'skboutput can not be used with "begin" probes'],
      ['tracepoint:net:net_dev_queue { skboutput("x", args.skbaddr, 1, 0) }', 'with "tracepoint" probes'],
      [
        'fentry:ip_send_skb { skboutput("x", args.net, 1, 0) }',
        "takes a pointer to a struct sk_buff (struct net * provided)",
      ],
      [
        'fentry:ip_send_skb { skboutput("x", args.skb, 1, nsecs) }',
        "requires a literal from 0 to 65535 for its offset",
      ],
      ["fentry:ip_send_skb { skboutput(comm, args.skb, 1, 0) }", "requires a string literal for its path"],
    ] as const) {
      const { stderr } = await runScry(["-e", script]);
      expect(stderr).toContain(says);
    }
  });
});
