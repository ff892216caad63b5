// XDP: takes a header off, looks at the packet again, sums what is there.
#include "bpf.h"
struct { __uint(type, ARRAY); __uint(max_entries, 4); __type(key, u32); __type(value, u64); } sums SEC(".maps");
SEC("xdp") int decapsulate(struct xdp_md *ctx) {
  u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (data + 40 > end) return 2;
  if (data[23] != 4) return 2;
  if (xdp_adjust_head(ctx, 20)) return 1;
  data = (void *)(long)ctx->data; end = (void *)(long)ctx->data_end;
  u32 sum = 0, key = 1;
  for (int i = 0; i < 64; i++) {
    if (data + i + 1 > end) break;
    sum += data[i];
  }
  u64 *kept = map_lookup_elem(&sums, &key);
  if (kept) *kept += sum;
  return 2;
}
char _license[] SEC("license") = "GPL";
