// Processes that start processes, for the tests of --follow. Each that shall be seen calls getppid and writes its number.
//
//   storm      starts processes that start processes without end, until a line comes: then each that lives says so
//   as NUMBER  starts a process that has this number
//   leader     its first thread ends, another one starts a process later

#define _GNU_SOURCE
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BRANCHES = 6, DEPTH = 3 };

static volatile int *asked;

static void mark(void) {
  char line[16];
  syscall(SYS_getppid);
  int length = snprintf(line, sizeof line, "%d\n", getpid());
  if (write(1, line, length) != length) _exit(1);
}

/** Lives for a millisecond at least, and as long as those that it has started. */
static void grow(int depth) {
  pid_t child = depth < DEPTH ? fork() : -1;
  if (child == 0) {
    grow(depth + 1);
    _exit(0);
  }
  usleep(1000);
  int before = *asked;
  if (before) mark();
  if (child > 0) waitpid(child, NULL, 0);
  if (!before && *asked) mark();
}

static int storm(void) {
  char line[8];
  for (int i = 0; i < BRANCHES; i++) {
    if (fork() == 0) {
      while (!*asked) grow(0);
      _exit(0);
    }
  }
  usleep(30000);
  puts("ready");
  fflush(stdout);
  if (fgets(line, sizeof line, stdin) == NULL) _exit(1);
  *asked = 1;
  mark();
  while (wait(NULL) > 0) {
  }
  return 0;
}

static int as(pid_t number) {
  struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&number, .set_tid_size = 1};
  long child = syscall(SYS_clone3, &args, sizeof args);
  if (child < 0) {
    perror("clone3");
    return 1;
  }
  if (child == 0) {
    mark();
    _exit(0);
  }
  wait(NULL);
  return 0;
}

static void *later(void *unused) {
  (void)unused;
  usleep(300000);
  mark();
  if (fork() == 0) {
    mark();
    _exit(0);
  }
  wait(NULL);
  exit(0);
}

int main(int count, char **words) {
  asked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const char *mode = count > 1 ? words[1] : "";
  if (!strcmp(mode, "storm")) return storm();
  if (!strcmp(mode, "as") && count > 2) return as(atoi(words[2]));
  if (!strcmp(mode, "leader")) {
    pthread_t thread;
    pthread_create(&thread, NULL, later, NULL);
    pthread_exit(NULL);
  }
  return 2;
}
