// Writes WebAssembly modules (core specification 2.0, chapter 5): a growable buffer of bytes with an instruction a method,
// and the sections around it.

/** Opcodes of instructions that take no immediate, by the names of the text format. */
export const Wasm = {
  unreachable: 0x00,
  else: 0x05,
  end: 0x0b,
  return: 0x0f,
  drop: 0x1a,
  select: 0x1b,
  i32_eqz: 0x45,
  i32_eq: 0x46,
  i32_ne: 0x47,
  i32_lt_s: 0x48,
  i32_lt_u: 0x49,
  i32_gt_s: 0x4a,
  i32_gt_u: 0x4b,
  i32_le_s: 0x4c,
  i32_le_u: 0x4d,
  i32_ge_s: 0x4e,
  i32_ge_u: 0x4f,
  i64_eqz: 0x50,
  i64_eq: 0x51,
  i64_ne: 0x52,
  i64_lt_s: 0x53,
  i64_lt_u: 0x54,
  i64_gt_s: 0x55,
  i64_gt_u: 0x56,
  i64_le_s: 0x57,
  i64_le_u: 0x58,
  i64_ge_s: 0x59,
  i64_ge_u: 0x5a,
  i32_add: 0x6a,
  i32_sub: 0x6b,
  i32_mul: 0x6c,
  i32_div_s: 0x6d,
  i32_div_u: 0x6e,
  i32_rem_s: 0x6f,
  i32_rem_u: 0x70,
  i32_and: 0x71,
  i32_or: 0x72,
  i32_xor: 0x73,
  i32_shl: 0x74,
  i32_shr_s: 0x75,
  i32_shr_u: 0x76,
  i32_rotl: 0x77,
  i64_add: 0x7c,
  i64_sub: 0x7d,
  i64_mul: 0x7e,
  i64_div_s: 0x7f,
  i64_div_u: 0x80,
  i64_rem_s: 0x81,
  i64_rem_u: 0x82,
  i64_and: 0x83,
  i64_or: 0x84,
  i64_xor: 0x85,
  i64_shl: 0x86,
  i64_shr_s: 0x87,
  i64_shr_u: 0x88,
  i64_rotl: 0x89,
  i32_wrap: 0xa7,
  i64_extend_i32_s: 0xac,
  i64_extend_i32_u: 0xad,
  i32_extend8_s: 0xc0,
  i32_extend16_s: 0xc1,
  i64_extend8_s: 0xc2,
  i64_extend16_s: 0xc3,
  i64_extend32_s: 0xc4,
} as const;

/** Loads and stores; each takes an address and has a constant offset. */
export const Access = {
  i32_load: 0x28,
  i64_load: 0x29,
  i32_load8_s: 0x2c,
  i32_load8_u: 0x2d,
  i32_load16_s: 0x2e,
  i32_load16_u: 0x2f,
  i64_load8_s: 0x30,
  i64_load8_u: 0x31,
  i64_load16_s: 0x32,
  i64_load16_u: 0x33,
  i64_load32_s: 0x34,
  i64_load32_u: 0x35,
  i32_store: 0x36,
  i64_store: 0x37,
  i32_store8: 0x3a,
  i32_store16: 0x3b,
  i64_store8: 0x3c,
  i64_store16: 0x3d,
  i64_store32: 0x3e,
} as const;

export const I32 = 0x7f;
export const I64 = 0x7e;
export type ValueType = typeof I32 | typeof I64;
const EMPTY = 0x40;

export class Code {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
  }

  #reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    larger.set(this.bytes);
    this.bytes = larger;
  }

  byte(value: number): this {
    if (this.length === this.bytes.length) this.#reserve(1);
    this.bytes[this.length++] = value;
    return this;
  }

  /** One or more instructions without immediates. */
  op(...opcodes: number[]): this {
    for (const opcode of opcodes) this.byte(opcode);
    return this;
  }

  /** Unsigned LEB128. */
  unsigned(value: number): this {
    let rest = value >>> 0;
    while (rest > 127) {
      this.byte((rest & 127) | 128);
      rest >>>= 7;
    }
    return this.byte(rest);
  }

  append(other: Code): this {
    this.#reserve(other.length);
    this.bytes.set(other.bytes.subarray(0, other.length), this.length);
    this.length += other.length;
    return this;
  }

  get(local: number): this {
    return this.byte(0x20).unsigned(local);
  }
  set(local: number): this {
    return this.byte(0x21).unsigned(local);
  }
  tee(local: number): this {
    return this.byte(0x22).unsigned(local);
  }

  i32(value: number): this {
    this.byte(0x41);
    let rest = value | 0;
    for (;;) {
      const part = rest & 127;
      rest >>= 7;
      if ((rest === 0 && (part & 64) === 0) || (rest === -1 && (part & 64) !== 0)) return this.byte(part);
      this.byte(part | 128);
    }
  }

  /** A 64-bit constant by its halves; the high one is the sign's when it is left out. */
  i64(low: number, high?: number): this {
    this.byte(0x42);
    let lo = low | 0;
    let hi = high ?? low >> 31;
    for (;;) {
      const part = lo & 127;
      lo = (lo >>> 7) | (hi << 25);
      hi >>= 7;
      if ((lo === 0 && hi === 0 && (part & 64) === 0) || (lo === -1 && hi === -1 && (part & 64) !== 0)) {
        return this.byte(part);
      }
      this.byte(part | 128);
    }
  }

  /** A load or store at a constant distance from the address on the stack. No alignment is promised. */
  access(opcode: number, offset = 0): this {
    return this.byte(opcode).byte(0).unsigned(offset);
  }

  block(): this {
    return this.op(0x02, EMPTY);
  }
  loop(): this {
    return this.op(0x03, EMPTY);
  }
  if(): this {
    return this.op(0x04, EMPTY);
  }
  /** `if` that leaves a value. */
  ifValue(type: ValueType): this {
    return this.op(0x04, type);
  }
  else(): this {
    return this.byte(Wasm.else);
  }
  end(): this {
    return this.byte(Wasm.end);
  }
  br(depth: number): this {
    return this.byte(0x0c).unsigned(depth);
  }
  brIf(depth: number): this {
    return this.byte(0x0d).unsigned(depth);
  }
  brTable(depths: readonly number[], otherwise: number): this {
    this.byte(0x0e).unsigned(depths.length);
    for (const depth of depths) this.unsigned(depth);
    return this.unsigned(otherwise);
  }
  call(index: number): this {
    return this.byte(0x10).unsigned(index);
  }
  copy(): this {
    return this.op(0xfc, 0x0a, 0, 0);
  }
  fill(): this {
    return this.op(0xfc, 0x0b, 0);
  }
  globalGet(index: number): this {
    return this.byte(0x23).unsigned(index);
  }
}

/** One function as it is written: its code, and locals that are added as they are needed. */
export class WasmFunctionBuilder {
  readonly code: Code = new Code(1024);
  readonly index: number;
  readonly type: number;
  readonly #parameters: number;
  readonly #locals: ValueType[] = [];

  constructor(index: number, type: number, parameters: number) {
    this.index = index;
    this.type = type;
    this.#parameters = parameters;
  }

  local(type: ValueType): number {
    this.#locals.push(type);
    return this.#parameters + this.#locals.length - 1;
  }

  /** Size of the locals' declaration, then of the code, which ends here. */
  body(): Code {
    const groups: [number, ValueType][] = [];
    for (const type of this.#locals) {
      const last = groups[groups.length - 1];
      if (last !== undefined && last[1] === type) last[0]++;
      else groups.push([1, type]);
    }
    const head = new Code(16).unsigned(groups.length);
    for (const [count, type] of groups) head.unsigned(count).byte(type);
    this.code.end();
    const all = new Code(this.code.length + head.length + 8);
    return all
      .unsigned(head.length + this.code.length)
      .append(head)
      .append(this.code);
  }
}

export class WasmModule {
  readonly #types = new Map<string, number>();
  readonly #imports: { name: string; type: number }[] = [];
  readonly #functions: WasmFunctionBuilder[] = [];
  readonly #exports: { name: string; index: number }[] = [];
  readonly #globals: string[] = [];
  readonly #pages: number;

  /** `pages`: of the memory that is imported, `env.memory`. */
  constructor(pages: number) {
    this.#pages = pages;
  }

  #type(parameters: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${parameters.join()}>${results.join()}`;
    let index = this.#types.get(key);
    if (index === undefined) this.#types.set(key, (index = this.#types.size));
    return index;
  }

  /** A function `env.name`. All imports come before the first function. */
  import(name: string, parameters: readonly ValueType[], results: readonly ValueType[]): number {
    if (this.#functions.length > 0) throw new Error("an import after the first function");
    this.#imports.push({ name, type: this.#type(parameters, results) });
    return this.#imports.length - 1;
  }

  /** An immutable i32 `env.name`. */
  importGlobal(name: string): number {
    this.#globals.push(name);
    return this.#globals.length - 1;
  }

  function(parameters: readonly ValueType[], results: readonly ValueType[], name?: string): WasmFunctionBuilder {
    const index = this.#imports.length + this.#functions.length;
    const builder = new WasmFunctionBuilder(index, this.#type(parameters, results), parameters.length);
    this.#functions.push(builder);
    if (name !== undefined) this.#exports.push({ name, index });
    return builder;
  }

  /** The module's bytes; once, since it ends every function. */
  finish(): Uint8Array {
    const out = new Code(4096).op(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    const section = (id: number, content: Code): void => {
      out.byte(id).unsigned(content.length).append(content);
    };
    const types = new Code().unsigned(this.#types.size);
    for (const key of this.#types.keys()) {
      const [parameters, results] = key.split(">").map((part) => (part === "" ? [] : part.split(",").map(Number)));
      types.byte(0x60);
      for (const list of [parameters, results] as number[][]) types.unsigned(list.length).op(...list);
    }
    section(1, types);
    const imports = new Code().unsigned(this.#imports.length + this.#globals.length + 1);
    writeName(imports, "env");
    writeName(imports, "memory");
    imports.op(0x02, 0x01).unsigned(this.#pages).unsigned(65536);
    for (const name of this.#globals) {
      writeName(imports, "env");
      writeName(imports, name);
      imports.op(0x03, I32, 0);
    }
    for (const { name, type } of this.#imports) {
      writeName(imports, "env");
      writeName(imports, name);
      imports.byte(0x00).unsigned(type);
    }
    section(2, imports);
    const functions = new Code().unsigned(this.#functions.length);
    for (const { type } of this.#functions) functions.unsigned(type);
    section(3, functions);
    const exports = new Code().unsigned(this.#exports.length);
    for (const { name, index } of this.#exports) {
      writeName(exports, name);
      exports.byte(0x00).unsigned(index);
    }
    section(7, exports);
    const bodies = new Code(1 << 16).unsigned(this.#functions.length);
    for (const builder of this.#functions) bodies.append(builder.body());
    section(10, bodies);
    return out.bytes.slice(0, out.length);
  }
}

function writeName(code: Code, name: string): void {
  const bytes = new TextEncoder().encode(name);
  code.unsigned(bytes.length).op(...bytes);
}
