// The formats that the kernel's printing helpers take (kernel/bpf/helpers.c, bpf_bprintf_prepare): %d %i %u %x %X %o with
// l, ll, h and hh, flags and widths; %p %px %pK, %s and %pks %pus, %c, %%.

const encoder = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The bytes, or undefined for a format that the kernel refuses. `string` reads one at an address, up to a limit. */
export function formatBytes(
  format: Uint8Array,
  words: readonly bigint[],
  string: (address: bigint, limit: number) => Uint8Array | undefined,
): Uint8Array | undefined {
  const text = new TextDecoder("latin1").decode(format);
  const parts: Uint8Array[] = [];
  let next = 0;
  let at = 0;
  for (const match of text.matchAll(/%(?:%|([-+ 0#]*)(\d*)(hh|h|ll|l)?([diuxXoscp])((?<=p)(?:ks|us|K|x|s|B|S)?)?)?/g)) {
    parts.push(format.subarray(at, match.index));
    at = match.index + match[0].length;
    if (match[0] === "%%") {
      parts.push(encoder("%"));
      continue;
    }
    const [, flags = "", width = "", length, kind, pointer] = match;
    if (kind === undefined) return undefined;
    if (next >= words.length) return undefined;
    const word = words[next++] as bigint;
    parts.push(pad(one(word, kind, length, pointer ?? "", flags, string), flags, Number(width || 0), kind));
  }
  parts.push(format.subarray(at));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let to = 0;
  for (const part of parts) {
    bytes.set(part, to);
    to += part.length;
  }
  return bytes;
}

function one(
  word: bigint,
  kind: string,
  length: string | undefined,
  pointer: string,
  flags: string,
  string: (address: bigint, limit: number) => Uint8Array | undefined,
): Uint8Array {
  if (kind === "s" || pointer === "ks" || pointer === "us" || pointer === "s") {
    return string(word, 512) ?? encoder("");
  }
  if (kind === "c") return Uint8Array.of(Number(word & 255n));
  if (kind === "p") return encoder(BigInt.asUintN(64, word).toString(16).padStart(16, "0"));
  const bits = length === "hh" ? 8 : length === "h" ? 16 : length === undefined ? 32 : 64;
  if (kind === "d" || kind === "i") {
    const value = BigInt.asIntN(bits, word);
    return encoder(value >= 0n && flags.includes("+") ? `+${value}` : `${value}`);
  }
  const value = BigInt.asUintN(bits, word);
  if (kind === "u") return encoder(`${value}`);
  if (kind === "o") return encoder((flags.includes("#") ? "0" : "") + value.toString(8));
  const hex = (flags.includes("#") && value !== 0n ? "0x" : "") + value.toString(16);
  return encoder(kind === "X" ? hex.toUpperCase() : hex);
}

function pad(bytes: Uint8Array, flags: string, width: number, kind: string): Uint8Array {
  if (bytes.length >= width) return bytes;
  const out = new Uint8Array(Math.min(width, 512));
  const room = out.length - bytes.length;
  if (room <= 0) return bytes;
  const left = flags.includes("-");
  const zero = flags.includes("0") && !left && kind !== "s" && kind !== "c";
  out.fill(zero ? 0x30 : 0x20);
  const negative = zero && bytes[0] === 0x2d;
  out.set(negative ? bytes.subarray(1) : bytes, left ? 0 : room + (negative ? 1 : 0));
  if (negative) out[0] = 0x2d;
  return out;
}
