// One access to memory: what it goes through, where, and how much.

import type { Pointer } from "./value.ts";

export interface Access {
  readonly register: number;
  readonly pointer: Pointer;
  /** The instruction's offset. */
  readonly off: number;
  readonly size: number;
  readonly write: boolean;
  /** Of a load: what is known of the number matters behind it. */
  readonly kept?: boolean;
}
