// Small programs in assembler text with what the verifier says of them. Used by every suite of this room.

import type { MapSpec } from "../../src/object/index.ts";
import type { ProgramType } from "../../src/object/program-types.ts";

export const CASE_MAPS: readonly MapSpec[] = [
  { name: "values", type: "array", keySize: 4, valueSize: 64, maxEntries: 4 },
  { name: "table", type: "hash", keySize: 8, valueSize: 48, maxEntries: 16 },
  { name: "global", type: "array", keySize: 4, valueSize: 64, maxEntries: 1 },
  { name: "ring", type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 4096 },
  { name: "tails", type: "prog_array", keySize: 4, valueSize: 4, maxEntries: 4 },
];

export interface Case {
  readonly name: string;
  readonly code: string;
  readonly type?: ProgramType;
  /** Part of the message of the refusal; absent: accepted. */
  readonly refused?: string;
  /** Only where the profile is strict. */
  readonly strictOnly?: true;
  /** The kernel is not asked: it takes too long, or it is known to differ. */
  readonly kernel?: false;
}

const LOOKUP = "r1 = map[table] ll\nr2 = r10\nr2 += -8\n*(u64 *)(r10 - 8) = 0\ncall map_lookup_elem\n";
const PACKET = "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += 14\n";
const RESERVE = "r1 = map[ring] ll\nr2 = 16\nr3 = 0\ncall ringbuf_reserve\n";

export const CASES: readonly Case[] = [
  { name: "returns a number", code: "r0 = 0\nexit" },
  { name: "r0 never written", code: "exit", refused: "r0, the result, was never written" },
  { name: "register never written", code: "r0 = r3\nexit", refused: "r3 is used, but was never written" },
  { name: "a dead branch is not followed", code: "r0 = 1\nif r0 == 1 goto out\nr0 = r9\nout: exit" },
  { name: "runs past its end", code: "r0 = 0", refused: "runs past its end" },
  { name: "code that is never reached", code: "r0 = 0\nexit\nr0 = 1\nexit", refused: "can never be reached" },
  { name: "frame pointer is written", code: "r10 = 1\nr0 = 0\nexit", refused: "r10 cannot be written" },
  { name: "division by the constant 0", code: "r0 = 1\nr0 /= 0\nexit", refused: "division by zero" },
  {
    name: "division by what may be 0",
    code: "r2 = *(u64 *)(r1 + 0)\nr0 = 1\nr0 /= r2\nexit",
    refused: "may be 0",
    strictOnly: true,
  },
  { name: "division after a check", code: "r2 = *(u64 *)(r1 + 0)\nr0 = 1\nif r2 == 0 goto out\nr0 /= r2\nout: exit" },
  {
    name: "32-bit division needs the low half checked",
    code: "r2 = *(u64 *)(r1 + 0)\nr0 = 1\nif r2 == 0 goto out\nw0 /= w2\nout: exit",
    refused: "may be 0",
    strictOnly: true,
  },
  // The stack.
  { name: "stack is written and read", code: "*(u64 *)(r10 - 8) = 7\nr0 = *(u64 *)(r10 - 8)\nexit" },
  { name: "stack below its end", code: "*(u64 *)(r10 - 520) = 7\nr0 = 0\nexit", refused: "outside of the 512 bytes" },
  { name: "stack above its start", code: "*(u64 *)(r10 + 0) = 7\nr0 = 0\nexit", refused: "outside of the 512 bytes" },
  { name: "stack not aligned", code: "*(u64 *)(r10 - 12) = 7\nr0 = 0\nexit", refused: "aligned" },
  {
    name: "a spilled pointer is a pointer again",
    code: "*(u64 *)(r10 - 8) = r1\nr2 = *(u64 *)(r10 - 8)\nr0 = *(u64 *)(r2 + 0)\nexit",
  },
  {
    name: "half a spilled pointer",
    code: "*(u64 *)(r10 - 8) = r1\nr0 = *(u32 *)(r10 - 8)\nexit",
    refused: "Only part of a pointer",
  },
  {
    name: "stack at a bounded offset",
    code: "r2 = *(u64 *)(r1 + 0)\nr2 &= 7\nr3 = r10\nr3 += -8\nr3 += r2\n*(u8 *)(r3 + 0) = 1\nr0 = 0\nexit",
  },
  {
    name: "stack at an offset too large",
    code: "r2 = *(u64 *)(r1 + 0)\nr2 &= 15\nr3 = r10\nr3 += -8\nr3 += r2\n*(u8 *)(r3 + 0) = 1\nr0 = 0\nexit",
    refused: "outside of the 512 bytes",
  },
  {
    name: "a spill keeps its bounds",
    code: `r6 = *(u64 *)(r1 + 0)\nr6 &= 31\n*(u64 *)(r10 - 16) = r6\n${LOOKUP}if r0 == 0 goto out\nr6 = *(u64 *)(r10 - 16)\nr0 += r6\nr0 = *(u8 *)(r0 + 0)\nout: r0 = 0\nexit`,
  },
  // Pointers.
  { name: "reads through a number", code: "r2 = 8\nr0 = *(u64 *)(r2 + 0)\nexit", refused: "not a pointer" },
  { name: "pointer times two", code: "r1 *= 2\nr0 = 0\nexit", refused: "A pointer cannot be multiplied" },
  { name: "two pointers added", code: "r2 = r10\nr2 += r1\nr0 = 0\nexit", refused: "Two pointers cannot be added" },
  { name: "pointers subtracted", code: "r2 = r10\nr2 += -8\nr0 = r10\nr0 -= r2\nexit" },
  {
    name: "a number without bounds added to a pointer",
    code: `r6 = *(u64 *)(r1 + 0)\n${LOOKUP}if r0 == 0 goto out\nr0 += r6\nout: r0 = 0\nexit`,
    refused: "out of all bounds",
  },
  // Maps.
  { name: "value without a null check", code: `${LOOKUP}r0 = *(u64 *)(r0 + 0)\nexit`, refused: "or null" },
  { name: "value with a null check", code: `${LOOKUP}if r0 == 0 goto out\nr0 = *(u64 *)(r0 + 40)\nout: r0 = 0\nexit` },
  {
    name: "the null check counts for copies",
    code: `${LOOKUP}r6 = r0\nif r0 == 0 goto out\nr0 = *(u64 *)(r6 + 40)\nout: r0 = 0\nexit`,
  },
  {
    name: "beyond the value",
    code: `${LOOKUP}if r0 == 0 goto out\nr0 = *(u64 *)(r0 + 41)\nout: r0 = 0\nexit`,
    refused: "at offset 41 of a map value (table), which has 48 bytes",
  },
  {
    name: "before the value",
    code: `${LOOKUP}if r0 == 0 goto out\nr0 = *(u8 *)(r0 - 1)\nout: r0 = 0\nexit`,
    refused: "at offset -1",
  },
  {
    name: "index checked from above only",
    code: `r6 = *(u64 *)(r1 + 0)\n${LOOKUP}if r0 == 0 goto out\nif r6 s> 40 goto out\nr0 += r6\nr0 = *(u8 *)(r0 + 0)\nout: r0 = 0\nexit`,
    refused: "out of all bounds",
  },
  {
    name: "index checked unsigned",
    code: `r6 = *(u64 *)(r1 + 0)\n${LOOKUP}if r0 == 0 goto out\nif r6 > 40 goto out\nr0 += r6\nr0 = *(u8 *)(r0 + 0)\nout: r0 = 0\nexit`,
  },
  {
    name: "index one too large",
    code: `r6 = *(u64 *)(r1 + 0)\n${LOOKUP}if r0 == 0 goto out\nif r6 > 48 goto out\nr0 += r6\nr0 = *(u8 *)(r0 + 0)\nout: r0 = 0\nexit`,
    refused: "as large as 48",
  },
  {
    name: "what is learnt of a copy",
    code: `r6 = *(u64 *)(r1 + 0)\nr7 = r6\n${LOOKUP}if r0 == 0 goto out\nif r7 > 40 goto out\nr0 += r6\nr0 = *(u8 *)(r0 + 0)\nout: r0 = 0\nexit`,
  },
  {
    name: "32-bit check of a 32-bit value",
    code: `r6 = *(u64 *)(r1 + 0)\nw6 = w6\n${LOOKUP}if r0 == 0 goto out\nif w6 > 40 goto out\nr0 += r6\nr0 = *(u8 *)(r0 + 0)\nout: r0 = 0\nexit`,
  },
  {
    name: "a key of an array that is there",
    code: "*(u32 *)(r10 - 8) = 3\nr1 = map[values] ll\nr2 = r10\nr2 += -8\ncall map_lookup_elem\nr0 = *(u64 *)(r0 + 0)\nexit",
  },
  {
    name: "a key of an array that is not there",
    code: "*(u32 *)(r10 - 8) = 4\nr1 = map[values] ll\nr2 = r10\nr2 += -8\ncall map_lookup_elem\nr0 = *(u64 *)(r0 + 0)\nexit",
    refused: "or null",
  },
  { name: "a global", code: "r1 = map_value[global]+8 ll\nr0 = *(u64 *)(r1 + 48)\nexit" },
  {
    name: "beyond a global",
    code: "r1 = map_value[global]+8 ll\nr0 = *(u64 *)(r1 + 56)\nexit",
    refused: "at offset 64",
  },
  {
    name: "a map as memory",
    code: "r1 = map[table] ll\nr2 = r1\ncall map_lookup_elem\nr0 = 0\nexit",
    refused: "needs memory in r2",
  },
  // Helpers.
  { name: "a helper that is not there", code: "call 9999\nexit", refused: "no helper number 9999" },
  {
    name: "an argument too few",
    code: "r1 = map[table] ll\ncall map_lookup_elem\nr0 = 0\nexit",
    refused: "r2 is an argument of map_lookup_elem",
  },
  {
    name: "r1 to r5 are gone after a call",
    code: "call ktime_get_ns\nr0 = r1\nexit",
    refused: "r1 is used, but was never written",
  },
  {
    name: "a size too large for the stack",
    code: "r1 = r10\nr1 += -8\nr2 = 16\nr3 = 0\ncall probe_read_kernel\nr0 = 0\nexit",
    refused: "outside of the 512 bytes",
  },
  {
    name: "a size that may be negative",
    code: "r2 = *(u64 *)(r1 + 0)\nr1 = r10\nr1 += -64\nr3 = 0\ncall probe_read_kernel\nr0 = 0\nexit",
    refused: "may be negative",
  },
  {
    name: "a size that is bounded",
    code: "r2 = *(u64 *)(r1 + 0)\nr2 &= 63\nr1 = r10\nr1 += -64\nr3 = 0\ncall probe_read_kernel\nr0 = 0\nexit",
  },
  {
    name: "a networking helper in a tracing program",
    code: "r2 = 0\ncall xdp_adjust_head\nr0 = 0\nexit",
    refused: "cannot call xdp_adjust_head",
  },
  {
    name: "the wrong kind of map",
    code: "r1 = map[table] ll\nr2 = 8\nr3 = 0\ncall ringbuf_reserve\nr0 = 0\nexit",
    refused: "does not take a map of type hash",
  },
  { name: "tail call", code: "r2 = map[tails] ll\nr3 = 1\ncall tail_call\nr0 = 0\nexit" },
  // References.
  {
    name: "a record is submitted",
    code: `${RESERVE}if r0 == 0 goto out\n*(u64 *)(r0 + 8) = 1\nr1 = r0\nr2 = 0\ncall ringbuf_submit\nout: r0 = 0\nexit`,
  },
  {
    name: "a record is lost",
    code: `${RESERVE}if r0 == 0 goto out\n*(u64 *)(r0 + 8) = 1\nout: r0 = 0\nexit`,
    refused: "is not given back",
  },
  {
    name: "a record after its end",
    code: `${RESERVE}if r0 == 0 goto out\nr6 = r0\nr1 = r0\nr2 = 0\ncall ringbuf_submit\n*(u64 *)(r6 + 0) = 1\nout: r0 = 0\nexit`,
    refused: "not a pointer",
  },
  {
    name: "a record too small",
    code: `${RESERVE}if r0 == 0 goto out\n*(u64 *)(r0 + 16) = 1\nr1 = r0\nr2 = 0\ncall ringbuf_submit\nout: r0 = 0\nexit`,
    refused: "which has 16 bytes",
  },
  {
    name: "the middle of a record is submitted",
    code: `${RESERVE}if r0 == 0 goto out\nr1 = r0\nr1 += 8\nr2 = 0\ncall ringbuf_submit\nout: r0 = 0\nexit`,
    refused: "needs the record's start",
  },
  // Packets.
  {
    name: "packet checked",
    type: "xdp",
    code: `${PACKET}if r4 > r3 goto out\nr0 = *(u16 *)(r2 + 12)\nout: r0 = 2\nexit`,
  },
  {
    name: "packet not checked",
    type: "xdp",
    code: `${PACKET}r0 = *(u16 *)(r2 + 12)\nr0 = 2\nexit`,
    refused: "was not checked",
  },
  {
    name: "packet checked too short",
    type: "xdp",
    code: `${PACKET}if r4 > r3 goto out\nr0 = *(u16 *)(r2 + 13)\nout: r0 = 2\nexit`,
    refused: "only 14 bytes were checked",
  },
  {
    name: "packet on the wrong branch",
    type: "xdp",
    code: `${PACKET}if r4 <= r3 goto out\nr0 = *(u16 *)(r2 + 12)\nout: r0 = 2\nexit`,
    refused: "was not checked",
  },
  {
    name: "packet at a variable offset",
    type: "xdp",
    code: "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr5 = *(u32 *)(r1 + 12)\nr5 &= 255\nr2 += r5\nr4 = r2\nr4 += 4\nif r4 > r3 goto out\nr0 = *(u32 *)(r2 + 0)\nout: r0 = 2\nexit",
  },
  {
    name: "packet moved by a helper",
    type: "xdp",
    code: "r6 = r1\nr2 = 0\ncall xdp_adjust_head\nr2 = *(u32 *)(r6 + 0)\nr3 = *(u32 *)(r6 + 4)\nr7 = r2\nr4 = r2\nr4 += 1\nif r4 > r3 goto out\nr1 = r6\nr2 = 0\ncall xdp_adjust_head\nr0 = *(u8 *)(r7 + 0)\nout: r0 = 2\nexit",
    refused: "not a pointer",
  },
  { name: "packet loads of classic BPF", type: "socket_filter", code: "r6 = r1\nr0 = *(u8 *)skb[0]\nexit" },
  {
    name: "packet loads without the context",
    type: "socket_filter",
    code: "r6 = 0\nr0 = *(u8 *)skb[0]\nexit",
    refused: "needs the context in r6",
  },
  // The context.
  { name: "context beyond its end", code: "r0 = *(u64 *)(r1 + 96)\nexit", refused: "it has 96 bytes" },
  { name: "context not aligned", code: "r0 = *(u64 *)(r1 + 4)\nexit", refused: "must be aligned" },
  { name: "context written", code: "*(u64 *)(r1 + 0) = 1\nr0 = 0\nexit", refused: "cannot be written" },
  { name: "context moved", code: "r1 += 8\nr0 = *(u64 *)(r1 + 0)\nexit", refused: "to which 8 was added" },
  {
    name: "the packet's address in a socket filter",
    type: "socket_filter",
    code: "r0 = *(u32 *)(r1 + 76)\nexit",
    refused: "cannot be read",
  },
  // Calls.
  { name: "a function of its own", code: "r1 = 3\ncall twice\nexit\ntwice: r0 = r1\nr0 += r1\nexit" },
  { name: "r6 is kept over a call", code: "r6 = 1\ncall f\nr0 = r6\nexit\nf: r6 = 2\nr0 = r6\nexit" },
  {
    name: "a function knows only its arguments",
    code: "r6 = 1\ncall f\nexit\nf: r0 = r6\nexit",
    refused: "r6 is used, but was never written",
  },
  { name: "a function calls itself", code: "call f\nexit\nf: call f\nexit", refused: "More than 8 calls" },
  {
    name: "too much stack in all",
    type: "xdp",
    code: "*(u64 *)(r10 - 400) = 1\ncall f\nexit\nf: *(u64 *)(r10 - 400) = 1\nr0 = 0\nexit",
    refused: "800 bytes of stack",
  },
  {
    name: "an atomic on a value",
    code: "r1 = map_value[global]+0 ll\nr2 = 1\nlock *(u64 *)(r1 + 8) += r2\nr0 = 0\nexit",
  },
  // Loops.
  { name: "a loop that ends", code: "r0 = 0\nr6 = 0\nloop: r0 += r6\nr6 += 1\nif r6 < 100 goto loop\nexit" },
  {
    name: "a loop that ends by inequality",
    code: "r0 = 0\nr6 = 0\nloop: r0 += r6\nr6 += 1\nif r6 != 100 goto loop\nexit",
  },
  { name: "a loop downwards", code: "r0 = 0\nr6 = 100\nloop: r0 += r6\nr6 += -1\nif r6 s> 0 goto loop\nexit" },
  {
    name: "a loop in a loop",
    code: "r0 = 0\nr6 = 0\nouter: r7 = 0\ninner: r0 += r7\nr7 += 1\nif r7 < 20 goto inner\nr6 += 1\nif r6 < 20 goto outer\nexit",
  },
  { name: "a loop by shifting", code: "r0 = 0\nr6 = 0x1000\nloop: r0 += r6\nr6 >>= 1\nif r6 != 0 goto loop\nexit" },
  { name: "an endless loop", code: "r0 = 0\nloop: goto loop", refused: "end" },
  {
    name: "a loop without a counter",
    code: "r6 = r1\nloop: r0 = *(u64 *)(r6 + 0)\nif r0 != 0 goto loop\nexit",
    refused: "end",
  },
  {
    name: "a loop over a value's bytes",
    code: "r6 = map_value[global]+0 ll\nr7 = 0\nr0 = 0\nloop: r1 = r6\nr1 += r7\nr2 = *(u8 *)(r1 + 0)\nr0 += r2\nr7 += 1\nif r7 < 64 goto loop\nexit",
  },
  {
    name: "a loop past a value's bytes",
    code: "r6 = map_value[global]+0 ll\nr7 = 0\nr0 = 0\nloop: r1 = r6\nr1 += r7\nr2 = *(u8 *)(r1 + 0)\nr0 += r2\nr7 += 1\nif r7 < 65 goto loop\nexit",
    refused: "map value (global)",
  },
  {
    name: "a loop that may end",
    code: "r6 = r1\nr0 = 0\nloop: may_goto out\nr0 = *(u64 *)(r6 + 0)\ngoto loop\nout: exit",
    kernel: false,
  },
];
