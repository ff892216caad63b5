/** An object that a `.o` file cannot hold, or a `.o` file that we cannot read. */
export class ObjectFileError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ObjectFileError";
  }
}
