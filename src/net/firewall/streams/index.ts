// Streams of TCP, as rules of content see them: the first bytes of a flow in one direction, in whatever segments they come.
export { FOLLOW_FUNCTION, followFunction, MARKS } from "./follow.ts";
export { followedPorts, isOfStreams, STREAMS, type StreamLayout, streamLayout, TOLD } from "./layout.ts";
export { referenceStreams, type StreamsReference, type StreamWords } from "./reference.ts";
