// Expressions of pcap-filter(7) and bytes at a place, as conditions of rules: the classic program becomes a function of its own that
// reads the packet where it lies.

import { type Block, FunctionBuilder, type IrFunction, type Value, type Variable } from "../../compiler/index.ts";
import type { ReadConfig } from "../../config/index.ts";
import type { ClassicInstruction } from "../../isa/index.ts";
import { type CompiledFilter, compileFilter } from "../../lang/filter/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { HOOKS, type HookName, SK_BUFF } from "./hooks.ts";
import { packetBounds } from "./parse-packet.ts";
import type { Rule, RuleSet } from "./rules.ts";

/** What a rule asks of the packet's bytes, as one expression; undefined: nothing. */
export function filterText({ filter, bytes }: Rule): string | undefined {
  const places = bytes?.map(({ offset, equal }) => `ether[${offset}:${equal.bytes}] = ${equal.value}`).join(" or ");
  const parts = [filter, places].filter((part) => part !== undefined).map((part) => `(${part})`);
  return parts.length === 0 ? undefined : parts.join(" and ");
}

/** The compiled expression of a rule. Throws a DiagnosticError (SCRY1608) at the rule. */
export function ruleFilter(
  rule: Rule,
  index: number,
  read: ReadConfig<RuleSet>,
  hook: HookName,
): CompiledFilter | undefined {
  const text = filterText(rule);
  if (text === undefined) return undefined;
  const refuse = (message: string): never => {
    const span = read.place("rules", index, rule.filter === undefined ? "bytes" : "filter");
    throw new DiagnosticError([{ code: "SCRY1608", severity: "error", message, span }], read.source);
  };
  try {
    const filter = compileFilter(text, { linkType: HOOKS[hook].link === 0 ? "RAW" : "EN10MB" });
    if (filter.loops) return refuse("'protochain' has a loop, which the kernel does not take");
    if (filter.classic.some(({ code, k }) => (code & 7) === 0 && (code & 0xe0) === 0x20 && k >= ANCILLARY))
      return refuse("This asks what only captures know: of the interface, the direction, or a tag that was taken out");
    return filter;
  } catch (error) {
    if (error instanceof DiagnosticError && error.source !== read.source)
      return refuse(error.diagnostics[0]?.message ?? "This is no filter");
    throw error;
  }
}

/** Offsets from here on ask for what is beside the packet (SKF_AD_OFF, SKF_NET_OFF: linux/filter.h). */
const ANCILLARY = 0xffe0_0000;
/** As far as the kernel's verifier follows an offset into a packet. */
const FARTHEST = 0x7fff;

/** The function that answers whether a rule's bytes are as it asks; undefined: it asks nothing. */
export function filterFunction(
  rule: Rule,
  index: number,
  hook: HookName,
  read: ReadConfig<RuleSet>,
): IrFunction | undefined {
  const filter = ruleFilter(rule, index, read, hook);
  return filter === undefined ? undefined : new FilterWriter(`filter_${index}`, hook).write(filter.classic);
}

const INT = { kind: "int" } as const;
const ALU = ["add", "sub", "mul", "div", "or", "and", "shl", "shr", "neg", "mod", "xor"] as const;
const JUMPS = ["", "eq", "ugt", "uge", "set"] as const;

class FilterWriter {
  readonly #b: FunctionBuilder;
  readonly #a: Variable = { name: "A", type: INT };
  readonly #x: Variable = { name: "X", type: INT };
  readonly #memory: readonly Variable[] = Array.from({ length: 16 }, (_, i) => ({ name: `M${i}`, type: INT }));
  readonly #refuse: Block;
  readonly #start: Value | undefined;
  readonly #end: Value | undefined;
  readonly #buffer: Value | undefined;

  constructor(name: string, hook: HookName) {
    const b = new FunctionBuilder(name, [{ kind: "ctx" }]);
    this.#b = b;
    this.#refuse = b.block("refuse");
    if (hook === "xdp") {
      const { start, end } = packetBounds(b, HOOKS.xdp);
      [this.#start, this.#end] = [start, end];
    } else this.#buffer = b.slot(8, true);
  }

  write(program: readonly ClassicInstruction[]): IrFunction {
    const b = this.#b;
    const blocks = new Map<number, Block>();
    const target = (at: number): Block => {
      let block = blocks.get(at);
      if (block === undefined) blocks.set(at, (block = b.block("at")));
      return block;
    };
    program.forEach((instruction, i) => {
      const block = blocks.get(i);
      if (block !== undefined) {
        if (!b.terminated) b.jump(block);
        b.enter(block);
      }
      if (!b.terminated) this.#one(instruction, i, target);
    });
    if (!b.terminated) b.return(0);
    b.enter(this.#refuse);
    b.return(0);
    return b.finish();
  }

  #one({ code, jt, jf, k }: ClassicInstruction, at: number, target: (at: number) => Block): void {
    const b = this.#b;
    const operand = (): Value => ((code & 8) === 0 ? b.const(k) : b.read(this.#x));
    switch (code & 7) {
      case 0:
        b.write(this.#a, this.#load(code, k));
        return;
      case 1:
        b.write(
          this.#x,
          (code & 0xe0) === 0xa0 ? b.binary("shl", b.and(this.#at(b.const(k), 1), 15), 2) : this.#load(code, k),
        );
        return;
      case 2:
        b.write(this.#memory[k & 15] as Variable, b.read(this.#a));
        return;
      case 3:
        b.write(this.#memory[k & 15] as Variable, b.read(this.#x));
        return;
      case 4: {
        const name = ALU[code >> 4] as (typeof ALU)[number];
        const a = b.read(this.#a);
        if (name === "neg") {
          b.write(this.#a, b.neg(a, 32));
          return;
        }
        const right = operand();
        if (name === "div" || name === "mod") b.must("ne", right, 0, this.#refuse);
        b.write(this.#a, b.binary(name, a, right, 32));
        return;
      }
      case 5: {
        if ((code & 0xf0) === 0) {
          b.jump(target(at + 1 + k));
          return;
        }
        const condition = JUMPS[(code & 0xf0) >> 4] as "eq" | "ugt" | "uge" | "set";
        b.branch(condition, b.read(this.#a), operand(), target(at + 1 + jt), target(at + 1 + jf), { width: 32 });
        return;
      }
      case 6: {
        const answer = (code & 0x18) === 0x10 ? b.read(this.#a) : b.const(k === 0 ? 0 : 1);
        b.return(answer);
        return;
      }
      default:
        if ((code & 0xf8) === 0x80) b.write(this.#a, b.read(this.#x));
        else b.write(this.#x, b.read(this.#a));
    }
  }

  #load(code: number, k: number): Value {
    const b = this.#b;
    const size = (code & 0x18) === 0 ? 4 : (code & 0x18) === 0x08 ? 2 : 1;
    switch (code & 0xe0) {
      case 0x20:
        return this.#at(b.const(k), size);
      case 0x40:
        return this.#at(b.binary("add", b.read(this.#x), k, 32), size);
      case 0x60:
        return b.read(this.#memory[k & 15] as Variable);
      case 0x80:
        return this.#length();
      default:
        return b.const(k);
    }
  }

  #length(): Value {
    const b = this.#b;
    return this.#start === undefined
      ? b.load("u32", b.param(0), SK_BUFF.len)
      : b.binary("sub", this.#end as Value, this.#start);
  }

  /** Bytes of the packet as a number; where they are not there, the filter does not match. */
  #at(offset: Value, size: 1 | 2 | 4): Value {
    const b = this.#b;
    const bits = (size * 8) as 8 | 16 | 32;
    const inOrder = (value: Value): Value => (size === 1 ? value : b.bswap(value, bits as 16 | 32));
    b.must("ule", offset, FARTHEST, this.#refuse, { unlikely: "else" });
    if (this.#buffer !== undefined) {
      const failed = b.helper("skb_load_bytes", [b.param(0), offset, this.#buffer, b.const(size)]);
      b.must("eq", failed, 0, this.#refuse, { unlikely: "else" });
      return inOrder(b.load(`u${bits}`, this.#buffer, 0));
    }
    const place = b.add(this.#start as Value, offset);
    b.must("ule", b.add(place, size), this.#end as Value, this.#refuse, { unlikely: "else" });
    return inOrder(b.load(`u${bits}`, place, 0));
  }
}
