/* The load of the kernel tests: what it does is fixed, so what a tracer sees of it is too.
 * usage: load MODE COUNT -- prints its pid and the address of `watched`, waits for a line on stdin, does MODE COUNT
 * times, prints "done", and waits for the end of stdin or another line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_SDT
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#define SEMAPHORE(name) unsigned short scrytest_##name##_semaphore __attribute__((unused, section(".probes")))
SEMAPHORE(plain);
SEMAPHORE(numbers);
SEMAPHORE(text);
SEMAPHORE(guarded);
SEMAPHORE(constants);
#endif

struct point {
  int x;
  short y;
  char name[8];
  uint64_t big;
  struct point *next;
};

volatile long watched = 5;
const char bytes_with_zero[8] = {'a', 0, 1, 'b', 127, -1, '\\', 'z'};
unsigned char mac[6] = {0x05, 0x04, 0x03, 0x02, 0x01, 0x02};
const char long_text[] = "0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

#define KEEP __attribute__((noinline, used))

KEEP int probe_me(int a, int b)
{
  __asm__ volatile("" ::: "memory");
  return a + b;
}

KEEP long probe_many(long a, long b, long c, long d, long e, long f)
{
  __asm__ volatile("" ::: "memory");
  return a - b + c - d + e - f;
}

KEEP const char *probe_text(const char *text, unsigned long length)
{
  __asm__ volatile("" ::: "memory");
  return text + (length > 2 ? 2 : 0);
}

KEEP int probe_point(struct point *p)
{
  __asm__ volatile("" ::: "memory");
  return p->x;
}

KEEP int probe_bytes(const void *data, int length)
{
  __asm__ volatile("" ::: "memory");
  return length;
}

KEEP int probe_negative(int n)
{
  __asm__ volatile("" ::: "memory");
  return -n;
}

static int inner(int n)
{
  return n > 0 ? probe_me(n, 1) : 0;
}

KEEP int probe_nested(int n)
{
  __asm__ volatile("" ::: "memory");
  return inner(n) + 1;
}

static volatile int signals;

static void on_signal(int n)
{
  (void)n;
  signals++;
}

int main(int argc, char **argv)
{
  if (argc < 3) return 2;
  const char *mode = argv[1];
  long n = atol(argv[2]);
  char line[16];
  static char buffer[1 << 16];
  int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
  signal(SIGUSR1, on_signal);
  printf("%d 0x%lx\n", getpid(), (unsigned long)&watched);
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin)) return 1;
  unsigned seed = 12345;
  long sum = 0;
  if (!strcmp(mode, "idle")) {
  } else if (!strcmp(mode, "getppid")) {
    for (long i = 0; i < n; i++) syscall(SYS_getppid);
  } else if (!strcmp(mode, "read")) {
    for (long i = 0; i < n; i++) {
      seed = seed * 1664525 + 1013904223;
      if (read(zero, buffer, (seed >> 16) & 4095) < 0) return 1;
    }
  } else if (!strcmp(mode, "fail")) {
    for (long i = 0; i < n; i++) sum += read(-1, buffer, i) + lseek(null, i, 99);
  } else if (!strcmp(mode, "write")) {
    for (long i = 0; i < n; i++)
      if (write(null, buffer, 64 + i % 7) < 0) return 1;
  } else if (!strcmp(mode, "open")) {
    static const char *names[] = {"/no/such/file", "/no/such/other file", "", "/no/such/file/with/a/name/that/is/rather/long/so/that/it/is/cut/by/a/small/maximum/of/string/lengths/x"};
    for (long i = 0; i < n; i++) sum += openat(AT_FDCWD, names[i % 4], O_RDONLY | (i & 1 ? O_CLOEXEC : 0), 0);
  } else if (!strcmp(mode, "exec")) {
    char *const args[] = {"first", "second word", "third", NULL};
    for (long i = 0; i < n; i++) sum += execve("/no/such/program", args, NULL);
  } else if (!strcmp(mode, "call")) {
    for (long i = 0; i < n; i++) sum += probe_me(i, 3);
  } else if (!strcmp(mode, "many")) {
    for (long i = 0; i < n; i++) sum += probe_many(i, -i, i * 1000000007L, 4, 5, 6) + probe_negative(i) + probe_nested(i % 3);
  } else if (!strcmp(mode, "text")) {
    for (long i = 0; i < n; i++) sum += *probe_text(i % 3 == 0 ? "short" : i % 3 == 1 ? long_text : "", 5);
  } else if (!strcmp(mode, "point")) {
    struct point second = {-7, -2, "second", 1ull << 63, NULL}, first = {42, 3, "first", 0x123456789abcdefull, &second};
    for (long i = 0; i < n; i++) sum += probe_point(i & 1 ? &second : &first);
  } else if (!strcmp(mode, "bytes")) {
    unsigned char v4[4] = {127, 0, 0, 1}, v6[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    for (long i = 0; i < n; i++)
      sum += probe_bytes(bytes_with_zero, 8) + probe_bytes(mac, 6) + probe_bytes(v4, 4) + probe_bytes(v6, 16);
  } else if (!strcmp(mode, "touch")) {
    for (long i = 0; i < n; i++) watched = i;
  } else if (!strcmp(mode, "touch-slowly")) {
    for (long i = 0; i < n; i++) watched = i, usleep(20000);
  } else if (!strcmp(mode, "spin")) {
    struct timespec t;
    long long end;
    clock_gettime(CLOCK_MONOTONIC, &t);
    end = t.tv_sec * 1000LL + t.tv_nsec / 1000000 + n;
    do clock_gettime(CLOCK_MONOTONIC, &t);
    while (t.tv_sec * 1000LL + t.tv_nsec / 1000000 < end);
  } else if (!strcmp(mode, "sleep")) {
    usleep(n * 1000);
#ifdef HAVE_SDT
  } else if (!strcmp(mode, "usdt")) {
    for (long i = 0; i < n; i++) {
      STAP_PROBE(scrytest, plain);
      STAP_PROBE3(scrytest, numbers, i, (short)-i, (unsigned char)(200 + i));
      STAP_PROBE2(scrytest, text, long_text, (long)sizeof long_text);
      STAP_PROBE3(scrytest, constants, 0xf3f2f1f0u, (unsigned char)240, (short)-3600);
      if (scrytest_guarded_semaphore) STAP_PROBE1(scrytest, guarded, i * 2);
    }
#endif
  } else
    return 2;
  if (signals) printf("signals %d\n", signals);
  /* Alive until the tracers have looked at what the addresses mean. */
  printf("done\n");
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin)) return 0;
  return sum == 77;
}
