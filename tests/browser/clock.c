/* The wall clock of a program that loads this first: seconds since 1970, read from the file that
   CLOCK_FILE names. For pictures, whose times stay the same and can be a day apart. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at) {
    if (clock != CLOCK_REALTIME) return (int)syscall(SYS_clock_gettime, clock, at);
    char text[32] = {0};
    int file = open(getenv("CLOCK_FILE"), O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) <= 0) abort();
    close(file);
    char *rest = NULL;
    at->tv_sec = strtoll(text, &rest, 10);
    at->tv_nsec = *rest == '.' ? strtol(rest + 1, NULL, 10) * 1000000 : 0;
    return 0;
}
