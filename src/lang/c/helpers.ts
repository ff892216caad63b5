// The kernel's helpers as C functions: what each gives, and how its arguments are widened.

import type { CFunction, Typing } from "../../c/index.ts";
import { helper } from "../../object/index.ts";

/** Helpers that give numbers without a sign of 64 or 32 bits; the others give `long` (bpf-helpers(7)). */
const UNSIGNED_64 =
  /^(?:ktime_get_(?:ns|boot_ns|coarse_ns|tai_ns)|get_current_(?:pid_tgid|uid_gid|cgroup_id|ancestor_cgroup_id|task)|get_(?:socket_cookie|netns_cookie|attach_cookie|func_ip|func_arg_cnt)|(?:skb|sk)_(?:ancestor_)?cgroup_id|jiffies64|ringbuf_query|perf_event_read)$/;
const UNSIGNED_32 =
  /^(?:get_prandom_u32|get_smp_processor_id|get_cgroup_classid|get_route_realm|get_hash_recalc|get_socket_uid|skb_cgroup_classid)$/;

/** A helper by its name in C: `bpf_map_lookup_elem`. */
export function helperFunction(name: string, typing: Typing): CFunction | undefined {
  if (!name.startsWith("bpf_")) return undefined;
  const row = helper(name.slice(4));
  if (row === undefined) return undefined;
  const { types } = typing;
  const params = row.args.map((kind, i) => ({
    name: `a${i + 1}`,
    // Sizes are numbers of 32 bits; of others, what is given says it.
    type: kind === "size" || kind === "size-or-zero" ? typing.unsigned : 0,
  }));
  const returns = ((): number => {
    if (row.returns === "void") return 0;
    if (row.returns !== "int") return types.pointer(pointed(row.name, typing));
    if (UNSIGNED_64.test(row.name)) return typing.unsignedLong;
    return UNSIGNED_32.test(row.name) ? typing.unsigned : typing.long;
  })();
  const type = types.add({ kind: "func_proto", name: "", returns, params, variadic: row.variadic === true });
  const span = { start: 0, end: 0 };
  return { name, type, span, static: false, inline: false, attributes: new Set(["helper"]), uses: 0 };
}

const STRUCTS: Readonly<Record<string, string>> = {
  get_current_task_btf: "task_struct",
  task_pt_regs: "pt_regs",
  sk_lookup_tcp: "bpf_sock",
  sk_lookup_udp: "bpf_sock",
  skc_lookup_tcp: "bpf_sock",
  sk_fullsock: "bpf_sock",
  get_listener_sock: "bpf_sock",
  tcp_sock: "bpf_tcp_sock",
  skc_to_tcp_sock: "tcp_sock",
  skc_to_tcp6_sock: "tcp6_sock",
  skc_to_tcp_timewait_sock: "tcp_timewait_sock",
  skc_to_tcp_request_sock: "tcp_request_sock",
  skc_to_udp6_sock: "udp6_sock",
  skc_to_unix_sock: "unix_sock",
  skc_to_mptcp_sock: "mptcp_sock",
  sock_from_file: "socket",
};

/** The struct that a helper's pointer leads to, by the helper's name without `bpf_`; undefined: the text says it. */
export const helperStruct = (name: string): string | undefined =>
  Object.hasOwn(STRUCTS, name) ? STRUCTS[name] : undefined;

function pointed(name: string, typing: Typing): number {
  const struct = helperStruct(name);
  return (struct === undefined ? undefined : typing.types.find(struct, "struct")) ?? 0;
}
