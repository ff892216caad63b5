// flood INTERFACE COUNT RATE: sends so many UDP frames of 64 bytes, RATE a second (0: as fast as it goes); prints what it did.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
int main(int argc, char** argv) {
    int count = atoi(argv[2]), rate = atoi(argv[3]);
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(argv[1]), .sll_halen = 6};
    if (bind(fd, (struct sockaddr*)&to, sizeof to)) { perror("bind"); return 1; }
    enum { BATCH = 32 };
    static unsigned char frame[64];
    memcpy(frame, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0\x45\0\0\x32\0\0\0\0\x40\x11\0\0\x0a\x09\0\1\x0a\x09\0\2\x10\0\x15\xb3\0\x1e", 40);
    struct iovec io = {frame, sizeof frame};
    struct mmsghdr all[BATCH];
    memset(all, 0, sizeof all);
    for (int i = 0; i < BATCH; i++) { all[i].msg_hdr.msg_iov = &io; all[i].msg_hdr.msg_iovlen = 1; }
    int one = 1; setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    double start = now(); int sent = 0;
    while (sent < count) {
        int n = sendmmsg(fd, all, BATCH, 0);
        if (n < 0) continue;
        sent += n;
        if (rate) while (now() - start < (double)sent / rate) { struct timespec t = {0, 50000}; if ((double)sent / rate - (now() - start) > 1e-4) nanosleep(&t, 0); }
    }
    printf("{\"sent\":%d,\"seconds\":%.3f}\n", sent, now() - start);
}
