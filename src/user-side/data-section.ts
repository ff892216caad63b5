// Variables of an object's data sections as properties of a JavaScript object: before loading they are bytes that the map
// begins with, afterwards the memory that programs themselves work in.

import { type Btf, type ValueCodec, valueCodec } from "../btf/index.ts";
import { distinctName } from "../object/index.ts";
import { FormatError } from "../source/index.ts";

/** What a variable is. */
interface Variable {
  readonly name: string;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly codec: ValueCodec;
}

/** The bytes that a section has at the moment, and whether they may be written. */
export interface SectionMemory {
  view: DataView;
  writable: boolean;
}

/**
 * The variables of a section by their names. Reading gives what is there now; a struct or an array is a copy, to be
 * assigned as a whole, or in part (`bss.stats = { drops: 0n }` leaves its other members as they are).
 */
export function sectionObject(btf: Btf | undefined, section: string, memory: SectionMemory): Record<string, unknown> {
  const object: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const { name, offset, codec } of variablesOf(btf, section, memory.view.byteLength))
    Object.defineProperty(object, name, {
      enumerable: true,
      get: () => codec.decode(memory.view, offset, offset + codec.size),
      set: (value: unknown) => {
        if (!memory.writable)
          throw new TypeError(`${name}: ${section} cannot be written any more, since programs were verified with it`);
        codec.encode(memory.view, offset, value, name);
      },
    });
  return Object.seal(object);
}

function variablesOf(btf: Btf | undefined, section: string, size: number): Variable[] {
  const id = btf?.find(section, "datasec");
  const datasec = id === undefined ? undefined : btf?.type(id);
  if (btf === undefined || datasec?.kind !== "datasec") return [];
  const found: Variable[] = [];
  const taken = new Set<string>();
  for (const { type, offset } of datasec.variables) {
    const name = distinctName(btf.type(type).name, taken);
    taken.add(name);
    try {
      const codec = valueCodec(btf, type);
      if (offset + codec.size <= size) found.push({ name, offset, codec });
    } catch (error) {
      // What has no values (an incomplete type) is no variable for us.
      if (!(error instanceof FormatError)) throw error;
    }
  }
  return found;
}

/** `.rodata` → `rodata`; sections of another name stay as they are. */
export const sectionKey = (section: string): string =>
  /^\.(?:rodata|data|bss)$/.test(section) ? section.slice(1) : section;
