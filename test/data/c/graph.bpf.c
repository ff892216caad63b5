// Pointers of the kernel in a map, a list of the program's own structs, a number that only __ulong can say.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
#define __contains(name, node) __attribute__((btf_decl_tag("contains:" #name ":" #node)))
#define private(name) SEC(".data." #name) __hidden __attribute__((aligned(8)))
extern void *bpf_obj_new_impl(__u64 local_type_id, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *kptr, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, __u64 off) __ksym;
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) __ksym;
extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
#define bpf_obj_new(type) ((type *)bpf_obj_new_impl(bpf_core_type_id_local(type), NULL))
struct node_data { long key; struct bpf_list_node node; };
struct map_value { struct task_struct __kptr *task; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, struct map_value); } tasks SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_BLOOM_FILTER); __uint(max_entries, 100); __type(value, u32); __ulong(map_extra, 3); } bloom SEC(".maps");
private(A) struct bpf_spin_lock glock;
private(A) struct bpf_list_head ghead __contains(node_data, node);
SEC("tc") int list(void *ctx)
{
	struct node_data *n = bpf_obj_new(struct node_data);
	if (!n) return 1;
	n->key = 42;
	bpf_spin_lock(&glock);
	bpf_list_push_front_impl(&ghead, &n->node, NULL, 0);
	bpf_spin_unlock(&glock);
	bpf_spin_lock(&glock);
	struct bpf_list_node *l = bpf_list_pop_front(&ghead);
	bpf_spin_unlock(&glock);
	if (!l) return 2;
	n = container_of(l, struct node_data, node);
	long key = n->key;
	bpf_obj_drop_impl(n, NULL);
	return key;
}
SEC("tp_btf/task_newtask") int keep(u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0], *old; int zero = 0;
	struct map_value *v = bpf_map_lookup_elem(&tasks, &zero);
	if (!v) return 0;
	p = bpf_task_acquire(p);
	if (!p) return 0;
	old = bpf_kptr_xchg(&v->task, p);
	if (old) bpf_task_release(old);
	return 0;
}
