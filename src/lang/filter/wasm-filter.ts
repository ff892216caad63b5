// A filter as a function of WebAssembly over many packets at once.
//
// A small filter is worked out whole, without branches: whether the tests of a mixed traffic hold is hard to foresee, and a
// branch that was foreseen wrongly costs as much as a dozen tests. Packets that end before all its fixed places, and large
// filters, go from test to test.

import { Access, type Code, I32, Wasm, type WasmFunctionBuilder, WasmModule } from "../../wasm/index.ts";
import type { Value } from "./expression.ts";
import { inOrder, type Node, type TestNode } from "./graph.ts";
import { commonKnown, type Known, NOTHING_KNOWN, type PacketLocals, ValueWriter } from "./wasm-values.ts";

/** Tests of a filter that is worked out whole, at most. */
const SMALL = 24;
/** Bytes of a packet that such a filter needs, at most. */
const NEAR = 2048;

/** A packet in the table: where its record begins, where the packet does, bytes of it, and how long it was; words. */
export const ENTRY_BYTES = 16;
const [DATA, KEPT, LENGTH] = [4, 8, 12];

/**
 * The module: `filter(table, count, list)` writes the addresses of the entries that match to the list, and answers how many
 * they are. `pages`: of the memory that it imports.
 */
export function filterModule(root: Node, pages: number): Uint8Array {
  const module = new WasmModule(pages);
  const builder = module.function([I32, I32, I32], [I32], "filter");
  const { code } = builder;
  const [table, count, list] = [0, 1, 2];
  const [end, out] = [builder.local(I32), builder.local(I32)];
  const packet: PacketLocals = { start: builder.local(I32), kept: builder.local(I32), length: builder.local(I32) };
  const order = inOrder(root);
  code.get(list).set(out);
  code.get(count).i32(ENTRY_BYTES).op(Wasm.i32_mul).get(table).op(Wasm.i32_add).set(end);
  code.get(count).if().loop();
  code.get(table).access(Access.i32_load, DATA).set(packet.start);
  code.get(table).access(Access.i32_load, KEPT).set(packet.kept);
  code.get(table).access(Access.i32_load, LENGTH).set(packet.length);
  // A packet that does not match leaves the first of these blocks, one that does the second.
  code.block().block();
  const near = order.length > 0 && order.length <= SMALL ? nearest(order) : undefined;
  if (near !== undefined) {
    code.get(packet.kept).i32(near).op(Wasm.i32_ge_u).if();
    const matches = new WholeWriter(builder, packet, near).filter(root, order);
    code.get(out).get(table).access(Access.i32_store);
    code.get(matches).i32(2).op(Wasm.i32_shl).get(out).op(Wasm.i32_add).set(out);
    code.br(2).end();
  }
  new StepWriter(builder, packet).filter(root, order);
  code.end();
  code.get(out).get(table).access(Access.i32_store);
  code.get(out).i32(4).op(Wasm.i32_add).set(out);
  code.end();
  code.get(table).i32(ENTRY_BYTES).op(Wasm.i32_add).tee(table).get(end).op(Wasm.i32_lt_u).brIf(0);
  code.end().end();
  code.get(out).get(list).op(Wasm.i32_sub).i32(2).op(Wasm.i32_shr_u);
  return module.finish();
}

/** All that a value is worked out of, and itself. */
function partsOf(value: Value, parts: Set<Value> = new Set()): Set<Value> {
  if (parts.has(value)) return parts;
  parts.add(value);
  if (value.kind === "load" && value.base !== undefined) partsOf(value.base, parts);
  else if (value.kind === "negate") partsOf(value.value, parts);
  else if (value.kind === "frame-end") partsOf(value.start, parts);
  else if (value.kind === "binary") {
    partsOf(value.left, parts);
    partsOf(value.right, parts);
  }
  return parts;
}

function valuesOf({ left, right }: TestNode): Set<Value> {
  return typeof right === "number" ? partsOf(left) : partsOf(right, partsOf(left));
}

/** Bytes that hold every fixed place of a filter; undefined where it is not to be worked out whole. */
function nearest(order: readonly TestNode[]): number | undefined {
  let bytes = 0;
  for (const node of order) {
    for (const value of valuesOf(node)) {
      if (value.kind === "chain" || value.kind === "frame-end") return undefined;
      if (value.kind === "header-length") bytes = Math.max(bytes, value.offset + 1);
      if (value.kind === "load" && value.base === undefined) bytes = Math.max(bytes, value.offset + value.size);
    }
  }
  return bytes <= NEAR ? bytes : undefined;
}

/** Works a filter out whole: of each node whether the packets that come there match, from the last to the first. */
class WholeWriter extends ValueWriter {
  protected readonly stops = false;
  readonly #guards = new Map<Value, number>();

  constructor(builder: WasmFunctionBuilder, packet: PacketLocals, kept: number) {
    super(builder, packet);
    this.begin({ ...NOTHING_KNOWN, extents: new Map([[undefined, kept]]) });
  }

  protected guard(value: Value): void {
    const local = this.local();
    this.code.set(local);
    this.#guards.set(value, local);
  }

  /** The local that is 1 for a packet that matches, and 0 for others. */
  filter(root: Node, order: readonly TestNode[]): number {
    const { code } = this;
    const answers = new Map<Node, number>();
    const answer = (node: Node): Code =>
      node.kind === "end" ? code.i32(node.matches ? 1 : 0) : code.get(answers.get(node) as number);
    for (let i = order.length - 1; i >= 0; i--) {
      const node = order[i] as TestNode;
      const { yes, no } = node;
      this.putTest(node);
      if (node.relation === "&") code.i32(0).op(Wasm.i32_ne);
      if (yes.kind === "end" && no.kind === "end") {
        if (!yes.matches) code.op(Wasm.i32_eqz);
      } else if (no.kind === "end") {
        if (no.matches) code.op(Wasm.i32_eqz);
        answer(yes);
        code.op(no.matches ? Wasm.i32_or : Wasm.i32_and);
      } else if (yes.kind === "end") {
        if (!yes.matches) code.op(Wasm.i32_eqz);
        answer(no);
        code.op(yes.matches ? Wasm.i32_or : Wasm.i32_and);
      } else {
        // One of two, without a branch.
        answer(yes);
        answer(no);
        code.op(Wasm.i32_xor, Wasm.i32_and);
        answer(no);
        code.op(Wasm.i32_xor);
      }
      for (const value of valuesOf(node)) {
        const guard = this.#guards.get(value);
        if (guard !== undefined) code.get(guard).op(Wasm.i32_and);
      }
      const local = this.local();
      code.set(local);
      answers.set(node, local);
    }
    return answers.get(root) as number;
  }
}

/** Goes from test to test, each in a block that its code follows; tests are only led to from before. */
class StepWriter extends ValueWriter {
  protected readonly stops = true;
  /** Blocks from here to the end of those that packets leave that do not match. */
  #outward = 0;

  protected guard(): void {
    this.code.op(Wasm.i32_eqz).brIf(this.#outward);
  }

  /** Leaves the block around it with a packet that matches, the one around that with others. */
  filter(root: Node, order: readonly TestNode[]): void {
    const { code } = this;
    const places = new Map<Node, number>(order.map((node, i) => [node, i]));
    const place = (node: Node): number =>
      node.kind === "end" ? order.length + (node.matches ? 0 : 1) : (places.get(node) as number);
    if (root.kind === "end") {
      code.br(place(root));
      return;
    }
    const known = new Map<Node, Known>([[root, NOTHING_KNOWN]]);
    for (let i = 1; i < order.length; i++) code.block();
    order.forEach((node, i) => {
      if (i > 0) code.end();
      this.begin(known.get(node) ?? NOTHING_KNOWN);
      this.#outward = order.length - i;
      this.putTest(node);
      const [yes, no] = [place(node.yes) - i - 1, place(node.no) - i - 1];
      // The nearer one follows, or is left for.
      if (yes === 0) code.op(Wasm.i32_eqz).brIf(no);
      else code.brIf(yes);
      if (yes !== 0 && no !== 0) code.br(no);
      for (const next of [node.yes, node.no]) {
        const other = known.get(next);
        known.set(next, other === undefined ? this.known : commonKnown(other, this.known));
      }
    });
  }
}
