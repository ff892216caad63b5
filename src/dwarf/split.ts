// Units whose entries stand apart from the program (gcc -gsplit-dwarf): what is linked into it is a skeleton that names a
// file of its own (x.dwo), or all of them are put together into one package beside it (PROGRAM.dwp). DWARF 5, 7.3; before
// that "DebugFission" of GCC's wiki.
//
//     skeleton in PROGRAM: id, file, line table, addresses   ──id──►   unit in x.dwo, or in the package by its index

import type { ElfFile } from "../elf/index.ts";
import { Attribute, Tag } from "./constants.ts";
import { type DwarfOptions, debugSections, type Sections } from "./sections.ts";
import { type Entry, rootOf, type Unit, Units } from "./units.ts";

/** Opens what stands apart from a program; undefined: there is no such file. */
export interface SplitFiles {
  /** A file by the name that its compiler gave it, and the folder that the name begins in. */
  readonly unit: (name: string, folder: string) => ElfFile | undefined;
  /** The program's package. */
  readonly package: () => ElfFile | undefined;
}

/** Sections of a package's index (DWARF 5, 7.3.5.3; GNU's before that), by their numbers. */
const INDEXED: readonly Readonly<Record<number, string>>[] = [
  { 1: "info", 3: "abbrev", 4: "line", 5: "loclists", 6: "str_offsets", 8: "rnglists" },
  { 1: "info", 3: "abbrev", 4: "line", 5: "loc", 6: "str_offsets" },
];

interface Part {
  readonly offset: number;
  readonly size: number;
}

interface Package {
  readonly file: ElfFile;
  /** The parts of its sections that belong to a unit. */
  readonly index: ReadonlyMap<bigint, ReadonlyMap<string, Part>>;
}

export class SplitUnits {
  readonly #program: Sections;
  readonly #files: SplitFiles | undefined;
  readonly #options: DwarfOptions;
  readonly #bodies = new Map<Unit, Unit | undefined>();
  #package: Package | undefined;
  #looked = false;

  constructor(program: Sections, files: SplitFiles | undefined, options: DwarfOptions) {
    this.#program = program;
    this.#files = files;
    this.#options = options;
  }

  /** The unit that has the entries of one: itself where it is whole; undefined: the file that has them is not here. */
  bodyOf(unit: Unit): Unit | undefined {
    if (this.#bodies.has(unit)) return this.#bodies.get(unit);
    const root = rootOf(unit);
    const file = splitFileOf(root);
    const body = file === undefined ? unit : this.#find(unit, root, file);
    this.#bodies.set(unit, body);
    return body;
  }

  #find(unit: Unit, root: Entry, name: string): Unit | undefined {
    if (this.#files === undefined) return undefined;
    const id = idOf(unit, root);
    const packed = this.#packed();
    const parts = id === undefined ? undefined : packed?.index.get(id);
    if (packed !== undefined && parts !== undefined)
      return this.#unitIn(packed.file, `${this.#options.name ?? "program"}.dwp`, unit, id, parts);
    const folder = root.attributes.get(Attribute.compDir);
    const file = this.#files.unit(name, folder?.kind === "text" ? folder.text : "");
    return file === undefined ? undefined : this.#unitIn(file, name, unit, id, undefined);
  }

  #unitIn(
    file: ElfFile,
    name: string,
    skeleton: Unit,
    id: bigint | undefined,
    parts: ReadonlyMap<string, Part> | undefined,
  ): Unit | undefined {
    const apart = debugSections(file, { ...this.#options, name }, ".dwo", parts);
    // Addresses, and before version 5 ranges, stay in the program: the linker has to move them.
    const linked = (section: string): Sections => (section === "addr" || section === "ranges" ? this.#program : apart);
    const units = new Units(
      {
        bytes: (section) => linked(section).bytes(section),
        reader: (section, at, end) => linked(section).reader(section, at, end),
      },
      skeleton.units.bases(skeleton),
    );
    // A file that another compilation has written since is not this program's.
    return units
      .all()
      .find((u) => rootOf(u).tag === Tag.compileUnit && (id === undefined || idOf(u, rootOf(u)) === id));
  }

  #packed(): Package | undefined {
    if (this.#looked) return this.#package;
    this.#looked = true;
    const file = this.#files?.package();
    if (file !== undefined)
      this.#package = { file, index: readIndex(debugSections(file, { ...this.#options, name: "package" })) };
    return this.#package;
  }
}

/** The file that has a unit's entries, by what its skeleton says; undefined: it has them itself. */
export function splitFileOf(root: Entry): string | undefined {
  const name = root.attributes.get(Attribute.dwoName) ?? root.attributes.get(Attribute.gnuDwoName);
  return name?.kind === "text" && !root.hasChildren ? name.text : undefined;
}

function idOf(unit: Unit, root: Entry): bigint | undefined {
  if (unit.id !== undefined) return unit.id;
  const id = root.attributes.get(Attribute.gnuDwoId);
  return id?.kind === "number" ? BigInt.asUintN(64, id.big ?? BigInt(id.value)) : undefined;
}

/**
 * The index of a package: which part of each section belongs to a unit.
 *
 *     version, columns, units, slots   4 bytes each (version 5: 2 and 2 of padding)
 *     slots × id                       8 bytes; 0: empty
 *     slots × row                      4 bytes, from 1
 *     columns × section                4 bytes
 *     units × columns × offset         4 bytes
 *     units × columns × size           4 bytes
 */
function readIndex(sections: Sections): ReadonlyMap<bigint, ReadonlyMap<string, Part>> {
  const index = new Map<bigint, ReadonlyMap<string, Part>>();
  const cursor = sections.reader("cu_index");
  if (cursor.end === 0) return index;
  const version = cursor.u32();
  // Of the older form the number has four bytes, of the newer two and two that are 0.
  if (version !== 2 && version !== 5) throw cursor.damage(`an index of version ${version}`, 0);
  const names = INDEXED[version === 5 ? 0 : 1] as Readonly<Record<number, string>>;
  const columns = cursor.u32();
  const units = cursor.u32();
  const slots = cursor.u32();
  const ids = cursor.at;
  const rows = ids + slots * 8;
  const heads = rows + slots * 4;
  const offsets = heads + columns * 4;
  const sizes = offsets + units * columns * 4;
  if (sizes + units * columns * 4 > cursor.end) throw cursor.damage("an index that goes beyond the end", 0);
  for (let slot = 0; slot < slots; slot++) {
    const id = BigInt.asUintN(64, cursor.seek(ids + slot * 8).s64());
    const row = cursor.seek(rows + slot * 4).u32();
    if (row === 0) continue;
    if (row > units) throw cursor.damage(`row ${row} of ${units}`, rows + slot * 4);
    const parts = new Map<string, Part>();
    for (let column = 0; column < columns; column++) {
      const name = names[cursor.seek(heads + column * 4).u32()];
      if (name === undefined) continue;
      const at = ((row - 1) * columns + column) * 4;
      parts.set(name, { offset: cursor.seek(offsets + at).u32(), size: cursor.seek(sizes + at).u32() });
    }
    index.set(id, parts);
  }
  return index;
}
