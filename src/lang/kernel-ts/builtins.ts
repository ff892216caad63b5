// What `scry/bpf` gives to programs: `bpf.pid()`, `sizeOf`. One row each; methods of maps are in map-methods.ts.

import type { CExpression } from "../../c/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { contextOf, counted, plain } from "./arguments.ts";
import { type Expression, type Node, refuse, spanOf } from "./ast.ts";
import { formatted } from "./format.ts";
import { hostOrder } from "./network.ts";
import type { CallRow, MemberRow, Reader } from "./reader.ts";
import { REGIONS } from "./resources.ts";
import { STACKS } from "./stacks.ts";

/** A number that a helper without arguments gives, cut to a type. */
const number =
  (helper: string, type: string, shift = 0): CallRow =>
  (r, args, at) => {
    const span = spanOf(at);
    counted(args, 0, 0, at, `bpf.${helper}`);
    const { typing } = r.types;
    const call = r.call(helper, [], span);
    const shifted =
      shift === 0
        ? call
        : typing.binary(">>", typing.cast(call, r.types.u64), r.constant(shift, typing.int, span), span);
    return plain(typing.cast(shifted, r.types.number(type) as number, span));
  };

/** What a literal says: sizes of texts. */
function known(r: Reader, node: Expression | undefined, at: Node, what: string): number {
  const value = node === undefined ? undefined : r.value(node);
  if (value?.kind !== "static" || value.what.kind !== "number" || value.what.value < 1n || value.what.value > 4096n)
    return refuse(
      "SCRY1405",
      `${what} is a number from 1 to 4096 that is known when the module is compiled`,
      node ?? at,
    );
  return Number(value.what.value);
}

/** Text that a helper writes: from an address, of at most so many bytes. */
const textFrom =
  (helper: string): CallRow =>
  (r, args, at) => {
    counted(args, 1, 2, at, "it");
    const [from] = args as [Expression];
    const address = r.plain(from);
    const length = args.length > 1 ? known(r, args[1], at, "the size") : undefined;
    return {
      kind: "written",
      type: r.types.text(length ?? 64),
      into: (place, type) =>
        r.gathered(() => {
          const span = spanOf(at);
          const { typing } = r.types;
          const bytes = Math.min(typing.size(type), length ?? typing.size(type));
          const to = typing.address(r.addressable(place), span);
          r.do(r.call(helper, [to, r.constant(bytes, typing.unsigned, span), address], span));
        }),
    };
  };

/** A value of a type, at an address: of memory that cannot be read, zero. */
const valueFrom =
  (helper: string): CallRow =>
  (r, args, at) => {
    counted(args, 2, 2, at, "it");
    const [typeNode, from] = args as [Expression, Expression];
    const { typing } = r.types;
    const span = spanOf(at);
    const of = r.value(typeNode);
    if (of.kind !== "static" || of.what.kind !== "type")
      return refuse("SCRY1405", "a type and an address: (u32, address)", typeNode);
    const { type } = of.what;
    const read = (place: CExpression, address: CExpression): void => {
      const to = typing.address(r.addressable(place), span);
      r.do(r.call(helper, [to, r.constant(typing.size(type), typing.unsigned, span), address], span));
    };
    const address = r.plain(from);
    if (!typing.isScalar(type))
      return {
        kind: "written",
        type,
        into: (place, wanted) =>
          typing.resolve(wanted).id === typing.resolve(type).id
            ? r.gathered(() => read(place, address))
            : refuse("SCRY1403", `${r.types.name(type)} cannot be made into ${r.types.name(wanted)}`, at),
      };
    // Helpers clear what they cannot read: nothing is left of what stood there before.
    const variable = r.temporary(type, span);
    r.declare(variable);
    read(r.read(variable, span), address);
    return plain(hostOrder(r.types, r.read(variable, span)));
  };

export const BPF: Readonly<Record<string, CallRow>> = {
  ...REGIONS,
  ...STACKS,
  pid: number("bpf_get_current_pid_tgid", "u32", 32),
  tid: number("bpf_get_current_pid_tgid", "u32"),
  uid: number("bpf_get_current_uid_gid", "u32"),
  gid: number("bpf_get_current_uid_gid", "u32", 32),
  now: number("bpf_ktime_get_ns", "u64"),
  bootTime: number("bpf_ktime_get_boot_ns", "u64"),
  cpu: number("bpf_get_smp_processor_id", "u32"),
  random: number("bpf_get_prandom_u32", "u32"),
  cgroup: number("bpf_get_current_cgroup_id", "u64"),
  task: (r, args, at) => {
    counted(args, 0, 0, at, "bpf.task");
    const span = spanOf(at);
    const struct = r.types.c.find("task_struct", "struct");
    if (struct === undefined) return refuse("SCRY1404", "the kernel's types have no task_struct", at);
    return plain(r.types.typing.cast(r.call("bpf_get_current_task", [], span), r.types.c.pointer(struct), span));
  },
  comm: (r, args, at) => {
    counted(args, 0, 0, at, "bpf.comm");
    return {
      kind: "written",
      type: r.types.text(16),
      into: (place, type) =>
        r.gathered(() => {
          const span = spanOf(at);
          const { typing } = r.types;
          const to = typing.address(r.addressable(place), span);
          r.do(r.call("bpf_get_current_comm", [to, r.constant(typing.size(type), typing.unsigned, span)], span));
        }),
    };
  },
  cookie: (r, args, at) => {
    counted(args, 0, 0, at, "bpf.cookie");
    if (r.cookie !== undefined) return plain(r.cookie);
    return plain(r.types.typing.cast(r.call("bpf_get_attach_cookie", [contextOf(r, at)], spanOf(at)), r.types.u64));
  },
  /** Runs a function again and again with 0, 1, …, until it gives true; how often it ran. */
  loop: (r, args, at) => {
    counted(args, 2, 2, at, "bpf.loop");
    const [times, fn] = args as [Expression, Expression];
    const { typing, c } = r.types;
    const span = spanOf(at);
    const count = r.fitting(r.plain(times, r.types.u32), r.types.u32, times);
    // A function that is never called is taken out of the program, with what its address is asked of (Linux 6.18 gives up then).
    if (count.kind === "constant" && count.value === 0n) return plain(r.constant(0, r.types.i64, span));
    const made = r.callback(fn, {
      word: "loop",
      params: [r.types.u64, c.pointer(r.types.u64)],
      environment: 1,
      given: ([index]) => [plain(typing.cast(index as CExpression, r.types.u32))],
    });
    const none = r.constant(0, typing.unsignedLong, span);
    return plain(r.call("bpf_loop", [count, made.fn, made.environment, none], span));
  },
  /** The verdict that sends a packet out of an interface. */
  redirect: (r, args, at) => {
    counted(args, 1, 1, at, "bpf.redirect");
    const [to] = args as [Expression];
    const { u32, u64, i64, typing } = r.types;
    const none = r.constant(0, u64, spanOf(at));
    return plain(typing.cast(r.call("bpf_redirect", [r.fitting(r.plain(to, u32), u32, to), none], spanOf(at)), i64));
  },
  userText: textFrom("bpf_probe_read_user_str"),
  kernelText: textFrom("bpf_probe_read_kernel_str"),
  userValue: valueFrom("bpf_probe_read_user"),
  kernelValue: valueFrom("bpf_probe_read_kernel"),
  print: (r, args, at) => {
    counted(args, 1, 1, at, "bpf.print");
    const { format, values } = formatted(r, args[0] as Expression, "\n");
    if (values.length > 3) return refuse("SCRY1405", "bpf.print takes three values", at);
    const size = r.constant(r.types.typing.size(format.type), r.types.typing.unsigned, spanOf(at));
    return plain(r.call("bpf_trace_printk", [r.types.typing.value(format), size, ...values], spanOf(at)));
  },
};

/** A member of a struct of the kernel's; undefined: the types that the module is compiled with have none of its name. */
function member(r: Reader, node: Expression): CExpression | undefined {
  try {
    return r.plain(node);
  } catch (error) {
    const missing = error instanceof DiagnosticError && error.diagnostics.every(({ code }) => code === "SCRY1036");
    if (missing) return undefined;
    throw error;
  }
}

// --- what stands alone ----------------------------------------------------------------------------------------------

export const CALLS: Readonly<Record<string, CallRow>> = {
  sizeOf: (r, args, at) => {
    counted(args, 1, 1, at, "sizeOf");
    const value = r.value(args[0] as Expression);
    const type = value.kind === "static" && value.what.kind === "type" ? value.what.type : r.asPlain(value, at).type;
    return { kind: "static", what: { kind: "number", value: BigInt(r.types.typing.size(type)) } };
  },
  /** Memory of the kernel's, read and written as a struct: `view(State, sk.icsk_ca_priv)`. */
  view: (r, args, at) => {
    counted(args, 2, 2, at, "view");
    const { typing, c } = r.types;
    const span = spanOf(at);
    const [typeNode, memory] = args as [Expression, Expression];
    const type = r.value(typeNode);
    if (type.kind !== "static" || type.what.kind !== "type" || !typing.isComposite(type.what.type))
      return refuse("SCRY1405", "view(T, memory) with T = struct({ … })", typeNode);
    const of = r.plain(memory);
    if (typing.isScalar(of.type)) return refuse("SCRY1403", "this is no memory but a number", memory);
    const [wanted, room] = [typing.size(type.what.type), typing.size(of.type)];
    if (wanted > room) return refuse("SCRY1403", `this struct has ${wanted} bytes, the memory ${room}`, at);
    const address = typing.explicit(typing.address(of, span), c.pointer(type.what.type), span);
    const pointer = r.read(r.held(address, c.pointer(type.what.type), span), span);
    return plain(typing.dereference(pointer, span));
  },
  /** Has the running kernel this member? */
  exists: (r, args, at) => {
    counted(args, 1, 1, at, "exists");
    const of = member(r, args[0] as Expression);
    // Known when the module is compiled: what is asked about by it is not read (`decided`).
    if (of === undefined) return { kind: "static", what: { kind: "number", value: 0n } };
    return plain({
      kind: "builtin",
      name: "preserve_field_info",
      args: [of, r.constant(2, r.types.typing.int, spanOf(at))],
      type: r.types.u32,
      span: spanOf(at),
    });
  },
};

/** Below `Math`: of whole numbers. */
export const MATH: Readonly<Record<string, CallRow>> = {
  min: (r, args, at) => {
    counted(args, 2, 2, at, "Math.min");
    return r.chosen("<", args[0] as Expression, args[1] as Expression, at);
  },
  max: (r, args, at) => {
    counted(args, 2, 2, at, "Math.max");
    return r.chosen(">", args[0] as Expression, args[1] as Expression, at);
  },
  abs: (r, args, at) => {
    counted(args, 1, 1, at, "Math.abs");
    const { typing } = r.types;
    const span = spanOf(at);
    const given = r.plain(args[0] as Expression);
    const of = r.read(r.held(given, typing.promote(given).type, span), span);
    const below = typing.compare("<", of, r.constant(0, of.type, span), span);
    return plain(typing.conditional(below, typing.unary("-", of, span), of, span));
  },
};

/** Members of values that are no structs. */
export const MEMBERS: Readonly<Record<string, MemberRow>> = {
  length: (r, of) => {
    const type = r.types.typing.resolve(of.type);
    return { kind: "static", what: { kind: "number", value: type.kind === "array" ? BigInt(type.count) : 0n } };
  },
};
