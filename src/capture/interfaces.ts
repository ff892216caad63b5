// Options of pcapng's blocks, and interfaces, which they describe.

export interface Interface {
  readonly linkType: number;
  /** Ticks of its clock in a second. */
  readonly ticks: bigint;
  readonly name?: string;
}

export const OPTION_NAME = 2;
export const OPTION_RESOLUTION = 9;
export const OPTION_COMMENT = 1;
const HEAD = 16;

/** The bytes of the first option of a kind, among those that lie from `start` to `end`. */
export function optionAt(
  view: DataView,
  start: number,
  end: number,
  little: boolean,
  wanted: number,
): Uint8Array | undefined {
  for (let at = start; at + 4 <= end; ) {
    const [option, length] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
    if (option === 0 || at + 4 + length > end) return undefined;
    if (option === wanted) return new Uint8Array(view.buffer, view.byteOffset + at + 4, length);
    at += 4 + ((length + 3) & ~3);
  }
  return undefined;
}

/** Ticks in a second: a power of ten, or of two; a millionth where it is not said. */
function ticksOf(resolution: number | undefined): bigint {
  if (resolution === undefined) return 1_000_000n;
  return (resolution & 0x80) !== 0 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
}

/** The description in a block that begins there. */
export function interfaceOf(view: DataView, block: number, size: number, little: boolean): Interface {
  const option = (wanted: number): Uint8Array | undefined =>
    optionAt(view, block + HEAD, block + size - 4, little, wanted);
  const name = option(OPTION_NAME);
  return {
    linkType: view.getUint16(block + 8, little),
    ticks: ticksOf(option(OPTION_RESOLUTION)?.[0]),
    ...(name === undefined ? {} : { name: new TextDecoder().decode(name) }),
  };
}
