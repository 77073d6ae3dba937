/* A clock that runs fast or is wrong, for one process: preloaded into it, and set through a file that is mapped.
 *
 * The server's intervals (a flush each minute, a round of merges each hour) then pass in seconds, without options for tests in
 * the server. It waits by epoll alone where time matters, so that clock_gettime and epoll are all that has to be replaced.
 *
 *   TORTURE_CLOCK   the file: a number, then two settings, of which that number says which one holds. Python writes the other
 *                   one and then the number, so that no thread reads half a setting.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct setting {
    double speed;   /* how many times as fast as the real clock */
    int64_t since;  /* when it was set, by the real CLOCK_MONOTONIC; in nanoseconds, as the next two */
    int64_t ahead;  /* how far ahead of the real clock it was then */
    int64_t offset; /* what is added to the time of day alone */
};

struct control {
    volatile uint64_t current;
    struct setting settings[2];
};

static const struct control real = {0, {{1, 0, 0, 0}, {1, 0, 0, 0}}};
static const struct control *control = &real;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TORTURE_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        control = mapped;
    close(file);
}

static struct setting setting(void) { return control->settings[control->current & 1]; }

static int64_t now(clockid_t clock) {
    struct timespec time;
    syscall(SYS_clock_gettime, clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int64_t ahead(const struct setting *set) {
    return set->ahead + (int64_t)((now(CLOCK_MONOTONIC) - set->since) * (set->speed - 1));
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    struct setting set = setting();
    int64_t told;
    switch (clock) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        told = now(CLOCK_MONOTONIC) + ahead(&set);
        break;
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        told = now(CLOCK_REALTIME) + ahead(&set) + set.offset;
        break;
    default:
        return syscall(SYS_clock_gettime, clock, time);
    }
    time->tv_sec = told / 1000000000LL;
    time->tv_nsec = told % 1000000000LL;
    return 0;
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int milliseconds, const sigset_t *mask) {
    if (milliseconds > 0) {
        /* At least one: 0 would not wait at all. At most fifty, for the speed may change meanwhile. */
        milliseconds /= setting().speed;
        milliseconds = milliseconds < 1 ? 1 : milliseconds > 50 ? 50 : milliseconds;
    }
    return syscall(SYS_epoll_pwait, epoll, events, most, milliseconds, mask, 8);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int milliseconds) {
    return epoll_pwait(epoll, events, most, milliseconds, NULL);
}
