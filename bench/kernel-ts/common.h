/* What the twins of the examples share. What may be set while they run is volatile, as live(…) is. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define LIVE(type, name, value) volatile type name SEC(".data") = value
#define HASH(name, K, V, N)                                                                                            \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_HASH);                                                                       \
		__uint(max_entries, N);                                                                                \
		__type(key, K);                                                                                        \
		__type(value, V);                                                                                      \
	} name SEC(".maps")
#define PERCPU_HASH(name, K, V, N)                                                                                     \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_PERCPU_HASH);                                                                \
		__uint(max_entries, N);                                                                                \
		__type(key, K);                                                                                        \
		__type(value, V);                                                                                      \
	} name SEC(".maps")
#define RING(name)                                                                                                     \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_RINGBUF);                                                                    \
		__uint(max_entries, 256 * 1024);                                                                       \
	} name SEC(".maps")
#define STACKS(name, depth)                                                                                            \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_STACK_TRACE);                                                                \
		__uint(max_entries, 16384);                                                                            \
		__uint(key_size, 4);                                                                                   \
		__uint(value_size, (depth) * 8);                                                                       \
	} name SEC(".maps")

/* Before Linux 5.14. */
struct task_struct___older {
	long state;
} __attribute__((preserve_access_index));

static __always_inline __u32 state(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return ((struct task_struct___older *)task)->state;
}

/* Does the name of the task begin with this? What is empty begins all. */
static __always_inline bool named(const volatile char *with)
{
	char comm[16];

	if (!with[0])
		return true;
	bpf_get_current_comm(comm, sizeof(comm));
	for (int i = 0; i < 16 && with[i]; i++)
		if (comm[i] != with[i])
			return false;
	return true;
}

struct hist {
	__u64 slots[66];
};

static const struct hist no_hist;

/* libbpf-tools' bits.bpf.h */
static __always_inline __u64 log2_32(__u32 v)
{
	__u32 shift, r;

	r = (v > 0xFFFF) << 4;
	v >>= r;
	shift = (v > 0xFF) << 3;
	v >>= shift;
	r |= shift;
	shift = (v > 0xF) << 2;
	v >>= shift;
	r |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	r |= shift;
	r |= (v >> 1);
	return r;
}

static __always_inline __u64 log2_64(__u64 v)
{
	__u32 hi = v >> 32;

	return hi ? log2_32(hi) + 32 : log2_32(v);
}

/* Bucket 1 for 0, 2 for 1, 3 for 2 and 3. */
static __always_inline void add_to_hist(struct hist *hist, __u64 value)
{
	__u64 slot = value ? log2_64(value) + 2 : 1;

	if (slot < 66)
		hist->slots[slot]++;
}
