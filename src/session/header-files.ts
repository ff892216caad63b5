// Headers that scripts and C texts include, as files of this machine.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { release } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { IncludeRequest } from "../c/index.ts";
import { FormatError, type SourceText } from "../source/index.ts";

/** No header has so many bytes; more is another file by mistake. */
const MOST_BYTES = 16 << 20;

/** Finds headers: the user's beside the text that includes them and in these folders, the system's in its own places. */
export class HeaderFiles {
  readonly #folders: readonly string[];
  readonly #read = new Map<string, SourceText | undefined>();
  #system: readonly string[] | undefined;

  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  find(request: IncludeRequest, whose: "own" | "system"): SourceText | undefined {
    if (request.name.startsWith("/")) return whose === "own" ? this.#file(request.name) : undefined;
    const beside = request.quoted && whose === "own" ? [dirname(resolve(request.from.name))] : [];
    let folders = [...beside, ...(whose === "own" ? this.#folders : this.#systemFolders())];
    if (request.next) {
      const at = folders.findIndex((f) => request.from.name.startsWith(`${f}/`));
      folders = folders.slice(at + 1);
    }
    for (const folder of folders) {
      const found = this.#file(join(folder, request.name));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The scripts that an import names: a file, or those of a folder; where it was looked for, where there is neither. */
  imported(path: string, from: SourceText): readonly SourceText[] | string {
    const folder = dirname(from.name);
    const place = path.startsWith("/") || folder === "." ? path : join(folder, path);
    if (isFolder(place))
      return readdirSync(place)
        .filter((name) => name.endsWith(".bt"))
        .sort()
        .flatMap((name) => this.#file(join(place, name)) ?? []);
    const file = this.#file(place);
    return file === undefined ? place : [file];
  }

  /** Those of the running kernel, where they are installed, then those of programs. */
  #systemFolders(): readonly string[] {
    if (this.#system !== undefined) return this.#system;
    const { BPFTRACE_KERNEL_SOURCE: source, BPFTRACE_KERNEL_BUILD: build } = process.env;
    const modules = `/lib/modules/${release()}`;
    const arch = process.arch === "arm64" ? "arm64" : "x86";
    const kernels = [source, build, `${modules}/source`, `${modules}/build`].flatMap((folder) =>
      folder === undefined
        ? []
        : [
            "include",
            `arch/${arch}/include`,
            `arch/${arch}/include/generated`,
            "include/uapi",
            `arch/${arch}/include/uapi`,
          ].map((part) => join(folder, part)),
    );
    const triple = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
    const programs = ["/usr/local/include", `/usr/include/${triple}`, "/usr/include"];
    this.#system = [...new Set([...programs, ...kernels])].filter((f) => isFolder(f));
    return this.#system;
  }

  #file(path: string): SourceText | undefined {
    if (this.#read.has(path)) return this.#read.get(path);
    let text: SourceText | undefined;
    try {
      const { size } = statSync(path);
      if (size > MOST_BYTES) throw new FormatError(path, `${size} bytes are too many for a header`);
      text = { name: path, text: readFileSync(path, "utf8") };
    } catch (error) {
      if (error instanceof FormatError) throw error;
    }
    this.#read.set(path, text);
    return text;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
