// The methods that maps have in BCC's dialect (docs/reference_guide.md of BCC, "Maps"), each as text of C in which `self` is
// the map. `self.key` and `self.value` are pointers to the types of its keys and values, as its declaration has them.

import { type Method, type Methods, tokenize } from "../../../c/index.ts";

/** All entries of arrays are there: what is not found in one is beyond its end. */
const MISSES = "sizeof(*self.type) != 4 * BPF_MAP_TYPE_ARRAY && sizeof(*self.type) != 4 * BPF_MAP_TYPE_PERCPU_ARRAY";

/** `name(parameters, last = what it is where it is not given)`: what it gives. */
const METHODS: Readonly<Record<string, readonly [params: string, body: string]>> = {
  lookup: ["at", "((typeof(self.value))bpf_map_lookup_elem(&self, at))"],
  lookup_or_try_init: [
    "at, init",
    `({ const void *__key = at; typeof(self.value) __found = bpf_map_lookup_elem(&self, __key);
       if (!__found && ${MISSES}) { bpf_map_update_elem(&self, __key, init, 1); __found = bpf_map_lookup_elem(&self, __key); } __found; })`,
  ],
  lookup_or_init: [
    "at, init",
    `({ const void *__key = at; typeof(self.value) __found = bpf_map_lookup_elem(&self, __key);
       if (!__found) { bpf_map_update_elem(&self, __key, init, 1); __found = bpf_map_lookup_elem(&self, __key); if (!__found) return 0; } __found; })`,
  ],
  update: ["key, value, flags = 0", "bpf_map_update_elem(&self, key, value, flags)"],
  insert: ["key, value", "bpf_map_update_elem(&self, key, value, 1)"],
  delete: ["key", "bpf_map_delete_elem(&self, key)"],
  increment: [
    "at, by = 1",
    `({ typeof(*self.key) __key = at; typeof(self.value) __found = bpf_map_lookup_elem(&self, &__key);
       if (!__found && ${MISSES}) { typeof(*self.value) __zero = {}; bpf_map_update_elem(&self, &__key, &__zero, 1); __found = bpf_map_lookup_elem(&self, &__key); }
       if (__found) *__found += by; })`,
  ],
  atomic_increment: [
    "at, by = 1",
    `({ typeof(*self.key) __key = at; typeof(self.value) __found = bpf_map_lookup_elem(&self, &__key);
       if (!__found && ${MISSES}) { typeof(*self.value) __zero = {}; bpf_map_update_elem(&self, &__key, &__zero, 1); __found = bpf_map_lookup_elem(&self, &__key); }
       if (__found) __sync_fetch_and_add(__found, by); })`,
  ],
  get_stackid: ["ctx, flags", "((int)bpf_get_stackid(ctx, &self, flags))"],
  push: ["value, flags = 0", "bpf_map_push_elem(&self, value, flags)"],
  pop: ["value", "bpf_map_pop_elem(&self, value)"],
  peek: ["value", "bpf_map_peek_elem(&self, value)"],
  perf_submit: ["ctx, data, size", "bpf_perf_event_output(ctx, &self, 0xffffffffULL, data, size)"],
  perf_submit_skb: [
    "ctx, bytes, data, size",
    "bpf_perf_event_output(ctx, &self, 0xffffffffULL | ((unsigned long long)bytes << 32), data, size)",
  ],
  perf_read: ["cpu", "bpf_perf_event_read(&self, cpu)"],
  perf_counter_value: ["cpu, value, size", "bpf_perf_event_read_value(&self, cpu, value, size)"],
  ringbuf_output: ["data, size, flags", "bpf_ringbuf_output(&self, data, size, flags)"],
  ringbuf_reserve: ["size", "bpf_ringbuf_reserve(&self, size, 0)"],
  ringbuf_submit: ["data, flags", "bpf_ringbuf_submit(data, flags)"],
  ringbuf_discard: ["data, flags", "bpf_ringbuf_discard(data, flags)"],
  ringbuf_query: ["flags", "bpf_ringbuf_query(&self, flags)"],
  call: ["ctx, index", "bpf_tail_call(ctx, &self, index)"],
  check_current_task: ["index", "bpf_current_task_under_cgroup(&self, index)"],
  redirect_map: ["index, flags", "bpf_redirect_map(&self, index, flags)"],
  get_local_storage: ["flags", "((typeof(self.value))bpf_get_local_storage(&self, flags))"],
  sk_storage_get: ["sk, init, flags", "((typeof(self.value))bpf_sk_storage_get(&self, sk, init, flags))"],
  sk_storage_delete: ["sk", "bpf_sk_storage_delete(&self, sk)"],
  inode_storage_get: ["inode, init, flags", "((typeof(self.value))bpf_inode_storage_get(&self, inode, init, flags))"],
  inode_storage_delete: ["inode", "bpf_inode_storage_delete(&self, inode)"],
  task_storage_get: ["task, init, flags", "((typeof(self.value))bpf_task_storage_get(&self, task, init, flags))"],
  task_storage_delete: ["task", "bpf_task_storage_delete(&self, task)"],
  sock_map_update: ["ctx, key, flags", "bpf_sock_map_update(ctx, &self, key, flags)"],
  sock_hash_update: ["ctx, key, flags", "bpf_sock_hash_update(ctx, &self, key, flags)"],
  msg_redirect_map: ["msg, index, flags", "bpf_msg_redirect_map(msg, &self, index, flags)"],
  msg_redirect_hash: ["msg, key, flags", "bpf_msg_redirect_hash(msg, &self, key, flags)"],
  sk_redirect_map: ["skb, index, flags", "bpf_sk_redirect_map(skb, &self, index, flags)"],
  sk_redirect_hash: ["skb, key, flags", "bpf_sk_redirect_hash(skb, &self, key, flags)"],
};

const read = (text: string): Method["body"] =>
  tokenize({ name: "a method of maps", text }).filter((t) => t.kind !== "end" && t.kind !== "newline");

const known = new Map<string, Method>();

export const MAP_METHODS: Methods = { find: mapMethod, names: Object.keys(METHODS) };

function mapMethod(name: string): Method | undefined {
  const row = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  if (row === undefined) return undefined;
  let method = known.get(name);
  if (method === undefined) {
    const [params, body] = row;
    method = {
      params: params.split(", ").map((one) => {
        const [param = "", otherwise] = one.split(" = ");
        return otherwise === undefined ? { name: param } : { name: param, otherwise: read(otherwise) };
      }),
      body: read(`(${body})`),
    };
    known.set(name, method);
  }
  return method;
}
