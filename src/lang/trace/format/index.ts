// A script's text in order: `--fmt`.
export { formatScript } from "./format.ts";
