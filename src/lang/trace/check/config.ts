// What `config = { … }` and BPFTRACE_* in the environment may set: one table.

import type { ScriptOptions } from "../../../schema/index.ts";
import { DiagnosticError, type SourceText } from "../../../source/index.ts";
import type { Script } from "../parse/index.ts";

export const defaultOptions: ScriptOptions = {
  maxStrlen: 1024,
  maxMapKeys: 4096,
  maxProbes: 1024,
  maxPrograms: 1024,
  maxCatBytes: 10240,
  missingProbes: "error",
  printMapsOnExit: true,
  stackMode: "bpftrace",
  strTruncTrailer: "..",
  cppDemangle: true,
  license: "GPL",
  ringPages: 0,
  lazySymbolication: false,
  showDebugInfo: false,
  clockMap: "",
};

export interface ConfigKey {
  readonly key: string;
  readonly option?: keyof ScriptOptions;
  readonly kind: "number" | "boolean" | "string" | readonly string[];
  readonly least?: number;
  readonly most?: number;
  readonly doc: string;
  /** A script that sets it; absent: one that sets it to what it is without being set. */
  readonly example?: string;
}

/** Keys without an option are bpftrace's, taken and without effect here: what they choose between does not exist. */
export const configKeys: readonly ConfigKey[] = [
  {
    key: "max_strlen",
    option: "maxStrlen",
    kind: "number",
    least: 1,
    most: 16384,
    doc: "Bytes that str(), buf() and strings of maps have at the most.",
    example: "config = { max_strlen = 64 } tracepoint:syscalls:sys_enter_openat { print(str(args.filename)); }",
  },
  {
    key: "max_map_keys",
    option: "maxMapKeys",
    kind: "number",
    least: 1,
    most: 1 << 28,
    doc: "Entries that a map has at the most; what comes after them is not kept.",
    example: "config = { max_map_keys = 100 } tracepoint:syscalls:sys_enter_openat { @[pid] = count(); }",
  },
  {
    key: "max_probes",
    option: "maxProbes",
    kind: "number",
    least: 1,
    most: 1 << 20,
    doc: "Probes that a script can have, those that its patterns match counted one by one.",
    example: "config = { max_probes = 2000 } tracepoint:syscalls:sys_enter_* { @[probe] = count(); }",
  },
  {
    key: "max_bpf_progs",
    option: "maxPrograms",
    kind: "number",
    least: 1,
    most: 1 << 20,
    doc: "Taken, and without effect: probes whose code is the same share a program.",
  },
  {
    key: "max_cat_bytes",
    option: "maxCatBytes",
    kind: "number",
    least: 1,
    most: 1 << 30,
    doc: "Bytes of a file that cat() prints at the most.",
    example: 'config = { max_cat_bytes = 100 } begin { cat("/proc/meminfo"); exit(); }',
  },
  {
    key: "missing_probes",
    option: "missingProbes",
    kind: ["error", "warn", "ignore"],
    doc: "What an attach point is that nothing matches: an error, a warning, or nothing.",
    example: 'config = { missing_probes = "warn" } kprobe:no_such_function { } begin { exit(); }',
  },
  {
    key: "print_maps_on_exit",
    option: "printMapsOnExit",
    kind: "boolean",
    doc: "Are maps printed when the script ends?",
    example:
      "config = { print_maps_on_exit = false } tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } end { print(@, 5); }",
  },
  {
    key: "stack_mode",
    option: "stackMode",
    kind: ["bpftrace", "perf", "raw", "build_id"],
    doc: "How stacks are printed, where kstack and ustack do not say it: bpftrace (name and offset), perf (as perf script), raw (addresses), build_id (file and offset, for looking up elsewhere).",
    example: 'config = { stack_mode = "perf" } profile:hz:99 { @[kstack] = count(); }',
  },
  {
    key: "str_trunc_trailer",
    option: "strTruncTrailer",
    kind: "string",
    doc: "What is printed behind a string that did not fit; empty for nothing.",
    example:
      'config = { max_strlen = 8; str_trunc_trailer = "..." } tracepoint:syscalls:sys_enter_openat { print(str(args.filename)); }',
  },
  {
    key: "cpp_demangle",
    option: "cppDemangle",
    kind: "boolean",
    doc: "Are names of C++ functions printed as people write them?",
    example: "config = { cpp_demangle = false } profile:hz:99 { @[ustack] = count(); }",
  },
  {
    key: "license",
    option: "license",
    kind: ["Dual MIT/GPL", "Dual BSD/GPL", "Dual MPL/GPL", "GPL and additional rights", "GPL v2", "GPL"],
    doc: "The license that the kernel is told; helpers for tracing need one that is GPL's.",
  },
  {
    key: "perf_rb_pages",
    option: "ringPages",
    kind: "number",
    least: 1,
    most: 1 << 20,
    doc: "Pages of the ring that events go through; 0 is a part of the machine's memory.",
    example: "config = { perf_rb_pages = 1024 } tracepoint:syscalls:sys_enter_openat { print(comm); }",
  },
  {
    key: "lazy_symbolication",
    option: "lazySymbolication",
    kind: "boolean",
    doc: "Taken, and without effect: addresses get their names when they are printed.",
  },
  // A map that is the clock of time series, so that tests need not wait (bpftrace's own tests use it).
  {
    key: "dummy_ts_map",
    option: "clockMap",
    kind: "string",
    doc: "A map that is the clock of time series, so that tests need not wait.",
    example: 'config = { dummy_ts_map = "@now" } begin { @now = 0; @ = tseries(1, 1s, 5); exit(); }',
  },
  {
    key: "cache_user_symbols",
    kind: "string",
    doc: "Taken, and without effect: symbols of files are kept as long as the run.",
    example: 'config = { cache_user_symbols = "PER_PID" } begin { exit(); }',
  },
  {
    key: "log_size",
    kind: "number",
    doc: "Taken, and without effect: the verifier's log has the room that it needs.",
    example: "config = { log_size = 1000000 } begin { exit(); }",
  },
  {
    key: "on_stack_limit",
    kind: "number",
    doc: "Taken, and without effect: what stands on the stack is decided by what fits.",
    example: "config = { on_stack_limit = 32 } begin { exit(); }",
  },
  {
    key: "show_debug_info",
    option: "showDebugInfo",
    kind: "boolean",
    doc: "Do stacks show files, lines and inlined functions, by debug information?",
    example: "config = { show_debug_info = true } profile:hz:99 { @[ustack] = count(); }",
  },
  {
    key: "use_blazesym",
    kind: "boolean",
    doc: "Taken, and without effect: names are found by scry itself.",
    example: "config = { use_blazesym = true } begin { exit(); }",
  },
  {
    key: "unstable_import_statement",
    kind: "string",
    doc: "Taken, and without effect: imports are always allowed.",
    example: 'config = { unstable_import_statement = "enable" } begin { exit(); }',
  },
  {
    key: "unstable_tseries",
    kind: "string",
    doc: "Taken, and without effect: time series are always allowed.",
    example: 'config = { unstable_tseries = "enable" } begin { exit(); }',
  },
  {
    key: "unstable_typeinfo",
    kind: "string",
    doc: "Taken, and without effect.",
    example: 'config = { unstable_typeinfo = "enable" } begin { exit(); }',
  },
  {
    key: "unstable_dw_ustack",
    kind: "string",
    doc: "Taken, and without effect: dw_ustack is always allowed.",
    example: 'config = { unstable_dw_ustack = "enable" } begin { exit(); }',
  },
];

const RENAMED: Readonly<Record<string, string>> = {
  strlen: "max_strlen",
  map_keys_max: "max_map_keys",
  cat_bytes_max: "max_cat_bytes",
};

/** A key may stand as in the environment: BPFTRACE_MAX_STRLEN. */
const plainKey = (name: string): string => name.toLowerCase().replace(/^bpftrace_/, "");

/** What a key is called now that had another name once. */
export function renamedKey(name: string): string | undefined {
  const key = plainKey(name);
  return Object.hasOwn(RENAMED, key) ? RENAMED[key] : undefined;
}

const keyOf = (name: string): string => renamedKey(name) ?? plainKey(name);

export const isConfigKey = (name: string): boolean => configKeys.some((k) => k.key === keyOf(name));

/** Keys of older bpftraces, which change nothing any more. */
const BYGONE: ReadonlySet<string> = new Set([
  "max_type_res_iterations",
  "symbol_source",
  "unstable_addr",
  "unstable_import",
  "unstable_macro",
  "unstable_map_decl",
]);

/** The script's settings that change nothing any more. */
export const bygoneSettings = (script: Script): Script["config"] =>
  script.config.filter(({ key }) => BYGONE.has(plainKey(key)));

/** The options with one more setting; a text instead says what is wrong with it. */
export function withSetting(
  options: ScriptOptions,
  name: string,
  value: string | number | boolean,
): ScriptOptions | string {
  if (BYGONE.has(plainKey(name))) return options;
  const key = keyOf(name);
  const entry = configKeys.find((k) => k.key === key);
  if (entry === undefined) return `${name}: not a known configuration option`;
  let plain: string | number | boolean = value;
  if (entry.kind === "number") {
    plain = typeof value === "number" ? value : Number(value);
    if (!Number.isInteger(plain) || value === "" || typeof value === "boolean")
      return `${name}: expecting a number, got ${value}`;
    if (plain < (entry.least ?? 0) || plain > (entry.most ?? Number.MAX_SAFE_INTEGER))
      return `${name} must be from ${entry.least ?? 0} to ${entry.most ?? "any number"}, got ${plain}`;
  } else if (entry.kind === "boolean") {
    plain = value === true || value === 1 || value === "1" || value === "true";
    if (!plain && !(value === false || value === 0 || value === "0" || value === "false"))
      return `Invalid value for ${name}: expected true or false`;
  } else if (typeof entry.kind === "object") {
    if (!entry.kind.includes(String(value).replace(/^"|"$/g, "")))
      return key === "license"
        ? `Invalid value for license. Found: ${value}. Valid values: ${entry.kind.join(", ")}. Read more about BPF programs and licensing: https://docs.kernel.org/bpf/bpf_licensing.html#using-bpf-programs-in-the-linux-kernel`
        : `${name}: Invalid value for ${name}: valid values are ${entry.kind.slice(0, -1).join(", ")}, and ${entry.kind.at(-1)}.`;
    plain = String(value);
  } else plain = String(value);
  return entry.option === undefined ? options : { ...options, [entry.option]: plain };
}

/** The options of a run: the script's own settings, over which those from outside win. Throws DiagnosticError. */
export function readSettings(
  script: Script,
  source: SourceText,
  outside: readonly (readonly [name: string, value: string])[],
): ScriptOptions {
  const own = script.config.map(({ key, value, span }) => ({ key, value, where: { span } }));
  const others = outside.map(([key, value]) => ({ key, value, where: {} }));
  return [...own, ...others].reduce<ScriptOptions>((settings, { key, value, where }) => {
    const next = withSetting(settings, key, value);
    if (typeof next === "string")
      throw new DiagnosticError([{ code: "SCRY1020", severity: "error", message: next, ...where }], source);
    return next;
  }, defaultOptions);
}
