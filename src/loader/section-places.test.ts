// What section names say, on a kernel of text and this machine's own shell.

import { describe, expect, it } from "vitest";
import { FakeKernel } from "../../test/support/fake-kernel.ts";
import type { ProgramSpec } from "../object/index.ts";
import { type AttachOptions, placeOf } from "./attach-options.ts";
import { functionOffset } from "./section-places.ts";

const { kernel } = new FakeKernel({
  files: {
    "/sys/kernel/tracing/available_events": "",
    "/sys/kernel/tracing/available_filter_functions": "vfs_read\nvfs_write\nvfs_open [ext4]\ndo_exit\n",
  },
});

const program = (section: string, more: Partial<ProgramSpec> = {}): ProgramSpec => ({
  name: "p",
  type: "kprobe",
  attach: [],
  functions: [],
  section,
  ...more,
});
const place = (section: string, options: AttachOptions = {}, more: Partial<ProgramSpec> = {}): unknown =>
  placeOf(program(section, more), options, kernel);

describe("places of sections", () => {
  it("functions of the kernel by pattern, and system calls", () => {
    expect(place("kprobe.multi/vfs_*")).toEqual({
      kind: "kprobes",
      functions: ["vfs_read", "vfs_write", "vfs_open"],
      at: "entry",
    });
    expect(place("?kretprobe.multi/do_exit")).toMatchObject({ functions: ["do_exit"], at: "return" });
    expect(place("kprobe.session/vfs_r??d")).toMatchObject({ functions: ["vfs_read"], at: "session" });
    expect(() => place("kprobe.multi/nothing*")).toThrow("no functions to trace that match nothing*");
    const arch = process.arch === "arm64" ? "arm64" : "x64";
    expect(place("ksyscall/openat")).toMatchObject({
      targets: [{ kind: "kprobe", function: `__${arch}_sys_openat`, return: false }],
    });
    expect(place("kretsyscall/openat")).toMatchObject({ targets: [{ return: true }] });
  });

  it("functions and static probes of programs", () => {
    expect(place("uprobe.s//bin/sh:0x10+0x4", { pid: 7, cookie: 9 })).toEqual({
      kind: "targets",
      targets: [{ kind: "uprobe", path: "/bin/sh", offset: 0x14, return: false, pid: 7, cookie: 9n }],
    });
    expect(place("usdt//bin/sh:prov:name")).toEqual({ kind: "usdt", path: "/bin/sh", provider: "prov", name: "name" });
    expect(() => place("uprobe//no/such:f")).toThrow("there is no program or library /no/such");
    expect(() => functionOffset("/bin/sh", "no_such_function")).toThrow("/bin/sh has no function no_such_function");
    expect(() => place("usdt//bin/sh:name")).toThrow("PATH:PROVIDER:NAME");
  });

  it("what a section does not say is asked for", () => {
    expect(place("uretprobe/readline")).toMatchObject({ kind: "asked", needs: expect.stringMatching(/^function/) });
    expect(place("xdp", {}, { type: "xdp" })).toEqual({ kind: "asked", needs: "interface" });
    expect(place("perf_event", {}, { type: "perf_event" })).toMatchObject({ kind: "asked" });
    expect(
      place("lsm_cgroup/bind", {}, { type: "lsm", attachType: "lsm_cgroup", attach: [{ kind: "trampoline" }] }),
    ).toMatchObject({ kind: "asked", needs: expect.stringMatching(/^cgroup/) });
  });

  it("options say otherwise, by the kind of program", () => {
    expect(place("kprobe", { function: "f", offset: 4, return: true })).toMatchObject({
      targets: [{ kind: "kprobe", function: "f", offset: 4, return: true }],
    });
    expect(place("kprobe.multi/vfs_read", { function: "do_*" }, { attachType: "trace_kprobe_multi" })).toMatchObject({
      functions: ["do_exit"],
    });
    expect(place("uretprobe", { path: "/bin/sh", offset: 16 })).toMatchObject({
      targets: [{ kind: "uprobe", offset: 16, return: true }],
    });
    expect(place("tp/a/b", { tracepoint: "sched:sched_switch" }, { type: "tracepoint" })).toMatchObject({
      targets: [{ kind: "tracepoint", category: "sched", name: "sched_switch" }],
    });
    expect(place("tc", { interface: "lo", direction: "egress" }, { type: "sched_cls" })).toMatchObject({
      targets: [{ kind: "tc", interface: "lo", direction: "egress" }],
    });
    expect(place("tcx/ingress", { interface: "lo" }, { type: "sched_cls", attachType: "tcx_ingress" })).toMatchObject({
      targets: [{ direction: "ingress" }],
    });
    expect(place("netkit/peer", { interface: "nk0" }, { type: "sched_cls", attachType: "netkit_peer" })).toMatchObject({
      targets: [{ kind: "netkit", interface: "nk0" }],
    });
    expect(
      place("cgroup/connect4", { cgroup: "/g" }, { type: "cgroup_sock_addr", attachType: "cgroup_inet4_connect" }),
    ).toMatchObject({ targets: [{ kind: "cgroup", path: "/g", attachType: "inet4_connect" }] });
    expect(place("lsm_cgroup/bind", { cgroup: "/g" }, { type: "lsm", attachType: "lsm_cgroup" })).toMatchObject({
      targets: [{ kind: "cgroup", path: "/g" }],
    });
    expect(() => place("tc", { interface: "lo" }, { type: "sched_cls" })).toThrow("needs a direction");
    expect(() => place("kprobe", { usdt: { provider: "a", name: "b" } })).toThrow("usdt needs path");
  });
});
