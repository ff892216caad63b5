// Interfaces of captures as pcapng describes them, by options behind their description.

export interface Interface {
  readonly linkType: number;
  /** Ticks of its clock in a second. */
  readonly ticks: bigint;
  readonly name?: string;
}

export const OPTION_NAME = 2;
export const OPTION_RESOLUTION = 9;
const HEAD = 16;

/** The description in a block that begins there. */
export function interfaceOf(view: DataView, block: number, size: number, little: boolean): Interface {
  const end = block + size - 4;
  /** Ticks in a second: a power of ten, or of two; a millionth where it is not said. */
  let ticks = 1_000_000n;
  let name: string | undefined;
  for (let at = block + HEAD; at + 4 <= end; ) {
    const [option, length] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
    if (option === 0 || at + 4 + length > end) break;
    if (option === OPTION_NAME)
      name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 4, length));
    if (option === OPTION_RESOLUTION && length >= 1) {
      const value = view.getUint8(at + 4);
      ticks = (value & 0x80) !== 0 ? 1n << BigInt(value & 0x7f) : 10n ** BigInt(value);
    }
    at += 4 + ((length + 3) & ~3);
  }
  return { linkType: view.getUint16(block + 8, little), ticks, ...(name === undefined ? {} : { name }) };
}
