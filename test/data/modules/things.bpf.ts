import { i32, ring, struct, text, tracepoint } from "scry/bpf";

const Thing = struct({ file: text(64), code: i32 });
export const things = ring(Thing, { bytes: 4096 });
export const seen = tracepoint("some:thing", (event) => {
  things.send({ file: event.file as never, code: event.code as never });
});
