// The processes of a run that follows one: which there were at the start, and whether any lives.

import { type KernelMap, processExists, processParents } from "../kernel/index.ts";
import { FOLLOW_PROGRAMS, FORKS, Follow, SELECTION } from "../schema/index.ts";
import { DiagnosticError } from "../source/index.ts";

/** Programs that are attached before any other: what they have not seen is not followed. */
export const followPrograms: ReadonlySet<string> = new Set(Object.values(FOLLOW_PROGRAMS));

/** Looks at all processes; each after the first needs one that was started meanwhile. */
const MOST_LOOKS = 1000;

export class Followed {
  readonly #table: Uint8Array;
  readonly #forks: KernelMap | undefined;
  readonly #root: number;
  /** Who was there before the programs were attached, and who had started them. */
  readonly #parents: Map<number, number>;
  /** One that lived when it was last looked at. */
  #witness: number;

  /** Before the programs are attached. `waits`: the process has started nothing yet. */
  constructor(map: (name: string) => KernelMap | undefined, { pid, waits }: { pid: number; waits: boolean }) {
    this.#table = new Uint8Array((map(SELECTION.followed) as KernelMap).mapped());
    this.#forks = map(SELECTION.forks);
    this.#root = this.#witness = pid;
    this.#parents = waits ? new Map() : processParents();
  }

  /** After they are attached: follows the process, and all that it had started and that had been started by those. */
  begin(): void {
    this.#table[this.#root] = Follow.lives;
    const forks = this.#forks;
    if (forks === undefined) return;
    // Who ends meanwhile leaves children to another parent: the first one that was seen is the one.
    for (let look = 0; look < MOST_LOOKS; look++) {
      const log = forks.dump();
      const [keys, values] = [words(log.keys), words(log.values)];
      for (let i = 0; i < log.count; i++) this.#parents.set(keys[i] as number, values[i] as number);
      for (const [pid, parent] of processParents()) if (!this.#parents.has(pid)) this.#parents.set(pid, parent);
      if (log.count >= FORKS) break;
      if (!this.#mark()) return;
    }
    throw new DiagnosticError([
      {
        code: "SCRY1146",
        severity: "error",
        message: "processes are started faster than they can be listed: --follow cannot tell which belong together",
        hints: ["Try again; or start the command with -c, where nothing has to be listed"],
      },
    ]);
  }

  /** Follows everybody whom somebody has started that is followed; false where that is nobody new. */
  #mark(): boolean {
    let found = false;
    const known = new Map<number, boolean>([[this.#root, true]]);
    const belongs = (pid: number): boolean => {
      const way: number[] = [];
      let at = pid;
      while (!known.has(at)) {
        way.push(at);
        known.set(at, false); // also where two are each other's parents, of numbers used again
        at = this.#parents.get(at) ?? 0;
      }
      const answer = known.get(at) as boolean;
      for (const each of way) known.set(each, answer);
      return answer;
    };
    for (const pid of this.#parents.keys()) {
      if (!belongs(pid) || this.#table[pid] !== Follow.no || !processExists(pid)) continue;
      this.#table[pid] = Follow.lives;
      found = true;
    }
    return found;
  }

  /** Does any of them live? */
  get live(): boolean {
    const table = this.#table;
    if (table[this.#witness] === Follow.lives && processExists(this.#witness)) return true;
    for (let at = table.indexOf(Follow.lives); at >= 0; at = table.indexOf(Follow.lives, at + 1)) {
      if (!processExists(at)) continue;
      this.#witness = at;
      return true;
    }
    return false;
  }
}

const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.slice().buffer);
