// The interpreter once more, as a module of Wasm that this makes at its first use: three to five times as fast as the one
// in TypeScript, and compiled once for all programs of all machines. It does the same, instruction for instruction.
//
//     a decoded instruction, 32 bytes      ┌────────┬──────┬──────┬────────┬───────────┐
//                                          │ opcode │ &dst │ &src │ offset │ imm64     │
//                                          └────────┴──────┴──────┴────────┴───────────┘
//     Registers stand as addresses in the state page, targets of jumps as addresses of instructions.

import { Opcode } from "../isa/index.ts";
import { Access, type Code, I32, I64, Wasm, type WasmFunctionBuilder, WasmModule } from "../wasm/index.ts";
import { Op } from "./decoded.ts";
import { FRAME_BYTES, FRAMES, State } from "./memory.ts";
import { TRAP_KINDS, type TrapKind } from "./trap.ts";
import { makeCheck } from "./wasm-check.ts";
import { ARITHMETIC, BRANCHES, DIVISIONS, LOADS, STORES } from "./wasm-operations.ts";

/** Bytes of a decoded instruction. */
export const DECODED_BYTES = 32;
const At = { OP: 0, DST: 4, SRC: 8, OFFSET: 12, IMM: 16 } as const;
const SAVED_BYTES = 48;
const R = (register: number): number => State.REGISTERS + register * 8;

/** What stands on the stack of blocks while the cases are written. */
interface Case {
  readonly ops: readonly number[];
  readonly emit: (op: number) => void;
}

/** The bytes of the module; its imports are `env`: memory, limit, helper, packet. It exports `run(pc, depth, base, code, fuel)`. */
export function interpreterBytes(): Uint8Array {
  const wasm = new WasmModule(1);
  const limit = wasm.importGlobal("limit");
  const helper = wasm.import("helper", [I32], [I32]);
  const packet = wasm.import("packet", [I32, I32], [I32]);
  const check = makeCheck(wasm, limit);
  const fn = wasm.function([I32, I32, I32, I32, I32], [I32], "run");
  new InterpreterWriter(fn, { limit, helper, packet, check: check.index }).write();
  return wasm.finish();
}

const [PC, DEPTH, BASE, CODE, FUEL] = [0, 1, 2, 3, 4];

class InterpreterWriter {
  readonly #code: Code;
  readonly #outer: { readonly limit: number; readonly helper: number; readonly packet: number; readonly check: number };
  readonly #slice: number;
  readonly #at: number;
  readonly #word: number;
  readonly #value: number;
  readonly #other: number;
  /** Blocks between a case and the loop. */
  #toLoop = 0;

  constructor(fn: WasmFunctionBuilder, outer: { limit: number; helper: number; packet: number; check: number }) {
    this.#code = fn.code;
    this.#outer = outer;
    this.#slice = fn.local(I32);
    this.#at = fn.local(I32);
    this.#word = fn.local(I32);
    this.#value = fn.local(I64);
    this.#other = fn.local(I64);
  }

  write(): void {
    const code = this.#code;
    const cases = this.#cases();
    const table = new Array<number>(256).fill(cases.length);
    cases.forEach(({ ops }, i) => {
      for (const op of ops) table[op] = i;
    });
    code.get(FUEL).set(this.#slice);
    code.loop();
    code.get(FUEL).op(Wasm.i32_eqz).if();
    this.#charge();
    code.i32(0).get(PC).access(Access.i32_store, State.PC).i32(0).get(DEPTH).access(Access.i32_store, State.DEPTH);
    code.i32(1).op(Wasm.return).end();
    code.get(FUEL).i32(1).op(Wasm.i32_sub).set(FUEL);
    for (let i = 0; i <= cases.length; i++) code.block();
    code.get(PC).access(Access.i32_load, At.OP).brTable(table, cases.length);
    cases.forEach(({ ops, emit }, i) => {
      code.end();
      this.#toLoop = cases.length - i;
      emit(ops[0] as number);
    });
    code.end();
    this.#toLoop = 0;
    this.#fail("instruction");
    code.end().op(Wasm.unreachable);
  }

  /** Goes on with the next instruction (or `slots` further), from `depth` blocks inside the case. */
  #next(slots = 1): void {
    this.#code
      .get(PC)
      .i32(slots * DECODED_BYTES)
      .op(Wasm.i32_add)
      .set(PC)
      .br(this.#toLoop);
  }

  #charge(): void {
    const code = this.#code;
    code.i32(0).i32(0).access(Access.i64_load, State.BUDGET);
    code
      .get(this.#slice)
      .get(FUEL)
      .op(Wasm.i32_sub, Wasm.i64_extend_i32_u, Wasm.i64_sub)
      .access(Access.i64_store, State.BUDGET);
    code.get(FUEL).set(this.#slice);
  }

  #noteSlot(): void {
    const code = this.#code;
    code.i32(0).get(PC).get(CODE).op(Wasm.i32_sub).i32(5).op(Wasm.i32_shr_u).access(Access.i32_store, State.TRAP_SLOT);
  }

  #fail(kind: TrapKind): void {
    this.#charge();
    this.#noteSlot();
    this.#code.i32(0).i32(TRAP_KINDS.indexOf(kind)).access(Access.i32_store, State.TRAP_KIND).op(Wasm.unreachable);
  }

  #dstAddress(): Code {
    return this.#code.get(PC).access(Access.i32_load, At.DST);
  }
  #dst(): Code {
    return this.#dstAddress().access(Access.i64_load, 0);
  }
  #src(): Code {
    return this.#code.get(PC).access(Access.i32_load, At.SRC).access(Access.i64_load, 0);
  }
  #operand(op: number): Code {
    return (op & 8) !== 0 ? this.#src() : this.#code.get(PC).access(Access.i64_load, At.IMM);
  }
  #dst32(): Code {
    return this.#dstAddress().access(Access.i32_load, 0);
  }
  #operand32(op: number): Code {
    if ((op & 8) === 0) return this.#code.get(PC).access(Access.i32_load, At.IMM);
    return this.#code.get(PC).access(Access.i32_load, At.SRC).access(Access.i32_load, 0);
  }
  /** Stores the i64 on the stack, whose address is under it, and goes on. */
  #storeNext(): void {
    this.#code.access(Access.i64_store, 0);
    this.#next();
  }

  #cases(): Case[] {
    const cases: Case[] = [];
    const add = (op: number, emit: (op: number) => void): void => {
      cases.push({ ops: [op], emit });
    };
    const both = (op: number, emit: (op: number) => void): void => {
      add(op, emit);
      add(op | 8, emit);
    };
    const code = this.#code;
    for (const [kind, wide, narrow] of ARITHMETIC) {
      both(0x07 | kind, (op) => {
        this.#dstAddress();
        this.#dst();
        this.#operand(op).op(wide);
        this.#storeNext();
      });
      both(0x04 | kind, (op) => {
        this.#dstAddress();
        this.#dst32();
        this.#operand32(op).op(narrow, Wasm.i64_extend_i32_u);
        this.#storeNext();
      });
    }
    both(0xb7, (op) => {
      this.#dstAddress();
      this.#operand(op);
      this.#storeNext();
    });
    both(0xb4, (op) => {
      this.#dstAddress();
      this.#operand32(op).op(Wasm.i64_extend_i32_u);
      this.#storeNext();
    });
    add(Opcode.NEG64, () => {
      this.#dstAddress().i64(0);
      this.#dst().op(Wasm.i64_sub);
      this.#storeNext();
    });
    add(Opcode.NEG32, () => {
      this.#dstAddress().i32(0);
      this.#dst32().op(Wasm.i32_sub, Wasm.i64_extend_i32_u);
      this.#storeNext();
    });
    const sources: readonly (readonly [number, readonly number[]])[] = [
      [Op.MOVSX64_8, [Wasm.i64_extend8_s]],
      [Op.MOVSX64_16, [Wasm.i64_extend16_s]],
      [Op.MOVSX64_32, [Wasm.i64_extend32_s]],
      [Op.MOVSX32_8, [Wasm.i32_wrap, Wasm.i32_extend8_s, Wasm.i64_extend_i32_u]],
      [Op.MOVSX32_16, [Wasm.i32_wrap, Wasm.i32_extend16_s, Wasm.i64_extend_i32_u]],
    ];
    for (const [op, how] of sources) {
      add(op, () => {
        this.#dstAddress();
        this.#src().op(...how);
        this.#storeNext();
      });
    }
    add(Op.NOP, () => this.#next());
    add(Op.ZEXT16, () => {
      this.#dstAddress();
      this.#dst().i64(0xffff, 0).op(Wasm.i64_and);
      this.#storeNext();
    });
    add(Op.ZEXT32, () => {
      this.#dstAddress();
      this.#dst32().op(Wasm.i64_extend_i32_u);
      this.#storeNext();
    });
    for (const op of [Op.SWAP16, Op.SWAP32, Op.SWAP64]) add(op, () => this.#swap(op));
    for (const op of DIVISIONS) both(op, (which) => this.#divide(which));
    for (const [kind, wide, narrow] of BRANCHES) {
      both(0x05 | kind, (op) => {
        this.#dst();
        this.#operand(op).op(...wide);
        this.#branch();
      });
      both(0x06 | kind, (op) => {
        this.#dst32();
        this.#operand32(op).op(...narrow);
        this.#branch();
      });
    }
    add(Opcode.JA, () => {
      code.get(PC).access(Access.i32_load, At.OFFSET).set(PC).br(this.#toLoop);
    });
    add(Opcode.LDDW, () => {
      this.#dstAddress().get(PC).access(Access.i64_load, At.IMM).access(Access.i64_store, 0);
      this.#next(2);
    });
    for (const [op, load, size] of LOADS) {
      add(op, () => {
        this.#src();
        this.#address(size, false);
        this.#dstAddress().get(this.#at).access(load, 0);
        this.#storeNext();
      });
    }
    for (const [op, store, size] of STORES) {
      for (const kind of [2, 3]) {
        add(op | kind, () => {
          this.#dst();
          this.#address(size, true);
          code.get(this.#at);
          if (kind === 3) this.#src();
          else code.get(PC).access(Access.i64_load, At.IMM);
          code.access(store, 0);
          this.#next();
        });
      }
    }
    add(Opcode.ATOMIC32, () => this.#atomic(false));
    add(Opcode.ATOMIC64, () => this.#atomic(true));
    add(Opcode.CALL, () => this.#helper(() => code.get(PC).access(Access.i32_load, At.IMM)));
    add(Opcode.CALLX, () => this.#helper(() => this.#dst32()));
    add(Op.CALL_LOCAL, () => this.#call());
    add(Opcode.EXIT, () => this.#exit());
    add(Opcode.MAY_GOTO, () => {
      code.i32(0).access(Access.i32_load, State.MAY_GOTO).tee(this.#at).if();
      code.i32(0).get(this.#at).i32(1).op(Wasm.i32_sub).access(Access.i32_store, State.MAY_GOTO).end();
      code.get(this.#at).op(Wasm.i32_eqz);
      this.#branch();
    });
    for (const op of [0x20, 0x28, 0x30, 0x40, 0x48, 0x50]) add(op, () => this.#packetLoad(op));
    return cases;
  }

  /** Takes an i32: not 0 jumps. */
  #branch(): void {
    const code = this.#code;
    code
      .if()
      .get(PC)
      .access(Access.i32_load, At.OFFSET)
      .set(PC)
      .br(this.#toLoop + 1)
      .end();
    this.#next();
  }

  /** Takes a base of 64 bits, adds the instruction's offset, and leaves the checked address in `at`. */
  #address(size: number, write: boolean): void {
    const code = this.#code;
    code.get(PC).access(0x34, At.OFFSET).op(Wasm.i64_add).tee(this.#value).op(Wasm.i32_wrap).set(this.#at);
    code.block().block();
    code.get(this.#value).globalGet(this.#outer.limit).op(Wasm.i64_extend_i32_u, Wasm.i64_ge_u).brIf(0);
    code.get(this.#at).i32(7).op(Wasm.i32_and).i32(size).op(Wasm.i32_add);
    code
      .get(this.#at)
      .i32(3)
      .op(Wasm.i32_shr_u)
      .globalGet(this.#outer.limit)
      .op(Wasm.i32_add)
      .access(Access.i32_load8_u, 0);
    if (write) code.i32(15).op(Wasm.i32_and);
    else code.i32(4).op(Wasm.i32_shr_u);
    code.op(Wasm.i32_le_u).brIf(1);
    code.end();
    code
      .get(this.#value)
      .i32(size)
      .i32(write ? 1 : 0)
      .call(this.#outer.check)
      .brIf(0);
    code.i32(0).get(this.#value).access(Access.i64_store, State.TRAP_ADDRESS);
    code.i32(0).i32(size).access(Access.i32_store, State.TRAP_SIZE);
    this.#fail(write ? "write" : "read");
    code.end();
  }

  #swap(op: number): void {
    const code = this.#code;
    const swapped = (): void => {
      const at = this.#at;
      code.get(at).i32(8).op(Wasm.i32_rotl).i32(0x00ff00ff).op(Wasm.i32_and);
      code.get(at).i32(24).op(Wasm.i32_rotl).i32(0xff00ff00).op(Wasm.i32_and, Wasm.i32_or);
    };
    this.#dst32().set(this.#at);
    if (op === Op.SWAP64) {
      this.#dstAddress();
      swapped();
      code.op(Wasm.i64_extend_i32_u).i64(32).op(Wasm.i64_shl);
      this.#dstAddress().access(Access.i32_load, 4).set(this.#at);
      swapped();
      code.op(Wasm.i64_extend_i32_u, Wasm.i64_or);
    } else {
      this.#dstAddress();
      swapped();
      if (op === Op.SWAP16) code.i32(16).op(Wasm.i32_shr_u);
      code.op(Wasm.i64_extend_i32_u);
    }
    this.#storeNext();
  }

  #divide(op: number): void {
    const code = this.#code;
    const own = op < 0x20;
    const wide = own ? (op & 1) !== 0 : (op & 7) === 7;
    const modulo = own ? (op & 2) !== 0 : (op & 0xf0) === 0x90;
    const type = wide ? I64 : I32;
    const divisor = wide ? this.#value : this.#word;
    const dividend = wide ? this.#other : this.#at;
    const constant = (value: number): Code => (wide ? code.i64(value) : code.i32(value));
    const opcode = (wide ? Wasm.i64_div_s : Wasm.i32_div_s) + (modulo ? 2 : 0) + (own ? 0 : 1);
    if (wide) {
      this.#operand(op).set(divisor);
      this.#dst().set(dividend);
    } else {
      this.#operand32(op).set(divisor);
      this.#dst32().set(dividend);
    }
    this.#dstAddress();
    code
      .get(divisor)
      .op(wide ? Wasm.i64_eqz : Wasm.i32_eqz)
      .ifValue(type);
    if (modulo) code.get(dividend);
    else constant(0);
    code.else();
    const guarded = own && !modulo;
    if (guarded) {
      code.get(divisor);
      constant(-1)
        .op(wide ? Wasm.i64_eq : Wasm.i32_eq)
        .ifValue(type);
      constant(0)
        .get(dividend)
        .op(wide ? Wasm.i64_sub : Wasm.i32_sub)
        .else();
    }
    code.get(dividend).get(divisor).op(opcode);
    if (guarded) code.end();
    code.end();
    if (!wide) code.op(Wasm.i64_extend_i32_u);
    this.#storeNext();
  }

  #atomic(wide: boolean): void {
    const code = this.#code;
    const load = wide ? Access.i64_load : Access.i64_load32_u;
    const store = wide ? Access.i64_store : Access.i64_store32;
    this.#dst();
    this.#address(wide ? 8 : 4, true);
    code.get(this.#at).access(load, 0).set(this.#value);
    code.get(PC).access(Access.i32_load, At.IMM).set(this.#word);
    code.get(this.#word).i32(0xf1).op(Wasm.i32_eq).if();
    code.get(this.#value).i32(0).access(load, R(0)).op(Wasm.i64_eq).if().get(this.#at);
    this.#src().access(store, 0).end();
    code.i32(0).get(this.#value).access(Access.i64_store, R(0));
    code.else();
    this.#src().set(this.#other);
    code.get(this.#at);
    const kinds: readonly (readonly [number, number])[] = [
      [0x00, Wasm.i64_add],
      [0x40, Wasm.i64_or],
      [0x50, Wasm.i64_and],
      [0xa0, Wasm.i64_xor],
    ];
    for (const [kind, how] of kinds) {
      code.get(this.#word).i32(0xf0).op(Wasm.i32_and).i32(kind).op(Wasm.i32_eq).ifValue(I64);
      code.get(this.#value).get(this.#other).op(how).else();
    }
    code.get(this.#other).end().end().end().end();
    code.access(store, 0);
    code.get(this.#word).i32(1).op(Wasm.i32_and).if().get(PC).access(Access.i32_load, At.SRC).get(this.#value);
    code.access(Access.i64_store, 0).end().end();
    this.#next();
  }

  #clearArguments(): void {
    for (let register = 1; register <= 5; register++) this.#code.i32(0).i64(0).access(Access.i64_store, R(register));
  }

  #helper(pushId: () => void): void {
    const code = this.#code;
    this.#charge();
    this.#noteSlot();
    code.i32(0).i32(0).access(Access.i32_load, R(10)).access(Access.i32_store, State.FRAME);
    pushId();
    code.call(this.#outer.helper).set(this.#at);
    this.#clearArguments();
    code.get(this.#at).op(Wasm.i32_eqz).if();
    this.#toLoop++;
    this.#next();
    this.#toLoop--;
    code.end();
    this.#exit();
  }

  #packetLoad(op: number): void {
    const code = this.#code;
    code.get(PC).access(Access.i32_load, At.IMM);
    if (op >= 0x40) {
      code.get(PC).access(Access.i32_load, At.SRC).access(Access.i32_load, 0).op(Wasm.i32_add);
    }
    const size = (op & 0x18) === 0 ? 4 : (op & 0x18) === 8 ? 2 : 1;
    code.i32(size).call(this.#outer.packet).set(this.#at);
    this.#clearArguments();
    code.get(this.#at).if();
    this.#toLoop++;
    this.#next();
    this.#toLoop--;
    code.end();
    code.i32(0).i64(0).access(Access.i64_store, R(0));
    this.#exit();
  }

  #call(): void {
    const code = this.#code;
    code
      .get(DEPTH)
      .i32(FRAMES - 1)
      .op(Wasm.i32_ge_s)
      .if();
    this.#fail("call-depth");
    code.end();
    code.get(DEPTH).i32(SAVED_BYTES).op(Wasm.i32_mul).set(this.#at);
    code.get(this.#at).get(PC).i32(DECODED_BYTES).op(Wasm.i32_add).access(Access.i32_store, State.FRAMES);
    for (let register = 6; register <= 10; register++) {
      code
        .get(this.#at)
        .i32(0)
        .access(Access.i64_load, R(register))
        .access(Access.i64_store, State.FRAMES + 8 * (register - 5));
    }
    for (const register of [0, 6, 7, 8, 9]) code.i32(0).i64(0).access(Access.i64_store, R(register));
    code.i32(0).i32(0).access(Access.i64_load, R(10)).i64(FRAME_BYTES).op(Wasm.i64_sub).access(Access.i64_store, R(10));
    code.get(DEPTH).i32(1).op(Wasm.i32_add).set(DEPTH);
    code.get(PC).access(Access.i32_load, At.OFFSET).set(PC).br(this.#toLoop);
  }

  #exit(): void {
    const code = this.#code;
    code.get(DEPTH).get(BASE).op(Wasm.i32_eq).if();
    this.#charge();
    code.i32(0).op(Wasm.return).end();
    code.get(DEPTH).i32(1).op(Wasm.i32_sub).tee(DEPTH).i32(SAVED_BYTES).op(Wasm.i32_mul).set(this.#at);
    code.get(this.#at).access(Access.i32_load, State.FRAMES).set(PC);
    for (let register = 6; register <= 10; register++) {
      code
        .i32(0)
        .get(this.#at)
        .access(Access.i64_load, State.FRAMES + 8 * (register - 5))
        .access(Access.i64_store, R(register));
    }
    this.#clearArguments();
    code.br(this.#toLoop);
  }
}
