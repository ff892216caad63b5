// IPv4 and IPv6 addresses from their text, as inet_pton(3) reads them.

/** Its 4 or 16 bytes; undefined for what is no address. */
export function addressBytes(text: string): readonly number[] | undefined {
  return text.includes(":") ? ipv6(text) : ipv4(text);
}

function ipv4(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || parts.some((p) => !/^(?:0|[1-9]\d{0,2})$/.test(p) || Number(p) > 255)) return undefined;
  return parts.map(Number);
}

function ipv6(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groups = (half: string): number[] | undefined => {
    if (half === "") return [];
    const bytes: number[] = [];
    const parts = half.split(":");
    for (const [i, part] of parts.entries()) {
      if (i === parts.length - 1 && part.includes(".")) {
        const four = ipv4(part);
        if (four === undefined) return undefined;
        bytes.push(...four);
      } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
        const n = Number.parseInt(part, 16);
        bytes.push(n >> 8, n & 255);
      } else return undefined;
    }
    return bytes;
  };
  const [before, after] = halves.map(groups);
  if (before === undefined || (halves.length === 2 && after === undefined)) return undefined;
  if (halves.length === 1) return before.length === 16 ? before : undefined;
  const tail = after ?? [];
  const zeros = 16 - before.length - tail.length;
  return zeros < 2 ? undefined : [...before, ...new Array<number>(zeros).fill(0), ...tail];
}
