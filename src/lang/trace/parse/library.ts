// Functions that are written in the language itself: macros, read only where a script uses them.

interface Written {
  /** As help shows it. */
  readonly signature: string;
  readonly types: string;
  readonly doc: string;
  /** A script that uses it. */
  readonly example: string;
  readonly macro: string;
}

/** By their names. */
export const library: Readonly<Record<string, Written>> = {
  find: {
    signature: "find(@map, key, $out)",
    types: "map, key, variable → bool",
    doc: "True when the map has this key; the variable then has its value. One look-up, where has_key and a use of the map are two.",
    example:
      "tracepoint:syscalls:sys_enter_openat { @start[tid] = nsecs; } tracepoint:syscalls:sys_exit_openat { let $start = nsecs; if (find(@start, tid, $start)) { @ns = hist(nsecs - $start); } }",
    macro: "macro find(@map, key, $out) { let $there = has_key(@map, key); if ($there) { $out = @map[key]; } $there }",
  },
  // include/net/sock.h, sk_cookie
  socket_cookie: {
    signature: "socket_cookie(sock)",
    types: "int or pointer → uint64",
    doc: "The number of a socket (struct sock *) that no other one ever has; 0 where the kernel has not yet given it one.",
    example: "rawtracepoint:inet_sock_set_state { @[socket_cookie(arg0)] = count(); }",
    macro: "macro socket_cookie(sk) { (uint64)((struct sock *)sk).__sk_common.skc_cookie.counter }",
  },
};
