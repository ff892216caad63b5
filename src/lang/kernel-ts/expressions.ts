// Expressions, as the typed tree that C's lowering takes. What has to be done before a value is there (a look-up, a call that
// writes into memory) becomes statements before it.

import type { CExpression } from "../../c/index.ts";
import { nearest, type Span } from "../../source/index.ts";
import { contextOf } from "./arguments.ts";
import {
  annotationOf,
  bare,
  type CallExpression,
  type Expression,
  type FunctionNode,
  type MemberExpression,
  type Node,
  type Pattern,
  refuse,
  spanOf,
} from "./ast.ts";
import { BPF, CALLS, MATH, MEMBERS } from "./builtins.ts";
import { asList, formatted } from "./format.ts";
import { headerMember, innerHeader } from "./headers.ts";
import { iterator, iteratorNames } from "./iterators.ts";
import { helperMethod, kernelMethod } from "./kernel-calls.ts";
import { methodsOf } from "./maps.ts";
import { hostType, ipv4Number, ipv4Of, knownMember, networkType, orderOf } from "./network.ts";
import { OperatorReader } from "./operators.ts";
import { computed } from "./ordinary.ts";
import { packetMember, packetMethod } from "./packet-methods.ts";
import { placeMethod } from "./place-methods.ts";
import type { CallbackShape, Reader } from "./reader.ts";
import { decided, type Static, type TypeArguments, type Value } from "./values.ts";

export abstract class ExpressionReader extends OperatorReader implements Reader {
  /** What the type parameters of the function stand for. */
  protected typeArguments: TypeArguments = new Map();

  abstract callback(
    node: Expression,
    shape: CallbackShape,
  ): { readonly fn: CExpression; readonly environment: CExpression };

  // --- values -----------------------------------------------------------------------------------------------------

  /** The value of an expression, whatever it is. */
  value(node: Expression): Value {
    const struct = this.#castTo(node);
    if (struct === undefined) return this.#value(bare(node));
    const of = this.plain(bare(node));
    const { typing, c } = this.types;
    if (!typing.isScalar(of.type) || typing.size(of.type) < 8)
      return refuse("SCRY1403", `this is no pointer but ${this.types.name(of.type)}`, node);
    return { kind: "plain", of: typing.explicit(of, c.pointer(struct), spanOf(node)) };
  }

  /** `sk as tcp_sock`: a pointer to another struct of the kernel's. Other types are for tsc alone. */
  #castTo(node: Expression): number | undefined {
    const { type } = node as { type: string };
    if (type !== "TSAsExpression") return undefined;
    const annotation = (node as unknown as { typeAnnotation: Named }).typeAnnotation;
    // `Writable<T>` is T, for tsc.
    const { typeName } =
      annotation.typeName?.name === "Writable" ? (annotation.typeArguments?.params[0] ?? annotation) : annotation;
    if (typeName?.type !== "Identifier" || this.types.number(typeName.name) !== undefined) return undefined;
    return this.types.c.find(typeName.name, "struct");
  }

  #value(node: Expression): Value {
    const span = spanOf(node);
    switch (node.type) {
      case "Literal":
        return this.#literal(node.value, node);
      case "Identifier":
        return node.name === "undefined" ? { kind: "undefined" } : this.named(node.name, node);
      case "TemplateLiteral": {
        const [only] = node.quasis;
        if (node.expressions.length === 0)
          return { kind: "static", what: { kind: "text", text: only?.value.cooked ?? "" } };
        return this.#templated(node);
      }
      case "ObjectExpression":
        return { kind: "object", node };
      case "ArrayExpression":
        return { kind: "array", node };
      case "MemberExpression":
        return this.#member(node);
      case "CallExpression":
        return this.#call(node);
      case "UnaryExpression":
        return this.unary(node);
      case "BinaryExpression":
        return this.binary(node.operator, node.left as Expression, node.right, node);
      case "LogicalExpression":
        return this.logical(node.operator, node.left, node.right, node);
      case "ConditionalExpression": {
        const asked = this.value(node.test);
        const known = decided(asked);
        if (known !== undefined) return this.value(known ? node.consequent : node.alternate);
        const test = this.truthOf(asked, node.test);
        const then = this.contained(() => this.plain(node.consequent));
        const otherwise = this.contained(() => this.plain(node.alternate, then.type));
        return { kind: "plain", of: this.types.typing.conditional(test, then, otherwise, span) };
      }
      case "AssignmentExpression":
        return this.assignment(node.operator, node.left as Expression, node.right, node);
      case "UpdateExpression": {
        const field = this.headerField(node.argument);
        if (field !== undefined) {
          const step = (old: CExpression, type: number): CExpression => {
            const { typing } = this.types;
            const sum = typing.binary(node.operator === "++" ? "+" : "-", old, this.constant(1, old.type, span), span);
            return typing.cast(sum, type, span);
          };
          this.writeField(field.of, field.name, node, step, node);
          return { kind: "plain", of: this.constant(0, this.types.typing.int, span) };
        }
        const target = this.place(node.argument);
        const { typing } = this.types;
        const made = (old: CExpression): CExpression =>
          typing.binary(node.operator === "++" ? "+" : "-", old, this.constant(1, old.type, span), span);
        return this.updated(target, made, !node.prefix, node);
      }
      case "SequenceExpression":
        return this.value(node.expressions.at(-1) as Expression);
      case "ArrowFunctionExpression":
      case "FunctionExpression":
        return refuse(
          "SCRY1402",
          "functions stand at the top of the module: what outlives a call cannot be made in the kernel",
          node,
        );
      case "NewExpression":
      case "ClassExpression":
        return refuse(
          "SCRY1402",
          "there are no classes in the kernel: a struct({ … }) holds data, functions work on it",
          node,
        );
      case "AwaitExpression":
      case "YieldExpression":
        return refuse("SCRY1402", "a program runs to its end: there is nothing to wait for in the kernel", node);
      case "ThisExpression":
        return refuse("SCRY1402", "there is no 'this' in the kernel: functions take what they work on", node);
      default:
        return refuse("SCRY1402", `${WORDS[node.type] ?? node.type} cannot be part of a kernel program`, node);
    }
  }

  /** `${…}` in a text: written into its place by the kernel. Linux 5.13. */
  #templated(node: Expression): Value {
    return {
      kind: "written",
      type: this.types.text(64),
      into: (place, type) =>
        this.gathered(() => {
          const { typing } = this.types;
          const span = spanOf(node);
          const { format, values } = formatted(this, node);
          const [data, bytes] = asList(this, values, node);
          const to = typing.address(this.addressable(place), span);
          const size = this.constant(typing.size(type), typing.unsigned, span);
          this.do(this.call("bpf_snprintf", [to, size, typing.value(format), data, bytes], span));
        }),
    };
  }

  #literal(value: unknown, node: Node): Value {
    if (typeof value === "string") return { kind: "static", what: { kind: "text", text: value } };
    if (typeof value === "boolean") return { kind: "static", what: { kind: "number", value: value ? 1n : 0n } };
    if (value === null) return { kind: "undefined" };
    if (typeof value === "bigint") return { kind: "static", what: { kind: "number", value } };
    if (typeof value === "number") {
      if (!Number.isInteger(value))
        return refuse("SCRY1402", "there are no fractions in the kernel: numbers are whole", node);
      if (!Number.isSafeInteger(value))
        return refuse("SCRY1403", "a number beyond 2^53 is not exact: write it as a bigint", node, `${value}n`);
      return { kind: "static", what: { kind: "number", value: BigInt(value) } };
    }
    return refuse("SCRY1402", "regular expressions cannot be part of a kernel program", node);
  }

  // --- members ----------------------------------------------------------------------------------------------------

  #member(node: MemberExpression): Value {
    const span = spanOf(node);
    const object = this.value(node.object as Expression);
    if (node.computed) return this.#element(object, node);
    const name = node.property.type === "Identifier" ? node.property.name : "";
    if (object.kind === "static") return this.#staticMember(object.what, name, node);
    if (object.kind !== "plain" && object.kind !== "maybe")
      return refuse("SCRY1403", `this has no member '${name}'`, node);
    const own = MEMBERS[name];
    const holder = this.#holder(object.of);
    if (own !== undefined && this.types.typing.resolve(holder.type).kind === "array") return own(this, holder, node);
    if (this.packet !== undefined && object.of.kind === "variable" && object.of.variable === this.context) {
      const own = packetMember(this, this.packet, name, node);
      if (own !== undefined) return own;
    }
    const field = headerMember(this, holder, name, node.property);
    if (field !== undefined) return this.#ofMaybe(object, field);
    const of = knownMember(this.types, holder.type, this.types.typing.member(holder, name, span), name);
    const located = this.types.texts.get(this.types.typing.resolve(holder.type).id)?.get(name);
    if (located !== undefined) return this.#textAt(holder, of, located, span);
    if (object.kind === "maybe") return { kind: "maybe", present: object.present, of };
    if (node.optional && this.types.typing.isPointer(object.of.type)) return { kind: "maybe", present: object.of, of };
    return { kind: "plain", of };
  }

  /** What is part of something that may be missing may be missing itself. */
  #ofMaybe(object: Value, part: Value): Value {
    if (object.kind !== "maybe" || part.kind !== "plain") return part;
    return { kind: "maybe", present: object.present, of: part.of };
  }

  /** The text of a record, where one of its members says: its distance in the low half, its length in the high one. */
  #textAt(record: CExpression, member: CExpression, from: "absolute" | "relative", span: Span): Value {
    const { typing, c } = this.types;
    return {
      kind: "written",
      type: this.types.text(64),
      into: (place, type) =>
        this.gathered(() => {
          const start = typing.cast(typing.address(record, span), c.pointer(this.types.number("u8") as number));
          const own = member.kind === "member" && from === "relative" ? member.bitOffset / 8 + 4 : 0;
          const distance = typing.binary("&", member, this.constant(0xffff, typing.unsigned, span), span);
          const at = typing.binary("+", start, typing.cast(distance, typing.unsignedLong), span);
          const text = own === 0 ? at : typing.binary("+", at, this.constant(own, typing.unsignedLong, span), span);
          const to = typing.address(this.addressable(place), span);
          const size = this.constant(typing.size(type), typing.unsigned, span);
          this.do(this.call("bpf_probe_read_kernel_str", [to, size, text], span));
        }),
    };
  }

  /** What a pointer leads to; of others, themselves. */
  #holder(of: CExpression): CExpression {
    const { typing } = this.types;
    return typing.isPointer(of.type) ? typing.dereference(of, of.span) : of;
  }

  #element(object: Value, node: MemberExpression): Value {
    const { typing } = this.types;
    if (object.kind === "static" && object.what.kind === "list") {
      const index = this.value(node.property as Expression);
      if (index.kind === "static" && index.what.kind === "number") {
        const item = object.what.items[Number(index.what.value)];
        return item === undefined
          ? refuse("SCRY1403", `there are ${object.what.items.length} elements`, node)
          : { kind: "static", what: item };
      }
    } else if (object.kind === "static")
      refuse("SCRY1402", "names of members are known before a program runs: write them behind a dot", node);
    const of = this.asPlain(object, node.object);
    const type = typing.resolve(of.type);
    if (type.kind !== "array" && type.kind !== "ptr")
      return refuse("SCRY1402", "names of members are known before a program runs: write them behind a dot", node);
    const span = spanOf(node);
    const given = this.plain(node.property as Expression);
    const simple = given.kind === "constant" || given.kind === "variable";
    const index = simple ? given : this.read(this.held(given, given.type, span), span);
    const at = typing.index(of, index, span);
    if (type.kind !== "array") return { kind: "plain", of: at };
    const { u64 } = this.types;
    const within = typing.compare("<", typing.cast(index, u64), this.constant(type.count, u64, span), span);
    return { kind: "plain", of: at, within };
  }

  #staticMember(what: Static, name: string, node: MemberExpression): Value {
    if (what.kind === "live" && name === "value") return { kind: "plain", of: this.read(what.variable, spanOf(node)) };
    if (what.kind === "list" && name === "length")
      return { kind: "static", what: { kind: "number", value: BigInt(what.items.length) } };
    if (what.kind === "record") {
      const member = what.members.get(name);
      if (member === undefined)
        return refuse("SCRY1404", `there is no '${name}' in it`, node, ...nearest(name, [...what.members.keys()]));
      return { kind: "static", what: member };
    }
    if (what.kind === "builtin" && what.name === "enums") return this.#enumerator(name, node);
    return refuse("SCRY1404", `'${name}' is no value`, node.property);
  }

  /** A value of one of the kernel's enums, as the running kernel has it. */
  #enumerator(name: string, node: MemberExpression): Value {
    const { typing, c } = this.types;
    const found = c.enumerator(name);
    if (found === undefined) return refuse("SCRY1404", `the kernel's types have no '${name}'`, node.property);
    // One without a name cannot be looked for.
    if (typing.resolve(found.type).name === "") return { kind: "static", what: { kind: "number", value: found.value } };
    const span = spanOf(node);
    const pointer = this.constant(found.value, c.pointer(found.type), span);
    const of: CExpression = {
      kind: "builtin",
      name: "preserve_enum_value",
      args: [typing.dereference(pointer, span), this.constant(1, typing.int, span)],
      of: found.type,
      type: typing.unsignedLong,
      span,
    };
    const wide = typing.size(found.type) > 4;
    return {
      kind: "plain",
      of: typing.explicit(of, wide ? typing.unsignedLong : found.value < 0n ? this.types.i32 : this.types.u32, span),
    };
  }

  // --- calls ------------------------------------------------------------------------------------------------------

  #call(node: CallExpression): Value {
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
        return this.#called(what, callee.type === "Identifier" ? callee.name : "function", args, node);
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

  #called(what: Extract<Static, { kind: "function" }>, name: string, args: readonly Expression[], node: Node): Value {
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

  /** The type that is written behind a name: `x: u32`, `event: ValueOf<typeof Event>`. */
  annotated(pattern: Pattern): number | undefined {
    const annotation = annotationOf(pattern);
    return annotation === undefined ? undefined : this.typeOf(annotation);
  }

  typeOf(node: Node): number {
    const { type, typeName, exprName, typeAnnotation, types, typeArguments } = node as unknown as {
      type: string;
      typeName?: Node;
      exprName?: Node;
      typeAnnotation?: Node;
      types?: readonly Node[];
      typeArguments?: { params: readonly Node[] };
    };
    if (type === "TSBooleanKeyword") return this.types.number("bool") as number;
    if (type === "TSNumberKeyword") return this.types.i64;
    if (type === "TSParenthesizedType" && typeAnnotation !== undefined) return this.typeOf(typeAnnotation);
    if (type === "TSUnionType") {
      const [only, ...others] = (types ?? []).filter((one) => !/^TS(?:Undefined|Null)Keyword$/.test(one.type));
      if (only !== undefined && others.length === 0) return this.typeOf(only);
    }
    const name = (typeName ?? exprName) as { type: string; name: string } | undefined;
    if (name?.type !== "Identifier") return refuse("SCRY1403", "a type by its name is needed here", node);
    const [of] = typeArguments?.params ?? [];
    if (exprName !== undefined)
      return refuse(
        "SCRY1403",
        `typeof ${name.name} is the type of the schema, not that of its values`,
        node,
        `ValueOf<typeof ${name.name}>`,
      );
    if (name.name === "Writable" && of !== undefined) return this.typeOf(of);
    if (name.name === "ValueOf" && of !== undefined) return this.#valueOf(of);
    const number =
      this.typeArguments.get(name.name) ?? this.types.number(name.name) ?? networkType(this.types, name.name);
    if (number !== undefined) return number;
    const found = this.module.find(name.name);
    if (found?.kind === "static" && found.what.kind === "type") return found.what.type;
    const alias = this.module.alias(name.name);
    if (alias !== undefined) return this.typeOf(alias);
    const kernel = this.types.c.find(name.name, ["struct", "union", "typedef"]) ?? this.types.foreignNamed(name.name);
    if (kernel !== undefined) return this.types.c.pointer(kernel);
    return refuse("SCRY1404", `there is no type '${name.name}'`, node);
  }

  /** What stands in `ValueOf<typeof Event>`. */
  #valueOf(node: Node): number {
    const { exprName } = node as unknown as { exprName?: { type: string; name: string } };
    const found = exprName?.type === "Identifier" ? this.module.find(exprName.name) : undefined;
    if (found?.kind === "static" && found.what.kind === "type") return found.what.type;
    return refuse("SCRY1403", "ValueOf<typeof Event> with Event = struct({ … })", node);
  }

  /** The type of what a function gives: of structs that may be missing where they are. */
  resultOf(node: Node): number {
    const type = this.typeOf(node);
    const missing =
      node.type === ("TSUnionType" as string) &&
      (node as unknown as { types: readonly Node[] }).types.some((one) =>
        /^TS(?:Undefined|Null)Keyword$/.test(one.type),
      );
    if (!missing) return type;
    if (this.types.typing.isComposite(type)) return this.types.c.pointer(type);
    if (this.types.typing.isPointer(type)) return type;
    return refuse(
      "SCRY1402",
      "a number that may be missing cannot be given",
      node,
      "Give what stands for none, or the entry that it is in",
    );
  }
}

interface Named {
  readonly typeName?: { readonly type: string; readonly name: string };
  readonly typeArguments?: { readonly params: readonly Named[] };
}

/** What is said of nodes that no program can have. */
const WORDS: Readonly<Record<string, string>> = {
  TaggedTemplateExpression: "a tagged text",
  ImportExpression: "an import while it runs",
  SpreadElement: "a spread",
  MetaProperty: "import.meta",
};
