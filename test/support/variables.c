// What the tests of source lines look at: locals, parameters, members, bit fields, an inlined function, blocks. The marks are
// where they look.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct point { int x, y; };
struct buffer {
  char name[16];
  size_t len;
  struct point at;
  unsigned flags : 3;
  unsigned mode : 5;
  struct buffer *next;
  enum color { RED, GREEN = 5 } color;
};

static int total;
long counter = 7;

static inline __attribute__((always_inline)) int twice(int value) {
  int doubled = value * 2;
  total += doubled;               /* at: inlined */
  return doubled;
}

__attribute__((noinline)) long work(struct buffer *buf, int n) {
  long sum = 0;
  for (int i = 0; i < n; i++) {
    int part = twice(i) + (int)buf->len;  /* at: call */
    sum += part;                  /* at: loop */
    if (sum > 1000) {
      char text[32];
      snprintf(text, sizeof text, "sum %ld", sum);
      sum -= strlen(text);        /* at: block */
    }
  }
  buf->at.x = (int)sum;
  counter++;
  return sum;                     /* at: end */
}

int main(int argc, char **argv) {
  struct buffer second = {"second", 5, {1, 2}, 1, 9, NULL, RED};
  struct buffer first = {"first", 11, {-3, 4}, 5, 17, &second, GREEN};
  int n = argc > 1 ? atoi(argv[1]) : 3;
  long r = work(&first, n);
  r += work(&second, n * 2);
  printf("%ld %d\n", r, total);
  return 0;
}
