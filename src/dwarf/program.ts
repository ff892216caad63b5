// A program's debug information as a debugger asks it: where is the code of this line, which variables can be seen there,
// where are they, and of what type.

import type { ElfFile } from "../elf/index.ts";
import { FormatError } from "../source/index.ts";
import { Attribute, Tag } from "./constants.ts";
import { type ListedLocation, type Location, locate, locationList, NotReadable, type Term } from "./expressions.ts";
import { type FrameEntry, frameEntries, frameEntryAt, frameRowAt, frameTerm } from "./frames.ts";
import { type LineRow, lineHeader, lineRows } from "./lines.ts";
import { covers, type Range, rangesOf } from "./ranges.ts";
import { type DwarfOptions, debugSections, type Sections } from "./sections.ts";
import { type SplitFiles, SplitUnits, splitFileOf } from "./split.ts";
import { numberOf } from "./types.ts";
import { childrenOf, type Entry, inherited, isUnit, nameOf, rootOf, type Unit, Units, type Value } from "./units.ts";

/** A place in the code. */
export interface CodePlace {
  readonly address: number;
  readonly file: string;
  readonly line: number;
  /** The function whose code it is, by its own name: an inlined one where it stands in its caller. */
  readonly function: string;
}

/** Lines that there is code of, where there is none of the wanted one. */
export class NoCodeError extends Error {
  /** Nearest first. */
  readonly nearest: readonly number[];
  constructor(message: string, nearest: readonly number[]) {
    super(message);
    this.nearest = nearest;
  }
}

/** A variable or parameter as it is seen at a place. */
export interface Variable {
  readonly name: string;
  readonly parameter: boolean;
  readonly units: Units;
  /** The reference to its type. */
  readonly type: Value | undefined;
  /** Where it is there; absent: nowhere. */
  readonly location?: Location;
  /** Why it cannot be read. */
  readonly why?: string;
  /** Lines of its function at which it can be read, nearest to the place first. */
  readonly lines: readonly number[];
}

export interface Parameter {
  readonly name: string;
  readonly units: Units;
  readonly type: Value | undefined;
}

/**
 * Opens the debug information of a file; `code` is the program where that is another file (call frames are in it), `split`
 * opens what stands apart from both. Throws FormatError for what cannot be read; undefined where there is none.
 */
export function openDwarf(
  file: ElfFile,
  options: DwarfOptions & { readonly code?: ElfFile; readonly split?: SplitFiles } = {},
): DwarfProgram | undefined {
  const sections = debugSections(file, options);
  return sections.bytes("info").length === 0
    ? undefined
    : new DwarfProgram(options.code ?? file, sections, new SplitUnits(sections, options.split, options));
}

const NAMED_TAGS: Readonly<Record<"struct" | "union" | "enum" | "typedef", readonly number[]>> = {
  struct: [Tag.structureType, Tag.classType],
  union: [Tag.unionType],
  enum: [Tag.enumerationType],
  typedef: [Tag.typedef, Tag.baseType],
};

export class DwarfProgram {
  readonly #file: ElfFile;
  readonly #sections: Sections;
  readonly #units: Units;
  readonly #split: SplitUnits;
  #frames: readonly FrameEntry[] | undefined;
  readonly #rows = new Map<Unit, { files: readonly string[]; rows: readonly LineRow[] }>();

  constructor(file: ElfFile, sections: Sections, split: SplitUnits) {
    this.#file = file;
    this.#sections = sections;
    this.#units = new Units(sections);
    this.#split = split;
  }

  /** Source files, as their compilers were given them. */
  *files(): Generator<string> {
    const seen = new Set<string>();
    for (const unit of this.#units.all())
      for (const file of this.#header(unit)?.files ?? [])
        if (file !== "" && !seen.has(file)) {
          seen.add(file);
          yield file;
        }
  }

  /**
   * Where the code of a line begins: one place for each function that it was compiled into (inlined code has many). The
   * file is named by the end of its path, a column leaves what begins there. Throws NoCodeError where there is no such file, or no code of that line.
   */
  places(file: string, line: number, column?: number): CodePlace[] {
    const found: CodePlace[] = [];
    const lines = new Set<number>();
    let known = false;
    let absent: string | undefined;
    for (const unit of this.#units.all()) {
      const header = this.#header(unit);
      if (header === undefined) continue;
      const numbers = new Set(header.files.flatMap((path, i) => (endsWithPath(path, file) ? [i] : [])));
      if (numbers.size === 0) continue;
      known = true;
      if (this.#split.bodyOf(unit) === undefined) absent ??= splitFileOf(rootOf(unit));
      const { rows, files } = this.#table(unit);
      const best = new Map<string, { row: LineRow; scope: Scope }>();
      rows.forEach((row, i) => {
        if (row.end || !numbers.has(row.file)) return;
        lines.add(row.line);
        if (row.line !== line || !row.isStatement || (column !== undefined && row.column !== column)) return;
        const scope = this.#scopeAt(unit, row.address, line);
        if (scope === undefined) return;
        const at = scope.code.address === row.address && !scope.inlined ? this.#afterPrologue(rows, i, scope) : row;
        const key = `${scope.key}`;
        const other = best.get(key);
        if (other === undefined || at.address < other.row.address) best.set(key, { row: at, scope });
      });
      for (const { row, scope } of best.values())
        found.push({
          address: row.address,
          file: files[row.file] ?? file,
          line,
          function: scope.name,
        });
    }
    if (!known) throw new NoCodeError(`there is no source file ${file} in the debug information`, []);
    if (found.length === 0 && absent !== undefined)
      throw new NoCodeError(`what ${file} declares is in ${absent}, which cannot be found, nor a package of it`, []);
    if (found.length === 0)
      throw new NoCodeError(
        `there is no code of line ${line}${column === undefined ? "" : `, column ${column},`} of ${file}`,
        nearest(lines, line),
      );
    return found.sort((a, b) => a.address - b.address);
  }

  /** The second row of a function is where its parameters are in their places. */
  #afterPrologue(rows: readonly LineRow[], index: number, scope: Scope): LineRow {
    const first = rows[index] as LineRow;
    for (let i = index + 1; i < rows.length; i++) {
      const row = rows[i] as LineRow;
      if (row.end) break;
      if (row.address > first.address) return covers(scope.code.ranges, row.address) ? row : first;
    }
    return first;
  }

  /** The function that an address belongs to, its line, and the calls that were inlined around it, innermost first. */
  lineAt(address: number): { readonly file: string; readonly line: number } | undefined {
    for (const unit of this.#units.all()) {
      if (!covers(this.#unitRanges(unit), address)) continue;
      const { rows, files } = this.#table(unit);
      let last: LineRow | undefined;
      for (const row of rows) {
        if (last !== undefined && !last.end && last.address <= address && address < row.address)
          return { file: files[last.file] ?? "", line: last.line };
        last = row;
      }
    }
    return undefined;
  }

  /** The functions that were inlined around an address, innermost first, each with the line that calls it. */
  inlinedAt(
    address: number,
  ): { readonly name: string; readonly call: { readonly file: string; readonly line: number } }[] {
    for (const unit of this.#units.all()) {
      if (!covers(this.#unitRanges(unit), address)) continue;
      const { files } = this.#table(unit);
      const number = (entry: Entry, attribute: number): number => numberOf(entry.attributes.get(attribute)) ?? 0;
      return this.#path(unit, address)
        .filter((entry) => entry.tag === Tag.inlinedSubroutine)
        .map((entry) => ({
          name: nameOf(entry),
          call: { file: files[number(entry, Attribute.callFile)] ?? "", line: number(entry, Attribute.callLine) },
        }))
        .reverse();
    }
    return [];
  }

  /**
   * Every variable that is in scope at an address, the innermost of a name; with where it is there. With the line that
   * the address was found by, where one address begins both a call and what is inlined for it.
   */
  variables(address: number, line?: number): ReadonlyMap<string, Variable> {
    const found = new Map<string, Variable>();
    for (const unit of this.#units.all()) {
      if (!covers(this.#unitRanges(unit), address)) continue;
      const scopes = this.#path(unit, address, line);
      if (scopes.length === 0) continue;
      const here = line ?? this.#lineIn(unit, address);
      const frameBase = this.#frameBase(scopes, address);
      // From the innermost scope outwards; an inlined function does not see its caller's variables.
      for (let i = scopes.length - 1; i >= 0; i--) {
        const scope = scopes[i] as Entry;
        for (const child of childrenOf(scope))
          if (child.tag === Tag.variable || child.tag === Tag.formalParameter) {
            const name = nameOf(child);
            if (name !== "" && !found.has(name))
              found.set(name, this.#variable(unit, child, name, address, here, frameBase));
          }
        if (scope.tag === Tag.subprogram || scope.tag === Tag.inlinedSubroutine) break;
      }
      // What the file itself declares.
      const root = this.#root(unit);
      for (const child of childrenOf(root))
        if (child.tag === Tag.variable) {
          const name = nameOf(child);
          if (name !== "" && !found.has(name) && child.attributes.has(Attribute.location))
            found.set(name, this.#variable(unit, child, name, address, here, frameBase));
        }
      return found;
    }
    return found;
  }

  /** Parameters of the function that begins at an address, in order; undefined where none does. */
  parameters(address: number): readonly Parameter[] | undefined {
    for (const unit of this.#units.all()) {
      if (!covers(this.#unitRanges(unit), address)) continue;
      const fn = this.#path(unit, address).find((e) => e.tag === Tag.subprogram);
      if (fn === undefined || rangesOf(fn)[0]?.low !== address) continue;
      return [...childrenOf(this.#withChildren(fn))].flatMap((child) =>
        child.tag === Tag.formalParameter
          ? [
              {
                name: nameOf(child),
                units: child.unit.units,
                type: inherited(child, Attribute.type),
              },
            ]
          : [],
      );
    }
    return undefined;
  }

  /** The type that a function which begins at an address returns; undefined: nothing. */
  returns(address: number): { readonly units: Units; readonly type: Value | undefined } | undefined {
    for (const unit of this.#units.all()) {
      if (!covers(this.#unitRanges(unit), address)) continue;
      const fn = this.#path(unit, address).find((e) => e.tag === Tag.subprogram);
      if (fn !== undefined && rangesOf(fn)[0]?.low === address)
        return { units: fn.unit.units, type: inherited(fn, Attribute.type) };
    }
    return undefined;
  }

  /** A type by its name, of the first unit that defines it; undefined where none does. */
  typeNamed(
    tag: "struct" | "union" | "enum" | "typedef",
    name: string,
  ): { readonly units: Units; readonly type: Value } | undefined {
    const tags = NAMED_TAGS[tag];
    const within = (parent: Entry): Entry | undefined => {
      for (const child of childrenOf(parent)) {
        if (child.tag === Tag.namespace) {
          const found = within(child);
          if (found !== undefined) return found;
        }
        if (tags.includes(child.tag) && !child.attributes.has(Attribute.declaration) && nameOf(child) === name)
          return child;
      }
      return undefined;
    };
    for (const unit of this.#units.all()) {
      const found = within(this.#root(unit));
      if (found !== undefined) return { units: found.unit.units, type: { kind: "reference", offset: found.offset } };
    }
    return undefined;
  }

  #withChildren(entry: Entry): Entry {
    if (entry.hasChildren) return entry;
    const origin = entry.attributes.get(Attribute.abstractOrigin) ?? entry.attributes.get(Attribute.specification);
    return origin?.kind === "reference" ? entry.unit.units.at(origin.offset) : entry;
  }

  #variable(
    unit: Unit,
    entry: Entry,
    name: string,
    address: number,
    line: number,
    frameBase: () => Term | undefined,
  ): Variable {
    const base = {
      name,
      parameter: entry.tag === Tag.formalParameter,
      units: entry.unit.units,
      type: inherited(entry, Attribute.type),
    };
    const constant = entry.attributes.get(Attribute.constValue);
    if (constant?.kind === "number")
      return {
        ...base,
        location: { kind: "value", value: { kind: "constant", value: constant.big ?? BigInt(constant.value) } },
        lines: [],
      };
    if (constant?.kind === "block") return { ...base, location: { kind: "bytes", bytes: constant.bytes }, lines: [] };
    const value = entry.attributes.get(Attribute.location) ?? inherited(entry, Attribute.location);
    if (value === undefined) return { ...base, why: "it was optimised out", lines: [] };
    const list = locationList(entry.unit, value).filter((l) => l.expression.length > 0);
    const here = list.find((l) => l.low <= address && address < l.high);
    const lines = (): number[] => this.#linesOf(unit, list, line);
    if (here === undefined) return { ...base, why: "it is optimised out here", lines: lines() };
    try {
      const location = locate(entry.unit, here.expression, frameBase);
      return location === undefined
        ? { ...base, why: "it is optimised out here", lines: lines() }
        : { ...base, location, lines: [] };
    } catch (error) {
      if (!(error instanceof NotReadable || error instanceof FormatError)) throw error;
      const others = list.filter((l) => l !== here);
      return { ...base, why: error.message, lines: this.#linesOf(unit, others, line) };
    }
  }

  /** Lines whose code begins where one of the locations holds. */
  #linesOf(unit: Unit, list: readonly ListedLocation[], line: number): number[] {
    const lines = new Set<number>();
    for (const row of this.#table(unit).rows)
      if (!row.end && row.isStatement && row.line > 0 && list.some((l) => l.low <= row.address && row.address < l.high))
        lines.add(row.line);
    return nearest(lines, line);
  }

  #frameBase(scopes: readonly Entry[], address: number): () => Term | undefined {
    return () => {
      const fn = scopes.find((e) => e.tag === Tag.subprogram);
      const value = fn === undefined ? undefined : inherited(fn, Attribute.frameBase);
      if (fn === undefined || value === undefined) return undefined;
      const here = locationList(fn.unit, value).find((l) => l.low <= address && address < l.high);
      const location = here === undefined ? undefined : locate(fn.unit, here.expression, undefined);
      if (location?.kind === "register") return { kind: "register", number: location.number };
      return location?.kind === "memory" ? location.address : undefined;
    };
  }

  /** What the stack pointer was at the call of the function that an address is in; undefined where nothing says it. */
  frameAddress(address: number): Term | undefined {
    this.#frames ??= frameEntries(this.#file, this.#sections);
    const entry = frameEntryAt(this.#frames, address);
    const row = entry === undefined ? undefined : frameRowAt(entry, address);
    return row === undefined ? undefined : frameTerm(row.frame);
  }

  // --- where things stand ---------------------------------------------------------------------------------------------

  #header(unit: Unit): ReturnType<typeof lineHeader> {
    return isUnit(rootOf(unit).tag) ? lineHeader(this.#units, unit) : undefined;
  }

  #table(unit: Unit): { files: readonly string[]; rows: readonly LineRow[] } {
    let table = this.#rows.get(unit);
    if (table === undefined) {
      const header = this.#header(unit);
      table = header === undefined ? { files: [], rows: [] } : { files: header.files, rows: [...lineRows(header)] };
      this.#rows.set(unit, table);
    }
    return table;
  }

  #lineIn(unit: Unit, address: number): number {
    let last: LineRow | undefined;
    for (const row of this.#table(unit).rows) {
      if (last !== undefined && !last.end && last.address <= address && address < row.address) return last.line;
      last = row;
    }
    return 0;
  }

  /** The entry that a unit's entries are below: in another file where they stand apart, and that file is here. */
  #root(unit: Unit): Entry {
    return rootOf(this.#split.bodyOf(unit) ?? unit);
  }

  #unitRanges(unit: Unit): readonly Range[] {
    this.#units.bases(unit);
    return rangesOf(rootOf(unit));
  }

  /**
   * The function, blocks and inlined functions around an address, outermost first. As the beginning of the code of a
   * line: the call that is inlined there is still that line of the caller (a debugger stops before it).
   */
  #path(unit: Unit, address: number, line?: number): Entry[] {
    const path: Entry[] = [];
    let parent: Entry = this.#root(unit);
    parent.unit.units.bases(parent.unit);
    for (;;) {
      const inner: Entry | undefined = this.#childAt(parent, address);
      if (inner === undefined || this.#isCallOf(inner, address, line)) return path;
      path.push(inner);
      parent = inner;
    }
  }

  #childAt(parent: Entry, address: number): Entry | undefined {
    for (const child of childrenOf(parent)) {
      if (child.tag === Tag.subprogram || child.tag === Tag.lexicalBlock || child.tag === Tag.inlinedSubroutine) {
        if (covers(rangesOf(child), address)) return child;
      } else if (child.tag === Tag.namespace || child.tag === Tag.structureType || child.tag === Tag.classType) {
        const inside = this.#childAt(child, address);
        if (inside !== undefined) return inside;
      }
    }
    return undefined;
  }

  #isCallOf(entry: Entry, address: number, line: number | undefined): boolean {
    return (
      line !== undefined &&
      entry.tag === Tag.inlinedSubroutine &&
      numberOf(entry.attributes.get(Attribute.callLine)) === line &&
      (rangesOf(entry)[0]?.low === address || numberOf(entry.attributes.get(Attribute.entryPc)) === address)
    );
  }

  #scopeAt(unit: Unit, address: number, line: number): Scope | undefined {
    const path = this.#path(unit, address, line);
    const fn = path.findLast((e) => e.tag === Tag.subprogram || e.tag === Tag.inlinedSubroutine);
    if (fn === undefined) return undefined;
    const ranges = rangesOf(fn);
    return {
      key: fn.offset,
      name: nameOf(fn),
      inlined: fn.tag === Tag.inlinedSubroutine,
      code: { address: ranges[0]?.low ?? 0, ranges },
    };
  }
}

/** The function around an address, inlined or not. */
interface Scope {
  readonly key: number;
  readonly name: string;
  readonly inlined: boolean;
  readonly code: { readonly address: number; readonly ranges: readonly Range[] };
}

/** `lib/x.c` is the end of `/src/lib/x.c`, and not of `/src/mylib/x.c`. */
function endsWithPath(path: string, end: string): boolean {
  if (path === end) return true;
  const clean = path.replaceAll("/./", "/");
  return clean === end || clean.endsWith(end.startsWith("/") ? end : `/${end.replace(/^\.\//, "")}`);
}

/** Up to five lines, nearest first. */
function nearest(lines: ReadonlySet<number>, line: number): number[] {
  return [...lines]
    .filter((n) => n > 0)
    .sort((a, b) => Math.abs(a - line) - Math.abs(b - line) || a - b)
    .slice(0, 5);
}
