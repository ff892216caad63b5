// Builds a function in SSA form while its source is walked: variables are written and read by name, and block
// parameters appear where they are needed (Braun et al., "Simple and Efficient Construction of SSA Form", CC 2013).

import type { CoreQuestion } from "../object/index.ts";
import type { Span } from "../source/index.ts";
import {
  type AtomicOp,
  type BinaryOp,
  type Block,
  type Condition,
  type Edge,
  INT,
  type Instr,
  type IrFunction,
  type LoadSize,
  type Operation,
  type StoreSize,
  type Terminator,
  type Value,
  type ValueType,
  VOID,
  type Width,
} from "./ir.ts";

/** A variable of the source: assigned anywhere, one SSA value at each point. */
export interface Variable {
  readonly name: string;
  readonly type: ValueType;
}

interface MutableEdge {
  block: Block;
  args: Value[];
}

export class FunctionBuilder {
  readonly function: IrFunction;
  /** The block that new instructions go to. */
  current: Block;
  /** The place in the source that new instructions come from. */
  span: Span | undefined;

  readonly #sealed = new Set<Block>();
  readonly #values = new Map<Variable, Map<Block, Value>>();
  readonly #incomplete = new Map<Block, Map<Variable, Value>>();
  readonly #incoming = new Map<Block, { from: Block; edge: MutableEdge }[]>();
  readonly #constants = new Map<bigint, Value>();
  /** How many constants stand at the head of the entry block. */
  #constantCount = 0;

  constructor(name: string, params: readonly ValueType[], global = false) {
    const values = params.map((type, id): Value => ({ id, type }));
    this.function = { name, params: values, blocks: [], nextId: params.length, ...(global ? { global } : {}) };
    this.current = this.block("entry");
    this.seal(this.current);
  }

  param(index: number): Value {
    return this.function.params[index] as Value;
  }

  /** A new block, in the order of creation; nothing leads to it yet. */
  block(name = "b"): Block {
    const id = this.function.nextId++;
    const block: Block = {
      id,
      name: name === "entry" ? name : `${name}${id}`,
      params: [],
      instrs: [],
      terminator: undefined,
      span: this.span,
    };
    this.function.blocks.push(block);
    this.#incoming.set(block, []);
    return block;
  }

  /** Continue in this block. */
  at(block: Block): void {
    this.current = block;
  }

  /** Continue in a block to which every way is known by now. */
  enter(block: Block): void {
    this.seal(block);
    this.current = block;
  }

  /** True when the current block already ends: what follows cannot be reached. */
  get terminated(): boolean {
    return this.current.terminator !== undefined;
  }

  emit(operation: Operation, args: Value[], type: ValueType): Instr {
    const instr = { id: this.function.nextId++, type, operation, args, span: this.span } as Instr & { def: Instr };
    instr.def = instr;
    if (this.current.terminator === undefined) this.current.instrs.push(instr);
    return instr;
  }

  /** A constant, made once per function at the head of the entry block; 64 bits, two's complement. */
  const(value: bigint | number): Value {
    const big = BigInt.asIntN(64, BigInt(value));
    let found = this.#constants.get(big);
    if (found === undefined) {
      const instr = {
        id: this.function.nextId++,
        type: INT,
        operation: { op: "const", value: big },
        args: [],
        span: this.span,
      } as unknown as Instr & { def: Instr };
      instr.def = instr;
      (this.function.blocks[0] as Block).instrs.splice(this.#constantCount++, 0, instr);
      this.#constants.set(big, instr);
      found = instr;
    }
    return found;
  }

  binary(op: BinaryOp, a: Value, b: Value | number | bigint, width: Width = 64): Value {
    const right = typeof b === "object" ? b : this.const(b);
    // Address arithmetic keeps its provenance.
    const type = (op === "add" || op === "sub") && a.type.kind !== "int" && right.type.kind === "int" ? a.type : INT;
    return this.emit({ op, width }, [a, right], type);
  }
  add(a: Value, b: Value | number | bigint): Value {
    return this.binary("add", a, b);
  }
  and(a: Value, b: Value | number | bigint): Value {
    return this.binary("and", a, b);
  }
  neg(a: Value, width: Width = 64): Value {
    return this.emit({ op: "neg", width }, [a], INT);
  }
  zext(a: Value, bits: 8 | 16 | 32): Value {
    return this.emit({ op: "zext", bits }, [a], INT);
  }
  sext(a: Value, bits: 8 | 16 | 32): Value {
    return this.emit({ op: "sext", bits }, [a], INT);
  }
  bswap(a: Value, bits: 16 | 32 | 64): Value {
    return this.emit({ op: "bswap", bits }, [a], INT);
  }
  load(size: LoadSize, pointer: Value, offset = 0, type: ValueType = INT): Value {
    return this.emit({ op: "load", size, offset }, [pointer], type);
  }
  store(size: StoreSize, pointer: Value, offset: number, value: Value | number | bigint): void {
    this.emit({ op: "store", size, offset }, [pointer, typeof value === "object" ? value : this.const(value)], VOID);
  }
  atomic(
    what: AtomicOp,
    size: 32 | 64,
    pointer: Value,
    offset: number,
    value: Value,
    fetch = false,
    expected?: Value,
  ): Value {
    const args = expected === undefined ? [pointer, value] : [pointer, value, expected];
    return this.emit({ op: "atomic", what, size, offset, fetch }, args, fetch ? INT : VOID);
  }
  zero(pointer: Value, offset: number, size: number): void {
    this.emit({ op: "zero", size, offset }, [pointer], VOID);
  }
  copy(to: Value, toOffset: number, from: Value, fromOffset: number, size: number): void {
    this.emit({ op: "copy", size, toOffset, fromOffset }, [to, from], VOID);
  }
  /** An 8-aligned area of memory for the whole run; not initialised. */
  slot(size: number, onStack = false): Value {
    return this.emit({ op: "slot", size, ...(onStack ? { onStack } : {}) }, [], { kind: "stack" });
  }
  map(map: string): Value {
    return this.emit({ op: "map", map }, [], { kind: "map", map });
  }
  mapValue(map: string, offset: number): Value {
    return this.emit({ op: "map-value", map, offset }, [], { kind: "map-value", map, nullable: false });
  }
  functionAddress(name: string): Value {
    return this.emit({ op: "function", function: name }, [], { kind: "function" });
  }
  helper(helper: string, args: Value[], type: ValueType = INT): Value {
    return this.emit({ op: "helper", helper }, args, type);
  }
  kfunc(kfunc: string, args: Value[], type: ValueType = INT): Value {
    return this.emit({ op: "kfunc", kfunc }, args, type);
  }
  call(name: string, args: Value[], type: ValueType = INT): Value {
    return this.emit({ op: "call", function: name }, args, type);
  }
  core(ask: CoreQuestion, type: number, access: string, value: bigint, wide = false): Value {
    return this.emit({ op: "core", ask, type, access, value, ...(wide ? { wide } : {}) }, [], INT);
  }
  typeId(type: string): Value {
    return this.emit({ op: "type-id", type }, [], INT);
  }

  // --- control flow ---------------------------------------------------------------------------------------------

  #edge(to: Block): MutableEdge {
    const edge: MutableEdge = { block: to, args: [] };
    (this.#incoming.get(to) as { from: Block; edge: MutableEdge }[]).push({ from: this.current, edge });
    return edge;
  }

  #end(terminator: () => Terminator): void {
    if (this.current.terminator !== undefined) return;
    this.current.span ??= this.span;
    this.current.terminator = terminator();
  }

  jump(to: Block): void {
    this.#end(() => ({ kind: "jump", to: this.#edge(to) }));
  }

  branch(
    condition: Condition,
    a: Value,
    b: Value | number | bigint,
    then: Block,
    otherwise: Block,
    options: { width?: Width; unlikely?: "then" | "else" } = {},
  ): void {
    const right = typeof b === "object" ? b : this.const(b);
    this.#end(() => ({
      kind: "branch",
      condition,
      width: options.width ?? 64,
      a,
      b: right,
      then: this.#edge(then),
      else: this.#edge(otherwise),
      ...(options.unlikely === undefined ? {} : { unlikely: options.unlikely }),
    }));
  }

  /** Goes on where the condition holds, and to `otherwise` where it does not. */
  must(
    condition: Condition,
    a: Value,
    b: Value | number | bigint,
    otherwise: Block,
    options: { width?: Width; unlikely?: "then" | "else" } = {},
  ): void {
    const holds = this.block("holds");
    this.branch(condition, a, b, holds, otherwise, options);
    this.enter(holds);
  }

  /** Runs `then` where the condition holds, `otherwise` where it does not, and goes on behind both. */
  when(
    condition: Condition,
    a: Value,
    b: Value | number | bigint,
    then: () => void,
    options: { width?: Width; unlikely?: "then" | "else"; otherwise?: () => void } = {},
  ): void {
    const yes = this.block("then");
    const after = this.block("after");
    const no = options.otherwise === undefined ? after : this.block("else");
    this.branch(condition, a, b, yes, no, options);
    this.enter(yes);
    then();
    this.jump(after);
    if (options.otherwise !== undefined) {
      this.enter(no);
      options.otherwise();
      this.jump(after);
    }
    this.enter(after);
  }

  /**
   * Runs `body` with 0, 1, … below `count`, until it goes to `leave`; `next` goes on with the next turn. The verifier is
   * spared the turns by may_goto, which ends the loop after some eight million of them.
   */
  loop(count: Value | number, body: (index: Value, leave: Block, next: Block) => void): void {
    const counter: Variable = { name: "index", type: INT };
    const head = this.block("head");
    const check = this.block("check");
    const run = this.block("run");
    const next = this.block("next");
    const leave = this.block("leave");
    this.write(counter, this.const(0));
    this.jump(head);
    this.at(head);
    this.mayGoto(check, leave);
    this.enter(check);
    const index = this.read(counter);
    this.branch("ult", index, count, run, leave);
    this.enter(run);
    body(index, leave, next);
    this.jump(next);
    this.enter(next);
    this.write(counter, this.add(index, 1));
    this.jump(head);
    this.seal(head);
    this.enter(leave);
  }

  mayGoto(next: Block, exit: Block): void {
    this.#end(() => ({ kind: "may-goto", next: this.#edge(next), exit: this.#edge(exit) }));
  }

  return(value: Value | number | bigint): void {
    const result = typeof value === "object" ? value : this.const(value);
    this.#end(() => ({ kind: "return", value: result }));
  }

  // --- variables ------------------------------------------------------------------------------------------------

  write(variable: Variable, value: Value, block: Block = this.current): void {
    let per = this.#values.get(variable);
    if (per === undefined) this.#values.set(variable, (per = new Map()));
    per.set(block, value);
  }

  /** The variable's value here. A variable that no path has written yet reads as zero. */
  read(variable: Variable, block: Block = this.current): Value {
    const known = this.#values.get(variable)?.get(block);
    if (known !== undefined) return known;
    const incoming = this.#incoming.get(block) as { from: Block; edge: MutableEdge }[];
    let value: Value;
    if (!this.#sealed.has(block)) {
      value = this.#parameter(variable, block);
      let waiting = this.#incomplete.get(block);
      if (waiting === undefined) this.#incomplete.set(block, (waiting = new Map()));
      waiting.set(variable, value);
    } else if (incoming.length === 0) {
      value = this.const(0);
    } else if (incoming.length === 1) {
      value = this.read(variable, (incoming[0] as { from: Block }).from);
    } else {
      value = this.#parameter(variable, block);
      this.write(variable, value, block);
      for (const { from, edge } of incoming) edge.args.push(this.read(variable, from));
    }
    this.write(variable, value, block);
    return value;
  }

  #parameter(variable: Variable, block: Block): Value {
    const value: Value = { id: this.function.nextId++, type: variable.type };
    block.params.push(value);
    return value;
  }

  /** Says that every way into the block is known by now. */
  seal(block: Block): void {
    if (this.#sealed.has(block)) return;
    this.#sealed.add(block);
    for (const [variable] of this.#incomplete.get(block) ?? []) {
      for (const { from, edge } of this.#incoming.get(block) ?? []) edge.args.push(this.read(variable, from));
    }
    this.#incomplete.delete(block);
  }

  /** The finished function: every block sealed; blocks without an end return 0; unreachable ones are left to a pass. */
  finish(): IrFunction {
    for (const block of this.function.blocks) this.seal(block);
    for (const block of this.function.blocks) {
      if (block.terminator === undefined) {
        this.current = block;
        this.return(0);
      }
    }
    return this.function;
  }
}

export type { Edge };
