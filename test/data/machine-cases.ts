// Programs with what they must give, for every tier of this machine, and (where `kernel` does not say otherwise) for the
// live kernel by BPF_PROG_TEST_RUN.

import { assembleSymbolic } from "../../src/isa/index.ts";
import type { RunInput } from "../../src/machine/run.ts";
import type { TrapKind } from "../../src/machine/trap.ts";
import {
  type BpfObject,
  helperId,
  type MapSpec,
  type ObjectInstruction,
  type Reference,
} from "../../src/object/index.ts";
import type { ProgramType } from "../../src/object/program-types.ts";

export interface Case {
  readonly name: string;
  readonly type?: ProgramType;
  readonly code: string;
  readonly maps?: readonly MapSpec[];
  readonly input?: RunInput;
  /** All of r0; the kernel gives its low half. */
  readonly r0?: bigint;
  readonly trap?: TrapKind;
  /** Of the trap. */
  readonly slot?: number;
  /** The packet afterwards, in hexadecimal. */
  readonly packet?: string;
  /** False: the kernel refuses it, or answers otherwise for a good reason. */
  readonly kernel?: false;
}

/** Text to instructions with references: `map[NAME]`, `map_value[NAME]+n`, helpers by name, labels. */
export function instructionsOf(text: string): ObjectInstruction[] {
  return assembleSymbolic(text, { helper: helperId }).map(({ symbol, ...instruction }) => {
    const ref: Reference | undefined =
      symbol?.kind === "map"
        ? { kind: "map", map: symbol.name }
        : symbol?.kind === "map_value"
          ? { kind: "map-value", map: symbol.name, offset: symbol.offset }
          : undefined;
    return ref === undefined ? instruction : { ...instruction, ref };
  });
}

export function objectOf(one: Pick<Case, "code" | "maps" | "type">): BpfObject {
  const code = instructionsOf(one.code);
  return {
    maps: one.maps ?? [],
    programs: [
      { name: "case", type: one.type ?? "xdp", attach: [], functions: [{ name: "case", code, parameters: 1 }] },
    ],
    license: "GPL",
  };
}

export const map = (
  name: string,
  type: MapSpec["type"],
  keySize: number,
  valueSize: number,
  maxEntries: number,
): MapSpec => ({
  name,
  type,
  keySize,
  valueSize,
  maxEntries,
});

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
/** Ethernet, IPv4, UDP 1234 → 53, no payload. */
export const UDP: Uint8Array = bytes(
  "ffffffffffff0202020202020800" + "4500001c000040004011000001020304" + "05060708" + "04d2003500080000",
);
const packet = { packet: UDP };
const hash = [map("m", "hash", 8, 8, 4)];
const keyed = "*(u64 *)(r10 - 8) = 7\nr2 = r10\nr2 += -8\n";

export const CASES: readonly Case[] = [
  { name: "returns a number", code: "r0 = 42\nexit", input: packet, r0: 42n },
  { name: "divides by zero", code: "r1 = 0\nr0 = 5\nr0 /= r1\nexit", input: packet, r0: 0n },
  { name: "remainder by zero", code: "r1 = 0\nr0 = 5\nr0 %= r1\nexit", input: packet, r0: 5n },
  {
    name: "signed division rounds toward zero",
    code: "r0 = -7\nr1 = 2\nr0 s/= r1\nexit",
    input: packet,
    r0: BigInt.asUintN(64, -3n),
  },
  {
    name: "least number by minus one",
    code: "r0 = 0x8000000000000000 ll\nr1 = -1\nr0 s/= r1\nr0 >>= 32\nexit",
    input: packet,
    r0: 0x80000000n,
  },
  {
    name: "a rotation",
    code: "r0 = 0x80000001 ll\nr1 = r0\nr0 <<= 45\nr1 >>= 19\nr0 |= r1\nr0 >>= 7\nexit",
    input: packet,
    // 0x80000001 rotated by 45, then shifted.
    r0: 0x4000000020n,
  },
  {
    name: "a 32-bit compare-and-exchange clears the upper half of r0, equal or not",
    code: "r0 = 0x500000005 ll\nr1 = 5\n*(u64 *)(r10 - 8) = r1\nr2 = 9\nw0 = cmpxchg32_32(r10 - 8, w0, w2)\nr6 = r0\nr0 = 0x600000005 ll\nw0 = cmpxchg32_32(r10 - 8, w0, w2)\nr0 <<= 8\nr0 |= r6\nexit",
    input: packet,
    r0: 0x905n,
  },
  {
    name: "a local call keeps r6 and its stack",
    code: "r6 = 5\n*(u64 *)(r10 - 8) = 1\nr1 = 2\ncall add\nr0 += r6\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nexit\nadd: r0 = r1\nr6 = 100\n*(u64 *)(r10 - 8) = 50\nr0 += r6\nexit",
    input: packet,
    r0: 108n,
  },
  {
    name: "a pointer into the caller's frame",
    code: "*(u64 *)(r10 - 8) = 3\nr1 = r10\nr1 += -8\ncall put\nr0 = *(u64 *)(r10 - 8)\nexit\nput: r2 = 9\n*(u64 *)(r1 + 0) = r2\nr0 = 0\nexit",
    input: packet,
    r0: 9n,
  },
  {
    name: "a chain of calls that is not written in place",
    code: `r1 = 1\ncall a\nexit\na: r1 += 1\ncall b\nr0 += 1\nexit\nb: r1 += 10\ncall c\nr0 *= 2\nexit\nc: r0 = r1\n${"r0 += 1\n".repeat(60)}exit`,
    input: packet,
    r0: BigInt((1 + 1 + 10 + 60) * 2 + 1),
  },
  {
    name: "packet bounds",
    code: "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += 42\nr0 = 1\nif r4 > r3 goto out\nr0 = *(u16 *)(r2 + 36)\nr0 = be16 r0\nout: exit",
    input: packet,
    r0: 53n,
  },
  {
    name: "beyond the packet",
    code: "r2 = *(u32 *)(r1 + 0)\nr0 = *(u16 *)(r2 + 41)\nexit",
    input: packet,
    trap: "read",
    slot: 1,
    kernel: false,
  },
  {
    name: "a null pointer",
    code: "r1 = 0\nr0 = *(u64 *)(r1 + 8)\nexit",
    input: packet,
    trap: "read",
    slot: 1,
    kernel: false,
  },
  {
    name: "a wild pointer",
    code: "r1 = 0x123456789abcdef0 ll\n*(u8 *)(r1 + 0) = 1\nr0 = 0\nexit",
    input: packet,
    trap: "write",
    slot: 2,
    kernel: false,
  },
  {
    name: "above the stack",
    code: "r0 = 0\n*(u64 *)(r10 + 0) = r0\nexit",
    input: packet,
    trap: "write",
    slot: 1,
    kernel: false,
  },
  {
    name: "half above the stack",
    code: "r0 = 0\n*(u64 *)(r10 - 4) = r0\nexit",
    input: packet,
    trap: "write",
    slot: 1,
    kernel: false,
  },
  {
    name: "the context is read only",
    code: "r0 = 0\n*(u32 *)(r1 + 0) = r0\nexit",
    input: packet,
    trap: "write",
    slot: 1,
    kernel: false,
  },
  { name: "no end", code: "r0 = 0\nl: r0 += 1\ngoto l", input: packet, trap: "budget", kernel: false },
  {
    name: "endless recursion",
    code: "call f\nexit\nf: call f\nexit",
    input: packet,
    trap: "call-depth",
    kernel: false,
  },
  { name: "beyond the last instruction", code: "r0 = 0", input: packet, trap: "instruction", slot: 1, kernel: false },
  {
    name: "may_goto ends a loop",
    code: "r0 = 0\nl: may_goto out\nr0 += 1\ngoto l\nout: exit",
    input: packet,
    r0: 8388608n,
    kernel: false,
  },
  {
    name: "loops that cross",
    code: "r0 = 0\nr1 = 7\nif r1 == 7 goto b\na: r0 += 1\nb: r0 += 10\nif r0 < 50 goto a\nexit",
    input: packet,
    r0: 54n,
  },
  {
    name: "a loop that is entered in two places",
    code: "r6 = *(u32 *)(r1 + 12)\nr0 = 0\nif r6 > 100 goto b\na: r0 += 1\nif r0 > 20 goto out\nb: r0 += 3\ngoto a\nout: exit",
    input: packet,
    r0: 21n,
    kernel: false,
  },
  {
    name: "array: look up, write, look up",
    maps: [map("m", "array", 4, 8, 4)],
    code: "*(u32 *)(r10 - 4) = 2\nr2 = r10\nr2 += -4\nr1 = map[m] ll\ncall map_lookup_elem\nif r0 == 0 goto out\nr1 = 77\n*(u64 *)(r0 + 0) = r1\nr2 = r10\nr2 += -4\nr1 = map[m] ll\ncall map_lookup_elem\nif r0 == 0 goto out\nr0 = *(u64 *)(r0 + 0)\nout: exit",
    input: packet,
    r0: 77n,
  },
  {
    name: "array: no such element",
    maps: [map("m", "array", 4, 8, 4)],
    code: "*(u32 *)(r10 - 4) = 4\nr2 = r10\nr2 += -4\nr1 = map[m] ll\ncall map_lookup_elem\nif r0 == 0 goto out\nr0 = 1\nout: exit",
    input: packet,
    r0: 0n,
  },
  {
    name: "hash: update, look up, delete, look up",
    maps: hash,
    code: `${keyed}*(u64 *)(r10 - 16) = 9\nr3 = r10\nr3 += -16\nr4 = 0\nr1 = map[m] ll\ncall map_update_elem\nr6 = r0\n${keyed}r1 = map[m] ll\ncall map_lookup_elem\nif r0 == 0 goto out\nr7 = *(u64 *)(r0 + 0)\n${keyed}r1 = map[m] ll\ncall map_delete_elem\nr6 += r0\n${keyed}r1 = map[m] ll\ncall map_delete_elem\nr6 += r0\nr0 = r7\nr0 += r6\nout: exit`,
    input: packet,
    r0: 7n,
  },
  {
    name: "hash: full",
    maps: [map("m", "hash", 8, 8, 2)],
    code: `r6 = 0\nl: *(u64 *)(r10 - 8) = r6\n*(u64 *)(r10 - 16) = r6\nr2 = r10\nr2 += -8\nr3 = r10\nr3 += -16\nr4 = 1\nr1 = map[m] ll\ncall map_update_elem\nr6 += 1\nif r6 != 3 goto l\nexit`,
    input: packet,
    r0: BigInt.asUintN(64, -7n),
  },
  {
    name: "hash: exists already",
    maps: hash,
    code: `${keyed}r3 = r2\nr4 = 1\nr1 = map[m] ll\ncall map_update_elem\n${keyed}r3 = r2\nr4 = 1\nr1 = map[m] ll\ncall map_update_elem\nexit`,
    input: packet,
    r0: BigInt.asUintN(64, -17n),
  },
  {
    name: "beyond a map's value",
    maps: [map("m", "array", 4, 8, 4)],
    code: "*(u32 *)(r10 - 4) = 3\nr2 = r10\nr2 += -4\nr1 = map[m] ll\ncall map_lookup_elem\nr0 = *(u64 *)(r0 + 8)\nexit",
    input: packet,
    trap: "read",
    slot: 6,
    kernel: false,
  },
  {
    name: "a helper is given a bad key",
    maps: hash,
    code: "r2 = 64\nr1 = map[m] ll\ncall map_lookup_elem\nexit",
    input: packet,
    trap: "read",
    slot: 3,
    kernel: false,
  },
  {
    name: "globals",
    maps: [{ ...map("m", "array", 4, 16, 1), initial: bytes("00000000000000002a00000000000000") }],
    code: "r1 = map_value[m]+8 ll\nr0 = *(u64 *)(r1 + 0)\nr0 += 1\n*(u64 *)(r1 + 0) = r0\nr0 = *(u32 *)(r1 + 0)\nexit",
    input: packet,
    r0: 43n,
  },
  {
    name: "a ring-buffer record",
    maps: [map("m", "ringbuf", 0, 0, 4096)],
    code: "r1 = map[m] ll\nr2 = 16\nr3 = 0\ncall ringbuf_reserve\nif r0 == 0 goto out\nr1 = 5\n*(u64 *)(r0 + 0) = r1\n*(u64 *)(r0 + 8) = r1\nr1 = r0\nr2 = 1\ncall ringbuf_submit\nr1 = map[m] ll\nr2 = 0\ncall ringbuf_query\nout: exit",
    input: packet,
    r0: 24n,
  },
  {
    name: "beyond a ring-buffer record",
    maps: [map("m", "ringbuf", 0, 0, 4096)],
    code: "r1 = map[m] ll\nr2 = 12\nr3 = 0\ncall ringbuf_reserve\nr1 = 5\n*(u64 *)(r0 + 8) = r1\nr0 = 0\nexit",
    input: packet,
    trap: "write",
    slot: 6,
    kernel: false,
  },
  {
    name: "XDP grows and shrinks its packet",
    code: "r6 = r1\nr2 = -4\ncall xdp_adjust_head\nr7 = r0\nr1 = r6\nr2 = -20\ncall xdp_adjust_tail\nr7 += r0\nr2 = *(u32 *)(r6 + 0)\nr3 = *(u32 *)(r6 + 4)\nr4 = r2\nr4 += 26\nr0 = 1\nif r4 > r3 goto out\nr1 = 0xaabbccdd ll\n*(u32 *)(r2 + 0) = r1\nr0 = r7\nout: exit",
    input: packet,
    r0: 0n,
    packet: "ddccbbaaffffffffffff02020202020208004500001c00004000",
  },
  {
    name: "XDP: too far ahead",
    code: "r2 = -1000\ncall xdp_adjust_head\nexit",
    input: packet,
    r0: BigInt.asUintN(64, -22n),
  },
  {
    name: "a socket filter reads the packet the old way",
    type: "socket_filter",
    code: "r6 = r1\nr0 = *(u16 *)skb[12]\nexit",
    input: packet,
    r0: 0x800n,
    kernel: false,
  },
  {
    name: "beyond the packet the old way",
    type: "socket_filter",
    code: "r6 = r1\nr7 = 1000\nr0 = *(u32 *)skb[r7 + 12]\nr0 = 9\nexit",
    input: packet,
    r0: 0n,
    // The kernel's test run takes the Ethernet header off before a socket filter; a packet socket does not.
    kernel: false,
  },
  {
    name: "tc: checksums",
    type: "sched_cls",
    code: "r6 = r1\nr2 = 24\nr3 = 0x0301\nr4 = 0x0409\nr5 = 2\ncall l3_csum_replace\nr7 = r0\nr1 = r6\nr2 = 24\nr3 = r10\nr3 += -8\nr4 = 2\ncall skb_load_bytes\nr0 = *(u16 *)(r10 - 8)\nexit",
    input: packet,
    r0: 0xfef7n,
  },
  {
    name: "csum_diff",
    type: "sched_cls",
    code: "*(u32 *)(r10 - 8) = 0x01020304\n*(u32 *)(r10 - 4) = 0x0a0b0c0d\nr1 = r10\nr1 += -8\nr2 = 4\nr3 = r10\nr3 += -4\nr4 = 4\nr5 = 0\ncall csum_diff\nexit",
    input: packet,
    r0: 0x1212n,
  },
  {
    name: "callbacks: bpf_loop",
    type: "xdp",
    code: "*(u64 *)(r10 - 8) = 0\nr1 = 10\nr2 = function[add] ll\nr3 = r10\nr3 += -8\nr4 = 0\ncall loop\nr0 = *(u64 *)(r10 - 8)\nexit\nadd: r3 = *(u64 *)(r2 + 0)\nr3 += r1\n*(u64 *)(r2 + 0) = r3\nr0 = 0\nexit",
    input: packet,
    r0: 45n,
    kernel: false,
  },
];
