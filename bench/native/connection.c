/* A client's connection: the handshake, frames in, frames out, all of it checked. */

#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef WITHOUT_ZLIB
#include <zlib.h>
#endif

enum { BUFFER = 1 << 20, LARGEST = 64 << 20 };

int compression_agreed;

static int poller;
static uint8_t buffer[BUFFER];
static struct connection *running; /* the one whose input is handled, NULL once it is closed */

static const char key[] = "c2Vubml0IG1lYXN1cmVzLg==";

static void *grow(void *old, size_t *room, size_t wanted) {
    if (wanted <= *room)
        return old;
    size_t size = *room ? *room : 256;
    while (size < wanted)
        size *= 2;
    old = realloc(old, size);
    if (!old)
        fail("out of memory");
    *room = size;
    return old;
}

static void append(uint8_t **to, size_t *length, size_t *room, const void *data, size_t size) {
    *to = grow(*to, room, *length + size);
    memcpy(*to + *length, data, size);
    *length += size;
}

struct connection *connection_new(int epoll, uint32_t id, const struct sockaddr_in *server) {
    poller = epoll;
    struct connection *connection = calloc(1, sizeof *connection);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (!connection || fd < 0)
        fail("no socket: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    /* Ports are used up by connections that have just ended: there are more addresses. */
    struct sockaddr_in own = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + id % 16)};
    if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0)
        fail("bind: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)server, sizeof *server) < 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    connection->stream.fd = fd;
    connection->id = id;
    connection->writing = 1;
    connection->began = now();
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
    return connection;
}

void close_connection(struct connection *connection) {
    if (running == connection)
        running = NULL;
    stream_close(&connection->stream);
#ifndef WITHOUT_ZLIB
    if (connection->inflater) {
        inflateEnd(connection->inflater);
        free(connection->inflater);
    }
#endif
    free(connection->times);
    free(connection->in);
    free(connection->out);
    free(connection->message);
    free(connection);
}

/* -- out ---------------------------------------------------------------------------------------- */

void queue_message(struct connection *connection, int opcode, const uint8_t *data, size_t size) {
    static uint64_t seed = 88172645463325252ull;
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    uint8_t mask[4], head[HEAD_MAX];
    memcpy(mask, &seed, 4);
    size_t length = frame_write(head, 0x80 | opcode, size, mask);
    append(&connection->out, &connection->out_length, &connection->out_room, head, length);
    connection->out = grow(connection->out, &connection->out_room, connection->out_length + size);
    mask_copy(connection->out + connection->out_length, data, size, mask);
    connection->out_length += size;
}

void transmit(struct connection *connection) {
    size_t done = 0;
    while (done < connection->out_length) {
        ssize_t sent = stream_write(&connection->stream, connection->out + done,
                                    connection->out_length - done);
        if (sent == FAILED)
            /* Whoever has closed it is heard of by what comes next, which is the end. */
            sent = connection->out_length - done;
        if (sent == AGAIN)
            break;
        done += sent;
    }
    connection->out_length -= done;
    memmove(connection->out, connection->out + done, connection->out_length);
    int writing = connection->out_length > 0;
    if (writing != connection->writing) {
        connection->writing = writing;
        struct epoll_event event = {.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN,
                                    .data.ptr = connection};
        epoll_ctl(poller, EPOLL_CTL_MOD, connection->stream.fd, &event);
    }
}

/* -- the handshake ------------------------------------------------------------------------------ */

static void ask(struct connection *connection) {
    char head[1024];
    int length = snprintf(head, sizeof head,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                          "Sec-WebSocket-Version: 13\r\n%s\r\n",
                          options.path, options.port, key,
                          options.compression ? "Sec-WebSocket-Extensions: permessage-deflate; "
                                                "client_max_window_bits\r\n"
                                              : "");
    append(&connection->out, &connection->out_length, &connection->out_room, head, length);
    connection->state = UPGRADING;
    transmit(connection);
}

/* Check the answer to the upgrade, and return its length, or 0 if it is not all here. */
static size_t upgrade(struct connection *connection, const uint8_t *data, size_t length) {
    static char expected[ACCEPT_SIZE + 1];
    if (!*expected)
        accept_key(expected, key, sizeof key - 1);
    const char *head = (const char *)data, *end = memmem(head, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t size = end + 4 - head;
    if (size < 12 || memcmp(head, "HTTP/1.1 101", 12))
        fail("the upgrade was refused: %.*s", (int)(size < 120 ? size : 120), head);
    if (!memmem(head, size, expected, ACCEPT_SIZE))
        fail("Sec-WebSocket-Accept is wrong");
    int agreed = memmem(head, size, "permessage-deflate", 18) != NULL;
    if (agreed && !options.compression)
        fail("compression was agreed on, and not offered");
    connection->takeover = !memmem(head, size, "server_no_context_takeover", 26);
    compression_agreed = agreed;
    connection->state = OPEN;
    connection_opened(connection);
    return size;
}

/* -- in ----------------------------------------------------------------------------------------- */

static void deliver(struct connection *connection, int opcode, int compressed, const uint8_t *data,
                    size_t size) {
    if (!load->message)
        fail("a message was not expected");
    if (!compressed) {
        load->message(connection, opcode, data, size);
        return;
    }
#ifdef WITHOUT_ZLIB
    fail("there was no zlib to build with: compressed messages cannot be checked");
#else
    static uint8_t *plain;
    static size_t room;
    if (!compression_agreed)
        fail("a message is compressed without an agreement");
    z_stream *inflater = connection->inflater;
    if (!inflater) {
        inflater = connection->inflater = calloc(1, sizeof *inflater);
        if (!inflater || inflateInit2(inflater, -15) != Z_OK)
            fail("zlib could not begin");
    }
    static const uint8_t tail[] = {0, 0, 0xff, 0xff};
    size_t length = 0;
    for (int part = 0; part < 2; part++) {
        inflater->next_in = (uint8_t *)(part ? tail : data);
        inflater->avail_in = part ? sizeof tail : size;
        do {
            plain = grow(plain, &room, length + 4096);
            inflater->next_out = plain + length;
            inflater->avail_out = room - length;
            int done = inflate(inflater, Z_SYNC_FLUSH);
            length = room - inflater->avail_out;
            if (done != Z_OK && done != Z_BUF_ERROR)
                fail("a compressed message is none");
            if (length > LARGEST)
                fail("a compressed message is larger than anything that was sent");
        } while (inflater->avail_in || !inflater->avail_out);
    }
    if (!connection->takeover)
        inflateReset(inflater);
    load->message(connection, opcode, plain, length);
#endif
}

static void control(struct connection *connection, const struct frame *frame,
                    const uint8_t *data) {
    if (!frame->fin || frame->size > 125 || frame->opcode > PONG)
        fail("a control frame is wrong");
    if (frame->opcode == PING) {
        queue_message(connection, PONG, data, frame->size);
        transmit(connection);
    } else if (frame->opcode == CLOSE) {
        int code = frame->size >= 2 ? data[0] << 8 | data[1] : 1005;
        fail("the server has closed connection %u with %d %.*s", connection->id, code,
             (int)(frame->size > 2 ? frame->size - 2 : 0), (const char *)data + 2);
    }
}

static void hear_frame(struct connection *connection, const struct frame *frame,
                       const uint8_t *data) {
    if (frame->masked || frame->rsv & 0x30 || (frame->rsv && frame->opcode == CONTINUATION))
        fail("a frame's head is wrong");
    if (frame->opcode >= CLOSE) {
        control(connection, frame, data);
        return;
    }
    int begins = frame->opcode != CONTINUATION;
    if (frame->opcode > BINARY || begins != !connection->opcode)
        fail("a frame is out of place");
    if (begins && frame->fin) {
        deliver(connection, frame->opcode, frame->rsv, data, frame->size);
        return;
    }
    if (begins) {
        connection->opcode = frame->opcode;
        connection->compressed = frame->rsv;
    }
    append(&connection->message, &connection->message_length, &connection->message_room, data,
           frame->size);
    if (frame->fin) {
        int opcode = connection->opcode;
        size_t length = connection->message_length;
        connection->opcode = 0;
        connection->message_length = 0;
        deliver(connection, opcode, connection->compressed, connection->message, length);
    }
}

static size_t take(struct connection *connection, const uint8_t *data, size_t length) {
    size_t done = 0;
    if (connection->state == UPGRADING) {
        done = upgrade(connection, data, length);
        if (!running || connection->state != OPEN)
            return done;
    }
    struct frame frame;
    while (frame_read(&frame, data + done, length - done)) {
        if (frame.size > LARGEST)
            fail("a frame is larger than anything that was sent");
        if (frame.size > length - done - frame.head)
            break;
        const uint8_t *from = data + done + frame.head;
        done += frame.head + frame.size;
        hear_frame(connection, &frame, from);
        if (!running)
            return done;
    }
    return done;
}

static void hear(struct connection *connection) {
    ssize_t got;
    do {
        got = stream_read(&connection->stream, buffer, BUFFER);
        if (got == AGAIN)
            return;
        if (got <= 0)
            fail("the server has ended connection %u", connection->id);
        const uint8_t *data = buffer;
        size_t length = got;
        if (connection->in_length) {
            append(&connection->in, &connection->in_length, &connection->in_room, buffer, got);
            data = connection->in;
            length = connection->in_length;
        }
        size_t done = take(connection, data, length);
        if (!running)
            return;
        if (connection->out_length && !connection->writing)
            transmit(connection);
        if (data == buffer) {
            if (done < length)
                append(&connection->in, &connection->in_length, &connection->in_room, data + done,
                       length - done);
        } else {
            connection->in_length -= done;
            memmove(connection->in, connection->in + done, connection->in_length);
        }
        /* What TLS has decrypted already will not wake the poller; what comes now is of now. */
        turn_time = now();
    } while (connection->stream.tls);
}

static void connected(struct connection *connection) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection->stream.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        fail("connect: %s", strerror(error));
    if (options.tls) {
        if (stream_secure(&connection->stream, 0) < 0)
            fail("TLS could not begin");
        connection->state = SECURING;
    } else {
        ask(connection);
    }
}

void connection_serve(struct connection *connection, uint32_t events) {
    running = connection;
    if (connection->state == CONNECTING) {
        if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
            return;
        connected(connection);
        if (connection->state != SECURING)
            return;
    }
    if (connection->state == SECURING) {
        int done = stream_open(&connection->stream);
        if (done == FAILED)
            fail("TLS could not be agreed on");
        if (done == AGAIN)
            return;
        ask(connection);
    }
    if (events & EPOLLOUT && connection->out_length)
        transmit(connection);
    else if (connection->writing && !connection->out_length)
        transmit(connection);
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        hear(connection);
    running = NULL;
}
