// What a trial of the system found.

export interface Finding {
  readonly name: string;
  readonly works: boolean;
  /** What was found; why it does not work. */
  readonly detail: string;
  /** What could be done about it, or used instead. */
  readonly remedy?: string;
}
