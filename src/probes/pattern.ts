// Patterns of names, as attach points and lists have them.

/** Does the name match the pattern? `*` any run, `?` one character, `[abc]` `[a-z]` `[!a]` one of these. */
export function matchesPattern(pattern: string, name: string): boolean {
  return patternRegExp(pattern).test(name);
}

export const isPattern = (text: string): boolean => /[*?[]/.test(text);

export function patternRegExp(pattern: string): RegExp {
  let source = "";
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] as string;
    const close = c === "[" ? pattern.indexOf("]", i + 2) : -1;
    if (c === "*") source += pattern[i - 1] === "*" ? "" : ".*";
    else if (c === "?") source += ".";
    else if (close > 0) {
      source += `[${pattern
        .slice(i + 1, close)
        .replace(/^!/, "^")
        // A range from behind to before has nothing in it.
        .replace(/(.)-(.)/gs, (range, a: string, b: string) => (a > b ? "" : range))
        .replace(/[\\[\]]/g, "\\$&")}]`;
      i = close;
    } else source += c.replace(/[\\^$.|+(){}[\]]/g, "\\$&");
  }
  return new RegExp(`^${source}$`, "s");
}
