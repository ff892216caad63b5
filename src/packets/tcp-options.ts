// What stands behind the fields of a TCP header: a row for each kind of option. Lengths come from anywhere: what does not fit ends
// the list, and is said.
//
// Sources: RFC 9293 (kinds 0 to 2), 7323 (window scale, timestamps), 2018 (selective acknowledgment), 2385, 5482, 5925, 7413, 8684.

export type TcpOption =
  /** Bytes of the largest segment that the sender takes. */
  | { readonly option: "mss"; readonly size: number }
  /** The window is to be shifted left by so many bits. */
  | { readonly option: "windowScale"; readonly shift: number }
  | { readonly option: "sackPermitted" }
  /** What has arrived apart: sequence numbers, the right ones not included. */
  | { readonly option: "sack"; readonly blocks: readonly (readonly [left: number, right: number])[] }
  /** The sender's clock, and that of the other side as it was last seen. */
  | { readonly option: "timestamps"; readonly value: number; readonly echo: number }
  /** Known by name alone, or by number (`kind253`); the bytes of it. */
  | { readonly option: TcpOptionName; readonly bytes: number }
  /** From this byte of the header on nothing makes sense. */
  | { readonly option: "damaged"; readonly at: number };

type TcpOptionName = "md5" | "userTimeout" | "authentication" | "multipath" | "fastOpen" | `kind${number}`;

interface Row {
  /** Bytes with kind and length; absent: any. */
  readonly length?: readonly number[];
  readonly read: (view: DataView) => TcpOption;
}

const plain = (option: TcpOptionName): Row => ({ read: ({ byteLength }) => ({ option, bytes: byteLength }) });

const ROWS: Readonly<Record<number, Row>> = {
  2: { length: [4], read: (view) => ({ option: "mss", size: view.getUint16(2) }) },
  3: { length: [3], read: (view) => ({ option: "windowScale", shift: view.getUint8(2) }) },
  4: { length: [2], read: () => ({ option: "sackPermitted" }) },
  5: {
    length: [10, 18, 26, 34],
    read: (view) => ({
      option: "sack",
      blocks: Array.from({ length: (view.byteLength - 2) / 8 }, (_, i) => [
        view.getUint32(2 + 8 * i),
        view.getUint32(6 + 8 * i),
      ]),
    }),
  },
  8: {
    length: [10],
    read: (view) => ({ option: "timestamps", value: view.getUint32(2), echo: view.getUint32(6) }),
  },
  19: plain("md5"),
  28: plain("userTimeout"),
  29: plain("authentication"),
  30: plain("multipath"),
  34: plain("fastOpen"),
};

const END = 0;
const NOTHING = 1;
/** Bytes of the header before its options. */
const FIXED = 20;

/** The options of a header of so many bytes; fillers are left out. */
export function tcpOptions(bytes: Uint8Array, start: number, length: number): readonly TcpOption[] {
  const found: TcpOption[] = [];
  const end = Math.min(start + length, bytes.length);
  for (let at = start + FIXED; at < end; ) {
    const kind = bytes[at] as number;
    if (kind === END) break;
    if (kind === NOTHING) {
      at++;
      continue;
    }
    const size = at + 1 < end ? (bytes[at + 1] as number) : 0;
    const row = ROWS[kind] ?? plain(`kind${kind}`);
    if (size < 2 || at + size > end || row.length?.includes(size) === false) {
      found.push({ option: "damaged", at: at - start });
      break;
    }
    found.push(row.read(new DataView(bytes.buffer, bytes.byteOffset + at, size)));
    at += size;
  }
  return found;
}

/** As a line has it: `mss 1460`, `sack 1-5 9-12`. */
export function tcpOptionText(option: TcpOption): string {
  switch (option.option) {
    case "mss":
      return `mss ${option.size}`;
    case "windowScale":
      return `windowScale ${option.shift}`;
    case "sack":
      return `sack ${option.blocks.map(([left, right]) => `${left}-${right}`).join(" ")}`;
    case "timestamps":
      return `timestamps ${option.value} ${option.echo}`;
    case "damaged":
      return `(options damaged at byte ${option.at})`;
    default:
      return option.option;
  }
}
