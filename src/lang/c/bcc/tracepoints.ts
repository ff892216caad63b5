// `struct tracepoint__CATEGORY__EVENT`, what a program of a tracepoint is given, as text of C: by the layout that the kernel
// says its records have.

export interface TracepointField {
  /** The C type without the array part. */
  readonly type: string;
  readonly name: string;
  /** Bytes from the start of the record. */
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
  /** Of an array: how many. */
  readonly arrayLength?: number;
  /** It says where the data is. */
  readonly location?: "absolute" | "relative";
}

export type TracepointFields = (category: string, name: string) => readonly TracepointField[] | undefined;

const NUMBERS: Readonly<Record<number, string>> = { 1: "char", 2: "short", 4: "int", 8: "long long" };

export interface NamedTracepoints {
  /** Their structs as text of C. Of those that the kernel has not got, none is declared. */
  readonly structs: string;
  /** `category/event` of `category__event`. */
  readonly names: ReadonlyMap<string, string>;
}

/** All tracepoints that the text names. */
export function namedTracepoints(text: string, fields: TracepointFields): NamedTracepoints {
  const wanted = new Map<string, readonly [category: string, event: string]>();
  for (const [, category = "", event = ""] of text.matchAll(/\bTRACEPOINT_PROBE\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)/g))
    wanted.set(`${category}__${event}`, [category, event]);
  for (const [, name = ""] of text.matchAll(/\btracepoint__(\w+)\b/g)) {
    if (wanted.has(name)) continue;
    // Names have two underlines within them, too: the kernel knows which are the ones between.
    for (let at = name.indexOf("__"); at > 0; at = name.indexOf("__", at + 1)) {
      const [category, event] = [name.slice(0, at), name.slice(at + 2)];
      if (fields(category, event) !== undefined) {
        wanted.set(name, [category, event]);
        break;
      }
    }
  }
  const lines: string[] = [];
  for (const [name, [category, event]] of wanted) {
    const all = fields(category, event);
    if (all !== undefined) lines.push(struct(`tracepoint__${name}`, all));
  }
  return {
    structs: lines.join("\n"),
    names: new Map([...wanted].map(([name, [category, event]]) => [name, `${category}/${event}`])),
  };
}

function struct(name: string, fields: readonly TracepointField[]): string {
  const members: string[] = [];
  let end = 0;
  const used = new Set<string>();
  for (const field of [...fields].sort((a, b) => a.offset - b.offset)) {
    if (field.offset < end || field.name === "") continue;
    if (field.offset > end) members.push(`char ___gap${end}[${field.offset - end}];`);
    const own = field.location === undefined ? field.name : `data_loc_${field.name}`;
    const told = used.has(own) ? `${own}_` : own;
    used.add(own);
    members.push(`${declared(field, told)};`);
    end = field.offset + field.size;
  }
  return `struct ${name} { ${members.join(" ")} } __attribute__((packed));`;
}

/** By its size where its type's name says nothing of it that is known everywhere. */
function declared({ type, size, signed, arrayLength, location }: TracepointField, name: string): string {
  if (location !== undefined) return `unsigned int ${name}`;
  if (arrayLength !== undefined) {
    const number = NUMBERS[size / Math.max(1, arrayLength)];
    return number === undefined
      ? `char ${name}[${size}]`
      : `${signed ? "" : "unsigned "}${number} ${name}[${arrayLength}]`;
  }
  if (/\*$/.test(type) && size === 8) {
    // Types that are declared nowhere else are pointers to something all the same.
    return /^(?:const )?(?:struct|union) \w+ \*$|^(?:const )?(?:char|void) \*$/.test(type)
      ? `${type}${name}`
      : `void *${name}`;
  }
  const number = NUMBERS[size];
  return number === undefined ? `char ${name}[${size}]` : `${signed ? "" : "unsigned "}${number} ${name}`;
}
