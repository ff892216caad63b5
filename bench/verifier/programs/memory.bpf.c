// Programs that work with the kernel's memory: maps of maps, records, locks, timers, callbacks, dynptrs, kptrs, loops.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define NOINLINE __attribute__((noinline))
#define __ksym __attribute__((section(".ksyms")))
#define __weakly __attribute__((weak))
#define __kptr_tag __attribute__((btf_type_tag("kptr")))

struct value {
  __u64 count, sum;
  __u32 parts[12];
};
struct inner {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, __u32);
  __type(value, struct value);
  __uint(max_entries, 16);
} inner_a SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 4);
  __type(key, __u32);
  __array(values, struct inner);
} outer SEC(".maps") = {.values = {[0] = &inner_a}};
struct {
  __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
  __uint(max_entries, 4);
  __type(key, __u64);
  __array(values, struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 4);
  });
} outer_hash SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} ring SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_USER_RINGBUF);
  __uint(max_entries, 4096);
} user_ring SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, __u32);
  __type(value, struct value);
  __uint(max_entries, 64);
} hash SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __type(key, __u32);
  __type(value, struct value);
  __uint(max_entries, 64);
} percpu SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, __u32);
  __type(value, struct value);
  __uint(max_entries, 8);
} array SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_QUEUE);
  __type(value, struct value);
  __uint(max_entries, 8);
} queue SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
  __type(value, __u64);
  __uint(max_entries, 8);
} bloom SEC(".maps");
struct locked {
  struct bpf_spin_lock lock;
  __u32 a;
  __u64 b;
};
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, __u32);
  __type(value, struct locked);
  __uint(max_entries, 8);
} locks SEC(".maps");
struct timed {
  __u64 fired;
  struct bpf_timer timer;
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, __u32);
  __type(value, struct timed);
  __uint(max_entries, 2);
} timers SEC(".maps");
struct task_struct {
  int pid;
} __attribute__((preserve_access_index));
struct holder {
  struct task_struct __kptr_tag *task;
  __u64 since;
};
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, __u32);
  __type(value, struct holder);
  __uint(max_entries, 8);
} held SEC(".maps");
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, __u64);
} per_task SEC(".maps");

const volatile __u32 rounds = 5;
const volatile char prefix[8] = "abc";
__u64 total, buckets[64];
struct value last;

struct bpf_iter_num {
  __u64 opaque;
} __attribute__((aligned(8)));
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern int bpf_dynptr_from_xdp(struct xdp_md *xdp, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 off, void *buffer, __u32 size) __ksym;
extern void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *ptr, __u32 off, void *buffer, __u32 size) __ksym;
extern int bpf_dynptr_adjust(const struct bpf_dynptr *ptr, __u32 start, __u32 end) __ksym;
extern __u32 bpf_dynptr_size(const struct bpf_dynptr *ptr) __ksym;
extern int bpf_dynptr_clone(const struct bpf_dynptr *ptr, struct bpf_dynptr *clone) __ksym;
extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;

SEC("raw_tp/sys_enter")
int map_in_map(void *ctx) {
  __u32 key = 1;
  void *map = bpf_map_lookup_elem(&outer, &key);
  if (!map) return 0;
  struct value *v = bpf_map_lookup_elem(map, &key);
  if (v) {
    v->count++;
    return 0;
  }
  struct value new = {.count = 1};
  bpf_map_update_elem(map, &key, &new, BPF_ANY);
  bpf_map_delete_elem(map, &key);
  return 0;
}

SEC("tp/syscalls/sys_enter_read")
int map_in_hash(void *ctx) {
  __u64 id = bpf_get_current_pid_tgid();
  void *map = bpf_map_lookup_elem(&outer_hash, &id);
  if (!map) return 0;
  for (__u32 i = 0; i < 4; i++) {
    __u64 *v = bpf_map_lookup_elem(map, &i);
    if (v) __sync_fetch_and_add(v, i);
  }
  return 0;
}

SEC("raw_tp/sys_enter")
int records(void *ctx) {
  struct value *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) return 0;
  __builtin_memset(record, 0, sizeof(*record));
  for (__u32 i = 0; i < rounds && i < 12; i++) record->parts[i] = i;
  if (record->parts[3] == 7) {
    bpf_ringbuf_discard(record, 0);
    return 0;
  }
  bpf_ringbuf_submit(record, 0);
  return 0;
}

static NOINLINE int fill(struct value *v, __u32 n) {
  if (!v) return -1;
  for (__u32 i = 0; i < 12; i++) v->parts[i] = n + i;
  return 0;
}

SEC("raw_tp/sys_enter")
int record_filled(void *ctx) {
  struct value *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) return 0;
  if (fill(record, 5)) bpf_ringbuf_discard(record, 0);
  else bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
  return 0;
}

NOINLINE int global_sum(const struct value *v) {
  __u64 sum = 0;
  if (!v) return 0;
  for (int i = 0; i < 12; i++) sum += v->parts[i];
  return sum;
}

NOINLINE int global_context(struct __sk_buff *skb, int add) { return skb->len + add; }

SEC("tc")
int globals(struct __sk_buff *skb) {
  __u32 key = 3;
  struct value *v = bpf_map_lookup_elem(&array, &key);
  struct value own = {.sum = 5};
  return global_sum(v) + global_sum(&own) + global_context(skb, 4);
}

SEC("tc")
int locked(struct __sk_buff *skb) {
  __u32 key = 0;
  struct locked *v = bpf_map_lookup_elem(&locks, &key);
  if (!v) return 0;
  bpf_spin_lock(&v->lock);
  if (v->a > 5) {
    v->b = 0;
    bpf_spin_unlock(&v->lock);
    return 2;
  }
  v->b += v->a++;
  bpf_spin_unlock(&v->lock);
  return 0;
}

static int fire(void *map, int *key, struct timed *v) {
  v->fired++;
  bpf_timer_start(&v->timer, 1000000, 0);
  return 0;
}

SEC("tc")
int timer(struct __sk_buff *skb) {
  __u32 key = 1;
  struct timed *v = bpf_map_lookup_elem(&timers, &key);
  if (!v) return 0;
  bpf_timer_init(&v->timer, &timers, 1);
  bpf_timer_set_callback(&v->timer, fire);
  bpf_timer_start(&v->timer, 1000, 0);
  bpf_timer_cancel(&v->timer);
  return 0;
}

struct sums {
  __u64 sum;
  __u32 index;
};

static long add(__u32 i, struct sums *s) {
  if (s->index >= 64) return 1;
  s->sum += buckets[s->index & 63];
  s->index++;
  return 0;
}

SEC("raw_tp/sys_enter")
int looped(void *ctx) {
  struct sums s = {};
  bpf_loop(64, add, &s, 0);
  total = s.sum;
  return 0;
}

static long nested_inner(__u32 i, struct sums *s) {
  s->sum += i;
  return 0;
}
static long nested_outer(__u32 i, struct sums *s) {
  bpf_loop(i, nested_inner, s, 0);
  return s->sum > 1000;
}

SEC("raw_tp/sys_enter")
int looped_twice(void *ctx) {
  struct sums s = {};
  __u32 n = bpf_get_prandom_u32();
  if (bpf_loop(n & 0xff, nested_outer, &s, 0) < 0) return 0;
  total += s.sum;
  return 0;
}

static long each(void *map, __u32 *key, struct value *v, struct sums *s) {
  s->sum += v->count + *key;
  if (v->count == 0) bpf_map_delete_elem(map, key);
  return 0;
}

SEC("raw_tp/sys_enter")
int for_each(void *ctx) {
  struct sums s = {};
  bpf_for_each_map_elem(&hash, each, &s, 0);
  bpf_for_each_map_elem(&percpu, each, &s, 0);
  total = s.sum;
  return 0;
}

SEC("raw_tp/sys_enter")
int queues(void *ctx) {
  struct value v = {};
  __u64 n = 5;
  bpf_map_push_elem(&queue, &v, 0);
  if (bpf_map_pop_elem(&queue, &v)) return 0;
  last = v;
  if (bpf_map_peek_elem(&bloom, &n)) bpf_map_push_elem(&bloom, &n, 0);
  return 0;
}

SEC("raw_tp/sys_enter")
int percpu_of(void *ctx) {
  __u32 key = 4;
  struct value *v = bpf_map_lookup_percpu_elem(&percpu, &key, 0);
  if (v) total += v->sum;
  return 0;
}

SEC("raw_tp/sys_enter")
int numbers(void *ctx) {
  struct bpf_iter_num it;
  int *i;
  __u64 sum = 0;
  bpf_iter_num_new(&it, 0, 100);
  while ((i = bpf_iter_num_next(&it))) {
    int n = *i;
    if (n < 0 || n >= 64) break;
    sum += buckets[n];
  }
  bpf_iter_num_destroy(&it);
  total = sum;
  return 0;
}

SEC("raw_tp/sys_enter")
int numbers_nested(void *ctx) {
  struct bpf_iter_num a, b;
  int *i, *j;
  __u32 n = 0;
  bpf_iter_num_new(&a, 0, 10);
  while ((i = bpf_iter_num_next(&a))) {
    bpf_iter_num_new(&b, *i, 20);
    while ((j = bpf_iter_num_next(&b))) n += *j;
    bpf_iter_num_destroy(&b);
  }
  bpf_iter_num_destroy(&a);
  total = n;
  return 0;
}

SEC("raw_tp/sys_enter")
int dynptr_record(void *ctx) {
  struct bpf_dynptr ptr;
  __u64 word = 7;
  if (bpf_ringbuf_reserve_dynptr(&ring, 64, 0, &ptr)) {
    bpf_ringbuf_discard_dynptr(&ptr, 0);
    return 0;
  }
  bpf_dynptr_write(&ptr, 8, &word, sizeof(word), 0);
  __u64 *at = bpf_dynptr_data(&ptr, 0, 8);
  if (at) *at = 5;
  bpf_ringbuf_submit_dynptr(&ptr, 0);
  return 0;
}

SEC("raw_tp/sys_enter")
int dynptr_memory(void *ctx) {
  struct bpf_dynptr ptr;
  __u32 key = 1, word;
  struct value *v = bpf_map_lookup_elem(&array, &key);
  if (!v) return 0;
  if (bpf_dynptr_from_mem(v, sizeof(*v), 0, &ptr)) return 0;
  if (bpf_dynptr_read(&word, sizeof(word), &ptr, 4, 0)) return 0;
  total = word + bpf_dynptr_size(&ptr);
  return 0;
}

SEC("tc")
int dynptr_packet(struct __sk_buff *skb) {
  struct bpf_dynptr ptr, other;
  char buffer[20];
  if (bpf_dynptr_from_skb(skb, 0, &ptr)) return 0;
  __u8 *at = bpf_dynptr_slice(&ptr, 14, buffer, sizeof(buffer));
  if (!at) return 0;
  int protocol = at[9];
  bpf_dynptr_adjust(&ptr, 34, 54);
  bpf_dynptr_clone(&ptr, &other);
  __u16 *ports = bpf_dynptr_slice_rdwr(&other, 0, buffer, 4);
  if (ports && protocol == 17) ports[1] = 0;
  return 0;
}

SEC("xdp")
int dynptr_xdp(struct xdp_md *xdp) {
  struct bpf_dynptr ptr;
  __u8 mac[6];
  bpf_dynptr_from_xdp(xdp, 0, &ptr);
  if (bpf_dynptr_read(mac, sizeof(mac), &ptr, 0, 0)) return XDP_DROP;
  return mac[0] & 1 ? XDP_DROP : XDP_PASS;
}

static long drained(struct bpf_dynptr *ptr, void *ctx) {
  __u64 word;
  if (bpf_dynptr_read(&word, sizeof(word), ptr, 0, 0)) return 1;
  total += word;
  return 0;
}

SEC("raw_tp/sys_enter")
int drain(void *ctx) {
  bpf_user_ringbuf_drain(&user_ring, drained, 0, 0);
  return 0;
}

SEC("tp_btf/task_newtask")
int keep_task(__u64 *ctx) {
  struct task_struct *task = (void *)ctx[0];
  __u32 key = 0;
  struct holder *v = bpf_map_lookup_elem(&held, &key);
  if (!v) return 0;
  struct task_struct *mine = bpf_task_acquire(task);
  if (!mine) return 0;
  struct task_struct *old = bpf_kptr_xchg(&v->task, mine);
  if (old) bpf_task_release(old);
  v->since = task->pid;
  return 0;
}

SEC("tp_btf/task_newtask")
int read_kept(__u64 *ctx) {
  __u32 key = 0;
  struct holder *v = bpf_map_lookup_elem(&held, &key);
  if (!v) return 0;
  bpf_rcu_read_lock();
  struct task_struct *task = v->task;
  if (task) total = task->pid;
  bpf_rcu_read_unlock();
  __u64 *count = bpf_task_storage_get(&per_task, bpf_get_current_task_btf(), 0, 1);
  if (count) ++*count;
  struct task_struct *first = bpf_task_from_pid(1);
  if (first) {
    total += first->pid;
    bpf_task_release(first);
  }
  return 0;
}

SEC("raw_tp/sys_enter")
int may_goto(void *ctx) {
  __u64 sum = 0;
  for (__u32 i = 0;; i++) {
    asm volatile goto(".byte 0xe5; .byte 0; .long ((%l[done] - . - 8) / 8) & 0xffff; .short 0" : : : : done);
    sum += buckets[i & 63];
  }
done:
  total = sum;
  return 0;
}

SEC("raw_tp/sys_enter")
int constants(void *ctx) {
  __u64 sum = 0;
  for (__u32 i = 0; i < rounds; i++) sum += buckets[i * 2];
  if (rounds > 6) buckets[rounds * 20] = 0;
  total = sum;
  return bpf_strncmp((void *)buckets, 3, (const char *)prefix);
}

SEC("raw_tp/sys_enter")
int strings(void *ctx) {
  char text[32], out[48];
  __u64 args[2] = {1, (long)text};
  if (bpf_get_current_comm(text, sizeof(text))) return 0;
  static const char format[] = "%d %s";
  bpf_snprintf(out, sizeof(out), format, args, sizeof(args));
  bpf_printk("%s", out);
  return 0;
}

SEC("syscall")
int called(struct {
  __u64 a;
  __u32 b, c;
} *args) {
  union bpf_attr attr = {};
  args->c = args->b;
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = attr.value_size = 4;
  attr.max_entries = 1;
  int fd = bpf_sys_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
  if (fd >= 0) bpf_sys_close(fd);
  return args->a;
}

SEC("raw_tp/sys_enter")
int histogram(void *ctx) {
  __u64 n = bpf_ktime_get_ns();
  __u32 slot = 0;
  for (int i = 0; i < 63; i++) {
    if (n <= 1) break;
    n >>= 1;
    slot++;
  }
  if (slot < 64) __sync_fetch_and_add(&buckets[slot], 1);
  return 0;
}

SEC("raw_tp/sys_enter")
int variable_stack(void *ctx) {
  char text[64] = {};
  __u32 at = bpf_get_prandom_u32() & 31;
  text[at] = 1;
  long n = bpf_probe_read_kernel_str(text + at, 32, ctx);
  if (n < 0 || n > 32) return 0;
  for (int i = 0; i < 64; i++) total += text[i];
  return bpf_ringbuf_output(&ring, text, at + n, 0);
}
char _license[] SEC("license") = "GPL";
