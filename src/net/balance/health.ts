// How a server stands by what checks have found: `fall` failures in a row take it down, `rise` successes bring it up again, and then
// its weight grows for the time of its slow start.

import type { Standing } from "./plan.ts";
import type { Health } from "./types.ts";

export interface HealthState {
  readonly up: boolean;
  /** Answers in a row that say otherwise. */
  readonly against: number;
  /** When it came up, in seconds; absent: it has been up from the start. */
  readonly since?: number;
  /** What the last failure was. */
  readonly why?: string;
}

/** It is taken for up until checks say otherwise. */
export const HEALTHY: HealthState = { up: true, against: 0 };

/** `failure`: what was wrong; absent: nothing. `now` in seconds. */
export function observed(
  state: HealthState,
  failure: string | undefined,
  now: number,
  { rise, fall }: Health,
): HealthState {
  const good = failure === undefined;
  const why = failure === undefined ? {} : { why: failure };
  if (good === state.up) return { ...state, against: 0, ...why };
  const against = state.against + 1;
  if (against < (state.up ? fall : rise)) return { ...state, against, ...why };
  return good ? { up: true, against: 0, since: now } : { up: false, against: 0, ...why };
}

/** The least part of its weight that a server begins with. */
const FIRST_SHARE = 0.1;

/** How it stands at a time: in its slow start its share grows from a tenth to all, in steps of a tenth. */
export function standingAt({ up, since }: HealthState, now: number, { slowStart }: Health): Standing {
  if (!up) return { state: "down", share: 0 };
  if (since === undefined || slowStart === 0) return { state: "up", share: 1 };
  const share = Math.floor(((now - since) / slowStart) * 10) / 10;
  return { state: "up", share: Math.min(1, Math.max(FIRST_SHARE, share)) };
}
