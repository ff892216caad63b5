// Addresses of networks as text and bytes: IPv4 by RFC 791's dots, IPv6 by RFC 4291 written as RFC 5952 says, MAC by colons.

/** Four bytes; undefined: this is no IPv4 address. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  return parts === undefined || parts.some((n) => n > 255) ? undefined : Uint8Array.from(parts);
}

/** Six bytes; undefined: this is no MAC address. */
export function parseMac(text: string): Uint8Array | undefined {
  if (!/^[\da-f]{1,2}([:-][\da-f]{1,2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16));
}

/** Sixteen bytes; undefined: this is no IPv6 address. Zones (`%eth0`) are none of its bytes. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const last = dotted === null ? undefined : parseIpv4(dotted[2] as string);
  if (dotted !== null && last === undefined) return undefined;
  const hex = (at: number): string => (((last?.[at] ?? 0) << 8) | (last?.[at + 1] ?? 0)).toString(16);
  const whole = dotted === null ? text : `${dotted[1]}${hex(0)}:${hex(2)}`;
  const halves = whole.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const given = (head?.length ?? 0) + (tail?.length ?? 0);
  // "::" stands for one group or more.
  if (tail === undefined ? given !== 8 : given > 7) return undefined;
  const groups = [...(head ?? []), ...Array<string>(8 - given).fill("0"), ...(tail ?? [])];
  if (!groups.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined;
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]),
  );
}

export const formatIpv4 = (bytes: Uint8Array): string => bytes.join(".");

export const formatMac = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");

/** The longest run of zeros, of two groups or more, is "::"; of equal ones the first. Mapped addresses end in dots. */
export function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0));
  if (groups.slice(0, 5).every((n) => n === 0) && groups[5] === 0xffff) return `::ffff:${bytes.slice(12).join(".")}`;
  let [start, length] = [0, 1];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const text = (from: number, to?: number): string =>
    groups
      .slice(from, to)
      .map((n) => n.toString(16))
      .join(":");
  return length < 2 ? text(0) : `${text(0, start)}::${text(start + length)}`;
}
