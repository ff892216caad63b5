// Stacks of calls: `bpf.kernelStack()`, `bpf.userStack()`. What they become is said by the type of their place: the number of a
// stack that the kernel keeps once in a table (`stackMap`), or the addresses themselves. The names of the structs tell readers
// which: `user_stack_of_stacks`, `kernel_stack_16_frames`.

import type { CExpression } from "../../c/index.ts";
import { contextOf, counted } from "./arguments.ts";
import { bare, type CallExpression, type Expression, refuse, spanOf } from "./ast.ts";
import type { CallRow, Reader } from "./reader.ts";
import type { StackType, Types } from "./types.ts";
import type { DeclarationScope } from "./values.ts";

type Space = StackType["space"];

/** BPF_F_USER_STACK */
const USER_STACK = 256;
/** Frames where nothing says how many. */
const FRAMES = 32;
/** The kernel takes no more (kernel.perf_event_max_stack). */
const MOST_FRAMES = 127;

/** `kernelStack(stacks)`, `kernelStack(16)` as types. */
function stackType(m: DeclarationScope, space: Space, args: readonly Expression[], at: CallExpression): number {
  const [node] = args;
  if (args.length > 1) return refuse("SCRY1405", `${space}Stack(stackMap or frames)`, at);
  const table = node === undefined ? undefined : tableOf(m, node);
  if (table !== undefined) return numberType(m.types, space, table, at);
  const value = node === undefined ? undefined : m.evaluate(node);
  const number =
    value === undefined
      ? BigInt(FRAMES)
      : value.kind === "static" && value.what.kind === "number"
        ? value.what.value
        : 0n;
  if (number < 1n || number > MOST_FRAMES)
    return refuse(
      "SCRY1405",
      `${space}Stack takes a stackMap, or a number of frames from 1 to ${MOST_FRAMES}`,
      node ?? at,
    );
  return framesType(m.types, space, Number(number), at);
}

function tableOf(m: DeclarationScope, node: Expression): StackType["table"] {
  const bared = bare(node);
  const found = bared.type === "Identifier" ? m.find(bared.name) : undefined;
  if (found?.kind !== "static" || found.what.kind !== "map") return undefined;
  const { map } = found.what;
  return map.what === "stackMap"
    ? map.variable
    : refuse("SCRY1405", `stacks are kept in a stackMap, not in ${map.what}`, node);
}

function numberType(types: Types, space: Space, table: NonNullable<StackType["table"]>, at: CallExpression): number {
  const id = types.struct(
    `${space}_stack_of_${table.name}`,
    [["number", types.i32], ...(space === "user" ? [["pid", types.u32] as const] : [])],
    at,
  );
  types.stacks.set(id, { space, frames: 0, table });
  return id;
}

function framesType(types: Types, space: Space, frames: number, at: CallExpression): number {
  const id = types.struct(
    `${space}_stack_${frames}_frames`,
    [
      ["bytes", types.i32],
      ["pid", types.u32],
      ["frames", types.c.array(types.u64, frames)],
    ],
    at,
  );
  types.stacks.set(id, { space, frames });
  return id;
}

const typeOf =
  (space: Space) =>
  (m: DeclarationScope, _name: string, args: readonly Expression[], at: CallExpression): number =>
    stackType(m, space, args, at);

/** As rows of TYPES. */
export const STACK_TYPES: Readonly<Record<string, ReturnType<typeof typeOf>>> = {
  kernelStack: typeOf("kernel"),
  userStack: typeOf("user"),
};

const taking =
  (space: Space): CallRow =>
  (r, args, at) => {
    counted(args, 0, 0, at, `bpf.${space}Stack`);
    return {
      kind: "written",
      type: framesType(r.types, space, FRAMES, at),
      into: (place, type) => r.gathered(() => take(r, space, place, type, at)),
    };
  };

function take(r: Reader, space: Space, place: CExpression, type: number, at: CallExpression): void {
  const { typing, c, u64, u32, i32, i64 } = r.types;
  const span = spanOf(at);
  const stack = r.types.stacks.get(typing.resolve(type).id);
  if (stack?.space !== space)
    refuse("SCRY1403", `a stack's place is of type ${space}Stack(…), not ${r.types.name(type)}`, at);
  const flags = r.constant(space === "user" ? USER_STACK : 0, u64, span);
  const context = typing.cast(contextOf(r, at), c.pointer(0));
  const set = (name: string, value: CExpression, as: number): void =>
    r.do({
      kind: "assign",
      target: typing.member(place, name, span),
      value: typing.cast(value, as),
      type: as,
      span,
    });
  const process = (): CExpression => {
    const both = typing.cast(r.call("bpf_get_current_pid_tgid", [], span), u64);
    return typing.binary(">>", both, r.constant(32, typing.int, span), span);
  };
  if (stack.table !== undefined) {
    const variable = stack.table;
    const table = typing.address({ kind: "variable", variable, type: variable.type, span }, span);
    // From 1 on: 0, which is what nothing was written to, is no stack.
    const id = r.call("bpf_get_stackid", [context, table, flags], span);
    set("number", typing.binary("+", id, r.constant(1, i64, span), span), i32);
    if (space === "user") set("pid", process(), u32);
    return;
  }
  const frames = typing.member(place, "frames", span);
  const size = r.constant(stack.frames * 8, typing.unsigned, span);
  const to = typing.cast(typing.address(r.addressable(frames), span), c.pointer(0));
  set("bytes", r.call("bpf_get_stack", [context, to, size, flags], span), i32);
  set("pid", space === "user" ? process() : r.constant(0, u32, span), u32);
}

/** Below `bpf`. */
export const STACKS: Readonly<Record<string, CallRow>> = {
  kernelStack: taking("kernel"),
  userStack: taking("user"),
};
