// A program made ready for this machine: linked, checked, its references resolved, and every slot decoded into the eight
// words that the interpreters read. The compiler to Wasm reads the same.

import {
  decode,
  EncodingError,
  FRAME_POINTER,
  type Instruction,
  Opcode,
  operationOf,
  SLOT_BYTES,
  slotsOf,
  validate,
} from "../isa/index.ts";
import { helperName, LinkError, type LinkedProgram, link, type ProgramSpec } from "../object/index.ts";
import { type Diagnostic, DiagnosticError, type SourceText, type Span } from "../source/index.ts";
import { effectOf, Op, WORDS, Word } from "./decoded.ts";
import { FUNCTION_TAG } from "./memory.ts";

export interface ProgramFunction {
  readonly name: string;
  /** First slot and the one after the last. */
  readonly slot: number;
  readonly end: number;
}

export interface Program {
  readonly name: string;
  readonly spec: ProgramSpec;
  /** Slots in all, and `WORDS` words for each and one more. The second slot of a wide one, and the last, hold `Op.BAD`. */
  readonly slots: number;
  readonly code: Int32Array;
  /** Starts of functions in ascending order: those of the object, and targets of local calls in raw code. */
  readonly functions: readonly ProgramFunction[];
  /** Functions whose address the program takes. */
  readonly callbacks: ReadonlySet<number>;
  /** Helpers that are called. */
  readonly helpers: ReadonlySet<number>;
  /** Does any instruction name r10? */
  readonly usesStack: boolean;
  readonly linked: LinkedProgram;
}

/** What references mean on this machine. */
export interface Resolver {
  /** The handle of a map; undefined where there is none. */
  readonly map: (name: string) => number | undefined;
  /** The address of a byte of a map's element 0; undefined where the map has no such thing. */
  readonly mapValue: (name: string, offset: number) => number | undefined;
  readonly hasHelper: (id: number) => boolean;
}

const variants: ReadonlyMap<string, number> = new Map([
  ["alu-imm s/= 32", Op.SDIV32_IMM],
  ["alu-reg s/= 32", Op.SDIV32_REG],
  ["alu-imm s/= 64", Op.SDIV64_IMM],
  ["alu-reg s/= 64", Op.SDIV64_REG],
  ["alu-imm s%= 32", Op.SMOD32_IMM],
  ["alu-reg s%= 32", Op.SMOD32_REG],
  ["alu-imm s%= 64", Op.SMOD64_IMM],
  ["alu-reg s%= 64", Op.SMOD64_REG],
  ["sign-extend s8 32", Op.MOVSX32_8],
  ["sign-extend s16 32", Op.MOVSX32_16],
  ["sign-extend s8 64", Op.MOVSX64_8],
  ["sign-extend s16 64", Op.MOVSX64_16],
  ["sign-extend s32 64", Op.MOVSX64_32],
  ["swap le16 64", Op.ZEXT16],
  ["swap le32 64", Op.ZEXT32],
  ["swap le64 64", Op.NOP],
  ["swap be16 64", Op.SWAP16],
  ["swap be32 64", Op.SWAP32],
  ["swap be64 64", Op.SWAP64],
  ["swap bswap16 64", Op.SWAP16],
  ["swap bswap32 64", Op.SWAP32],
  ["swap bswap64 64", Op.SWAP64],
]);

/** As Linux has it (BPF_COMPLEXITY_LIMIT_INSNS). */
const MOST_SLOTS = 1_000_000;
const TOO_MANY = "the program goes on, and a program has at most 1,000,000 instructions";

/** Instructions from raw bytes as a program of one function. Throws EncodingError for what RFC 9669 does not allow. */
export function rawProgram(bytes: Uint8Array, name = "raw"): ProgramSpec {
  if (bytes.length > MOST_SLOTS * SLOT_BYTES) throw new EncodingError(MOST_SLOTS, TOO_MANY);
  const code = decode(bytes);
  validate(code);
  return { name, type: "socket_filter", attach: [], functions: [{ name, code, parameters: 1 }] };
}

/** The span of a slot: that of the last line that starts at or before it. */
export function spanOf(program: Program, slot: number): Span | undefined {
  let span: Span | undefined;
  for (const line of program.linked.lines) {
    if (line.slot > slot) break;
    span = line.span;
  }
  return slot < 0 ? undefined : span;
}

/** Throws a DiagnosticError that says everything that is wrong with the program. */
export function prepare(spec: ProgramSpec, resolver: Resolver, source?: SourceText): Program {
  const diagnostics: Diagnostic[] = [];
  const report = (code: Diagnostic["code"], message: string, span?: Span): void => {
    diagnostics.push({
      code,
      severity: "error",
      message: `program "${spec.name}": ${message}`,
      ...(span === undefined ? {} : { span }),
    });
  };
  const fail = (): never => {
    throw new DiagnosticError(diagnostics, source);
  };

  let linked: LinkedProgram;
  if (spec.functions.reduce((sum, fn) => sum + fn.code.length, 0) > MOST_SLOTS) {
    report("SCRY7008", `slot ${MOST_SLOTS}: ${TOO_MANY}`);
    return fail();
  }
  try {
    linked = link(spec);
    validate(linked.instructions);
  } catch (error) {
    if (error instanceof EncodingError) report("SCRY7001", `slot ${error.slot}: ${error.reason}`);
    else if (error instanceof LinkError) report("SCRY7001", error.message);
    else throw error;
    return fail();
  }
  const spanAt = (slot: number): Span | undefined => linked.lines.findLast((line) => line.slot <= slot)?.span;

  // One more, so that a program that runs beyond its end finds an instruction that does not exist.
  const code = new Int32Array((linked.slots + 1) * WORDS);
  for (let i = Word.OP; i < code.length; i += WORDS) code[i] = Op.BAD;
  const references = new Map(linked.relocations.map((relocation) => [relocation.index, relocation.ref]));
  const starts = new Set(linked.functions.map((fn) => fn.slot));
  const callbacks = new Set<number>();
  const helpers = new Set<number>();
  let usesStack = false;

  let slot = 0;
  linked.instructions.forEach((instruction, index) => {
    const words = code.subarray(slot * WORDS, slot * WORDS + WORDS);
    const ref = references.get(index);
    usesStack ||= instruction.src === FRAME_POINTER || instruction.dst === FRAME_POINTER;
    if (ref === undefined) plain(instruction, slot, words);
    else {
      const span = spanAt(slot);
      words[Word.OP] = instruction.op;
      words[Word.DST] = instruction.dst;
      words[Word.SRC] = 0;
      switch (ref.kind) {
        case "map": {
          const handle = resolver.map(ref.map);
          if (handle === undefined) report("SCRY7002", `there is no map "${ref.map}"`, span);
          else words[Word.IMM] = handle;
          break;
        }
        case "map-value": {
          const address = resolver.mapValue(ref.map, ref.offset);
          if (address === undefined) report("SCRY7002", `the map "${ref.map}" has no byte ${ref.offset}`, span);
          else words[Word.IMM] = address;
          break;
        }
        case "kfunc":
          report("SCRY7003", `the embedded machine does not have the kernel function ${ref.name}`, span);
          break;
        case "core":
        case "poison":
          // What the compiler assumed.
          plain(instruction, slot, words);
          break;
        case "ksym":
          if (ref.weak) plain(instruction, slot, words);
          else report("SCRY7003", `the embedded machine does not have ${ref.name} of the kernel`, span);
          break;
        case "type-id":
          // There are no kernel types here: an id that names none.
          plain(instruction, slot, words);
          break;
        case "field-offset":
          report("SCRY7004", `the field ${ref.type}::${ref.path.join(".")} is known only on a running kernel`, span);
      }
    }
    if ((effectOf(code, slot).defines >> FRAME_POINTER) & 1) {
      report("SCRY7007", `slot ${slot} writes r10, the frame pointer, which is read only`, spanAt(slot));
    }
    slot += slotsOf(instruction.op);
  });

  function plain(instruction: Instruction, at: number, words: Int32Array): void {
    const { op, dst, src, off, imm } = instruction;
    const operation = operationOf(instruction);
    words[Word.OP] = op;
    words[Word.DST] = dst;
    words[Word.SRC] = src;
    words[Word.OFF] = off;
    words[Word.IMM] = imm;
    words[Word.IMM_HIGH] = imm >> 31;
    const span = (): Span | undefined => spanAt(at);
    switch (operation?.form) {
      case "alu-imm":
      case "alu-reg":
      case "sign-extend":
      case "swap":
        words[Word.OP] = variants.get(`${operation.form} ${operation.text} ${operation.width}`) ?? op;
        break;
      case "cast":
        report("SCRY7005", "arena pointers (addr_space_cast) do not exist in the embedded machine", span());
        break;
      case "gotox":
        report("SCRY7005", "indirect jumps (gotox) do not exist in the embedded machine", span());
        break;
      case "branch-imm":
      case "branch-reg":
        words[Word.TARGET] = at + 1 + off;
        break;
      case "goto":
        words[Word.TARGET] = at + 1 + (op === Opcode.GOTOL ? imm : off);
        if (op === Opcode.GOTOL) words[Word.OP] = Opcode.JA;
        break;
      case "load-acquire":
        // One thread: a plain load or store of the same size is as good.
        words[Word.OP] = (op & 0x18) | 0x61;
        break;
      case "store-release":
        words[Word.OP] = (op & 0x18) | 0x63;
        break;
      case "call":
        if (src === 1) {
          words[Word.OP] = Op.CALL_LOCAL;
          words[Word.TARGET] = at + 1 + imm;
          starts.add(at + 1 + imm);
        } else if (src === 2) {
          report("SCRY7003", `the embedded machine does not have the kernel function with BTF id ${imm}`, span());
        } else {
          helpers.add(imm);
          if (!resolver.hasHelper(imm)) {
            const name = helperName(imm);
            const what = name === undefined ? `number ${imm}, which no helper has` : `bpf_${name} (${imm})`;
            report("SCRY7006", `the embedded machine does not have the helper ${what}`, span());
          }
        }
        break;
      case "wide": {
        const value = instruction.imm64 ?? 0n;
        words[Word.IMM] = Number(BigInt.asIntN(32, value));
        words[Word.IMM_HIGH] = Number(BigInt.asIntN(32, value >> 32n));
        words[Word.SRC] = 0;
        if (src === 4) {
          const target = at + 1 + imm;
          starts.add(target);
          callbacks.add(target);
          words[Word.IMM] = target;
          words[Word.IMM_HIGH] = FUNCTION_TAG;
        } else if (src !== 0) {
          report("SCRY7002", `an address of kind ${src} with the number ${imm}, which only a loader knows`, span());
        }
      }
    }
  }

  const ordered = [...starts].sort((a, b) => a - b);
  const names = new Map(linked.functions.map((fn) => [fn.slot, fn.name]));
  const functions = ordered.map((start, i) => ({
    name: names.get(start) ?? `function_${start}`,
    slot: start,
    end: ordered[i + 1] ?? linked.slots,
  }));
  if (diagnostics.length > 0) fail();
  return { name: spec.name, spec, slots: linked.slots, code, functions, callbacks, helpers, usesStack, linked };
}
