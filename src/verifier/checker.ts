// What every check needs to know: the program, its maps, the profile, and the ids that are given out.

import type { Btf } from "../btf/index.ts";
import type { Instruction } from "../isa/index.ts";
import {
  attachTypeOf,
  BPF_F_RDONLY_PROG,
  type BpfObject,
  KCONFIG,
  type MapSpec,
  type ProgramSpec,
  returnRange,
} from "../object/index.ts";
import { PlacedFault, type ProgramGraph } from "./program-graph.ts";
import type { Fault } from "./refusal.ts";
import { type Relevance, type RelevanceBasis, relevanceBasis, relevanceOf, sameRelevance } from "./relevance.ts";
import { constant, type Scalar } from "./scalar.ts";
import { forbiddenIn, type SpecialField, specialFields } from "./special-fields.ts";
import { type StackLiveness, stackLiveness } from "./stack-liveness.ts";

export type Profile = "linux" | "strict";

export interface Settings {
  readonly strict: boolean;
  readonly wholeStack: boolean;
  readonly machine: string;
  readonly cpus: number;
  readonly memory: number | undefined;
  readonly frozen: boolean;
}

export class Checker {
  readonly graph: ProgramGraph;
  readonly program: ProgramSpec;
  readonly object: BpfObject;
  readonly strict: boolean;
  /** Stack that was never written must not be read. */
  readonly wholeStack: boolean;
  readonly machine: string;
  readonly cpus: number;
  /** Bytes that r1 points to, in place of a context. */
  readonly memory: number | undefined;
  /** The least and the greatest result that this kind of program may return. */
  readonly resultRange: readonly [bigint, bigint] | undefined;
  /** Numbers that may come to matter: only these are worked out. */
  readonly needed: Relevance;
  /** Bytes of stack that each function uses, by its first slot. */
  readonly stackDepth: Map<number, number> = new Map();
  /** What the program is loaded for, where that is said. */
  readonly attachType: string | undefined;
  /** Maps that programs only read keep what they begin with. */
  readonly frozen: boolean;
  readonly #maps: ReadonlyMap<string, MapSpec>;
  readonly #fields = new Map<MapSpec, readonly SpecialField[]>();
  readonly #basis: RelevanceBasis;
  readonly #deciding: Uint8Array;
  readonly #links: Uint16Array;
  readonly #counters: Uint16Array;
  readonly #countingWords = new Map<number, Set<number>>();
  readonly #keyWords = new Map<number, Set<number>>();
  #relevance: Relevance;
  readonly #results: ({ left: Scalar; right: Scalar; result: Scalar } | undefined)[] = [];
  readonly #immediates: (Scalar | undefined)[] = [];
  #outdated = false;
  #marked = false;
  #ids = 0;

  readonly #apart: ReadonlySet<number>;

  constructor(graph: ProgramGraph, program: ProgramSpec, object: BpfObject, settings: Settings) {
    this.graph = graph;
    this.program = program;
    this.object = object;
    this.strict = settings.strict;
    this.wholeStack = settings.wholeStack;
    this.machine = settings.machine;
    this.cpus = settings.cpus;
    this.memory = settings.memory;
    this.frozen = settings.frozen;
    this.attachType = attachTypeOf(program) ?? program.target?.kind;
    this.resultRange = returnRange(program.type, this.attachType);
    this.#apart = functionsApart(graph, object.types);
    this.#maps = new Map(object.maps.map((map) => [map.name, map]));
    this.#basis = relevanceBasis(graph);
    this.#deciding = new Uint8Array(graph.code.length);
    this.#links = new Uint16Array(graph.code.length);
    this.#counters = new Uint16Array(graph.code.length);
    this.needed = this.#relevanceOf(undefined);
    this.#relevance = this.#relevanceOf(this.#deciding);
  }

  /**
   * Functions that are verified by themselves, by their first slots: of their arguments no more is known than that they are
   * numbers, and of their results in whoever calls them.
   */
  get apart(): ReadonlySet<number> {
    return this.#apart;
  }

  /** Those of them that are called, as far as paths were followed. */
  readonly called: Set<number> = new Set();

  /** Numbers that matter when states are compared, as far as exploring has shown. */
  get relevance(): Relevance {
    return this.#relevance;
  }

  /** At this slot the numbers at hand made a difference: states that differ in them must be told apart. */
  decides(slot: number): void {
    if (this.#deciding[slot] === 1) return;
    this.#deciding[slot] = 1;
    const i = this.graph.code[slot] as Instruction;
    const operands = (1 << i.dst) | ((i.op & 8) !== 0 ? 1 << i.src : 0);
    if ((operands & ~(this.#relevance.registers[slot] as number)) !== 0) this.#outdated = true;
  }

  /** What is compared at this slot says something of other registers too, given as bits. */
  links(slot: number, registers: number): void {
    const known = this.#links[slot] as number;
    if ((registers & ~known) === 0) return;
    this.#links[slot] = known | registers;
    this.#outdated = true;
  }

  /** That the loop at this slot ends is known from this register. */
  countsBy(slot: number, register: number): void {
    this.#counters[slot] = (this.#counters[slot] as number) | (1 << register);
    this.#outdated = true;
  }

  /** … or from this word of its function's stack. */
  countsByWord(slot: number, word: number): void {
    const start = this.graph.functionOf[slot]?.start ?? 0;
    this.#countingWords.set(start, new Set([...(this.#countingWords.get(start) ?? []), word]));
    this.#outdated = true;
  }

  /** That a look-up at this slot finds something is known from the key at this place of its function's stack. */
  keyDecides(slot: number, off: number): void {
    const start = this.graph.functionOf[slot]?.start ?? 0;
    const words = this.#keyWords.get(start) ?? new Set();
    const word = (-off - 1) >> 3;
    if (words.has(word)) return;
    this.#keyWords.set(start, words.add(word));
    this.#outdated = true;
  }

  /** Takes in what has shown to decide since; false where nothing more matters than before. */
  renew(everything = false): boolean {
    if (!this.#outdated) return false;
    if (everything) this.#deciding.fill(1);
    this.#outdated = false;
    const before = this.#relevance;
    this.#relevance = this.#relevanceOf(this.#deciding);
    return !sameRelevance(this.graph, before, this.#relevance);
  }

  #relevanceOf(slots: Uint8Array | undefined): Relevance {
    return relevanceOf(this.graph, this.#basis, {
      slots,
      links: this.#links,
      counters: this.#counters,
      countingWords: this.#countingWords,
      keyWords: this.#keyWords,
      divisors: this.strict,
      result: this.resultRange !== undefined,
    });
  }

  /** What the kernel looks after in a map's values. */
  fieldsOf(map: MapSpec): readonly SpecialField[] {
    let fields = this.#fields.get(map);
    if (fields === undefined) {
      const { types } = this.object;
      fields = types === undefined || map.valueType === undefined ? [] : specialFields(types, map.valueType);
      this.#fields.set(map, fields);
    }
    return fields;
  }

  /** Are values of the map told apart by where they were looked up, since their locks are? */
  hasLock(map: MapSpec): boolean {
    return this.object.types !== undefined && this.fieldsOf(map).some(({ kind }) => kind === "spin-lock");
  }

  /** What a map that programs only read holds for good, as far as that is known. */
  constantsOf(map: MapSpec): Uint8Array | undefined {
    if (!this.frozen || map.initial === undefined || map.type !== "array" || map.maxEntries !== 1) return undefined;
    if (((map.flags ?? 0) & BPF_F_RDONLY_PROG) === 0) return undefined;
    return map.name === KCONFIG && this.object.settings !== undefined ? undefined : map.initial;
  }

  map(name: string): MapSpec | undefined {
    return this.#maps.get(name);
  }

  /** Where loops are run turn by turn: words of the stack that may still be read; else all may. */
  stackLiveness: StackLiveness | undefined;
  #stackLiveness: StackLiveness | undefined;

  /** From now on loops are run turn by turn, or are not. */
  stepping(on: boolean): void {
    this.stackLiveness = on ? (this.#stackLiveness ??= stackLiveness(this.graph)) : undefined;
  }

  /** The stack holds things of the kernel's from now on. */
  marksStack(): void {
    this.#marked = true;
  }

  get hasMarks(): boolean {
    return this.#marked;
  }

  newId(): number {
    return ++this.#ids;
  }

  /** What the instruction at this slot gave for these operands, if they were the last. */
  recall(slot: number, left: Scalar, right: Scalar): Scalar | undefined {
    const known = this.#results[slot];
    return known !== undefined && known.left === left && known.right === right ? known.result : undefined;
  }

  remember(slot: number, left: Scalar, right: Scalar, result: Scalar): Scalar {
    this.#results[slot] = { left, right, result };
    return result;
  }

  /** What an instruction's immediate stands for, to its width. */
  immediate(slot: number, { op, imm }: Instruction): Scalar {
    const type = op & 7;
    return (this.#immediates[slot] ??= constant(BigInt(type === 4 || type === 6 ? imm >>> 0 : imm)));
  }

  usesStack(slot: number, bytes: number): void {
    const start = this.graph.functionOf[slot]?.start ?? 0;
    if (bytes > (this.stackDepth.get(start) ?? 0)) this.stackDepth.set(start, bytes);
  }

  /** Are maps and their values there, also where no path comes by (resolve_pseudo_ldimm64)? Throws PlacedFault. */
  checkReferences(): void {
    const { type, target } = this.program;
    if ((type === "tracing" || type === "lsm") && target === undefined) {
      const message = `A program of type ${type} must say what of the kernel it is for`;
      throw new PlacedFault(0, { reason: "context", message, registers: [] });
    }
    for (const [slot, ref] of this.graph.references.entries()) {
      if (ref?.kind !== "map" && ref?.kind !== "map-value") continue;
      const map = this.map(ref.map);
      const fail = (reason: Fault["reason"], message: string): never => {
        throw new PlacedFault(slot, { reason, message, registers: [] });
      };
      if (map === undefined) {
        fail("unsupported", `The object has no map called ${ref.map}`);
        continue;
      }
      if (![map.keySize, map.valueSize, map.maxEntries].every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32)) {
        fail("unsupported", `The sizes of the map ${map.name} are no sizes`);
      }
      const forbidden = forbiddenIn(this.fieldsOf(map), map, this.program.type);
      if (forbidden !== undefined) fail("argument", forbidden);
      if (ref.kind === "map") continue;
      if (map.type !== "array" && map.type !== "percpu_array") {
        fail("argument", `Only an array's element has an address, and ${map.name} is of type ${map.type}`);
      }
      if (map.maxEntries !== 1) {
        fail("argument", `Only an array of one element has an address, and ${map.name} has ${map.maxEntries}`);
      }
      if (ref.offset < 0 || ref.offset >= map.valueSize) {
        fail("bounds", `Byte ${ref.offset} of ${map.name}, whose values have ${map.valueSize} bytes`);
      }
    }
  }
}

/** Functions that the kernel knows by the object's types, and hands nothing but numbers. */
function functionsApart({ functions }: ProgramGraph, types: Btf | undefined): ReadonlySet<number> {
  const apart = new Set<number>();
  for (const { start, type } of functions) {
    if (start === 0 || type === undefined || types === undefined) continue;
    const func = types.type(type);
    const proto = func.kind === "func" ? types.type(func.type) : func;
    if (proto.kind !== "func_proto") continue;
    const all = [proto.returns, ...proto.params.map((one) => one.type)];
    if (all.every((id) => id !== 0 && /^(?:int|enum|enum64)$/.test(types.resolve(id).kind))) apart.add(start);
  }
  return apart;
}
