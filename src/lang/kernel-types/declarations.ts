// A kernel's structs, functions and tracepoints as what adds to the types of `scry/bpf`: whole, or what modules name.

import type { Btf, BtfComposite, BtfKind } from "../../btf/index.ts";
import { kernelFunction } from "../../object/index.ts";
import type { TracepointField } from "../c/index.ts";
import { PROGRAMS } from "../kernel-ts/index.ts";
import type { KernelNames } from "./names.ts";
import { type ProgramPlaces, programDeclarations } from "./programs.ts";
import { TAKEN } from "./taken.ts";
import { declarable, listText, numberText, property, TypeText } from "./type-text.ts";

/** The kernel that is declared. */
export interface DeclaredKernel {
  readonly btf: Btf;
  /** `category:name` of each tracepoint; absent where there is no system to ask, as for the types of another kernel. */
  tracepoints?(): readonly string[];
  tracepoint?(category: string, name: string): readonly TracepointField[] | undefined;
  /** Functions and static probes of programs, by the places that modules write. */
  readonly programs?: ProgramPlaces;
}

/**
 * A `.d.ts` text. With `names` it declares those tracepoints and functions, and the structs that lead to the members named;
 * what else these structs have is listed, but what lies behind it is an `object`.
 */
export function kernelDeclarations(kernel: DeclaredKernel, names?: KernelNames): string {
  return new Declarations(kernel, names).text();
}

class Declarations {
  readonly #kernel: DeclaredKernel;
  readonly #names: KernelNames | undefined;
  readonly #types: TypeText;
  /** What each struct that is reached is called, and those whose members are still to be written. */
  readonly #called = new Map<number, string>();
  readonly #taken = new Set<string>(TAKEN);
  readonly #queue: BtfComposite[] = [];

  constructor(kernel: DeclaredKernel, names: KernelNames | undefined) {
    this.#kernel = kernel;
    this.#names = names;
    this.#types = new TypeText(kernel.btf, (struct, member) =>
      names === undefined || member === undefined || this.#called.has(struct.id) || names.members.has(member)
        ? this.#reach(struct)
        : undefined,
    );
  }

  text(): string {
    const tracepoints = this.#tracepoints();
    const functions = this.#functions();
    const exported = this.#exported();
    const enums = this.#enums();
    const { functions: places, probes, structs: theirs } = programDeclarations(this.#kernel, this.#names, this.#taken);
    const structs = [...this.#structs(), ...theirs];
    const whole = this.#names === undefined;
    const block = (name: string, lines: readonly string[]): string[] =>
      lines.length === 0 ? [] : [`  interface ${name} {`, ...lines.map((line) => `    ${line}`), "  }"];
    return [
      `// ${whole ? "All that a kernel has" : "What modules name of a kernel"}, for tsc and editors. Written by \`scry types\`: do not change it.`,
      "export {};",
      'declare module "scry/bpf" {',
      ...block("Declared", [
        ...(whole && tracepoints.length > 0 ? ["tracepoints: true;"] : []),
        ...(whole ? ["functions: true;", "enums: true;"] : []),
        ...(whole && exported.length > 0 ? ["exported: true;"] : []),
      ]),
      ...block("Tracepoints", tracepoints),
      ...block("KernelFunctions", functions),
      ...block("ExportedFunctions", exported),
      ...block("ProgramFunctions", places),
      ...block("StaticProbes", probes),
      ...block("Enums", enums),
      ...structs,
      "}",
      "",
    ].join("\n");
  }

  /** What a struct is called. Two of one name get numbers. */
  #reach(struct: BtfComposite): string {
    const known = this.#called.get(struct.id);
    if (known !== undefined) return known;
    const wanted = declarable(struct.name);
    let name = wanted;
    for (let i = 2; this.#taken.has(name); i++) name = `${wanted}_${i}`;
    this.#taken.add(name);
    this.#called.set(struct.id, name);
    this.#queue.push(struct);
    return name;
  }

  #tracepoints(): string[] {
    const kernel = this.#kernel;
    const wanted = this.#names === undefined ? kernel.tracepoints?.() : this.#names.tracepoints;
    return [...(wanted ?? [])].sort().flatMap((name) => {
      const [category = "", event = ""] = name.split(":");
      const all = kernel.tracepoint?.(category, event) ?? [];
      // Formats of Linux 5.10 have fields twice; the compiler takes the first.
      const fields = all.filter(({ name }, i) => all.findIndex((field) => field.name === name) === i);
      const members = fields.map((field) => `readonly ${property(field.name)}: ${this.#field(field)};`);
      return fields.length === 0 ? [] : [`${JSON.stringify(name)}: { ${members.join(" ")} };`];
    });
  }

  /** A field as the kernel's format has it. */
  #field({ name, type, size, signed, arrayLength, location }: TracepointField): string {
    // Read as the text that it says where to find.
    if (location !== undefined) return "string";
    const bytes = listText("u8", size);
    if (arrayLength === undefined) {
      if (/\*$/.test(type) && size === 8) return this.#pointed(/struct (\w+) \*$/.exec(type)?.[1], name);
      return [1, 2, 4, 8].includes(size) ? numberText(size, signed) : bytes;
    }
    if (/\bchar$/.test(type)) return "string";
    const element = numberText(size / Math.max(1, arrayLength), signed);
    return element === "unknown" ? bytes : listText(element, arrayLength);
  }

  #pointed(struct: string | undefined, member: string): string {
    const { btf } = this.#kernel;
    const id = struct === undefined ? undefined : btf.find(struct, "struct");
    const type = id === undefined ? undefined : btf.type(id);
    if (type?.kind !== "struct") return "u64";
    return this.#names === undefined || this.#names.members.has(member) ? this.#reach(type) : "object";
  }

  #functions(): string[] {
    const { btf } = this.#kernel;
    const wanted = this.#names?.functions;
    const found = wanted === undefined ? btf.findAll("*", CALLED) : named(btf, wanted, CALLED);
    const lines = new Map<string, string>();
    for (const { id, name } of found) {
      if (lines.has(name) || INNER.test(name)) continue;
      const type = btf.type(id);
      const text =
        type.kind === "func"
          ? this.#types.functionText(type.type)
          : name.startsWith("btf_trace_")
            ? this.#tracepointFunction(id, name)
            : undefined;
      if (text !== undefined) lines.set(name, `${property(name)}: ${text};`);
    }
    return [...lines.values()].sort();
  }

  /** Functions that programs may call: those that say so (Linux 6.10), or that a module calls. */
  #exported(): string[] {
    const { btf } = this.#kernel;
    const tagged = new Map<string, number>();
    for (const { id } of btf.findAll("bpf_kfunc", "decl_tag")) {
      const tag = btf.type(id);
      const fn = tag.kind === "decl_tag" ? btf.type(tag.type) : undefined;
      if (fn?.kind === "func") tagged.set(fn.name, fn.id);
    }
    const wanted = this.#names?.exported;
    const found =
      wanted === undefined
        ? [...tagged]
        : [...named(btf, wanted, ["func"])]
            .map(({ name, id }) => [name, id] as const)
            .filter(([name]) => tagged.size === 0 || tagged.has(name));
    return found.flatMap(([name, id]) => this.#exportedFunction(name, id) ?? []).sort();
  }

  /** What it gives may be missing, but where it is known that it cannot be; what it acquires is given back by `using`. */
  #exportedFunction(name: string, id: number): string | undefined {
    const { btf } = this.#kernel;
    const fn = btf.type(id);
    const proto = fn.kind === "func" ? btf.resolve(fn.type) : undefined;
    if (proto?.kind !== "func_proto") return undefined;
    const text = this.#types.functionText(proto.id) as string;
    const row = kernelFunction(name);
    if (btf.resolve(proto.returns).kind !== "ptr" || row?.returns === "kernel") return `${property(name)}: ${text};`;
    const [params, given = ""] = text.split(/ => (?!.* => )/);
    const of = given === "u64" ? "object" : given;
    return `${property(name)}: ${params} => ${row?.acquires === undefined ? of : `(${of} & Held)`} | undefined;`;
  }

  /** Values of enums, with what they are in this kernel. Of two of one name the first is it. */
  #enums(): string[] {
    const { btf } = this.#kernel;
    const lines = new Map<string, string>();
    const add = (id: number, only?: string): void => {
      const type = btf.type(id);
      if (type.kind !== "enum" && type.kind !== "enum64") return;
      const of = type.name === "" ? "" : ` of enum ${type.name}`;
      for (const { name, value } of type.values) {
        if (lines.has(name) || (only !== undefined && name !== only)) continue;
        const kind = numberText(Math.max(4, type.size), value < 0n);
        lines.set(name, `/** ${value}${of} */ readonly ${property(name)}: ${kind};`);
      }
    };
    if (this.#names === undefined) {
      for (let id = btf.firstId; id < btf.count; id++) if (/^enum/.test(btf.kind(id))) add(id);
    } else
      for (const name of this.#names.enumerators) {
        const found = btf.enumerator(name);
        if (found !== undefined) add(found.type, name);
      }
    return [...lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
  }

  /** The arguments of a tracepoint: the first parameter is its own. Their names stand at the function that calls it. */
  #tracepointFunction(id: number, name: string): string | undefined {
    const { btf } = this.#kernel;
    const pointer = btf.resolve(id);
    const caller = this.#callers().get(name.replace(/^btf_trace_/, "__traceiter_"));
    const fn = caller === undefined ? undefined : btf.type(caller);
    const proto = fn?.kind === "func" ? btf.resolve(fn.type) : undefined;
    const names = proto?.kind === "func_proto" ? proto.params.slice(1).map((p) => p.name) : [];
    return pointer.kind === "ptr" ? this.#types.functionText(pointer.type, names, 1) : undefined;
  }

  /** What calls tracepoints. They are looked for at once: each search goes through all types. */
  #callers(): ReadonlyMap<string, number> {
    this.#traceiters ??= new Map(this.#kernel.btf.findAll("__traceiter_*", "func").map(({ name, id }) => [name, id]));
    return this.#traceiters;
  }
  #traceiters: ReadonlyMap<string, number> | undefined;

  #structs(): string[] {
    const { btf } = this.#kernel;
    const wanted = this.#names?.structs;
    const roots = wanted === undefined ? btf.findAll("*", KINDS) : named(btf, wanted, KINDS);
    for (const { id } of roots) {
      const type = btf.type(id);
      if (type.kind === "struct" || type.kind === "union") this.#reach(type);
    }
    const written = new Map<string, { readonly struct: BtfComposite; readonly lines: readonly string[] }>();
    for (let struct = this.#queue.pop(); struct !== undefined; struct = this.#queue.pop()) {
      // What programs may fill has a struct of its own beside it (kernel/bpf/bpf_struct_ops.c).
      const filled = btf.find(`bpf_struct_ops_${struct.name}`, "struct") !== undefined;
      const lines = this.#types.members(struct, { writable: WRITABLE.has(struct.name), filled });
      written.set(this.#called.get(struct.id) as string, { struct, lines });
    }
    const names = [...written].sort(([a], [b]) => (a < b ? -1 : 1));
    if (names.length === 0) return [];
    // Of several that have one name, the first is it.
    const first = new Map([...written].reverse().map(([name, { struct }]) => [struct.name, name]));
    for (const [name, { struct }] of written) if (name === declarable(struct.name)) first.set(struct.name, name);
    return [
      ...names.flatMap(([name, { lines }]) => [`  interface ${name} {`, ...lines.map((line) => `    ${line}`), "  }"]),
      "  interface KernelStructs {",
      ...[...first].sort(([a], [b]) => (a < b ? -1 : 1)).map(([struct, name]) => `    ${property(struct)}: ${name};`),
      "  }",
    ];
  }
}

/** What programs may write to: their contexts. */
const WRITABLE: ReadonlySet<string> = new Set(
  Object.values(PROGRAMS).flatMap(({ context }) => (context === undefined ? [] : [context])),
);

/** Functions that the compiler or a macro made of others, or that belong to a tracepoint: nobody asks for them by their name. */
const INNER =
  /\.|^__(?:traceiter|bpf_trace|probestub|bpf_tramp|pfx|cfi|(?:se|do|ia32)(?:_compat)?_sys)_|^(?:trace_event_raw_event|perf_trace|trace_raw_output)_/;

/** Functions, and types of a tracepoint's function. */
const CALLED: readonly BtfKind[] = ["func", "typedef"];
const KINDS: readonly BtfKind[] = ["struct", "union"];

/** The first type of each name. */
function* named(btf: Btf, names: Iterable<string>, kinds: readonly BtfKind[]): Iterable<{ id: number; name: string }> {
  for (const name of names) {
    const id = btf.find(name, kinds);
    if (id !== undefined) yield { id, name };
  }
}
