#include "common.h"

struct where {
	__u32 pid;
	__s32 kernel;
	__s32 user;
	__u32 user_pid;
	char comm[16];
};
struct left {
	__u64 at;
	struct where where;
};
struct sum {
	__u64 total, seen;
};

STACKS(stacks, 64);
HASH(left, __u32, struct left, 10240);
PERCPU_HASH(waited, struct where, struct sum, 10240);
LIVE(__u32, pid, 0);
LIVE(__u32, tid, 0);
LIVE(__u32, user, 1);
LIVE(__u32, kernel, 1);
LIVE(__u64, least, 1);
LIVE(__u64, most, ~0ULL);
LIVE(__u32, condition, 0);

static const struct sum no_sum;

SEC("tp_btf/sched_switch")
int BPF_PROG(change, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 leaves = prev->pid, thread;
	struct left of = {}, *found, from;
	struct sum *sum;
	__u64 took;

	if (leaves && (!pid || prev->tgid == pid) && (!tid || leaves == tid) && (!condition || state(prev) == condition)) {
		of.at = bpf_ktime_get_ns();
		of.where.pid = prev->tgid;
		bpf_probe_read_kernel_str(of.where.comm, sizeof(of.where.comm), prev->comm);
		if (kernel)
			of.where.kernel = bpf_get_stackid(ctx, &stacks, 0) + 1;
		if (user) {
			of.where.user = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK) + 1;
			of.where.user_pid = bpf_get_current_pid_tgid() >> 32;
		}
		bpf_map_update_elem(&left, &leaves, &of, BPF_ANY);
	}
	thread = next->pid;
	found = bpf_map_lookup_elem(&left, &thread);
	if (!found)
		return 0;
	from = *found;
	bpf_map_delete_elem(&left, &thread);
	took = (bpf_ktime_get_ns() - from.at) / 1000;
	if (took < least || took > most)
		return 0;
	sum = bpf_map_lookup_elem(&waited, &from.where);
	if (!sum) {
		bpf_map_update_elem(&waited, &from.where, &no_sum, BPF_NOEXIST);
		sum = bpf_map_lookup_elem(&waited, &from.where);
		if (!sum)
			return 0;
	}
	sum->total += took;
	sum->seen = 1;
	return 0;
}
