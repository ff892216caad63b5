// Programs that must be refused: each has one mistake, which the kernel finds.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define NOINLINE __attribute__((noinline))
#define __ksym __attribute__((section(".ksyms")))

struct value {
  __u64 count, sum;
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, __u32);
  __type(value, struct value);
  __uint(max_entries, 8);
} array SEC(".maps");
struct inner {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, __u32);
  __type(value, __u64);
  __uint(max_entries, 16);
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 4);
  __type(key, __u32);
  __array(values, struct inner);
} outer SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} ring SEC(".maps");
struct locked {
  struct bpf_spin_lock lock;
  __u32 a;
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, __u32);
  __type(value, struct locked);
  __uint(max_entries, 2);
} locks SEC(".maps");
struct timed {
  __u64 fired;
  struct bpf_timer timer;
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, __u32);
  __type(value, struct timed);
  __uint(max_entries, 2);
} timers SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __type(key, __u32);
  __type(value, __u64);
  __uint(max_entries, 4);
} sockets SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __type(key, __u32);
  __type(value, __u32);
  __uint(max_entries, 4);
} stages SEC(".maps");

const volatile __u32 rounds = 70;
__u64 total, buckets[64];

struct bpf_iter_num {
  __u64 opaque;
} __attribute__((aligned(8)));
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 off, void *buffer, __u32 size) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void bpf_preempt_disable(void) __ksym;

SEC("xdp") int no_check(struct xdp_md *ctx) { return *(__u8 *)(long)ctx->data; }
SEC("xdp") int check_too_short(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (data + 4 > end) return 0;
  return *(volatile __u8 *)(data + 4);
}
SEC("xdp") int other_offset(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  __u32 a = ctx->rx_queue_index & 0xff, b = ctx->ingress_ifindex & 0xff;
  if (data + a + 1 > end) return 0;
  return *(volatile __u8 *)(data + b);
}
SEC("xdp") int offset_too_large(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  void *at = data + ctx->rx_queue_index;
  if (at + 1 > end) return 0;
  return *(volatile __u8 *)at;
}
SEC("xdp") int after_move(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (data + 4 > end) return 0;
  bpf_xdp_adjust_head(ctx, 4);
  return *(volatile __u8 *)data;
}
SEC("xdp") int no_egress(struct xdp_md *ctx) { return ctx->egress_ifindex; }
SEC("xdp") int wrong_helper(struct xdp_md *ctx) { return bpf_get_stackid(ctx, &array, 0); }
SEC("tc") int wide_read(struct __sk_buff *skb) { return *(volatile __u64 *)&skb->mark; }
SEC("tc") int no_write(struct __sk_buff *skb) { *(volatile __u32 *)&skb->len = 1; return 0; }
SEC("tc") int no_field(struct __sk_buff *skb) { return skb->remote_ip4; }
SEC("tp/syscalls/sys_enter_read") int first_bytes(void *ctx) { return *(volatile __u64 *)ctx; }
SEC("tc") int write_maybe_null(struct __sk_buff *skb) {
  __u32 key = skb->mark;
  struct value *v = bpf_map_lookup_elem(&array, &key);
  return v->count;
}
SEC("tc") int past_value(struct __sk_buff *skb) {
  __u32 key = 1;
  struct value *v = bpf_map_lookup_elem(&array, &key);
  if (!v) return 0;
  return *(volatile __u64 *)(v + 1);
}
SEC("tc") int inner_maybe_null(struct __sk_buff *skb) {
  __u32 key = 1;
  void *map = bpf_map_lookup_elem(&outer, &key);
  return (long)bpf_map_lookup_elem(map, &key);
}
SEC("tc") int inner_as_value(struct __sk_buff *skb) {
  __u32 key = 1;
  __u64 *map = bpf_map_lookup_elem(&outer, &key);
  if (map) *(volatile __u64 *)map = 1;
  return 0;
}
SEC("tc") int update_outer(struct __sk_buff *skb) {
  __u32 key = 1;
  return bpf_map_update_elem(&outer, &key, &key, 0);
}
SEC("tc") int lost_record(struct __sk_buff *skb) {
  __u64 *record = bpf_ringbuf_reserve(&ring, 8, 0);
  if (record) *record = 1;
  return 0;
}
SEC("tc") int twice(struct __sk_buff *skb) {
  __u64 *record = bpf_ringbuf_reserve(&ring, 8, 0);
  if (!record) return 0;
  bpf_ringbuf_submit(record, 0);
  bpf_ringbuf_submit(record, 0);
  return 0;
}
SEC("tc") int after_submit(struct __sk_buff *skb) {
  __u64 *record = bpf_ringbuf_reserve(&ring, 8, 0);
  if (!record) return 0;
  bpf_ringbuf_submit(record, 0);
  return *(volatile __u64 *)record;
}
SEC("tc") int past_record(struct __sk_buff *skb) {
  __u64 *record = bpf_ringbuf_reserve(&ring, 8, 0);
  if (!record) return 0;
  *(volatile __u64 *)(record + 1) = 1;
  bpf_ringbuf_submit(record, 0);
  return 0;
}
SEC("tc") int lock_kept(struct __sk_buff *skb) {
  __u32 key = 0;
  struct locked *v = bpf_map_lookup_elem(&locks, &key);
  if (v) bpf_spin_lock(&v->lock);
  return 0;
}
SEC("tc") int lock_twice(struct __sk_buff *skb) {
  __u32 key = 0;
  struct locked *v = bpf_map_lookup_elem(&locks, &key);
  if (!v) return 0;
  bpf_spin_lock(&v->lock);
  bpf_spin_lock(&v->lock);
  bpf_spin_unlock(&v->lock);
  return 0;
}
SEC("tc") int other_lock(struct __sk_buff *skb) {
  __u32 key = 0;
  struct locked *a = bpf_map_lookup_elem(&locks, &key);
  struct locked *b = bpf_map_lookup_elem(&locks, &key);
  if (!a || !b) return 0;
  bpf_spin_lock(&a->lock);
  bpf_spin_unlock(&b->lock);
  return 0;
}
SEC("tc") int helper_in_lock(struct __sk_buff *skb) {
  __u32 key = 0;
  struct locked *v = bpf_map_lookup_elem(&locks, &key);
  if (!v) return 0;
  bpf_spin_lock(&v->lock);
  v->a = bpf_get_prandom_u32();
  bpf_spin_unlock(&v->lock);
  return 0;
}
SEC("tc") int write_lock(struct __sk_buff *skb) {
  __u32 key = 0;
  struct locked *v = bpf_map_lookup_elem(&locks, &key);
  if (v) *(volatile __u32 *)v = 1;
  return 0;
}
SEC("tc") int read_lock(struct __sk_buff *skb) {
  __u32 key = 0;
  struct locked *v = bpf_map_lookup_elem(&locks, &key);
  return v ? *(volatile __u32 *)v : 0;
}
SEC("tc") int lock_elsewhere(struct __sk_buff *skb) {
  __u32 key = 0;
  struct locked *v = bpf_map_lookup_elem(&locks, &key);
  if (!v) return 0;
  bpf_spin_lock((void *)&v->a);
  bpf_spin_unlock((void *)&v->a);
  return 0;
}
SEC("tc") int write_timer(struct __sk_buff *skb) {
  __u32 key = 0;
  struct timed *v = bpf_map_lookup_elem(&timers, &key);
  if (v) *(volatile __u64 *)&v->timer = 1;
  return 0;
}
SEC("tc") int timer_elsewhere(struct __sk_buff *skb) {
  __u32 key = 0;
  struct timed *v = bpf_map_lookup_elem(&timers, &key);
  return v ? bpf_timer_start((void *)&v->fired, 1, 0) : 0;
}
SEC("tc") int timer_of_other(struct __sk_buff *skb) {
  __u32 key = 0;
  struct timed *v = bpf_map_lookup_elem(&timers, &key);
  return v ? bpf_timer_init(&v->timer, &array, 1) : 0;
}
SEC("raw_tp/sys_enter") int timer_in_tracing(void *ctx) {
  __u32 key = 0;
  struct timed *v = bpf_map_lookup_elem(&timers, &key);
  return v ? bpf_timer_init(&v->timer, &timers, 1) : 0;
}
SEC("tc") int lost_socket(struct __sk_buff *skb) {
  struct bpf_sock_tuple tuple = {};
  return bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0) != 0;
}
SEC("tc") int socket_unchecked(struct __sk_buff *skb) {
  struct bpf_sock_tuple tuple = {};
  bpf_sk_release(bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0));
  return 0;
}
SEC("tc") int socket_after_release(struct __sk_buff *skb) {
  struct bpf_sock_tuple tuple = {};
  struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0);
  if (!sk) return 0;
  struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);
  bpf_sk_release(sk);
  return tcp ? tcp->snd_cwnd : 0;
}
SEC("tc") int tail_call_holding(struct __sk_buff *skb) {
  struct bpf_sock_tuple tuple = {};
  struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0);
  if (!sk) return 0;
  bpf_tail_call(skb, &stages, 1);
  bpf_sk_release(sk);
  return 0;
}
SEC("tc") int release_borrowed(struct __sk_buff *skb) {
  struct bpf_sock *sk = skb->sk;
  if (sk) bpf_sk_release(sk);
  return 0;
}
SEC("tc") int field_of_socket(struct __sk_buff *skb) {
  struct bpf_sock *sk = skb->sk;
  return sk ? sk->mark : 0;
}
SEC("tc") int past_socket(struct __sk_buff *skb) {
  struct bpf_sock *sk = skb->sk;
  if (sk) sk = bpf_sk_fullsock(sk);
  return sk ? *(volatile __u32 *)((void *)sk + 200) : 0;
}
SEC("tc") int past_tcp(struct __sk_buff *skb) {
  struct bpf_sock *sk = skb->sk;
  struct bpf_tcp_sock *tcp = sk ? bpf_tcp_sock(sk) : 0;
  return tcp ? *(volatile __u32 *)((void *)tcp + 200) : 0;
}
SEC("raw_tp/sys_enter") int constants(void *ctx) {
  return buckets[rounds];
}
SEC("raw_tp/sys_enter") int unbounded(void *ctx) {
  __u32 n = bpf_get_prandom_u32();
  return *(volatile __u64 *)&buckets[n];
}
SEC("raw_tp/sys_enter") int forever(void *ctx) {
  while (1) asm volatile("" ::: "memory");
}
static long off_by_one(__u32 i, __u32 *at) {
  buckets[*at] = i;
  *at += 1;
  return 0;
}
SEC("raw_tp/sys_enter") int loop_unbounded(void *ctx) {
  __u32 at = 0;
  bpf_loop(64, off_by_one, &at, 0);
  return 0;
}
static long two(__u32 i, void *ctx) { return 2; }
SEC("raw_tp/sys_enter") int loop_result(void *ctx) { return bpf_loop(64, two, 0, 0); }
static long takes_record(__u32 i, __u64 **out) {
  *out = bpf_ringbuf_reserve(&ring, 8, 0);
  return 0;
}
SEC("raw_tp/sys_enter") int loop_takes(void *ctx) {
  __u64 *record = 0;
  bpf_loop(2, takes_record, &record, 0);
  if (record) bpf_ringbuf_submit(record, 0);
  return 0;
}
SEC("raw_tp/sys_enter") int iterator_lost(void *ctx) {
  struct bpf_iter_num it;
  bpf_iter_num_new(&it, 0, 10);
  return 0;
}
SEC("raw_tp/sys_enter") int iterator_unmade(void *ctx) {
  struct bpf_iter_num it = {};
  return bpf_iter_num_next(&it) != 0;
}
SEC("raw_tp/sys_enter") int iterator_after(void *ctx) {
  struct bpf_iter_num it;
  bpf_iter_num_new(&it, 0, 10);
  bpf_iter_num_destroy(&it);
  return bpf_iter_num_next(&it) != 0;
}
SEC("raw_tp/sys_enter") int iterator_unchecked(void *ctx) {
  struct bpf_iter_num it;
  bpf_iter_num_new(&it, 0, 10);
  total = *bpf_iter_num_next(&it);
  bpf_iter_num_destroy(&it);
  return 0;
}
SEC("raw_tp/sys_enter") int iterator_touched(void *ctx) {
  struct bpf_iter_num it;
  bpf_iter_num_new(&it, 0, 10);
  *(volatile __u64 *)&it = 0;
  bpf_iter_num_destroy(&it);
  return 0;
}
SEC("raw_tp/sys_enter") int iterator_index(void *ctx) {
  struct bpf_iter_num it;
  int *i;
  bpf_iter_num_new(&it, 0, 10);
  while ((i = bpf_iter_num_next(&it))) buckets[*i] = 1;
  bpf_iter_num_destroy(&it);
  return 0;
}
SEC("raw_tp/sys_enter") int dynptr_lost(void *ctx) {
  struct bpf_dynptr ptr;
  bpf_ringbuf_reserve_dynptr(&ring, 64, 0, &ptr);
  return 0;
}
SEC("raw_tp/sys_enter") int dynptr_unmade(void *ctx) {
  struct bpf_dynptr ptr = {};
  __u64 word;
  return bpf_dynptr_read(&word, 8, &ptr, 0, 0);
}
SEC("raw_tp/sys_enter") int dynptr_twice(void *ctx) {
  struct bpf_dynptr ptr;
  bpf_ringbuf_reserve_dynptr(&ring, 64, 0, &ptr);
  bpf_ringbuf_submit_dynptr(&ptr, 0);
  bpf_ringbuf_submit_dynptr(&ptr, 0);
  return 0;
}
SEC("raw_tp/sys_enter") int dynptr_data_after(void *ctx) {
  struct bpf_dynptr ptr;
  bpf_ringbuf_reserve_dynptr(&ring, 64, 0, &ptr);
  __u64 *at = bpf_dynptr_data(&ptr, 0, 8);
  bpf_ringbuf_submit_dynptr(&ptr, 0);
  if (at) *(volatile __u64 *)at = 1;
  return 0;
}
SEC("raw_tp/sys_enter") int dynptr_data_past(void *ctx) {
  struct bpf_dynptr ptr;
  bpf_ringbuf_reserve_dynptr(&ring, 64, 0, &ptr);
  __u64 *at = bpf_dynptr_data(&ptr, 0, 8);
  if (at) *(volatile __u64 *)(at + 1) = 1;
  bpf_ringbuf_submit_dynptr(&ptr, 0);
  return 0;
}
SEC("raw_tp/sys_enter") int dynptr_touched(void *ctx) {
  struct bpf_dynptr ptr;
  bpf_ringbuf_reserve_dynptr(&ring, 64, 0, &ptr);
  *(volatile __u64 *)&ptr = 0;
  bpf_ringbuf_submit_dynptr(&ptr, 0);
  return 0;
}
SEC("tc") int dynptr_slice_write(struct __sk_buff *skb) {
  struct bpf_dynptr ptr;
  char buffer[8];
  bpf_dynptr_from_skb(skb, 0, &ptr);
  volatile char *at = bpf_dynptr_slice(&ptr, 0, buffer, 8);
  if (at) at[0] = 1;
  return 0;
}
SEC("tc") int dynptr_slice_stale(struct __sk_buff *skb) {
  struct bpf_dynptr ptr;
  char buffer[8];
  bpf_dynptr_from_skb(skb, 0, &ptr);
  volatile char *at = bpf_dynptr_slice(&ptr, 0, buffer, 8);
  bpf_skb_pull_data(skb, 5);
  return at ? at[0] : 0;
}
SEC("tc") int rcu_kept(struct __sk_buff *skb) {
  bpf_rcu_read_lock();
  return 0;
}
SEC("tc") int preempt_kept(struct __sk_buff *skb) {
  bpf_preempt_disable();
  return 0;
}
NOINLINE int global_value(struct value *v) { return v->count; }
SEC("tc") int global_null(struct __sk_buff *skb) { return global_value(0); }
NOINLINE int global_index(__u32 i) { return buckets[i]; }
SEC("tc") int global_bounds(struct __sk_buff *skb) { return global_index(3); }
NOINLINE int deep(int n) {
  char text[400];
  bpf_get_current_comm(text, sizeof(text));
  return text[n & 255];
}
SEC("raw_tp/sys_enter") int stack_depth(void *ctx) {
  char text[200];
  bpf_get_current_comm(text, sizeof(text));
  return deep(text[3]);
}
SEC("cgroup/connect4") int result(struct bpf_sock_addr *ctx) { return 2; }
SEC("cgroup/connect4") int wrong_family(struct bpf_sock_addr *ctx) { return ctx->user_ip6[0]; }
SEC("cgroup/connect4") int wrong_write(struct bpf_sock_addr *ctx) { *(volatile __u32 *)&ctx->type = 1; return 1; }
SEC("cgroup/connect4") int wrong_source(struct bpf_sock_addr *ctx) { return ctx->msg_src_ip4 == 1; }
SEC("cgroup/sock_create") int not_bound(struct bpf_sock *ctx) { return ctx->src_ip4 == 0; }
SEC("cgroup/post_bind4") int wrong_version(struct bpf_sock *ctx) { return ctx->src_ip6[0] == 0; }
SEC("cgroup/post_bind4") int late_mark(struct bpf_sock *ctx) { ctx->mark = 1; return 1; }
SEC("sockops") int no_such_write(struct bpf_sock_ops *ctx) { ctx->op = 1; return 1; }
SEC("sockops") int sock_unchecked(struct bpf_sock_ops *ctx) { return ctx->sk->family == 1; }
SEC("sk_msg") int message_unchecked(struct sk_msg_md *msg) { return *(__u8 *)msg->data; }
SEC("sk_lookup") int lookup_write(struct bpf_sk_lookup *ctx) { *(volatile __u32 *)&ctx->local_port = 1; return 1; }
SEC("sk_lookup") int lookup_result(struct bpf_sk_lookup *ctx) { return 2; }
SEC("sk_lookup") int lookup_lost(struct bpf_sk_lookup *ctx) {
  __u32 key = 0;
  return bpf_map_lookup_elem(&sockets, &key) != 0;
}
SEC("cgroup/getsockopt") int option_unchecked(struct bpf_sockopt *ctx) { return *(__u8 *)ctx->optval; }
SEC("cgroup/setsockopt") int retval_write(struct bpf_sockopt *ctx) { ctx->retval = 0; return 1; }
SEC("cgroup/dev") int device_write(struct bpf_cgroup_dev_ctx *ctx) { *(volatile __u32 *)&ctx->major = 1; return 1; }
SEC("cgroup/sysctl") int sysctl_write(struct bpf_sysctl *ctx) { *(volatile __u32 *)&ctx->write = 1; return 1; }
SEC("socket") int filter_direct(struct __sk_buff *skb) { return skb->data; }
SEC("cgroup_skb/egress") int cgroup_write(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + 1 <= end) *(volatile __u8 *)data = 1;
  return 1;
}
SEC("lwt_in") int lwt_write(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + 1 <= end) *(volatile __u8 *)data = 1;
  return 0;
}
SEC("flow_dissector") int dissector_field(struct __sk_buff *skb) { return skb->len; }
SEC("flow_dissector") int dissector_past(struct __sk_buff *skb) {
  struct bpf_flow_keys *keys = skb->flow_keys;
  return *(volatile __u8 *)((void *)keys + sizeof(*keys));
}
SEC("syscall") int called_past(void *args) { return *(volatile __u64 *)(args + 0x10000); }
SEC("raw_tp/sys_enter") int uninitialised(void *ctx) {
  register __u64 a asm("r7");
  asm volatile("r0 = r7" ::: "r0");
  return 0;
}
SEC("raw_tp/sys_enter") int read_number(void *ctx) { return *(volatile __u64 *)bpf_get_current_task(); }
SEC("raw_tp/sys_enter") int store_context(void *ctx) { *(volatile __u64 *)ctx = 1; return 0; }
SEC("raw_tp/sys_enter") int leak(void *ctx) {
  total = (long)ctx;
  return 0;
}
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
extern struct cgroup *bpf_cgroup_from_id(__u64 id) __ksym;
extern void bpf_cgroup_release(struct cgroup *p) __ksym;
SEC("tc") int task_released_as_cgroup(struct __sk_buff *skb) {
  struct task_struct *task = bpf_task_from_pid(1);
  if (task) bpf_cgroup_release((struct cgroup *)task);
  return 0;
}
SEC("tc") int either_released_as_task(struct __sk_buff *skb) {
  void *held = skb->len & 1 ? (void *)bpf_task_from_pid(1) : (void *)bpf_cgroup_from_id(1);
  if (held) bpf_task_release(held);
  return 0;
}
char _license[] SEC("license") = "GPL";
