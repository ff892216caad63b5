#include "common.h"

struct exec {
	__u64 at;
	__u32 pid, parent, uid;
	char comm[16];
	char file[128];
};

RING(execs);
LIVE(__u32, parent, 0);

SEC("tracepoint/sched/sched_process_exec")
int exec(struct trace_event_raw_sched_process_exec *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 of = BPF_CORE_READ(task, real_parent, tgid);
	struct exec *event;

	if (parent && of != parent)
		return 0;
	event = bpf_ringbuf_reserve(&execs, sizeof(*event), 0);
	if (!event)
		return 0;
	event->at = bpf_ktime_get_ns();
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->parent = of;
	event->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_kernel_str(event->file, sizeof(event->file),
				  (void *)ctx + (ctx->__data_loc_filename & 0xffff));
	bpf_ringbuf_submit(event, 0);
	return 0;
}
