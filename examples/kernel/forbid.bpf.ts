// Forbids a control group's processes to connect to addresses and ports that are not allowed: connect() fails with EPERM. What was
// forbidden is sent to a ring.
//
//     const link = await module.connect.attach({ cgroup: "/sys/fs/cgroup/my.service" });
//     module.allowed.set({ bits: 8, key: "10.0.0.0" }, { port: 443 });      // port 0: any

import { be16, bpf, cgroupConnect4, ipv4, lpmTrie, ring, struct, text, u16, u32 } from "scry/bpf";

const Allowed = struct({ port: u16 });
const Refused = struct({ pid: u32, comm: text(16), address: ipv4, port: be16 });
export const allowed = lpmTrie(ipv4, Allowed, { maxEntries: 10_000 });
export const refused = ring(Refused, { bytes: 64 * 1024 });

export const connect = cgroupConnect4((call) => {
  const address = call.user_ip4;
  const port = call.user_port;
  const rule = allowed.find(address);
  if (rule && (rule.port === 0 || rule.port === port)) return 1;
  refused.send({ pid: bpf.pid(), comm: bpf.comm(), address, port });
  return 0;
});
