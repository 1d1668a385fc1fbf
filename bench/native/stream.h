/* A socket that never blocks, plain or under TLS. */

#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include <stddef.h>
#include <sys/types.h>

struct stream {
    int fd;
    void *tls; /* an SSL, or NULL for plain */
};

enum { AGAIN = -1, FAILED = -2 };

/* Prepare TLS: a server names its certificate and its key, a client neither. 0, or -1. */
int tls_begin(const char *certificate, const char *key);

/* Put a connected socket under TLS. */
int stream_secure(struct stream *stream, int is_server);

/* Go on with the opening of TLS: 1 if it is done, else AGAIN or FAILED. */
int stream_open(struct stream *stream);

/* Bytes, 0 at the end, AGAIN, or FAILED. */
ssize_t stream_read(struct stream *stream, void *data, size_t size);
ssize_t stream_write(struct stream *stream, const void *data, size_t size);

void stream_close(struct stream *stream);

#endif
