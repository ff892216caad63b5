#include "common.h"

#define ANY 0xffffffff

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
LIVE(__u32, uid, ANY);
volatile char name[16] SEC(".data") = "";
LIVE(__u64, cgroup, 0);
LIVE(__u32, flags, 0);
LIVE(__u32, failed, 0);

static __always_inline int asks(__u64 file, __u32 how)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct asked open = {};
	__u32 thread = id;

	if (pid && id >> 32 != pid)
		return 0;
	if (tid && thread != tid)
		return 0;
	if (uid != ANY && (__u32)bpf_get_current_uid_gid() != uid)
		return 0;
	if (flags && !(how & flags))
		return 0;
	if (cgroup && bpf_get_current_cgroup_id() != cgroup)
		return 0;
	if (!named(name))
		return 0;
	open.file = file;
	open.flags = how;
	bpf_map_update_elem(&asked, &thread, &open, BPF_ANY);
	return 0;
}

static __always_inline int gets(__s32 result)
{
	__u64 id = bpf_get_current_pid_tgid();
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

SEC("tracepoint/syscalls/sys_enter_open")
int open(struct trace_event_raw_sys_enter *ctx)
{
	return asks(ctx->args[0], ctx->args[1]);
}
SEC("tracepoint/syscalls/sys_exit_open")
int opened(struct trace_event_raw_sys_exit *ctx)
{
	return gets(ctx->ret);
}
SEC("tracepoint/syscalls/sys_enter_openat")
int openat(struct trace_event_raw_sys_enter *ctx)
{
	return asks(ctx->args[1], ctx->args[2]);
}
SEC("tracepoint/syscalls/sys_exit_openat")
int openedAt(struct trace_event_raw_sys_exit *ctx)
{
	return gets(ctx->ret);
}
SEC("tracepoint/syscalls/sys_enter_openat2")
int openat2(struct trace_event_raw_sys_enter *ctx)
{
	__u64 how = 0;

	bpf_probe_read_user(&how, sizeof(how), (void *)ctx->args[2]);
	return asks(ctx->args[1], how);
}
SEC("tracepoint/syscalls/sys_exit_openat2")
int openedAt2(struct trace_event_raw_sys_exit *ctx)
{
	return gets(ctx->ret);
}
