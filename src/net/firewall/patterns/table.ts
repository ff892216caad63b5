// An automaton as the value of a map, and its walk in a program.
//
//     ┌ class of each byte, 256 ┬ masks, 8 for each accepting state ┬ a column for each class: the next state by the state, 2 each ┐
//
// States are written as twice their number, which is their offset within a column: from one byte to the next it is one addition and
// one load. A state is any number of 16 bits to the verifier, so that behind the last column there is room for a whole one.

import { type FunctionBuilder, INT, type Value, type Variable } from "../../../compiler/index.ts";
import type { MapSpec } from "../../../object/index.ts";
import type { Automaton } from "./automaton.ts";
import { END } from "./tree.ts";

const BPF_F_RDONLY_PROG = 0x80;
const CLASS_BYTES = 256;
const COLUMN_ROOM = 65_536;
/** Bytes of a map's value: what kernels before 5.16 allow (KMALLOC_MAX_SIZE). */
export const MOST_TABLE_BYTES: number = 4 << 20;

export interface Table {
  readonly map: MapSpec;
  readonly automaton: Automaton;
  readonly masksAt: number;
  readonly columnsAt: number;
  readonly columnBytes: number;
}

const powerOver = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));

/** Bytes that the table of an automaton takes. */
export const tableBytes = ({ masks, classes, states }: Automaton): number =>
  CLASS_BYTES + 8 * powerOver(masks.length) + powerOver(classes) * states * 2 + COLUMN_ROOM;

export function tableOf(automaton: Automaton, name: string): Table {
  const { classOf, classes, states, next, masks } = automaton;
  const masksAt = CLASS_BYTES;
  const columnsAt = masksAt + 8 * powerOver(masks.length);
  const columnBytes = states * 2;
  const initial = new Uint8Array(columnsAt + classes * columnBytes);
  const view = new DataView(initial.buffer);
  initial.set(classOf.subarray(0, CLASS_BYTES));
  for (const [i, mask] of masks.entries()) view.setBigUint64(masksAt + 8 * i, mask, true);
  for (const [i, state] of next.entries()) view.setUint16(columnsAt + 2 * i, state * 2, true);
  const map: MapSpec = {
    name,
    type: "array",
    keySize: 4,
    valueSize: tableBytes(automaton),
    maxEntries: 1,
    flags: BPF_F_RDONLY_PROG,
    initial,
  };
  return { map, automaton, masksAt, columnsAt, columnBytes };
}

/** The state in which walks begin. */
export const startOf = ({ automaton }: Table): number => automaton.start * 2;

/** A walk under way in a function. */
export class Walk {
  readonly #b: FunctionBuilder;
  readonly #table: Table;
  readonly #classes: Value;
  readonly #columns: Value;
  readonly #state: Variable = { name: "state", type: INT };
  readonly #found: Variable = { name: "found", type: INT };

  /** Goes on from a state that an earlier walk has left; without one it begins. */
  constructor(b: FunctionBuilder, table: Table, state?: Value) {
    this.#b = b;
    this.#table = table;
    this.#classes = b.mapValue(table.map.name, 0);
    this.#columns = b.mapValue(table.map.name, table.columnsAt);
    b.write(this.#state, state ?? b.const(startOf(table)));
    b.write(this.#found, b.const(0));
  }

  /** Goes on by a byte, which is 0 to 255. */
  byte(value: Value): void {
    const b = this.#b;
    const { classes } = this.#table.automaton;
    const loaded = b.load("u8", b.add(this.#classes, value));
    const within = classes <= 128 ? b.and(loaded, powerOver(classes) - 1) : loaded;
    this.#to(b.add(this.#columns, b.binary("mul", within, this.#table.columnBytes)));
  }

  /** Goes on by the end. */
  end(): void {
    const { automaton, columnBytes } = this.#table;
    this.#to(this.#b.add(this.#columns, (automaton.classOf[END] as number) * columnBytes));
  }

  #to(column: Value): void {
    const b = this.#b;
    const { automaton, masksAt, map } = this.#table;
    const state = b.load("u16", b.add(column, b.read(this.#state)));
    b.write(this.#state, state);
    if (automaton.masks.length === 0) return;
    b.when(
      "uge",
      state,
      automaton.accepting * 2,
      () => {
        const offset = b.and(
          b.binary("shl", b.binary("sub", state, automaton.accepting * 2), 2),
          8 * powerOver(automaton.masks.length) - 8,
        );
        const mask = b.load("u64", b.add(b.mapValue(map.name, masksAt), offset));
        b.write(this.#found, b.binary("or", b.read(this.#found), mask));
      },
      { unlikely: "then" },
    );
  }

  /** Where it is, of 16 bits. */
  get state(): Value {
    return this.#b.read(this.#state);
  }

  /** Bits of what has matched so far. */
  get found(): Value {
    return this.#b.read(this.#found);
  }
}
