// Chains of calls for tests of stacks, to be compiled without frame pointers. Each of them ends in `leaf`, which writes
// to descriptor -1: a system call to put a probe on. With `tell` it prints before what glibc itself takes the stack for;
// with `wait` nothing is called before a line has come; with `slow` a moment passes between the rounds.
//
//     unwind MODE [ROUNDS [tell|wait|slow]]

#define _GNU_SOURCE
#include <alloca.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone, noipa))
#ifdef __clang__
#undef KEEP
#define KEEP __attribute__((noinline, optnone))
#endif

static volatile int sink;
static int tell;

KEEP void leaf(int n) {
  if (tell) {
    void *frames[128];
    int count = backtrace(frames, 128);
    for (int i = 0; i < count; i++) printf("%p ", frames[i]);
    printf("\n");
    fflush(stdout);
  }
  sink += n;
  if (write(-1, &n, 1) >= 0) abort();
  sink += n;
}

KEEP int plain(int n) {
  int a = n * 3, b = n + 7;
  leaf(n);
  sink += a * b;
  return a + b;
}

/** A frame of a size that is known when it runs: rbp is its base. */
KEEP int allocating(int n) {
  char *room = alloca(n * 16 + 32);
  memset(room, n, 32);
  int r = plain(n + room[3]);
  sink += room[1];
  return r;
}

/** A frame that must be aligned. */
KEEP int aligned(int n) {
  char room[256] __attribute__((aligned(64)));
  memset(room, n, sizeof room);
  int r = allocating(n);
  for (int i = 0; i < 256; i++) sink += room[i];
  return r + room[9];
}

KEEP int large(int n) {
  volatile char room[40000];
  room[n] = 1;
  int r = aligned(n);
  return r + room[n];
}

KEEP int recursive(int n, int depth) {
  int r = depth == 0 ? large(n) : recursive(n + 1, depth - 1);
  return r + depth * n;
}

KEEP int compare(const void *a, const void *b) {
  int r = *(const int *)a - *(const int *)b;
  plain(r & 3);
  return r;
}

/** Called back by the C library. */
KEEP int sorting(void) {
  int two[2] = {2, 1};
  qsort(two, 2, sizeof *two, compare);
  return two[0];
}

KEEP void handler(int signal) {
  plain(signal);
  sink++;
}

KEEP int interrupted(void) {
  int before = sink;
  raise(SIGUSR1);
  return before + sink;
}

KEEP void *threaded(void *argument) {
  sink += recursive(*(int *)argument, 2);
  return 0;
}

KEEP int spinning(void) {
  volatile unsigned n = 0;
  while (n < 100000000) n++;
  return n;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "all";
  int rounds = argc > 2 ? atoi(argv[2]) : 1;
  const char *manner = argc > 3 ? argv[3] : "";
  int all = !strcmp(mode, "all");
  tell = !strcmp(manner, "tell");
  signal(SIGUSR1, handler);
  if (!strcmp(manner, "wait") || !strcmp(manner, "slow")) {
    printf("%d\n", getpid());
    fflush(stdout);
    if (getchar() == EOF) return 1;
  }
  for (int i = 0; i < rounds; i++) {
    if (all || !strcmp(mode, "deep")) sink += recursive(1, 5);
    if (!strcmp(mode, "deepest")) sink += recursive(1, 200);
    if (all || !strcmp(mode, "sort")) sink += sorting();
    if (all || !strcmp(mode, "signal")) sink += interrupted();
    if (all || !strcmp(mode, "thread")) {
      pthread_t thread;
      int n = 3;
      pthread_create(&thread, 0, threaded, &n);
      pthread_join(thread, 0);
    }
    if (!strcmp(mode, "fork")) {
      pid_t child = fork();
      if (child == 0) {
        recursive(1, 5);
        _exit(0);
      }
      waitpid(child, 0, 0);
    }
    if (!strcmp(mode, "spin")) sink += spinning();
    if (!strcmp(manner, "slow")) usleep(2000);
  }
  return 0;
}
