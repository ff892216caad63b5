// `bpf_usdt_readarg(N, ctx, &x)`: a function for each argument of each program that static probes run, as text of C. Where
// arguments are differs from place to place: then the cookie of the place says which it is.

import type { UsdtArgument } from "../../../elf/index.ts";

/** What is known of the static probes that a function is run by: its arguments at each kind of place. */
export type UsdtForms = readonly (readonly UsdtArgument[])[];

export const READER = "___bcc_readarg_";

export function usdtReaders(probes: ReadonlyMap<string, UsdtForms>): string {
  const lines: string[] = [];
  for (const [fn, forms] of probes) {
    const most = Math.max(0, ...forms.map((args) => args.length));
    for (let n = 0; n < most; n++) {
      const reads = forms.map((args) => read(args[n]));
      const [only = "return -1;"] = reads;
      const body =
        new Set(reads).size <= 1
          ? only
          : `switch (bpf_get_attach_cookie(ctx)) { ${reads.map((text, i) => `case ${i}: { ${text} }`).join(" ")} } return -1;`;
      lines.push(
        `static __always_inline int ${READER}${fn}_${n + 1}(void *ctx, void *to, unsigned long size) { unsigned long value = 0; ${body} }`,
      );
    }
  }
  return lines.join("\n");
}

/** To `value`, then to where it is wanted. */
function read(argument: UsdtArgument | undefined): string {
  const store =
    "if (size == 8) *(u64 *)to = value; else if (size == 4) *(u32 *)to = value; else if (size == 2) *(u16 *)to = value; else *(u8 *)to = value; return 0;";
  if (argument === undefined || argument.float) return "return -1;";
  const bits = argument.size * 8;
  const type = `${argument.signed ? "s" : "u"}${bits}`;
  const word = (offset: number): string => `*(u64 *)((char *)ctx + ${offset})`;
  switch (argument.kind) {
    case "constant":
      return `value = (${type})${BigInt.asUintN(64, argument.value)}ULL; ${store}`;
    case "register":
      return `value = (${type})(${word(argument.register.offset)} >> ${argument.register.shift}); ${store}`;
    case "memory": {
      const { base, index, offset, scale, segment } = argument;
      if (segment !== undefined || base === undefined) return "return -1;";
      const at = `${word(base.offset)} + ${offset}${index === undefined ? "" : ` + ${word(index.offset)} * ${scale}`}`;
      return `${type} held = 0; bpf_probe_read_user(&held, sizeof(held), (void *)(${at})); value = held; ${store}`;
    }
    default:
      return "return -1;";
  }
}
