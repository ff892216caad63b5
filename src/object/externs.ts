// What an object takes from the kernel by name: settings that it was built with (`extern … __kconfig`), its variables and
// functions (`… __ksym`). BTF lists them in sections that have no bytes, `.kconfig` and `.ksyms`.

import { type Btf, resolveType, sizeOfType } from "../btf/index.ts";
import { FormatError } from "../source/index.ts";

/** The map that holds the settings. */
export const KCONFIG = ".kconfig";

/** A setting of the kernel's configuration, and where its value goes. */
export interface KernelSetting {
  /** `CONFIG_HZ`, or what libbpf adds to them: `LINUX_KERNEL_VERSION`, `LINUX_HAS_BPF_COOKIE`, `LINUX_HAS_SYSCALL_WRAPPER`. */
  readonly name: string;
  /** Bytes from the start of the map `.kconfig`. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** How the value is written: `tristate` as a number (n 0, y 1, m 2), `char` as the letter itself. */
  readonly form: "bool" | "char" | "tristate" | "signed" | "unsigned" | "text";
  /** 0 where the kernel does not have it; else that is an error. */
  readonly weak: boolean;
}

export interface KernelSymbol {
  readonly name: string;
  /** The kernel's types say what it is (else only where): a variable or a function. */
  readonly typed: boolean;
  readonly weak: boolean;
}

export interface Externs {
  readonly settings: ReadonlyMap<string, KernelSetting>;
  readonly symbols: ReadonlyMap<string, KernelSymbol>;
  /** Bytes of the map of settings. */
  readonly size: number;
}

/** `isWeak` says it of a symbol of the file. Throws FormatError for a type that no setting has. */
export function readExterns(btf: Pick<Btf, "find" | "type">, isWeak: (name: string) => boolean): Externs {
  const settings = new Map<string, KernelSetting>();
  const symbols = new Map<string, KernelSymbol>();
  let size = 0;
  for (const section of [KCONFIG, ".ksyms"]) {
    const id = btf.find(section, "datasec");
    const datasec = id === undefined ? undefined : btf.type(id);
    if (datasec?.kind !== "datasec") continue;
    for (const { type: member } of datasec.variables) {
      const type = btf.type(member);
      const weak = isWeak(type.name);
      if (section === KCONFIG) {
        const bytes = type.kind === "var" ? (sizeOfType(btf, type.type) ?? 0) : 0;
        const aligned = alignment(btf, member);
        size = Math.ceil(size / aligned) * aligned;
        settings.set(type.name, { name: type.name, offset: size, size: bytes, form: formOf(btf, member), weak });
        size += bytes;
      } else {
        // `extern const void name __ksym` says nothing of what it is.
        const typed = type.kind === "func" || (type.kind === "var" && resolveType(btf, type.type).kind !== "void");
        symbols.set(type.name, { name: type.name, typed, weak });
      }
    }
  }
  return { settings, symbols, size };
}

function alignment(btf: Pick<Btf, "type">, variable: number): number {
  const type = btf.type(variable);
  const held = type.kind === "var" ? resolveType(btf, type.type) : type;
  return held.kind === "array" ? 1 : Math.max(1, Math.min(8, sizeOfType(btf, held.id) ?? 1));
}

function formOf(btf: Pick<Btf, "type">, variable: number): KernelSetting["form"] {
  const type = btf.type(variable);
  const held = type.kind === "var" ? resolveType(btf, type.type) : type;
  if (held.kind === "int") {
    if (held.bool) return "bool";
    if (held.size === 1) return "char";
    return held.signed ? "signed" : "unsigned";
  }
  if (held.kind === "enum" && held.name === "libbpf_tristate") return "tristate";
  if (held.kind === "array") {
    const element = resolveType(btf, held.element);
    if (element.kind === "int" && element.size === 1) return "text";
  }
  throw new FormatError("object file", `${type.name}: a setting of the kernel cannot be a ${held.kind}`);
}
