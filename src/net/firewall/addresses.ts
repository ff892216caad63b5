// Networks as rules and lists write them, with what is wrong with them; addresses as words.

import { type Wrong, wrong } from "../../config/index.ts";
import { formatPrefix, maskedTo, type Prefix, parseIpv4, parseIpv6 } from "../../source/index.ts";

/** `10.0.0.0/8`, `2001:db8::/32`, or an address alone. */
export function readPrefix(text: string): Prefix | Wrong {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const bytes = parseIpv4(address) ?? parseIpv6(address);
  if (bytes === undefined)
    return wrong(
      `'${shortened(text)}' is no address and no network`,
      "Networks are written as 10.0.0.0/8 or 2001:db8::/32",
    );
  const most = bytes.length * 8;
  const bits = slash < 0 ? most : /^\d{1,3}$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) : Number.NaN;
  if (!(bits <= most))
    return wrong(`'${shortened(text)}': a prefix of ${bytes.length === 4 ? "IPv4" : "IPv6"} has 0 to ${most} bits`);
  const masked = maskedTo(bytes, bits);
  if (masked.some((byte, i) => byte !== bytes[i]))
    return wrong(
      `'${shortened(text)}' has bits behind its prefix`,
      `The network is ${formatPrefix({ bytes: masked, bits })}`,
    );
  return { bytes, bits };
}

/** A word of an address, from its first byte on; unsigned. */
export const wordAt = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0;

/** First and last address of an IPv4 prefix, as numbers. */
export function range4({ bytes, bits }: Prefix): readonly [first: number, last: number] {
  const first = wordAt(bytes, 0);
  return [first, first + 2 ** (32 - bits) - 1];
}

/** Characters of a line: of a table with many columns there may be some thousands. */
const MOST_LINE = 65_536;
/** So much of a word is shown. */
const SHOWN = 64;
const shortened = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);

/** Lists of others: a prefix a line, `#` and `;` begin comments; of tables (`a,b,c`) the column that is said, from 0. */
export function readPrefixList(
  text: string,
  pick: (columns: readonly string[]) => string | undefined,
): {
  readonly prefixes: readonly Prefix[];
  readonly wrong: readonly { readonly line: number; readonly message: string }[];
} {
  const prefixes: Prefix[] = [];
  const problems: { line: number; message: string }[] = [];
  let line = 0;
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    line++;
    if (end - at > MOST_LINE) {
      problems.push({ line, message: `a line of ${end - at} characters is none of a list of networks` });
      at = end + 1;
      continue;
    }
    const content = text
      .slice(at, end)
      .replace(/[#;].*$/, "")
      .trim();
    at = end + 1;
    if (content === "") continue;
    const word = pick(content.split(",").map((column) => column.trim().replace(/^"(.*)"$/, "$1")));
    if (word === undefined) continue;
    const prefix = readPrefix(word);
    if ("wrong" in prefix) problems.push({ line, message: prefix.wrong });
    else prefixes.push(prefix);
  }
  return { prefixes, wrong: problems };
}
