// The names of the kernel in a `.o` file: symbols that nothing defines, and what BTF says of them (`.kconfig`, `.ksyms`).

import type { Btf, BtfWriter } from "../btf/index.ts";
import type { KernelSetting } from "./externs.ts";
import type { Reference } from "./object.ts";
import { ObjectFileError } from "./object-file-error.ts";

interface Extern {
  readonly name: string;
  readonly weak: boolean;
  readonly section: ".kconfig" | ".ksyms";
  /** Id of its `var` or `func`. */
  readonly id: number;
  /** Bytes; 0 where only its place is known. */
  readonly size: number;
}

export class ExternWriter {
  readonly #btf: BtfWriter;
  readonly #kernel: Btf | undefined;
  readonly #settings: readonly KernelSetting[];
  readonly #found = new Map<string, Extern>();

  constructor(btf: BtfWriter, kernel: Btf | undefined, settings: readonly KernelSetting[]) {
    this.#btf = btf;
    this.#kernel = kernel;
    this.#settings = settings;
  }

  all(): Iterable<Extern> {
    return this.#found.values();
  }

  /** The symbol of the setting that lies at a byte of the map of settings. */
  setting(offset: number): string {
    const setting = this.#settings.find((one) => one.offset === offset);
    if (setting === undefined)
      throw new ObjectFileError(
        `byte ${offset} of the kernel's settings is none's beginning, which a .o file cannot say`,
      );
    const write = (): number => this.#btf.var(setting.name, this.#typeOf(setting), "extern");
    return this.#once(setting.name, setting.weak, ".kconfig", write, setting.size);
  }

  /** Where something of the kernel is. What it is, is not kept: the verifier takes it for a number. */
  symbol({ name, weak, typed }: Extract<Reference, { kind: "ksym" }>): string {
    if (typed)
      throw new ObjectFileError(`${name} of the kernel has a type, which cannot be written into a .o file yet`);
    return this.#once(name, weak, ".ksyms", () => this.#btf.var(name, this.#btf.const(0), "extern"));
  }

  function({ name, weak }: Extract<Reference, { kind: "kfunc" }>): string {
    return this.#once(name, weak === true, ".ksyms", () => this.#btf.func(name, this.#prototype(name), "extern"));
  }

  /** Writes the sections that list them. */
  describe(): void {
    for (const section of [".kconfig", ".ksyms"] as const) {
      const own = [...this.#found.values()].filter((one) => one.section === section);
      if (own.length > 0)
        this.#btf.datasec(
          section,
          0,
          own.map(({ id, size }) => ({ type: id, offset: 0, size })),
        );
    }
  }

  #once(name: string, weak: boolean, section: Extern["section"], write: () => number, size = 0): string {
    if (!this.#found.has(name)) this.#found.set(name, { name, weak, section, id: write(), size });
    return name;
  }

  #typeOf({ form, size }: KernelSetting): number {
    const btf = this.#btf;
    const char = (): number => btf.int("char", 1, { signed: true, char: true });
    switch (form) {
      case "bool":
        return btf.int("_Bool", 1, { bool: true });
      case "char":
        return char();
      case "tristate":
        return btf.enum("libbpf_tristate", size, [
          { name: "TRI_NO", value: 0n },
          { name: "TRI_YES", value: 1n },
          { name: "TRI_MODULE", value: 2n },
        ]);
      case "text":
        return btf.array(char(), size, btf.int("int", 4, { signed: true }));
      default:
        return btf.int(`${form} ${size}`, size, { signed: form === "signed" });
    }
  }

  /** A prototype of the kinds that the kernel's has, all the way through pointers: that is what libbpf compares. */
  #prototype(name: string): number {
    const kernel = this.#kernel;
    const id = kernel?.find(name, "func");
    const fn = id === undefined ? undefined : kernel?.type(id);
    const proto = fn?.kind === "func" ? kernel?.type(fn.type) : undefined;
    if (kernel === undefined || proto?.kind !== "func_proto")
      throw new ObjectFileError(`the kernel function ${name} cannot be written without the kernel's types of it`);
    return this.#btf.funcProto(
      this.#alike(kernel, proto.returns),
      proto.params.map((p, i) => ({ name: p.name === "" ? `a${i + 1}` : p.name, type: this.#alike(kernel, p.type) })),
    );
  }

  #alike(kernel: Btf, id: number): number {
    const btf = this.#btf;
    const type = kernel.resolve(id);
    switch (type.kind) {
      case "void":
        return 0;
      case "int":
        return btf.int(type.name, type.size, { signed: type.signed, char: type.char, bool: type.bool });
      case "ptr":
        return btf.ptr(this.#alike(kernel, type.type));
      case "struct":
      case "union":
        return btf[type.kind](type.name, 0, []);
      case "enum":
      case "enum64":
        return btf[type.kind](type.name, type.size, []);
      default:
        return btf.int("unsigned long", 8);
    }
  }
}
