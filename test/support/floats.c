// What the tests of floats look at: doubles and floats in memory, by pointer, in arrays, as locals and as arguments.
#include <stdio.h>
#include <stdlib.h>
#include <sys/sdt.h>

struct sample {
  float single;
  double number;
  int count;
  float pair[2];
  double rows[2][2];
  long double wide;
};

static double last = 0.25;

__attribute__((noinline)) void see(struct sample *s, double *at, double by, int n, float few) {
  volatile double local = *at;
  volatile float narrow = s->single;
  last = local + by;                      /* at: inside */
  __asm__ volatile("" : : "r"(s), "r"(n), "x"(few) : "memory");
  STAP_PROBE2(floats, seen, local, s->count);
  s->count += narrow > 0;
}

int main(int argc, char **argv) {
  struct sample s;
  double number;
  volatile double kept;
  // Doubles come as bytes; each is seen as a double and as a float.
  while (fread(&number, sizeof number, 1, stdin) == 1) {
    s = (struct sample){(float)number, number, 7, {1.5f, -2.25f}, {{1, 2}, {3, 4.5}}, 1.0L};
    kept = number;
    see(&s, &number, 1.0, 3, 2.0f);
  }
  return 0;
}
