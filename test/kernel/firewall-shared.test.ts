// The firewall beside XDP programs of others at one interface, by libxdp's protocol: packets between two network namespaces of the
// test's own. It needs programs that stand in for functions (freplace), which the lab's kernels have.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inNetworkNamespace, interfaceIndex, networkPrograms, xdpDispatcher } from "../../src/kernel/index.ts";
import { openObject } from "../../src/loader/index.ts";
import { type RulesData, rulesOf } from "../../src/net/firewall/index.ts";
import { applyFirewall, type LiveFirewall } from "../../src/net/index.ts";
import { Running, scryCommand } from "../support/commands.ts";
import { sharedInterface, sharingRefusal } from "../support/shared-interface.ts";
import { lacking } from "../support/skips.ts";

const { a, b, netns, folder, pins, open } = sharedInterface("beside");
const place = { interface: "v1", netns, hook: "xdp" } as const;
const refusal = sharingRefusal();

/** A program of somebody else's that counts packets of UDP and lets all on; what it has counted. */
async function stranger(priority: number): Promise<() => number> {
  const path = join(folder, `stranger${priority}.bpf.c`);
  writeFileSync(
    path,
    `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
__u64 seen;
SEC("xdp") int stranger(struct xdp_md *ctx) {
  unsigned char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (p + 42 > end || p[12] != 8 || p[13] != 0 || p[23] != 17) return XDP_PASS;
  seen++;
  return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
`,
  );
  const object = await openObject(path);
  open.push(object);
  await object.load();
  await object.program("stranger").attach({ interface: "v1", netns, share: true, priority });
  return () => Number((object.bss as { seen: bigint }).seen);
}

/** Who stands at v1, in order: priorities and names; undefined: nobody does. */
function members(): string[] | undefined {
  const index = inNetworkNamespace(netns, () => interfaceIndex("v1"));
  const id = networkPrograms(netns).find(({ where }) => where === "xdp")?.id;
  return id === undefined
    ? undefined
    : xdpDispatcher(id, index)?.slots.map(({ name, priority, chainCall }) => `${priority} ${name} ${chainCall}`);
}

function send(port: number, count: number): void {
  const text = `for i in $(seq ${count}); do echo -n x > /dev/udp/10.9.0.2/${port}; done`;
  const { status, stderr } = spawnSync("ip", ["netns", "exec", a, "bash", "-c", text], { encoding: "utf8" });
  expect(status, stderr).toBe(0);
}
const packetsBy = (firewall: LiveFirewall): number[] => firewall.counts().map(({ packets }) => Number(packets));
const rules: RulesData = {
  sets: { bad: { dynamic: true, networks: ["10.9.0.0/24"] } },
  rules: [
    { name: "seen", action: "count", protocol: "udp", bytes: [{ offset: 23, equal: "0x11" }] },
    { name: "no", action: "deny", protocol: "udp", "destination-port": 9, source: "$bad" },
    { name: "much", action: "deny", protocol: "udp", "destination-port": 10, over: { rate: "1/h", burst: 2 } },
  ],
};

describe.skipIf(
  lacking("the firewall beside other XDP programs", {
    "programs that stand in for functions (freplace)": refusal === undefined,
  }),
)("the firewall beside others", () => {
  it("asks before those of higher priorities, who see what it lets on", async () => {
    const seen = await stranger(60);
    await using firewall = applyFirewall(place, rulesOf(rules), { share: {} });
    expect(members()).toEqual(["50 firewall pass", "60 stranger pass"]);
    send(9, 2);
    send(10, 3);
    send(11, 4);
    expect(packetsBy(firewall).slice(0, 3)).toEqual([9, 2, 1]);
    expect(seen()).toBe(6);
  });

  it("asks behind those of lower ones, and goes without them", async () => {
    const first = applyFirewall(place, rulesOf(rules), { share: { priority: 20 } });
    const seen = await stranger(10);
    expect(members()).toEqual(["10 stranger pass", "20 firewall pass"]);
    send(9, 3);
    expect([seen(), packetsBy(first)[1]]).toEqual([3, 3]);
    await first.close();
    expect(members()).toEqual(["10 stranger pass"]);
    send(9, 2);
    expect(seen()).toBe(5);
  });

  it("alone, and when it goes nothing is left", async () => {
    const firewall = applyFirewall(place, rulesOf(rules), { share: {} });
    expect(members()).toEqual(["50 firewall pass"]);
    send(9, 1);
    expect(packetsBy(firewall)[1]).toBe(1);
    await firewall.close();
    expect(members()).toBeUndefined();
  });

  it("knows flows", async () => {
    const known = rulesOf({ default: "deny", rules: [{ name: "known", action: "allow", state: "established" }] });
    await using firewall = applyFirewall(place, known, { share: {} });
    send(9, 1);
    expect(packetsBy(firewall)).toEqual([0, 1]);
  });

  it("by the command", { timeout: 60_000 }, async () => {
    const seen = await stranger(60);
    const file = join(folder, "rules.json");
    writeFileSync(file, JSON.stringify(rules));
    const words = ["firewall", "apply", file, "-i", "v1", "--netns", b, "--share", "--priority", "5"];
    const running = new Running(process.execPath, [scryCommand(), ...words], {
      timeout: 50_000,
      env: { LIBXDP_BPFFS: pins },
    });
    while (!running.stderr.includes("Ctrl-C") && running.process.exitCode === null)
      await new Promise((done) => setTimeout(done, 50));
    expect([running.stderr, members()]).toEqual([
      "3 rules at v1; Ctrl-C ends it\n",
      ["5 firewall pass", "60 stranger pass"],
    ]);
    send(9, 2);
    running.process.kill("SIGINT");
    await running.done;
    expect(running.stdout).toMatch(/no +deny +2/);
    expect([seen(), members()]).toEqual([0, ["60 stranger pass"]]);
  });
});

it.skipIf(
  lacking("what is told where none stands in for a function", { "a kernel without freplace": refusal !== undefined }),
)("is told where the kernel lets nothing stand in for a function", () => {
  expect(() => applyFirewall(place, rulesOf(rules), { share: {} })).toThrow(/freplace.*did not let it/);
  expect(members()).toBeUndefined();
});

it("is for XDP, and for as long as scry is there", async () => {
  expect(() => applyFirewall({ ...place, hook: "tc" }, rulesOf(rules), { share: {} })).toThrow(
    "only XDP programs share an interface",
  );
  expect(() => applyFirewall(place, rulesOf(rules), { share: {}, persist: true })).toThrow("they cannot stay");
  const file = join(folder, "none.json");
  writeFileSync(file, JSON.stringify(rules));
  for (const [words, message] of [
    [["--share", "--persist"], "cannot stay (--persist)"],
    [["--priority", "5"], "--priority goes with --share"],
    [["--share", "--priority", "much"], "--priority is a number from 0 to 4294967295, not 'much'"],
  ] as const) {
    const running = new Running(process.execPath, [scryCommand(), "firewall", "apply", file, "-i", "lo", ...words]);
    await running.done;
    expect(running.stderr).toContain(message);
  }
});
