/* Times one native program of the benchmarks: native LIB INPUT REPEAT ROUNDS [pcap]
 * Prints a line for each round: nanoseconds of one run (with `pcap`: of one packet), and r0 in hexadecimal (with `pcap`:
 * the sum over all packets). */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
typedef unsigned long long u64;
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}
int main(int argc, char **argv) {
  if (argc < 5) return 2;
  void *lib = dlopen(argv[1], RTLD_NOW);
  if (!lib) return fprintf(stderr, "%s\n", dlerror()), 1;
  u64 (*prog)(void *, u64) = (u64(*)(void *, u64))dlsym(lib, "prog");
  static unsigned char mem[1 << 20];
  u64 len = 0;
  FILE *f = strcmp(argv[2], "-") ? fopen(argv[2], "rb") : 0;
  if (f) len = fread(mem, 1, sizeof mem, f);
  long repeat = atol(argv[3]);
  int rounds = atoi(argv[4]), pcap = argc > 5;
  static unsigned char *packet[4096];
  static unsigned length[4096];
  long packets = 0;
  if (pcap)
    for (u64 at = 24; at + 16 <= len;) {
      memcpy(&length[packets], mem + at + 8, 4);
      packet[packets] = mem + at + 16;
      at += 16 + length[packets++];
    }
  for (int r = 0; r < rounds; r++) {
    u64 value = 0;
    double start = now();
    for (long i = 0; i < repeat; i++) {
      if (!pcap) value = prog(mem, len);
      else {
        value = 0;
        for (long p = 0; p < packets; p++) value += prog(packet[p], length[p]);
      }
    }
    printf("%.2f %llx\n", (now() - start) / repeat / (pcap ? packets : 1), value);
  }
  return 0;
}
