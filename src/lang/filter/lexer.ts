// From text to tokens. As in lex, the longest match counts: `80-90` is one name, and `len-14` too.

import type { Span } from "../../source/index.ts";
import { parseIp6, parseMac } from "./addresses.ts";
import { KEYWORDS, NUMBERS, PROTOCOLS, WITH_NAME, WITH_NUMBER, WORDS } from "./names.ts";
import { fail } from "./problems.ts";
import type { Id } from "./tree.ts";

export type Token =
  | Id
  /** A word of the language, by what it means (`ether` is `link`). */
  | { readonly kind: "word"; readonly word: string; readonly text: string; readonly span: Span }
  | { readonly kind: "sign"; readonly text: string; readonly span: Span }
  | { readonly kind: "end"; readonly text: ""; readonly span: Span };

const SPACE = /\s*/y;
const MAC =
  /[0-9a-fA-F]{1,2}([:.-])[0-9a-fA-F]{1,2}(?:\1[0-9a-fA-F]{1,2}){4}(?![0-9a-zA-Z:.-])|[0-9a-fA-F]{4}(?:\.[0-9a-fA-F]{4}){2}(?![0-9a-zA-Z.-])|[0-9a-fA-F]{12}(?![0-9a-zA-Z.-])/y;
const IP6 = /[0-9a-fA-F]*(?::[0-9a-fA-F.]*){2,}/y;
const WORD = /[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?/y;
const ESCAPED = /\\[^ !()\n\t]+/y;
const ARCNET = /\$[0-9a-fA-F]{1,2}/y;
const SIGN = />=|<=|!=|==|<<|>>|\|\||&&|[-+*/%&|^<>=!()[\]:]/y;
const SIGNS: Readonly<Record<string, string>> = { "==": "=", "&&": "and", "||": "or", "!": "not" };

/** All tokens, the last of kind "end". Throws DiagnosticError. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  const matches = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  for (;;) {
    at += matches(SPACE)?.length ?? 0;
    if (at >= text.length) break;
    const start = at;
    const take = (part: string): Span => {
      at = start + part.length;
      return { start, end: at };
    };
    const mac = matches(MAC);
    const ip6 = matches(IP6);
    const word = matches(WORD);
    const address = ip6 === undefined ? undefined : parseIp6(ip6);
    if (ip6 !== undefined && address !== undefined) found.push({ kind: "ip6", address, text: ip6, span: take(ip6) });
    else if (mac !== undefined) found.push({ kind: "mac", address: parseMac(mac) ?? [], text: mac, span: take(mac) });
    else if (word !== undefined) found.push(wordToken(word, take(word)));
    else {
      const escaped = matches(ESCAPED);
      const arcnet = matches(ARCNET);
      const sign = matches(SIGN);
      if (escaped !== undefined) found.push({ kind: "name", text: escaped.slice(1), span: take(escaped) });
      else if (arcnet !== undefined) {
        const number = Number.parseInt(arcnet.slice(1), 16);
        found.push({ kind: "arcnet", number, text: arcnet, span: take(arcnet) });
      } else if (sign === undefined) {
        const one = String.fromCodePoint(text.codePointAt(at) as number);
        return fail("SCRY1502", take(one), `'${one}' has no meaning in a filter`);
      } else {
        const meant = SIGNS[sign] ?? sign;
        const span = take(sign);
        if (/^[a-z]/.test(meant)) found.push({ kind: "word", word: meant, text: sign, span });
        else found.push({ kind: "sign", text: meant, span });
      }
    }
  }
  found.push({ kind: "end", text: "", span: { start: text.length, end: text.length } });
  return found;
}

const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

function wordToken(text: string, span: Span): Token {
  if (KEYWORDS.has(text)) {
    const word = own(PROTOCOLS, text) ?? own(WITH_NUMBER, text) ?? own(WITH_NAME, text) ?? own(WORDS, text) ?? text;
    return { kind: "word", word, text, span };
  }
  const meant = own(NUMBERS, text);
  if (meant !== undefined) return { kind: "number", number: meant, text, span };
  if (/^(?:\d+|0[xX][0-9a-fA-F]+)$/.test(text)) return { kind: "number", number: numberOf(text, span), text, span };
  if (/^\d+(?:\.\d+){1,3}$/.test(text)) {
    const parts = text.split(".").map(Number);
    const [area = 0, node = 0] = parts;
    if (parts.length === 2 && node > 255) return { kind: "decnet", area, node, text, span };
    if (parts.some((part) => part > 255))
      return fail("SCRY1502", span, `'${text}' is no IPv4 address`, "Each part goes from 0 to 255");
    const address = parts.reduce((sum, part) => ((sum << 8) | part) >>> 0, 0);
    return { kind: "ip4", address, bytes: parts.length, text, span };
  }
  return { kind: "name", text, span };
}

/** As in C: 0x before hexadecimal digits, 0 before octal ones. */
function numberOf(text: string, span: Span): number {
  const octal = /^0\d+$/.test(text);
  if (octal && /[89]/.test(text))
    fail("SCRY1502", span, `'${text}' is no octal number`, "A number that begins with 0 is octal");
  const number = octal ? Number.parseInt(text, 8) : Number(text);
  if (number > 0xffffffff) fail("SCRY1502", span, `'${text}' does not fit into 32 bits`);
  return number;
}
