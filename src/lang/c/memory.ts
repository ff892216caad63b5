// Memory of C as IR: loads and stores as the kernel lets programs do them, bit fields, copies of structs, areas that are filled.

import type { CExpression } from "../../c/index.ts";
import { INT, type LoadSize, type StoreSize, type Value } from "../../compiler/index.ts";
import { type Address, PlaceLowering } from "./places.ts";

type Member = Extract<CExpression, { kind: "member" }>;

/** Bytes that are copied one word after another; longer ones in a loop. */
const UNROLLED = 1024;

/** By how many bytes an address on the stack is aligned; what is elsewhere need not be. */
function onStackAligned(base: Value): number {
  const { def } = base;
  if (base.type.kind !== "stack" || def === undefined) return Number.POSITIVE_INFINITY;
  if (def.operation.op === "slot") return 8;
  if (def.operation.op !== "add" && def.operation.op !== "sub") return Number.POSITIVE_INFINITY;
  const [from, by] = def.args as [Value, Value];
  return Math.min(onStackAligned(from), divisor(by));
}

/** The greatest power of two, up to 8, that a number is known to be a multiple of. */
function divisor({ def }: Value): number {
  const operation = def?.operation;
  const power = (n: bigint): number => (n === 0n ? 8 : Math.min(8, Number(n & -n)));
  if (operation?.op === "const") return power(operation.value);
  const factor = def?.args[1]?.def?.operation;
  if (factor?.op !== "const") return 1;
  if (operation?.op === "mul") return power(factor.value);
  return operation?.op === "shl" ? power(1n << (factor.value & 63n)) : 1;
}

export abstract class MemoryLowering extends PlaceLowering {
  load({ base, offset }: Address, type: number, pointer = false): Value {
    const { typing } = this;
    const bytes = typing.size(type);
    const signed = typing.signed(type) && bytes < 4;
    const size = `${signed ? "s" : "u"}${bytes * 8}` as LoadSize;
    const far = offset < -32768 || offset > 32767;
    return this.b.load(
      size,
      far ? this.pointer({ base, offset }) : base,
      far ? 0 : offset,
      pointer ? this.kind(type) : INT,
    );
  }

  store({ base, offset }: Address, bytes: number, value: Value): void {
    const far = offset < -32768 || offset > 32767;
    this.b.store((bytes * 8) as StoreSize, far ? this.pointer({ base, offset }) : base, far ? 0 : offset, value);
  }

  protected readBits(of: Member, at: Address): Value {
    const { b, typing } = this;
    const { bytes, shift, bits } = this.bitField(of);
    const word = this.b.load(`u${bytes * 8}` as LoadSize, at.base, at.offset);
    const left = b.binary("shl", word, 64 - shift - bits);
    return b.binary(typing.signed(of.type) ? "sar" : "shr", left, 64 - bits);
  }

  /** What a bit field holds once a value is written to it: the value of the assignment. */
  protected held(target: CExpression, value: Value): Value {
    if (target.kind !== "member" || target.bitfieldSize === 0) return value;
    const { b, typing } = this;
    const spare = 64 - target.bitfieldSize;
    return b.binary(typing.signed(target.type) ? "sar" : "shr", b.binary("shl", value, spare), spare);
  }

  /** `at` is where the word begins. */
  protected writeBits(at: Address, field: { bytes: 1 | 2 | 4 | 8; shift: number; bits: number }, value: Value): void {
    const { b } = this;
    const { bytes, shift, bits } = field;
    const ones = (1n << BigInt(bits)) - 1n;
    const word = b.load(`u${bytes * 8}` as LoadSize, at.base, at.offset);
    const cleared = b.and(word, BigInt.asIntN(64, ~(ones << BigInt(shift))));
    const placed = b.binary("shl", b.and(value, BigInt.asIntN(64, ones)), shift);
    this.store(at, bytes, b.binary("or", cleared, placed));
  }

  // --- areas ----------------------------------------------------------------------------------------------------

  /** By how many bytes an address is known to be aligned. */
  #alignment({ base, offset }: Address, said: number): number {
    const own = offset === 0 ? 8 : Math.min(8, offset & -offset);
    // Exactly so: a struct in a packed one is aligned less than its type says.
    const onStack = onStackAligned(base);
    if (onStack < Number.POSITIVE_INFINITY) return Math.min(onStack, own);
    const whole = base.type.kind === "map-value" || base.type.kind === "record";
    return whole && base.def?.operation.op === "helper" ? Math.max(said, own) : said;
  }

  /** Widths of the words that cover so many bytes. */
  #words(bytes: number, align: number): { readonly at: number; readonly bytes: 1 | 2 | 4 | 8 }[] {
    const words: { at: number; bytes: 1 | 2 | 4 | 8 }[] = [];
    for (let at = 0; at < bytes; ) {
      let size = Math.min(8, align);
      while (size > bytes - at) size /= 2;
      words.push({ at, bytes: size as 1 | 2 | 4 | 8 });
      at += size;
    }
    return words;
  }

  copy(to: Address, from: Address, bytes: number, align: number): void {
    const { b } = this;
    const aligned = Math.min(this.#alignment(to, align), this.#alignment(from, align));
    if (bytes <= UNROLLED) {
      // Read before it is written, a few words at a time: the two may be one.
      const words = this.#words(bytes, aligned);
      for (const { at, bytes: size } of words) {
        const value = b.load(`u${size * 8}` as LoadSize, from.base, from.offset + at);
        this.store({ base: to.base, offset: to.offset + at }, size, value);
      }
      return;
    }
    const [target, source] = [this.pointer(to), this.pointer(from)];
    this.#loop(Math.floor(bytes / aligned), aligned, (distance) => {
      const value = b.load(`u${aligned * 8}` as LoadSize, b.add(source, distance));
      b.store((aligned * 8) as StoreSize, b.add(target, distance), 0, value);
    });
    const done = Math.floor(bytes / aligned) * aligned;
    if (done < bytes) this.copy({ base: target, offset: done }, { base: source, offset: done }, bytes - done, 1);
  }

  fill(to: Address, byte: Value, bytes: number, align: number): void {
    const { b } = this;
    const constant = byte.def?.operation.op === "const" ? byte.def.operation.value & 255n : undefined;
    const aligned = this.#alignment(to, align);
    const pattern = (size: number): Value => {
      const all = BigInt.asIntN(64, 0x0101010101010101n);
      if (constant !== undefined) return b.const(BigInt.asIntN(size * 8, constant * all));
      return b.binary("mul", b.and(byte, 255), all);
    };
    if (bytes <= UNROLLED) {
      for (const { at, bytes: size } of this.#words(bytes, aligned))
        this.store({ base: to.base, offset: to.offset + at }, size, pattern(size));
      return;
    }
    const target = this.pointer(to);
    const value = pattern(aligned);
    this.#loop(Math.floor(bytes / aligned), aligned, (distance) => {
      b.store((aligned * 8) as StoreSize, b.add(target, distance), 0, value);
    });
    const done = Math.floor(bytes / aligned) * aligned;
    if (done < bytes) this.fill({ base: target, offset: done }, byte, bytes - done, 1);
  }

  /** So many turns, with the distance from the start in bytes. */
  #loop(turns: number, step: number, body: (distance: Value) => void): void {
    const { b } = this;
    const counter = { name: "distance", type: INT };
    const [head, leave] = [b.block("head"), b.block("leave")];
    b.write(counter, b.const(0));
    b.jump(head);
    b.at(head);
    const distance = b.read(counter);
    body(distance);
    const next = b.add(distance, step);
    b.write(counter, next);
    b.branch("ult", next, turns * step, head, leave);
    b.seal(head);
    b.enter(leave);
  }
}
