// Programs that are asked about sockets: cgroups' hooks, socket options, maps of sockets, the choice of a listener.
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define AF_INET 2
#define SOL_SOCKET 1
#define SO_MARK 36

struct address {
  __u32 ip;
  __u16 port, pad;
};
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, struct address);
  __type(value, struct address);
  __uint(max_entries, 64);
} services SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_SOCKHASH);
  __type(key, struct address);
  __type(value, __u64);
  __uint(max_entries, 64);
} connections SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __type(key, __u32);
  __type(value, __u64);
  __uint(max_entries, 64);
} sockets SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
  __type(key, __u32);
  __type(value, __u64);
  __uint(max_entries, 16);
} listeners SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct address);
} storage SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
  __type(key, struct bpf_cgroup_storage_key);
  __type(value, __u64);
} per_cgroup SEC(".maps");

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx) {
  struct address key = {ctx->user_ip4, ctx->user_port};
  struct address *service = bpf_map_lookup_elem(&services, &key);
  if (!service) return 1;
  struct address *kept = bpf_sk_storage_get(&storage, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (kept) *kept = key;
  ctx->user_ip4 = service->ip;
  ctx->user_port = service->port;
  return 1;
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx) {
  if (ctx->user_ip6[3] == bpf_htonl(1) && ctx->type == 1) {
    ctx->user_ip6[0] = 0;
    ctx->user_ip6[3] = bpf_htonl(2);
    *(__u64 *)&ctx->user_ip6[0] = 0;
  }
  int mark = 5;
  bpf_setsockopt(ctx, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
  return ctx->family == 10;
}

SEC("cgroup/bind4")
int bind4(struct bpf_sock_addr *ctx) {
  volatile __u8 *ip = (void *)&ctx->user_ip4;
  if (ip[0] == 127) return 0;
  if (ctx->protocol == IPPROTO_TCP && ctx->user_port == bpf_htons(80)) return 3;
  struct bpf_sock *sk = ctx->sk;
  return sk && sk->bound_dev_if == 0;
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx) {
  ctx->msg_src_ip4 = bpf_htonl(0x7f000002);
  ctx->user_ip4 = bpf_htonl(0x7f000001);
  return 1;
}

SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr *ctx) {
  ctx->user_port = bpf_htons(53);
  return 1;
}

SEC("cgroup/getpeername4")
int peer(struct bpf_sock_addr *ctx) {
  struct address *kept = bpf_sk_storage_get(&storage, ctx->sk, 0, 0);
  if (kept) ctx->user_ip4 = kept->ip;
  return 1;
}

SEC("cgroup/connect4")
int connect_bind(struct bpf_sock_addr *ctx) {
  struct sockaddr_in from = {.sin_family = AF_INET};
  from.sin_addr.s_addr = bpf_htonl(0x7f000003);
  if (bpf_bind(ctx, (struct sockaddr *)&from, sizeof(from))) return 0;
  struct bpf_sock_tuple tuple = {.ipv4.daddr = ctx->user_ip4, .ipv4.dport = ctx->user_port};
  struct bpf_sock *sk = bpf_sk_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
  if (!sk) return 1;
  int local = sk->src_ip4 == tuple.ipv4.daddr;
  bpf_sk_release(sk);
  return local;
}

SEC("cgroup/sock_create")
int create(struct bpf_sock *ctx) {
  if (ctx->type == 3) return 0;
  ctx->mark = 7;
  ctx->priority = 6;
  ctx->bound_dev_if = 1;
  return bpf_get_netns_cookie(ctx) != bpf_get_netns_cookie(0);
}

SEC("cgroup/post_bind4")
int post_bind(struct bpf_sock *ctx) { return ctx->src_ip4 != 0 && ctx->src_port != 22 && ctx->family == AF_INET; }

SEC("cgroup/sock_release")
int release(struct bpf_sock *ctx) {
  __u64 *count = bpf_get_local_storage(&per_cgroup, 0);
  __sync_fetch_and_add(count, 1);
  return 1;
}

SEC("sockops")
int operations(struct bpf_sock_ops *ctx) {
  struct address key = {ctx->remote_ip4, 0};
  switch (ctx->op) {
  case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
  case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
    key.port = ctx->local_port;
    bpf_sock_hash_update(ctx, &connections, &key, BPF_NOEXIST);
    bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_RTT_CB_FLAG);
    break;
  case BPF_SOCK_OPS_RTT_CB:
    ctx->reply = ctx->srtt_us >> 3;
    break;
  case BPF_SOCK_OPS_TIMEOUT_INIT:
    ctx->reply = 10;
    ctx->replylong[1] = ctx->args[0];
    return 1;
  case BPF_SOCK_OPS_STATE_CB: {
    struct bpf_sock *sk = ctx->sk;
    if (sk) {
      struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);
      if (tcp) key.ip = tcp->total_retrans;
    }
    ctx->sk_txhash = key.ip;
    break;
  }
  case BPF_SOCK_OPS_PARSE_HDR_OPT_CB: {
    void *data = ctx->skb_data, *end = ctx->skb_data_end;
    __u8 option[4] = {};
    if (data + 20 > end) return 1;
    if (*(__u8 *)(data + 13) & 2) bpf_load_hdr_opt(ctx, option, sizeof(option), 0);
    break;
  }
  case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
    bpf_reserve_hdr_opt(ctx, 4, 0);
    break;
  case BPF_SOCK_OPS_WRITE_HDR_OPT_CB: {
    __u8 option[4] = {254, 4, 1, 2};
    bpf_store_hdr_opt(ctx, option, sizeof(option), 0);
    break;
  }
  }
  return 1;
}

SEC("sk_msg")
int message(struct sk_msg_md *msg) {
  void *data = msg->data, *end = msg->data_end;
  if (data + 4 > end) {
    if (bpf_msg_pull_data(msg, 0, 4, 0)) return SK_DROP;
    data = msg->data, end = msg->data_end;
    if (data + 4 > end) return SK_DROP;
  }
  if (*(__u8 *)data == 'X') return SK_DROP;
  *(__u8 *)data = 'Y';
  struct address key = {msg->remote_ip4, msg->local_port};
  bpf_msg_apply_bytes(msg, msg->size);
  struct bpf_sock *sk = msg->sk;
  if (sk && sk->family != AF_INET) return SK_DROP;
  return bpf_msg_redirect_hash(msg, &connections, &key, BPF_F_INGRESS);
}

SEC("sk_skb/stream_parser")
int parser(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + 2 > end) return 0;
  return bpf_ntohs(*(__u16 *)data);
}

SEC("sk_skb/stream_verdict")
int verdict(struct __sk_buff *skb) {
  __u32 key = skb->local_port & 63;
  bpf_skb_pull_data(skb, 1);
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + 1 > end) return SK_DROP;
  *(__u8 *)data = skb->remote_port;
  skb->priority = 3;
  return bpf_sk_redirect_map(skb, &sockets, key, 0);
}

SEC("sk_lookup")
int choose(struct bpf_sk_lookup *ctx) {
  __u32 key = 0;
  if (ctx->local_port != 7777 || ctx->protocol != IPPROTO_TCP || ctx->family != AF_INET) return SK_PASS;
  volatile __u8 *ip = (void *)&ctx->local_ip4;
  if (ip[3] == 0 || ctx->remote_port == 0 || ctx->ingress_ifindex == 9) return SK_DROP;
  struct bpf_sock *sk = bpf_map_lookup_elem(&sockets, &key);
  if (!sk) return SK_DROP;
  int error = bpf_sk_assign(ctx, sk, 0);
  bpf_sk_release(sk);
  if (!error && ctx->sk) error = ctx->sk->state;
  return error ? SK_DROP : SK_PASS;
}

SEC("sk_reuseport")
int reuse(struct sk_reuseport_md *ctx) {
  void *data = ctx->data, *end = ctx->data_end;
  __u32 key = ctx->hash & 15;
  if (data + 8 <= end) key = *(__u8 *)(data + 3) & 15;
  if (ctx->ip_protocol == IPPROTO_UDP && ctx->bind_inany) key = ctx->len & 15;
  return bpf_sk_select_reuseport(ctx, &listeners, &key, 0) ? SK_DROP : SK_PASS;
}

SEC("sk_reuseport/migrate")
int migrate(struct sk_reuseport_md *ctx) {
  __u32 key = 1;
  if (ctx->migrating_sk && ctx->migrating_sk->state == 12) key = 2;
  struct bpf_sock *sk = ctx->sk;
  if (sk && bpf_get_socket_cookie(sk) == 1) key = 3;
  return bpf_sk_select_reuseport(ctx, &listeners, &key, 0) ? SK_DROP : SK_PASS;
}

SEC("cgroup/dev")
int device(struct bpf_cgroup_dev_ctx *ctx) {
  short type = ctx->access_type & 0xffff;
  if (type != BPF_DEVCG_DEV_CHAR) return 0;
  return ctx->major == 1 && (ctx->minor == 5 || ctx->minor == 9);
}

SEC("cgroup/sysctl")
int sysctl(struct bpf_sysctl *ctx) {
  char name[64], value[16];
  unsigned long number;
  if (ctx->write && ctx->file_pos != 0) return 0;
  if (bpf_sysctl_get_name(ctx, name, sizeof(name), 0) < 0) return 0;
  int length = bpf_sysctl_get_current_value(ctx, value, sizeof(value));
  if (length <= 0 || length >= (int)sizeof(value)) return 0;
  if (bpf_strtoul(value, sizeof(value), 0, &number) <= 0) return 0;
  ctx->file_pos = 0;
  if (number > 5) bpf_sysctl_set_new_value(ctx, "5", 1);
  return 1;
}

SEC("cgroup/getsockopt")
int getsockopt(struct bpf_sockopt *ctx) {
  __u8 *at = ctx->optval, *end = ctx->optval_end;
  if (ctx->level != SOL_SOCKET || ctx->optname != SO_MARK) return 1;
  if (at + 4 > end) return 0;
  at[0] = 9;
  ctx->optlen = 4;
  ctx->retval = 0;
  struct bpf_sock *sk = ctx->sk;
  return sk ? sk->family == AF_INET : 0;
}

SEC("cgroup/setsockopt")
int setsockopt(struct bpf_sockopt *ctx) {
  __u8 *at = ctx->optval, *end = ctx->optval_end;
  if (at + 1 > end) return 0;
  ctx->optname = SO_MARK;
  if (*at == 3) bpf_set_retval(-5);
  struct address *kept = bpf_sk_storage_get(&storage, ctx->sk, 0, 1);
  if (kept) kept->port = *at;
  ctx->optlen = -1;
  return 1;
}
char _license[] SEC("license") = "GPL";
