// What `scry/bpf` gives to programs: `bpf.pid()`, methods of maps and rings, `sizeOf`. One row each.

import type { CExpression } from "../../c/index.ts";
import { bare, type Expression, type Node, refuse, spanOf } from "./ast.ts";
import { formatted } from "./format.ts";
import type { CallRow, MemberRow, MethodRow, Reader } from "./reader.ts";
import { REGIONS, reserve } from "./resources.ts";
import type { MapValue, Value } from "./values.ts";

const plain = (of: CExpression): Value => ({ kind: "plain", of });

function counted(args: readonly Expression[], least: number, most: number, at: Node, name: string): void {
  if (args.length < least || args.length > most)
    refuse(
      "SCRY1405",
      `${name} takes ${least === most ? least : `${least} to ${most}`} arguments, ${args.length} given`,
      at,
    );
}

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

export const BPF: Readonly<Record<string, CallRow>> = {
  ...REGIONS,
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
    return plain(r.types.typing.cast(r.call("bpf_get_attach_cookie", [contextOf(r, at)], spanOf(at)), r.types.u64));
  },
  /** Runs a function again and again with 0, 1, …, until it gives true; how often it ran. */
  loop: (r, args, at) => {
    counted(args, 2, 2, at, "bpf.loop");
    const [times, fn] = args as [Expression, Expression];
    const { typing, c } = r.types;
    const span = spanOf(at);
    const count = r.fitting(r.plain(times, r.types.u32), r.types.u32, times);
    const made = r.callback(fn, {
      word: "loop",
      params: [r.types.u64, c.pointer(r.types.u64)],
      environment: 1,
      given: ([index]) => [plain(typing.cast(index as CExpression, r.types.u32))],
    });
    const none = r.constant(0, typing.unsignedLong, span);
    return plain(r.call("bpf_loop", [count, made.fn, made.environment, none], span));
  },
  userText: textFrom("bpf_probe_read_user_str"),
  kernelText: textFrom("bpf_probe_read_kernel_str"),
  print: (r, args, at) => {
    counted(args, 1, 1, at, "bpf.print");
    const { format, values } = formatted(r, args[0] as Expression, "\n");
    if (values.length > 3) return refuse("SCRY1405", "bpf.print takes three values", at);
    const size = r.constant(r.types.typing.size(format.type), r.types.typing.unsigned, spanOf(at));
    return plain(r.call("bpf_trace_printk", [r.types.typing.value(format), size, ...values], spanOf(at)));
  },
};

function contextOf(r: Reader, at: Node): CExpression {
  if (r.context === undefined)
    return refuse("SCRY1405", "only programs themselves have a context, not functions that they call", at);
  return r.read(r.context, spanOf(at));
}

// --- maps ---------------------------------------------------------------------------------------------------------

const mapAddress = (r: Reader, { variable }: MapValue, at: Node): CExpression =>
  r.types.typing.address({ kind: "variable", variable, type: variable.type, span: spanOf(at) }, spanOf(at));

/** A pointer to the value of a key, in a variable; 0 where there is none. */
function found(r: Reader, map: MapValue, key: CExpression, at: Node): CExpression {
  const span = spanOf(at);
  const pointer = r.types.c.pointer(map.value);
  const call = r.call(
    "bpf_map_lookup_elem",
    [mapAddress(r, map, at), r.types.typing.cast(key, r.types.c.pointer(0))],
    span,
  );
  return r.read(r.held(call, pointer, span), span);
}

const getting =
  (after?: (r: Reader, map: MapValue, key: CExpression, at: Node) => void): MethodRow =>
  (r, map, args, at) => {
    if (map.ring) return refuse("SCRY1404", "a ring has no keys: programs send by it", at);
    counted(args, 1, 1, at, "get");
    const { typing } = r.types;
    const span = spanOf(at);
    const key = r.addressOf(args[0] as Expression, map.key);
    const pointer = found(r, map, key, at);
    const of = typing.dereference(pointer, span);
    if (!typing.isScalar(map.value) && after === undefined) return { kind: "maybe", present: pointer, of };
    if (!typing.isScalar(map.value)) {
      // What is deleted stays as a copy.
      const copy = r.zeroed(map.value, span);
      const body = r.gathered(() => {
        r.intoValue(r.read(copy), { kind: "plain", of }, at);
        after?.(r, map, key, at);
      });
      r.push({ kind: "if", condition: typing.truth(pointer), then: { kind: "block", statements: body, span }, span });
      return { kind: "maybe", present: pointer, of: r.read(copy) };
    }
    const copy = r.temporary(map.value, span);
    r.declare(copy, r.constant(0, map.value, span));
    const body = r.gathered(() => {
      r.do({ kind: "assign", target: r.read(copy), value: of, type: map.value, span });
      after?.(r, map, key, at);
    });
    r.push({ kind: "if", condition: typing.truth(pointer), then: { kind: "block", statements: body, span }, span });
    return { kind: "maybe", present: pointer, of: r.read(copy) };
  };

function remove(r: Reader, map: MapValue, key: CExpression, at: Node): CExpression {
  return r.call(
    "bpf_map_delete_elem",
    [mapAddress(r, map, at), r.types.typing.cast(key, r.types.c.pointer(0))],
    spanOf(at),
  );
}

const storing =
  (flags: number): MethodRow =>
  (r, map, args, at) => {
    counted(args, 2, 2, at, "set");
    const span = spanOf(at);
    const { typing } = r.types;
    const any = r.types.c.pointer(0);
    const key = r.addressOf(args[0] as Expression, map.key);
    const value = r.addressOf(args[1] as Expression, map.value);
    const done = r.call(
      "bpf_map_update_elem",
      [
        mapAddress(r, map, at),
        typing.cast(key, any),
        typing.cast(value, any),
        r.constant(flags, typing.unsignedLong, span),
      ],
      span,
    );
    return plain(typing.compare("==", typing.cast(done, r.types.i64), r.constant(0, r.types.i64, span), span));
  };

export const MAP_METHODS: Readonly<Record<string, MethodRow>> = {
  get: getting(),
  take: getting((r, map, key, at) => r.do(remove(r, map, key, at))),
  has: (r, map, args, at) => {
    counted(args, 1, 1, at, "has");
    const pointer = found(r, map, r.addressOf(args[0] as Expression, map.key), at);
    const { typing } = r.types;
    return plain(typing.unary("!", typing.unary("!", typing.truth(pointer), spanOf(at)), spanOf(at)));
  },
  set: storing(0),
  insert: storing(1),
  delete: (r, map, args, at) => {
    counted(args, 1, 1, at, "delete");
    const { typing } = r.types;
    const done = remove(r, map, r.addressOf(args[0] as Expression, map.key), at);
    return plain(
      typing.compare("==", typing.cast(done, r.types.i64), r.constant(0, r.types.i64, spanOf(at)), spanOf(at)),
    );
  },
  /** Adds to a number, which begins with zero where there is none. */
  add: (r, map, args, at) => {
    counted(args, 1, 2, at, "add");
    const { typing, c } = r.types;
    const span = spanOf(at);
    if (!typing.isInteger(map.value))
      return refuse("SCRY1403", `only numbers can be added to, not ${r.types.name(map.value)}`, at);
    const key = r.addressOf(args[0] as Expression, map.key);
    const by =
      args[1] === undefined
        ? r.constant(1, map.value, span)
        : r.fitting(r.plain(args[1], map.value), map.value, args[1]);
    const amount = r.held(by, map.value, span);
    const pointer = found(r, map, key, at);
    const adding = (to: CExpression): CExpression => ({
      kind: "builtin",
      name: "__sync_fetch_and_add",
      args: [to, r.read(amount)],
      type: map.value,
      span,
    });
    const otherwise = r.gathered(() => {
      const any = c.pointer(0);
      amount.addressed = true;
      const flags = r.constant(1, typing.unsignedLong, span);
      const made = r.call(
        "bpf_map_update_elem",
        [mapAddress(r, map, at), typing.cast(key, any), typing.cast(typing.address(r.read(amount), span), any), flags],
        span,
      );
      // Somebody else has just made it: then there is something to add to.
      const again = r.gathered(() => {
        const second = found(r, map, key, at);
        r.push({
          kind: "if",
          condition: typing.truth(second),
          then: { kind: "expression", value: adding(second), span },
          span,
        });
      });
      r.push({ kind: "if", condition: typing.truth(made), then: { kind: "block", statements: again, span }, span });
    });
    r.push({
      kind: "if",
      condition: typing.truth(pointer),
      then: { kind: "expression", value: adding(pointer), span },
      otherwise: { kind: "block", statements: otherwise, span },
      span,
    });
    return plain(r.constant(0, typing.int, span));
  },
  reserve: (r, map, args, at) => (map.ring ? reserve(r, map, args, at) : refuse("SCRY1404", "only rings send", at)),
  /** Sends a record; false where the ring is full. */
  send: (r, map, args, at) => {
    if (!map.ring) return refuse("SCRY1404", "only rings send", at);
    counted(args, 1, 1, at, "send");
    const { typing, c } = r.types;
    const span = spanOf(at);
    const size = r.constant(typing.size(map.value), typing.unsignedLong, span);
    const none = r.constant(0, typing.unsignedLong, span);
    const pointer = c.pointer(map.value);
    const sent = r.held(r.call("bpf_ringbuf_reserve", [mapAddress(r, map, at), size, none], span), pointer, span);
    const [record] = args as [Expression];
    const body = r.gathered(() => {
      const place = typing.dereference(r.read(sent), span);
      const value = r.value(record);
      if (value.kind === "object") zeroGaps(r, r.read(sent), value.node, map.value);
      r.intoValue(place, value, record);
      r.do(r.call("bpf_ringbuf_submit", [typing.cast(r.read(sent), c.pointer(0)), none], span));
    });
    r.push({
      kind: "if",
      condition: typing.truth(r.read(sent)),
      then: { kind: "block", statements: body, span },
      span,
    });
    return plain(typing.unary("!", typing.unary("!", typing.truth(r.read(sent)), span), span));
  },
};

/** Makes zero what an object does not name, and what lies between its members. */
function zeroGaps(
  r: Reader,
  pointer: CExpression,
  node: Extract<Value, { kind: "object" }>["node"],
  type: number,
): void {
  const { typing, c } = r.types;
  const span = spanOf(node);
  const found = typing.resolve(type);
  if (found.kind !== "struct") return;
  const written = node.properties.flatMap((property): readonly string[] => {
    // Of a struct in a struct its own members may be left out.
    if (property.type !== "Property" || property.key.type !== "Identifier") return [];
    return bare(property.value as Expression).type === "ObjectExpression" ? [] : [property.key.name];
  });
  const zero = (from: number, to: number): void => {
    if (to <= from) return;
    const at = typing.binary(
      "+",
      typing.cast(pointer, c.pointer(r.types.number("u8") as number)),
      r.constant(from, typing.int, span),
      span,
    );
    r.do({
      kind: "builtin",
      name: "memset",
      args: [at, r.constant(0, typing.int, span), r.constant(to - from, r.types.u64, span)],
      type: c.pointer(0),
      span,
    });
  };
  let end = 0;
  for (const member of found.members) {
    if (!written.includes(member.name)) continue;
    zero(end, member.bitOffset / 8);
    end = member.bitOffset / 8 + typing.size(member.type);
  }
  zero(end, typing.size(type));
}

// --- what stands alone ----------------------------------------------------------------------------------------------

export const CALLS: Readonly<Record<string, CallRow>> = {
  sizeOf: (r, args, at) => {
    counted(args, 1, 1, at, "sizeOf");
    const value = r.value(args[0] as Expression);
    const type = value.kind === "static" && value.what.kind === "type" ? value.what.type : r.asPlain(value, at).type;
    return { kind: "static", what: { kind: "number", value: BigInt(r.types.typing.size(type)) } };
  },
  /** Has the running kernel this member? */
  exists: (r, args, at) => {
    counted(args, 1, 1, at, "exists");
    const of = r.plain(args[0] as Expression);
    return plain({
      kind: "builtin",
      name: "preserve_field_info",
      args: [of, r.constant(2, r.types.typing.int, spanOf(at))],
      type: r.types.u32,
      span: spanOf(at),
    });
  },
};

/** Members of values that are no structs. */
export const MEMBERS: Readonly<Record<string, MemberRow>> = {
  length: (r, of) => {
    const type = r.types.typing.resolve(of.type);
    return { kind: "static", what: { kind: "number", value: type.kind === "array" ? BigInt(type.count) : 0n } };
  },
};
