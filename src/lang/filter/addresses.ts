// Addresses as text.

/** The 16 bytes of an IPv6 address as four words, or undefined. */
export function parseIp6(text: string): number[] | undefined {
  const dotted = /^(.*:)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (dotted !== null) {
    const bytes = dotted.slice(2).map(Number);
    if (bytes.some((b) => b > 255)) return undefined;
    const [a, b, c, d] = bytes as [number, number, number, number];
    return parseIp6(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (groups.flat().some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const given = groups.flat().length;
  if (halves.length === 1 ? given !== 8 : given > 7) return undefined;
  const [head, tail = []] = groups as [string[], string[]?];
  const all = [...head, ...Array.from({ length: 8 - given }, () => "0"), ...tail].map((g) => Number.parseInt(g, 16));
  return [0, 2, 4, 6].map((i) => (((all[i] as number) << 16) | (all[i + 1] as number)) >>> 0);
}

/** The 6 bytes of a MAC address in any of the usual forms, or undefined. */
export function parseMac(text: string): number[] | undefined {
  const hex = /^[0-9a-fA-F]{1,2}([:.-])[0-9a-fA-F]{1,2}(?:\1[0-9a-fA-F]{1,2}){4}$/.exec(text);
  if (hex !== null) return text.split(hex[1] as string).map((b) => Number.parseInt(b, 16));
  const plain = /^[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}$|^[0-9a-fA-F]{12}$/.test(text);
  if (!plain) return undefined;
  return (text.replaceAll(".", "").match(/../g) as string[]).map((b) => Number.parseInt(b, 16));
}
