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
