// Functions on whole maps and their keys: print, clear, zero, delete, has_key, len.

import { countEntries, deleteKey, hasKey, keptLength, scriptMap, stackLength } from "../../../codegen/index.ts";
import type { Value } from "../../../compiler/index.ts";
import {
  BOOL,
  INT64,
  isAggregate,
  isReadableAggregate,
  NONE,
  type Type,
  typeName,
  UINT64,
} from "../../../schema/index.ts";
import { nearest } from "../../../source/index.ts";
import {
  type BuiltinUse,
  type CheckState,
  check,
  constant,
  error,
  mapUse,
  note,
  useKey,
  valued,
  warn,
} from "../check/index.ts";
import { emitEvent, keyOf, type LowerState, literal, ownMemory, printfType, typeOf } from "../lower/index.ts";
import type { Expression, MapExpression } from "../parse/index.ts";
import type { Builtin, Builtins, Said } from "./builtin.ts";
import { checkWords, printingOf, printWords, splitWords } from "./print-words.ts";

const isStackUse = (e: Expression): boolean =>
  (e.kind === "identifier" || e.kind === "call") && /^(?:__builtin_)?[ku]stack$/.test(e.name);

function lengthOf(l: LowerState, e: Expression): Value {
  if (e.kind === "map" && e.key === undefined) return countEntries(l, scriptMap(l, e.name));
  if (isStackUse(e)) return stackLength(l, typeOf(l, e));
  const { pointer, offset } = ownMemory(l, e);
  return keptLength(l, l.b.load("u64", pointer, offset));
}

function wholeMap(c: CheckState, call: BuiltinUse, e: Expression | undefined): MapExpression | undefined {
  if (e?.kind !== "map" || e.key !== undefined) {
    if (e?.kind !== "map") error(c, "SCRY1260", `${call.name}() expects a map argument`, e?.span ?? call.span);
    else error(c, "SCRY1260", `The map passed to ${call.name}() should not be indexed by a key`, e.span);
    return undefined;
  }
  const use = mapUse(c, e.name);
  if (c.final && use.valueType === undefined) error(c, "SCRY1205", `Undefined map: ${e.name}`, e.span);
  note(c, e, use.valueType ?? NONE);
  return e;
}

/** `delete(@m, k)`, and the older `delete(@m[k])`. */
function mapAndKey(call: BuiltinUse): { map: MapExpression; key: Expression | undefined } | undefined {
  const first = call.args[0];
  if (first?.kind !== "map") return undefined;
  if (call.args.length === 1) return { map: first, key: first.key };
  return { map: first, key: call.args[1] };
}

function fromReader(name: "clear" | "zero", said: Said): Builtin {
  return {
    ...said,
    signature: `${name}(@map)`,
    types: "map → none",
    arity: [1, 1],
    check: (c, call) => {
      const map = wholeMap(c, call, call.args[0]);
      if (map !== undefined) mapUse(c, map.name).cleared = true;
      return NONE;
    },
    lower: (l, call) => {
      emitEvent(l, { kind: name, map: (call.args[0] as MapExpression).name }, [], "control");
      return { kind: "none" };
    },
  };
}

const constantCount = (c: CheckState, e: Expression | undefined): void => {
  if (e === undefined) return;
  const type = check(c, e);
  if (type.kind !== "none" && type.kind !== "int")
    error(c, "SCRY1261", "print() only supports integer arguments for top and div", e.span);
};

export const mapBuiltins: Builtins = {
  print: {
    doc: `Prints a map (its last \`top\` entries, numbers divided by \`div\`) or a value. Entries are sorted by value. Words say how a map is printed otherwise: ${Object.entries(
      printWords,
    )
      .map(([word, { doc }]) => `\`${word}\`: ${doc}`)
      .join("; ")}.`,
    signature: "print(@map[, top[, div]][, word, …]) or print(value)",
    types: "map, int, int, words → none; any → none",
    example: "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } interval:s:5 { print(@, 10); clear(@); }",
    arity: [1, 3 + Object.keys(printWords).length],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      if (e.kind === "map" && e.key === undefined) {
        const map = wholeMap(c, call, e);
        const { others } = splitWords(call.args.slice(1));
        checkWords(c, call.args.slice(1), map === undefined ? undefined : mapUse(c, map.name).valueType);
        if (others.length > 2)
          return error(c, "SCRY1226", `print() requires 1 to 3 arguments (${others.length + 1} provided)`, call.span);
        const kind = map === undefined ? undefined : mapUse(c, map.name).valueType?.kind;
        if (kind === "stats" && others.length > 0)
          warn(c, "SCRY1262", "print()'s top and div arguments are ignored when used on stats() maps.", call.span);
        for (const n of others) {
          constantCount(c, n);
          const v = constant(c, n);
          if (v === undefined && c.final) {
            const words = n.kind === "identifier" ? nearest(n.name, Object.keys(printWords)) : [];
            error(c, "SCRY1262", "print() requires literals for top and div", n.span, words);
          }
        }
        return NONE;
      }
      const type = check(c, e);
      if (call.args.length > 1)
        error(c, "SCRY1263", `Non-map print() only takes 1 argument, ${call.args.length} found`, call.span);
      if (type.kind === "none" && c.final && !c.diagnostics.some((d) => d.severity === "error"))
        error(c, "SCRY1264", "none type passed to print() is not printable", call.span);
      if (isAggregate(type) && !isReadableAggregate(type))
        error(
          c,
          "SCRY1267",
          `Map type ${typeName(type)} cannot print the value of individual keys. You must print the whole map.`,
          call.span,
        );
      return NONE;
    },
    lower: (l, call) => {
      const e = call.args[0] as Expression;
      if (e.kind === "map" && e.key === undefined) {
        const [top, div] = splitWords(call.args.slice(1)).others;
        const how = printingOf(call.args.slice(1));
        const args = [top, div].map((n): { expression: Expression; type: Type } => ({
          expression: n ?? literal(l, 0n, call.span),
          type: INT64,
        }));
        emitEvent(l, { kind: "print-map", map: e.name, ...(how === undefined ? {} : { how }) }, args, "control");
      } else {
        const type = valued(l.check, typeOf(l, e));
        const wide: Type = isReadableAggregate(type)
          ? printfType({ flags: "", length: "ll", conversion: "d", text: "" }, type)
          : type.kind === "int" && type.enum === undefined
            ? { ...type, bits: 64 }
            : type;
        emitEvent(l, { kind: "print-value" }, [{ expression: e, type: wide }], "events");
      }
      return { kind: "none" };
    },
  },
  clear: fromReader("clear", {
    doc: "Removes all entries of a map. It is done by the reader, in its turn with what is printed.",
    example: "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } interval:s:1 { print(@); clear(@); }",
  }),
  zero: fromReader("zero", {
    doc: "Sets all values of a map to zero and keeps its keys. It is done by the reader, in its turn with what is printed.",
    example: "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } interval:s:1 { print(@); zero(@); }",
  }),
  delete: {
    doc: "Removes a key from a map; true when it was there. `_ =` before it says that this does not matter.",
    signature: "delete(@map, key) or delete(@map[key])",
    types: "map, key → bool",
    example:
      "tracepoint:syscalls:sys_enter_openat { @start[tid] = nsecs; } tracepoint:syscalls:sys_exit_openat /has_key(@start, tid)/ { @ns = hist(nsecs - @start[tid]); _ = delete(@start, tid); }",
    arity: [1, 2],
    effects: true,
    check: (c, call) => {
      const found = mapAndKey(call);
      if (found === undefined) return error(c, "SCRY1260", "delete() expects a map for its first argument", call.span);
      const use = useKey(c, found.map, found.key);
      use.deleted = true;
      if (c.final && found.key === undefined && use.keyType !== undefined)
        return error(
          c,
          "SCRY1265",
          `call to delete() expects a map with explicit keys (non-scalar map): ${found.map.name} needs a key`,
          call.span,
        );
      if (c.final && use.valueType === undefined)
        return error(c, "SCRY1205", `Undefined map: ${found.map.name}`, found.map.span);
      if (c.final && found.key === undefined && use.valueType !== undefined && isAggregate(use.valueType))
        return error(c, "SCRY1265", `delete() needs a key: ${found.map.name} has none`, call.span, [
          `clear(${found.map.name}) removes its value`,
        ]);
      return BOOL;
    },
    lower: (l, call) => {
      const found = mapAndKey(call) as { map: MapExpression; key: Expression | undefined };
      return { kind: "value", type: BOOL, value: deleteKey(l, scriptMap(l, found.map.name), keyOf(l, found.key)) };
    },
  },
  has_key: {
    doc: "True when the map has this key, whatever its value.",
    signature: "has_key(@map, key)",
    types: "map, key → bool",
    example: "tracepoint:syscalls:sys_enter_openat { if (!has_key(@seen, comm)) { @seen[comm] = 1; print(comm); } }",
    arity: [2, 2],
    check: (c, call) => {
      const found = mapAndKey(call);
      if (found === undefined || found.map.key !== undefined)
        return error(c, "SCRY1260", "has_key() expects a map for its first argument", call.span);
      const use = useKey(c, found.map, found.key);
      if (c.final && use.valueType === undefined)
        return error(c, "SCRY1205", `Undefined map: ${found.map.name}`, found.map.span);
      return BOOL;
    },
    lower: (l, call) => {
      const found = mapAndKey(call) as { map: MapExpression; key: Expression | undefined };
      return { kind: "value", type: BOOL, value: hasKey(l, scriptMap(l, found.map.name), keyOf(l, found.key)) };
    },
  },
  len: {
    doc: "Number of entries of a map, or of frames of a stack.",
    signature: "len(@map) or len(kstack)",
    types: "map or stack → uint64",
    example:
      'tracepoint:syscalls:sys_enter_openat { @[pid] = count(); } interval:s:1 { printf("%d processes\\n", len(@)); }',
    arity: [1, 1],
    check: (c, call) => {
      const e = call.args[0] as Expression;
      if (e.kind !== "map" || e.key !== undefined) {
        const type = check(c, e);
        if (type.kind === "kstack" || type.kind === "ustack") {
          if (!isStackUse(e)) c.stackLengths = true;
          return UINT64;
        }
        if (type.kind === "none" && !c.final) return UINT64;
        return error(c, "SCRY1268", "call to len() expects a map, ustack, or kstack", call.span);
      }
      const use = mapUse(c, e.name);
      use.walked = true;
      if (c.final && use.valueType === undefined) return error(c, "SCRY1205", `Undefined map: ${e.name}`, e.span);
      if (c.final && use.keyType === undefined)
        return error(c, "SCRY1266", `call to len() expects a map with explicit keys (non-scalar map)`, e.span);
      return UINT64;
    },
    lower: (l, call) => {
      const e = call.args[0] as Expression;
      return { kind: "value", type: UINT64, value: lengthOf(l, e) };
    },
  },
};
