// What files of the system say of resolvers, users and names.

import { readSync } from "node:fs";
import { type Prefix, parsePrefix } from "../../source/index.ts";
import { openForeign } from "../../symbols/index.ts";

const MOST_FILE = 1 << 20;

/** The file's text, of a large one the beginning; "" where it cannot be read. */
export function fileText(path: string): string {
  try {
    const { fd, stat, close } = openForeign(path);
    try {
      const bytes = Buffer.alloc(Math.min(stat.size, MOST_FILE));
      return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, 0));
    } finally {
      close();
    }
  } catch {
    return "";
  }
}

/** resolv.conf(5): `nameserver ADDRESS`; where it names none, this machine is asked. Zones are none of an address's bits. */
export function resolversOf(text: string): readonly Prefix[] {
  const named = [...text.matchAll(/^\s*nameserver\s+([^\s%]+)/gm)].flatMap(([, word = ""]) => parsePrefix(word) ?? []);
  return named.length > 0 ? named : ["127.0.0.1", "::1"].flatMap((word) => parsePrefix(word) ?? []);
}

/** passwd(5) */
export function usersOf(text: string): ReadonlyMap<string, number> {
  return new Map(
    [...text.matchAll(/^([^:\n]+):[^:\n]*:(\d{1,10}):/gm)].map(([, name = "", uid]) => [name, Number(uid)]),
  );
}

/** hosts(5) */
export function hostsOf(text: string): readonly { readonly address: Prefix; readonly names: readonly string[] }[] {
  return text.split("\n").flatMap((line) => {
    const [word = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    const address = word.includes("/") ? undefined : parsePrefix(word);
    return address === undefined || names.length === 0
      ? []
      : [{ address, names: names.map((name) => name.toLowerCase()) }];
  });
}
