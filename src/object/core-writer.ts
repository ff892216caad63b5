// Types of the kernel's that code asks about by name, as local types of an object file: no more than loaders compare.

import type { Btf, BtfWriter } from "../btf/index.ts";
import { ObjectFileError } from "./object-file-error.ts";

export class CoreWriter {
  readonly #btf: BtfWriter;
  readonly #kernel: Btf | undefined;
  readonly #written = new Map<string, number>();

  constructor(btf: BtfWriter, kernel: Btf | undefined) {
    this.#btf = btf;
    this.#kernel = kernel;
  }

  #needKernel(what: string): Btf {
    if (this.#kernel === undefined) throw new ObjectFileError(`${what} cannot be written without the kernel's types`);
    return this.#kernel;
  }

  /** A local type of the same name and kind, which is all that libbpf compares. */
  type(name: string): number {
    const kernel = this.#needKernel(`the id of type ${name}`);
    const bare = name.replace(/^(?:struct|union|enum) /, "");
    const id = kernel.find(bare, ["struct", "union", "enum", "typedef", "int"]);
    if (id === undefined) throw new ObjectFileError(`the kernel has no type ${name}`);
    let local = this.#written.get(bare);
    if (local === undefined) {
      const type = kernel.type(id);
      if (type.kind === "union") local = this.#btf.union(bare, 0, []);
      else if (type.kind === "struct") local = this.#btf.struct(bare, 0, []);
      else throw new ObjectFileError(`the id of ${type.kind} ${name} cannot be written into a .o file yet`);
      this.#written.set(bare, local);
    }
    return local;
  }

  /** A local chain of structs with one member each, of the kinds that the kernel's have. */
  field(typeName: string, path: readonly string[]): { type: number; access: string } {
    const kernel = this.#needKernel(`the place of ${typeName}.${path.join(".")}`);
    const bare = typeName.replace(/^(?:struct|union) /, "");
    const key = `${bare}.${path.join(".")}`;
    const access = `0${":0".repeat(path.length)}`;
    const known = this.#written.get(key);
    if (known !== undefined) return { type: known, access };
    const root = kernel.find(bare, ["struct", "union"]);
    if (root === undefined) throw new ObjectFileError(`the kernel has no struct ${typeName}`);
    const chain: { name: string; place: number }[] = [];
    let place = root;
    for (const name of path) {
      const field = /^\[?\d+\]?$/.test(name) ? undefined : kernel.field(place, [name]);
      if (field === undefined)
        throw new ObjectFileError(`${typeName}.${path.join(".")} cannot be written: no field ${name}`);
      place = field.type;
      chain.push({ name, place });
    }
    let local = this.#kindOf(kernel, place);
    for (let i = chain.length - 1; i >= 0; i--) {
      const holder = kernel.resolve(i === 0 ? root : (chain[i - 1] as { place: number }).place);
      const members = [{ name: (chain[i] as { name: string }).name, type: local, bitOffset: 0, bitfieldSize: 0 }];
      const name = i === 0 ? bare : holder.name;
      local = holder.kind === "union" ? this.#btf.union(name, 8, members) : this.#btf.struct(name, 8, members);
    }
    this.#written.set(key, local);
    return { type: local, access };
  }

  #kindOf(kernel: Btf, id: number): number {
    const type = kernel.resolve(id);
    const btf = this.#btf;
    switch (type.kind) {
      case "int":
        return btf.int(type.name, type.size, { signed: type.signed, char: type.char, bool: type.bool });
      case "ptr":
        return btf.ptr(0);
      case "array":
        return btf.array(this.#kindOf(kernel, type.element), type.count, btf.int("int", 4, { signed: true }));
      case "float":
        return btf.float(type.name, type.size);
      case "enum":
      case "enum64":
        return btf.enum(type.name, type.size, []);
      case "union":
        return btf.union(type.name, type.size, []);
      default:
        return btf.struct(type.name, 0, []);
    }
  }
}
