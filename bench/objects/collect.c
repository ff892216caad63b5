// The static probes that javagc looks for, in a library that is called as Java's is.
#include <sys/sdt.h>

static void for_a_while(int i) {
  for (volatile long n = 0; n < (i % 3 ? 20000000 : 100); n++);
}

void collect(int i) {
  if (i % 2) {
    DTRACE_PROBE1(hotspot, gc__begin, 0);
    for_a_while(i);
    DTRACE_PROBE(hotspot, gc__end);
  } else {
    DTRACE_PROBE8(hotspot, mem__pool__gc__begin, "m", 1L, "p", 1L, 1L, 2L, 3L, 4L);
    for_a_while(i);
    DTRACE_PROBE8(hotspot, mem__pool__gc__end, "m", 1L, "p", 1L, 1L, 2L, 3L, 4L);
  }
}
