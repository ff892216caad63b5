// The functions of a JIT, as it lists them itself in /tmp/perf-PID.map (Node with --perf-basic-prof, Java, Python 3.12):
//
//     START SIZE NAME       one a line, numbers in hexadecimal (tools/perf/Documentation/jit-interface.txt)

export interface JitSymbol {
  readonly name: string;
  readonly offset: number;
}

/** The functions of one such file. Where code was moved over old code, the later line counts. */
export class PerfMap {
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #names: readonly string[];

  constructor(text: string) {
    const entries: { start: number; end: number; name: string; line: number }[] = [];
    let line = 0;
    for (const match of text.matchAll(/^(?:0x)?([0-9a-fA-F]+) (?:0x)?([0-9a-fA-F]+) (.*)$/gm)) {
      const start = Number.parseInt(match[1] as string, 16);
      entries.push({
        start,
        end: start + Number.parseInt(match[2] as string, 16),
        name: match[3] as string,
        line: line++,
      });
    }
    entries.sort((a, b) => a.start - b.start || a.line - b.line);
    this.#starts = Float64Array.from(entries, (entry) => entry.start);
    this.#ends = Float64Array.from(entries, (entry) => entry.end);
    this.#names = entries.map((entry) => entry.name);
  }

  lookup(address: number): JitSymbol | undefined {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] as number) <= address) low = middle + 1;
      else high = middle;
    }
    // An older, longer function may start further down; a few steps back find it.
    for (let at = low - 1; at >= 0 && at >= low - 16; at--) {
      if (address < (this.#ends[at] as number)) {
        return { name: this.#names[at] as string, offset: address - (this.#starts[at] as number) };
      }
    }
    return undefined;
  }
}
