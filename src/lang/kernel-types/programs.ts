// Functions and static probes of programs, as the types of `scry/bpf`.

import type { Btf, BtfComposite } from "../../btf/index.ts";
import type { BinaryFunction, ProbeArgument } from "../kernel-ts/index.ts";
import type { KernelNames } from "./names.ts";
import { declarable, numberText, property, TypeText } from "./type-text.ts";

/** What is known of programs. */
export interface ProgramPlaces {
  /** All places to declare; those that modules name, where it is not there. */
  readonly functions?: readonly string[];
  readonly probes?: readonly string[];
  /** By debug information; undefined: nothing is known. */
  function(place: string): BinaryFunction | undefined;
  /** The arguments of a static probe; undefined: there is none. */
  probe(place: string): readonly (ProbeArgument | undefined)[] | undefined;
}

interface Declared {
  readonly functions: readonly string[];
  readonly probes: readonly string[];
  readonly structs: readonly string[];
}

/** `taken`: names that other declarations have; those of structs are added. A struct that the kernel has as well is `name_2`. */
export function programDeclarations(
  kernel: { readonly btf: Btf; readonly programs?: ProgramPlaces },
  names: KernelNames | undefined,
  taken: Set<string>,
): Declared {
  const { programs } = kernel;
  const structs = new Map<BtfComposite, string>();
  const queue: [struct: BtfComposite, types: TypeText][] = [];
  const texts = new Map<Btf, TypeText>();
  const typesOf = (btf: Btf): TypeText => {
    let types = texts.get(btf);
    if (types === undefined) {
      types = new TypeText(btf, (struct, member) => {
        const known = structs.get(struct);
        if (known !== undefined) return known;
        const whole = programs?.functions !== undefined;
        if (!whole && member !== undefined && names?.members.has(member) === false) return undefined;
        const wanted = declarable(struct.name);
        const own = kernel.btf.find(struct.name, ["struct", "union"]) === undefined ? wanted : `${wanted}_2`;
        let name = own;
        for (let i = 3; taken.has(name); i++) name = `${wanted}_${i}`;
        taken.add(name);
        structs.set(struct, name);
        queue.push([struct, texts.get(btf) as TypeText]);
        return name;
      });
      texts.set(btf, types);
    }
    return types;
  };
  const functions = [...(programs?.functions ?? names?.places ?? [])].sort().flatMap((place) => {
    const found = programs?.function(place);
    if (found === undefined) return [];
    const types = typesOf(found.btf);
    const params = found.params.map(({ name, type }, i) => `${declarable(name || `arg${i}`)}: ${types.text(type)}`);
    return [`${property(place)}: (${params.join(", ")}) => ${types.text(found.returns)};`];
  });
  const probes = [...(programs?.probes ?? names?.probes ?? [])].sort().flatMap((place) => {
    const found = programs?.probe(place);
    if (found === undefined) return [];
    const params = found.map((one, i) => `arg${i}: ${one === undefined ? "u64" : numberText(one.size, one.signed)}`);
    return [`${property(place)}: (${params.join(", ")}) => void;`];
  });
  const written: [name: string, lines: readonly string[]][] = [];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const [struct, types] = next;
    written.push([structs.get(struct) as string, types.members(struct)]);
  }
  return {
    functions,
    probes,
    structs: written
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, lines]) => [`  interface ${name} {`, ...lines.map((line) => `    ${line}`), "  }"]),
  };
}
