// Arguments of static probes (USDT), as libbpf's usdt.bpf.h has them read: where each one is stands in the map `__bpf_usdt_specs`,
// which whoever loads the object fills (`loader/usdt.ts`, or libbpf) before it attaches a program. The maps' names and the layout of
// `struct __bpf_usdt_spec` are that protocol's. It is C, read into the same tree as the module.

import type { CExpression, CFunction, CUnit } from "../../c/index.ts";
import type { SourceText } from "../../source/index.ts";
import { type Machine, REGISTERS } from "../c/index.ts";
import { type Node, refuse } from "./ast.ts";
import type { ProgramParameters } from "./parameters.ts";
import type { Types } from "./types.ts";

/** `struct __bpf_usdt_spec` has so many. */
export const MOST_ARGUMENTS = 12;
export const USDT_FILE = "usdt.bpf.h";

const text = (instructionPointer: string): SourceText => ({
  name: USDT_FILE,
  text: `
enum __bpf_usdt_arg_type { BPF_USDT_ARG_CONST, BPF_USDT_ARG_REG, BPF_USDT_ARG_REG_DEREF, BPF_USDT_ARG_SIB };
struct __bpf_usdt_arg_spec {
  unsigned long long val_off;
  enum __bpf_usdt_arg_type arg_type: 8;
  unsigned short idx_reg_off: 12;
  unsigned short scale_bitshift: 4;
  unsigned char __reserved: 8;
  short reg_off;
  _Bool arg_signed;
  char arg_bitshift;
};
struct __bpf_usdt_spec { struct __bpf_usdt_arg_spec args[${MOST_ARGUMENTS}]; unsigned long long usdt_cookie; short arg_cnt; };
struct {
  int (*type)[2]; int (*max_entries)[256]; int *key; struct __bpf_usdt_spec *value;
} __bpf_usdt_specs __attribute__((section(".maps")));
struct {
  int (*type)[1]; int (*max_entries)[1024]; long *key; unsigned int *value;
} __bpf_usdt_ip_to_spec_id __attribute__((section(".maps")));
extern const _Bool LINUX_HAS_BPF_COOKIE __attribute__((section(".kconfig")));

static inline struct __bpf_usdt_spec *__usdt_spec(void *ctx) {
  int number = 0;
  if (LINUX_HAS_BPF_COOKIE) number = bpf_get_attach_cookie(ctx);
  else {
    long ip = ((struct pt_regs *)ctx)->${instructionPointer};
    unsigned int *known = bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &ip);
    if (!known) return (void *)0;
    number = *known;
  }
  return bpf_map_lookup_elem(&__bpf_usdt_specs, &number);
}

static inline unsigned long long __usdt_argument(void *ctx, struct __bpf_usdt_spec *spec, unsigned long n) {
  unsigned long long value = 0, index = 0;
  if (!spec || n >= spec->arg_cnt) return 0;
  struct __bpf_usdt_arg_spec *arg = &spec->args[n];
  switch (arg->arg_type) {
    case BPF_USDT_ARG_CONST: value = arg->val_off; break;
    case BPF_USDT_ARG_REG:
      bpf_probe_read_kernel(&value, sizeof(value), ctx + arg->reg_off);
      break;
    case BPF_USDT_ARG_REG_DEREF:
      bpf_probe_read_kernel(&value, sizeof(value), ctx + arg->reg_off);
      bpf_probe_read_user(&value, sizeof(value), (void *)(value + arg->val_off));
      break;
    case BPF_USDT_ARG_SIB:
      bpf_probe_read_kernel(&value, sizeof(value), ctx + arg->reg_off);
      bpf_probe_read_kernel(&index, sizeof(index), ctx + arg->idx_reg_off);
      bpf_probe_read_user(&value, sizeof(value), (void *)(value + (index << arg->scale_bitshift) + arg->val_off));
      break;
    default: return 0;
  }
  value <<= arg->arg_bitshift;
  return arg->arg_signed ? (unsigned long long)((long long)value >> arg->arg_bitshift) : value >> arg->arg_bitshift;
}

static inline unsigned long long __usdt_cookie(struct __bpf_usdt_spec *spec) { return spec ? spec->usdt_cookie : 0; }
`,
});

const TEXTS = new Map<Machine, SourceText>();
function library(types: Types, machine: Machine): CUnit {
  let source = TEXTS.get(machine);
  if (source === undefined) TEXTS.set(machine, (source = text(REGISTERS[machine].ip)));
  return types.library(source);
}

const functionOf = ({ functions }: CUnit, name: string): CFunction =>
  functions.find((fn) => fn.name === name) as CFunction;

function called(
  { typing }: Types,
  fn: CFunction,
  args: readonly CExpression[],
  span: CExpression["span"],
): CExpression {
  fn.uses++;
  const type = typing.resolve(fn.type);
  return {
    kind: "call",
    callee: { kind: "function", function: fn, type: fn.type, span },
    args,
    type: type.kind === "func_proto" ? type.returns : 0,
    span,
  };
}

/** `path:provider:name` */
export function probeOf(place: string, at: Node): string {
  const parts = place.split(":");
  if (parts.length < 3 || parts.includes("")) return refuse("SCRY1405", 'a static probe is "path:provider:name"', at);
  return place;
}

export function usdtParameters(types: Types, machine: Machine, context: number): ProgramParameters {
  const unit = library(types, machine);
  const spec = functionOf(unit, "__usdt_spec");
  const argument = functionOf(unit, "__usdt_argument");
  const { typing } = types;
  return {
    context,
    globals: unit.globals,
    cookie: (begun) => called(types, functionOf(unit, "__usdt_cookie"), [begun], begun.span),
    begin: (ctx) => called(types, spec, [typing.cast(ctx, types.c.pointer(0))], ctx.span),
    params: Array.from({ length: MOST_ARGUMENTS }, (_, i) => ({
      type: types.u64,
      value: (ctx, begun) =>
        called(
          types,
          argument,
          [
            typing.cast(ctx, types.c.pointer(0)),
            begun as CExpression,
            typing.constant(BigInt(i), typing.unsignedLong, ctx.span),
          ],
          ctx.span,
        ),
    })),
  };
}
