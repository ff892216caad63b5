// Answers all that an object asks of a kernel's types, and puts the answers into its instructions (libbpf's relo_core.c,
// bpf_core_calc_relo_insn and bpf_core_patch_insn). What a kernel does not have is either the answer (0 of "exists"), or code
// that must never be reached: the verifier does not look at it where a check before it says so.

import type { Btf, BtfKind, BtfType } from "../btf/index.ts";
import { typeNameC } from "../btf/index.ts";
import { Class, type Instruction, Mode, Opcode, Operand, Size } from "../isa/index.ts";
import type { BpfObject, CoreQuestion, ObjectInstruction } from "../object/index.ts";
import { FormatError } from "../source/index.ts";
import { matchEnumerator, matchField, typesAgree } from "./match.ts";
import { typesMatch } from "./match-types.ts";
import { enumeratorSpec, essentialName, fieldSpec, type Spec } from "./spec.ts";
import { type Answer, answer, isOfEnumerator, isOfField, NoAnswer } from "./values.ts";

/** The types of the kernel that the object is for. */
export interface TargetTypes {
  readonly btf: Btf;
  /** Those of its modules, asked only for what the kernel itself does not have. */
  modules(): Iterable<Btf>;
}

type CoreReference = Extract<NonNullable<ObjectInstruction["ref"]>, { kind: "core" }>;

/** What a program asks for, and the kernel's types do not say clearly, or its code cannot hold. */
export class CoreError extends Error {
  readonly program: string;
  /** The instruction that asks. */
  readonly at: ObjectInstruction;
  constructor(message: string, program: string, at: ObjectInstruction) {
    super(message);
    this.name = "CoreError";
    this.program = program;
    this.at = at;
  }
}

export const asksForTypes = (object: BpfObject): boolean =>
  object.programs.some((p) => p.functions.some((f) => f.code.some((one) => one.ref?.kind === "core")));

/** The object for one kernel. Throws CoreError. */
export function resolveCore(object: BpfObject, target: TargetTypes): BpfObject {
  const local = object.types;
  if (local === undefined || !asksForTypes(object)) return object;
  const questions = new Questions(local, target);
  const programs = object.programs.map((program) => ({
    ...program,
    functions: program.functions.map((fn) =>
      fn.code.some((one) => one.ref?.kind === "core")
        ? { ...fn, code: fn.code.flatMap((one) => resolved(one, questions, program.name)) }
        : fn,
    ),
  }));
  return { ...object, programs };
}

/** One question of an object, and what the types of a kernel say to it. */
export interface CoreAnswer {
  /** What is asked, in C: `field struct task_struct.mm`. */
  readonly what: string;
  readonly ask: CoreQuestion;
  /** What the compiler took it to be; what it is here. Absent: the kernel does not have it. */
  readonly assumed?: bigint;
  readonly found?: bigint;
  /** Why it cannot be answered. */
  readonly problem?: string;
  /** How many instructions ask it. */
  readonly count: number;
}

/** All that the programs of an object ask of a kernel's types, each question once. */
export function coreAnswers(object: BpfObject, target: TargetTypes): readonly CoreAnswer[] {
  const { types } = object;
  if (types === undefined) return [];
  const questions = new Questions(types, target);
  const found = new Map<string, CoreAnswer>();
  for (const { functions } of object.programs)
    for (const { ref } of functions.flatMap(({ code }) => code)) {
      if (ref?.kind !== "core") continue;
      const key = `${ref.ask} ${ref.type} ${ref.access}`;
      const known = found.get(key);
      found.set(key, known === undefined ? answered(questions, ref) : { ...known, count: known.count + 1 });
    }
  return [...found.values()];
}

function answered(questions: Questions, ref: CoreReference): CoreAnswer {
  const own = { what: questions.describe(ref), ask: ref.ask, count: 1 };
  try {
    const answers = questions.answer(ref);
    return answers === undefined ? own : { ...own, assumed: answers.assumed.value, found: answers.found.value };
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof NoAnswer)) throw error;
    return { ...own, problem: error.message };
  }
}

function resolved(one: ObjectInstruction, questions: Questions, program: string): ObjectInstruction[] {
  if (one.ref?.kind !== "core") return [one];
  const { ref, ...plain } = one;
  try {
    const found = questions.answer(ref);
    return found === undefined ? poison(one, questions.describe(ref)) : patched(plain, found, questions.describe(ref));
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof NoAnswer)) throw error;
    throw new CoreError(`${questions.describe(ref)}: ${error.message}`, program, one);
  }
}

/** What the kernel's types answer, and what the object's own types do: that is what the compiler wrote. */
interface Answers {
  readonly assumed: Answer;
  readonly found: Answer;
}

class Questions {
  readonly #local: Btf;
  readonly #target: TargetTypes;
  readonly #candidates = new Map<number, readonly Candidate[]>();
  readonly #answers = new Map<string, Answers | undefined>();

  constructor(local: Btf, target: TargetTypes) {
    this.#local = local;
    this.#target = target;
  }

  /** Undefined: the kernel does not have it. */
  answer(ref: CoreReference): Answers | undefined {
    const key = `${ref.ask} ${ref.type} ${ref.access}`;
    if (this.#answers.has(key)) return this.#answers.get(key);
    const answers = this.#ask(ref);
    this.#answers.set(key, answers);
    return answers;
  }

  #ask({ ask, type, access }: CoreReference): Answers | undefined {
    const local = this.#local;
    const spec = isOfField(ask)
      ? fieldSpec(local, type, access)
      : isOfEnumerator(ask)
        ? enumeratorSpec(local, type, access)
        : { btf: local, root: type, steps: [], bitOffset: 0 };
    const assumed = answer(ask, spec) as Answer;
    if (ask === "type-id-local") return { assumed, found: assumed };
    if (local.name(type) === "") throw new NoAnswer("a type without a name cannot be looked for in the kernel");
    let found: Answer | undefined;
    let from: Candidate | undefined;
    for (const candidate of this.#candidatesOf(type)) {
      const place = matching(ask, spec, candidate);
      if (place === undefined) continue;
      const own = answer(ask, place);
      if (from !== undefined && own?.value !== found?.value)
        throw new NoAnswer(
          `it is not clear which type is meant: ${describeType(from.btf, from.id)} has ${found?.value}, another of its name ${own?.value}`,
        );
      [found, from] = [own, candidate];
    }
    if (from === undefined) found = answer(ask, undefined);
    return found === undefined ? undefined : { assumed, found };
  }

  /** Types of the same name, without flavours: the kernel's, or else those of its modules. */
  #candidatesOf(type: number): readonly Candidate[] {
    let found = this.#candidates.get(type);
    if (found === undefined) {
      const name = essentialName(this.#local.name(type));
      const kinds = kindsLike(this.#local.kind(type));
      found = this.#target.btf.findEach(name, kinds).map((id) => ({ btf: this.#target.btf, id }));
      if (found.length === 0)
        found = [...this.#target.modules()].flatMap((btf) => btf.findEach(name, kinds).map((id) => ({ btf, id })));
      this.#candidates.set(type, found);
    }
    return found;
  }

  /** What is asked, in C: `field struct task_struct.mm.owner`. */
  describe({ ask, type, access }: CoreReference): string {
    const word = ask.startsWith("enumerator") ? "enumerator" : ask.startsWith("type") ? "type" : "field";
    let path = "";
    try {
      if (isOfField(ask))
        path = fieldSpec(this.#local, type, access)
          .steps.slice(1)
          .map((s) => (s.name === undefined ? `[${s.index}]` : `.${s.name}`))
          .join("");
      else if (isOfEnumerator(ask)) path = `::${enumeratorSpec(this.#local, type, access).steps[0]?.name}`;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      path = ` (${access})`;
    }
    return `${word} ${describeType(this.#local, type)}${path}`;
  }
}

interface Candidate {
  readonly btf: Btf;
  readonly id: number;
}

const describeType = (btf: Btf, id: number): string => typeNameC(btf, id);

const kindsLike = (kind: BtfKind): readonly BtfKind[] =>
  kind === "enum" || kind === "enum64" ? ["enum", "enum64"] : [kind];

function matching(ask: CoreQuestion, spec: Spec, { btf, id }: Candidate): Spec | undefined {
  if (isOfField(ask)) return matchField(spec, btf, id);
  if (isOfEnumerator(ask)) return matchEnumerator(spec, btf, id);
  const same =
    ask === "type-matches" ? typesMatch(spec.btf, spec.root, btf, id) : typesAgree(spec.btf, spec.root, btf, id);
  return same ? { btf, root: id, steps: [], bitOffset: 0 } : undefined;
}

/** `call` of a helper that does not exist, as libbpf writes it: the number says to who reads the verifier's log what it is. */
export const POISON = 195_896_080;

function poison(one: ObjectInstruction, what: string): ObjectInstruction[] {
  const call: ObjectInstruction = {
    op: Opcode.CALL,
    dst: 0,
    src: 0,
    off: 0,
    imm: POISON,
    ref: { kind: "poison", reason: `this kernel has no ${what}` },
    ...(one.span === undefined ? {} : { span: one.span }),
  };
  return one.op === Opcode.LDDW ? [call, call] : [call];
}

/** The instruction with the answer in it. */
function patched(one: ObjectInstruction, { assumed, found }: Answers, what: string): ObjectInstruction[] {
  const kind = one.op & 7;
  const expect = (value: bigint | number): void => {
    if (assumed.check && BigInt(value) !== assumed.value)
      throw new NoAnswer(`the compiler wrote ${value} where the object's types say ${assumed.value}`);
  };
  if (one.op === Opcode.LDDW) {
    if (one.src !== 0) throw new NoAnswer("the constant that should hold it is none");
    expect(BigInt.asUintN(64, one.imm64 ?? 0n));
    const value = BigInt.asUintN(64, found.value);
    return [{ ...one, imm: Number(BigInt.asIntN(32, value)), imm64: value }];
  }
  if (kind === Class.ALU || kind === Class.ALU64) {
    if ((one.op & 8) !== Operand.K) throw new NoAnswer("the instruction that should hold it has no constant");
    if (assumed.check && BigInt.asUintN(32, BigInt(one.imm)) !== BigInt.asUintN(32, assumed.value))
      throw new NoAnswer(`the compiler wrote ${one.imm} where the object's types say ${assumed.value}`);
    return [{ ...one, imm: Number(BigInt.asIntN(32, found.value)) }];
  }
  if (kind !== Class.LDX && kind !== Class.ST && kind !== Class.STX)
    throw new NoAnswer(`an instruction of opcode ${one.op} cannot hold it`);
  expect(one.off);
  if (found.value > 32767n) throw new NoAnswer(`its offset, ${found.value}, is too large for a load`);
  const op = resized(one, assumed, found);
  if (op === undefined) return poison(one, `${what} of a kind that a load of this width can read`);
  return [{ ...one, op, off: Number(found.value) }];
}

const SIZE_BITS = new Map<number, number>([
  [1, Size.B],
  [2, Size.H],
  [4, Size.W],
  [8, Size.DW],
]);

/**
 * The opcode of a load as wide as the field is here. Only pointers and unsigned numbers may be loaded narrower or wider than
 * the compiler did; undefined: others.
 */
function resized(one: Instruction, assumed: Answer, found: Answer): number | undefined {
  const [before, now] = [assumed.load, found.load];
  if (before === undefined || now === undefined || before.size === now.size) return one.op;
  const unsigned = (type: BtfType): boolean => type.kind === "int" && !type.signed;
  const both = (is: (type: BtfType) => boolean): boolean => is(before.type) && is(now.type);
  if (!both((type) => type.kind === "ptr") && !both(unsigned)) return undefined;
  const bits = SIZE_BITS.get(now.size);
  if (SIZE_BITS.get(before.size) !== (one.op & 0x18))
    throw new NoAnswer(`a load of another width than the field's ${before.size} bytes`);
  if (bits === undefined || (one.op & 0xe0) === Mode.IMM) throw new NoAnswer(`no load takes ${now.size} bytes`);
  return (one.op & ~0x18) | bits;
}
