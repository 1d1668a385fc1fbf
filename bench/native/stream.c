#include "stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t plain(ssize_t done) {
    if (done >= 0)
        return done;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? AGAIN : FAILED;
}

#ifdef WITHOUT_TLS

int tls_begin(const char *certificate, const char *key) {
    (void)certificate, (void)key;
    return -1;
}

int stream_secure(struct stream *stream, int is_server) {
    (void)stream, (void)is_server;
    return -1;
}

int stream_open(struct stream *stream) {
    (void)stream;
    return FAILED;
}

ssize_t stream_read(struct stream *stream, void *data, size_t size) {
    return plain(recv(stream->fd, data, size, 0));
}

ssize_t stream_write(struct stream *stream, const void *data, size_t size) {
    return plain(send(stream->fd, data, size, MSG_NOSIGNAL));
}

void stream_close(struct stream *stream) { close(stream->fd); }

#else

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>

static SSL_CTX *context;

int tls_begin(const char *certificate, const char *key) {
    /* OpenSSL writes without MSG_NOSIGNAL. */
    signal(SIGPIPE, SIG_IGN);
    context = SSL_CTX_new(TLS_method());
    if (!context)
        return -1;
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    /* A closed connection without a word of TLS is an end like any other here. */
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (certificate && (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
                        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1))
        return -1;
    return 0;
}

int stream_secure(struct stream *stream, int is_server) {
    SSL *tls = SSL_new(context);
    if (!tls || SSL_set_fd(tls, stream->fd) != 1)
        return -1;
    if (is_server)
        SSL_set_accept_state(tls);
    else
        SSL_set_connect_state(tls);
    stream->tls = tls;
    return 0;
}

static ssize_t secured(SSL *tls, int done) {
    if (done > 0)
        return done;
    int why = SSL_get_error(tls, done);
    ERR_clear_error();
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return AGAIN;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : FAILED;
}

int stream_open(struct stream *stream) {
    ssize_t done = secured(stream->tls, SSL_do_handshake(stream->tls));
    return done == 0 ? FAILED : (int)done;
}

static int clamp(size_t size) { return size > 1 << 30 ? 1 << 30 : (int)size; }

ssize_t stream_read(struct stream *stream, void *data, size_t size) {
    if (!stream->tls)
        return plain(recv(stream->fd, data, size, 0));
    return secured(stream->tls, SSL_read(stream->tls, data, clamp(size)));
}

ssize_t stream_write(struct stream *stream, const void *data, size_t size) {
    if (!stream->tls)
        return plain(send(stream->fd, data, size, MSG_NOSIGNAL));
    return secured(stream->tls, SSL_write(stream->tls, data, clamp(size)));
}

void stream_close(struct stream *stream) {
    if (stream->tls)
        SSL_free(stream->tls);
    close(stream->fd);
}

#endif
