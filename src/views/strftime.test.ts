import { describe, expect, test } from "vitest";
import { formatTime } from "./strftime.ts";

/** 2026-03-04 05:06:07.000089 local time, a Wednesday */
const at = { seconds: new Date(2026, 2, 4, 5, 6, 7).getTime() / 1000, nanoseconds: 89_012 };

describe("strftime", () => {
  // As date(1) of GNU, in the C locale.
  test.each([
    ["%H:%M:%S\n", "05:06:07\n"],
    ["%Y-%m-%d %T %y %C %e|%k|%l %I %p %P", "2026-03-04 05:06:07 26 20  4| 5| 5 05 AM am"],
    ["%a %A %b %B %h", "Wed Wednesday Mar March Mar"],
    ["%j %u %w %U %W %V %G %g", "063 3 3 09 09 10 2026 26"],
    ["%c|%x|%X|%D|%F|%R|%r", "Wed Mar  4 05:06:07 2026|03/04/26|05:06:07|03/04/26|2026-03-04|05:06|05:06:07 AM"],
    ["%-d %_m %^a %n%t%% %5S", "4  3 WED \n\t% 00007"],
    ["%f %Q", "%f %Q"],
  ])("%j", (format, text) => expect(formatTime(format, at)).toBe(text));

  test("%f is microseconds where asked for", () => {
    expect(formatTime("%S.%f %%f", at, true)).toBe("07.000089 %f");
  });

  test("weeks of the days around a new year", () => {
    const day = (y: number, m: number, d: number): string =>
      formatTime("%G-%V %U %W", { seconds: new Date(y, m, d).getTime() / 1000, nanoseconds: 0 });
    expect([day(2027, 0, 1), day(2024, 11, 30), day(2026, 11, 31)]).toEqual([
      "2026-53 00 00",
      "2025-01 52 53",
      "2026-53 52 52",
    ]);
  });
});
