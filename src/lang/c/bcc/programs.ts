// Which functions are programs in BCC's dialect, and of what kind: by their names where these say it, else by what their
// context is. Their other parameters are what the function that is traced was given.

import type { CExpression, CFunction, CStatement, CVariable, Typing } from "../../../c/index.ts";
import { type Machine, REGISTERS } from "../headers/index.ts";

/** What a name begins with, and the section that libbpf has for it. */
const PREFIXES: readonly (readonly [prefix: string, section: string])[] = [
  ["kprobe__", "kprobe"],
  ["kretprobe__", "kretprobe"],
  ["raw_tracepoint__", "raw_tracepoint"],
  ["kfunc__", "fentry"],
  ["kretfunc__", "fexit"],
  ["kmod_ret__", "fmod_ret"],
  ["lsm__", "lsm"],
  ["bpf_iter__", "iter"],
];

/** Contexts by the struct that is pointed to. */
const CONTEXTS: Readonly<Record<string, string>> = {
  pt_regs: "kprobe",
  bpf_perf_event_data: "perf_event",
  bpf_raw_tracepoint_args: "raw_tracepoint",
  xdp_md: "xdp",
  __sk_buff: "tc",
  sk_msg_md: "sk_msg",
  bpf_sock_ops: "sockops",
  bpf_sock_addr: "cgroup/connect4",
  bpf_cgroup_dev_ctx: "cgroup/dev",
};

/** Programs that are given typed pointers, one word each. */
const TYPED = /^(?:fentry|fexit|fmod_ret|lsm)\b/;

/** The section that a function would be in; undefined: it is no program. */
export function programSection(
  fn: CFunction,
  typing: Typing,
  tracepoints: ReadonlyMap<string, string>,
): string | undefined {
  if (fn.static || fn.inline || fn.body === undefined) return undefined;
  for (const [prefix, section] of PREFIXES)
    if (fn.name.startsWith(prefix)) return `${section}/${fn.name.slice(prefix.length)}`;
  const [context] = fn.body.parameters;
  const pointed =
    context === undefined || !typing.isPointer(context.type) ? undefined : typing.resolve(typing.target(context.type));
  const tracepoint = tracepoints.get(fn.name.replace(/^tracepoint__/, ""));
  if (fn.name.startsWith("tracepoint__") && tracepoint !== undefined) return `tracepoint/${tracepoint}`;
  if (pointed?.name.startsWith("tracepoint__") === true) return "tracepoint";
  if (fn.uses > 0 && (pointed === undefined || !Object.hasOwn(CONTEXTS, pointed.name))) return undefined;
  if (context !== undefined && pointed === undefined) return undefined;
  return CONTEXTS[pointed?.name ?? ""] ?? "kprobe";
}

/** The program as a function of its context alone: its other parameters are variables that begin with what was given. */
export function entryOf(fn: CFunction, section: string, typing: Typing, machine: Machine): CFunction {
  const { body } = fn;
  const [context, ...given] = body?.parameters ?? [];
  if (body === undefined || context === undefined || given.length === 0) return fn;
  const registers = /^(?:syscall__|kprobe____(?:x64|arm64)_sys_)/.test(fn.name) ? "system" : "args";
  const declared = given.map((parameter, i): CStatement => {
    const { span } = parameter;
    const ctx: CExpression = { kind: "variable", variable: context, type: context.type, span };
    const value = TYPED.test(section)
      ? typing.index(
          typing.cast(ctx, typing.types.pointer(typing.unsignedLong), span),
          typing.constant(BigInt(i), typing.int, span),
          span,
        )
      : registerOf(
          ctx,
          REGISTERS[machine][registers][i] ?? "",
          registers === "system" ? REGISTERS[machine].args[0] : undefined,
          typing,
        );
    const local: CVariable = Object.assign(parameter, {
      initial: {
        entries: [{ offset: 0, bits: 0, type: parameter.type, value: typing.cast(value, parameter.type, span) }],
        span,
      },
    });
    return { kind: "declare", variable: local, span };
  });
  return { ...fn, body: { ...body, parameters: [context], statements: [...declared, ...body.statements] } };
}

/** A register's value by its name in `struct pt_regs` (`di`, `regs[0]`); `behind`: of the registers that this one leads to. */
export function registerOf(ctx: CExpression, name: string, behind: string | undefined, typing: Typing): CExpression {
  const { span } = ctx;
  const type = typing.types.find("pt_regs", "struct");
  if (type === undefined || name === "") return typing.constant(0n, typing.unsignedLong, span);
  const pointer = typing.types.pointer(type);
  const of = (base: CExpression, which: string): CExpression => {
    const [, member = "", index] = /^(\w+)(?:\[(\d+)\])?$/.exec(which) ?? [];
    const found = typing.member(typing.dereference(typing.cast(base, pointer, span), span), member, span);
    return index === undefined ? found : typing.index(found, typing.constant(BigInt(index), typing.int, span), span);
  };
  return of(behind === undefined ? ctx : of(ctx, behind), name);
}
