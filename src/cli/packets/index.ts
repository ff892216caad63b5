// The commands that deal with packets. They are read when one of them is called, from one file of their own that has all that
// they need and no more: most of a short run is reading text (see scripts/build.mjs).

import { explaining, type Run } from "../explaining.ts";
import { filterPackets } from "./filter.ts";

/** Its words: `-dd` is no option that others have. */
export const filterCapture: Run = explaining((line) => filterPackets(line.rest));
