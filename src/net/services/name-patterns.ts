// Names in rules: `db.example.com`, or `*.internal.example` for all below a name. Both are prefixes of what tables are asked for:
// the name's letters backwards, and 0 where it begins.
//
//     db.example.com   →  moc.elpmaxe.bd\0           *.internal.example  →  elpmaxe.lanretni.

import { type Wrong, wrong } from "../../config/index.ts";

/** Bytes of a name as tables have it; RFC 1035, 3.1 allows 255 on the wire. */
export const NAME_BYTES = 256;
/** Patterns that may all have one name: itself and those further up. */
export const MOST_OF_ONE_NAME = 7;

/** The pattern in small letters, without a dot at its end. */
export function parseNamePattern(text: string): string | Wrong {
  const pattern = text.toLowerCase().replace(/\.$/, "");
  const name = pattern.startsWith("*.") ? pattern.slice(2) : pattern;
  if (name.length > 253) return wrong(`'${text}' is longer than a name can be (253)`);
  if (name.includes("*"))
    return wrong(`'${text}': a '*' stands alone before the first dot`, "*.example.com is every name below example.com");
  if (!/^(?!-)[a-z\d_-]{1,63}(?:\.[a-z\d_-]{1,63})*$/.test(name))
    return wrong(
      `'${text}' is neither an address nor a name`,
      "Names of other letters are written as DNS has them: xn--…",
    );
  return pattern;
}

/** What names that match begin with, written backwards. */
export function reversedPattern(pattern: string): string {
  const wild = pattern.startsWith("*.");
  return `${backwards(wild ? pattern.slice(2) : pattern)}${wild ? "." : "\0"}`;
}

const backwards = (name: string): string => [...name].reverse().join("");

/** Has the pattern this name, given in small letters without a dot at its end? */
export const matchesName = (pattern: string, name: string): boolean =>
  pattern.startsWith("*.") ? name.length > pattern.length - 1 && name.endsWith(pattern.slice(1)) : name === pattern;

/** Whether all names of `inner` are of `outer`. */
export function patternContains(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  return outer.startsWith("*.") && inner.replace(/^\*/, "x").endsWith(outer.slice(1));
}
