// path(): the path of an open file, in the kernel's own words.

import { fail } from "../../../codegen/index.ts";
import type { Block, Value } from "../../../compiler/index.ts";
import { SHORT_STRING, sizeOf, type Type, typeName } from "../../../schema/index.ts";
import { check, constant, error } from "../check/index.ts";
import { type LowerState, typeOf, value } from "../lower/index.ts";
import type { Expression, FieldExpression } from "../parse/index.ts";
import type { Builtins } from "./builtin.ts";

/** The kernel takes addresses that it follows itself: what a context points to, and on from there field by field. */
const CONTEXTS: ReadonlySet<string> = new Set(["tracing"]);
/** Above this, what a path is written to is never on the stack, where it has to be written to before. */
const ON_STACK = 256;

const isPath = (type: Type): boolean => type.kind === "struct" && /(^|\s)path$/.test(type.btf.name);

export const pathBuiltins: Builtins = {
  path: {
    doc: "The path that a `struct path` stands for (bpf_d_path); in the functions that the kernel allows it in, and in walks over open files.",
    signature: "path(struct path[, bytes])",
    types: "struct path, int literal → string",
    example: "iter:task_file { print((ctx.task.comm, ctx.fd, path(ctx.file.f_path))); }",
    since: "5.10",
    arity: [1, 2],
    where: {
      allows: (variant, probe) => CONTEXTS.has(variant.programType) && probe.provider !== "rawtracepoint",
      message: () => "The path function can only be used with 'fentry', 'fexit', 'iter' probes",
    },
    check: (c, use) => {
      const [of, bytes] = use.args as [Expression, Expression?];
      const type = check(c, of);
      const given = type.kind === "pointer" ? type.to : type;
      if (type.kind !== "none" && (given === undefined || !isPath(given)))
        error(
          c,
          "SCRY1287",
          `path() only supports pointer or struct path arguments (${typeName(type)} provided)`,
          of.span,
        );
      if (bytes === undefined) return { kind: "string", size: c.options.maxStrlen };
      check(c, bytes);
      const size = constant(c, bytes);
      if (size === undefined || size < 1n || size > BigInt(c.options.maxStrlen))
        return error(c, "SCRY1287", `path(): the size is a literal from 1 to ${c.options.maxStrlen}`, bytes.span);
      return { kind: "string", size: Number(size) };
    },
    into: (l, use, type, to, offset, options) => {
      const { b } = l;
      const size = (type as Type & { kind: "string" }).size;
      // Cut to the short form it would lose its beginning.
      if (options.short === true && sizeOf(typeOf(l, use)) > SHORT_STRING) return [b.const(SHORT_STRING)];
      if (options.pad || size <= ON_STACK) b.zero(to, offset, Math.ceil(size / 8) * 8);
      else b.store(8, to, offset, 0);
      const none = b.block("none");
      const path = pathAddress(l, use.args[0] as Expression, none);
      b.helper("d_path", [path, b.add(to, offset), b.const(size)]);
      b.jump(none);
      b.enter(none);
      return [];
    },
  },
};

/** Where a `struct path` lies, as an address that the verifier knows the type of; `none` where a pointer on the way is null. */
function pathAddress(l: LowerState, e: Expression, none: Block): Value {
  if (typeOf(l, e).kind === "pointer") return followed(l, e, none);
  return e.kind === "field" ? fieldAddress(l, e, none) : unknown(l, e);
}

function fieldAddress(l: LowerState, e: FieldExpression, none: Block): Value {
  const object = typeOf(l, e.object);
  const struct = object.kind === "pointer" ? object.to : object;
  const field = struct?.kind === "struct" ? l.check.env.btf()?.field(struct.btf.id, [e.name]) : undefined;
  if (field === undefined) return unknown(l, e);
  const base = object.kind === "pointer" ? followed(l, e.object, none) : pathAddress(l, e.object, none);
  return l.b.add(base, field.bitOffset / 8);
}

/** A pointer of the context, or one that lies in what such a pointer points to. */
function followed(l: LowerState, e: Expression, none: Block): Value {
  const ofContext = e.kind === "field" && typeOf(l, e.object).kind === "args";
  if (!ofContext && e.kind !== "identifier" && e.kind !== "field") return unknown(l, e);
  const pointer =
    ofContext || e.kind === "identifier"
      ? value(l, e)
      : l.b.load("u64", fieldAddress(l, e, none), 0, { kind: "kernel", type: "path" });
  l.b.must("ne", pointer, 0, none);
  return pointer;
}

const unknown = (l: LowerState, e: Expression): never =>
  fail(l, "SCRY1305", "path() takes a field of what the probe's arguments point to, written out", e.span);
