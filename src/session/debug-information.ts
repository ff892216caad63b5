// Debug information of programs, for the language: lines, variables, parameters; types beside those of the kernel.

import type { Btf } from "../btf/index.ts";
import { type DwarfProgram, DwarfTypes, NoCodeError, openDwarf } from "../dwarf/index.ts";
import type { ElfFile } from "../elf/index.ts";
import { ProbeError, type SourcePlace, type SourceVariable } from "../probes/index.ts";
import type { InlinedFrame } from "../schema/index.ts";
import { FormatError } from "../source/index.ts";
import { fileSymbols, findDebugFile, openElf, splitFiles } from "../symbols/index.ts";

/** One for each compilation: ids of types are its own. */
export class DebugInformation {
  readonly #kernel: () => Btf | undefined;
  #types: DwarfTypes | undefined;
  readonly #programs = new Map<string, Opened | undefined>();

  /** Folders in which debug information is looked for first. */
  readonly #folders: readonly string[];

  constructor(kernel: () => Btf | undefined, folders: readonly string[] = []) {
    this.#kernel = kernel;
    this.#folders = folders;
  }

  /** The kernel's types, and of programs those that were asked for. */
  btf(): Btf | undefined {
    return this.#types ?? this.#kernel();
  }

  #typeTable(): DwarfTypes {
    return (this.#types ??= new DwarfTypes(this.#kernel()));
  }

  #open(path: string): Opened | undefined {
    if (this.#programs.has(path)) return this.#programs.get(path);
    const { elf } = fileSymbols(path);
    const debug = elf.section(".debug_info") === undefined ? findDebugFile(path, elf, openElf, this.#folders) : elf;
    let program: DwarfProgram | undefined;
    try {
      if (debug !== undefined)
        program = openDwarf(debug, {
          code: elf,
          name: path,
          split: splitFiles(path, openElf, this.#folders),
          inflate: (bytes, size) =>
            process.getBuiltinModule("node:zlib").inflateSync(bytes, { maxOutputLength: size + 1 }),
        });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
    const opened = program === undefined ? undefined : { elf, program };
    this.#programs.set(path, opened);
    return opened;
  }

  /** The line of a byte of a program's file, and what was inlined there; undefined where nobody knows. */
  lineAt(
    path: string,
    offset: number,
  ): { readonly source: SourceLine; readonly inlined: readonly InlinedFrame[] } | undefined {
    try {
      const opened = this.#open(path);
      const address = opened?.elf.address(offset);
      const line = address === undefined ? undefined : opened?.program.lineAt(address);
      if (line === undefined || address === undefined) return undefined;
      let source: SourceLine = line;
      const inlined: InlinedFrame[] = [];
      for (const { name, call } of opened?.program.inlinedAt(address) ?? []) {
        inlined.push({ name, source: { ...source, file: baseName(source.file) } });
        source = call;
      }
      return { source: { ...source, file: baseName(source.file) }, inlined };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return undefined;
    }
  }

  sourceLine(path: string, file: string, line: number, column?: number): readonly SourcePlace[] {
    const opened = this.#open(path);
    if (opened === undefined)
      throw new ProbeError("SCRY1118", `${path} has no debug information`, [
        "Compile it with -g, or install its package of debug symbols",
      ]);
    const { program, elf } = opened;
    const types = this.#typeTable();
    try {
      return program.places(file, line, column).map((place): SourcePlace => {
        const frame = program.frameAddress(place.address);
        let variables: ReadonlyMap<string, SourceVariable> | undefined;
        return {
          offset: elf.fileOffset(place.address) ?? place.address,
          address: place.address,
          function: place.function,
          ...(frame === undefined ? {} : { frame }),
          variables: () =>
            (variables ??= new Map(
              [...program.variables(place.address, place.line)].map(([name, v]): [string, SourceVariable] => [
                name,
                {
                  name,
                  type: types.idOf(v.units, v.type),
                  lines: v.lines,
                  ...(v.location === undefined ? {} : { location: v.location }),
                  ...(v.why === undefined ? {} : { why: v.why }),
                },
              ]),
            )),
        };
      });
    } catch (error) {
      if (error instanceof NoCodeError)
        throw new ProbeError(
          "SCRY1118",
          `${path}: ${error.message}`,
          error.nearest.length > 0
            ? [`There is code of line${error.nearest.length === 1 ? "" : "s"} ${error.nearest.join(", ")}`]
            : similarFiles(program, file),
        );
      if (error instanceof FormatError) throw new ProbeError("SCRY1118", error.message);
      throw error;
    }
  }

  /** The type that a program calls so, as an id of `btf()`; a name without a tag is a typedef's, or C++'s of a class. */
  typeNamed(path: string, tag: "struct" | "union" | "enum" | undefined, name: string): number | undefined {
    const opened = this.#open(path);
    if (opened === undefined) return undefined;
    try {
      for (const kind of tag === undefined ? (["typedef", "struct", "union", "enum"] as const) : [tag]) {
        const found = opened.program.typeNamed(kind, name);
        if (found !== undefined) return this.#typeTable().idOf(found.units, found.type);
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
    return undefined;
  }

  /** A function by the byte of the file that it begins at; `returns` is 0 where it gives nothing. */
  functionAt(
    path: string,
    offset: number,
  ):
    | { readonly params: readonly { readonly name: string; readonly type: number }[]; readonly returns: number }
    | undefined {
    const opened = this.#open(path);
    const address = opened?.elf.address(offset);
    if (opened === undefined || address === undefined) return undefined;
    const types = this.#typeTable();
    try {
      const params = opened.program.parameters(address);
      if (params === undefined) return undefined;
      const given = opened.program.returns(address);
      return {
        params: params.map((p) => ({ name: p.name, type: types.idOf(p.units, p.type) })),
        returns: given === undefined ? 0 : types.idOf(given.units, given.type),
      };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return undefined;
    }
  }

  parameters(path: string, offset: number): readonly { readonly name: string; readonly type: number }[] | undefined {
    const opened = this.#open(path);
    if (opened === undefined) return undefined;
    const types = this.#typeTable();
    try {
      // The probe may stand a few bytes behind the entry: see `uprobeEntry`.
      for (const back of [0, 4, 1, 5]) {
        const address = opened.elf.address(offset - back);
        const found = address === undefined ? undefined : opened.program.parameters(address);
        if (found !== undefined) return found.map((p) => ({ name: p.name, type: types.idOf(p.units, p.type) }));
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
    return undefined;
  }
}

interface SourceLine {
  readonly file: string;
  readonly line: number;
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

interface Opened {
  readonly elf: ElfFile;
  readonly program: DwarfProgram;
}

function similarFiles(program: DwarfProgram, file: string): string[] {
  const name = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
  const base = name(file).replace(/\.[^.]*$/, "");
  const found = [...program.files()].filter((f) => name(f).startsWith(base)).slice(0, 3);
  return found.length === 0 ? [] : [`There is ${found.join(", ")}`];
}
