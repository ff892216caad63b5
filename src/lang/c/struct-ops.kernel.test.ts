// A struct of the kernel's from C text: registered from the text itself, and from the object file that is written of it.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { kernelBtf, liveKernel, loadObject, registerStructOps } from "../../kernel/index.ts";
import { type BpfObject, readObject, writeObject } from "../../object/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { compileC } from "./index.ts";

const TEXT = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
SEC("struct_ops/c_ssthresh") __u32 BPF_PROG(c_ssthresh, struct sock *sk) { return ((struct tcp_sock *)sk)->snd_cwnd / 2; }
SEC("struct_ops/c_avoid") void BPF_PROG(c_avoid, struct sock *sk, __u32 ack, __u32 acked) {}
SEC("struct_ops/c_undo") __u32 BPF_PROG(c_undo, struct sock *sk) { return ((struct tcp_sock *)sk)->snd_cwnd; }
SEC(".struct_ops.link") struct tcp_congestion_ops from_c = {
	.ssthresh = (void *)c_ssthresh, .cong_avoid = (void *)c_avoid, .undo_cwnd = (void *)c_undo, .name = "scry_from_c",
};`;

const available = (): string => readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8");

/** Is the algorithm there while the object's struct is registered? */
function registered(object: BpfObject): boolean {
  using loaded = loadObject(object);
  const [spec] = object.structOps ?? [];
  const members = (spec?.members ?? []).map(({ name, value }) => [
    name,
    value instanceof Uint8Array ? value : loaded.programs.get(value.program),
  ]);
  const struct = registerStructOps(spec?.struct ?? "", Object.fromEntries(members));
  const there = available().includes("scry_from_c");
  struct.close();
  return there && !available().includes("scry_from_c");
}

describe("struct_ops from C", () => {
  it("is registered, from the text and from the file", () => {
    const source = { name: "ops.bpf.c", text: TEXT };
    const { object, diagnostics } = compileC(source, { btf: () => kernelBtf(liveKernel()) });
    if (object === undefined) throw new DiagnosticError(diagnostics, source);
    expect(object.structOps).toMatchObject([{ name: "from_c", struct: "tcp_congestion_ops", link: true }]);
    expect(registered(object)).toBe(true);
    const { object: back } = readObject(writeObject(object));
    expect(back.structOps).toEqual(object.structOps);
    expect(registered(back)).toBe(true);
  });
});
