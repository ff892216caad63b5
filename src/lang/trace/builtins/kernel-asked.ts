// What is asked of the kernel: which of its functions a program may call, where its data of each CPU is.

import { eitherNumber } from "../../../codegen/index.ts";
import { BOOL, type Type, UINT64 } from "../../../schema/index.ts";
import { type BuiltinUse, type CheckState, check, constantText, error, firstVariant } from "../check/index.ts";
import { value } from "../lower/index.ts";
import type { Expression } from "../parse/index.ts";
import type { Builtin, Builtins } from "./builtin.ts";

const nameIn = (c: CheckState, use: BuiltinUse): string | undefined => constantText(c, use.args[0] as Expression);

/** A question about a function of the kernel that BPF programs may call (kfunc). */
function asksOfKfunc(
  name: string,
  doc: string,
  example: string,
  holds: (c: CheckState, kfunc: string) => boolean,
): Builtin {
  const answer = (c: CheckState, use: BuiltinUse): bigint => (holds(c, nameIn(c, use) ?? "") ? 1n : 0n);
  return {
    doc,
    signature: `${name}("name")`,
    types: "string literal → bool",
    example,
    since: "5.18",
    arity: [1, 1],
    cost: 0,
    check: (c, use) => {
      check(c, use.args[0] as Expression);
      if (nameIn(c, use) === undefined)
        return error(c, "SCRY1270", `${name}() requires a string literal`, (use.args[0] as Expression).span);
      return BOOL;
    },
    fold: answer,
    lower: (l, use) => ({ kind: "value", type: BOOL, value: l.b.const(answer(l.check, use)) }),
  };
}

/** Of each CPU, how far its copies of such data are from where the symbols say (include/asm-generic/percpu.h). */
const OFFSETS = "__per_cpu_offset";

const PER_CPU: Type = { kind: "pointer", to: UINT64, space: "kernel" };

export const kernelQuestions: Builtins = {
  kfunc_exist: asksOfKfunc(
    "kfunc_exist",
    "Has the kernel this function, by its BTF? Known before the script runs.",
    'begin { if comptime kfunc_exist("bpf_rdonly_cast") { print("there"); } exit(); }',
    (c, kfunc) => c.env.btf()?.find(kfunc, "func") !== undefined,
  ),
  kfunc_allowed: asksOfKfunc(
    "kfunc_allowed",
    "May a program of this probe call this function of the kernel (kfunc)? Tried before the script runs.",
    'begin { print(kfunc_allowed("bpf_rdonly_cast")); exit(); }',
    (c, kfunc) => c.env.kfuncAllowed?.(firstVariant(c).programType, kfunc) === true,
  ),
  percpu_kaddr: {
    doc: "Address of a variable that the kernel has once for each CPU: of the current CPU, or of the one given. 0 where there is no such CPU.",
    signature: 'percpu_kaddr("name"[, cpu])',
    types: "string literal, int → uint64 *",
    example: 'begin { print(*percpu_kaddr("process_counts", 0)); exit(); }',
    arity: [1, 2],
    check: (c, use) => {
      const [, cpu] = use.args as [Expression, Expression?];
      const name = nameIn(c, use);
      check(c, use.args[0] as Expression);
      if (cpu !== undefined) check(c, cpu);
      if (name === undefined)
        return error(c, "SCRY1270", "percpu_kaddr() requires a string literal", (use.args[0] as Expression).span);
      for (const symbol of [name, OFFSETS])
        if (c.env.kernelAddress(symbol) === undefined)
          return error(c, "SCRY1289", `Could not resolve variable "${symbol}" from BTF`, use.span, [
            "The kernel tells addresses of data where it is built with CONFIG_KALLSYMS_ALL",
          ]);
      return PER_CPU;
    },
    lower: (l, use) => {
      const [, cpu] = use.args as [Expression, Expression?];
      const { b } = l;
      const address = (name: string): bigint => l.check.env.kernelAddress(name) ?? 0n;
      const at = cpu === undefined ? b.helper("get_smp_processor_id", []) : value(l, cpu);
      const slot = b.slot(8);
      b.store(64, slot, 0, 0);
      const entry = b.add(b.const(address(OFFSETS)), b.binary("shl", at, 3));
      const there = eitherNumber(l, (yes, no) => b.branch("ult", at, l.check.env.cpus, yes, no), 1, 0);
      b.helper("probe_read_kernel", [slot, b.const(8), entry]);
      const found = b.add(b.const(address(nameIn(l.check, use) ?? "")), b.load("u64", slot, 0));
      return { kind: "value", type: PER_CPU, value: b.binary("mul", found, there) };
    },
  },
};
