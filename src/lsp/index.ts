// The trace language for editors: the Language Server Protocol over the room lang/trace/editor.
export { type Protocol, type ServeOptions, serve } from "./serve.ts";
