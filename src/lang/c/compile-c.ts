// The journey of C text: tokens, the tree with its types, and what that becomes as an object.

import type { Btf } from "../../btf/index.ts";
import {
  type CToken,
  CTypes,
  type IncludeRequest,
  type Macro,
  Preprocessor,
  readUnit,
  Typing,
  warningsOf,
} from "../../c/index.ts";
import { type Diagnostic, DiagnosticError, type SourceText } from "../../source/index.ts";
import { type BccOptions, bccDialect } from "./bcc/index.ts";
import { type CompiledC, type CompileUnitOptions, compileUnit, located } from "./compile-unit.ts";
import { type Machine, ownHeader } from "./headers/index.ts";
import { helperFunction } from "./helpers.ts";
import { remembered } from "./remembered-types.ts";

export interface CompileCOptions extends CompileUnitOptions {
  /** The types of the kernel that `vmlinux.h` stands for; none: all must be declared. */
  btf?(): Btf | undefined;
  /** Finds a header that is none of our own. */
  include?(request: IncludeRequest): SourceText | undefined;
  /** Macros from outside (`-D`): name and text. */
  readonly defines?: readonly (readonly [name: string, text: string])[];
  /** Macros that there are not, whoever defines them outside of the text (`-U`). */
  readonly undefines?: readonly string[];
  /** Headers that stand before the text. */
  readonly includes?: readonly string[];
  /** The text is of BCC's dialect: see `lang/c/bcc`. */
  readonly bcc?: Omit<BccOptions, "machine">;
  /** Whose registers `PT_REGS_PARM1` and the like read; x86 by default. */
  readonly machine?: Machine;
  /** `error`: warnings are errors; `none`: none is told; `no-NAME`: not that one. */
  readonly warnings?: readonly string[];
}

const KNOWN_BUILTINS =
  /^__builtin_(?:preserve_(?:access_index|field_info|type_info|enum_value)|btf_type_id|bswap(?:16|32|64)|memcpy|memset|memmove|memcmp|expect|constant_p|ctzl*|clzl*|popcountl*|ffsl*|unreachable|trap|offsetof|types_compatible_p|choose_expr)$/;
const KNOWN_ATTRIBUTES =
  /^(?:__)?(?:preserve_access_index|packed|aligned|section|always_inline|noinline|weak|unused|used|btf_decl_tag|btf_type_tag|visibility|fallthrough)(?:__)?$/;

const PREDEFINED: readonly (readonly [string, string])[] = [
  ["__STDC__", "1"],
  ["__STDC_VERSION__", "201112L"],
  ["__STDC_HOSTED__", "0"],
  ["__GNUC__", "12"],
  ["__GNUC_MINOR__", "2"],
  ["__bpf__", "1"],
  ["__BPF__", "1"],
  ["__SCRY__", "1"],
  ["__LP64__", "1"],
  ["_LP64", "1"],
  ["__CHAR_BIT__", "8"],
  ["__SIZEOF_INT__", "4"],
  ["__SIZEOF_LONG__", "8"],
  ["__SIZEOF_POINTER__", "8"],
  ["__ORDER_LITTLE_ENDIAN__", "1234"],
  ["__ORDER_BIG_ENDIAN__", "4321"],
  ["__BYTE_ORDER__", "1234"],
  ["__INT_MAX__", "2147483647"],
  ["__LONG_MAX__", "9223372036854775807L"],
  ["__SIZE_TYPE__", "unsigned long"],
  ["__PTRDIFF_TYPE__", "long"],
];

/** Compiles C text for BPF. What is wrong with it is answered, not thrown. */
export function compileC(source: SourceText, options: CompileCOptions = {}): CompiledC {
  const machine = options.machine ?? "x86";
  const dialect = options.bcc === undefined ? undefined : bccDialect(source, { ...options.bcc, machine });
  const main = dialect === undefined ? source : { name: source.name, text: dialect.plain(source.text) };
  const kernel = options.btf?.();
  const below = kernel === undefined ? undefined : remembered(kernel);
  const types = new CTypes(() => below);
  try {
    const defines: readonly (readonly [string, string])[] = [
      ...PREDEFINED,
      ["__BPF_CPU_VERSION__", String(options.cpu ?? 3)],
      [`__TARGET_ARCH_${machine}`, "1"],
      ...(options.defines ?? []),
    ];
    // Headers that are not the user's.
    const others = new Set<SourceText>();
    const preprocessor = new Preprocessor({
      include: (request) => {
        const found = request.quoted ? options.include?.(request) : undefined;
        if (found !== undefined) return found;
        const own = ownHeader(request.name, machine) ?? dialect?.header(request.name) ?? options.include?.(request);
        if (own !== undefined) others.add(own);
        return own;
      },
      defines: defines.filter(([name]) => options.undefines?.includes(name) !== true),
      has: (operator, name) =>
        operator === "__has_builtin"
          ? KNOWN_BUILTINS.test(name)
          : operator === "__has_attribute" && KNOWN_ATTRIBUTES.test(name),
    });
    const before = (options.includes ?? []).map((name) => `#include "${name}"\n`).join("");
    const tokens = [
      ...(before === "" ? [] : preprocessor.run({ name: "<command line>", text: before })),
      ...(dialect?.before ?? []).flatMap((text) => preprocessor.run(text)),
      ...preprocessor.run(main),
    ].filter((t) => t.kind !== "end" && t.kind !== "newline");
    const end = { kind: "end" as const, text: "end of file", file: main, space: false };
    tokens.push({ ...end, span: { start: source.text.length, end: source.text.length } });
    const { unit, diagnostics } = readUnit(tokens, types, main, {
      implicit: (name, typing, within) => dialect?.alias(name, within) ?? helperFunction(name, typing),
      ...(dialect === undefined ? {} : { methods: dialect.methods }),
    });
    const told = (all: readonly Diagnostic[]): readonly Diagnostic[] =>
      unlike(all).map((d) => withMacros(d, tokens, preprocessor.macros, main));
    if (diagnostics.length > 0) return { diagnostics: told(diagnostics), skipped: [] };
    // BCC's texts are looked at by nobody's rules.
    const warnings = dialect === undefined ? warningsOf(unit, new Typing(types), main, (file) => others.has(file)) : [];
    // What macros of other headers bring is theirs, too.
    const theirs = (name: string): boolean => {
      const file = preprocessor.macros.get(name)?.body[0]?.file;
      return file !== undefined && others.has(file);
    };
    const wanted = told(wantedOf(warnings, options.warnings ?? [])).filter(
      ({ span }) =>
        !tokens.some(
          (t) => t.from?.some(theirs) === true && t.file === (span?.file ?? main) && t.span.start === span?.start,
        ),
    );
    const compiled = compileUnit(main, types, unit, options, dialect);
    const errors = told(compiled.diagnostics);
    if (errors.length > 0 || options.warnings?.includes("error") !== true || wanted.length === 0)
      return { ...compiled, diagnostics: errors, warnings: wanted };
    return { diagnostics: wanted.map((d) => ({ ...d, severity: "error" })), skipped: compiled.skipped };
  } catch (error) {
    if (error instanceof DiagnosticError) return { diagnostics: located(error, main), skipped: [] };
    throw error;
  }
}

/** Those that the words of `-W` leave. */
function wantedOf(all: readonly Diagnostic[], words: readonly string[]): readonly Diagnostic[] {
  if (words.includes("none")) return [];
  return all.filter(
    ({ message }) => !words.some((word) => word.startsWith("no-") && message.endsWith(`[-W${word.slice(3)}]`)),
  );
}

/** Each once: a macro may bring the same mistake several times. */
function unlike(all: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  return all.filter(({ message, span }) => {
    const key = `${span?.file?.name ?? ""} ${span?.start} ${message}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** With the macros that the place came from, the innermost first. */
function withMacros(
  d: Diagnostic,
  tokens: readonly CToken[],
  macros: ReadonlyMap<string, Macro>,
  main: SourceText,
): Diagnostic {
  const { span } = d;
  if (span === undefined) return d;
  const file = span.file ?? main;
  const token = tokens.find((t) => t.file === file && t.span.start === span.start && t.from !== undefined);
  const related = [...(token?.from ?? [])].reverse().flatMap((name) => {
    const body = macros.get(name)?.body ?? [];
    const [first] = body;
    const last = body.at(-1);
    if (first === undefined || last === undefined) return [];
    const place = { start: first.span.start, end: last.span.end };
    return [
      { message: `expanded from macro '${name}'`, span: first.file === main ? place : { ...place, file: first.file } },
    ];
  });
  return related.length === 0 ? d : { ...d, related: [...(d.related ?? []), ...related] };
}
