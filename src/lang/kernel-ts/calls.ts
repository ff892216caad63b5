// Calls: of what `scry/bpf` gives, of methods, of the kernel's functions, of the module's own; types that make values.

import type { CExpression } from "../../c/index.ts";
import { nearest } from "../../source/index.ts";
import { contextOf } from "./arguments.ts";
import {
  annotationOf,
  bare,
  type CallExpression,
  type Expression,
  type FunctionNode,
  type MemberExpression,
  type Node,
  refuse,
  spanOf,
} from "./ast.ts";
import { BPF, CALLS, MATH } from "./builtins.ts";
import { innerHeader } from "./headers.ts";
import { iterator, iteratorNames } from "./iterators.ts";
import { helperMethod, kernelMethod } from "./kernel-calls.ts";
import { methodsOf } from "./maps.ts";
import { MemberReader } from "./members.ts";
import { hostType, ipv4Number, ipv4Of, orderOf } from "./network.ts";
import { computed } from "./ordinary.ts";
import { packetMethod } from "./packet-methods.ts";
import { placeMethod } from "./place-methods.ts";
import type { Static, TypeArguments, Value } from "./values.ts";

export abstract class CallReader extends MemberReader {
  protected called(node: CallExpression): Value {
    const callee = bare(node.callee as Expression);
    if (callee.type === "MemberExpression" && callee.computed)
      return refuse("SCRY1402", "names of members are known before a program runs: write them behind a dot", callee);
    const args = node.arguments as readonly Expression[];
    if (callee.type === "MemberExpression" && !callee.computed && callee.property.type === "Identifier") {
      const { name } = callee.property;
      const object = this.value(callee.object as Expression);
      if (object.kind === "static" && object.what.kind === "builtin" && object.what.name === "bpf") {
        const row = Object.hasOwn(BPF, name) ? BPF[name] : undefined;
        const found = row === undefined ? iterator(this, name, args, node) : row(this, args, node);
        if (found !== undefined) return found;
        const known = [...Object.keys(BPF), ...iteratorNames];
        return refuse("SCRY1404", `there is no bpf.${name}`, callee.property, ...nearest(name, known));
      }
      if (object.kind === "static" && object.what.kind === "builtin" && object.what.name === "Math") {
        const row = Object.hasOwn(MATH, name) ? MATH[name] : undefined;
        if (row === undefined)
          return refuse(
            "SCRY1404",
            `there is no Math.${name} here`,
            callee.property,
            ...nearest(name, Object.keys(MATH)),
          );
        return row(this, args, node);
      }
      if (object.kind === "static" && object.what.kind === "builtin" && object.what.name === "kernel")
        return kernelMethod(this, name, args, node);
      if (object.kind === "static" && object.what.kind === "builtin" && object.what.name === "helpers")
        return helperMethod(this, name, args, node);
      if (object.kind === "plain" || object.kind === "maybe") {
        const own = object.methods?.[name];
        if (own !== undefined) return own();
        const method = placeMethod(this.types, object.of, name);
        if (method !== undefined) return method(this, object.of, args, node);
      }
      if (object.kind === "written") {
        const place = this.asPlain(object, callee.object);
        const method = placeMethod(this.types, place, name);
        if (method !== undefined) return method(this, place, args, node);
      }
      const map =
        object.kind === "map"
          ? object.map
          : object.kind === "static" && object.what.kind === "map"
            ? object.what.map
            : undefined;
      if (map !== undefined) {
        const methods = methodsOf(map);
        const row = Object.hasOwn(methods, name) ? methods[name] : undefined;
        if (row === undefined)
          return refuse(
            "SCRY1404",
            `${map.what} has no method '${name}'`,
            callee.property,
            ...nearest(name, Object.keys(methods)),
          );
        return row(this, map, args, node);
      }
      const header = this.#packet(object, name, args, callee);
      if (header !== undefined) return header;
      return refuse("SCRY1404", `there is no method '${name}' here`, callee.property);
    }
    const value = this.value(callee);
    if (value.kind !== "static") return refuse("SCRY1403", "this is no function", callee);
    const { what } = value;
    switch (what.kind) {
      case "type": {
        const [arg] = args;
        if (arg === undefined) return refuse("SCRY1405", `${this.types.name(what.type)} needs a value`, node);
        return { kind: "plain", of: this.#made(what.type, arg) };
      }
      case "function":
        return this.#calledOwn(what, callee.type === "Identifier" ? callee.name : "function", args, node);
      case "builtin": {
        const row = Object.hasOwn(CALLS, what.name) ? CALLS[what.name] : undefined;
        if (row !== undefined) return row(this, args, node);
        return refuse("SCRY1402", `${what.name}(…) stands at the top of the module`, node);
      }
      default:
        return refuse("SCRY1403", "this is no function", callee);
    }
  }

  /** `packet.eth()`, `eth.ipv4()`; undefined: this is neither a packet nor a header. */
  #packet(object: Value, name: string, args: readonly Expression[], callee: MemberExpression): Value | undefined {
    const { packet, context } = this;
    if (
      packet !== undefined &&
      object.kind === "plain" &&
      object.of.kind === "variable" &&
      object.of.variable === context
    )
      return packetMethod(this, packet, name, args, callee);
    return innerHeader(this, object, name, args, callee.property);
  }

  /** `u32(x)`, `Event({ … })` */
  #made(type: number, arg: Expression): CExpression {
    const { typing } = this.types;
    if (typing.isScalar(type)) return this.#number(type, arg);
    if (this.types.c.preserved(type)) {
      // The same thing of the kernel's, as another kernel has it.
      const of = this.plain(arg);
      const pointer = typing.isPointer(of.type) ? of : typing.address(of, spanOf(arg));
      return typing.explicit(pointer, this.types.c.pointer(type), spanOf(arg));
    }
    const place = this.zeroed(type, spanOf(arg));
    this.into(this.read(place), arg);
    return this.read(place);
  }

  #number(type: number, arg: Expression): CExpression {
    const { types } = this;
    const { typing } = types;
    const span = spanOf(arg);
    const value = this.value(arg);
    const text = value.kind === "static" && value.what.kind === "text";
    const given = this.asPlain(value, arg, orderOf(types, type) === "ipv4" && !text ? types.u32 : type);
    if (orderOf(types, type) === "ipv4")
      return orderOf(types, given.type) === "ipv4" ? given : ipv4Of(types, this.fitting(given, types.u32, arg));
    const number = orderOf(types, given.type) === "ipv4" ? ipv4Number(types, given) : given;
    // What it is computed with: `be16(x)` is a number as others are.
    return typing.explicit(number, hostType(types, type), span);
  }

  #calledOwn(
    what: Extract<Static, { kind: "function" }>,
    name: string,
    args: readonly Expression[],
    node: Node,
  ): Value {
    const { typing, c } = this.types;
    const span = spanOf(node);
    const known = computed(what, args, (arg) => this.value(arg), node);
    if (known !== undefined) return known;
    const fn = this.module.function(what, name, node, this.#typesFor(what.node, args));
    const type = typing.resolve(fn.type);
    if (type.kind !== "func_proto") return refuse("SCRY1403", "this is no function", node);
    const defaults = what.node.params.map((param) => (param.type === "AssignmentPattern" ? param.right : undefined));
    const all = defaults.map((value, i) => args[i] ?? value);
    if (args.length > all.length || all.includes(undefined))
      return refuse("SCRY1405", `'${name}' takes ${all.length} arguments, ${args.length} given`, node);
    let mark = this.mark();
    const held: CExpression[] = [];
    for (const [i, arg] of (all as Expression[]).entries()) {
      const value = this.#given(arg, type.params[i]?.type ?? 0);
      const own = this.mark();
      if (own > mark)
        held.splice(
          0,
          held.length,
          ...held.map((of) => (this.keptFrom(mark, { kind: "plain", of }) as { of: CExpression }).of),
        );
      mark = this.mark();
      held.push(value);
    }
    if (what.handed === true) held.push(typing.cast(contextOf(this, node), c.pointer(0)));
    fn.uses++;
    const callee: CExpression = { kind: "function", function: fn, type: fn.type, span };
    const call: CExpression = { kind: "call", callee, args: held, type: type.returns, span };
    if (type.returns === 0) return { kind: "plain", of: call };
    if (typing.isComposite(type.returns)) {
      const variable = this.temporary(type.returns, span);
      variable.addressed = true;
      variable.initial = { entries: [{ offset: 0, bits: 0, type: type.returns, value: call }], span };
      this.push({ kind: "declare", variable, span });
      return { kind: "plain", of: this.read(variable, span) };
    }
    const result = this.read(this.held(call, type.returns, span), span);
    const pointer = typing.resolve(type.returns);
    // A struct that may be missing.
    if (pointer.kind === "ptr" && typing.isComposite(pointer.type) && !this.types.isKernelPointer(type.returns))
      return { kind: "maybe", present: result, of: typing.dereference(result, span) };
    return { kind: "plain", of: result };
  }

  /** An argument as its parameter takes it. */
  #given(arg: Expression, wanted: number): CExpression {
    const { typing } = this.types;
    const pointer = typing.resolve(wanted);
    // Structs are handed on by reference.
    if (pointer.kind === "ptr" && typing.isComposite(pointer.type)) {
      const of = this.asPlain(this.value(arg), arg, pointer.type);
      return typing.isPointer(of.type)
        ? typing.cast(of, wanted)
        : typing.cast(typing.address(this.addressable(of), spanOf(arg)), wanted);
    }
    return this.fitting(this.plain(arg, wanted), wanted, arg);
  }

  /** What the type parameters of a function stand for: `<T>(x: T) => …`, by what is given. */
  #typesFor(node: FunctionNode, args: readonly Expression[]): TypeArguments {
    const found = new Map<string, number>();
    const { typeParameters } = node as unknown as {
      typeParameters?: { params: readonly { name: string | { name: string } }[] };
    };
    const names = new Set(
      (typeParameters?.params ?? []).map(({ name }) => (typeof name === "string" ? name : name.name)),
    );
    if (names.size === 0) return found;
    for (const [i, param] of node.params.entries()) {
      const annotation = annotationOf(param.type === "AssignmentPattern" ? param.left : param);
      const { typeName } = (annotation ?? {}) as { typeName?: { type: string; name: string } };
      const arg = args[i];
      if (typeName?.type !== "Identifier" || !names.has(typeName.name) || arg === undefined) continue;
      const before = this.gathered(() => {
        const of = this.plain(arg);
        const { typing } = this.types;
        const pointer = typing.resolve(of.type);
        found.set(
          typeName.name,
          pointer.kind === "ptr" && !this.types.isKernelPointer(of.type) ? pointer.type : of.type,
        );
      });
      // It is read again where it is given.
      before.length = 0;
    }
    return found;
  }
}
