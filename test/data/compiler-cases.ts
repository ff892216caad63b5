// Programs with known results, as IR text: run by the interpreter and by the kernel, which must agree.

import type { MapSpec } from "../../src/object/index.ts";

export interface ProgramCase {
  readonly name: string;
  readonly text: string;
  readonly maps?: readonly MapSpec[];
  /** What the program returns (32 bits) with the words 5, 1234, -7, 2^32-1, 2^40, 3 as its context. */
  readonly result: number;
}

const p = (body: string, rest = ""): string => `program "p" (%0: ctx) {\n${body}\n}\n${rest}`;
const array = (name: string, valueSize: number, maxEntries = 1): MapSpec => ({
  name,
  type: "percpu_array",
  keySize: 4,
  valueSize,
  maxEntries,
});

/** Twelve values that live across calls and feed one another round a loop. */
function manyLive(): string {
  const count = 12;
  const ids = Array.from({ length: count }, (_, i) => 100 + i);
  const loads = ids.map((id, i) => `  %${id} = load.u64 %0 + ${(i % 6) * 8}`).join("\n");
  const params = ids.map((_, i) => `%${200 + i}: int`).join(", ");
  // A rotation: every parameter gets its neighbour's value, which is one cycle of moves.
  const next = ids.map((_, i) => `%${200 + ((i + 1) % count)}`).join(", ");
  const sum = ids.map(
    (_, i) => `  %${300 + i} = mul.64 %${i === 0 ? 200 : 299 + i}, 31\n  %${400 + i} = add.64 %${300 + i}, %${200 + i}`,
  );
  const sums = sum.join("\n").replace(/mul\.64 %(3\d\d), 31/g, (_, id: string) => `mul.64 %${Number(id) + 100}, 31`);
  return p(`entry:
${loads}
  jump head(0, ${ids.map((id) => `%${id}`).join(", ")})
head(%99: int, ${params}):
  branch ult.64 %99, 7, body, end
body:
  %98 = add.64 %99, 1
  %97 = helper get_prandom_u32
  %96 = helper get_prandom_u32
  jump head(%98, ${next})
end:
${sums}
  %500 = shr.64 %411, 32
  %501 = xor.64 %411, %500
  return %501`);
}

export const PROGRAM_CASES: readonly ProgramCase[] = [
  { name: "a constant", text: p("entry:\n  return 7"), result: 7 },
  {
    name: "a large constant",
    text: p("entry:\n  %1 = load.u64 %0\n  %2 = add.64 %1, 0x123456789abcdef0\n  %3 = shr.64 %2, 32\n  return %3"),
    result: 0x12345678,
  },
  {
    name: "an unsigned 32-bit constant",
    text: p("entry:\n  %1 = load.u64 %0 + 24\n  branch eq.64 %1, 0xffffffff, a, b\na:\n  return 1\nb:\n  return 0"),
    result: 1,
  },
  { name: "more values than registers, in a cycle", text: manyLive(), result: 0 },
  {
    name: "a while loop of a million turns",
    text: p(`entry:
  %1 = load.u64 %0
  jump head(0, %1)
head(%2: int, %3: int):
  may-goto test, end
test:
  branch ult.64 %2, 1000000, body, end
body:
  %4 = mul.64 %3, 6364136223846793005
  %5 = add.64 %4, %2
  %6 = add.64 %2, 1
  jump head(%6, %5)
end:
  %7 = shr.64 %3, 32
  return %7`),
    result: 0,
  },
  {
    name: "nested loops whose counters index an array",
    maps: [array("cells", 512)],
    text: p(`entry:
  %1 = slot 4
  store.32 %1, 0
  %2 = map cells
  %3: map-value? cells = helper map_lookup_elem %2, %1
  branch eq.64 %3, 0, none, outer(0) unlikely then
none:
  return 99
outer(%4: int):
  may-goto o, end
o:
  branch ult.64 %4, 300, inner(0), end
inner(%5: int):
  may-goto i, next
i:
  branch ult.64 %5, 64, body, next
body:
  %6 = shl.64 %5, 3
  %7: map-value cells = add.64 %3, %6
  %8 = load.u64 %7
  %9 = add.64 %8, %4
  store.64 %7, %9
  %10 = add.64 %5, 1
  jump inner(%10)
next:
  %11 = add.64 %4, 1
  jump outer(%11)
end:
  %12 = load.u64 %3 + 504
  return %12`),
    result: 44850,
  },
  {
    name: "a counter masked to index an array",
    maps: [array("cells", 512)],
    text: p(`entry:
  %1 = slot 4
  store.32 %1, 0
  %2 = map cells
  %3: map-value? cells = helper map_lookup_elem %2, %1
  branch ne.64 %3, 0, head(0), none
none:
  return 99
head(%4: int):
  may-goto test, end
test:
  branch ult.64 %4, 1000, body, end
body:
  %6 = and.64 %4, 63
  %7 = shl.64 %6, 3
  %8: map-value cells = add.64 %3, %7
  %9 = load.u64 %8
  %10 = add.64 %9, 1
  store.64 %8, %10
  %11 = add.64 %4, 1
  jump head(%11)
end:
  %12 = load.u64 %3 + 8
  %13 = load.u64 %3 + 504
  %14 = shl.64 %12, 8
  %15 = or.64 %14, %13
  return %15`),
    result: 16 * 256 + 15,
  },
  {
    name: "a loop that counts in a slot",
    text: p(`entry:
  %1 = slot 8
  store.64 %1, 0
  jump head
head:
  may-goto test, end
test:
  %2 = load.u64 %1
  branch ult.64 %2, 1000000, body, end
body:
  %3 = add.64 %2, 1
  store.64 %1, %3
  jump head
end:
  %4 = load.u64 %1
  return %4`),
    result: 1000000,
  },
  {
    name: "a callback with captured slots",
    text: p(
      `entry:
  %1 = slot 16
  store.64 %1, 100
  store.64 %1 + 8, 0
  %2 = function body
  %3 = helper loop 10, %2, %1, 0
  %4 = load.u64 %1
  %5 = add.64 %4, %3
  return %5`,
      `function "body" (%0: int, %1: memory) {
entry:
  %2 = load.u64 %1
  %3 = add.64 %2, %0
  store.64 %1, %3
  branch eq.64 %0, 5, stop, go
stop:
  return 1
go:
  return 0
}`,
    ),
    result: 100 + 15 + 6,
  },
  {
    name: "a function that is called",
    text: p(
      "entry:\n  %1 = load.u64 %0 + 8\n  %2 = call twice %1, 3\n  %3 = call twice %2, %1\n  return %3",
      'function "twice" (%0: int, %1: int) {\nentry:\n  %2 = shl.64 %0, 1\n  %3 = add.64 %2, %1\n  return %3\n}',
    ),
    result: (1234 * 2 + 3) * 2 + 1234,
  },
  {
    name: "areas beyond the stack are in scratch",
    text: p(`entry:
  %1 = slot 400
  %2 = slot 300
  %3 = slot 40
  zero %1, 400
  zero %2, 300
  zero %3, 40
  store.64 %1 + 392, 11
  store.64 %2 + 8, 22
  store.64 %3 + 32, 33
  copy %1, %2, 296
  copy %3, %2, 16
  %4 = load.u64 %1 + 392
  %5 = load.u64 %1 + 8
  %6 = load.u64 %3 + 8
  %7 = load.u64 %3 + 32
  %8 = add.64 %4, %5
  %9 = add.64 %8, %6
  %10 = add.64 %9, %7
  return %10`),
    result: 11 + 22 + 22 + 33,
  },
  {
    name: "a slot indexed by a bounded number",
    text: p(`entry:
  %1 = slot 64
  zero %1, 64
  %2 = load.u64 %0
  branch ult.64 %2, 8, ok, bad
ok:
  %3 = shl.64 %2, 3
  %4: stack = add.64 %1, %3
  store.64 %4, 77
  %5 = load.u64 %1 + 40
  return %5
bad:
  return 0`),
    result: 77,
  },
  {
    name: "an index checked before a call is still known after it",
    maps: [array("cells", 64)],
    text: p(`entry:
  %1 = load.u64 %0
  %20 = load.u64 %0 + 8
  %21 = load.u64 %0 + 16
  %22 = load.u64 %0 + 24
  %23 = load.u64 %0 + 32
  branch ult.64 %1, 8, ok, bad
ok:
  %2 = slot 4
  store.32 %2, 0
  %3 = map cells
  %4: map-value? cells = helper map_lookup_elem %3, %2
  branch ne.64 %4, 0, have, bad
have:
  %24 = add.64 %20, %21
  %25 = add.64 %22, %23
  %26 = helper get_prandom_u32
  %5 = shl.64 %1, 3
  %6: map-value cells = add.64 %4, %5
  store.64 %6, 41
  %27 = add.64 %24, %25
  store.64 %6, %27
  %7 = load.u64 %4 + 40
  return %7
bad:
  return 0`),
    result: Number((1234n - 7n + 0xffffffffn) & 0xffffffffn),
  },
  {
    name: "atomic operations",
    text: p(`entry:
  %1 = slot 16
  store.64 %1, 10
  store.64 %1 + 8, 0
  %2 = atomic.add.64.fetch %1, 5
  atomic.or.64 %1, 32
  %3 = atomic.xchg.64.fetch %1 + 8, 9
  %4 = atomic.cmpxchg.64.fetch %1 + 8, 100, 9
  %5 = load.u64 %1
  %6 = load.u64 %1 + 8
  %7 = add.64 %2, %3
  %8 = add.64 %7, %4
  %9 = add.64 %8, %5
  %10 = add.64 %9, %6
  return %10`),
    result: 10 + 0 + 9 + 47 + 100,
  },
];

/**
 * The programs 0, 1, 3 and 5 of the benchmark's floor (`floor.bpf.c`) as the lowering would write them: `instructions`
 * is what the compiled code may have, `clang` what clang -O2 -mcpu=v3 makes of the C.
 */
export const FLOOR_CASES: readonly {
  readonly name: string;
  readonly text: string;
  readonly instructions: number;
  readonly clang: number;
}[] = [
  {
    name: "a filter that rarely passes, then a count",
    instructions: 18,
    clang: 19,
    text: p(`entry:
  %1 = helper get_current_pid_tgid
  %2 = load.u64 %0 + 8
  branch ne.64 %2, 9999, f, t
f:
  jump j(0)
t:
  %3 = shr.64 %1, 32
  branch eq.64 %3, 4242, tt, ff
tt:
  jump j(1)
ff:
  jump j(0)
j(%4: int):
  branch ne.64 %4, 0, go, done
go:
  %5 = slot 4
  store.32 %5, 0
  %6 = map m
  %7: map-value? m = helper map_lookup_elem %6, %5
  branch ne.64 %7, 0, have, done
have:
  %8 = load.u64 %7
  %9 = add.64 %8, 1
  store.64 %7, %9
  jump done
done:
  return 0`),
  },
  {
    name: "a count",
    instructions: 17,
    clang: 17,
    text: p(`entry:
  %1 = helper get_current_pid_tgid
  %2 = shr.64 %1, 32
  branch ne.64 %2, 4242, done, b1
b1:
  %3 = slot 4
  store.32 %3, 0
  %4 = map m
  %5: map-value? m = helper map_lookup_elem %4, %3
  branch eq.64 %5, 0, done, b2
b2:
  %6 = load.u64 %5
  %7 = add.64 %6, 1
  store.64 %5, %7
  jump done
done:
  return 0`),
  },
  {
    name: "a count by an integer",
    instructions: 28,
    clang: 28,
    text: p(`entry:
  %1 = helper get_current_pid_tgid
  %2 = shr.64 %1, 32
  branch ne.64 %2, 4242, done, go
go:
  %3 = load.u64 %0 + 8
  %4 = slot 8
  store.64 %4, %3
  %5 = map m
  %7: map-value? m = helper map_lookup_elem %5, %4
  branch ne.64 %7, 0, have, miss unlikely else
have:
  %8 = load.u64 %7
  %9 = add.64 %8, 1
  store.64 %7, %9
  jump done
miss:
  %10 = slot 8
  store.64 %10, 1
  %11 = helper map_update_elem %5, %4, %10, 0
  jump done
done:
  return 0`),
  },
  {
    name: "a histogram",
    instructions: 50,
    clang: 57,
    text: p(`entry:
  %1 = helper get_current_pid_tgid
  %2 = shr.64 %1, 32
  branch ne.64 %2, 4242, done, go
go:
  %3 = load.u64 %0 + 16
  branch slt.64 %3, 0, b(0), p
p:
  branch eq.64 %3, 0, b(1), l
l:
  branch ugt.64 %3, 0xffffffff, s1, s2(%3, 1)
s1:
  %10 = shr.64 %3, 32
  jump s2(%10, 33)
s2(%11: int, %12: int):
  branch ugt.64 %11, 0xffff, s3, s4(%11, %12)
s3:
  %13 = shr.64 %11, 16
  %14 = add.64 %12, 16
  jump s4(%13, %14)
s4(%15: int, %16: int):
  branch ugt.64 %15, 0xff, s5, s6(%15, %16)
s5:
  %17 = shr.64 %15, 8
  %18 = add.64 %16, 8
  jump s6(%17, %18)
s6(%19: int, %20: int):
  branch ugt.64 %19, 0xf, s7, s8(%19, %20)
s7:
  %21 = shr.64 %19, 4
  %22 = add.64 %20, 4
  jump s8(%21, %22)
s8(%23: int, %24: int):
  branch ugt.64 %23, 3, s9, s10(%23, %24)
s9:
  %25 = shr.64 %23, 2
  %26 = add.64 %24, 2
  jump s10(%25, %26)
s10(%27: int, %28: int):
  %29 = shr.64 %27, 1
  %30 = add.64 %28, %29
  %31 = add.64 %30, 1
  jump b(%31)
b(%32: int):
  %33 = and.64 %32, 127
  %4 = slot 4
  store.32 %4, %33
  %5 = map m
  %7: map-value? m = helper map_lookup_elem %5, %4
  branch ne.64 %7, 0, have, done
have:
  %8 = load.u64 %7
  %9 = add.64 %8, 1
  store.64 %7, %9
  jump done
done:
  return 0`),
  },
];
