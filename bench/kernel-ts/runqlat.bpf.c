#include "common.h"

HASH(since, __u32, __u64, 10240);
PERCPU_HASH(latency, __u32, struct hist, 10240);
LIVE(__u32, pid, 0);
LIVE(__u32, tid, 0);
LIVE(__u32, milliseconds, 0);
LIVE(__u32, byProcess, 0);
LIVE(__u32, byThread, 0);
LIVE(__u32, byNamespace, 0);

static __always_inline void waits(struct task_struct *task)
{
	__u32 thread = task->pid;
	__u64 now;

	if (pid && task->tgid != pid)
		return;
	if (tid && thread != tid)
		return;
	now = bpf_ktime_get_ns();
	bpf_map_update_elem(&since, &thread, &now, BPF_ANY);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(wakeup, struct task_struct *task)
{
	waits(task);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(wakeup_new, struct task_struct *task)
{
	waits(task);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(change, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 *start, began, waited;
	struct hist *hist;
	__u32 thread, key = 0;

	if (state(prev) == 0)
		waits(prev);
	thread = next->pid;
	start = bpf_map_lookup_elem(&since, &thread);
	if (!start)
		return 0;
	began = *start;
	bpf_map_delete_elem(&since, &thread);
	if (byThread)
		key = thread;
	else if (byProcess)
		key = next->tgid;
	else if (byNamespace)
		key = BPF_CORE_READ(next, nsproxy, pid_ns_for_children, ns.inum);
	waited = bpf_ktime_get_ns() - began;
	hist = bpf_map_lookup_elem(&latency, &key);
	if (!hist) {
		bpf_map_update_elem(&latency, &key, &no_hist, BPF_NOEXIST);
		hist = bpf_map_lookup_elem(&latency, &key);
		if (!hist)
			return 0;
	}
	add_to_hist(hist, milliseconds ? waited / 1000000 : waited / 1000);
	return 0;
}
