// Each kind of program of the network, loaded: what says nothing lets pass, and the kernel takes it.

import { describe, expect, it } from "vitest";
import { kernelBtf } from "../../kernel/index.ts";
import { ObjectFile } from "../../loader/index.ts";
import { compileModule } from "./index.ts";
import { NETWORK_PROGRAMS } from "./network-programs.ts";

/** A member of what each is given, which programs of the kind may read. */
const READ: Readonly<Record<string, string>> = {
  xdp_md: "ingress_ifindex",
  __sk_buff: "len",
  bpf_sock_addr: "type",
  bpf_sock: "family",
  bpf_sockopt: "level",
  bpf_cgroup_dev_ctx: "major",
  bpf_sysctl: "write",
  bpf_sock_ops: "family",
  sk_msg_md: "family",
  bpf_sk_lookup: "family",
  sk_reuseport_md: "len",
};
/** Of flow dissectors the packet's keys and its bytes alone. */
const UNREAD = /^flowDissector$/;

describe("programs of the network", () => {
  it.each(Object.entries(NETWORK_PROGRAMS))("%s", async (name, { context }) => {
    const member = UNREAD.test(name) ? undefined : READ[context];
    const read = member === undefined ? "" : `if (given.${member} === 0x7ffffff0) bpf.print("never");`;
    const text = `import { bpf, ${name} } from "scry/bpf"; export const f = ${name}((given) => { ${read} });`;
    const { object, diagnostics } = compileModule({ name: "t.bpf.ts", text }, { btf: () => kernelBtf(), cpu: 4 });
    expect(diagnostics).toEqual([]);
    await using file = new ObjectFile(object as NonNullable<typeof object>, { name: "kinds" });
    await file.load();
    expect(file.program("f").info().name).toBe("f");
  });

  it("sends messages on to sockets, and chooses one of a group", async () => {
    const text = `import { reuseport, reuseportArray, skMsg, skSkbVerdict, sockHash, sockMap, SK, u16, u32, u64 } from "scry/bpf";
      export const numbered = sockMap({ maxEntries: 4 }); export const keyed = sockHash(u64); export const group = reuseportArray();
      export const f = skMsg((message) => (message.size > 9 ? numbered.redirect(1) : keyed.redirect(7, true)));
      export const g = skSkbVerdict((packet) => (packet.len > 9 ? numbered.redirect(1, true) : keyed.redirect(7)));
      export const h = reuseport((packet) => (group.select(packet.hash % 4) ? SK.PASS : SK.DROP));`;
    const { object, diagnostics } = compileModule({ name: "t.bpf.ts", text }, { btf: () => kernelBtf(), cpu: 4 });
    expect(diagnostics).toEqual([]);
    await using file = new ObjectFile(object as NonNullable<typeof object>, { name: "sockets" });
    await file.load();
    expect(["f", "g", "h"].map((name) => file.program(name).info().type)).toEqual(["sk_msg", "sk_skb", "sk_reuseport"]);
    const wrong = `import { sockMap, xdp } from "scry/bpf"; const m = sockMap(); export const f = xdp(() => m.redirect(0));`;
    const said = compileModule({ name: "t.bpf.ts", text: wrong }, { btf: () => kernelBtf() }).diagnostics;
    expect(said[0]?.message).toBe("skMsg and skSkbVerdict programs send on to sockets");
  });

  it("sends packets on by maps, and finds prefixes", async () => {
    const text = `import { be32, bpf, cpuMap, devMap, devMapHash, lpmTrie, u32, XDP, xdp, xskMap } from "scry/bpf";
      export const devices = devMap({ maxEntries: 4 }); export const byName = devMapHash(); export const cpus = cpuMap({ maxEntries: 2 });
      export const sockets = xskMap({ maxEntries: 4 }); export const numbers = lpmTrie(be32, u32);
      export const f = xdp((packet) => {
        const which = numbers.find(packet.eth()?.ipv4()?.id ?? 0) ?? 9;
        if (which === 0) return devices.redirect(0, XDP.PASS);
        if (which === 1) return byName.redirect(77);
        if (which === 2) return cpus.redirect(0, XDP.DROP);
        if (which === 3) return sockets.redirect(packet.rx_queue_index, XDP.PASS);
        return which === 4 ? bpf.redirect(1) : XDP.PASS;
      });`;
    const { object, diagnostics } = compileModule({ name: "t.bpf.ts", text }, { btf: () => kernelBtf(), cpu: 4 });
    expect(diagnostics).toEqual([]);
    await using file = new ObjectFile(object as NonNullable<typeof object>, { name: "maps" });
    await file.load();
    const numbers = file.map("numbers");
    const packet = new Uint8Array(60);
    packet.set([8, 0, 0x45, 0, 0, 46, 0, 0], 12);
    const verdicts = [0, 2, 3, 4].map((which) => {
      numbers.set({ bits: 0, key: 0 }, which);
      return file.program("f").testRun({ data: packet }).value;
    });
    // Nothing is in the maps: what is said for that case. Redirects to interfaces are decided later.
    expect(verdicts).toEqual([2, 1, 2, 4]);
    numbers.set({ bits: 32, key: 5 }, 9);
    packet.set([0, 5], 18);
    expect(file.program("f").testRun({ data: packet }).value).toBe(2);
  });
});
