/* Preloaded into a server: while the file that BESSEMER_FAILING_DISK names exists, one in so many writes and flushes of the
 * database's files fails with EIO, as on a disk that is dying. The file holds that number, and nothing happens without it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int one_in(void) {
    const char *control = getenv("BESSEMER_FAILING_DISK");
    FILE *file = control ? fopen(control, "re") : NULL;
    int number = 0;
    if (file) {
        if (fscanf(file, "%d", &number) != 1)
            number = 0;
        fclose(file);
    }
    return number;
}

static int is_database(int descriptor) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    const char *name = strrchr(path, '/');
    return name && (!strcmp(name, "/bessemer.db") || !strcmp(name, "/bessemer.db-wal"));
}

static int fails(int descriptor) {
    static __thread unsigned seed;
    int before = errno, number = is_database(descriptor) ? one_in() : 0;
    errno = before;
    if (number == 0 || rand_r(&seed) % number != 0)
        return 0;
    errno = EIO;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int descriptor, const void *data, size_t size) {
    return fails(descriptor) ? -1 : REAL(write)(descriptor, data, size);
}
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    return fails(descriptor) ? -1 : REAL(pwrite)(descriptor, data, size, offset);
}
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
    return fails(descriptor) ? -1 : REAL(pwrite64)(descriptor, data, size, offset);
}
int fsync(int descriptor) { return fails(descriptor) ? -1 : REAL(fsync)(descriptor); }
int fdatasync(int descriptor) { return fails(descriptor) ? -1 : REAL(fdatasync)(descriptor); }
int ftruncate(int descriptor, off_t size) { return fails(descriptor) ? -1 : REAL(ftruncate)(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { return fails(descriptor) ? -1 : REAL(ftruncate64)(descriptor, size); }
