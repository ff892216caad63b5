#include "common.h"

struct site {
	__s32 stack;
	__u32 pid;
};
struct allocation {
	__u64 size, at;
	struct site site;
};

STACKS(stacks, 32);
HASH(asked, __u32, __u64, 10240);
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1000000);
	__type(key, __u64);
	__type(value, struct allocation);
} outstanding SEC(".maps");
HASH(bytes, struct site, __s64, 16384);
HASH(counts, struct site, __s64, 16384);
LIVE(__u32, pid, 0);
LIVE(__u64, least, 0);
LIVE(__u64, most, ~0ULL);
LIVE(__u32, every, 1);

static __always_inline void add(void *map, struct site *site, __s64 by)
{
	__s64 *found = bpf_map_lookup_elem(map, site);

	if (!found && !bpf_map_update_elem(map, site, &by, BPF_NOEXIST))
		return;
	if (!found)
		found = bpf_map_lookup_elem(map, site);
	if (found)
		__sync_fetch_and_add(found, by);
}

static __always_inline void asks(__u64 size)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = id;

	if (pid && id >> 32 != pid)
		return;
	if (size < least || size > most)
		return;
	if (every > 1 && bpf_get_prandom_u32() % every)
		return;
	bpf_map_update_elem(&asked, &thread, &size, BPF_ANY);
}

static __always_inline void gets(void *ctx, __u64 address)
{
	__u64 id = bpf_get_current_pid_tgid(), *size;
	struct allocation made = {};
	__u32 thread = id;

	size = bpf_map_lookup_elem(&asked, &thread);
	if (!size)
		return;
	made.size = *size;
	bpf_map_delete_elem(&asked, &thread);
	if (!address)
		return;
	made.at = bpf_ktime_get_ns();
	made.site.stack = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK) + 1;
	made.site.pid = id >> 32;
	bpf_map_update_elem(&outstanding, &address, &made, BPF_ANY);
	add(&bytes, &made.site, made.size);
	add(&counts, &made.site, 1);
}

static __always_inline void gives(__u64 address)
{
	struct allocation *found = bpf_map_lookup_elem(&outstanding, &address), gone;

	if (!found)
		return;
	gone = *found;
	bpf_map_delete_elem(&outstanding, &address);
	add(&bytes, &gone.site, -gone.size);
	add(&counts, &gone.site, -1);
}

SEC("uprobe/libc:malloc")
int BPF_KPROBE(enter_malloc, __u64 size)
{
	asks(size);
	return 0;
}
SEC("uretprobe/libc:malloc")
int BPF_KRETPROBE(exit_malloc, __u64 address)
{
	gets(ctx, address);
	return 0;
}
SEC("uprobe/libc:calloc")
int BPF_KPROBE(enter_calloc, __u64 count, __u64 size)
{
	asks(count * size);
	return 0;
}
SEC("uretprobe/libc:calloc")
int BPF_KRETPROBE(exit_calloc, __u64 address)
{
	gets(ctx, address);
	return 0;
}
SEC("uprobe/libc:realloc")
int BPF_KPROBE(enter_realloc, __u64 address, __u64 size)
{
	gives(address);
	asks(size);
	return 0;
}
SEC("uretprobe/libc:realloc")
int BPF_KRETPROBE(exit_realloc, __u64 address)
{
	gets(ctx, address);
	return 0;
}
SEC("uprobe/libc:free")
int BPF_KPROBE(enter_free, __u64 address)
{
	gives(address);
	return 0;
}
