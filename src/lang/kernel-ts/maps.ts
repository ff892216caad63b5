// The kinds of maps: what a call such as `hash(u32, u64, { maxEntries: 64 })` declares. One row each: the kernel's type, what
// is given, what may be said of it, and the methods that programs have.
//
// A map is a variable in `.maps`, as libbpf has it: a struct of pointers by whose types everything is said.

import type { CExpression, CFunction, CVariable } from "../../c/index.ts";
import { MAP_TYPES, type MapType } from "../../object/index.ts";
import type { Span } from "../../source/index.ts";
import { OF_AGGREGATES } from "./aggregate-methods.ts";
import { bare, type CallExpression, type Expression, type Node, refuse, spanOf } from "./ast.ts";
import {
  OF_ARRAYS,
  OF_BLOOM_FILTERS,
  OF_GROUPS,
  OF_HASHES,
  OF_MAPS,
  OF_PREFIXES,
  OF_PROGRAMS,
  OF_QUEUES,
  OF_REDIRECTS,
  OF_RINGS,
  OF_SOCKETS,
  OF_USER_RINGS,
  ofStorage,
} from "./map-methods.ts";
import { orderOf } from "./network.ts";
import type { MethodRow } from "./reader.ts";
import type { Types } from "./types.ts";
import type { DeclarationScope, MapValue, Static } from "./values.ts";

type Given = "key" | "prefix" | "value" | "record" | "maps" | "programs";

interface MapRow {
  readonly type: MapType;
  /** What stands before the options. */
  readonly given: readonly Given[];
  /** `index`: keys are numbers of 32 bits; `owner`: a pointer of the kernel's. Absent: `given` says it, or there are none. */
  readonly key?: "index" | "owner";
  readonly options: readonly string[];
  /** Entries, of rings bytes, where nothing says how many. */
  readonly entries: number;
  /** `BPF_F_*` that it always has. */
  readonly flags?: number;
  /** Values are numbers, whatever they stand for. */
  readonly numbers?: true;
  readonly methods: Readonly<Record<string, MethodRow>>;
  /** The kind that has a value for each CPU, as which it holds aggregates. */
  readonly perCpu?: MapType;
}

const KEYED = ["maxEntries", "pinned", "numaNode", "flags"];
/** BPF_F_NO_PREALLOC */
const NO_PREALLOC = 1;

const hashOf = (type: MapType, perCpu: MapType, ...more: readonly string[]): MapRow => ({
  type,
  perCpu,
  given: ["key", "value"],
  options: [...KEYED, ...more],
  entries: 10_240,
  methods: OF_HASHES,
});
const arrayOf = (type: MapType): MapRow => ({
  type,
  perCpu: "percpu_array",
  given: ["value"],
  key: "index",
  options: KEYED,
  entries: 1,
  methods: OF_ARRAYS,
});
const queueOf = (type: MapType): MapRow => ({
  type,
  given: ["value"],
  options: KEYED,
  entries: 1024,
  methods: OF_QUEUES,
});
const storageOf = (type: MapType, methods: MapRow["methods"]): MapRow => ({
  type,
  given: ["value"],
  key: "owner",
  options: ["pinned", "flags"],
  entries: 0,
  flags: NO_PREALLOC,
  methods,
});

const redirectOf = (type: MapType, entries: number): MapRow => ({
  type,
  given: [],
  key: "index",
  numbers: true,
  options: KEYED,
  entries,
  methods: OF_REDIRECTS,
});

export const MAPS: Readonly<Record<string, MapRow>> = {
  hash: hashOf("hash", "percpu_hash", "noPrealloc"),
  lruHash: hashOf("lru_hash", "lru_percpu_hash"),
  perCpuHash: hashOf("percpu_hash", "percpu_hash", "noPrealloc"),
  lruPerCpuHash: hashOf("lru_percpu_hash", "lru_percpu_hash"),
  array: arrayOf("array"),
  perCpuArray: arrayOf("percpu_array"),
  queue: queueOf("queue"),
  stack: queueOf("stack"),
  bloomFilter: {
    type: "bloom_filter",
    given: ["value"],
    options: [...KEYED, "hashes"],
    entries: 1024,
    methods: OF_BLOOM_FILTERS,
  },
  hashOfMaps: { ...hashOf("hash_of_maps", "hash_of_maps", "noPrealloc"), given: ["key", "maps"], methods: OF_MAPS },
  arrayOfMaps: { ...arrayOf("array_of_maps"), given: ["maps"], methods: OF_MAPS },
  taskStorage: storageOf("task_storage", ofStorage("task")),
  inodeStorage: storageOf("inode_storage", ofStorage("inode")),
  socketStorage: storageOf("sk_storage", ofStorage("sk")),
  cgroupStorage: storageOf("cgrp_storage", ofStorage("cgrp")),
  programArray: { ...arrayOf("prog_array"), given: ["programs"], methods: OF_PROGRAMS },
  stackMap: {
    type: "stack_trace",
    given: [],
    key: "index",
    options: [...KEYED, "depth"],
    entries: 16_384,
    methods: {},
  },
  lpmTrie: { ...hashOf("lpm_trie", "lpm_trie"), given: ["prefix", "value"], flags: NO_PREALLOC, methods: OF_PREFIXES },
  devMap: redirectOf("devmap", 256),
  devMapHash: redirectOf("devmap_hash", 256),
  cpuMap: redirectOf("cpumap", 256),
  xskMap: redirectOf("xskmap", 64),
  sockMap: { ...redirectOf("sockmap", 256), methods: OF_SOCKETS },
  sockHash: { ...hashOf("sockhash", "sockhash"), given: ["key"], numbers: true, methods: OF_SOCKETS },
  reuseportArray: { ...redirectOf("reuseport_sockarray", 64), methods: OF_GROUPS },
  userRing: {
    type: "user_ringbuf",
    given: ["record"],
    options: ["bytes", "pinned"],
    entries: 262_144,
    methods: OF_USER_RINGS,
  },
  ring: { type: "ringbuf", given: ["record"], options: ["bytes", "pinned"], entries: 262_144, methods: OF_RINGS },
};

/** What programs can do with a map. */
export const methodsOf = ({ what, aggregate, indexed }: MapValue): Readonly<Record<string, MethodRow>> =>
  aggregate === undefined ? (MAPS[what] as MapRow).methods : OF_AGGREGATES[indexed ? "array" : "hash"];

/** How an option is said in the declaration. */
interface OptionRow {
  readonly member: "depth" | "max_entries" | "map_flags" | "map_extra" | "numa_node" | "pinning";
  readonly most: bigint;
  /** `true` stands for this number. */
  readonly yes?: bigint;
}

const OPTIONS: Readonly<Record<string, OptionRow>> = {
  maxEntries: { member: "max_entries", most: 0xffff_ffffn },
  bytes: { member: "max_entries", most: 0x8000_0000n },
  /** Entries are allocated when they are written. */
  noPrealloc: { member: "map_flags", most: 1n, yes: BigInt(NO_PREALLOC) },
  flags: { member: "map_flags", most: 0xffff_ffffn },
  /** Of a table of stacks: frames of each. */
  depth: { member: "depth", most: 127n },
  /** Of a bloom filter: hash functions. */
  hashes: { member: "map_extra", most: 15n },
  numaNode: { member: "numa_node", most: 1023n },
  /** It outlives its programs by its name in the BPF file system. */
  pinned: { member: "pinning", most: 1n, yes: 1n },
};

const WORDS: Readonly<Record<Given, string>> = {
  key: "key",
  prefix: "key",
  value: "value",
  record: "record",
  maps: "map",
  programs: "[program, …]",
};

type Declared = readonly [name: string, type: number];

/** A map by its row of the table: `hash(key, value, { maxEntries })`. */
export function mapVariable(
  m: DeclarationScope,
  name: string,
  what: string,
  row: MapRow,
  args: readonly Expression[],
  at: CallExpression,
): MapValue {
  const { types } = m;
  const { c } = types;
  const span = spanOf(at);
  const count = row.given.length;
  if (args.length < count || args.length > count + 1)
    return refuse("SCRY1405", `${what}(${[...row.given.map((one) => WORDS[one]), "{ … }"].join(", ")})`, at);
  const options = optionsOf(m, what, row, args[count]);
  let key = row.key === "owner" ? types.i32 : types.u32;
  let prefix: number | undefined;
  let value = row.numbers === true ? types.u32 : 0;
  let values: Values | undefined;
  for (const [i, given] of row.given.entries()) {
    const node = args[i] as Expression;
    if (given === "key") key = m.typeArgument(node);
    else if (given === "prefix") key = prefixOf(types, (prefix = m.typeArgument(node)), at);
    else if (given === "value" || given === "record")
      value = m.typeArgument(node, given === "value" && row.perCpu !== undefined ? "aggregates" : undefined);
    else values = given === "maps" ? innerMaps(m, node) : programsOf(m, node);
  }
  const aggregate = types.aggregates.get(value);
  const kind = aggregate === undefined ? row.type : (row.perCpu ?? row.type);
  const said = (n: number): number => c.pointer(c.array(types.i32, n));
  const entries = options.get("max_entries") ?? Math.max(row.entries, values?.entries.length ?? 0);
  const flags = (options.get("map_flags") ?? 0) | (row.flags ?? 0);
  const members: Declared[] = [
    ["type", said(MAP_TYPES[kind].number)],
    ["max_entries", said(entries)],
  ];
  if (flags !== 0) members.push(["map_flags", said(flags)]);
  for (const member of ["map_extra", "numa_node", "pinning"] as const) {
    const number = options.get(member);
    if (number !== undefined) members.push([member, said(number)]);
  }
  if (row.key !== undefined || row.given.includes("key") || prefix !== undefined) members.push(["key", c.pointer(key)]);
  if (row.type === "stack_trace") value = c.array(types.u64, options.get("depth") ?? 127);
  if (value !== 0) members.push(["value", c.pointer(value)]);
  if (values !== undefined) members.push(["values", c.array(c.pointer(values.type), values.entries.length)]);
  const type = types.struct("", members, at);
  const variable: CVariable = {
    name,
    type,
    span,
    storage: "global",
    section: ".maps",
    attributes: new Set(),
    constant: false,
    align: 0,
    addressed: true,
  };
  if (values !== undefined) variable.initial = { entries: placed(values, types.c.members(type), span), span };
  return {
    variable,
    what,
    key,
    value,
    indexed: row.key === "index",
    walked: aggregate === undefined && (row.methods === OF_HASHES || row.methods === OF_ARRAYS),
    ...(row.given.includes("record") && row.type === "ringbuf" ? { lost: lostOf(variable, types) } : {}),
    ...(aggregate === undefined ? {} : { aggregate }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(values?.inner === undefined ? {} : { inner: values.inner }),
  };
}

/** How many bits of a key count, and the key, whose first byte has the highest. */
function prefixOf(types: Types, key: number, at: Node): number {
  const { kind } = types.typing.resolve(key);
  if (kind === "int" && types.typing.size(key) > 1 && orderOf(types, key) === undefined)
    refuse("SCRY1403", "a prefix is of an address, or of a number in the network's order: be32", at);
  const members: Declared[] = [
    ["bits", types.u32],
    ["key", key],
  ];
  return types.struct("", members, at);
}

/** The variable that counts what a ring had no room for; the user's side knows it by this name (user-side/module-side.ts). */
const lostOf = (ring: CVariable, types: Types): CVariable => ({
  ...ring,
  name: `lost_records_of_${ring.name}`,
  type: types.u64,
  section: ".data",
});

/** What the entries of a map are that holds other maps or programs. */
interface Values {
  /** What pointers to them lead to. */
  readonly type: number;
  readonly entries: readonly CExpression[];
  readonly inner?: MapValue;
}

function placed(
  { type, entries }: Values,
  members: readonly { readonly name: string; readonly bitOffset: number }[],
  span: Span,
): NonNullable<CVariable["initial"]>["entries"] {
  const start = members.find((member) => member.name === "values")?.bitOffset ?? 0;
  return entries.map((value, i) => ({ offset: start + i * 64, bits: 0, type, value: { ...value, span } }));
}

/** A map, which says what all of them are like; or a list of those that are in it from the start. */
function innerMaps(m: DeclarationScope, node: Expression): Values {
  const listed = node.type === "ArrayExpression" ? (node.elements as readonly Expression[]) : undefined;
  const maps = (listed ?? [node]).map((one) => mapArgument(m, one));
  const [inner] = maps;
  if (inner === undefined) return refuse("SCRY1405", "a map is needed here, or several: [first, second]", node);
  const entries = maps.map(
    ({ variable }): CExpression => ({ kind: "variable", variable, type: variable.type, span: spanOf(node) }),
  );
  return { type: inner.variable.type, entries: listed === undefined ? [] : entries, inner };
}

/** A map by its name, or one that is declared in place and is no map of the module. */
function mapArgument(m: DeclarationScope, node: Expression): MapValue {
  const bared = bare(node);
  const call = bared.type === "CallExpression" ? bared : undefined;
  const found = named(m, call === undefined ? bared : bare(call.callee as Expression));
  if (call === undefined && found?.kind === "map") return found.map;
  const row = call !== undefined && found?.kind === "builtin" ? MAPS[found.name] : undefined;
  if (call === undefined || found?.kind !== "builtin" || row === undefined)
    return refuse("SCRY1405", "a map is needed here: its name, or hash(key, value, { … })", node);
  return mapVariable(m, "", found.name, row, call.arguments as readonly Expression[], call);
}

/** A program by its name: what runs by tail calls is not attached. */
function programArgument(m: DeclarationScope, node: Expression, type: number): CExpression {
  const found = named(m, bare(node));
  if (found?.kind !== "program")
    return refuse("SCRY1405", "a program that stands above is needed here, by its name", node);
  found.program.called = true;
  const { name } = found.program;
  const span = spanOf(node);
  const fn: CFunction = { name, type, span, static: false, inline: false, attributes: new Set(), uses: 1 };
  return { kind: "function", function: fn, type, span };
}

function named(m: DeclarationScope, node: Expression): Static | undefined {
  const found = node.type === "Identifier" ? m.find(node.name) : undefined;
  return found?.kind === "static" ? found.what : undefined;
}

function programsOf(m: DeclarationScope, node: Expression): Values {
  if (node.type !== "ArrayExpression") return refuse("SCRY1405", "programs are needed here: [first, second]", node);
  const type = m.types.c.add({ kind: "func_proto", name: "", returns: m.types.i32, params: [], variadic: false });
  const entries = node.elements.map((one) => programArgument(m, one as Expression, type));
  return { type, entries };
}

function optionsOf(
  m: DeclarationScope,
  what: string,
  { options }: MapRow,
  node: Expression | undefined,
): ReadonlyMap<OptionRow["member"], number> {
  const found = new Map<OptionRow["member"], number>();
  if (node === undefined) return found;
  const sayable = `of ${what} can be said: { ${options.join(", ")} }`;
  if (node.type !== "ObjectExpression") return refuse("SCRY1405", sayable, node);
  for (const property of node.properties) {
    const name = property.type === "Property" && property.key.type === "Identifier" ? property.key.name : "";
    const row = options.includes(name) ? OPTIONS[name] : undefined;
    if (property.type !== "Property" || row === undefined) return refuse("SCRY1405", sayable, property);
    const value = m.evaluate(property.value as Expression);
    const given: Static | undefined = value.kind === "static" ? value.what : undefined;
    const least = row.member === "max_entries" || row.member === "depth" ? 1n : 0n;
    if (given?.kind !== "number" || given.value < least || given.value > row.most)
      return refuse("SCRY1405", `${name} is ${row.yes === undefined ? "a number" : "true or false"}`, property.value);
    if (row.yes !== undefined && given.value === 0n) continue;
    const number = Number(row.yes ?? given.value);
    found.set(row.member, (row.member === "map_flags" ? (found.get(row.member) ?? 0) : 0) | number);
  }
  return found;
}
