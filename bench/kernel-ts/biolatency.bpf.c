#include "common.h"

struct request_key {
	__u64 sector;
	__u32 disk;
	__u32 zero;
};
struct kind {
	__u32 disk;
	char kind[8];
};

HASH(started, struct request_key, __u64, 10240);
PERCPU_HASH(latency, struct kind, struct hist, 1024);
LIVE(__u32, pid, 0);
LIVE(__u32, disk, 0);
LIVE(__u32, byDisk, 0);
LIVE(__u32, byKind, 0);
LIVE(__u32, queued, 0);

static __always_inline void begins(__u32 of, __u64 sector)
{
	struct request_key key = { .sector = sector, .disk = of };
	__u64 now;

	if (disk && of != disk)
		return;
	if (pid && bpf_get_current_pid_tgid() >> 32 != pid)
		return;
	now = bpf_ktime_get_ns();
	bpf_map_update_elem(&started, &key, &now, queued ? BPF_NOEXIST : BPF_ANY);
}

SEC("tracepoint/block/block_rq_insert")
int insert(struct trace_event_raw_block_rq *ctx)
{
	if (queued)
		begins(ctx->dev, ctx->sector);
	return 0;
}

SEC("tracepoint/block/block_rq_issue")
int issue(struct trace_event_raw_block_rq *ctx)
{
	begins(ctx->dev, ctx->sector);
	return 0;
}

SEC("tracepoint/block/block_rq_complete")
int complete(struct trace_event_raw_block_rq_completion *ctx)
{
	struct request_key request = { .sector = ctx->sector, .disk = ctx->dev };
	__u64 *start, began, took;
	struct kind key = {};
	struct hist *hist;

	start = bpf_map_lookup_elem(&started, &request);
	if (!start)
		return 0;
	began = *start;
	bpf_map_delete_elem(&started, &request);
	took = (bpf_ktime_get_ns() - began) / 1000;
	if (byDisk)
		key.disk = ctx->dev;
	if (byKind)
		bpf_probe_read_kernel(key.kind, sizeof(key.kind), ctx->rwbs);
	hist = bpf_map_lookup_elem(&latency, &key);
	if (!hist) {
		bpf_map_update_elem(&latency, &key, &no_hist, BPF_NOEXIST);
		hist = bpf_map_lookup_elem(&latency, &key);
		if (!hist)
			return 0;
	}
	add_to_hist(hist, took);
	return 0;
}
