// The kernel's helpers, by the table of src/object/helpers.ts. Written by `npm run docs`: do not change it.

import type { AnyMap, i64, KernelStruct, Memory, u32, u64 } from "./types.ts";

/** What each takes and does: bpf-helpers(7). */
export interface Helpers {
  /** Linux 3.19; maps of hash, percpu_hash, lru_hash, lru_percpu_hash, array, percpu_array, lpm_trie, array_of_maps, hash_of_maps, xskmap, sockmap, sockhash, devmap, devmap_hash, cpumap */
  bpf_map_lookup_elem(map: AnyMap, key: Memory): object | undefined;
  /** Linux 3.19; maps of hash, percpu_hash, lru_hash, lru_percpu_hash, array, percpu_array, lpm_trie, sockmap, sockhash */
  bpf_map_update_elem(map: AnyMap, key: Memory, value: Memory, value2: number | object): i64;
  /** Linux 3.19; maps of hash, percpu_hash, lru_hash, lru_percpu_hash, array, percpu_array, lpm_trie, sockmap, sockhash */
  bpf_map_delete_elem(map: AnyMap, key: Memory): i64;
  /** Linux 4.1; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; under the GPL */
  bpf_probe_read(to: Memory, size: number, value: number | object): i64;
  /** Linux 4.1 */
  bpf_ktime_get_ns(): u64;
  /** Linux 4.1; under the GPL */
  bpf_trace_printk(memory: Memory, size: number, ...values: (number | object)[]): i64;
  /** Linux 4.1 */
  bpf_get_prandom_u32(): u32;
  /** Linux 4.1 */
  bpf_get_smp_processor_id(): u32;
  /** Linux 4.1; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_store_bytes(event: object, value: number | object, memory: Memory, size: number, value2: number | object): i64;
  /** Linux 4.1; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_l3_csum_replace(event: object, value: number | object, value2: number | object, value3: number | object, value4: number | object): i64;
  /** Linux 4.1; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_l4_csum_replace(event: object, value: number | object, value2: number | object, value3: number | object, value4: number | object): i64;
  /** Linux 4.2; maps of prog_array */
  bpf_tail_call(event: object, map: AnyMap, value: number | object): void;
  /** Linux 4.2; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_clone_redirect(event: object, value: number | object, value2: number | object): i64;
  /** Linux 4.2 */
  bpf_get_current_pid_tgid(): u64;
  /** Linux 4.2 */
  bpf_get_current_uid_gid(): u64;
  /** Linux 4.2 */
  bpf_get_current_comm(to: Memory, size: number): i64;
  /** Linux 4.3 */
  bpf_get_cgroup_classid(event: object): u32;
  /** Linux 4.3; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_vlan_push(event: object, value: number | object, value2: number | object): i64;
  /** Linux 4.3; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_vlan_pop(event: object): i64;
  /** Linux 4.3; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_get_tunnel_key(event: object, to: Memory, size: number, value: number | object): i64;
  /** Linux 4.3; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_set_tunnel_key(event: object, memory: Memory, size: number, value: number | object): i64;
  /** Linux 4.3; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; maps of perf_event_array; under the GPL */
  bpf_perf_event_read(map: AnyMap, value: number | object): u64;
  /** Linux 4.4; programs of sched_cls, sched_act, xdp, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_redirect(value: number | object, value2: number | object): i64;
  /** Linux 4.4 */
  bpf_get_route_realm(event: object): u32;
  /** Linux 4.4; programs of all but cgroup_sock, sock_ops, cgroup_device, sk_msg, cgroup_sock_addr, lirc_mode2, sk_reuseport, flow_dissector, cgroup_sysctl, cgroup_sockopt, struct_ops, ext, sk_lookup, syscall, netfilter; maps of perf_event_array; under the GPL */
  bpf_perf_event_output(event: object, map: AnyMap, value: number | object, memory: Memory, size: number): i64;
  /** Linux 4.5; programs of socket_filter, sched_cls, sched_act, cgroup_skb, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local, flow_dissector */
  bpf_skb_load_bytes(event: object, value: number | object, to: Memory, size: number): i64;
  /** Linux 4.6; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; maps of stack_trace; under the GPL */
  bpf_get_stackid(event: object, map: AnyMap, value: number | object): i64;
  /** Linux 4.6; programs of sched_cls, sched_act, xdp, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_csum_diff(memory: Memory | undefined, size: number, memory2: Memory | undefined, size2: number, value: number | object): i64;
  /** Linux 4.6; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_get_tunnel_opt(event: object, to: Memory, size: number): i64;
  /** Linux 4.6; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_set_tunnel_opt(event: object, memory: Memory, size: number): i64;
  /** Linux 4.8; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_change_proto(event: object, value: number | object, value2: number | object): i64;
  /** Linux 4.8; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_change_type(event: object, value: number | object): i64;
  /** Linux 4.8; maps of cgroup_array */
  bpf_skb_under_cgroup(event: object, map: AnyMap, value: number | object): i64;
  /** Linux 4.8 */
  bpf_get_hash_recalc(event: object): u32;
  /** Linux 4.8; under the GPL */
  bpf_get_current_task(): u64;
  /** Linux 4.8; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; under the GPL */
  bpf_probe_write_user(value: number | object, memory: Memory, size: number): i64;
  /** Linux 4.9; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; maps of cgroup_array */
  bpf_current_task_under_cgroup(map: AnyMap, value: number | object): i64;
  /** Linux 4.9; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_change_tail(event: object, value: number | object, value2: number | object): i64;
  /** Linux 4.9; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_pull_data(event: object, value: number | object): i64;
  /** Linux 4.9; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_csum_update(event: object, value: number | object): i64;
  /** Linux 4.9; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_set_hash_invalid(event: object): i64;
  /** Linux 4.10 */
  bpf_get_numa_node_id(): i64;
  /** Linux 4.10; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_change_head(event: object, value: number | object, value2: number | object): i64;
  /** Linux 4.10; programs of xdp */
  bpf_xdp_adjust_head(event: object, value: number | object): i64;
  /** Linux 4.11; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; under the GPL */
  bpf_probe_read_str(to: Memory, size: number, value: number | object): i64;
  /** Linux 4.12 */
  bpf_get_socket_cookie(event: object): u64;
  /** Linux 4.12 */
  bpf_get_socket_uid(event: object): u32;
  /** Linux 4.13; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_set_hash(event: object, value: number | object): i64;
  /** Linux 4.13 */
  bpf_setsockopt(event: object, value: number | object, value2: number | object, memory: Memory, size: number): i64;
  /** Linux 4.13; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_adjust_room(event: object, value: number | object, value2: number | object, value3: number | object): i64;
  /** Linux 4.14; programs of xdp; maps of devmap, devmap_hash, cpumap, xskmap */
  bpf_redirect_map(map: AnyMap, value: number | object, value2: number | object): i64;
  /** Linux 4.14; maps of sockmap */
  bpf_sk_redirect_map(event: object, map: AnyMap, value: number | object, value2: number | object): i64;
  /** Linux 4.14 */
  bpf_sock_map_update(event: object, map: AnyMap, key: Memory, value: number | object): i64;
  /** Linux 4.15; programs of xdp */
  bpf_xdp_adjust_meta(event: object, value: number | object): i64;
  /** Linux 4.15; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; maps of perf_event_array; under the GPL */
  bpf_perf_event_read_value(map: AnyMap, value: number | object, to: Memory, size: number): i64;
  /** Linux 4.15; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; under the GPL */
  bpf_perf_prog_read_value(event: object, to: Memory, size: number): i64;
  /** Linux 4.15 */
  bpf_getsockopt(event: object, value: number | object, value2: number | object, to: Memory, size: number): i64;
  /** Linux 4.16; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; under the GPL */
  bpf_override_return(event: object, value: number | object): i64;
  /** Linux 4.16 */
  bpf_sock_ops_cb_flags_set(event: object, value: number | object): i64;
  /** Linux 4.17; maps of sockmap */
  bpf_msg_redirect_map(event: object, map: AnyMap, value: number | object, value2: number | object): i64;
  /** Linux 4.17 */
  bpf_msg_apply_bytes(event: object, value: number | object): i64;
  /** Linux 4.17 */
  bpf_msg_cork_bytes(event: object, value: number | object): i64;
  /** Linux 4.17 */
  bpf_msg_pull_data(event: object, value: number | object, value2: number | object, value3: number | object): i64;
  /** Linux 4.17 */
  bpf_bind(event: object, memory: Memory, size: number): i64;
  /** Linux 4.18; programs of xdp */
  bpf_xdp_adjust_tail(event: object, value: number | object): i64;
  /** Linux 4.18; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_get_xfrm_state(event: object, value: number | object, to: Memory, size: number, value2: number | object): i64;
  /** Linux 4.18; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; under the GPL */
  bpf_get_stack(event: object, to: Memory, size: number, value: number | object): i64;
  /** Linux 4.18; programs of socket_filter, sched_cls, sched_act, cgroup_skb, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local, flow_dissector */
  bpf_skb_load_bytes_relative(event: object, value: number | object, to: Memory, size: number, value2: number | object): i64;
  /** Linux 4.18; programs of sched_cls, sched_act, xdp; under the GPL */
  bpf_fib_lookup(event: object, memory: Memory, size: number, value: number | object): i64;
  /** Linux 4.18 */
  bpf_sock_hash_update(event: object, map: AnyMap, key: Memory, value: number | object): i64;
  /** Linux 4.18 */
  bpf_msg_redirect_hash(event: object, map: AnyMap, key: Memory, value: number | object): i64;
  /** Linux 4.18 */
  bpf_sk_redirect_hash(event: object, map: AnyMap, key: Memory, value: number | object): i64;
  /** Linux 4.18 */
  bpf_lwt_push_encap(event: object, value: number | object, memory: Memory, size: number): i64;
  /** Linux 4.18 */
  bpf_lwt_seg6_store_bytes(event: object, value: number | object, memory: Memory, size: number): i64;
  /** Linux 4.18 */
  bpf_lwt_seg6_adjust_srh(event: object, value: number | object, value2: number | object): i64;
  /** Linux 4.18 */
  bpf_lwt_seg6_action(event: object, value: number | object, memory: Memory, size: number): i64;
  /** Linux 4.18; programs of lirc_mode2 */
  bpf_rc_repeat(event: object): i64;
  /** Linux 4.18; programs of lirc_mode2 */
  bpf_rc_keydown(event: object, value: number | object, value2: number | object, value3: number | object): i64;
  /** Linux 4.18 */
  bpf_skb_cgroup_id(event: object): u64;
  /** Linux 4.18 */
  bpf_get_current_cgroup_id(): u64;
  /** Linux 4.19; maps of cgroup_storage, percpu_cgroup_storage */
  bpf_get_local_storage(map: AnyMap, value: number | object): object;
  /** Linux 4.19 */
  bpf_sk_select_reuseport(event: object, map: AnyMap, key: Memory, value: number | object): i64;
  /** Linux 4.19 */
  bpf_skb_ancestor_cgroup_id(event: object, value: number | object): u64;
  /** Linux 4.20; programs of all but socket_filter, kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm */
  bpf_sk_lookup_tcp(event: object, memory: Memory, size: number, value: number | object, value2: number | object): KernelStruct<"bpf_sock"> | undefined;
  /** Linux 4.20; programs of all but socket_filter, kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm */
  bpf_sk_lookup_udp(event: object, memory: Memory, size: number, value: number | object, value2: number | object): KernelStruct<"bpf_sock"> | undefined;
  /** Linux 4.20 */
  bpf_sk_release(socket: object): i64;
  /** Linux 4.20; maps of queue, stack, bloom_filter */
  bpf_map_push_elem(map: AnyMap, value: Memory, value2: number | object): i64;
  /** Linux 4.20; maps of queue, stack */
  bpf_map_pop_elem(map: AnyMap, value: Memory): i64;
  /** Linux 4.20; maps of queue, stack, bloom_filter */
  bpf_map_peek_elem(map: AnyMap, value: Memory): i64;
  /** Linux 4.20 */
  bpf_msg_push_data(event: object, value: number | object, value2: number | object, value3: number | object): i64;
  /** Linux 5.0 */
  bpf_msg_pop_data(event: object, value: number | object, value2: number | object, value3: number | object): i64;
  /** Linux 5.0; programs of lirc_mode2 */
  bpf_rc_pointer_rel(event: object, value: number | object, value2: number | object): i64;
  /** Linux 5.1 */
  bpf_sk_fullsock(socket: object): KernelStruct<"bpf_sock"> | undefined;
  /** Linux 5.1 */
  bpf_tcp_sock(socket: object): KernelStruct<"bpf_tcp_sock"> | undefined;
  /** Linux 5.1; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_ecn_set_ce(event: object): i64;
  /** Linux 5.1 */
  bpf_get_listener_sock(socket: object): KernelStruct<"bpf_sock"> | undefined;
  /** Linux 5.2; programs of all but socket_filter, kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm */
  bpf_skc_lookup_tcp(event: object, memory: Memory, size: number, value: number | object, value2: number | object): KernelStruct<"bpf_sock"> | undefined;
  /** Linux 5.2; under the GPL */
  bpf_tcp_check_syncookie(socket: object, memory: Memory, size: number, memory2: Memory, size2: number): i64;
  /** Linux 5.2 */
  bpf_sysctl_get_name(event: object, to: Memory, size: number, value: number | object): i64;
  /** Linux 5.2 */
  bpf_sysctl_get_current_value(event: object, to: Memory | undefined, size: number): i64;
  /** Linux 5.2 */
  bpf_sysctl_get_new_value(event: object, to: Memory, size: number): i64;
  /** Linux 5.2 */
  bpf_sysctl_set_new_value(event: object, memory: Memory, size: number): i64;
  /** Linux 5.2 */
  bpf_strtol(memory: Memory, size: number, value: number | object, memory2: Memory): i64;
  /** Linux 5.2 */
  bpf_strtoul(memory: Memory, size: number, value: number | object, memory2: Memory): i64;
  /** Linux 5.2; maps of sk_storage */
  bpf_sk_storage_get(map: AnyMap, socket: object, value: Memory | undefined, value2: number | object): object | undefined;
  /** Linux 5.2; maps of sk_storage */
  bpf_sk_storage_delete(map: AnyMap, socket: object): i64;
  /** Linux 5.3; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm */
  bpf_send_signal(value: number | object): i64;
  /** Linux 5.3; under the GPL */
  bpf_tcp_gen_syncookie(socket: object, memory: Memory, size: number, memory2: Memory, size2: number): i64;
  /** Linux 5.5; maps of perf_event_array; under the GPL */
  bpf_skb_output(object: object, map: AnyMap, value: number | object, memory: Memory, size: number): i64;
  /** Linux 5.5; under the GPL */
  bpf_probe_read_user(to: Memory, size: number, value: number | object): i64;
  /** Linux 5.5; under the GPL */
  bpf_probe_read_kernel(to: Memory, size: number, value: number | object): i64;
  /** Linux 5.5; under the GPL */
  bpf_probe_read_user_str(to: Memory, size: number, value: number | object): i64;
  /** Linux 5.5; under the GPL */
  bpf_probe_read_kernel_str(to: Memory, size: number, value: number | object): i64;
  /** Linux 5.6; programs of struct_ops */
  bpf_tcp_send_ack(object: object, value: number | object): i64;
  /** Linux 5.6; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm */
  bpf_send_signal_thread(value: number | object): i64;
  /** Linux 5.6 */
  bpf_jiffies64(): u64;
  /** Linux 5.7; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; under the GPL */
  bpf_read_branch_records(event: object, to: Memory | undefined, size: number, value: number | object): i64;
  /** Linux 5.7 */
  bpf_get_ns_current_pid_tgid(value: number | object, value2: number | object, to: Memory, size: number): i64;
  /** Linux 5.7; maps of perf_event_array; under the GPL */
  bpf_xdp_output(object: object, map: AnyMap, value: number | object, memory: Memory, size: number): i64;
  /** Linux 5.7 */
  bpf_get_netns_cookie(event: object | undefined): u64;
  /** Linux 5.7 */
  bpf_get_current_ancestor_cgroup_id(value: number | object): u64;
  /** Linux 5.7 */
  bpf_sk_assign(event: object, socket: object, value: number | object): i64;
  /** Linux 5.8 */
  bpf_ktime_get_boot_ns(): u64;
  /** Linux 5.8; under the GPL */
  bpf_seq_printf(object: object, memory: Memory, size: number, memory2: Memory | undefined, size2: number): i64;
  /** Linux 5.8; under the GPL */
  bpf_seq_write(object: object, memory: Memory, size: number): i64;
  /** Linux 5.8 */
  bpf_sk_cgroup_id(socket: object): u64;
  /** Linux 5.8 */
  bpf_sk_ancestor_cgroup_id(socket: object, value: number | object): u64;
  /** Linux 5.8; maps of ringbuf */
  bpf_ringbuf_output(map: AnyMap, memory: Memory, size: number, value: number | object): i64;
  /** Linux 5.8; maps of ringbuf */
  bpf_ringbuf_reserve(map: AnyMap, size: number, value: number | object): object | undefined;
  /** Linux 5.8 */
  bpf_ringbuf_submit(record: object, value: number | object): void;
  /** Linux 5.8 */
  bpf_ringbuf_discard(record: object, value: number | object): void;
  /** Linux 5.8; maps of ringbuf */
  bpf_ringbuf_query(map: AnyMap, value: number | object): u64;
  /** Linux 5.8; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_csum_level(event: object, value: number | object): i64;
  /** Linux 5.9 */
  bpf_skc_to_tcp6_sock(socket: object): KernelStruct<"tcp6_sock"> | undefined;
  /** Linux 5.9 */
  bpf_skc_to_tcp_sock(socket: object): KernelStruct<"tcp_sock"> | undefined;
  /** Linux 5.9 */
  bpf_skc_to_tcp_timewait_sock(socket: object): KernelStruct<"tcp_timewait_sock"> | undefined;
  /** Linux 5.9 */
  bpf_skc_to_tcp_request_sock(socket: object): KernelStruct<"tcp_request_sock"> | undefined;
  /** Linux 5.9 */
  bpf_skc_to_udp6_sock(socket: object): KernelStruct<"udp6_sock"> | undefined;
  /** Linux 5.9; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm */
  bpf_get_task_stack(object: object, to: Memory, size: number, value: number | object): i64;
  /** Linux 5.10 */
  bpf_load_hdr_opt(event: object, to: Memory, size: number, value: number | object): i64;
  /** Linux 5.10 */
  bpf_store_hdr_opt(event: object, memory: Memory, size: number, value: number | object): i64;
  /** Linux 5.10 */
  bpf_reserve_hdr_opt(event: object, value: number | object, value2: number | object): i64;
  /** Linux 5.10; programs of tracing, lsm; maps of inode_storage */
  bpf_inode_storage_get(map: AnyMap, object: object, value: Memory | undefined, value2: number | object): object | undefined;
  /** Linux 5.10; programs of tracing, lsm; maps of inode_storage */
  bpf_inode_storage_delete(map: AnyMap, object: object): i64;
  /** Linux 5.10 */
  bpf_d_path(object: object, to: Memory, size: number): i64;
  /** Linux 5.10; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm */
  bpf_copy_from_user(to: Memory, size: number, value: number | object): i64;
  /** Linux 5.10 */
  bpf_snprintf_btf(to: Memory, size: number, memory: Memory, size2: number, value: number | object): i64;
  /** Linux 5.10; under the GPL */
  bpf_seq_printf_btf(object: object, memory: Memory, size: number, value: number | object): i64;
  /** Linux 5.10 */
  bpf_skb_cgroup_classid(event: object): u32;
  /** Linux 5.10; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_redirect_neigh(value: number | object, memory: Memory | undefined, size: number, value2: number | object): i64;
  /** Linux 5.10 */
  bpf_per_cpu_ptr(variable: object, value: number | object): object | undefined;
  /** Linux 5.10 */
  bpf_this_cpu_ptr(variable: object): object;
  /** Linux 5.10; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_redirect_peer(value: number | object, value2: number | object): i64;
  /** Linux 5.11; maps of task_storage */
  bpf_task_storage_get(map: AnyMap, object: object | undefined, value: Memory | undefined, value2: number | object): object | undefined;
  /** Linux 5.11; maps of task_storage */
  bpf_task_storage_delete(map: AnyMap, object: object | undefined): i64;
  /** Linux 5.11; under the GPL */
  bpf_get_current_task_btf(): KernelStruct<"task_struct">;
  /** Linux 5.11; programs of lsm */
  bpf_bprm_opts_set(object: object, value: number | object): i64;
  /** Linux 5.11 */
  bpf_ktime_get_coarse_ns(): u64;
  /** Linux 5.11; programs of lsm; under the GPL */
  bpf_ima_inode_hash(object: object, to: Memory, size: number): i64;
  /** Linux 5.11 */
  bpf_sock_from_file(object: object): KernelStruct<"socket"> | undefined;
  /** Linux 5.12; programs of sched_cls, sched_act, xdp; under the GPL */
  bpf_check_mtu(event: object, value: number | object, memory: Memory, value2: number | object, value3: number | object): i64;
  /** Linux 5.13; under the GPL */
  bpf_snprintf(to: Memory | undefined, size: number, text: string, memory: Memory | undefined, size2: number): i64;
  /** Linux 5.14 */
  bpf_sys_bpf(value: number | object, memory: Memory, size: number): i64;
  /** Linux 5.14 */
  bpf_btf_find_by_name_kind(memory: Memory, size: number, value: number | object, value2: number | object): i64;
  /** Linux 5.14 */
  bpf_sys_close(value: number | object): i64;
  /** Linux 5.15; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; under the GPL */
  bpf_get_func_ip(event: object): u64;
  /** Linux 5.15; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm */
  bpf_get_attach_cookie(event: object): u64;
  /** Linux 5.15; under the GPL */
  bpf_task_pt_regs(object: object): KernelStruct<"pt_regs">;
  /** Linux 5.16; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; under the GPL */
  bpf_get_branch_snapshot(to: Memory, size: number, value: number | object): i64;
  /** Linux 5.16; under the GPL */
  bpf_trace_vprintk(memory: Memory, size: number, memory2: Memory | undefined, size2: number): i64;
  /** Linux 5.16 */
  bpf_skc_to_unix_sock(socket: object): KernelStruct<"unix_sock"> | undefined;
  /** Linux 5.16 */
  bpf_kallsyms_lookup_name(memory: Memory, size: number, value: number | object, memory2: Memory): i64;
  /** Linux 5.17 */
  bpf_strncmp(memory: Memory, size: number, text: string): i64;
  /** Linux 5.17; programs of tracing */
  bpf_get_func_arg(event: object, value: number | object, memory: Memory): i64;
  /** Linux 5.17; programs of tracing */
  bpf_get_func_ret(event: object, memory: Memory): i64;
  /** Linux 5.17; programs of tracing */
  bpf_get_func_arg_cnt(event: object): u64;
  /** Linux 5.18 */
  bpf_get_retval(): i64;
  /** Linux 5.18 */
  bpf_set_retval(value: number | object): i64;
  /** Linux 5.18; programs of xdp */
  bpf_xdp_get_buff_len(event: object): i64;
  /** Linux 5.18; programs of xdp */
  bpf_xdp_load_bytes(event: object, value: number | object, to: Memory, size: number): i64;
  /** Linux 5.18; programs of xdp */
  bpf_xdp_store_bytes(event: object, value: number | object, to: Memory, size: number): i64;
  /** Linux 5.18; programs of kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm; under the GPL */
  bpf_copy_from_user_task(to: Memory, size: number, value: number | object, object: object, value2: number | object): i64;
  /** Linux 5.18; programs of sched_cls, sched_act, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local */
  bpf_skb_set_tstamp(event: object, value: number | object, value2: number | object): i64;
  /** Linux 5.18; programs of lsm; under the GPL */
  bpf_ima_file_hash(object: object, to: Memory, size: number): i64;
  /** Linux 5.19 */
  bpf_kptr_xchg(pointer: object, object: object | undefined): object | undefined;
  /** Linux 5.19; maps of percpu_array, percpu_hash, lru_percpu_hash */
  bpf_map_lookup_percpu_elem(map: AnyMap, key: Memory, value: number | object): object | undefined;
  /** Linux 5.19 */
  bpf_skc_to_mptcp_sock(socket: object): KernelStruct<"mptcp_sock"> | undefined;
  /** Linux 5.19 */
  bpf_dynptr_from_mem(memory: Memory, size: number, value: number | object, dynptr: object): i64;
  /** Linux 5.19; maps of ringbuf */
  bpf_ringbuf_reserve_dynptr(map: AnyMap, value: number | object, value2: number | object, dynptr: object): i64;
  /** Linux 5.19 */
  bpf_ringbuf_submit_dynptr(dynptr: object, value: number | object): void;
  /** Linux 5.19 */
  bpf_ringbuf_discard_dynptr(dynptr: object, value: number | object): void;
  /** Linux 5.19 */
  bpf_dynptr_read(to: Memory, size: number, dynptr: object, value: number | object, value2: number | object): i64;
  /** Linux 5.19 */
  bpf_dynptr_write(dynptr: object, value: number | object, memory: Memory, size: number, value2: number | object): i64;
  /** Linux 5.19 */
  bpf_dynptr_data(dynptr: object, value: number | object, size: number): object | undefined;
  /** Linux 6.0; under the GPL */
  bpf_tcp_raw_gen_syncookie_ipv4(memory: Memory, memory2: Memory, size: number): i64;
  /** Linux 6.0; under the GPL */
  bpf_tcp_raw_gen_syncookie_ipv6(memory: Memory, memory2: Memory, size: number): i64;
  /** Linux 6.0; under the GPL */
  bpf_tcp_raw_check_syncookie_ipv4(memory: Memory, memory2: Memory): i64;
  /** Linux 6.0; under the GPL */
  bpf_tcp_raw_check_syncookie_ipv6(memory: Memory, memory2: Memory): i64;
  /** Linux 6.1 */
  bpf_ktime_get_tai_ns(): u64;
  /** Linux 6.2; maps of cgrp_storage */
  bpf_cgrp_storage_get(map: AnyMap, object: object | undefined, value: Memory | undefined, value2: number | object): object | undefined;
  /** Linux 6.2; maps of cgrp_storage */
  bpf_cgrp_storage_delete(map: AnyMap, object: object | undefined): i64;
}
