#include "common.h"

struct asked {
	__u64 file;
	__u32 flags;
};
struct open {
	__u32 pid, tid, uid;
	__s32 result;
	__u32 flags;
	char comm[16];
	char file[128];
};

HASH(asked, __u32, struct asked, 10240);
RING(opens);
LIVE(__u32, pid, 0);
LIVE(__u32, tid, 0);
LIVE(__u32, uid, 0);
LIVE(__u32, failed, 0);

static __always_inline bool wanted(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (pid && id >> 32 != pid)
		return false;
	if (tid && (__u32)id != tid)
		return false;
	if (uid && (__u32)bpf_get_current_uid_gid() != uid)
		return false;
	return true;
}

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(struct trace_event_raw_sys_enter *ctx)
{
	struct asked open = {};
	__u32 id;

	if (!wanted())
		return 0;
	id = bpf_get_current_pid_tgid();
	open.file = ctx->args[1];
	open.flags = ctx->args[2];
	bpf_map_update_elem(&asked, &id, &open, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int exit_openat(struct trace_event_raw_sys_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__s32 result = ctx->ret;
	struct asked *found, open;
	struct open *event;
	__u32 thread = id;

	found = bpf_map_lookup_elem(&asked, &thread);
	if (!found)
		return 0;
	open = *found;
	bpf_map_delete_elem(&asked, &thread);
	if (failed && result >= 0)
		return 0;
	event = bpf_ringbuf_reserve(&opens, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = id >> 32;
	event->tid = thread;
	event->uid = bpf_get_current_uid_gid();
	event->result = result;
	event->flags = open.flags;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_user_str(event->file, sizeof(event->file), (void *)open.file);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
