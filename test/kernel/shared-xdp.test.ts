// XDP programs that share an interface, by libxdp's protocol: ours alone, and together with those of xdp-loader, in either
// order, with real packets between two network namespaces of the test's own. What needs programs that stand in for functions
// (freplace), this machine's kernel may not have; the lab's kernels do.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  inNetworkNamespace,
  interfaceIndex,
  leaveXdp,
  networkPrograms,
  type XdpDispatcher,
  xdpDispatcher,
} from "../../src/kernel/index.ts";
import { type AttachOptions, openObject } from "../../src/loader/index.ts";
import { objectFileOf } from "../../src/sources/index.ts";
import { Running, scryCommand } from "../support/commands.ts";
import { noteSources } from "../support/lab-results.ts";
import { sharedInterface, sharingRefusal } from "../support/shared-interface.ts";
import { hasTool, isLinux, lacking } from "../support/skips.ts";

const { a, b, netns, folder, pins, open } = sharedInterface("share");
const freplace = sharingRefusal() === undefined;

interface Said {
  readonly priority?: number;
  readonly chain?: readonly string[];
  /** What becomes of UDP packets for port 5555. */
  readonly verdict?: "PASS" | "DROP";
  readonly section?: string;
}

/** A program that counts UDP packets for port 5555 in `seen`. */
function source(name: string, { priority, chain, verdict = "PASS", section = "xdp" }: Said): string {
  const said = [
    ...(priority === undefined ? [] : [`__uint(priority, ${priority});`]),
    ...(chain === undefined
      ? []
      : ["PASS", "DROP"].map((one) => `__uint(XDP_${one}, ${chain.includes(one) ? 1 : 0});`)),
  ];
  const path = join(folder, `${name}.bpf.c`);
  writeFileSync(
    path,
    `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
${said.length === 0 ? "" : `struct { ${said.join(" ")} } _${name} SEC(".xdp_run_config");`}
__u64 seen;
SEC("${section}") int ${name}(struct xdp_md *ctx) {
  unsigned char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (p + 42 > end || p[12] != 8 || p[13] != 0 || p[23] != 17 || p[36] != 0x15 || p[37] != 0xb3) return XDP_PASS;
  seen++;
  return XDP_${verdict};
}
char LICENSE[] SEC("license") = "GPL";
`,
  );
  return path;
}

interface Program {
  readonly id: number;
  seen(): number;
  detach(): Promise<void>;
}

/** Loads a program and attaches it to v1, shared unless said otherwise. */
async function joined(name: string, said: Said = {}, options: AttachOptions = {}): Promise<Program> {
  const object = await openObject(source(name, said));
  open.push(object);
  await object.load();
  const before = slots().map(({ program }) => program);
  const link = await object.program(name).attach({ interface: "v1", netns, share: true, ...options });
  const id = slots().find(({ program }) => !before.includes(program))?.program ?? 0;
  return {
    id,
    seen: () => Number((object.bss as { seen: bigint }).seen),
    detach: () => link.detach(),
  };
}

const index = (): number => inNetworkNamespace(netns, () => interfaceIndex("v1"));
/** The program of v1. */
const there = (): number | undefined => networkPrograms(netns).find(({ where }) => where === "xdp")?.id;
const dispatcher = (): XdpDispatcher | undefined => {
  const id = there();
  return id === undefined ? undefined : xdpDispatcher(id, index());
};
const slots = (): XdpDispatcher["slots"] => dispatcher()?.slots ?? [];
const names = (): string[] => slots().map(({ name = "?", priority, chainCall }) => `${priority} ${name} ${chainCall}`);
const pinned = (): string[] => (existsSync(join(pins, "xdp")) ? readdirSync(join(pins, "xdp")) : []);

function send(count: number): void {
  const text = `for i in $(seq ${count}); do echo -n x > /dev/udp/10.9.0.2/5555; done`;
  const { status, stderr } = spawnSync("ip", ["netns", "exec", a, "bash", "-c", text], { encoding: "utf8" });
  expect(status, stderr).toBe(0);
}

/** The same while this process goes on. */
const sending = (count: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const text = `for i in $(seq ${count}); do echo -n x > /dev/udp/10.9.0.2/5555; done`;
    const child = spawn("ip", ["netns", "exec", a, "bash", "-c", text], { stdio: "ignore" });
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the sender ended with ${code}`))));
  });

/** xdp-loader in namespace b, with this mount namespace's files: what it said. */
function loader(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync("nsenter", [`--net=${netns}`, "xdp-loader", ...words], {
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(status, `xdp-loader ${words.join(" ")}: ${stdout}${stderr}`).toBe(0);
  return stdout + stderr;
}

/** The command in namespace b. */
const scry = (words: readonly string[]): Running =>
  new Running("nsenter", [`--net=${netns}`, process.execPath, scryCommand(), ...words], { timeout: 100_000 });

/** What `xdp-loader status` lists for v1: `priority name actions`. */
function status(): string[] {
  const rows = loader("status", "v1").split("\n");
  return rows.flatMap((row) => {
    const [, priority, name, actions = ""] = /^\s*=>\s+(\d+)\s+(\S+)\s+\d+\s+[0-9a-f]{16}\s*(\S*)/.exec(row) ?? [];
    return name === undefined ? [] : [`${priority} ${name} ${actions.toLowerCase().replaceAll("xdp_", "")}`];
  });
}

/** An object file that xdp-loader takes, compiled here. */
function objectFile(name: string, said: Said = {}): string {
  const path = join(folder, `${name}.o`);
  writeFileSync(path, objectFileOf(source(name, said), {}));
  return path;
}

/** What a program of xdp-loader has counted. */
function seenBy(id: number): number {
  const text = execFileSync("bpftool", ["-j", "prog", "show", "id", `${id}`], { encoding: "utf8" });
  const [map] = (JSON.parse(text) as { map_ids: number[] }).map_ids;
  const dump = execFileSync("bpftool", ["-j", "map", "lookup", "id", `${map}`, "key", "0", "0", "0", "0"], {
    encoding: "utf8",
  });
  const { value } = JSON.parse(dump) as { value: string[] };
  return Number(value[0]);
}

describe.skipIf(
  lacking("XDP programs that share an interface", { "programs that stand in for functions (freplace)": freplace }),
)("XDP programs share an interface", () => {
  it("one, and when it goes nothing is left", async () => {
    const only = await joined("only", { verdict: "DROP" });
    expect(names()).toEqual(["50 only pass"]);
    expect(pinned()).toEqual([`dispatch-${index()}-${there()}`]);
    send(3);
    expect(only.seen()).toBe(3);
    await only.detach();
    expect(there()).toBeUndefined();
    expect(pinned()).toEqual([]);
    noteSources({ "XDP, shared (libxdp's dispatcher)": { works: true } });
  });

  it("in the order of their priorities, whichever came first", async () => {
    const late = await joined("late", { priority: 20 });
    const early = await joined("early", { priority: 10, verdict: "DROP", chain: ["PASS"] });
    expect(names()).toEqual(["10 early pass", "20 late pass"]);
    send(3);
    expect([early.seen(), late.seen()]).toEqual([3, 0]);
    // After a drop the next one is asked, where it is said so.
    const through = await joined("through", { priority: 5, verdict: "DROP" }, { chainCall: ["drop", "pass"] });
    expect(names()).toEqual(["5 through drop,pass", "10 early pass", "20 late pass"]);
    send(2);
    expect([through.seen(), early.seen(), late.seen()]).toEqual([2, 5, 0]);
    await early.detach();
    expect(names()).toEqual(["5 through drop,pass", "20 late pass"]);
    send(4);
    expect([through.seen(), early.seen(), late.seen()]).toEqual([6, 5, 4]);
    await through.detach();
    await late.detach();
    expect(there()).toBeUndefined();
    expect(pinned()).toEqual([]);
  });

  it("with the priority that is said over that of the object, and equal ones by name", async () => {
    await joined("one", { priority: 7 }, { priority: 30 });
    await joined("two", {}, { priority: 30, chainCall: [] });
    await joined("again", {}, { priority: 30 });
    expect(names()).toEqual(["30 again pass", "30 one pass", "30 two "]);
  });

  it("up to ten", { timeout: 120_000 }, async () => {
    for (let i = 0; i < 10; i++) await joined(`p${i}`, { priority: 100 - i });
    expect(names().map((line) => line.split(" ")[1])).toEqual([..."9876543210"].map((digit) => `p${digit}`));
    send(1);
    await expect(joined("eleventh")).rejects.toThrow(
      /^xdp:v1: 10 programs share it already, and there is room for no more$/,
    );
    expect(slots()).toHaveLength(10);
  });

  it("and none is lost while others come and go", async () => {
    const stays = await joined("stays", { priority: 10 });
    const sent = sending(400);
    for (let i = 0; i < 4; i++) await (await joined("comes", { priority: i < 2 ? 5 : 50 })).detach();
    await sent;
    expect(stays.seen()).toBe(400);
  });

  it.skipIf(lacking("packets in pieces", { "Linux 5.18": isLinux(5, 18) }))(
    "takes packets in pieces where all of them do",
    async () => {
      const [one, two] = [
        await joined("frags1", { section: "xdp.frags" }),
        await joined("frags2", { section: "xdp.frags" }),
      ];
      expect(slots().map(({ frags }) => frags)).toEqual([true, true]);
      const third = await joined("whole");
      expect(slots().map(({ frags }) => frags)).toEqual([true, true, false]);
      for (const program of [one, two, third]) await program.detach();
    },
  );

  it("says what is in the way", async () => {
    const alone = await joined("alone", {}, { share: false });
    await expect(joined("second")).rejects.toThrow(
      /^xdp:v1: program \d+ "alone" stands there already \(native; held by .*; it goes with its link\); it was not attached to be shared$/,
    );
    await alone.detach();
    await joined("first");
    await expect(joined("third", {}, { share: false })).rejects.toThrow(
      /^xdp:v1: program \d+ "xdp_dispatcher" stands there already \(native; .*; it lets 1 program share the interface: attach this one to share it, too\)$/,
    );
    await expect(joined("fourth", {}, { mode: "generic" })).rejects.toThrow(
      /^xdp:v1: the programs there are attached native, not generic$/,
    );
    await expect(joined("fifth", {}, { priority: -1 })).rejects.toThrow(
      /a priority is a whole number from 0 to 4294967295/,
    );
    await expect(joined("sixth", {}, { share: false, priority: 1 })).rejects.toThrow(/go with share: true/);
    expect(names()).toEqual(["50 first pass"]);
  });

  it("generic, where that is asked for", async () => {
    const one = await joined("one", {}, { mode: "generic" });
    const two = await joined("two", {});
    expect(networkPrograms(netns).map(({ by }) => by)).toEqual(["generic"]);
    send(2);
    expect([one.seen(), two.seen()]).toEqual([2, 2]);
  });

  it("by scry run, shown by scry net, and left there by one that is killed", { timeout: 120_000 }, async () => {
    const words = (name: string, ...more: string[]): string[] => [
      ...["run", "--interface", "v1", "--share", ...more],
      source(name, { priority: 20 }),
    ];
    const one = scry(words("one"));
    await one.until("attached", "stderr");
    const two = scry(words("two", "--priority", "10", "--chain-call", "none"));
    await two.until("attached", "stderr");
    const { stdout } = await scry(["net"]).done;
    const rows = stdout.split("\n").filter((row) => row.startsWith("v1"));
    expect(rows.map((row) => row.replaceAll(/\s+/g, " "))).toEqual([
      expect.stringMatching(/^v1 xdp 1 native \d+ xdp_dispatcher /),
      expect.stringMatching(/^v1 xdp slot 1 priority 10, the last \d+ two /),
      expect.stringMatching(/^v1 xdp slot 2 priority 20, on at pass \d+ one /),
    ]);
    two.kill("SIGINT");
    expect((await two.done).status).toBe(0);
    expect(names()).toEqual(["20 one pass"]);
    one.kill("SIGKILL");
    await one.done;
    expect(names()).toEqual(["20 one pass"]);
    const left = await scry(["net", "--leave", `${slots()[0]?.program}`]).done;
    expect([left.status, left.stderr]).toEqual([0, ""]);
    expect(there()).toBeUndefined();
    expect(pinned()).toEqual([]);
    const nobody = await scry(["net", "--leave", "1"]).done;
    expect([nobody.status, nobody.stderr]).toEqual([
      1,
      expect.stringContaining("program 1 shares no interface of this network namespace with others"),
    ]);
  });

  it("is taken away by others, or with its interface, and nothing stays", async () => {
    const [one, two] = [await joined("one"), await joined("two")];
    leaveXdp(one.id, index(), netns);
    expect(names()).toEqual(["50 two pass"]);
    await one.detach();
    expect(names()).toEqual(["50 two pass"]);
    spawnSync("ip", ["-n", b, "link", "set", "dev", "v1", "xdp", "off"]);
    expect(pinned()).toHaveLength(1);
    await two.detach();
    expect(pinned()).toEqual([]);
  });
});

describe.skipIf(
  lacking("XDP programs beside those of xdp-loader", {
    "programs that stand in for functions (freplace)": freplace,
    "xdp-loader (xdp-tools)": hasTool("xdp-loader"),
    bpftool: hasTool("bpftool"),
  }),
)("XDP programs share an interface with xdp-loader's", { timeout: 120_000 }, () => {
  it("which came first", async () => {
    loader("load", "v1", objectFile("theirs", { priority: 20, chain: ["PASS"] }));
    expect(names()).toEqual(["20 theirs pass"]);
    const [{ program: theirs }] = slots() as unknown as [{ program: number }];
    const ours = await joined("ours", { priority: 10 });
    expect(names()).toEqual(["10 ours pass", "20 theirs pass"]);
    expect(status()).toEqual(names());
    send(3);
    expect([ours.seen(), seenBy(theirs)]).toEqual([3, 3]);
    const wall = await joined("wall", { priority: 15, verdict: "DROP" });
    send(2);
    expect([ours.seen(), wall.seen(), seenBy(theirs)]).toEqual([5, 2, 3]);
    await ours.detach();
    await wall.detach();
    expect(status()).toEqual(["20 theirs pass"]);
    send(1);
    expect(seenBy(theirs)).toBe(4);
    loader("unload", "v1", "--all");
    expect(there()).toBeUndefined();
    expect(pinned()).toEqual([]);
  });

  it("which comes second", async () => {
    const ours = await joined("ours", { priority: 10, verdict: "DROP" }, { chainCall: ["pass", "drop"] });
    expect(status()).toEqual(["10 ours drop,pass"]);
    loader("load", "v1", objectFile("theirs", { priority: 20, verdict: "DROP" }));
    expect(status()).toEqual(["10 ours drop,pass", "20 theirs pass"]);
    expect(names()).toEqual(status());
    const theirs = slots()[1]?.program as number;
    send(3);
    expect([ours.seen(), seenBy(theirs)]).toEqual([3, 3]);
    loader("unload", "v1", "--id", `${theirs}`);
    expect(names()).toEqual(["10 ours drop,pass"]);
    send(1);
    expect(ours.seen()).toBe(4);
    loader("load", "v1", objectFile("theirs", { priority: 5 }));
    expect(names()).toEqual(["5 theirs pass", "10 ours drop,pass"]);
    // Theirs takes ours away, too.
    loader("unload", "v1", "--id", `${ours.id}`);
    expect(names()).toEqual(["5 theirs pass"]);
    await ours.detach();
    expect(names()).toEqual(["5 theirs pass"]);
    loader("unload", "v1", "--all");
    expect(pinned()).toEqual([]);
  });
});
