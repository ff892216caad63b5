// Passes as text in, text out. The functions are named `p`; only their blocks are written.

interface PassCase {
  readonly pass: string;
  readonly name: string;
  readonly before: string;
  readonly after: string;
  /** What the kernel has not got. */
  readonly target?: {
    readonly cpu?: 3;
    readonly atomicFetch?: false;
    readonly mayGoto?: false;
    readonly bounds?: "all" | "addresses";
  };
}

const p = (body: string): string => `program "p" (%0: ctx) {\n${body}\n}`;

export const PASS_CASES: readonly PassCase[] = [
  {
    pass: "tidy",
    name: "unreachable blocks and parameters with one value go",
    before: p(`entry:
  %1 = load.u64 %0
  jump a(%1)
a(%2: int):
  branch eq.64 %2, 7, a(%2), b
b:
  return %2
dead:
  jump b`),
    after: p(`entry:
  %1 = load.u64 %0
  jump a
a:
  branch eq.64 %1, 7, a, b
b:
  return %1`),
  },
  {
    pass: "fold",
    name: "algebra",
    before: p(`entry:
  %1 = load.u64 %0
  %2 = add.64 %1, 0
  %3 = mul.64 %2, 8
  %4 = div.64 %1, 16
  %5 = mod.64 %1, 64
  %6 = sub.64 %3, 5
  %7 = add.64 %6, 7
  %8 = zext.8 %7
  %9 = zext.32 %8
  %10 = add.64 3, 4
  store.64 %0, %4
  store.64 %0 + 8, %5
  store.64 %0 + 16, %9
  store.64 %0 + 24, %10
  store.8 %0 + 32, %8
  return 0`),
    after: p(`entry:
  %1 = load.u64 %0
  %3 = shl.64 %1, 3
  %4 = shr.64 %1, 4
  %5 = and.64 %1, 63
  %6 = add.64 %3, -5
  %7 = add.64 %3, 2
  %8 = and.64 %7, 255
  store.64 %0, %4
  store.64 %0 + 8, %5
  store.64 %0 + 16, %8
  store.64 %0 + 24, 7
  store.8 %0 + 32, %7
  return 0`),
  },
  {
    pass: "fold",
    name: "offsets go into loads, sign extension into the load, decided branches become jumps",
    before: p(`entry:
  %1 = slot 32
  %2 = add.64 %1, 8
  %3 = load.u32 %2 + 4
  %4 = sext.32 %3
  %5 = map-value g, 8
  %6 = add.64 %5, 8
  %7 = load.u64 %6
  branch ult.64 5, 4, a, b
a:
  return %7
b:
  return %4`),
    after: p(`entry:
  %1 = slot 32
  %2 = add.64 %1, 8
  %3 = load.s32 %1 + 12
  %5 = map-value g, 8
  %6 = map-value g, 16
  %14 = map-value g, 0
  %7 = load.u64 %14 + 16
  jump b
a:
  return %7
b:
  return %3`),
  },
  {
    pass: "fold",
    name: "a mask that is tested is one jset, a narrow value is compared narrowly",
    before: p(`entry:
  %1 = load.u64 %0
  %2 = and.64 %1, 4
  branch ne.64 %2, 0, a, b
a:
  %3 = zext.32 %1
  branch eq.64 %3, 0xfffffff0, b, c
b:
  return 0
c:
  return 1`),
    after: p(`entry:
  %1 = load.u64 %0
  %2 = and.64 %1, 4
  branch set.64 %1, 4, a, b
a:
  %3 = zext.32 %1
  branch eq.32 %1, -16, b, c
b:
  return 0
c:
  return 1`),
  },
  {
    pass: "private-atomics",
    name: "an atomic operation on a slot is a plain one; on a map it stays",
    before: p(`entry:
  %1 = slot 8
  %2 = load.u64 %0
  %3 = atomic.add.32.fetch %1, %2
  %4 = atomic.cmpxchg.64.fetch %1, 7, %3
  %5 = map-value g, 0
  atomic.add.64 %5, %4
  return 0`),
    after: p(`entry:
  %1 = slot 8
  %2 = load.u64 %0
  %10 = load.u32 %1
  %11 = add.32 %10, %2
  store.32 %1, %11
  %13 = load.u64 %1
  branch eq.64 %13, %10, same15, after16
same15:
  store.64 %1, 7
  jump after16
after16:
  %5 = map-value g, 0
  atomic.add.64 %5, %13
  return 0`),
  },
  {
    pass: "fold",
    name: "half of what was swapped is compared as it is",
    before: p(`entry:
  %1 = load.u64 %0
  %2 = bswap.64 %1
  branch ne.32 %2, 7, yes, no
yes:
  return 1
no:
  return 2`),
    after: p(`entry:
  %1 = load.u64 %0
  %2 = bswap.64 %1
  branch ne.32 %2, 7, yes, no
yes:
  return 1
no:
  return 2`),
  },
  {
    pass: "thread-jumps",
    name: "a boolean that is branched on is bypassed",
    before: p(`entry:
  %1 = load.u64 %0
  branch eq.64 %1, 1, yes, no
yes:
  jump join(1)
no:
  jump join(0)
join(%2: int):
  branch ne.64 %2, 0, a, b
a:
  return 1
b:
  return 2`),
    after: p(`entry:
  %1 = load.u64 %0
  branch eq.64 %1, 1, yes, no
yes:
  jump a
no:
  jump b
a:
  return 1
b:
  return 2`),
  },
  {
    pass: "thread-jumps",
    name: "but never a loop's header",
    before: p(`entry:
  jump head(0)
head(%1: int):
  branch ult.64 %1, 10, body, end
body:
  %2 = add.64 %1, 1
  jump head(%2)
end:
  return 0`),
    after: p(`entry:
  jump head(0)
head(%1: int):
  branch ult.64 %1, 10, body, end
body:
  %2 = add.64 %1, 1
  jump head(%2)
end:
  return 0`),
  },
  {
    pass: "thread-jumps",
    name: "what a branch on the way has settled is not asked again",
    before: p(`entry:
  %1 = load.u64 %0
  branch ne.64 %1, 0, yes, no
yes:
  store.64 %0 + 8, 1
  jump join
no:
  store.64 %0 + 8, 2
  jump join
join:
  branch eq.64 %1, 0, a, b
a:
  return 1
b:
  return 2`),
    after: p(`entry:
  %1 = load.u64 %0
  branch ne.64 %1, 0, yes, no
yes:
  store.64 %0 + 8, 1
  jump b
no:
  store.64 %0 + 8, 2
  jump a
a:
  return 1
b:
  return 2`),
  },
  {
    pass: "thread-jumps",
    name: "but where another way leads to it",
    before: p(`entry:
  %1 = load.u64 %0
  branch ne.64 %1, 0, yes, no
yes:
  branch ne.64 %1, 5, join, no
no:
  store.64 %0 + 8, 2
  jump join
join:
  branch eq.64 %1, 0, a, b
a:
  return 1
b:
  return 2`),
    after: p(`entry:
  %1 = load.u64 %0
  branch ne.64 %1, 0, yes, no
yes:
  branch ne.64 %1, 5, b, no
no:
  store.64 %0 + 8, 2
  jump join
join:
  branch eq.64 %1, 0, a, b
a:
  return 1
b:
  return 2`),
  },
  {
    pass: "dissolve-joins",
    name: "what is joined for one side alone is not joined",
    before: p(`entry:
  %1 = load.u64 %0
  branch eq.64 %1, 1, here, absent
here:
  %2 = load.u64 %0 + 8
  jump join(1, %2)
absent:
  jump join(0, 0)
join(%3: int, %4: int):
  branch ne.64 %3, 0, yes, no
yes:
  return %4
no:
  return 2`),
    after: p(`entry:
  %1 = load.u64 %0
  branch eq.64 %1, 1, here, absent
here:
  %2 = load.u64 %0 + 8
  jump yes
absent:
  jump no
yes:
  return %2
no:
  return 2`),
  },
  {
    pass: "dissolve-joins",
    name: "but where both sides read it, it stays",
    before: p(`entry:
  %1 = load.u64 %0
  branch eq.64 %1, 1, here, absent
here:
  jump join(1, %1)
absent:
  jump join(0, 5)
join(%2: int, %3: int):
  branch ne.64 %2, 0, yes, no
yes:
  return %3
no:
  %4 = add.64 %3, 1
  return %4`),
    after: p(`entry:
  %1 = load.u64 %0
  branch eq.64 %1, 1, here, absent
here:
  jump join(1, %1)
absent:
  jump join(0, 5)
join(%2: int, %3: int):
  branch ne.64 %2, 0, yes, no
yes:
  return %3
no:
  %4 = add.64 %3, 1
  return %4`),
  },
  {
    pass: "merge-blocks",
    name: "straight lines join, empty blocks are passed over, a jump to a return returns",
    before: p(`entry:
  %1 = load.u64 %0
  jump a(%1)
a(%2: int):
  branch eq.64 %2, 1, b, c
b:
  jump done
c:
  store.64 %0, 1
  jump done
done:
  return 0`),
    after: p(`entry:
  %1 = load.u64 %0
  branch eq.64 %1, 1, done, c
c:
  store.64 %0, 1
  return 0
done:
  return 0`),
  },
  {
    pass: "merge-blocks",
    name: "a block whose branch is none keeps the parameters that others read",
    before: p(`entry:
  %1 = load.u64 %0
  branch eq.64 %1, 1, a(%1), a(5)
a(%2: int):
  branch ne.64 %1, 0, b, b
b:
  %3 = add.64 %2, 1
  return %3`),
    after: p(`entry:
  %1 = load.u64 %0
  branch eq.64 %1, 1, a(%1), a(5)
a(%2: int):
  %3 = add.64 %2, 1
  return %3`),
  },
  {
    pass: "reuse-values",
    name: "the pid is asked for once, what an earlier branch settled is not asked again",
    before: p(`entry:
  %1 = helper get_current_pid_tgid
  %2 = shr.64 %1, 32
  branch eq.64 %2, 5, a, b
a:
  %3 = helper get_current_pid_tgid
  %4 = shr.64 %3, 32
  branch ne.64 %4, 5, b, c
b:
  return 0
c:
  %5 = helper get_current_pid_tgid
  return %5`),
    after: p(`entry:
  %1 = helper get_current_pid_tgid
  %2 = shr.64 %1, 32
  branch eq.64 %2, 5, a, b
a:
  jump c
b:
  return 0
c:
  return %1`),
  },
  {
    pass: "reuse-memory",
    name: "the same key is looked up once, until the map changes",
    before: p(`entry:
  %1 = load.u64 %0
  %2 = slot 8
  store.64 %2, %1
  %3 = map m
  %4: map-value? m = helper map_lookup_elem %3, %2
  %5 = slot 8
  store.64 %5, %1
  %6: map-value? m = helper map_lookup_elem %3, %5
  branch eq.64 %6, 0, a, b
a:
  %7 = helper map_delete_elem %3, %5
  %8: map-value? m = helper map_lookup_elem %3, %5
  branch eq.64 %8, 0, b, b
b:
  %9 = load.u64 %5
  return %9`),
    after: p(`entry:
  %1 = load.u64 %0
  %2 = slot 8
  store.64 %2, %1
  %3 = map m
  %4: map-value? m = helper map_lookup_elem %3, %2
  %5 = slot 8
  store.64 %5, %1
  branch eq.64 %4, 0, a, b
a:
  %7 = helper map_delete_elem %3, %5
  %8: map-value? m = helper map_lookup_elem %3, %5
  branch eq.64 %8, 0, b, b
b:
  return %1`),
  },
  {
    pass: "reuse-memory",
    name: "a helper that writes a slot is believed",
    before: p(`entry:
  %1 = slot 8
  store.64 %1, 5
  %2 = helper get_current_comm %1, 8
  %3 = load.u64 %1
  return %3`),
    after: p(`entry:
  %1 = slot 8
  store.64 %1, 5
  %2 = helper get_current_comm %1, 8
  %3 = load.u64 %1
  return %3`),
  },
  {
    pass: "reuse-memory",
    name: "parts of what was stored are known, and what a narrow store leaves of it",
    before: p(`entry:
  %1 = slot 8
  store.64 %1, 0
  %2 = load.u32 %0
  store.32 %1, %2
  %3 = load.u32 %1
  %4 = load.u16 %1 + 6
  %5 = add.64 %3, %4
  return %5`),
    after: p(`entry:
  %1 = slot 8
  store.64 %1, 0
  %2 = load.u32 %0
  store.32 %1, %2
  %3 = zext.32 %2
  %5 = add.64 %3, 0
  return %5`),
  },
  {
    pass: "reuse-memory",
    name: "a number with zeros above it is read whole",
    before: p(`entry:
  %1 = slot 8
  store.64 %1, 0
  %2 = load.u32 %0
  store.16 %1, %2
  %3 = load.u64 %1
  return %3`),
    after: p(`entry:
  %1 = slot 8
  store.64 %1, 0
  %2 = load.u32 %0
  store.16 %1, %2
  %3 = zext.16 %2
  return %3`),
  },
  {
    pass: "reuse-memory",
    name: "what a pointer leads to is loaded once, until something may be written there",
    before: p(`entry:
  %1 = map-value m, 8
  %2 = load.u64 %1
  %3 = load.u64 %1
  %4: memory = load.u64 %0
  store.64 %4, 1
  %5 = load.u64 %1
  %6 = load.u64 %1
  %7 = helper ktime_get_ns
  %8 = add.64 %2, %3
  %9 = add.64 %8, %5
  %10 = add.64 %9, %6
  return %10`),
    after: p(`entry:
  %1 = map-value m, 8
  %2 = load.u64 %1
  %4: memory = load.u64 %0
  store.64 %4, 1
  %5 = load.u64 %1
  %7 = helper ktime_get_ns
  %8 = add.64 %2, %2
  %9 = add.64 %8, %5
  %10 = add.64 %9, %5
  return %10`),
  },
  {
    pass: "dead-stores",
    name: "what is written again before it is read, and what stands before a return",
    before: p(`entry:
  %1 = slot 16
  store.64 %1, 0
  store.64 %1 + 8, 0
  %2 = load.u64 %0
  store.64 %1, %2
  %3 = helper trace_printk %1, 16
  store.32 %1 + 4, 5
  return 0`),
    after: p(`entry:
  %1 = slot 16
  store.64 %1 + 8, 0
  %2 = load.u64 %0
  store.64 %1, %2
  %3 = helper trace_printk %1, 16
  return 0`),
  },
  {
    pass: "dead-stores",
    name: "what a helper fills, whatever it reads itself",
    before: p(`entry:
  %1 = slot 24
  store.64 %1, 0
  store.64 %1 + 8, 0
  store.64 %1 + 16, 0
  %2 = helper ktime_get_ns
  store.64 %1, %2
  %3 = add.64 %1, 8
  %4 = helper get_current_comm %3, 12
  %5 = helper trace_printk %1, 24
  return 0`),
    after: p(`entry:
  %1 = slot 24
  store.64 %1 + 16, 0
  %2 = helper ktime_get_ns
  store.64 %1, %2
  %3 = add.64 %1, 8
  %4 = helper get_current_comm %3, 12
  %5 = helper trace_printk %1, 24
  return 0`),
  },
  {
    pass: "dce",
    name: "what nothing reads goes, also round a loop and into a slot",
    before: p(`entry:
  %1 = load.u64 %0
  %2 = slot 8
  store.64 %2, %1
  %3 = helper get_current_pid_tgid
  jump head(0, 0)
head(%4: int, %5: int):
  branch ult.64 %4, 10, body, end
body:
  %6 = add.64 %4, 1
  %7 = add.64 %5, 1
  jump head(%6, %7)
end:
  return 0`),
    after: p(`entry:
  jump head(0)
head(%4: int):
  branch ult.64 %4, 10, body, end
body:
  %6 = add.64 %4, 1
  jump head(%6)
end:
  return 0`),
  },
  {
    pass: "share-slots",
    name: "keys one after another share their place",
    before: p(`entry:
  %1 = map m
  %2 = slot 4
  store.32 %2, 1
  %3 = helper map_delete_elem %1, %2
  %4 = slot 8
  store.64 %4, 2
  %5 = helper map_delete_elem %1, %4
  return 0`),
    after: p(`entry:
  %2 = slot 8
  %1 = map m
  store.32 %2, 1
  %3 = helper map_delete_elem %1, %2
  store.64 %2, 2
  %5 = helper map_delete_elem %1, %2
  return 0`),
  },
  {
    pass: "share-slots",
    name: "loops one after another share a place",
    before: p(`entry:
  %1 = map m
  jump first(0)
first(%2: int):
  branch ult.64 %2, 9, body, second(0)
body:
  %3 = slot 8
  store.64 %3, %2
  %4 = helper map_delete_elem %1, %3
  %5 = add.64 %2, 1
  jump first(%5)
second(%6: int):
  branch ult.64 %6, 9, more, done
more:
  %7 = slot 8
  store.64 %7, %6
  %8 = helper map_delete_elem %1, %7
  %9 = add.64 %6, 1
  jump second(%9)
done:
  return 0`),
    after: p(`entry:
  %7 = slot 8
  %1 = map m
  jump first(0)
first(%2: int):
  branch ult.64 %2, 9, body, second(0)
body:
  store.64 %7, %2
  %4 = helper map_delete_elem %1, %7
  %5 = add.64 %2, 1
  jump first(%5)
second(%6: int):
  branch ult.64 %6, 9, more, done
more:
  store.64 %7, %6
  %8 = helper map_delete_elem %1, %7
  %9 = add.64 %6, 1
  jump second(%9)
done:
  return 0`),
  },
  {
    pass: "place-slots",
    name: "a large slot goes to scratch, behind the predicate",
    before: p(`entry:
  %1 = slot 512
  %2 = load.u64 %0
  branch eq.64 %2, 0, done, work
work:
  %3 = helper probe_read_user_str %1, 512, %2
  jump done
done:
  return 0`),
    after: p(`entry:
  %2 = load.u64 %0
  branch eq.64 %2, 0, done, work
work:
  %11 = slot 4
  store.32 %11, 0
  %13 = map scratch
  %14: map-value? scratch = helper map_lookup_elem %13, %11
  branch eq.64 %14, 0, none10, scratch9 unlikely then
done:
  return 0
scratch9:
  %15: map-value scratch = add.64 %14, 0
  %3 = helper probe_read_user_str %15, 512, %2
  jump done
none10:
  return 0`),
  },
  {
    pass: "expand-memory",
    name: "zero and copy become stores; long ones one call",
    before: p(`entry:
  %1 = slot 32
  %2 = slot 256
  zero %1, 15
  copy %1 + 16, %1, 12
  zero %2, 256
  return 0`),
    after: p(`entry:
  %1 = slot 32
  %2 = slot 256
  store.64 %1, 0
  store.32 %1 + 8, 0
  store.16 %1 + 12, 0
  store.8 %1 + 14, 0
  %12 = load.u64 %1
  store.64 %1 + 16, %12
  %14 = load.u32 %1 + 8
  store.32 %1 + 24, %14
  %17 = helper probe_read_kernel %2, 256, 0
  return 0`),
  },
  {
    pass: "count-loops",
    name: "an endless loop gets a counter; the kernel has no may_goto",
    target: { mayGoto: false },
    before: p(`entry:
  %1 = load.u64 %0
  jump head
head:
  may-goto body, end
body:
  branch eq.64 %1, 0, end, head
end:
  return 0`),
    after: p(`entry:
  %1 = load.u64 %0
  jump head(1024)
head(%7: int):
  %9 = sub.64 %7, 1
  branch ne.64 %7, 0, body, end unlikely else
body:
  branch eq.64 %1, 0, end, head(%9)
end:
  return 0`),
  },
  {
    pass: "count-loops",
    name: "one that counts by itself gets none",
    target: { mayGoto: false },
    before: p(`entry:
  jump head(0)
head(%1: int):
  may-goto check, end
check:
  branch ult.64 %1, 64, body, end
body:
  %2 = add.64 %1, 1
  jump head(%2)
end:
  return 0`),
    after: p(`entry:
  jump head(0)
head(%1: int):
  jump check
check:
  branch ult.64 %1, 64, body, end
body:
  %2 = add.64 %1, 1
  jump head(%2)
end:
  return 0`),
  },
  {
    pass: "keep-bounds",
    name: "what a comparison bounds is a value of its own from there on",
    target: { mayGoto: false, bounds: "all" },
    before: p(`entry:
  %1 = load.u64 %0
  branch ult.64 %1, 65, small, big
small:
  %3 = helper probe_read_kernel %0, %1, 0
  return %1
big:
  return %1`),
    after: p(`entry:
  %1 = load.u64 %0
  %9 = add.64 %1, 0
  branch ult.64 %9, 65, small, big
small:
  %11 = and.64 %9, 127
  %3 = helper probe_read_kernel %0, %11, 0
  return %11
big:
  return %1`),
  },
  {
    pass: "keep-bounds",
    name: "only what a size or an address is made of, where that is enough",
    target: { bounds: "addresses" },
    before: p(`entry:
  %1 = load.u64 %0
  branch ult.64 %1, 65, small, big
small:
  return %1
big:
  return 0`),
    after: p(`entry:
  %1 = load.u64 %0
  branch ult.64 %1, 65, small, big
small:
  return %1
big:
  return 0`),
  },
  {
    pass: "signed-division",
    name: "the signs are taken off and put on again; the instruction set has no signed division",
    target: { cpu: 3 },
    before: p(`entry:
  %1 = load.u64 %0
  %2 = load.u64 %0 + 8
  %3 = smod.64 %1, %2
  return %3`),
    after: p(`entry:
  %1 = load.u64 %0
  %2 = load.u64 %0 + 8
  %6 = sar.64 %1, 63
  %7 = sar.64 %2, 63
  %8 = xor.64 %1, %6
  %9 = sub.64 %8, %6
  %10 = xor.64 %2, %7
  %11 = sub.64 %10, %7
  %12 = mod.64 %9, %11
  %13 = xor.64 %12, %6
  %14 = sub.64 %13, %6
  return %14`),
  },
  {
    pass: "signed-division",
    name: "of numbers without a sign it is the plain one",
    target: { cpu: 3 },
    before: p(`entry:
  %1 = load.u32 %0
  %2 = sdiv.64 %1, 7
  return %2`),
    after: p(`entry:
  %1 = load.u32 %0
  %5 = div.64 %1, 7
  return %5`),
  },
  {
    pass: "split-accesses",
    name: "a number that is not aligned on the stack is written and read in parts",
    before: p(`entry:
  %1 = load.u64 %0
  %2 = slot 16
  store.32 %2 + 2, %1
  %3 = load.s32 %2 + 2
  return %3`),
    after: p(`entry:
  %1 = load.u64 %0
  %2 = slot 16
  store.16 %2 + 2, %1
  %8 = shr.64 %1, 16
  store.16 %2 + 4, %8
  %10 = load.u16 %2 + 2
  %11 = load.u16 %2 + 4
  %12 = shl.64 %11, 16
  %13 = or.64 %10, %12
  %3 = sext.32 %13
  return %3`),
  },
  {
    pass: "hoist",
    name: "what is the same in each turn is computed before the loop",
    before: p(`entry:
  %1 = load.u64 %0
  jump head(0)
head(%2: int):
  %3 = and.64 %1, 15
  %4 = add.64 %2, 1
  branch slt.64 %4, %3, head(%4), leave
leave:
  return %4`),
    after: p(`entry:
  %1 = load.u64 %0
  %3 = and.64 %1, 15
  jump head(0)
head(%2: int):
  %4 = add.64 %2, 1
  branch slt.64 %4, %3, head(%4), leave
leave:
  return %4`),
  },
  {
    pass: "private-atomics",
    name: "an addition that answers the old value is a load and one that does not",
    target: { atomicFetch: false },
    before: p(`entry:
  %1 = load.u64 %0
  %2 = atomic.add.64.fetch %1, 5
  return %2`),
    after: p(`entry:
  %1 = load.u64 %0
  %5 = load.u64 %1
  atomic.add.64 %1, 5
  return %5`),
  },
  {
    pass: "launder-loops",
    name: "what a may_goto loop carries is hidden from the verifier",
    before: p(`entry:
  jump head(0)
head(%1: int):
  may-goto body, end
body:
  %2 = add.64 %1, 1
  jump head(%2)
end:
  return %1`),
    after: p(`entry:
  %9 = helper get_current_pid_tgid
  %10 = sub.64 %9, %9
  jump head(0)
head(%1: int):
  %11 = add.64 %1, %10
  may-goto body, end
body:
  %2 = add.64 %11, 1
  jump head(%2)
end:
  return %11`),
  },
  {
    pass: "sink",
    name: "a predicate comes before the work that only passing needs; nothing goes into a loop",
    before: p(`entry:
  %1 = helper get_current_pid_tgid
  %2 = load.u64 %0 + 8
  %3 = load.u64 %0 + 16
  branch ne.64 %2, 9, done, head
head:
  %4 = load.u64 %3
  branch eq.64 %4, 0, done, body
body:
  %5 = add.64 %1, %4
  store.64 %3, %5
  jump head
done:
  return 0`),
    after: p(`entry:
  %1 = helper get_current_pid_tgid
  %2 = load.u64 %0 + 8
  %3 = load.u64 %0 + 16
  branch ne.64 %2, 9, done, head
head:
  %4 = load.u64 %3
  branch eq.64 %4, 0, done, body
body:
  %5 = add.64 %1, %4
  store.64 %3, %5
  jump head
done:
  return 0`),
  },
  {
    pass: "sink",
    name: "the pid is asked for only where it counts",
    before: p(`entry:
  %1 = helper get_current_pid_tgid
  %2 = load.u64 %0 + 8
  branch ne.64 %2, 9, done, more
more:
  %3 = shr.64 %1, 32
  return %3
done:
  return 0`),
    after: p(`entry:
  %2 = load.u64 %0 + 8
  branch ne.64 %2, 9, done, more
more:
  %1 = helper get_current_pid_tgid
  %3 = shr.64 %1, 32
  return %3
done:
  return 0`),
  },
  {
    pass: "split-edges",
    name: "a branch that hands over values gets a block for it",
    before: p(`entry:
  %1 = load.u64 %0
  branch eq.64 %1, 0, a(1), a(2)
a(%2: int):
  return %2`),
    after: p(`entry:
  %1 = load.u64 %0
  branch eq.64 %1, 0, edge8, edge9
a(%2: int):
  return %2
edge8:
  jump a(1)
edge9:
  jump a(2)`),
  },
];
