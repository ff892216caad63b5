// `scry/plugin`: kernel modules in bundles. `new URL("./x.bpf.ts", import.meta.url)`, which `load` is given, becomes the compiled
// module itself, so that a bundled application needs neither the text nor a compiler.
//
//     import { scry } from "scry/plugin";
//     export default { plugins: [scry.vite()] };

import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { type BpfObject, packObject } from "./object/index.ts";
import { DiagnosticError, formatDiagnostic, lineColumn, type SourceText } from "./source/index.ts";
import { objectOf } from "./sources/index.ts";

/** What a bundler is told of a module that does not compile. */
interface Failure {
  readonly text: string;
  readonly file: string;
  /** From 1 on. */
  readonly line: number;
  /** From 0 on. */
  readonly column: number;
}

/** A module as text of JavaScript, and the files that it was made of. */
interface Compiled {
  readonly code: string;
  readonly files: readonly string[];
  readonly failure?: Failure;
}

/** `new URL("./x.bpf.ts", import.meta.url)`, as `load` is given it. */
const PLACE = /new\s+URL\(\s*(["'`])([^"'`\n]+\.bpf\.ts)\1\s*,\s*import\.meta\.url\s*,?\s*\)/g;
/** Behind the path of a module: it is wanted compiled. */
const SUFFIX = "?scry";

/** The text with imports in the place of such URLs, on its first line, so that all others keep their numbers; undefined: there are none. */
export function withModules(code: string): string | undefined {
  if (!code.includes(".bpf.ts")) return undefined;
  const names = new Map<string, string>();
  const replaced = code.replace(PLACE, (_all, _quote, path: string) => {
    const name = names.get(path) ?? `__scry_module_${names.size}`;
    names.set(path, name);
    return name;
  });
  if (names.size === 0) return undefined;
  const imports = [...names].map(([path, name]) => {
    const from = /^\.{0,2}\//.test(path) ? path : `./${path}`;
    return `import ${name} from ${JSON.stringify(from + SUFFIX)};`;
  });
  // Nothing stands before `#!`, which bundlers know.
  const [, shebang = "", rest = ""] = /^(#!.*\n)?([\s\S]*)$/.exec(replaced) ?? [];
  return `${shebang}${imports.join(" ")} ${rest}`;
}

/** Compiled for any kernel, as `scry build` does. What is wrong with the text is answered. */
function compiled(path: string): Compiled {
  const files = new Set<string>([path]);
  try {
    const object = objectOf(path, { portable: true, onRead: (file) => void files.add(file) });
    return { code: moduleText(object, basename(path).replace(/\.bpf\.ts$/, "")), files: [...files] };
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return { code: "", files: [...files], failure: failureOf(error, path) };
  }
}

/** As `PackedModule` of the loader has it. */
const moduleText = (object: BpfObject, name: string): string =>
  `export default ${JSON.stringify({ name, packed: Buffer.from(packObject(object)).toString("base64") })};`;

function failureOf({ diagnostics, source }: DiagnosticError, path: string): Failure {
  const [first] = diagnostics;
  const text: SourceText = first?.span?.file ?? source ?? { name: path, text: "" };
  const at = first?.span === undefined ? undefined : lineColumn(text, first.span.start);
  return {
    text: diagnostics.map((one) => formatDiagnostic(one, source)).join("\n"),
    file: text.name,
    line: at?.line ?? 1,
    column: (at?.column ?? 1) - 1,
  };
}

// --- Rollup and Vite ------------------------------------------------------------------------------------------------

/** What Rollup gives its plug-ins to work with, as far as this one does. */
interface RollupContext {
  addWatchFile(file: string): void;
  error(error: {
    readonly message: string;
    readonly id: string;
    readonly loc: { readonly file: string; readonly line: number; readonly column: number };
  }): never;
}

export interface RollupPlugin {
  readonly name: string;
  readonly enforce: "pre";
  readonly apply?: "build";
  resolveId(source: string, importer: string | undefined): string | undefined;
  load(this: RollupContext, id: string): string | undefined;
  transform(code: string, id: string): { readonly code: string; readonly map: null } | undefined;
}

const hooks = (): RollupPlugin => ({
  name: "scry",
  enforce: "pre",
  resolveId: (source, importer) =>
    source.endsWith(SUFFIX) && importer !== undefined ? resolve(dirname(importer), source) : undefined,
  load(id) {
    if (!id.endsWith(SUFFIX)) return undefined;
    const { code, files, failure } = compiled(id.slice(0, -SUFFIX.length));
    for (const file of files) this.addWatchFile(file);
    if (failure === undefined) return code;
    const { text, file, line, column } = failure;
    return this.error({ message: text, id: file, loc: { file, line, column } });
  },
  transform: (code, id) => {
    const replaced = id.endsWith(SUFFIX) ? undefined : withModules(code);
    return replaced === undefined ? undefined : { code: replaced, map: null };
  },
});

// --- esbuild --------------------------------------------------------------------------------------------------------

interface EsbuildMessage {
  readonly text: string;
  readonly location: { readonly file: string; readonly line: number; readonly column: number };
}

type EsbuildLoader = "js" | "jsx" | "ts" | "tsx";

interface EsbuildLoaded {
  readonly contents?: string;
  readonly loader?: EsbuildLoader;
  readonly resolveDir?: string;
  readonly watchFiles?: string[];
  readonly errors?: EsbuildMessage[];
}

/** esbuild's `PluginBuild`, as far as this one uses it. */
interface EsbuildBuild {
  onResolve(
    options: { filter: RegExp },
    callback: (args: { readonly path: string; readonly resolveDir: string }) => {
      readonly path: string;
      readonly namespace: string;
    },
  ): void;
  onLoad(
    options: { filter: RegExp; namespace?: string },
    callback: (args: { readonly path: string }) => Promise<EsbuildLoaded | undefined>,
  ): void;
}

export interface EsbuildPlugin {
  readonly name: string;
  setup(build: EsbuildBuild): void;
}

const NAMESPACE = "scry";

const esbuild = (): EsbuildPlugin => ({
  name: "scry",
  setup(build) {
    build.onResolve({ filter: /\.bpf\.ts\?scry$/ }, ({ path, resolveDir }) => ({
      path: resolve(resolveDir, path.slice(0, -SUFFIX.length)),
      namespace: NAMESPACE,
    }));
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, async ({ path }) => {
      const { code, files, failure } = compiled(path);
      if (failure === undefined) return { contents: code, loader: "js", watchFiles: [...files] };
      const { text, file, line, column } = failure;
      return { errors: [{ text, location: { file, line, column } }], watchFiles: [...files] };
    });
    build.onLoad({ filter: /\.[cm]?[jt]sx?$/ }, async ({ path }) => {
      if (/[\\/]node_modules[\\/]/.test(path)) return undefined;
      const contents = withModules(await readFile(path, "utf8"));
      if (contents === undefined) return undefined;
      const [, kind = "js", x = ""] = /\.[cm]?([jt]s)(x?)$/.exec(path) ?? [];
      return { contents, loader: `${kind}${x}` as EsbuildLoader, resolveDir: dirname(path) };
    });
  },
});

/** The plug-ins: `scry.vite()`, `scry.rollup()`, `scry.esbuild()`. Vite's works when it builds; while it serves, texts are compiled. */
export const scry: {
  vite(): RollupPlugin;
  rollup(): RollupPlugin;
  esbuild(): EsbuildPlugin;
} = {
  vite: () => ({ ...hooks(), apply: "build" }),
  rollup: hooks,
  esbuild,
};
