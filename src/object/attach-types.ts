// `enum bpf_attach_type` (include/uapi/linux/bpf.h): what a program of a type is for, said when it is loaded and attached.

/** Lower case, without `BPF_`; the number of each is its place. The kernel adds new ones at the end. */
const NAMES = `cgroup_inet_ingress cgroup_inet_egress cgroup_inet_sock_create cgroup_sock_ops sk_skb_stream_parser
sk_skb_stream_verdict cgroup_device sk_msg_verdict cgroup_inet4_bind cgroup_inet6_bind cgroup_inet4_connect
cgroup_inet6_connect cgroup_inet4_post_bind cgroup_inet6_post_bind cgroup_udp4_sendmsg cgroup_udp6_sendmsg lirc_mode2
flow_dissector cgroup_sysctl cgroup_udp4_recvmsg cgroup_udp6_recvmsg cgroup_getsockopt cgroup_setsockopt trace_raw_tp
trace_fentry trace_fexit modify_return lsm_mac trace_iter cgroup_inet4_getpeername cgroup_inet6_getpeername
cgroup_inet4_getsockname cgroup_inet6_getsockname xdp_devmap cgroup_inet_sock_release xdp_cpumap sk_lookup xdp
sk_skb_verdict sk_reuseport_select sk_reuseport_select_or_migrate perf_event trace_kprobe_multi lsm_cgroup struct_ops
netfilter tcx_ingress tcx_egress trace_uprobe_multi cgroup_unix_connect cgroup_unix_sendmsg cgroup_unix_recvmsg
cgroup_unix_getpeername cgroup_unix_getsockname netkit_primary netkit_peer trace_kprobe_session trace_uprobe_session`;

let numbers: Map<string, number> | undefined;
const table = (): ReadonlyMap<string, number> =>
  (numbers ??= new Map(NAMES.split(/\s+/).map((name, number) => [name, number])));

/** The names of all that are known, by number. */
export const attachTypeNames = (): readonly string[] => [...table().keys()];

/** The number of an attach type by its name. Throws RangeError for one that is not known. */
export function attachType(name: string): number {
  const number = table().get(name);
  if (number === undefined) throw new RangeError(`there is no attach type ${name}`);
  return number;
}

/** What of a cgroup's sockets a program is asked about: `enum bpf_attach_type`, lower case, without `BPF_CGROUP_`. */
export type CgroupAttachType =
  | "inet_ingress"
  | "inet_egress"
  | "inet_sock_create"
  | "inet_sock_release"
  | "sock_ops"
  | "device"
  | "sysctl"
  | "inet4_bind"
  | "inet6_bind"
  | "inet4_post_bind"
  | "inet6_post_bind"
  | "inet4_connect"
  | "inet6_connect"
  | "unix_connect"
  | "inet4_getpeername"
  | "inet6_getpeername"
  | "inet4_getsockname"
  | "inet6_getsockname"
  | "udp4_sendmsg"
  | "udp6_sendmsg"
  | "udp4_recvmsg"
  | "udp6_recvmsg"
  | "getsockopt"
  | "setsockopt";
