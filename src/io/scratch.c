/* Files without a name, by libuv's blocking calls: see scratch.h. */
#include "io/scratch.h"

#include <stdio.h>
#include <uv.h>

#include "base/limits.h"

int
scratch_open(const char *dir)
{
    char path[LIMIT_PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s/scratch-XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return -1;
    uv_fs_t request;
    int fd = (int)uv_fs_mkstemp(NULL, &request, path, NULL);
    if (fd >= 0) {
        uv_fs_t unlinking;
        uv_fs_unlink(NULL, &unlinking, request.path, NULL);
        uv_fs_req_cleanup(&unlinking);
    }
    uv_fs_req_cleanup(&request);
    return fd < 0 ? -1 : fd;
}

int
scratch_write(int fd, uint64_t at, const char *bytes, size_t n)
{
    size_t done = 0;
    while (done < n) {
        union {
            const char *in;
            char *out;
        } from = { .in = bytes + done };
        uv_buf_t piece = uv_buf_init(from.out, (unsigned)(n - done));
        uv_fs_t request;
        int wrote = uv_fs_write(NULL, &request, fd, &piece, 1,
                                (int64_t)(at + done), NULL);
        uv_fs_req_cleanup(&request);
        if (wrote <= 0)
            return -1;
        done += (size_t)wrote;
    }
    return 0;
}

ptrdiff_t
scratch_read(int fd, uint64_t at, char *bytes, size_t n)
{
    uv_buf_t piece = uv_buf_init(bytes, (unsigned)n);
    uv_fs_t request;
    int got = uv_fs_read(NULL, &request, fd, &piece, 1, (int64_t)at, NULL);
    uv_fs_req_cleanup(&request);
    return got < 0 ? -1 : got;
}

void
scratch_close(int fd)
{
    uv_fs_t request;
    uv_fs_close(NULL, &request, fd, NULL);
    uv_fs_req_cleanup(&request);
}
