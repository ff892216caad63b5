// tsc takes the kernel modules of the balancer's data plane.

import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { complaintsOf } from "../support/typescript.ts";

const plane = fileURLToPath(new URL("../../src/net/balance/plane", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "scry-plane-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The members of the kernel's structs that they use (include/uapi/linux/bpf.h). */
const KERNEL = `
import type { be16, ipv4, ipv6, u32 } from "scry/bpf";
declare module "scry/bpf" {
  interface KernelStructs {
    xdp_md: { readonly ingress_ifindex: u32; readonly data: u32; readonly data_end: u32 };
    bpf_sock_addr: { user_ip4: ipv4; user_ip6: ipv6; user_port: be16; readonly protocol: u32 };
  }
}
`;

it("takes the data plane of the balancer", () => {
  cpSync(plane, folder, { recursive: true });
  writeFileSync(join(folder, "kernel.d.ts"), KERNEL);
  const files = readdirSync(plane);
  expect(files.length).toBeGreaterThan(8);
  const { lines, text } = complaintsOf(folder, ["kernel.d.ts", ...files]);
  expect(lines, text).toEqual([]);
});
