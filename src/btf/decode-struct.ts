// Structs that are read often are read by code made for them: an object literal with a read for each member, where a loop over the
// members would make an object grow one by one. Where code cannot be made (a page's policy forbids it), the loop stays.

/** A member, as it is read. */
export interface ReadMember<T> {
  readonly name: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly codec: {
    decode(view: DataView, at: number, end?: number): T;
    /** The same as an expression of JavaScript: of `view`, and the place that it is given as an expression. */
    readonly inline?: (at: string) => string;
  };
}

type Decode<T> = (view: DataView, at: number, end?: number) => Record<string, T>;

/** Readings after which code is made. */
const OFTEN = 500;

export function structDecoder<T>(members: readonly ReadMember<T>[]): Decode<T> {
  let count = 0;
  let made: Decode<T> | undefined;
  return (view, at, end) => {
    if (made !== undefined) return made(view, at, end);
    if (++count === OFTEN) made = literal(members);
    return Object.fromEntries(members.map(({ name, offset, codec }) => [name, codec.decode(view, at + offset, end)]));
  };
}

function literal<T>(members: readonly ReadMember<T>[]): Decode<T> | undefined {
  const readers: ReadMember<T>["codec"]["decode"][] = [];
  const properties = members.map(({ name, offset, codec }) => {
    const place = `at+${offset}`;
    // Computed: `__proto__` is a name like any other.
    const key = `[${JSON.stringify(name)}]`;
    if (codec.inline !== undefined) return `${key}:${codec.inline(place)}`;
    return `${key}:r${readers.push(codec.decode) - 1}(view,${place},end)`;
  });
  const names = readers.map((_, i) => `r${i}`);
  try {
    const make = new Function(...names, `return (view,at,end)=>({${properties.join(",")}})`) as (
      ...all: readonly unknown[]
    ) => Decode<T>;
    return make(...readers);
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}
