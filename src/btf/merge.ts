// Several BTFs as one, in which types that are equal stand once. Types refer to one another in circles, so equality is found
// the other way round: all that look alike by themselves are taken for equal, then parted where what they refer to is parted,
// until nothing is.
//
//     struct a { struct b *next; }  in both files, struct b differs:  b ≠ b  →  ptr ≠ ptr  →  a ≠ a

import { FormatError } from "../source/index.ts";
import { KIND_NUMBERS, KINDS } from "./layout.ts";
import { openBtf } from "./reader.ts";
import type { Btf, BtfKind } from "./types.ts";

/** A type of one of the BTFs that are merged. */
export interface TypeOf {
  readonly input: number;
  readonly id: number;
}

export interface MergeRules {
  /** A type that stands for another: the declaration of what another file defines. */
  standsFor?(type: TypeOf): TypeOf | undefined;
}

export interface MergedBtf {
  /** Without the data sections, which are whoever's that lays the data out. */
  readonly btf: Btf;
  /** What a type has become. Throws FormatError for one that was left out. */
  idOf(type: TypeOf): number;
}

type Role = "type" | "text" | "number";

/** What the words behind name and info are; where a kind is not here, numbers. */
const ROLES: Partial<Record<BtfKind, { third?: Role; fixed?: readonly Role[]; each?: readonly Role[] }>> = {
  ptr: { third: "type" },
  typedef: { third: "type" },
  volatile: { third: "type" },
  const: { third: "type" },
  restrict: { third: "type" },
  type_tag: { third: "type" },
  func: { third: "type" },
  var: { third: "type" },
  decl_tag: { third: "type" },
  array: { fixed: ["type", "type", "number"] },
  struct: { each: ["text", "type", "number"] },
  union: { each: ["text", "type", "number"] },
  enum: { each: ["text", "number"] },
  enum64: { each: ["text", "number", "number"] },
  func_proto: { third: "type", each: ["text", "type"] },
};

/** Each is its own, whatever it looks like. */
const UNLIKE: ReadonlySet<number> = new Set([KIND_NUMBERS.var, KIND_NUMBERS.func]);

interface Node {
  readonly kind: number;
  /** As encoded, but for references, which are 0, and texts, which are offsets in the merged strings. */
  readonly words: Uint32Array;
  /** Places among the words, and the nodes that stand there. */
  readonly references: readonly (readonly [place: number, node: number])[];
}

/** Throws FormatError for types that make no sense. */
export function mergeBtf(inputs: readonly Btf[], rules: MergeRules = {}): MergedBtf {
  const strings = new Strings();
  const starts: number[] = [];
  const nodes: Node[] = [{ kind: 0, words: new Uint32Array(3), references: [] }];
  for (const btf of inputs) {
    if (btf.base !== undefined) throw new FormatError("BTF", "split BTF cannot be merged");
    starts.push(nodes.length - 1);
    for (const node of nodesOf(btf, nodes.length - 1, strings)) nodes.push(node);
  }
  const nodeOf = ({ input, id }: TypeOf): number => (id === 0 ? 0 : (starts[input] as number) + id);
  /** Itself, or what it stands for. */
  const meant = Uint32Array.from(nodes, (_, node) => node);
  inputs.forEach((btf, input) => {
    for (let id = 1; id < btf.count; id++) {
      const other = rules.standsFor?.({ input, id });
      if (other !== undefined) meant[nodeOf({ input, id })] = nodeOf(other);
    }
  });
  const classes = partition(nodes, meant);
  /** By class: its id, in the order of the first node. */
  const ids = new Map<number, number>();
  const kept: Node[] = [];
  nodes.forEach((node, index) => {
    const own = classes[index] as number;
    if (meant[index] !== index || ids.has(own) || node.kind === KIND_NUMBERS.datasec) return;
    ids.set(own, kept.length);
    kept.push(node);
  });
  const idOf = (node: number): number => {
    const id = ids.get(classes[meant[node] as number] as number);
    if (id === undefined) throw new FormatError("BTF", `type ${node} is a section, which is no one's type`);
    return id;
  };
  return { btf: openBtf(encode(kept.slice(1), idOf, strings.bytes())), idOf: (type) => idOf(nodeOf(type)) };
}

/** The same types by the same ids, with no strings but those that types have: lines of sources stand among them too. */
export function withoutLooseStrings(btf: Btf): Btf {
  const strings = new Strings();
  const nodes = [...nodesOf(btf, 0, strings)];
  return openBtf(encode(nodes, (node) => node, strings.bytes()));
}

/** For each node a number that equal ones share. */
function partition(nodes: readonly Node[], meant: Uint32Array): Uint32Array {
  let classes = new Uint32Array(nodes.length);
  let count = 0;
  const renumber = (keyOf: (node: Node, index: number) => string): void => {
    const known = new Map<string, number>();
    const next = Uint32Array.from(nodes, (node, index) => {
      const key = keyOf(node, index);
      let own = known.get(key);
      if (own === undefined) known.set(key, (own = known.size));
      return own;
    });
    count = known.size;
    classes = next;
  };
  renumber((node, index) => (UNLIKE.has(node.kind) ? `= ${index}` : node.words.join()));
  for (let before = 0; before !== count; ) {
    before = count;
    renumber(
      ({ references }, index) =>
        `${classes[index]}:${references.map(([place, node]) => `${place} ${classes[meant[node] as number]}`).join()}`,
    );
  }
  return classes;
}

function encode(nodes: readonly Node[], idOf: (node: number) => number, strings: Uint8Array): Uint8Array {
  const length = nodes.reduce((sum, { words }) => sum + words.length, 0);
  const words = new Uint32Array(6 + length);
  words.set([0x1eb9f, 24, 0, length * 4, length * 4, strings.length]);
  let at = 6;
  for (const node of nodes) {
    words.set(node.words, at);
    for (const [place, other] of node.references) words[at + place] = idOf(other);
    at += node.words.length;
  }
  const out = new Uint8Array(words.length * 4 + strings.length);
  out.set(new Uint8Array(words.buffer));
  out.set(strings, words.length * 4);
  return out;
}

/** The types of a BTF in order; type `id` is node `start + id`. */
function* nodesOf(btf: Btf, start: number, strings: Strings): Generator<Node> {
  const { bytes } = btf;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = view.getUint32(4, true);
  let at = header + view.getUint32(8, true);
  // `count` has looked through all types, so that their words are known to be there.
  for (let id = 1; id < btf.count; id++) {
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 31;
    const layout = KINDS[kind] as (typeof KINDS)[number];
    const roles = ROLES[layout.kind];
    const words = new Uint32Array(3 + layout.fixed + layout.each * (info & 0xffff));
    const references: (readonly [number, number])[] = [];
    for (let place = 0; place < words.length; place++, at += 4) {
      const word = view.getUint32(at, true);
      const role = roleOf(place, layout.fixed, roles);
      if (role === "text") words[place] = strings.offset(btf.string(word));
      else if (role === "number") words[place] = word;
      else {
        if (word >= btf.count) throw new FormatError("BTF", `type ${id} refers to type ${word}, which there is not`);
        if (word !== 0) references.push([place, start + word]);
      }
    }
    yield { kind, words, references };
  }
}

function roleOf(place: number, fixed: number, roles: (typeof ROLES)[BtfKind]): Role {
  if (place === 0) return "text";
  if (place === 1) return "number";
  if (place === 2) return roles?.third ?? "number";
  const behind = place - 3 - fixed;
  if (behind < 0) return roles?.fixed?.[place - 3] ?? "number";
  return roles?.each?.[behind % roles.each.length] ?? "number";
}

/** Strings, each once. */
class Strings {
  readonly #offsets = new Map<string, number>([["", 0]]);
  readonly #texts: Uint8Array[] = [new Uint8Array(1)];
  #length = 1;

  offset(text: string): number {
    let offset = this.#offsets.get(text);
    if (offset === undefined) {
      this.#offsets.set(text, (offset = this.#length));
      const bytes = new TextEncoder().encode(`${text}\0`);
      this.#texts.push(bytes);
      this.#length += bytes.length;
    }
    return offset;
  }

  bytes(): Uint8Array {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const text of this.#texts) {
      out.set(text, at);
      at += text.length;
    }
    return out;
  }
}
