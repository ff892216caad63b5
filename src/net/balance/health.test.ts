import { describe, expect, it } from "vitest";
import { HEALTHY, type HealthState, observed, standingAt } from "./health.ts";
import type { Health } from "./types.ts";

const CHECK: Health = { kind: "tcp", target: "", every: 2, timeout: 1, rise: 2, fall: 3, slowStart: 10 };

/** What a server is after each answer: `+` good, `-` not. */
function after(answers: string): string {
  let state: HealthState = HEALTHY;
  let now = 0;
  return [...answers]
    .map((one) => {
      state = observed(state, one === "+" ? undefined : "refused", now++, CHECK);
      return state.up ? "u" : "d";
    })
    .join("");
}

describe("health", () => {
  it.each([
    ["+++", "uuu"],
    ["---", "uud"],
    ["--+--+--", "uuuuuuuu"],
    ["---++", "uuddu"],
    ["---+-++", "uuddddu"],
  ])("after %s it is %s", (answers, standing) => expect(after(answers)).toBe(standing));

  it("says what was wrong last", () => {
    expect(observed(HEALTHY, "timed out", 0, CHECK)).toEqual({ up: true, against: 1, why: "timed out" });
  });

  it("comes back by a tenth of its weight at a time", () => {
    const back: HealthState = { up: true, against: 0, since: 100 };
    const share = (now: number): number => standingAt(back, now, CHECK).share;
    expect([100, 100.9, 102, 105.5, 109.9, 110, 1000].map(share)).toEqual([0.1, 0.1, 0.2, 0.5, 0.9, 1, 1]);
    expect(standingAt(HEALTHY, 0, CHECK)).toEqual({ state: "up", share: 1 });
    expect(standingAt({ up: false, against: 0 }, 0, CHECK)).toEqual({ state: "down", share: 0 });
  });
});
