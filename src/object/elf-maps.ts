// Maps as C declares them in section `.maps`: a struct whose members are pointers, by whose types everything is said
// (libbpf's parse_btf_map_def).
//
//     struct { __uint(type, 1); __type(key, u32); __type(value, u64); __uint(max_entries, 64); } counts SEC(".maps");
//                     │ int (*type)[1]      │ u32 *key

import type { Btf } from "../btf/index.ts";
import { type ElfFile, type ElfSection, type ElfSymbol, SectionType } from "../elf/index.ts";
import { ByteReader, FormatError } from "../source/index.ts";
import { MAP_TYPES, mapTypeName } from "./map-types.ts";
import type { MapSpec } from "./object.ts";

const WHAT = "object file";
/** Bytes of a pointer to another map or a program. */
const POINTER = 8;
/** `BPF_F_NUMA_NODE` */
const NUMA_NODE = 4;
const PAGE = 4096;

/** What else a declaration may say, beside types: numbers. */
const NUMBERS: ReadonlySet<string> = new Set([
  "type",
  "max_entries",
  "map_flags",
  "map_extra",
  "numa_node",
  "key_size",
  "value_size",
  "pinning",
]);

export interface DeclaredMap {
  readonly name: string;
  readonly spec: MapSpec;
  /** The entries that stand at these places, as bytes from the start of the variable. */
  entriesAt(places: readonly { readonly offset: number; readonly name: string }[]): NonNullable<MapSpec["entries"]>;
}

/** By the name that it has in the object. Throws FormatError for a declaration that says what no map has. */
export function mapOfVariable(btf: Btf, id: number, name: string): DeclaredMap {
  const variable = btf.type(id);
  const type = variable.kind === "var" ? variable.type : id;
  const values = btf.members(type).find((m) => m.name === "values");
  const start = (values?.bitOffset ?? 0) / 8;
  return {
    name,
    spec: mapOf(btf, type, name),
    entriesAt: (places) =>
      places.map(({ offset, name: entry }) => {
        if (values === undefined || offset < start || (offset - start) % POINTER !== 0)
          throw new FormatError(WHAT, `map ${name}: byte ${offset} of its declaration is no entry`);
        return { index: (offset - start) / POINTER, name: entry };
      }),
  };
}

/** The map that a struct of this type declares. Throws FormatError likewise. */
export function mapOf(btf: Btf, type: number, name: string): MapSpec {
  const numbers = new Map<string, number>();
  const types = new Map<string, number>();
  let inner: MapSpec | undefined;
  let entries = false;
  for (const member of btf.members(type)) {
    const held = btf.resolve(member.type);
    if (member.name === "values") {
      inner = innerOf(btf, member.type, name);
      entries = true;
      continue;
    }
    // `__ulong(map_extra, …)`: an enumeration, for numbers that no array could have as its length.
    if ((held.kind === "enum" || held.kind === "enum64") && NUMBERS.has(member.name)) {
      numbers.set(member.name, Number(held.values[0]?.value ?? 0n));
      continue;
    }
    if (held.kind !== "ptr")
      throw new FormatError(WHAT, `map ${name}: ${member.name} of its declaration is not a pointer`);
    if (member.name === "key" || member.name === "value") {
      types.set(member.name, held.type);
      continue;
    }
    const said = btf.resolve(held.type);
    if (!NUMBERS.has(member.name) || said.kind !== "array")
      throw new FormatError(WHAT, `map ${name}: its declaration says '${member.name}', which no map has`);
    numbers.set(member.name, said.count);
  }
  const number = numbers.get("type");
  const kind = number === undefined ? undefined : mapTypeName(number);
  if (kind === undefined) throw new FormatError(WHAT, `map ${name}: type ${number} is not known`);
  const size = (what: "key" | "value"): number => {
    const of = types.get(what);
    return numbers.get(`${what}_size`) ?? (of === undefined ? 0 : (btf.sizeof(of) ?? 0));
  };
  const row = MAP_TYPES[kind];
  const said = numbers.get("map_flags") ?? 0;
  const node = numbers.get("numa_node");
  const flags = node === undefined ? said : said | NUMA_NODE;
  const extra = numbers.get("map_extra");
  const typed = row.ring !== true;
  const keyType = typed ? types.get("key") : undefined;
  const valueType = typed ? types.get("value") : undefined;
  // Only a struct says what records are: `int` stands there by custom, for the descriptors in a perf event array.
  const declared = row.ring ? types.get("value") : undefined;
  const recordType = declared !== undefined && btf.members(declared).length > 0 ? declared : undefined;
  return {
    name,
    type: kind,
    keySize: kind === "ringbuf" || kind === "user_ringbuf" ? 0 : size("key"),
    valueSize:
      kind === "ringbuf" || kind === "user_ringbuf" ? 0 : row.ofMaps || entries || row.ring ? 4 : size("value"),
    maxEntries: entriesOf(kind, numbers.get("max_entries") ?? 0),
    ...(flags === 0 ? {} : { flags }),
    ...(extra === undefined ? {} : { extra: BigInt(extra) }),
    ...(node === undefined ? {} : { numaNode: node }),
    ...(numbers.get("pinning") === 1 ? { pinned: true as const } : {}),
    ...(keyType === undefined ? {} : { keyType }),
    ...(valueType === undefined ? {} : { valueType }),
    ...(recordType === undefined ? {} : { recordType }),
    ...(row.ofMaps && inner !== undefined ? { inner } : {}),
  };
}

/** Rings have whole pages, as many as a power of two. */
function entriesOf(type: MapSpec["type"], said: number): number {
  if ((type !== "ringbuf" && type !== "user_ringbuf") || said === 0) return said;
  let pages = 1;
  while (pages * PAGE < said) pages *= 2;
  return pages * PAGE;
}

/** `__array(values, struct { … })`: pointers to what the entries are; of programs, to functions. */
function innerOf(btf: Btf, values: number, name: string): MapSpec | undefined {
  const array = btf.resolve(values);
  const pointer = array.kind === "array" ? btf.resolve(array.element) : undefined;
  if (pointer?.kind !== "ptr") throw new FormatError(WHAT, `map ${name}: its values are no array of pointers`);
  const target = btf.resolve(pointer.type);
  if (target.kind === "func_proto") return undefined;
  if (target.kind !== "struct") throw new FormatError(WHAT, `map ${name}: its values are neither maps nor programs`);
  return mapOf(btf, target.id, `${name}.inner`);
}

/** What relocations put into the declarations, by the places of these; `nameAt`: of the map that is declared at a place. */
export function declaredEntries(
  file: ElfFile,
  symbols: readonly ElfSymbol[],
  section: ElfSection,
  nameAt: (place: number) => string | undefined,
): ReadonlyMap<number, readonly { readonly offset: number; readonly name: string }[]> {
  const found = new Map<number, { offset: number; name: string }[]>();
  const variables = symbols.filter((s) => s.section === section.index && s.type === "object");
  for (const table of file.sections) {
    if (table.type !== SectionType.REL || table.info !== section.index) continue;
    const data = file.data(table);
    const reader = new ByteReader(data, table.name);
    for (let at = 0; at + 16 <= data.length; at += 16) {
      const place = reader.seek(at).word(8);
      const target = symbols[reader.seek(at + 12).u32()];
      const holder = variables.find((v) => v.value <= place && place < v.value + v.size);
      if (target === undefined || holder === undefined)
        throw new FormatError(WHAT, `${table.name}: a relocation names no map`, table.offset + at);
      const own = found.get(holder.value) ?? [];
      const name = (target.section === section.index ? nameAt(target.value) : undefined) ?? target.name;
      found.set(holder.value, [...own, { offset: place - holder.value, name }]);
    }
  }
  return found;
}
