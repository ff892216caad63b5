// Members and elements: of structs, records, headers, lists, enums.

import type { CExpression } from "../../c/index.ts";
import { nearest, type Span } from "../../source/index.ts";
import { TypeReader } from "./annotations.ts";
import { type Expression, type MemberExpression, refuse, spanOf } from "./ast.ts";
import { MEMBERS } from "./builtins.ts";
import { headerMember } from "./headers.ts";
import { knownMember } from "./network.ts";
import { packetMember } from "./packet-methods.ts";
import type { CallbackShape, Reader } from "./reader.ts";
import type { Static, Value } from "./values.ts";

export abstract class MemberReader extends TypeReader implements Reader {
  abstract callback(
    node: Expression,
    shape: CallbackShape,
  ): { readonly fn: CExpression; readonly environment: CExpression };

  protected member(node: MemberExpression): Value {
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
    if (node.optional && object.kind === "plain" && this.types.typing.isPointer(object.of.type)) {
      // The pointer is asked for once: whether there is one, and what it leads to.
      const pointer = this.read(this.held(object.of, object.of.type, span), span);
      const there = this.#holder(pointer);
      const member = knownMember(this.types, there.type, this.types.typing.member(there, name, span), name);
      return { kind: "maybe", present: pointer, of: member };
    }
    const of = knownMember(this.types, holder.type, this.types.typing.member(holder, name, span), name);
    const located = this.types.texts.get(this.types.typing.resolve(holder.type).id)?.get(name);
    if (located !== undefined) return this.#textAt(holder, of, located, span);
    if (object.kind === "maybe") return { kind: "maybe", present: object.present, of };
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
}
