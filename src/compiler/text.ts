// The text form of the IR, written and read: for dumps after a pass, and for tests that are text in, text out.
//
//     program  = function { function }
//     function = ("program" | "function" | "global") STRING "(" [ param { "," param } ] ")" "{" { block } "}"
//     block    = NAME [ "(" param { "," param } ")" ] ":" { instr } terminator
//     param    = "%" ID ":" type
//     instr    = [ "%" ID [ ":" type ] "=" ] OPERATION { operand }
//     value    = "%" ID | INTEGER
//
// A constant has no line of its own; it stands where it is used, since its place says nothing. `;` starts a comment.

import { constantOf } from "./graph.ts";
import {
  type Edge,
  INT,
  type Instr,
  type IrFunction,
  type IrProgram,
  type Operation,
  type Terminator,
  type Value,
  type ValueType,
  VOID,
} from "./ir.ts";

const BARE = /^[A-Za-z_@$.][\w@$.:-]*$/;
const name = (text: string): string => (BARE.test(text) ? text : JSON.stringify(text));

/** A type as it is written: `int`, `map-value? @bytes`, `kernel task_struct`. */
export function printType(type: ValueType): string {
  switch (type.kind) {
    case "map":
      return `map ${name(type.map)}`;
    case "map-value":
      return `map-value${type.nullable ? "?" : ""} ${name(type.map)}`;
    case "record":
      return `record${type.nullable ? "?" : ""}`;
    case "kernel":
      return `kernel ${name(type.type)}`;
    default:
      return type.kind;
  }
}

/** The type that an operation gives unless it is said otherwise. */
export function usualType(operation: Operation, args: readonly Value[]): ValueType {
  switch (operation.op) {
    case "slot":
      return { kind: "stack" };
    case "map":
      return { kind: "map", map: operation.map };
    case "map-value":
      return { kind: "map-value", map: operation.map, nullable: false };
    case "function":
      return { kind: "function" };
    case "add":
    case "sub": {
      const [a, b] = args;
      return a !== undefined && b !== undefined && a.type.kind !== "int" && b.type.kind === "int" ? a.type : INT;
    }
    case "store":
    case "zero":
    case "copy":
      return VOID;
    case "atomic":
      return operation.fetch ? INT : VOID;
    default:
      return INT;
  }
}

const valueText = (value: Value): string => {
  const constant = constantOf(value);
  return constant === undefined ? `%${value.id}` : constant.toString();
};
const place = (pointer: Value, offset: number): string =>
  offset === 0 ? valueText(pointer) : `${valueText(pointer)} ${offset < 0 ? "-" : "+"} ${Math.abs(offset)}`;

function operationText(instr: Instr): string {
  const { operation, args } = instr;
  const [a, b, c] = args as [Value, Value, Value];
  const all = args.map(valueText).join(", ");
  const tail = all === "" ? "" : ` ${all}`;
  switch (operation.op) {
    case "const":
      return `const ${operation.value}`;
    case "neg":
      return `neg.${operation.width}${tail}`;
    case "zext":
    case "sext":
    case "bswap":
      return `${operation.op}.${operation.bits}${tail}`;
    case "load":
      return `load.${operation.size}${operation.volatile === true ? ".volatile" : ""} ${place(a, operation.offset)}`;
    case "store":
      return `store.${operation.size} ${place(a, operation.offset)}, ${valueText(b)}`;
    case "atomic": {
      const fetch = operation.fetch ? ".fetch" : "";
      const expected = c === undefined ? "" : `, ${valueText(c)}`;
      return `atomic.${operation.what}.${operation.size}${fetch} ${place(a, operation.offset)}, ${valueText(b)}${expected}`;
    }
    case "zero":
      return `zero ${place(a, operation.offset)}, ${operation.size}`;
    case "copy":
      return `copy ${place(a, operation.toOffset)}, ${place(b, operation.fromOffset)}, ${operation.size}`;
    case "slot":
      return `slot ${operation.size}${operation.onStack === true ? ", stack" : ""}`;
    case "map":
      return `map ${name(operation.map)}`;
    case "map-value":
      return `map-value ${name(operation.map)}, ${operation.offset}`;
    case "function":
      return `function ${name(operation.function)}`;
    case "helper":
      return `helper ${name(operation.helper)}${tail}`;
    case "kfunc":
      return `kfunc${operation.weak === true ? ".weak" : ""} ${name(operation.kfunc)}${tail}`;
    case "call":
      return `call ${name(operation.function)}${tail}`;
    case "core": {
      const { ask, type, access, value, wide } = operation;
      return `core${wide === true ? ".wide" : ""} ${ask}, ${type}, ${JSON.stringify(access)}, ${value}`;
    }
    case "ksym":
      return `ksym${operation.typed ? ".typed" : ""}${operation.weak ? ".weak" : ""} ${name(operation.name)}`;
    case "type-id":
      return `type-id ${name(operation.type)}`;
    default:
      return `${operation.op}.${operation.width}${tail}`;
  }
}

const edgeText = (edge: Edge): string =>
  edge.args.length === 0 ? edge.block.name : `${edge.block.name}(${edge.args.map(valueText).join(", ")})`;

function terminatorText(terminator: Terminator): string {
  switch (terminator.kind) {
    case "jump":
      return `jump ${edgeText(terminator.to)}`;
    case "branch": {
      const { condition, width, a, b, then, unlikely } = terminator;
      const hint = unlikely === undefined ? "" : ` unlikely ${unlikely}`;
      return `branch ${condition}.${width} ${valueText(a)}, ${valueText(b)}, ${edgeText(then)}, ${edgeText(terminator.else)}${hint}`;
    }
    case "may-goto":
      return `may-goto ${edgeText(terminator.next)}, ${edgeText(terminator.exit)}`;
    case "return":
      return `return ${valueText(terminator.value)}`;
  }
}

const paramsText = (params: readonly Value[]): string => params.map((p) => `%${p.id}: ${printType(p.type)}`).join(", ");

/** One function in the text form; `keyword` is `program` for the entry. */
export function printFunction(
  fn: IrFunction,
  keyword: "program" | "function" | "global" = fn.global === true ? "global" : "function",
): string {
  const lines = [`${keyword} ${JSON.stringify(fn.name)} (${paramsText(fn.params)}) {`];
  for (const block of fn.blocks) {
    lines.push(`${block.name}${block.params.length === 0 ? "" : `(${paramsText(block.params)})`}:`);
    for (const instr of block.instrs) {
      if (instr.operation.op === "const") continue;
      const usual = printType(usualType(instr.operation, instr.args));
      const actual = printType(instr.type);
      const result = instr.type.kind === "void" ? "" : `%${instr.id}${usual === actual ? "" : `: ${actual}`} = `;
      lines.push(`  ${result}${operationText(instr)}`);
    }
    if (block.terminator !== undefined) lines.push(`  ${terminatorText(block.terminator)}`);
  }
  lines.push("}");
  return lines.join("\n");
}

/** The whole program in the text form, ending with a newline. */
export function printIr(program: IrProgram): string {
  return `${program.functions.map((fn, i) => printFunction(fn, i === 0 ? "program" : undefined)).join("\n")}\n`;
}
