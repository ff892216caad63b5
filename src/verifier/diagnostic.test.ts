// Refusals as a user reads them: the text of a small C program in, with its instructions by line; the diagnostic out.

import { expect, it } from "vitest";
import { objectOf } from "../../test/data/verifier-objects.ts";
import type { BpfObject, ObjectInstruction } from "../object/index.ts";
import type { ProgramType } from "../object/program-types.ts";
import { formatDiagnostic } from "../source/index.ts";
import { type Profile, refusalDiagnostic, verify } from "./index.ts";

interface Sample {
  readonly name: string;
  readonly type?: ProgramType;
  readonly profile?: Profile;
  /** Source text; its lines are the places. */
  readonly source: string;
  /** Instructions, each after the number of the line that it is of. */
  readonly code: string;
  readonly says: string;
}

/** The object, with spans of whole lines (without their indentation). */
function sampleObject({ source, code, type }: Sample): BpfObject {
  const lines = code.trim().split("\n");
  const object = objectOf(lines.map((line) => line.replace(/^\s*\d+\|\s*/, "")).join("\n"), type);
  const starts = [0];
  for (const match of source.matchAll(/\n/g)) starts.push(match.index + 1);
  const [program] = object.programs as [BpfObject["programs"][number]];
  const [entry] = program.functions as [(typeof program.functions)[number]];
  const placed = entry.code.map((instruction, i): ObjectInstruction => {
    const line = Number(/^\s*(\d+)\|/.exec(lines[i] ?? "")?.[1]);
    const text = source.split("\n")[line - 1] ?? "";
    const start = (starts[line - 1] ?? 0) + text.length - text.trimStart().length;
    return { ...instruction, span: { start, end: start + text.trim().length } };
  });
  return {
    ...object,
    source: { name: "case.c", text: source },
    programs: [{ ...program, functions: [{ ...entry, code: placed }] }],
  };
}

const SAMPLES: readonly Sample[] = [
  {
    name: "a packet that was not checked to be long enough",
    type: "xdp",
    source: `u8 *data = (void *)ctx->data;
u8 *end = (void *)ctx->data_end;
if (data + 14 > end) return XDP_DROP;
return data[14];`,
    code: `
1| r2 = *(u32 *)(r1 + 0)
2| r3 = *(u32 *)(r1 + 4)
3| r4 = r2
3| r4 += 14
3| r0 = 1
3| if r4 > r3 goto +1
4| r0 = *(u8 *)(r2 + 14)
4| exit`,
    says: `case.c:4:1-17: ERROR: This reads 1 byte at offset 14 of the packet, of which only 14 bytes were checked (SCRY3007)
return data[14];
~~~~~~~~~~~~~~~~
HINT: To do: compare r2 + 15 with data_end first
HINT: Assumed in line 3, where r4 > r3 is false: if (data + 14 > end) return XDP_DROP;
HINT: Line 1 matters: u8 *data = (void *)ctx->data;`,
  },
  {
    name: "a map value that may not be there",
    source: `u64 key = 0;
u64 *n = map_lookup_elem(&table, &key);
u64 unrelated = ktime_get_ns();
(*n)++;`,
    code: `
1| *(u64 *)(r10 - 8) = 0
2| r1 = map[table] ll
2| r2 = r10
2| r2 += -8
2| call map_lookup_elem
2| r6 = r0
3| call ktime_get_ns
3| r7 = r0
4| r1 = *(u64 *)(r6 + 0)
4| r0 = 0
4| exit`,
    says: `case.c:4:1-8: ERROR: This reads through r6, which is a map value (table), or null (SCRY3005)
(*n)++;
~~~~~~~
HINT: To do: compare r6 with 0 first, and go on only where it is not
HINT: Line 2 matters: u64 *n = map_lookup_elem(&table, &key);`,
  },
  {
    name: "an index without an upper bound",
    source: `u64 i = ctx->index;
if ((s64)i < 0) return 0;
return text[i];`,
    code: `
1| r6 = *(u64 *)(r1 + 0)
1| r6 &= 255
2| if r6 s< 0 goto +3
3| r1 = map_value[global]+0 ll
3| r1 += r6
3| r0 = *(u8 *)(r1 + 0)
3| r0 = 0
3| exit`,
    says: `case.c:3:1-16: ERROR: This reads 1 byte of a map value (global), which has 64 bytes, but the offset in r1 may be as large as 255 (SCRY3006)
return text[i];
~~~~~~~~~~~~~~~
HINT: To do: check that the offset is between 0 and 63 first
HINT: Line 1 matters: u64 i = ctx->index;`,
  },
  {
    name: "a record that is lost on one way out",
    source: `struct event *e = ringbuf_reserve(&ring, 16, 0);
if (!e) return 0;
if (pid == 0) return 0;
ringbuf_submit(e, 0);
return 0;`,
    code: `
1| r6 = *(u64 *)(r1 + 0)
1| r1 = map[ring] ll
1| r2 = 16
1| r3 = 0
1| call ringbuf_reserve
2| if r0 == 0 goto +4
3| if r6 == 0 goto +3
4| r1 = r0
4| r2 = 0
4| call ringbuf_submit
5| r0 = 0
5| exit`,
    says: `case.c:5:1-10: ERROR: What ringbuf_reserve gave is not given back on this path (SCRY3014)
return 0;
~~~~~~~~~
HINT: To do: submit or discard the record on every way out
HINT: Assumed in line 2, where r0 == 0 is false: if (!e) return 0;
HINT: Assumed in line 3, where r6 == 0 is true: if (pid == 0) return 0;
HINT: Line 1 matters: struct event *e = ringbuf_reserve(&ring, 16, 0);`,
  },
  {
    name: "a loop without a counter",
    source: `u64 state = ctx->seed;
while (state != 1)
  state = state & 1 ? state * 3 + 1 : state / 2;
return 0;`,
    code: `
1| r6 = *(u64 *)(r1 + 0)
2| if r6 == 1 goto +3
3| r6 *= 3
3| r6 += 1
2| goto -4
4| r0 = 0
4| exit`,
    says: `case.c:2:1-19: ERROR: This loop may never end: it can come back to where it was with nothing changed (SCRY3017)
while (state != 1)
~~~~~~~~~~~~~~~~~~
HINT: To do: count its turns with a constant step, and compare the counter with a constant on every turn
HINT: Assumed in line 2, where r6 == 1 is false: while (state != 1)`,
  },
  {
    name: "a division in a program that must not fail",
    profile: "strict",
    source: `u64 n = ctx->count;
u64 sum = ctx->sum;
return sum / n;`,
    code: `
1| r2 = *(u64 *)(r1 + 0)
2| r0 = *(u64 *)(r1 + 8)
3| r0 /= r2
3| exit`,
    says: `case.c:3:1-16: ERROR: The divisor in r2 may be 0 (any number) (SCRY3019)
return sum / n;
~~~~~~~~~~~~~~~
HINT: To do: check that r2 is not 0 first
HINT: Line 1 matters: u64 n = ctx->count;`,
  },
  {
    name: "a variable that is set on one way only",
    source: `int x;
if (ctx->a > 4) x = 3;
return x;`,
    code: `
2| r6 = *(u64 *)(r1 + 0)
2| if r6 <= 4 goto +1
2| r7 = 3
3| r0 = r7
3| exit`,
    says: `case.c:3:1-10: ERROR: r7 is used, but was never written (SCRY3003)
return x;
~~~~~~~~~
HINT: To do: set r7 first
HINT: Assumed in line 2, where r6 <= 4 is true: if (ctx->a > 4) x = 3;`,
  },
  {
    name: "a helper's size without a bound",
    source: `u64 n = ctx->length;
char buffer[64];
probe_read_kernel(buffer, n, from);
return 0;`,
    code: `
1| r2 = *(u64 *)(r1 + 0)
3| r1 = r10
3| r1 += -64
3| r3 = 0
3| call probe_read_kernel
4| r0 = 0
4| exit`,
    says: `case.c:3:1-36: ERROR: The size in r2 for probe_read_kernel may be negative (any number) (SCRY3012)
probe_read_kernel(buffer, n, from);
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
HINT: To do: mask it (&=) or check that it is not negative and not too large
HINT: Line 1 matters: u64 n = ctx->length;`,
  },
  {
    name: "a context that is not this kind of program's",
    source: `return ((struct pt_regs *)ctx)->sp;`,
    code: `
1| r0 = *(u64 *)(r1 + 152)
1| exit`,
    says: `case.c:1:1-36: ERROR: 8 bytes at offset 152 of the context: it has 96 bytes in a program of type raw_tracepoint (SCRY3008)
return ((struct pt_regs *)ctx)->sp;
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~`,
  },
  {
    name: "a helper of another kind of program",
    source: `return xdp_adjust_head(ctx, 0);`,
    code: `
1| r2 = 0
1| call xdp_adjust_head
1| exit`,
    says: `case.c:1:1-32: ERROR: A program of type raw_tracepoint cannot call xdp_adjust_head (SCRY3013)
return xdp_adjust_head(ctx, 0);
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~`,
  },
];

for (const sample of SAMPLES) {
  it(sample.name, () => {
    const object = sampleObject(sample);
    const [result] = verify(object, { profile: sample.profile ?? "linux" }).programs;
    if (result === undefined || result.accepted) throw new Error("accepted");
    expect(formatDiagnostic(refusalDiagnostic(result, object), object.source)).toBe(sample.says);
  });
}

it("names slots where there is no source", () => {
  const object = objectOf("r2 = *(u64 *)(r1 + 0)\nr0 = r2\nr3 = 8\nr0 = *(u64 *)(r3 + 0)\nexit");
  const [result] = verify(object, { profile: "linux" }).programs;
  if (result === undefined || result.accepted) throw new Error("accepted");
  expect(formatDiagnostic(refusalDiagnostic(result, object))).toBe(
    `ERROR: This reads through r3, which holds a number (8), not a pointer, in case at slot 3 (r0 = *(u64 *)(r3 + 0)) (SCRY3009)
HINT: Slot 2 matters: r3 = 8`,
  );
});
