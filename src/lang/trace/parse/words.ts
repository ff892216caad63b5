// Words and operators of the language.

/** Low to high; all are left associative. */
export const PRECEDENCE: Readonly<Record<string, number>> = {
  "||": 1,
  "&&": 2,
  "|": 3,
  "^": 4,
  "&": 5,
  "==": 6,
  "!=": 6,
  "<": 7,
  ">": 7,
  "<=": 7,
  ">=": 7,
  "<<": 8,
  ">>": 8,
  "+": 9,
  "-": 9,
  "*": 10,
  "/": 10,
  "%": 10,
};

export const UNARY: ReadonlySet<string> = new Set(["!", "~", "-", "*", "&"]);

/** Words that name a type by themselves in a cast: `(uint32)x`. */
export const TYPE_WORDS: ReadonlySet<string> = new Set([
  "bool",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "string",
  "buffer",
  "inet",
  "void",
  "char",
  "float",
  "double",
  "short",
  "int",
  "long",
  "unsigned",
  "size_t",
  "ssize_t",
  "pid_t",
  "uid_t",
  "gid_t",
  "dev_t",
  "off_t",
  "loff_t",
  "sector_t",
  "u8",
  "u16",
  "u32",
  "u64",
  "s8",
  "s16",
  "s32",
  "s64",
  "__u8",
  "__u16",
  "__u32",
  "__u64",
  "__s8",
  "__s16",
  "__s32",
  "__s64",
  "int8_t",
  "int16_t",
  "int32_t",
  "int64_t",
  "uint8_t",
  "uint16_t",
  "uint32_t",
  "uint64_t",
  "__be16",
  "__be32",
  "__be64",
  "__le16",
  "__le32",
  "__le64",
  "umode_t",
  "gfp_t",
  "uintptr_t",
]);

/** Functions whose argument may be a type. */
export const TYPE_FUNCTIONS: ReadonlySet<string> = new Set(["sizeof", "offsetof", "typeof", "typeinfo"]);

/** Functions that take types among their arguments, as `typeof(…)` or by themselves. */
export const TYPES_AMONG: ReadonlySet<string> = new Set(["container_of"]);

/**
 * Levels of nesting that a program may have. All that walks the tree calls itself for each, at some hundred bytes of
 * stack: twice as many fit into Node's default of one megabyte.
 */
export const MOST_LEVELS = 600;
