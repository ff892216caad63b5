// A module in TypeScript that knows an object: its maps, variables and programs with the types that BTF gives them, for
// `openObject<…>()`; and, if wanted, the object itself.

import { type Btf, TypeScriptTypes } from "../btf/index.ts";
import { type BpfObject, distinctName, MAP_TYPES, type MapSpec } from "../object/index.ts";
import { elementCodec, holdsDescriptors, keyCodec, sectionKey } from "../user-side/index.ts";

export interface GenerateOptions {
  /** Of the object: `opensnoop`. */
  readonly name: string;
  /** What the module is told to have been made of. */
  readonly file: string;
  /** The bytes of the object, to be put into the module. */
  readonly embed?: Uint8Array;
  /** Is this a type of the kernel's own? Of the others all structs are written, since a ring may carry them. */
  readonly isKernelType?: (name: string) => boolean;
}

/** Names that the module uses itself, and those that TypeScript does not let types have. */
const TAKEN =
  "KernelId ObjectFile OpenOptions openObject Uint8Array Buffer Promise string number bigint boolean object symbol any unknown never void undefined null".split(
    " ",
  );

const pascal = (name: string): string =>
  name
    .replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9]?)/g, (_, letter: string) => letter.toUpperCase())
    .replace(/^(?=\d)/, "_");

const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** The text of the module. */
export function generateModule(object: BpfObject, options: GenerateOptions): string {
  const shape = pascal(options.name);
  const types = object.types === undefined ? undefined : new TypeScriptTypes(object.types, [...TAKEN, shape]);
  const maps = object.maps
    .filter((map) => !/^\.(?:rodata|data|bss|kconfig)(?:\.|$)/.test(map.name))
    .map((map) => mapLine(map, object.types, types));
  const programs = object.programs.map(({ name, type }) => `    readonly ${key(name)}: ${JSON.stringify(type)};\n`);
  const data = object.maps.flatMap((map) => sectionLines(map, object.types, types));
  for (const id of ownStructs(object.types, options.isKernelType)) types?.text(id);
  const declarations = (types?.declarations ?? []).map((text) => `${text}\n\n`).join("");
  const ids = object.maps.some(holdsDescriptors);
  const { embed } = options;
  const open =
    embed === undefined
      ? `/** Opens the object file: \`await open${shape}("${options.file}")\`. Nothing is loaded yet. */
export const open${shape} = (source: string | Uint8Array, options?: OpenOptions): Promise<ObjectFile<${shape}>> =>
  openObject<${shape}>(source, options);
`
      : `/** Opens the object, which is in this file. Nothing is loaded yet. */
export const open${shape} = (options: OpenOptions = {}): Promise<ObjectFile<${shape}>> =>
  openObject<${shape}>(Buffer.from(OBJECT, "base64"), { name: ${JSON.stringify(options.name)}, ...options });

const OBJECT =
${base64Lines(embed)};
`;
  return `// Made by \`scry gen ${options.file}\`: what that object has, with its types. Not to be edited.

import { ${ids ? "type KernelId, " : ""}type ObjectFile, type OpenOptions, openObject } from "scry/loader";

${declarations}/** The maps, programs and variables of ${options.name}. */
export interface ${shape} {
  readonly maps: {
${maps.join("")}  };
  readonly programs: {
${programs.join("")}  };
  readonly data: {
${data.join("")}  };
}

${open}`;
}

const base64Lines = (bytes: Uint8Array): string =>
  (
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,112}/g) ?? [""]
  )
    .map((line) => `  "${line}"`)
    .join(" +\n");

function mapLine(map: MapSpec, btf: Btf | undefined, types: TypeScriptTypes | undefined): string {
  const typed = (
    type: number | undefined,
    size: number,
    codec: { size: number; decode(bytes: Uint8Array): unknown },
  ): string => {
    // As `codecs.ts` decodes it: by its type where that has values of this size.
    if (types !== undefined && type !== undefined && btf?.sizeof(type) === size) return types.text(type, "    ");
    return typeof codec.decode(new Uint8Array(codec.size)) === "number" ? "number" : "Uint8Array";
  };
  const ring = MAP_TYPES[map.type].ring === true;
  const keyText = ring ? "never" : typed(map.keyType, map.keySize, keyCodec(map, btf));
  const element = ring
    ? "never"
    : holdsDescriptors(map)
      ? "KernelId"
      : typed(map.valueType, map.valueSize, elementCodec(map, btf));
  const value = map.type.includes("percpu") ? `readonly ${/[ |]/.test(element) ? `(${element})` : element}[]` : element;
  const record = map.recordType === undefined ? "Uint8Array" : (types?.text(map.recordType, "    ") ?? "Uint8Array");
  return `    /** ${map.type}${map.maxEntries > 0 ? `, ${map.maxEntries} ${ring ? "bytes" : "entries"}` : ""} */
    readonly ${key(map.name)}: { readonly key: ${keyText}; readonly value: ${value}${ring ? `; readonly record: ${record}` : ""} };
`;
}

function sectionLines(map: MapSpec, btf: Btf | undefined, types: TypeScriptTypes | undefined): string[] {
  const id = /^\.(?:rodata|data|bss)(?:\.|$)/.test(map.name) ? btf?.find(map.name, "datasec") : undefined;
  const datasec = id === undefined ? undefined : btf?.type(id);
  if (/^\.(?:rodata|data|bss)(?:\.|$)/.test(map.name) === false) return [];
  const lines: string[] = [];
  const taken = new Set<string>();
  if (btf !== undefined && types !== undefined && datasec?.kind === "datasec")
    for (const { type } of datasec.variables) {
      const name = distinctName(btf.type(type).name, taken);
      taken.add(name);
      const text = types.text(type, "      ");
      if (text === "unknown") continue;
      const given = givenText(text);
      lines.push(
        given === text
          ? `      ${key(name)}: ${text};\n`
          : `      get ${key(name)}(): ${text};\n      set ${key(name)}(value: ${given});\n`,
      );
    }
  return [`    readonly ${key(sectionKey(map.name))}: {\n${lines.join("")}    };\n`];
}

/** What may be assigned: whole numbers as either, parts of structs. */
function givenText(text: string): string {
  if (text === "bigint") return "bigint | number";
  if (text === "string") return "string | Uint8Array";
  if (/^(?:number|boolean)$/.test(text) || /^"/.test(text)) return text;
  const array = /^readonly (.*)\[\]$/s.exec(text)?.[1];
  if (array !== undefined)
    return /^(?:number|boolean)$/.test(array) ? text : `readonly (${givenText(array.replace(/^\((.*)\)$/s, "$1"))})[]`;
  return `Partial<${text}>`;
}

/** Structs with names that are not the kernel's: what programs and their users speak in. */
function ownStructs(btf: Btf | undefined, isKernelType: GenerateOptions["isKernelType"]): number[] {
  if (btf === undefined || isKernelType === undefined) return [];
  return btf
    .findAll(/^(?!__bpf_usdt|bpf_|pt_regs|user_pt_regs)/, ["struct"])
    .filter(({ name, id }) => !isKernelType(name) && !name.includes("___") && btf.members(id).length > 0)
    .map(({ id }) => id);
}
