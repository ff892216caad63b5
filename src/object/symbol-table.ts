// The symbol table of an object file that is written, and its strings.

export const SYMBOL_BYTES = 24;
/** `STB_LOCAL` */
const LOCAL = 0;
/** `STV_HIDDEN` */
const HIDDEN = 2;

export interface NewSymbol {
  readonly name: string;
  /** `STT_*` */
  readonly type: number;
  /** `STB_*` */
  readonly bind: number;
  readonly hidden: boolean;
  /** Index of its section; 0: another object's. */
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

/** Symbols in the order that they are added, local ones first, as the format wants them. */
export class SymbolTable {
  readonly #rows: NewSymbol[] = [{ name: "", type: 0, bind: 0, hidden: false, section: 0, value: 0, size: 0 }];

  add(symbol: NewSymbol): number {
    return this.#rows.push(symbol) - 1;
  }

  encode(): { table: Uint8Array; strings: Uint8Array; locals: number } {
    const encoder = new TextEncoder();
    const table = new Uint8Array(this.#rows.length * SYMBOL_BYTES);
    const view = new DataView(table.buffer);
    const texts: Uint8Array[] = [new Uint8Array(1)];
    let length = 1;
    this.#rows.forEach(({ name, type, bind, hidden, section, value, size }, i) => {
      const at = i * SYMBOL_BYTES;
      if (name !== "") {
        const text = encoder.encode(`${name}\0`);
        view.setUint32(at, length, true);
        texts.push(text);
        length += text.length;
      }
      view.setUint8(at + 4, (bind << 4) | type);
      view.setUint8(at + 5, hidden ? HIDDEN : 0);
      view.setUint16(at + 6, section, true);
      view.setBigUint64(at + 8, BigInt(value), true);
      view.setBigUint64(at + 16, BigInt(size), true);
    });
    const strings = new Uint8Array(length);
    let at = 0;
    for (const text of texts) {
      strings.set(text, at);
      at += text.length;
    }
    return { table, strings, locals: this.#rows.filter(({ bind }) => bind === LOCAL).length };
  }
}
