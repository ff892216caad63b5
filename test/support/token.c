// Runs a command in a user namespace of its own, as its root, with a BPF file system at a folder that delegates what bpf(2)
// does: `token DIR COMMAND...`. The file system belongs to the namespace, so it is opened there; what it delegates only
// the system's root may say, so it is set up here (as the kernel's own test of tokens does it).

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void failed(const char *what) {
  perror(what);
  exit(100);
}

static void send_fd(int to, int fd) {
  char byte = 0, room[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &fd, sizeof(int));
  if (sendmsg(to, &message, 0) != 1) failed("sendmsg");
}

static int receive_fd(int from) {
  int fd = -1;
  char byte, room[CMSG_SPACE(sizeof(int))];
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
  if (recvmsg(from, &message, 0) != 1 || CMSG_FIRSTHDR(&message) == NULL) failed("recvmsg");
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
  return fd;
}

static void write_file(int pid, const char *name, const char *text) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
  int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) failed(path);
  close(fd);
}

int main(int argc, char **argv) {
  int pair[2];
  if (argc < 3 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) failed("token DIR COMMAND...");
  int child = fork();
  if (child == 0) {
    close(pair[0]);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) failed("unshare");
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) failed("mount /");
    int fs = fsopen("bpf", FSOPEN_CLOEXEC);
    if (fs < 0) failed("fsopen");
    send_fd(pair[1], fs);
    int mounted = receive_fd(pair[1]);
    if (move_mount(mounted, "", AT_FDCWD, argv[1], MOVE_MOUNT_F_EMPTY_PATH) != 0) failed("move_mount");
    if (setgid(0) != 0 || setuid(0) != 0) failed("setuid");
    execvp(argv[2], argv + 2);
    failed(argv[2]);
  }
  close(pair[1]);
  int fs = receive_fd(pair[0]);
  write_file(child, "setgroups", "deny");
  write_file(child, "uid_map", "0 0 1");
  write_file(child, "gid_map", "0 0 1");
  static const char *const delegated[] = {"delegate_cmds", "delegate_maps", "delegate_progs", "delegate_attachs"};
  for (int i = 0; i < 4; i++)
    if (fsconfig(fs, FSCONFIG_SET_STRING, delegated[i], "any", 0) != 0) failed(delegated[i]);
  if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0) failed("fsconfig");
  int mounted = fsmount(fs, FSMOUNT_CLOEXEC, 0);
  if (mounted < 0) failed("fsmount");
  send_fd(pair[0], mounted);
  int status;
  if (waitpid(child, &status, 0) != child) failed("waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}
