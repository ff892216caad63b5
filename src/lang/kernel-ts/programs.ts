// The kinds of programs: what a call such as `tracepoint("sched:sched_switch", (event) => …)` makes. One row each: the section
// that libbpf has for it, and what the function's parameters are.

import type { Btf } from "../../btf/index.ts";
import type { CExpression, CVariable, Typing } from "../../c/index.ts";
import { type Machine, REGISTERS, registerOf, type TracepointField } from "../c/index.ts";
import { type Node, refuse } from "./ast.ts";
import { interfaceStruct, namedFields, registerOffset, registersStruct } from "./contexts.ts";
import { NETWORK_PROGRAMS, type PacketForm } from "./network-programs.ts";
import type { ProgramParameters } from "./parameters.ts";
import type { Types } from "./types.ts";
import { MOST_ARGUMENTS, probeOf, usdtParameters } from "./usdt.ts";
import type { Static } from "./values.ts";

/** What the debug information of a program says of a function; types are ids of `btf`, 0 is nothing. */
export interface BinaryFunction {
  readonly btf: Btf;
  readonly params: readonly { readonly name: string; readonly type: number }[];
  readonly returns: number;
}

/** A number as a static probe has it; those of which nothing is known are of 64 bits. */
export interface ProbeArgument {
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
}

/** What is asked of the running system, or of a recording. */
export interface ProgramWorld {
  tracepoint(category: string, name: string): readonly TracepointField[] | undefined;
  readonly machine: Machine;
  /** A function of a program, `path:function`, by its debug information; undefined: nothing is known of it. */
  binary?(place: string): BinaryFunction | undefined;
  /** The arguments of a static probe, `path:provider:name`; undefined: nothing is known of it. */
  probe?(place: string): readonly (ProbeArgument | undefined)[] | undefined;
  /** It runs where no kernel is asked: of tracepoints that nothing is known of there are the fields that programs name. */
  readonly anyTracepoint?: boolean;
}

export interface ProgramRow {
  /** How many words stand before the function. */
  readonly words: number;
  section(args: readonly Static[], at: Node): string;
  parameters(args: readonly Static[], types: Types, world: ProgramWorld, at: Node): ProgramParameters;
  /** The struct of the kernel that it is given, where that is always the same. */
  readonly context?: string;
  readonly packet?: PacketForm;
  /** What the kernel's types call the function that its word names. */
  traced?(word: string): string;
  /** It is a function with parameters of its own. */
  readonly function?: true;
  /** What it gives where its function says nothing. */
  readonly otherwise?: bigint;
  /** The kernel runs it with preemption turned off: no other program comes between on its CPU, but from an interrupt. */
  readonly undisturbed?: true;
}

const word = (args: readonly Static[], i: number, at: Node): string => {
  const found = args[i];
  if (found?.kind !== "text")
    return refuse("SCRY1405", "a text is needed here, which says where the program attaches", at);
  return found.text;
};

function pair(args: readonly Static[], at: Node): readonly [string, string] {
  const [category, name, ...rest] = word(args, 0, at).split(":");
  if (category === undefined || name === undefined || rest.length > 0)
    return refuse("SCRY1405", 'a tracepoint is "category:name"', at);
  return [category, name];
}

const named = (types: Types, name: string, at: Node): number =>
  types.c.find(name, "struct") ?? refuse("SCRY1404", `the kernel's types have no struct ${name}`, at);

/** The type of a field as the kernel's format has it. */
function fieldType({ type, size, signed, arrayLength, location }: TracepointField, types: Types): number {
  const { c } = types;
  if (location !== undefined) return types.u32;
  if (/\*$/.test(type) && size === 8) {
    const struct = /struct (\w+) \*$/.exec(type)?.[1];
    const target = struct === undefined ? undefined : c.find(struct, "struct");
    return c.pointer(target ?? (/char \*$/.test(type) ? c.int("char", 1, true) : 0));
  }
  const number = (bytes: number): number => types.number(`${signed ? "i" : "u"}${bytes * 8}`) ?? types.bytes(bytes);
  if (arrayLength === undefined) return /^(?:1|2|4|8)$/.test(String(size)) ? number(size) : types.bytes(size);
  if (/\bchar$/.test(type)) return types.text(arrayLength);
  return c.array(number(size / Math.max(1, arrayLength)), arrayLength);
}

function tracepointContext(args: readonly Static[], types: Types, world: ProgramWorld, at: Node): ProgramParameters {
  const [category, name] = pair(args, at);
  const fields = world.tracepoint(category, name) ?? (world.anyTracepoint === true ? namedFields(at) : undefined);
  if (fields === undefined) return refuse("SCRY1404", `this kernel has no tracepoint ${category}:${name}`, at);
  const struct = `tracepoint__${category}__${name}`;
  const known = types.c.own(struct, "struct");
  if (known !== undefined) return { context: known, whole: true };
  const members = fields.map((field) => ({
    name: field.name,
    type: fieldType(field, types),
    bitOffset: field.offset * 8,
    bitfieldSize: 0,
  }));
  const size = Math.max(8, ...fields.map((field) => field.offset + field.size));
  const context = types.c.add({ kind: "struct", name: struct, size, members });
  const texts = fields.flatMap(({ name: field, location }) =>
    location === undefined ? [] : [[field, location] as const],
  );
  types.texts.set(context, new Map(texts));
  return { context, whole: true };
}

/** Parameters of a function of the kernel, with their names. */
function prototype(
  name: string,
  types: Types,
  at: Node,
): { readonly params: readonly number[]; readonly returns: number } {
  const id = types.c.find(name, "func");
  const fn = id === undefined ? undefined : types.c.type(id);
  const type = fn?.kind === "func" ? types.typing.resolve(fn.type) : undefined;
  if (type?.kind !== "func_proto") return refuse("SCRY1404", `the kernel's types have no function ${name}`, at);
  return { params: type.params.map((p) => p.type), returns: type.returns };
}

const cast = (typing: Typing, of: CExpression, type: number): CExpression => typing.cast(of, type, of.span);

/** Words that the context is an array of: typed arguments. */
const words = (types: Types, all: readonly number[]): ProgramParameters => ({
  context: 0,
  params: all.map((type, i) => ({
    type,
    offset: i * 8,
    value: (ctx) => {
      const { typing, c } = types;
      const array = cast(typing, ctx, c.pointer(types.u64));
      return cast(typing, typing.index(array, typing.constant(BigInt(i), typing.int, ctx.span), ctx.span), type);
    },
  })),
});

/** Registers of the traced function. */
function registers(
  types: Types,
  all: readonly number[],
  names: readonly string[],
  { machine }: ProgramWorld,
): ProgramParameters {
  const context = types.c.find("pt_regs", "struct") ?? registersStruct(machine, types);
  return {
    context,
    params: all.flatMap((type, i) => {
      const name = names[i];
      if (name === undefined) return [];
      return [
        {
          type,
          offset: registerOffset(context, name, types),
          value: (ctx: CExpression): CExpression =>
            cast(types.typing, registerOf(ctx, name, undefined, types.typing), type),
        },
      ];
    }),
  };
}

/** Where a function finds its arguments, and leaves its result. */
function convention({ machine }: ProgramWorld): {
  readonly args: readonly string[];
  readonly result: readonly string[];
} {
  const { args, rc } = REGISTERS[machine];
  return { args, result: [rc] };
}

/** A program that is given a struct of the kernel's. */
const given = (section: string, context: string, otherwise?: bigint): ProgramRow => ({
  words: 0,
  context,
  section: () => section,
  parameters: (_args, types, _world, at) => ({
    context: types.c.find(context, "struct") ?? interfaceStruct(context, section, types) ?? named(types, context, at),
    whole: true,
  }),
  ...(otherwise === undefined ? {} : { otherwise }),
});

const itself = (name: string): string => name;

const typedFunction = (prefix: string, atReturn: boolean, traced: (name: string) => string = itself): ProgramRow => ({
  words: 1,
  traced,
  section: (args, at) => `${prefix}/${word(args, 0, at)}`,
  parameters: (args, types, _world, at) => {
    const { params, returns } = prototype(traced(word(args, 0, at)), types, at);
    const result = types.typing.resolve(returns).kind === "void" ? [] : [returns];
    return words(types, atReturn ? [...params, ...result] : params);
  },
});

const functionOfKernel = (prefix: string, atReturn: boolean): ProgramRow => ({
  words: 1,
  traced: itself,
  section: (args, at) => `${prefix}/${word(args, 0, at)}`,
  parameters: (args, types, world, at) => {
    const name = word(args, 0, at);
    const { args: given, result } = convention(world);
    // Functions that BTF has not got can be traced all the same: their arguments are words.
    const known = types.c.find(name, "func") === undefined ? undefined : prototype(name, types, at);
    if (atReturn)
      return registers(types, [known === undefined || known.returns === 0 ? types.i64 : known.returns], result, world);
    return registers(types, known?.params ?? given.map(() => types.u64), given, world);
  },
});

/** What is in one register. Of what is in others, those behind it are elsewhere than they would be. */
function inRegister({ btf, params }: BinaryFunction, i: number, types: Types, at: Node): number {
  for (const { name, type } of params.slice(0, i + 1)) {
    const { kind } = btf.resolve(type);
    if (kind === "float" || kind === "struct" || kind === "union")
      return refuse(
        "SCRY1402",
        `'${name}' is ${kind === "float" ? "a floating-point number" : `a ${kind}`}: it is in no register that programs can read`,
        at,
      );
  }
  return types.foreign(btf, (params[i] as { type: number }).type);
}

/** Parameters of functions of programs have the types that they are written with, else those of debug information. */
const functionOfProgram = (prefix: string, atReturn: boolean): ProgramRow => ({
  words: 1,
  section: (args, at) => `${prefix}/${word(args, 0, at)}`,
  parameters: (args, types, world, at) => {
    const { args: given, result } = convention(world);
    const names = atReturn ? result : given;
    const plain = registers(
      types,
      names.map(() => types.u64),
      names,
      world,
    );
    const typed = (i: number, place: Node): number | undefined => {
      const known = world.binary?.(word(args, 0, at));
      if (known === undefined) return undefined;
      if (atReturn)
        return inRegister({ ...known, params: [{ name: "its result", type: known.returns }] }, 0, types, place);
      if (i < known.params.length) return inRegister(known, i, types, place);
      return refuse("SCRY1405", `there are only ${known.params.length} arguments here`, place);
    };
    return {
      ...plain,
      params: (plain.params ?? []).map((one, i) => ({ ...one, typed: (place: Node) => typed(i, place) })),
    };
  },
});

/** A function that a struct of the kernel's has a pointer to: of `tcp_congestion_ops`, `sched_ext_ops`. */
export const STRUCT_OPS: ProgramRow = {
  words: 2,
  section: (args, at) => `struct_ops/${word(args, 1, at)}`,
  parameters: (args, types, _world, at) => {
    const [struct, name] = [word(args, 0, at), word(args, 1, at)];
    const member = types.c.members(named(types, struct, at)).find((one) => one.name === name);
    const pointer = member === undefined ? undefined : types.typing.resolve(member.type);
    const type = pointer?.kind === "ptr" ? types.typing.resolve(pointer.type) : undefined;
    if (type?.kind !== "func_proto") return refuse("SCRY1404", `struct ${struct} has no function '${name}'`, at);
    const returns = types.typing.resolve(type.returns);
    return {
      ...words(
        types,
        type.params.map((p) => p.type),
      ),
      ...(returns.kind === "int" && returns.size > 4 ? { returns: type.returns } : {}),
    };
  },
};

/** Functions of the kernel by a pattern: their arguments are words. */
const manyFunctions = (prefix: string, atReturn: boolean): ProgramRow => ({
  words: 1,
  section: (args, at) => `${prefix}/${word(args, 0, at)}`,
  parameters: (_args, types, world) => {
    const { args: given, result } = convention(world);
    const names = atReturn ? result : given;
    return registers(
      types,
      names.map(() => types.u64),
      names,
      world,
    );
  },
});

export const PROGRAMS: Readonly<Record<string, ProgramRow>> = {
  tracepoint: {
    words: 1,
    undisturbed: true,
    section: (args, at) => `tracepoint/${pair(args, at).join("/")}`,
    parameters: tracepointContext,
  },
  rawTracepoint: {
    words: 1,
    undisturbed: true,
    section: (args, at) => `raw_tracepoint/${word(args, 0, at)}`,
    parameters: (_args, types) =>
      words(
        types,
        Array.from({ length: 6 }, () => types.u64),
      ),
  },
  btfTracepoint: {
    words: 1,
    undisturbed: true,
    traced: (name) => `btf_trace_${name}`,
    section: (args, at) => `tp_btf/${word(args, 0, at)}`,
    parameters: (args, types, _world, at) => {
      const name = word(args, 0, at);
      const id = types.c.find(`btf_trace_${name}`, "typedef");
      const pointer = id === undefined ? undefined : types.typing.resolve(id);
      const type = pointer?.kind === "ptr" ? types.typing.resolve(pointer.type) : undefined;
      if (type?.kind !== "func_proto") return refuse("SCRY1404", `the kernel's types have no tracepoint ${name}`, at);
      // The first is the tracepoint's own.
      return words(
        types,
        type.params.slice(1).map((p) => p.type),
      );
    },
  },
  kprobe: { ...functionOfKernel("kprobe", false), undisturbed: true },
  kretprobe: { ...functionOfKernel("kretprobe", true), undisturbed: true },
  fentry: typedFunction("fentry", false),
  fexit: typedFunction("fexit", true),
  lsm: { ...typedFunction("lsm", false, (name) => `bpf_lsm_${name}`), otherwise: 0n },
  uprobe: functionOfProgram("uprobe", false),
  uretprobe: functionOfProgram("uretprobe", true),
  usdt: {
    words: 1,
    section: (args, at) => `usdt/${probeOf(word(args, 0, at), at)}`,
    parameters: (args, types, world, at) => {
      const { machine } = world;
      // Where no process is traced, arguments are what is given, one behind the other.
      const plain: ProgramParameters =
        world.anyTracepoint === true
          ? words(types, new Array<number>(MOST_ARGUMENTS).fill(types.u64))
          : usdtParameters(types, machine, types.c.find("pt_regs", "struct") ?? registersStruct(machine, types));
      const typed = (i: number, place: Node): number | undefined => {
        const known = world.probe?.(word(args, 0, at));
        if (known !== undefined && i >= known.length)
          return refuse("SCRY1405", `there are only ${known.length} arguments here`, place);
        const one = known?.[i];
        return one === undefined ? undefined : types.number(`${one.signed ? "i" : "u"}${one.size * 8}`);
      };
      return {
        ...plain,
        params: (plain.params ?? []).map((one, i) => ({ ...one, typed: (place: Node) => typed(i, place) })),
      };
    },
  },
  fmodRet: typedFunction("fmod_ret", true),
  kprobeMulti: manyFunctions("kprobe.multi", false),
  kretprobeMulti: manyFunctions("kretprobe.multi", true),
  kprobeSession: manyFunctions("kprobe.session", false),
  uprobeMulti: functionOfProgram("uprobe.multi", false),
  uretprobeMulti: functionOfProgram("uretprobe.multi", true),
  /** Run by who has it, with a struct of theirs: `program.test({ context })`. */
  syscall: {
    words: 1,
    section: () => "syscall",
    parameters: (args, types, _world, at) => {
      const [type] = args;
      if (type?.kind !== "type" || !types.typing.isComposite(type.type))
        return refuse("SCRY1405", "syscall(T, (args) => { … }) with T = struct({ … })", at);
      return { context: type.type, whole: true };
    },
    otherwise: 0n,
  },
  /** A function in the place of a global one of a program that is loaded. */
  freplace: {
    words: 1,
    function: true,
    section: (args, at) => `freplace/${word(args, 0, at)}`,
    parameters: () => ({ context: 0 }),
  },
  iterate: {
    words: 1,
    section: (args, at) => `iter/${word(args, 0, at)}`,
    parameters: (args, types, _world, at) => ({
      context: named(types, `bpf_iter__${word(args, 0, at)}`, at),
      whole: true,
    }),
  },
  perfEvent: { ...given("perf_event", "bpf_perf_event_data"), undisturbed: true },
  ...Object.fromEntries(
    Object.entries(NETWORK_PROGRAMS).map(([name, { section, context, otherwise, packet }]): [string, ProgramRow] => [
      name,
      { ...given(section, context, BigInt(otherwise)), ...(packet === undefined ? {} : { packet }) },
    ]),
  ),
};

/** The parameter as a variable of the function's. */
export function parameterOf(name: string, type: number, span: CVariable["span"]): CVariable {
  return {
    name,
    type,
    span,
    storage: "local",
    attributes: new Set(),
    constant: false,
    align: 0,
    addressed: false,
  };
}
