/** The name, with a number behind it where it is taken; of a linked file several static things may have one name. */
export function distinctName(name: string, taken: { has(name: string): boolean }): string {
  let own = name;
  for (let n = 2; taken.has(own); n++) own = `${name}_${n}`;
  return own;
}
