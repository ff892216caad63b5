// What is taken from the kernel by name: helpers by number, kernel functions, settings, variables; callbacks of all sorts.
#include <linux/bpf.h>
#include <linux/types.h>
#include <linux/ptrace.h>
#include <stddef.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
static long (*my_ktime)(void) = (void *) 5;
static void *(*my_lookup)(void *map, const void *key) = (void *) 1;
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); __uint(pinning, LIBBPF_PIN_NONE); } m SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096); } urb SEC(".maps");
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;
extern int no_such_kfunc(int a) __ksym __weak;
extern const int bpf_prog_active __ksym;
extern const void jiffies __ksym __weak;
extern bool CONFIG_BPF_SYSCALL __kconfig;
extern char CONFIG_CC_VERSION_TEXT[32] __kconfig __weak;
extern enum libbpf_tristate CONFIG_BPF_JIT __kconfig __weak;
struct span { __u32 lo, hi; const char name[8]; };
static const struct span ranges[] = { { 0, 9, "small" }, { 10, 99, "middle" }, { .lo = 100, .hi = ~0u, .name = "large" } };
__u64 hits[3]; int last SEC(".data.own") = 3;
struct acc { long sum; int n; };
static long each(void *map, __u32 *key, __u64 *val, struct acc *a) { a->sum += *val; a->n++; return 0; }
static long drain(struct bpf_dynptr *d, void *ctx) { int x = 0; bpf_dynptr_read(&x, sizeof(x), d, 0, 0); *(int *)ctx += x; return 0; }
__noinline int classify_number(__u32 v)
{
	int i;
	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (v >= ranges[i].lo && v <= ranges[i].hi)
			return i;
	return -1;
}
SEC("tp/syscalls/sys_enter_getpid")
int enter(void *ctx)
{
	__u32 key = bpf_get_smp_processor_id();
	__u64 *v = my_lookup(&m, &key), one = 1;
	if (!v) bpf_map_update_elem(&m, &key, &one, BPF_ANY);
	else *v += my_ktime() & 0xff;
	struct acc a = {};
	bpf_for_each_map_elem(&m, each, &a, 0);
	a.sum &= 0xffff;
	int which = classify_number(a.sum);
	if (which >= 0 && which < 3) hits[which]++;
	last = which;
	int total = 0;
	bpf_user_ringbuf_drain(&urb, drain, &total, 0);
	if (CONFIG_BPF_SYSCALL && CONFIG_CC_VERSION_TEXT[0] == 'g' && CONFIG_BPF_JIT != TRI_NO) last++;
	if (bpf_ksym_exists(no_such_kfunc)) total += no_such_kfunc(1);
	return total;
}
SEC("tp_btf/task_newtask")
int BPF_PROG(newtask, struct task_struct *task, unsigned long flags)
{
	struct task_struct *t = bpf_task_from_pid(task->pid);
	if (!t) return 0;
	int n = t->tgid;
	bpf_task_release(t);
	if (bpf_rcu_read_lock) { bpf_rcu_read_lock(); struct task_struct *p = task->real_parent; if (p) n += p->tgid; bpf_rcu_read_unlock(); }
	struct bpf_dynptr d;
	if (bpf_ringbuf_reserve_dynptr(&rb, 8, 0, &d) == 0) bpf_dynptr_write(&d, 0, &n, sizeof(n), 0);
	bpf_ringbuf_submit_dynptr(&d, 0);
	struct task_struct *c = bpf_core_cast(task, struct task_struct);
	return c->prio;
}
SEC("?tracepoint/sched/sched_process_exec")
int exec(struct trace_event_raw_sched_process_exec *ctx)
{
	unsigned off = ctx->__data_loc_filename & 0xffff;
	char name[64];
	bpf_probe_read_kernel_str(name, sizeof(name), (void *)ctx + off);
	switch (name[0]) { case '/': { switch (name[1]) { case 'b': return 1; case 'u': return 2; } break; } case 0: return 3; }
	goto out;
	for (;;) { if (name[2]) break; }
out:
	do { if (off) break; } while (0);
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), mm, exe_file, f_inode, i_ino);
}
SEC("socket") int sock(struct __sk_buff *skb) { unsigned char b[4]; if (bpf_skb_load_bytes(skb, 0, b, 4)) return 0; return b[0] ^ b[1] ^ b[2] ^ b[3] ? skb->len : 0; }
SEC("sk_msg") int msg(struct sk_msg_md *md) { void *d = md->data, *e = md->data_end; if (d + 4 > e) return 0; return *(__u32 *)d == 5; }
SEC("cgroup_skb/egress") int egress(struct __sk_buff *skb) { struct bpf_sock *sk = skb->sk; if (!sk) return 1; sk = bpf_sk_fullsock(sk); if (!sk) return 1; return sk->mark != 7; }
SEC("sockops") int ops(struct bpf_sock_ops *o) { if (o->op == BPF_SOCK_OPS_TCP_CONNECT_CB) o->reply = 1; bpf_sock_ops_cb_flags_set(o, BPF_SOCK_OPS_STATE_CB_FLAG); return 1; }
SEC("syscall") int call(void *ctx) { static int n; struct { int a; } x = { n++ }; return x.a; }
char LICENSE[] SEC("license") = "GPL";
