// Objects from C text: `openObject("x.bpf.c")`. Headers are looked for beside the text, in the folders that are given, and
// where the system has its own; `vmlinux.h` and libbpf's are known without any file.

import { compileC, type UsdtForms } from "../lang/c/index.ts";
import type { BpfObject } from "../object/index.ts";
import { HeaderFiles } from "../session/index.ts";
import { type Diagnostic, DiagnosticError, type SourceText } from "../source/index.ts";
import { readForeign } from "../symbols/index.ts";
import { dumping, fileOfObject, type TargetOptions, targetOf } from "./target.ts";

export interface CSourceOptions extends TargetOptions {
  /** Folders of headers (`-I`). */
  readonly includeFolders?: readonly string[];
  /** Headers before the text (`--include`). */
  readonly includes?: readonly string[];
  /** Macros, `NAME` or `NAME=TEXT` (`-D`). */
  readonly defines?: readonly string[];
  /** Macros that are taken back, those of the compiler's own too (`-U`). */
  readonly undefines?: readonly string[];
  /** BCC's dialect: maps with methods, programs by their names, pointers of the kernel followed (docs/bcc.md). */
  readonly dialect?: "c" | "bcc";
  /** Of BCC's dialect: where the arguments of the static probes are that run a function. */
  readonly usdt?: ReadonlyMap<string, UsdtForms>;
  /** To be linked with other objects, which may define what the text does not. */
  readonly linkable?: boolean;
  /** As after `-W`: `error`, `none`, `no-unused-variable`. */
  readonly warnings?: readonly string[];
  /** Is told what C takes and a programmer seldom means. */
  onWarnings?(all: readonly Diagnostic[], source: SourceText): void;
}

/** Throws a DiagnosticError for what is wrong with the text, a system error where it cannot be read. */
export function objectOfC(path: string, options: CSourceOptions = {}): BpfObject {
  return objectOfText({ name: path, text: new TextDecoder().decode(readForeign(path)) }, options);
}

/** The same of text that is no file. */
export function objectOfText(source: SourceText, options: CSourceOptions = {}): BpfObject {
  const headers = new HeaderFiles(options.includeFolders ?? []);
  const target = targetOf(options);
  const { object, diagnostics, warnings, skipped } = compileC(source, {
    warnings: options.warnings ?? [],
    btf: target.btf,
    include: (request) => headers.find(request, "own") ?? headers.find(request, "system"),
    includes: options.includes ?? [],
    undefines: options.undefines ?? [],
    linkable: options.linkable === true,
    defines: (options.defines ?? []).map((text): [string, string] => {
      const at = text.indexOf("=");
      return at < 0 ? [text, "1"] : [text.slice(0, at), text.slice(at + 1)];
    }),
    cpu: target.cpu,
    machine: target.machine,
    ...dumping(options),
    ...(options.dialect === "bcc"
      ? {
          bcc: {
            tracepoint: target.tracepoint,
            ...(options.usdt === undefined ? {} : { usdt: options.usdt }),
          },
        }
      : {}),
  });
  if (object === undefined) throw new DiagnosticError(withDialect(diagnostics, source.text, options), source);
  options.dump?.object(object);
  if (warnings !== undefined && warnings.length > 0) options.onWarnings?.(warnings, source);
  const [section] = skipped;
  if (section !== undefined)
    throw new DiagnosticError(
      [
        {
          code: "SCRY1314",
          severity: "error",
          message: `section ${section} says nothing of what its programs are`,
        },
      ],
      source,
    );
  return object;
}

/** The same as an object file, for any kernel. Throws likewise, ObjectFileError for what such a file cannot say. */
export function objectFileOfC(path: string, options: CSourceOptions = {}): Uint8Array {
  const object = objectOfC(path, { ...options, portable: true, linkable: true });
  return fileOfObject(object, options);
}

/** Texts of the other dialect are full of what C does not know. */
function withDialect(all: readonly Diagnostic[], text: string, { dialect }: CSourceOptions): readonly Diagnostic[] {
  const [first, ...rest] = all;
  const other = /\b(?:BPF_(?:HASH|ARRAY|PERF_OUTPUT|HISTOGRAM|TABLE)|(?:RAW_)?TRACEPOINT_PROBE|KFUNC_PROBE)\s*\(/;
  if (first === undefined || dialect === "bcc" || !other.test(text) || /\bSEC\s*\(/.test(text)) return all;
  return [{ ...first, hints: [...(first.hints ?? []), "This looks like BCC's dialect: --dialect bcc"] }, ...rest];
}
