// A congestion control of our own, at work on a connection of this test.

import { execFileSync, spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { counters } from "../../test/data/small-programs.ts";
import { noteSources } from "../../test/support/lab-results.ts";
import { assembleCode, type BpfObject, type MapSpec, type ProgramSpec } from "../object/index.ts";
import { UnsupportedError } from "./errors.ts";
import { type LoadedObject, loadObject } from "./load.ts";
import { registerStructOps } from "./struct-ops.ts";

const data: MapSpec = { ...counters, name: "data" };

const member = (name: string, text: string): ProgramSpec => ({
  name,
  type: "struct_ops",
  attach: [],
  functions: [{ name, code: assembleCode(text), parameters: 1 }],
  target: { kind: "struct_ops", name: "tcp_congestion_ops", member: name },
});

/** Counts calls in a word. */
const counting = (word: number, answer: number): string => `
  r7 = map_value[data] + ${word * 8} ll
  r5 = *(u64 *)(r7 + 0)
  r5 += 1
  *(u64 *)(r7 + 0) = r5
  r0 = ${answer}
  exit`;

const control: BpfObject = {
  maps: [data],
  programs: [
    member("ssthresh", counting(0, 2)),
    member("cong_avoid", counting(1, 0)),
    member("undo_cwnd", counting(2, 10)),
  ],
  license: "GPL",
};

const netns = `scry-${process.pid}-cc`;
beforeAll(() => {
  execFileSync("ip", ["netns", "add", netns]);
  execFileSync("ip", ["-n", netns, "link", "set", "lo", "up"]);
});
afterAll(() => void spawnSync("ip", ["netns", "del", netns]));

const words = (object: LoadedObject): bigint[] => [...new BigUint64Array(object.maps.get("data")!.mapped(), 0, 3)];

/** A connection over loopback that sends 200,000 bytes, with the congestion control of this name as the default of its namespace. */
const transfer = (name: string): string =>
  spawnSync(
    "ip",
    [
      "netns",
      "exec",
      netns,
      process.execPath,
      "-e",
      `require("fs").writeFileSync("/proc/sys/net/ipv4/tcp_congestion_control", ${JSON.stringify(name)});
       const net = require("net");
       let got = 0;
       const server = net.createServer((s) => { s.on("data", (d) => { got += d.length; }); s.on("end", () => { console.log(got); server.close(); }); });
       server.listen(0, "127.0.0.1", () => net.connect(server.address().port, "127.0.0.1").end(Buffer.alloc(200000)));`,
    ],
    { encoding: "utf8", timeout: 10_000 },
  ).stdout;

describe("struct_ops", () => {
  it("a TCP congestion control decides for its connections", () => {
    using object = loadObject(control);
    const { ssthresh, cong_avoid, undo_cwnd } = Object.fromEntries(object.programs) as Record<
      string,
      NonNullable<ReturnType<LoadedObject["programs"]["get"]>>
    >;
    {
      using _ops = registerStructOps("tcp_congestion_ops", {
        name: "scry_test",
        // TCP_CONG_NON_RESTRICTED of net/tcp.h: namespaces other than the first may choose it.
        flags: 1,
        ssthresh: ssthresh!,
        cong_avoid: cong_avoid!,
        undo_cwnd: undo_cwnd!,
      });
      expect(transfer("scry_test")).toBe("200000\n");
      expect(words(object)[1]).toBeGreaterThan(0n);
    }
    // It is gone: its name cannot be chosen any more.
    const before = words(object);
    expect(transfer("scry_test")).toBe("");
    expect(words(object)).toEqual(before);
    noteSources({ "struct_ops (TCP congestion control)": { works: true } });
  });

  it("says what this kernel has not", () => {
    expect(() => registerStructOps("no_such_ops", {})).toThrow(UnsupportedError);
    expect(() => registerStructOps("tcp_congestion_ops", { no_such_member: 1 })).toThrow(/no member "no_such_member"/);
    expect(() => registerStructOps("tcp_congestion_ops", { name: "a-name-that-is-too-long" })).toThrow(RangeError);
    expect(() =>
      loadObject({
        ...control,
        programs: [
          {
            ...member("ssthresh", "r0 = 0\nexit"),
            target: { kind: "struct_ops", name: "tcp_congestion_ops", member: "nothing" },
          },
        ],
      }),
    ).toThrow(/no member "nothing"/);
  });
});
