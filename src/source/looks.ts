// How parts of a text look where it is shown in colours. Which they are, and when, the command says.

/** Parts that have a look of their own. */
export type Part = "error" | "warning" | "code" | "place" | "hint" | "heading" | "name" | "key" | "bar";

/** What a terminal is told before each part; behind each it is told `PLAIN`. */
export type Looks = Readonly<Record<Part, string>>;

export const PLAIN = "\x1b[0m";

/** A text as a part; as it is where there are no looks. */
export const painted = (text: string, part: Part, looks: Looks | undefined): string =>
  looks === undefined ? text : `${looks[part]}${text}${PLAIN}`;
