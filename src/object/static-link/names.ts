// Which definition each global name means, over all files: one that is not weak before weak ones, else the first; a name that
// no file defines stays one of the outside (the kernel's, or of a file that is linked later).

import type { BtfFunc, BtfVar, TypeOf } from "../../btf/index.ts";
import type { ElfSymbol } from "../../elf/index.ts";
import { FormatError } from "../../source/index.ts";
import { mapOf } from "../elf-maps.ts";
import type { MapSpec } from "../object.ts";
import { type Input, SINGLE } from "./input.ts";
import { difference } from "./same-type.ts";

/** What one file says of a name. */
interface Mention {
  readonly input: Input;
  readonly symbol: ElfSymbol;
  readonly type: BtfVar | BtfFunc | undefined;
}

export interface GlobalName {
  readonly name: string;
  /** Absent: no file defines it. */
  readonly definition: Mention | undefined;
  readonly weak: boolean;
  readonly hidden: boolean;
}

/** Sections of what the kernel defines. */
const KERNEL: ReadonlySet<string | undefined> = new Set([".ksyms", ".kconfig"]);

export class Names {
  readonly all: ReadonlyMap<string, GlobalName>;
  /** What other mentions' types stand for, by file and id. */
  readonly #meant = new Map<string, TypeOf>();

  /** Throws FormatError where files do not agree. */
  constructor(inputs: readonly Input[]) {
    const mentions = new Map<string, Mention[]>();
    for (const input of inputs)
      for (const symbol of input.symbols) {
        if (symbol.bind === "local" || symbol.name === "") continue;
        const known = mentions.get(symbol.name);
        const mention = { input, symbol, type: input.declared(symbol.name) };
        if (known === undefined) mentions.set(symbol.name, [mention]);
        else known.push(mention);
      }
    const all = new Map<string, GlobalName>();
    for (const [name, own] of mentions) all.set(name, this.#resolve(name, own));
    this.all = all;
  }

  /** The type that one stands for, where it is not the one that is kept. */
  standsFor({ input, id }: TypeOf): TypeOf | undefined {
    return this.#meant.get(`${input} ${id}`);
  }

  #resolve(name: string, mentions: readonly Mention[]): GlobalName {
    const defined = mentions.filter(({ symbol }) => symbol.section !== 0);
    const [strong, second] = defined.filter((one) => !isWeak(one));
    if (strong !== undefined && second !== undefined)
      throw new FormatError(second.input.name, `it defines ${name}, which ${strong.input.name} defines too`);
    const definition = strong ?? defined[0];
    const [first, ...others] =
      definition === undefined ? mentions : [definition, ...mentions.filter((one) => one !== definition)];
    for (const other of others) {
      agree(name, first as Mention, other);
      if (first?.type !== undefined && other.type !== undefined)
        this.#meant.set(`${other.input.index} ${other.type.id}`, { input: first.input.index, id: first.type.id });
    }
    return {
      name,
      definition,
      weak:
        definition === undefined
          ? mentions.every(({ symbol }) => symbol.bind === "weak")
          : strong === undefined && definition.symbol.bind === "weak",
      hidden: mentions.some(({ symbol }) => symbol.hidden),
    };
  }
}

/** Every file says its license; one of them is kept. */
const isWeak = ({ input, symbol }: Mention): boolean =>
  symbol.bind === "weak" || SINGLE.has(input.file.sections[symbol.section]?.name ?? "");

/** Throws FormatError where one name cannot be what both say. */
function agree(name: string, one: Mention, other: Mention): void {
  const refuse = (why: string): never => {
    throw new FormatError(other.input.name, `${name} is not what it is in ${one.input.name}: ${why}`);
  };
  const section = one.input.sectionOf(one.type);
  const own = other.input.sectionOf(other.type);
  if (section !== own && (KERNEL.has(section) || KERNEL.has(own)))
    refuse(KERNEL.has(own) ? `here it is the kernel's (${own})` : `there it is the kernel's (${section})`);
  if (
    one.type === undefined ||
    other.type === undefined ||
    one.input.btf === undefined ||
    other.input.btf === undefined
  )
    return;
  const types = [
    { btf: one.input.btf, id: one.type.id },
    { btf: other.input.btf, id: other.type.id },
  ] as const;
  // A declaration may leave the section to the definition.
  const map = section === ".maps" || own === ".maps";
  const declaresMap = (of: Input, section: string | undefined, id: number): boolean =>
    section === ".maps" || (section === undefined && of.btf?.resolve(id).kind === "struct");
  if (map && !(declaresMap(one.input, section, one.type.type) && declaresMap(other.input, own, other.type.type)))
    refuse("only one of the two is a map");
  const why = map ? mapDifference(name, ...types) : difference(...types);
  if (why !== undefined) refuse(why);
}

function mapDifference(
  name: string,
  a: Parameters<typeof difference>[0],
  b: Parameters<typeof difference>[1],
): string | undefined {
  const specs = [a, b].map(({ btf, id }) => {
    const type = btf.type(id);
    return mapOf(btf, type.kind === "var" ? type.type : id, name);
  }) as [MapSpec, MapSpec];
  const [x, y] = specs;
  // Of a struct that a file knows by name alone there is no size.
  const unknown = (size: number | undefined, field: string): boolean => size === 0 && field.endsWith("Size");
  for (const field of ["type", "keySize", "valueSize", "maxEntries", "flags", "extra", "numaNode", "pinned"] as const)
    if (x[field] !== y[field] && !unknown(Number(x[field]), field) && !unknown(Number(y[field]), field))
      return `${field} ${x[field] ?? "none"} and ${y[field] ?? "none"}`;
  for (const field of ["keyType", "valueType", "recordType"] as const) {
    const [own, other] = [x[field], y[field]];
    const why =
      own === undefined || other === undefined
        ? undefined
        : difference({ btf: a.btf, id: own }, { btf: b.btf, id: other });
    if (why !== undefined) return `${field === "keyType" ? "its keys" : "its values"}: ${why}`;
  }
  return undefined;
}
