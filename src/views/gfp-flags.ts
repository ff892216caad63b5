// `%gr`: the kernel's allocation flags by name (include/linux/gfp_types.h of Linux 6.x), written as bpftrace does:
// first the usual combinations, then the single bits, then what has no name.

const COMBINATIONS: readonly (readonly [bits: number, name: string])[] = [
  [0x21c24ca, "GFP_TRANSHUGE"],
  [0x21c20ca, "GFP_TRANSHUGE_LIGHT"],
  [0x2100cca, "GFP_HIGHUSER_MOVABLE"],
  [0x100cc2, "GFP_HIGHUSER"],
  [0x100cc0, "GFP_USER"],
  [0x400cc0, "GFP_KERNEL_ACCOUNT"],
  [0xcc0, "GFP_KERNEL"],
  [0xc40, "GFP_NOFS"],
  [0xc00, "GFP_NOIO"],
  [0x820, "GFP_ATOMIC"],
  [0x2800, "GFP_NOWAIT"],
  [0x1, "GFP_DMA"],
  [0x4, "GFP_DMA32"],
];

/** Names of bits 1 and up; the empty ones have none here. */
const BITS =
  "HIGHMEM,,,,HIGH,IO,FS,ZERO,,DIRECT_RECLAIM,KSWAPD_RECLAIM,WRITE,NOWARN,RETRY_MAYFAIL,NOFAIL,NORETRY,MEMALLOC,COMP,NOMEMALLOC,HARDWALL,THISNODE,ACCOUNT,ZEROTAGS,SKIP_ZERO,SKIP_KASAN,NO_OBJ_EXT";

/** The flags of an allocation by name. */
export function gfpFlags(flags: bigint): string {
  if (flags === 0n) return "0";
  let rest = flags;
  const names: string[] = [];
  for (const [bits, name] of COMBINATIONS) {
    if ((rest & BigInt(bits)) !== BigInt(bits)) continue;
    names.push(name);
    rest &= ~BigInt(bits);
  }
  for (const [i, name] of BITS.split(",").entries()) {
    const bit = 1n << BigInt(i + 1);
    if (name === "" || (rest & bit) === 0n) continue;
    names.push(`__GFP_${name}`);
    rest &= ~bit;
  }
  if (rest !== 0n) names.push(`0x${rest.toString(16)}`);
  return names.join("|");
}
