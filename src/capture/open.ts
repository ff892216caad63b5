// A capture as a loop over its packets.

import { FormatError } from "../source/index.ts";
import { type CapturedPacket, CaptureReader } from "./reader.ts";
import { ZstdReader } from "./zstd.ts";

/** Bytes of a capture, whole or as they come: `createReadStream(file)`, the body of a fetched response. */
export type CaptureBytes = Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface OpenCaptureOptions {
  /** In what is said of damage; "capture" by default. */
  readonly name?: string;
}

/** The part of the streams of browsers and Node that is used here. */
interface Decompression {
  readonly writable: {
    getWriter(): {
      write(bytes: Uint8Array): Promise<void>;
      close(): Promise<void>;
      abort(why: unknown): Promise<void>;
    };
  };
  readonly readable: {
    getReader(): { read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array }>; cancel(): Promise<void> };
  };
}

const begins = (bytes: Uint8Array, ...magic: number[]): boolean => magic.every((byte, i) => bytes[i] === byte);

/**
 * The packets of a pcap or pcapng capture, also of one that gzip or zstd has packed, in their order. Throws a FormatError behind the last
 * packet that can be read, where the rest is damaged or not there.
 */
export async function* openCapture(
  bytes: CaptureBytes,
  { name = "capture" }: OpenCaptureOptions = {},
): AsyncGenerator<CapturedPacket, void, undefined> {
  const reader = new CaptureReader(name);
  for await (const piece of plain(bytes instanceof Uint8Array ? [bytes] : bytes, name))
    for (const item of reader.read(piece)) if (item.kind === "packet") yield item;
  reader.end();
}

/** The bytes, unpacked where they are packed. */
async function* plain(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = fromIterable(bytes);
  let first = (await pieces.next()).value ?? new Uint8Array(0);
  while (first.length < 4) {
    const { value } = await pieces.next();
    if (value === undefined) break;
    const joined: Uint8Array = new Uint8Array(first.length + value.length);
    joined.set(first);
    joined.set(value, first.length);
    first = joined;
  }
  const all = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield first;
    yield* pieces;
  };
  if (begins(first, 0x1f, 0x8b)) yield* unpacked(all(), name);
  else if (begins(first, 0x28, 0xb5, 0x2f, 0xfd)) yield* unpackedZstd(all(), name);
  else yield* all();
}

async function* fromIterable(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined, undefined> {
  for await (const piece of bytes) yield piece;
  return undefined;
}

async function* unpackedZstd(
  packed: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ZstdReader(name);
  // The reader's pieces are others later, and packets are not.
  for await (const piece of packed) for (const part of reader.read(piece)) yield part.slice();
  reader.end();
}

async function* unpacked(packed: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  type Api = { readonly DecompressionStream: new (format: "gzip") => Decompression };
  const { readable, writable } = new (globalThis as unknown as Api).DecompressionStream("gzip");
  const writer = writable.getWriter();
  let failed: unknown;
  const written = (async () => {
    for await (const piece of packed) await writer.write(piece);
    await writer.close();
  })().catch(async (error: unknown) => {
    failed = error;
    // What was unpacked before is still read.
    await writer.abort(error).catch(() => undefined);
  });
  const reader = readable.getReader();
  let before = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || value === undefined) break;
      before += value.length;
      yield value;
    }
  } catch (error) {
    await written;
    // Of what packs and unpacks there is no more to be had than that it failed.
    if (
      !(error instanceof TypeError) &&
      !(failed instanceof TypeError) &&
      (error as { code?: string }).code === undefined
    )
      throw error;
    throw new FormatError(name, "what gzip packed is damaged", before);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
  await written;
}
