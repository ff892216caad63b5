// Captures from bytes that come piece by piece, packet by packet.

import { CaptureScanner, type PacketRecord, type PacketTable } from "./scanner.ts";

export interface CapturedPacket extends PacketRecord {
  readonly kind: "packet";
  /** As it stands in the file. */
  readonly raw: Uint8Array;
}

export type CaptureItem = CapturedPacket | { readonly kind: "other"; readonly raw: Uint8Array };

/** Where the records of a stretch begin. */
class Records implements PacketTable {
  readonly most = 512;
  readonly starts: number[] = [];
  describe(index: number, record: number): void {
    this.starts[index] = record;
  }
}

export class CaptureReader {
  readonly #scanner: CaptureScanner;
  readonly #records = new Records();
  /** Bytes that are not read yet. */
  #rest: Uint8Array = new Uint8Array(0);

  /** `what` the file is called in what is said of its damage. */
  constructor(what: string) {
    this.#scanner = new CaptureScanner(what);
  }

  /** What the bytes so far hold. Throws FormatError where they are damaged: nothing behind that place can be read. */
  *read(bytes: Uint8Array): Generator<CaptureItem> {
    let all = bytes;
    if (this.#rest.length > 0) {
      all = new Uint8Array(this.#rest.length + bytes.length);
      all.set(this.#rest);
      all.set(bytes, this.#rest.length);
    }
    let at = 0;
    try {
      for (;;) {
        const stretch = this.#scanner.scan(all, at, all.length, this.#records);
        if (stretch === undefined) break;
        at = stretch.end;
        if (stretch.kind === "other") {
          yield { kind: "other", raw: all.subarray(stretch.start, stretch.end) };
          continue;
        }
        const { starts } = this.#records;
        for (let i = 0; i < stretch.count; i++) {
          const start = starts[i] as number;
          const end = i + 1 < stretch.count ? (starts[i + 1] as number) : stretch.end;
          yield { kind: "packet", raw: all.subarray(start, end), ...this.#scanner.packet(start) };
        }
      }
    } finally {
      this.#rest = all.slice(at);
    }
  }

  /** The file is at its end. Throws FormatError where that is within a packet. */
  end(): void {
    this.#scanner.end(this.#rest.length);
  }
}
