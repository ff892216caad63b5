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
}

/** Keys without an option are bpftrace's, taken and without effect here: what they choose between does not exist. */
export const configKeys: readonly ConfigKey[] = [
  { key: "max_strlen", option: "maxStrlen", kind: "number", least: 1, most: 16384 },
  { key: "max_map_keys", option: "maxMapKeys", kind: "number", least: 1, most: 1 << 28 },
  { key: "max_probes", option: "maxProbes", kind: "number", least: 1, most: 1 << 20 },
  { key: "max_bpf_progs", option: "maxPrograms", kind: "number", least: 1, most: 1 << 20 },
  { key: "max_cat_bytes", option: "maxCatBytes", kind: "number", least: 1, most: 1 << 30 },
  { key: "missing_probes", option: "missingProbes", kind: ["error", "warn", "ignore"] },
  { key: "print_maps_on_exit", option: "printMapsOnExit", kind: "boolean" },
  { key: "stack_mode", option: "stackMode", kind: ["bpftrace", "perf", "raw", "build_id"] },
  { key: "str_trunc_trailer", option: "strTruncTrailer", kind: "string" },
  { key: "cpp_demangle", option: "cppDemangle", kind: "boolean" },
  {
    key: "license",
    option: "license",
    kind: ["Dual MIT/GPL", "Dual BSD/GPL", "Dual MPL/GPL", "GPL and additional rights", "GPL v2", "GPL"],
  },
  { key: "perf_rb_pages", option: "ringPages", kind: "number", least: 1, most: 1 << 20 },
  { key: "lazy_symbolication", option: "lazySymbolication", kind: "boolean" },
  // A map that is the clock of time series, so that tests need not wait (bpftrace's own tests use it).
  { key: "dummy_ts_map", option: "clockMap", kind: "string" },
  { key: "cache_user_symbols", kind: "string" },
  { key: "log_size", kind: "number" },
  { key: "on_stack_limit", kind: "number" },
  { key: "show_debug_info", option: "showDebugInfo", kind: "boolean" },
  { key: "use_blazesym", kind: "boolean" },
  { key: "unstable_import_statement", kind: "string" },
  { key: "unstable_tseries", kind: "string" },
  { key: "unstable_typeinfo", kind: "string" },
  { key: "unstable_dw_ustack", kind: "string" },
];

const RENAMED: Readonly<Record<string, string>> = {
  strlen: "max_strlen",
  map_keys_max: "max_map_keys",
  cat_bytes_max: "max_cat_bytes",
};

export const isConfigKey = (name: string): boolean =>
  configKeys.some((k) => k.key === (Object.hasOwn(RENAMED, name) ? RENAMED[name] : name));

/** The options with one more setting; a text instead says what is wrong with it. */
export function withSetting(
  options: ScriptOptions,
  name: string,
  value: string | number | boolean,
): ScriptOptions | string {
  const key = RENAMED[name] ?? name;
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
