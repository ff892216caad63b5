// Static probes that run functions of a text: where their arguments are is known before it is compiled.

import { type UsdtNote, usdtNotes } from "../elf/index.ts";
import type { UsdtForms } from "../lang/c/index.ts";
import { argumentsOf, fileOf, staticProbe } from "../loader/index.ts";
import type { AttachTarget } from "../object/index.ts";
import { fileSymbols } from "../symbols/index.ts";

interface Enabled {
  readonly fn: string;
  readonly notes: readonly UsdtNote[];
  readonly forms: UsdtForms;
  /** Of each note: which form it has. */
  readonly numbers: readonly number[];
}

/** The static probes of a program or library, or of those that a process has mapped. */
export class USDT {
  readonly path: string;
  readonly pid: number | undefined;
  readonly #enabled: Enabled[] = [];

  /** A path, a library's name, or a process, whose program it is then. Throws an UnsupportedError where there is none. */
  constructor(of: { readonly path?: string; readonly pid?: number }) {
    const { path, pid } = of;
    if (path === undefined && pid === undefined) throw new TypeError("USDT needs a path or a pid");
    this.pid = pid;
    this.path = path === undefined ? `/proc/${pid}/exe` : fileOf(path);
  }

  /** Names of the probes, as `provider:name`. */
  probes(): readonly string[] {
    return [...new Set(usdtNotes(fileSymbols(this.path).elf).map(({ provider, name }) => `${provider}:${name}`))];
  }

  /** Lets a function of the text run at each place of a probe, `name` or `provider:name`. Throws an UnsupportedError where there is none. */
  enableProbe(probe: { readonly probe: string; readonly fn: string }): this {
    const [name = "", provider = ""] = probe.probe.split(":").reverse();
    const { elf, notes } = staticProbe({ path: this.path, provider, name });
    const texts = [...new Set(notes.map((n) => n.arguments))];
    this.#enabled.push({
      fn: probe.fn,
      notes,
      forms: texts.map((text) => argumentsOf(notes.find((n) => n.arguments === text) as UsdtNote, elf)),
      numbers: notes.map((n) => texts.indexOf(n.arguments)),
    });
    return this;
  }

  /** For the compiler: where each function's arguments are. */
  forms(): ReadonlyMap<string, UsdtForms> {
    return new Map(this.#enabled.map(({ fn, forms }) => [fn, forms]));
  }

  /** For the loader: the places of each function. */
  places(): { readonly fn: string; readonly targets: readonly AttachTarget[] }[] {
    return this.#enabled.map(({ fn, notes, forms, numbers }) => ({
      fn,
      targets: notes.map(
        (note, i): AttachTarget => ({
          kind: "uprobe",
          path: this.path,
          offset: note.offset,
          return: false,
          ...(note.semaphore === undefined ? {} : { semaphore: note.semaphore.offset }),
          ...(this.pid === undefined ? {} : { pid: this.pid }),
          ...(forms.length > 1 ? { cookie: BigInt(numbers[i] ?? 0) } : {}),
        }),
      ),
    }));
  }
}
