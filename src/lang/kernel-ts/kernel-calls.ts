// Functions of the kernel by their own names: those that it exports to programs (`kernel.bpf_task_from_pid(pid)`, kfuncs), by the
// kernel's types, and its helpers (`helpers.bpf_get_numa_node_id()`).

import type { CExpression } from "../../c/index.ts";
import { helperNames, kernelFunction, releasing } from "../../object/index.ts";
import { nearest } from "../../source/index.ts";
import { type CallExpression, type Expression, type Node, refuse, spanOf } from "./ast.ts";
import type { Reader } from "./reader.ts";
import type { Value } from "./values.ts";

/** Calls one with what it is given; refuses where the running kernel has it not. */
export function kernelCall(r: Reader, name: string, given: readonly CExpression[], at: Node): CExpression {
  const { typing } = r.types;
  const span = spanOf(at);
  const fn = r.kernelFunction(name);
  if (fn === undefined) return refuse("SCRY1404", `this kernel has no function '${name}' that programs may call`, at);
  const type = typing.resolve(fn.type);
  if (type.kind !== "func_proto") return refuse("SCRY1404", `'${name}' is no function`, at);
  if (given.length > type.params.length)
    return refuse("SCRY1405", `${name} takes ${type.params.length} arguments, ${given.length} given`, at);
  const args = type.params.map((param, i): CExpression => {
    const value = given[i];
    if (value !== undefined) {
      const numbers = typing.isInteger(value.type) && typing.isInteger(param.type);
      return numbers ? r.fitting(value, param.type, at) : typing.cast(value, param.type);
    }
    // The verifier fills in what is its own; what may be missing is null.
    if (/__(?:prog|ign|opt|nullable)$/.test(param.name)) return r.constant(0, param.type, span);
    return refuse("SCRY1405", `${name} takes ${type.params.length} arguments, ${given.length} given`, at);
  });
  const callee: CExpression = { kind: "function", function: fn, type: fn.type, span };
  return { kind: "call", callee, args, type: type.returns, span };
}

/** An argument as the kernel takes it: numbers, pointers; the address of what is in memory. */
function argument(r: Reader, node: Expression): CExpression {
  const { typing } = r.types;
  const value = r.value(node);
  const span = spanOf(node);
  if (value.kind === "static" && value.what.kind === "map") {
    const { variable } = value.what.map;
    return typing.address({ kind: "variable", variable, type: variable.type, span }, span);
  }
  const of = r.asPlain(value, node);
  if (typing.isScalar(of.type)) return of;
  return typing.address(r.addressable(of), spanOf(node));
}

export function kernelMethod(r: Reader, name: string, args: readonly Expression[], at: CallExpression): Value {
  const span = spanOf(at);
  const call = kernelCall(
    r,
    name,
    args.map((arg) => argument(r, arg)),
    at,
  );
  const row = kernelFunction(name);
  if (call.type === 0) return { kind: "plain", of: call };
  const result = r.read(r.held(call, call.type, span), span);
  return row?.acquires === undefined || releasing(row.acquires) === undefined
    ? { kind: "plain", of: result }
    : reference(r, result, row.acquires, at);
}

/** A pointer, or 0, that has to be given back by what the kernel has for its struct. */
export function reference(r: Reader, pointer: CExpression, struct: string, at: CallExpression): Value {
  const { typing, c } = r.types;
  const span = spanOf(at);
  const release = releasing(struct);
  if (release === undefined) return refuse("SCRY1404", `nothing gives a ${struct} back`, at);
  return {
    kind: "resource",
    of: pointer,
    words: [pointer],
    release: ([word]) => {
      const own = typing.cast(word as CExpression, c.pointer(0));
      const given = kernelCall(r, release, [typing.cast(own, pointer.type)], at);
      return [{ kind: "if", condition: typing.truth(own), then: { kind: "expression", value: given, span }, span }];
    },
  };
}

export function helperMethod(r: Reader, name: string, args: readonly Expression[], at: CallExpression): Value {
  const span = spanOf(at);
  const own = name.replace(/^bpf_/, "");
  if (!helperNames().includes(own))
    return refuse("SCRY1404", `there is no helper '${name}'`, at.callee, ...nearest(own, helperNames()));
  const given = args.map((arg) => argument(r, arg));
  const call = r.call(`bpf_${own}`, given, span);
  if (call.type === 0) return { kind: "plain", of: call };
  return { kind: "plain", of: r.read(r.held(call, call.type, span), span) };
}
