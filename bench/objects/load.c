// What is traced by tools.mjs: `load KIND [ARGUMENT]` says that it is there, waits for a byte, does its work, says that it is done,
// and waits to be killed. Each kind does the same at every run.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void spin(long microseconds) {
  struct timespec from, now;
  clock_gettime(CLOCK_MONOTONIC, &from);
  do clock_gettime(CLOCK_MONOTONIC, &now);
  while ((now.tv_sec - from.tv_sec) * 1000000 + (now.tv_nsec - from.tv_nsec) / 1000 < microseconds);
}

static void files(const char *unused) {
  char path[64];
  for (int i = 0; i < 100; i++) {
    snprintf(path, sizeof path, i % 3 ? "/proc/self/status" : "/nowhere/scry-%d", i);
    int fd = i % 2 ? open(path, O_RDONLY) : openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) close(fd);
  }
}

static void calls(const char *unused) {
  char byte;
  int fd = open("/dev/zero", O_RDONLY);
  for (int i = 0; i < 1000; i++) {
    syscall(SYS_getppid);
    if (i % 2) syscall(SYS_getuid);
    if (i % 4 == 0) read(fd, &byte, 1);
    if (i % 8 == 0) close(-1);
  }
  close(fd);
}

static void signals(const char *unused) {
  signal(SIGUSR1, SIG_IGN);
  signal(SIGUSR2, SIG_IGN);
  for (int i = 0; i < 20; i++) {
    kill(getpid(), SIGUSR1);
    syscall(SYS_tkill, getpid(), SIGUSR2);
    syscall(SYS_tgkill, getpid(), getpid(), 0);
    kill(getpid(), 200);
  }
}

static void mounts(const char *unused) {
  char folder[] = "/tmp/scry-mount-XXXXXX";
  if (mkdtemp(folder) == NULL) return;
  for (int i = 0; i < 10; i++) {
    mount("scry", folder, "tmpfs", MS_NOSUID, "size=64k");
    umount(folder);
    umount(folder);
    // The tool's ring has room for thirty of its records.
    usleep(2000);
  }
  rmdir(folder);
}

// Children with arguments, exit codes and signals; and names that no program has.
static void children(const char *unused) {
  for (int i = 0; i < 30; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    pid_t child = fork();
    if (child == 0) {
      if (i % 5 == 4) execl("/nowhere/scry", "scry", number, NULL);
      else execl("/bin/sh", "sh", "-c", i % 3 == 2 ? "kill -TERM $$" : "exit $1", "scry", number, NULL);
      _exit(100);
    }
    waitpid(child, NULL, 0);
  }
}

static void sleeps(const char *unused) {
  for (int i = 0; i < 100; i++) {
    spin(20 << (i % 7));
    usleep(100 << (i % 7));
  }
}

static void *spinning(void *unused) {
  spin(400000);
  return NULL;
}

// Four threads on one processor, each with a name of its own.
static void contend(const char *unused) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(sched_getcpu(), &cpus);
  sched_setaffinity(0, sizeof cpus, &cpus);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    char name[16];
    pthread_create(&threads[i], NULL, spinning, NULL);
    snprintf(name, sizeof name, "scry-%d", i);
    pthread_setname_np(threads[i], name);
  }
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

static void *answering(void *pipes) {
  char byte;
  pthread_setname_np(pthread_self(), "scry-answers");
  while (read(((int *)pipes)[0], &byte, 1) == 1) write(((int *)pipes)[3], &byte, 1);
  return NULL;
}

// Two threads that wake each other.
static void wakes(const char *unused) {
  int pipes[4];
  char byte = 0;
  pthread_t thread;
  if (pipe(pipes) < 0 || pipe(pipes + 2) < 0) return;
  pthread_create(&thread, NULL, answering, pipes);
  for (int i = 0; i < 200; i++) {
    write(pipes[1], &byte, 1);
    read(pipes[2], &byte, 1);
  }
  close(pipes[1]);
  pthread_join(thread, NULL);
}

// Connections within a network of its own, to a port that nobody else has there.
static void tcp(const char *unused) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(18181)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int one = 1;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  bind(listener, (struct sockaddr *)&address, sizeof address);
  listen(listener, 8);
  for (int i = 0; i < 20; i++) {
    char bytes[4096] = {0};
    int client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (struct sockaddr *)&address, sizeof address);
    int server = accept(listener, NULL, NULL);
    write(client, bytes, 1024 + i);
    read(server, bytes, sizeof bytes);
    write(server, bytes, 2048);
    read(client, bytes, sizeof bytes);
    close(client);
    read(server, bytes, sizeof bytes);
    close(server);
  }
  close(listener);
  usleep(50000);
}

static void hosts(const char *unused) {
  for (int i = 0; i < 25; i++) {
    char name[32];
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_flags = i % 2 ? AI_NUMERICHOST : 0};
    snprintf(name, sizeof name, i % 5 ? "127.0.0.%d" : "localhost", i);
    if (getaddrinfo(name, NULL, &hints, &found) == 0) freeaddrinfo(found);
    gethostbyname(name);
  }
}

__attribute__((noinline)) long work(long i) {
  spin(5 << (i % 9));
  return i;
}

static void function(const char *unused) {
  for (long i = 0; i < 200; i++) work(i);
}

extern void collect(int i);
static void garbage(const char *unused) {
  for (int i = 0; i < 20; i++) collect(i);
}

// Blocks of different sizes, past the page cache, some of them far away.
static void disk(const char *path) {
  int fd = open(path, O_RDWR | O_DIRECT);
  char *bytes;
  if (fd < 0 || posix_memalign((void **)&bytes, 4096, 65536) != 0) return;
  memset(bytes, 1, 65536);
  for (int i = 0; i < 60; i++) {
    size_t size = 4096 << (i % 5);
    off_t at = i % 4 ? (off_t)i * 65536 : (off_t)(100 - i) * 65536;
    if (i % 3) pwrite(fd, bytes, size, at);
    else pread(fd, bytes, size, at);
  }
  close(fd);
}

// Writes to the machine's own disk, while a thread is on every processor, to be interrupted when the disk is ready.
static void interrupts(const char *path) {
  pthread_t threads[64];
  char *bytes;
  long cpus = sysconf(_SC_NPROCESSORS_ONLN) < 64 ? sysconf(_SC_NPROCESSORS_ONLN) : 64;
  int fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_SYNC, 0600);
  if (fd < 0 || posix_memalign((void **)&bytes, 4096, 4096) != 0) return;
  memset(bytes, 1, 4096);
  for (long i = 0; i < cpus; i++) pthread_create(&threads[i], NULL, spinning, NULL);
  for (int i = 0; i < 60; i++) pwrite(fd, bytes, 4096, i * 4096);
  for (long i = 0; i < cpus; i++) pthread_join(threads[i], NULL);
  close(fd);
}

static void lo_up(void) {
  struct ifreq request = {.ifr_name = "lo"};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  ioctl(fd, SIOCGIFFLAGS, &request);
  request.ifr_flags |= IFF_UP;
  ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
}

static const struct {
  const char *name;
  void (*run)(const char *argument);
} kinds[] = {
    {"files", files},   {"calls", calls},       {"signals", signals}, {"mounts", mounts},
    {"tcp", tcp},       {"sleeps", sleeps},   {"contend", contend},   {"wakes", wakes},     {"children", children},
    {"hosts", hosts},   {"function", function}, {"garbage", garbage}, {"disk", disk},
    {"interrupts", interrupts},
};

int main(int argc, char **argv) {
  char byte;
  // Mounts and connections are nobody else's.
  if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return 2;
  lo_up();
  write(1, "ready\n", 6);
  if (read(0, &byte, 1) != 1) return 1;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (argc > 1 && strcmp(argv[1], kinds[i].name) == 0) kinds[i].run(argv[2]);
  write(1, "done\n", 5);
  while (read(0, &byte, 1) == 1);
  return 0;
}
