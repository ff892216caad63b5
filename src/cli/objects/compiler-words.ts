// A compiler's command line, as makefiles and compile_commands.json have it, in words of `scry build`. What says how code is
// made means nothing here and is left out; what would make other code of the same text is refused; what is not known is said.

import { UsageError } from "../options.ts";

/** What is done with a word: left out; left out with the next; other words for it and its value; or why not. */
type Rule = "none" | "value" | { readonly words: (value: string) => readonly string[] } | { readonly refused: string };

const refused = (why: string): Rule => ({ refused: why });
const folder: Rule = { words: (value) => ["-I", value] };

/** Options whose value may follow, attached or as the next word. */
const VALUED: readonly (readonly [option: string, rule: Rule])[] = [
  ["-isystem", folder],
  ["-idirafter", folder],
  ["-iquote", folder],
  ["-include", { words: (value) => ["--include", value] }],
  ["-U", { words: (value) => ["--undefine", value] }],
  ["-MF", "none"],
  ["-MT", "none"],
  ["-MQ", "none"],
  ["-resource-dir", "none"],
];

/** Whole words, the first that matches. */
const WORDS: readonly (readonly [word: RegExp, rule: Rule])[] = [
  [/^-{1,2}target=bpf(?:el)?$/, "none"],
  [/^-{1,2}target=/, refused("code is made for BPF, little endian")],
  [/^-mcpu=/, "none"],
  [/^-m(?:32|64|little-endian)$/, "none"],
  [/^-mbig-endian$/, refused("code is made for BPF, little endian")],
  [/^-mllvm$/, "value"],
  [/^-Xclang$/, "value"],
  [/^-c$/, "none"],
  [/^-(?:E|S|M|MM|emit-llvm|fsyntax-only)$/, refused("what is made is an object")],
  [/^-M(?:D|MD|P|G)$/, "none"],
  [/^-O[0123sgz]?$|^-Ofast$/, "none"],
  [/^-g(?:\d|gdb\d?|dwarf(?:-\d)?|btf|z|line-tables-only|no-.*|split-dwarf)?$/, "none"],
  [/^-Werror$/, { words: () => ["--warn", "error"] }],
  [/^-Wno-(?!error)/, { words: (word) => ["--warn", word.slice(2)] }],
  [/^-w$/, { words: () => ["--warn", "none"] }],
  [/^-W(?!p,|a,|l,)/, "none"],
  [/^-(?:pedantic|pedantic-errors|ansi|pipe|pthread|v|nostdinc|nostdlib|nostdlibinc|no-integrated-as)$/, "none"],
  [/^-Qunused-arguments$|^-fcolor-diagnostics$|^-fansi-escape-codes$/, "none"],
  [/^-std=(?:c|gnu|iso9899:)\d/, "none"],
  [/^-std=/, refused("it is C that is compiled")],
  [/^-xc$|^-x=c$/, "none"],
  [
    /^-f(?:pack-struct|short-enums|short-wchar|unsigned-char|no-signed-char|visibility=(?!default))/,
    refused("it makes other data of the same text"),
  ],
  [
    /^-f(?:omit|no-|builtin|stack|strict|wrapv|inline|unroll|data-sections|function-sections|debug|macro-prefix|file-prefix|ffile|diagnostics|visibility=default|signed-char|merge|common|asynchronous|exceptions|PIC|pic|PIE|pie|ms-extensions|gnu89-inline|freestanding|hosted|delete-null|trap|sanitize=)/,
    "none",
  ],
  [/^-ffreestanding$|^-ffile-/, "none"],
  [/^--?sysroot|^-isysroot/, refused("headers of another system are named by -I")],
  [/^@/, refused("words are not read from files")],
];

/** Options with two words, the second of which decides. */
const PAIRS: Readonly<Record<string, (value: string) => string | undefined>> = {
  "-target": (value) => (/^bpf(?:el)?$/.test(value) ? undefined : "code is made for BPF, little endian"),
  "--target": (value) => (/^bpf(?:el)?$/.test(value) ? undefined : "code is made for BPF, little endian"),
  "-x": (value) => (value === "c" ? undefined : "it is C that is compiled"),
};

/** Options of our own that begin as one of a compiler does. */
const OWN = /^--(?!target)|^-[IDopfdBhV](?=$)|^-[IDo]|^-p(?!ipe|thread|edantic)|^-f(?:text|json|json-strict)?$/;

/** Throws a UsageError for what would make other code, or is not known. */
export function ownWords(words: readonly string[]): string[] {
  const own: string[] = [];
  /** Folders that are asked behind all others. */
  const behind: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    const next = (): string => {
      const value = words[++i];
      if (value === undefined) throw new UsageError(`${word} needs a value`);
      return value;
    };
    if (word === "--") {
      own.push(...words.slice(i));
      break;
    }
    const pair = PAIRS[word];
    if (pair !== undefined) {
      const value = next();
      const why = pair(value);
      if (why !== undefined) throw cannot(`${word} ${value}`, why);
      continue;
    }
    const valued = VALUED.find(([option]) => word.startsWith(option));
    if (valued !== undefined) {
      const [option, rule] = valued;
      const value = word === option ? next() : word.slice(option.length).replace(/^=/, "");
      if (typeof rule === "object" && "words" in rule)
        (/^-(?:isystem|idirafter)$/.test(option) ? behind : own).push(...rule.words(value));
      continue;
    }
    if (!word.startsWith("-") && !word.startsWith("@")) {
      own.push(word);
      continue;
    }
    const rule = WORDS.find(([expression]) => expression.test(word))?.[1];
    if (rule === undefined && OWN.test(word)) {
      own.push(word);
      // The value of an option is no option.
      if (
        /^-[IDopfd]$|^--(?:include|include-dir|define|undefine|output|format|color|debug|database|dialect|warn)$/.test(
          word,
        )
      )
        own.push(next());
      continue;
    }
    if (rule === undefined) throw new UsageError(`unknown option: ${word}`);
    if (typeof rule === "object" && "refused" in rule) throw cannot(word, rule.refused);
    if (rule === "value") next();
    if (typeof rule === "object") own.push(...rule.words(word));
  }
  redefined(own);
  const file = own.indexOf("--");
  own.splice(file < 0 ? own.length : file, 0, ...behind);
  return own;
}

/** `-U NAME … -D NAME`: the last one counts. */
function redefined(own: string[]): void {
  for (let i = 0; i < own.length; i++) {
    const text = own[i] === "-D" || own[i] === "--define" ? own[i + 1] : /^-D(.+)$/.exec(own[i] as string)?.[1];
    const name = text?.replace(/=.*/s, "");
    for (let at = i - 2; name !== undefined && at >= 0; at--)
      if (own[at] === "--undefine" && own[at + 1] === name) {
        own.splice(at, 2);
        i -= 2;
      }
  }
}

const cannot = (word: string, why: string): UsageError => new UsageError(`${word} is not taken: ${why}`, []);
