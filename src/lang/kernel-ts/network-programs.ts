// Programs where packets and sockets pass: what each is given, the section that libbpf has for it, and what it gives where its
// function says nothing (it lets pass).

import type { ProtocolName } from "../../packets/index.ts";

/** How programs of a kind reach the bytes of a packet. */
export interface PacketForm {
  /** `xdp`, `tc`: where they lie; `loaded`: copies of them. */
  readonly form: "xdp" | "tc" | "loaded";
  /** Where packets begin. */
  readonly first: readonly ProtocolName[];
  /** Packets may be in more than one piece. */
  readonly fragments?: true;
}

export interface NetworkProgram {
  readonly section: string;
  /** The struct of the kernel that it is given. */
  readonly context: string;
  readonly otherwise: number;
  readonly packet?: PacketForm;
}

type Rows = Readonly<Record<string, NetworkProgram>>;

const rows = (
  context: string,
  otherwise: number,
  sections: Readonly<Record<string, string>>,
  packet?: PacketForm,
): Rows =>
  Object.fromEntries(
    Object.entries(sections).map(([name, section]) => [
      name,
      { section, context, otherwise, ...(packet === undefined ? {} : { packet }) },
    ]),
  );

export const NETWORK_PROGRAMS: Rows = {
  ...rows(
    "xdp_md",
    2,
    { xdp: "xdp", xdpDevmap: "xdp/devmap", xdpCpumap: "xdp/cpumap" },
    { form: "xdp", first: ["eth"] },
  ),
  ...rows("xdp_md", 2, { xdpFrags: "xdp.frags" }, { form: "xdp", first: ["eth"], fragments: true }),
  ...rows("__sk_buff", 0, { tc: "tc" }, { form: "tc", first: ["eth"] }),
  ...rows(
    "__sk_buff",
    -1,
    {
      tcxIngress: "tcx/ingress",
      tcxEgress: "tcx/egress",
      netkitPrimary: "netkit/primary",
      netkitPeer: "netkit/peer",
    },
    { form: "tc", first: ["eth"] },
  ),
  ...rows("__sk_buff", 0, { socketFilter: "socket" }, { form: "loaded", first: ["eth"] }),
  ...rows(
    "__sk_buff",
    1,
    { cgroupIngress: "cgroup_skb/ingress", cgroupEgress: "cgroup_skb/egress" },
    { form: "loaded", first: ["ipv4", "ipv6"] },
  ),
  ...rows(
    "__sk_buff",
    0,
    { lwtIn: "lwt_in", lwtOut: "lwt_out", lwtXmit: "lwt_xmit" },
    { form: "loaded", first: ["ipv4", "ipv6"] },
  ),
  ...rows("__sk_buff", 0, { flowDissector: "flow_dissector" }),
  ...rows("__sk_buff", 1, { skSkbParser: "sk_skb/stream_parser", skSkbVerdict: "sk_skb/stream_verdict" }),
  ...rows("bpf_sock_addr", 1, {
    cgroupConnect4: "cgroup/connect4",
    cgroupConnect6: "cgroup/connect6",
    cgroupConnectUnix: "cgroup/connect_unix",
    cgroupBind4: "cgroup/bind4",
    cgroupBind6: "cgroup/bind6",
    cgroupSendmsg4: "cgroup/sendmsg4",
    cgroupSendmsg6: "cgroup/sendmsg6",
    cgroupSendmsgUnix: "cgroup/sendmsg_unix",
    cgroupRecvmsg4: "cgroup/recvmsg4",
    cgroupRecvmsg6: "cgroup/recvmsg6",
    cgroupRecvmsgUnix: "cgroup/recvmsg_unix",
    cgroupGetpeername4: "cgroup/getpeername4",
    cgroupGetpeername6: "cgroup/getpeername6",
    cgroupGetpeernameUnix: "cgroup/getpeername_unix",
    cgroupGetsockname4: "cgroup/getsockname4",
    cgroupGetsockname6: "cgroup/getsockname6",
    cgroupGetsocknameUnix: "cgroup/getsockname_unix",
  }),
  ...rows("bpf_sock", 1, {
    cgroupSockCreate: "cgroup/sock_create",
    cgroupSockRelease: "cgroup/sock_release",
    cgroupPostBind4: "cgroup/post_bind4",
    cgroupPostBind6: "cgroup/post_bind6",
  }),
  ...rows("bpf_sockopt", 1, { cgroupGetsockopt: "cgroup/getsockopt", cgroupSetsockopt: "cgroup/setsockopt" }),
  ...rows("bpf_cgroup_dev_ctx", 1, { cgroupDevice: "cgroup/dev" }),
  ...rows("bpf_sysctl", 1, { cgroupSysctl: "cgroup/sysctl" }),
  ...rows("bpf_sock_ops", 1, { sockOps: "sockops" }),
  ...rows("sk_msg_md", 1, { skMsg: "sk_msg" }),
  ...rows("bpf_sk_lookup", 1, { skLookup: "sk_lookup" }),
  ...rows("sk_reuseport_md", 1, { reuseport: "sk_reuseport" }),
  ...rows("bpf_nf_ctx", 1, { netfilter: "netfilter" }),
};

/** Constants of the kernel's interface: what such programs give. */
export const VERDICTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  XDP: { ABORTED: 0, DROP: 1, PASS: 2, TX: 3, REDIRECT: 4 },
  TC: {
    OK: 0,
    RECLASSIFY: 1,
    SHOT: 2,
    PIPE: 3,
    STOLEN: 4,
    QUEUED: 5,
    REPEAT: 6,
    REDIRECT: 7,
    TRAP: 8,
    NEXT: -1,
  },
  SK: { DROP: 0, PASS: 1 },
  NF: { DROP: 0, ACCEPT: 1, STOLEN: 2, QUEUE: 3, REPEAT: 4 },
  LWT: { OK: 0, DROP: 2, REDIRECT: 7, REROUTE: 128 },
};
