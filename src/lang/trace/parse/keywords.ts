// Words that begin something: items of the outermost level, and statements.

interface Word {
  /** How what it begins is written. */
  readonly form: string;
  readonly doc: string;
  /** A script that uses it. */
  readonly example: string;
}

export type ItemWord = "config" | "macro" | "fn" | "let" | "import" | "struct" | "union" | "enum" | "typedef";
export type StatementWord =
  | "if"
  | "else"
  | "while"
  | "for"
  | "unroll"
  | "let"
  | "return"
  | "break"
  | "continue"
  | "comptime"
  | "true"
  | "false";

/** Words of the outermost level. */
export const itemWords: Readonly<Record<ItemWord, Word>> = {
  config: {
    form: "config = { KEY = VALUE; … }",
    doc: "What the script runs by; it stands before the probes. BPFTRACE_KEY in the environment comes before it. `scry help topics` lists the keys.",
    example: 'config = { max_strlen = 64; stack_mode = "perf" } profile:hz:99 { @[kstack] = count(); }',
  },
  macro: {
    form: "macro NAME(expression, $variable, @map) { STATEMENTS; VALUE }",
    doc: "A piece of the language under a name, put in where it is used: `$x` takes a variable, `@x` a map, a plain name any expression. Its own variables are not those of the place it is used in. Several may have one name, told apart by the number and kinds of what they take.",
    example:
      "macro took(@since, key) { nsecs - @since[key] } tracepoint:syscalls:sys_enter_openat { @s[tid] = nsecs; } tracepoint:syscalls:sys_exit_openat /@s[tid]/ { @ns = hist(took(@s, tid)); }",
  },
  fn: {
    form: "fn NAME($PARAMETER: TYPE, …): TYPE { STATEMENTS; return VALUE; }",
    doc: "A function: its parameters and its result have types, `void` for none; `return` leaves it. A call is its body in its place, so it cannot call itself.",
    example:
      "fn slow($ns: uint64): bool { return $ns > 1000000; } tracepoint:syscalls:sys_enter_openat { @s[tid] = nsecs; } tracepoint:syscalls:sys_exit_openat /@s[tid]/ { if (slow(nsecs - @s[tid])) { @[comm] = count(); } }",
  },
  let: {
    form: "let @NAME = TYPE(ENTRIES);",
    doc: "Declares what a map is kept in: hash, lruhash, percpuhash or percpulruhash, with so many entries at the most.",
    example: "let @last = lruhash(100); tracepoint:syscalls:sys_enter_openat { @last[tid] = nsecs; }",
  },
  import: {
    form: 'import "PATH";',
    doc: "Takes in another script, the scripts of a folder, or a header of C, from beside the script or the folders of -I. It stands before the probes.",
    example: 'import "types.h"; begin { exit(); }',
  },
  struct: {
    form: "struct NAME { … };",
    doc: "Declares a structure, as C does. With BTF, the kernel's own need no declaration.",
    example:
      'struct pair { int32_t first; int32_t second; }; uprobe:/bin/bash:readline { print(((struct pair *)reg("sp"))->second); }',
  },
  union: {
    form: "union NAME { … };",
    doc: "Declares a union, as C does.",
    example:
      'union word { uint64_t all; uint32_t low; }; uprobe:/bin/bash:readline { print(((union word *)reg("sp"))->low); }',
  },
  enum: {
    form: "enum NAME { … };",
    doc: "Declares an enumeration, as C does: its names are numbers, and values that are cast to it are printed by their names.",
    example: "enum fruit { APPLE, PEAR = 5 }; begin { print((enum fruit)5); exit(); }",
  },
  typedef: {
    form: "typedef TYPE NAME;",
    doc: "Gives a type another name, as C does.",
    example: "typedef uint32_t number; begin { print((number)5); exit(); }",
  },
};

/** Words of statements, and of values. */
export const statementWords: Readonly<Record<StatementWord, Word>> = {
  if: {
    form: "if CONDITION { … } else if CONDITION { … } else { … }",
    doc: "Runs one of several blocks. Parentheses around the condition may be left out. Where all blocks end with a value, it is one itself. `if comptime` decides when the script is compiled.",
    example:
      "tracepoint:syscalls:sys_exit_openat { if (args.ret < 0) { @failed[comm] = count(); } else { @opened[comm] = count(); } }",
  },
  else: {
    form: "if CONDITION { … } else { … }",
    doc: "The block that runs when the condition does not hold.",
    example: "profile:hz:1 { if (pid == 0) { @idle = count(); } else { @busy = count(); } }",
  },
  while: {
    form: "while CONDITION { … }",
    doc: "Runs a block as long as the condition holds; the kernel's verifier must see that this ends. bpftrace calls it deprecated: a for over a range is better.",
    example: "begin { $i = 0; while ($i < 5) { print($i); $i++; } exit(); }",
  },
  for: {
    form: "for $VARIABLE : FROM..TO { … } or for $ENTRY : @MAP { … }",
    doc: "Runs a block for each number from the first up to, not including, the last; or for each entry of a map, whose key is `$entry.0` and whose value `$entry.1`.",
    example:
      "begin { for $i : 0..5 { @squares[$i] = $i * $i; } for $entry : @squares { print($entry.1); } clear(@squares); exit(); }",
  },
  unroll: {
    form: "unroll(TIMES) { … }",
    doc: "Writes a block so many times over, from 1 to 100. A for over a range is shorter.",
    example: 'begin { $i = 1; unroll(3) { printf("%d\\n", $i); $i *= 2; } exit(); }',
  },
  let: {
    form: "let $NAME[: TYPE] [= VALUE];",
    doc: "Declares a variable of the block that it stands in. A variable that is only assigned needs no declaration.",
    example: "begin { let $n: uint64 = 5; print($n); exit(); }",
  },
  return: {
    form: "return [VALUE];",
    doc: "Ends the probe, for this event. In a test: probe a value other than 0 says that it failed.",
    example: "tracepoint:syscalls:sys_enter_openat { if (pid == 1) { return; } @[comm] = count(); }",
  },
  break: {
    form: "break;",
    doc: "Ends the loop that it stands in.",
    example: "begin { for $i : 0..100 { if ($i == 5) { break; } print($i); } exit(); }",
  },
  continue: {
    form: "continue;",
    doc: "Goes on with the next turn of the loop that it stands in.",
    example: "begin { for $i : 0..10 { if ($i % 2 == 0) { continue; } print($i); } exit(); }",
  },
  comptime: {
    form: "if comptime CONDITION { … } or comptime EXPRESSION",
    doc: "Says that what follows is known before the script runs; of an if the other side is not compiled.",
    example: 'begin { if comptime getopt("loud") { print("HELLO"); } else { print("hello"); } exit(); }',
  },
  true: {
    form: "true",
    doc: "The value of a condition that holds.",
    example: "begin { $first = true; print($first); exit(); }",
  },
  false: {
    form: "false",
    doc: "The value of a condition that does not hold.",
    example: "begin { $seen = false; print($seen); exit(); }",
  },
};

export const ITEM_WORDS: readonly ItemWord[] = Object.keys(itemWords) as ItemWord[];
export const KEYWORDS: readonly StatementWord[] = Object.keys(statementWords) as StatementWord[];
