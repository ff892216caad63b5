// The bytes of a capture, from a file or standard input, unpacked where they are packed, put where the reader wants them.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { Readable, type Transform } from "node:stream";
import { createGunzip } from "node:zlib";
import { ZstdReader } from "../../capture/index.ts";
import { DiagnosticError, FormatError } from "../../source/index.ts";

export interface CaptureBytes {
  /** Puts the next bytes there, as many as there are by now; how many, and 0 at the end. Throws FormatError. */
  fill(bytes: Uint8Array, at: number, most: number): number | Promise<number>;
  /** Bytes of the file that are read, and that there are, where that is known. */
  readonly progress: { readonly read: number; readonly size?: number };
  close(): void;
}

/** Ways to pack that are told by the first four bytes. */
const PACKERS = [
  { name: "gzip", magic: [0x1f, 0x8b], unpacker: (): Transform => createGunzip() },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], unpacker: zstandard },
] as const;

/** Node's own, which it has from 22.15 and 23.8 on. */
function zstandard(): Transform | undefined {
  const zlib = process.getBuiltinModule("node:zlib") as { readonly createZstdDecompress?: () => Transform };
  return zlib.createZstdDecompress?.();
}

/** What is read of a file at once. */
const PIECE = 1 << 20;
const nap = new Int32Array(new SharedArrayBuffer(4));

/** Reads what is there, waiting for the first byte; 0 at the end. */
function readSome(fd: number, bytes: Uint8Array, at: number, most: number): number {
  for (;;) {
    try {
      return readSync(fd, bytes, at, most, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(nap, 0, 0, 2);
    }
  }
}

/** Opens a capture; "-" is standard input. Throws DiagnosticError where it cannot be read. */
export function openCaptureBytes(file: string): CaptureBytes {
  const name = file === "-" ? "standard input" : file;
  const cannot = (error: unknown): never => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return failure(`failed to open the capture '${name}': ${code}`);
  };
  try {
    const fd = file === "-" ? 0 : openSync(file, "r");
    const stat = fstatSync(fd);
    if (stat.isDirectory()) failure(`failed to open the capture '${name}': it is a folder`);
    const state = { read: 0, ...(stat.isFile() ? { size: stat.size } : {}) };
    const read = (bytes: Uint8Array, at: number, most: number): number => {
      try {
        const got = readSome(fd, bytes, at, most);
        state.read += got;
        return got;
      } catch (error) {
        return cannot(error);
      }
    };
    const close = (): void => {
      if (fd !== 0) closeSync(fd);
    };
    const head = new Uint8Array(4);
    let had = 0;
    for (let got = read(head, 0, 4); got > 0; got = had < 4 ? read(head, had, 4 - had) : 0) had += got;
    const packer = PACKERS.find(({ magic }) => magic.every((byte, i) => head[i] === byte));
    if (packer === undefined) return { fill: withHead(head.subarray(0, had), read), progress: state, close };
    const unpack = packer.unpacker();
    const packed = withHead(head.subarray(0, had), read);
    const fill = unpack === undefined ? unpackedByUs(name, packed) : unpacked(name, packer.name, packed, unpack);
    return { fill, progress: state, close };
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    return cannot(error);
  }
}

function failure(message: string): never {
  throw new DiagnosticError([{ code: "SCRY1126", severity: "error", message }]);
}

type Fill = (bytes: Uint8Array, at: number, most: number) => number;

/** Gives bytes that were looked at once more. */
function withHead(head: Uint8Array, read: Fill): Fill {
  let rest = head;
  return (bytes, at, most) => {
    if (rest.length === 0) return read(bytes, at, most);
    const given = rest.subarray(0, most);
    bytes.set(given, at);
    rest = rest.subarray(given.length);
    return given.length;
  };
}

/** zstd's, unpacked without Node. */
function unpackedByUs(name: string, read: Fill): Fill {
  const parts = (function* (): Generator<Uint8Array> {
    const reader = new ZstdReader(name);
    for (;;) {
      const piece = new Uint8Array(PIECE);
      const got = read(piece, 0, PIECE);
      if (got === 0) break;
      yield* reader.read(piece.subarray(0, got));
    }
    reader.end();
  })();
  let rest: Uint8Array = new Uint8Array(0);
  return (bytes, at, most) => {
    while (rest.length === 0) {
      const next = parts.next();
      if (next.done === true) return 0;
      rest = next.value;
    }
    const given = rest.subarray(0, most);
    bytes.set(given, at);
    rest = rest.subarray(given.length);
    return given.length;
  };
}

function unpacked(name: string, by: string, read: Fill, unpack: Transform): CaptureBytes["fill"] {
  const packed = Readable.from(
    (function* (): Generator<Uint8Array> {
      for (;;) {
        const piece = new Uint8Array(PIECE);
        const got = read(piece, 0, PIECE);
        if (got === 0) return;
        yield piece.subarray(0, got);
      }
    })(),
  );
  packed.on("error", (error) => unpack.destroy(error));
  const chunks = (packed.pipe(unpack) as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  let before = 0;
  return async (bytes, at, most) => {
    while (rest.length === 0) {
      try {
        const next = await chunks.next();
        if (next.done === true) return 0;
        rest = next.value;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code?.startsWith("Z_") !== true && code?.startsWith("ZSTD_") !== true) throw error;
        throw new FormatError(name, `what ${by} packed is damaged`, before);
      }
    }
    const given = rest.subarray(0, most);
    bytes.set(given, at);
    rest = rest.subarray(given.length);
    before += given.length;
    return given.length;
  };
}
