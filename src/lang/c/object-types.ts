// The types that go with an object: those of keys and values of its maps whole, and of structs whose members are looked for
// in the running kernel (CO-RE) as much as the programs ask about: the kernel's own have hundreds of members.

import { type Btf, BtfWriter, openBtf } from "../../btf/index.ts";
import { type CTypes, isDeclared } from "../../c/index.ts";
import type { CoreQuestion, ObjectInstruction, Reference } from "../../object/index.ts";
import { FormatError } from "../../source/index.ts";

/** What is asked about below a type: members and elements by their numbers. */
interface Asked {
  readonly below: Map<number, Asked>;
}

type CoreReference = Extract<Reference, { kind: "core" }>;

export class ObjectTypes {
  readonly #types: CTypes;
  readonly #writer = new BtfWriter();
  readonly #whole = new Map<number, number>();
  readonly #asked = new Map<number, Asked>();
  readonly #written = new Map<number, number>();
  /** Being written. */
  readonly #open = new Set<number>();
  #used = false;

  constructor(types: CTypes) {
    this.#types = types;
  }

  /** Notes a question that a program asks, by types of the text. */
  ask(question: CoreQuestion, type: number, access: string): void {
    const under = (map: Map<number, Asked>, key: number): Asked => {
      const known = map.get(key) ?? { below: new Map() };
      map.set(key, known);
      return known;
    };
    let at = under(this.#asked, type);
    if (!question.startsWith("field-")) return;
    for (const step of access.split(":").slice(1).map(Number)) at = under(at.below, step);
  }

  /** The reference with the ids and numbers of the types that are written. All must have been asked before. */
  written(ref: CoreReference): CoreReference {
    let root = this.#written.get(ref.type);
    // Whoever makes one of a type of the text's own needs to know all of it.
    const own = ref.ask === "type-id-local" && isDeclared(ref.type);
    if (root === undefined) this.#written.set(ref.type, (root = own ? this.whole(ref.type) : this.#root(ref.type)));
    if (!ref.ask.startsWith("field-")) return { ...ref, type: root };
    const [first, ...steps] = ref.access.split(":").map(Number);
    let asked = this.#asked.get(ref.type);
    let type = ref.type;
    const numbers = steps.map((step) => {
      const found = this.#types.resolve(type);
      const own = asked;
      asked = asked?.below.get(step);
      if (found.kind === "array") {
        type = found.element;
        return step;
      }
      if (found.kind !== "struct" && found.kind !== "union") throw new FormatError("C", `no step into a ${found.kind}`);
      type = found.members[step]?.type ?? 0;
      return [...(own?.below.keys() ?? [])].sort((a, b) => a - b).indexOf(step);
    });
    return { ...ref, type: root, access: [first, ...numbers].join(":") };
  }

  /** A section of data: its variables with their types, so that whoever loads the object can set them. */
  section(
    name: string,
    size: number,
    variables: readonly {
      readonly name: string;
      readonly type: number;
      readonly offset: number;
      readonly size: number;
      readonly static: boolean;
      readonly tags?: readonly string[];
    }[],
  ): void {
    if (variables.length === 0) return;
    this.#used = true;
    const written = variables.map((v) => {
      const type = this.#writer.var(v.name, this.whole(v.type), v.static ? "static" : "global");
      for (const tag of v.tags ?? []) this.#tag(tag, type, -1);
      return { type, offset: v.offset, size: v.size };
    });
    this.#writer.datasec(name, size, written);
  }

  /** A variable of another object; the id of its `var`. */
  otherVariable(name: string, type: number): number {
    this.#used = true;
    return this.#writer.var(name, this.whole(type), "extern");
  }

  /** A function that other objects know, or know of; the id of its `func`. */
  function(name: string, type: number, linkage: "global" | "extern"): number {
    this.#used = true;
    const proto = this.#types.resolve(type);
    if (proto.kind !== "func_proto") throw new FormatError("C", `${name} is no function`);
    const params = proto.params.map((p) => ({ name: p.name, type: this.#parameter(p.type) }));
    return this.#writer.func(name, this.#writer.funcProto(this.whole(proto.returns, true), params), linkage);
  }

  /**
   * The kernel verifies functions that others know by the types of their parameters: it must know how large that is which a
   * pointer leads to. Of its own structs the name says all.
   */
  #parameter(id: number): number {
    const type = this.#types.resolve(id);
    if (type.kind !== "ptr") return this.whole(id);
    const target = this.#types.resolve(type.type);
    if (target.kind !== "struct" && target.kind !== "union") return this.whole(id);
    if (target.id >= this.#types.firstId) return this.#writer.ptr(this.whole(target.id));
    return this.#writer.ptr(this.#writer[target.kind](target.name, target.size, []));
  }

  /** What is said of a declaration; of the head of a list or tree also the struct that its nodes are in. */
  #tag(tag: string, type: number, member: number): void {
    this.#writer.declTag(tag, type, member);
    const [, node] = /^contains:(\w+):/.exec(tag) ?? [];
    const id = node === undefined ? undefined : this.#types.find(node, "struct");
    if (id !== undefined) this.whole(id);
  }

  instruction(one: ObjectInstruction): ObjectInstruction {
    if (one.ref?.kind !== "core") return one;
    const ref = this.written(one.ref);
    // What it is in this object is known here.
    return ref.ask === "type-id-local" ? { ...one, ref, imm: ref.type, imm64: BigInt(ref.type) } : { ...one, ref };
  }

  /** Undefined where nothing needs them. */
  encoded(): Btf | undefined {
    return this.#used ? openBtf(this.#writer.encode()) : undefined;
  }

  // --- writing --------------------------------------------------------------------------------------------------

  #root(id: number): number {
    this.#used = true;
    const type = this.#types.type(id);
    if (type.kind === "typedef") return this.#writer.typedef(type.name, this.#root(type.type));
    const asked = this.#asked.get(id);
    return asked === undefined ? this.whole(id) : this.#part(id, asked, true);
  }

  #part(id: number, asked: Asked, root: boolean): number {
    const type = this.#types.resolve(id);
    if (type.kind === "array") {
      const below: Asked = { below: new Map() };
      for (const one of asked.below.values()) for (const [step, next] of one.below) below.below.set(step, next);
      return this.#writer.array(this.#part(type.element, below, false), type.count, this.#index());
    }
    if (type.kind !== "struct" && type.kind !== "union") {
      if (type.kind === "ptr") return this.#writer.ptr(0);
      if ((type.kind === "enum" || type.kind === "enum64") && !root)
        return this.#writer.enum(type.name, type.size, [], type.signed);
      return this.whole(id);
    }
    const members = [...asked.below]
      .sort(([a], [b]) => a - b)
      .flatMap(([index, below]) => {
        const member = type.members[index];
        return member === undefined ? [] : [{ ...member, type: this.#part(member.type, below, false) }];
      });
    return this.#writer[type.kind](type.name, type.size, members);
  }

  #index(): number {
    return this.#writer.int("unsigned int", 4);
  }

  /** The whole type; what pointers lead to is only named. */
  whole(id: number, behind = false): number {
    if (id === 0) return 0;
    this.#used = true;
    const known = this.#whole.get(id);
    if (known !== undefined) return known;
    const type = this.#types.type(id);
    const writer = this.#writer;
    if (behind && (type.kind === "struct" || type.kind === "union"))
      return type.name === "" ? 0 : writer.fwd(type.name, type.kind);
    this.#open.add(id);
    const made = ((): number => {
      switch (type.kind) {
        case "int":
          return writer.int(type.name, type.size, { signed: type.signed, char: type.char, bool: type.bool });
        case "float":
          return writer.float(type.name, type.size);
        case "ptr":
          return writer.ptr(this.whole(type.type, true));
        case "typedef":
          return writer.typedef(type.name, this.whole(type.type, behind));
        case "const":
        case "volatile":
        case "restrict":
          return writer[type.kind](this.whole(type.type, behind));
        case "type_tag":
          return writer.typeTag(type.name, behind ? this.#tagged(type.type) : this.whole(type.type));
        case "array":
          return writer.array(this.whole(type.element, behind), type.count, this.#index());
        case "struct":
        case "union":
          return writer[type.kind](
            type.name,
            type.size,
            type.members.map((m) => ({ ...m, type: this.whole(m.type) })),
          );
        case "enum":
        case "enum64":
          return writer[type.kind](type.name, type.size, type.values, type.signed);
        case "fwd":
          return writer.fwd(type.name, type.union ? "union" : "struct");
        case "func_proto":
          return writer.funcProto(
            this.whole(type.returns, true),
            type.params.map((p) => ({ name: p.name, type: this.whole(p.type, true) })),
          );
        default:
          return 0;
      }
    })();
    this.#open.delete(id);
    if (behind) return made;
    this.#whole.set(id, made);
    for (const { name, member } of this.#types.tags(id)) this.#tag(name, made, member);
    return made;
  }

  /** What a tagged pointer leads to: a struct to the kernel's eyes, too, which looks its name up where it is the kernel's own. */
  #tagged(id: number): number {
    const type = this.#types.resolve(id);
    if (type.kind !== "struct" && type.kind !== "union") return this.whole(id, true);
    if (isDeclared(type.id) && !this.#open.has(type.id)) return this.whole(type.id);
    return this.#writer[type.kind](type.name, type.size, []);
  }
}
