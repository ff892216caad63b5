// Functions that are written in the language itself: macros, read only where a script uses them.

/** Their texts by their names. */
export const library: Readonly<Record<string, string>> = {
  // The value of a key, where the map has it.
  find: "macro find(@map, key, $out) { let $there = has_key(@map, key); if ($there) { $out = @map[key]; } $there }",
  // The socket's number that never comes twice (include/net/sock.h, sk_cookie).
  socket_cookie: "macro socket_cookie(sk) { (uint64)((struct sock *)sk).__sk_common.skc_cookie.counter }",
};
