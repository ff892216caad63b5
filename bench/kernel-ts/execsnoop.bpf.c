#include "common.h"

#define ARGUMENTS 8
#define ANY 0xffffffff

struct exec {
	__u64 at;
	__u32 pid, parent, uid;
	char comm[16];
	char file[128];
	__u32 count;
	char args[ARGUMENTS][48];
};
struct exit {
	__u64 at;
	__u32 pid, code, signal;
	char comm[16];
	__u64 nanoseconds;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} execs SEC(".maps");
RING(exits);
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} begun SEC(".maps");
LIVE(__u32, parent, 0);
LIVE(__u32, uid, ANY);
volatile char name[16] SEC(".data") = "";
LIVE(__u64, cgroup, 0);
LIVE(__u32, failed, 0);

SEC("tracepoint/sched/sched_process_exec")
int exec(struct trace_event_raw_sched_process_exec *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 of = BPF_CORE_READ(task, real_parent, tgid), pid;
	__u64 now, stack, word;
	struct exec *event;

	if (parent && of != parent)
		return 0;
	if (uid != ANY && (__u32)bpf_get_current_uid_gid() != uid)
		return 0;
	if (cgroup && bpf_get_current_cgroup_id() != cgroup)
		return 0;
	if (!named(name))
		return 0;
	pid = bpf_get_current_pid_tgid() >> 32;
	now = bpf_ktime_get_ns();
	bpf_map_update_elem(&begun, &pid, &now, BPF_ANY);

	event = bpf_ringbuf_reserve(&execs, sizeof(*event), 0);
	if (!event)
		return 0;
	__builtin_memset(event, 0, sizeof(*event));
	event->at = bpf_ktime_get_ns();
	event->pid = pid;
	event->parent = of;
	event->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_kernel_str(event->file, sizeof(event->file),
				  (void *)ctx + (ctx->__data_loc_filename & 0xffff));
	stack = BPF_CORE_READ(task, mm, start_stack);
	bpf_probe_read_user(&event->count, sizeof(event->count), (void *)stack);
	for (int i = 0; i < ARGUMENTS; i++) {
		if (i >= event->count)
			break;
		bpf_probe_read_user(&word, sizeof(word), (void *)(stack + 8 * (i + 1)));
		bpf_probe_read_user_str(event->args[i], sizeof(event->args[i]), (void *)word);
	}
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tracepoint/sched/sched_process_exit")
int ends(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), *since, began, now;
	struct task_struct *task;
	__u32 pid = id >> 32;
	struct exit *event;
	int status;

	if ((__u32)id != pid)
		return 0;
	since = bpf_map_lookup_elem(&begun, &pid);
	if (!since)
		return 0;
	began = *since;
	bpf_map_delete_elem(&begun, &pid);
	task = (void *)bpf_get_current_task();
	status = BPF_CORE_READ(task, exit_code);
	if (failed && !status)
		return 0;
	now = bpf_ktime_get_ns();
	event = bpf_ringbuf_reserve(&exits, sizeof(*event), 0);
	if (!event)
		return 0;
	event->at = now;
	event->pid = pid;
	event->code = ((__u32)status >> 8) & 0xff;
	event->signal = status & 0x7f;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	event->nanoseconds = now - began;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
