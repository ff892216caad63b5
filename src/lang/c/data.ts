// Global data: where each variable lies in the sections that become maps, and the bytes that they start with.

import { type CInitializer, type CVariable, refuse, type Typing } from "../../c/index.ts";
import { globalDataFlags, type MapSpec, XDP_RUN_SECTION } from "../../object/index.ts";

/** Sections are whole words: texts that are read by words, as C programs do, may end anywhere. */
const WORD = 8;

/** What the kernel takes for a value of a map that can be mapped into memory. */
const MOST_BYTES = 1 << 28;

interface Section {
  readonly name: string;
  bytes: Uint8Array;
  size: number;
}

export interface DataPlace {
  readonly map: string;
  /** Bytes from its start. */
  readonly offset: number;
}

export interface PlacedVariable {
  readonly variable: CVariable;
  /** Bytes from the start of its section. */
  readonly offset: number;
}

export class DataSections {
  readonly #typing: Typing;
  readonly #sections = new Map<string, Section>();
  readonly #places = new Map<CVariable, DataPlace>();
  readonly #texts = new Map<string, DataPlace>();

  constructor(typing: Typing) {
    this.#typing = typing;
  }

  /** Where a variable lies; it is put into its section when it is first asked for. */
  place(variable: CVariable): DataPlace {
    let place = this.#places.get(variable);
    if (place === undefined) this.#places.set(variable, (place = this.#put(variable)));
    return place;
  }

  /** A string among the constants; equal ones are one. */
  text(bytes: Uint8Array): DataPlace {
    const key = bytes.join();
    let place = this.#texts.get(key);
    if (place === undefined) {
      place = this.#reserve(".rodata", bytes.length, 1);
      (this.#sections.get(".rodata") as Section).bytes.set(bytes, place.offset);
      this.#texts.set(key, place);
    }
    return place;
  }

  maps(): MapSpec[] {
    const data = [...this.#sections.values()].filter(({ name }) => name !== XDP_RUN_SECTION);
    return data.map(({ name, bytes, size: used }) => ({
      name,
      type: "array",
      keySize: 4,
      valueSize: whole(used),
      maxEntries: 1,
      flags: globalDataFlags(name),
      ...(name.startsWith(".bss") ? {} : { initial: padded(bytes.subarray(0, used), whole(used)) }),
    }));
  }

  /** The sections, with the variables in each by their places. */
  sections(): { readonly name: string; readonly size: number; readonly variables: readonly PlacedVariable[] }[] {
    return [...this.#sections.values()].map(({ name, size }) => ({
      name,
      size: whole(size),
      variables: [...this.#places]
        .flatMap(([variable, place]) => (place.map === name ? [{ variable, offset: place.offset }] : []))
        .sort((a, b) => a.offset - b.offset),
    }));
  }

  #reserve(name: string, size: number, align: number): DataPlace {
    let section = this.#sections.get(name);
    if (section === undefined) this.#sections.set(name, (section = { name, bytes: new Uint8Array(256), size: 0 }));
    const offset = Math.ceil(section.size / align) * align;
    section.size = offset + size;
    if (section.bytes.length < section.size) {
      const grown = new Uint8Array(section.size * 2);
      grown.set(section.bytes);
      section.bytes = grown;
    }
    return { map: name, offset };
  }

  #put(variable: CVariable): DataPlace {
    const typing = this.#typing;
    const size = typing.size(variable.type);
    if (size > MOST_BYTES) refuse("SCRY1033", `'${variable.name}' has ${size} bytes`, variable.span);
    const entries = variable.initial?.entries ?? [];
    const zero = entries.every(({ value }) => value.kind === "constant" && value.value === 0n);
    const name = variable.section ?? (variable.constant ? ".rodata" : zero ? ".bss" : ".data");
    const align = Math.max(variable.align, typing.types.alignof(variable.type));
    const place = this.#reserve(name, size, align);
    if (variable.initial !== undefined) this.#write(variable.initial, name, place.offset);
    return place;
  }

  #write({ entries }: CInitializer, section: string, start: number): void {
    const typing = this.#typing;
    const { bytes } = this.#sections.get(section) as Section;
    for (const { offset, bits, type, value } of entries) {
      const at = start + (offset >> 3);
      if (value.kind === "text") {
        bytes.set(value.bytes.subarray(0, typing.size(type)), at);
        continue;
      }
      if (value.kind === "literal" && value.variable.initial !== undefined) {
        this.#write(value.variable.initial, section, at);
        continue;
      }
      if (value.kind !== "constant")
        refuse(
          "SCRY1011",
          "global data begins with constants; an address is none before the program is loaded",
          value.span,
        );
      const width = bits > 0 ? bits : typing.size(type) * 8;
      for (let bit = 0; bit < width; ) {
        const place = offset + bit;
        const within = place & 7;
        const count = Math.min(8 - within, width - bit);
        const mask = ((1 << count) - 1) << within;
        const part = Number((value.value >> BigInt(bit)) & BigInt((1 << count) - 1)) << within;
        const index = start + (place >> 3);
        bytes[index] = ((bytes[index] as number) & ~mask) | part;
        bit += count;
      }
    }
  }
}

const whole = (size: number): number => Math.ceil(size / WORD) * WORD;

function padded(bytes: Uint8Array, size: number): Uint8Array {
  const all = new Uint8Array(size);
  all.set(bytes);
  return all;
}
