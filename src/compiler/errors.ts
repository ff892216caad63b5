// What can make a program that the front end let pass uncompilable.

/** Thrown when a function needs more stack than there is and no scratch map was offered, or scratch does not help. */
export class StackError extends Error {
  readonly function: string;
  /** Bytes. */
  readonly needed: number;
  constructor(name: string, needed: number) {
    super(`${name} needs ${needed} bytes of stack, which is more than there is`);
    this.name = "StackError";
    this.function = name;
    this.needed = needed;
  }
}
