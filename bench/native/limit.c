/* The limit: a WebSocket server with no features, on bare epoll.
 *
 *     limit echo|broadcast PORT [CERTIFICATE KEY]
 *
 * It does what a server cannot do without: accept, answer the handshake, unmask, send. It checks
 * nothing, has no timers, and knows no text from binary. What a program of whatever language
 * spends beyond this, it spends on what it offers, or for nothing.
 */

#include "stream.h"
#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 1 << 20, EVENTS = 1024, BACKLOG = 4096, QUEUE_MAX = 64 << 20 };

/* Bytes that wait: of a message that is not all here, or of one that is not all sent. */
struct pending {
    size_t length, capacity;
    uint8_t data[];
};

struct connection {
    struct stream stream;
    struct pending *in, *out;
    uint32_t place; /* among the open ones */
    uint8_t secured, open, closing;
};

static int poller, is_broadcast, is_tls;
static struct connection **members;
static size_t count, room;
/* A frame may be written in front of a payload that begins the buffer. */
static uint8_t buffer[HEAD_MAX + BUFFER];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(struct connection *connection, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_MOD, connection->stream.fd, &event);
}

static struct pending *keep(struct pending *pending, const uint8_t *data, size_t length,
                            size_t capacity) {
    size_t held = pending ? pending->length : 0;
    if (capacity < held + length)
        capacity = held + length;
    if (!pending || pending->capacity < capacity) {
        pending = realloc(pending, sizeof *pending + capacity);
        if (!pending)
            fail("realloc");
        pending->capacity = capacity;
    }
    memcpy(pending->data + held, data, length);
    pending->length = held + length;
    return pending;
}

static void transmit(struct connection *connection, const uint8_t *data, size_t length) {
    if (connection->closing)
        return;
    if (!connection->out) {
        ssize_t sent = stream_write(&connection->stream, data, length);
        if (sent == (ssize_t)length)
            return;
        if (sent == FAILED) {
            connection->closing = 1;
            return;
        }
        if (sent > 0) {
            data += sent;
            length -= sent;
        }
        /* Who does not read is not read. */
        watch(connection, is_broadcast ? EPOLLIN | EPOLLOUT : EPOLLOUT);
    } else if (connection->out->length > QUEUE_MAX) {
        connection->closing = 1;
        return;
    }
    connection->out = keep(connection->out, data, length, 0);
}

static void flush(struct connection *connection) {
    struct pending *out = connection->out;
    while (out && out->length) {
        ssize_t sent = stream_write(&connection->stream, out->data, out->length);
        if (sent == AGAIN)
            return;
        if (sent <= 0) {
            connection->closing = 1;
            return;
        }
        out->length -= sent;
        memmove(out->data, out->data + sent, out->length);
    }
    if (out) {
        free(out);
        connection->out = NULL;
        watch(connection, EPOLLIN);
    }
}

static void finish(struct connection *connection) {
    if (connection->open) {
        struct connection *last = members[--count];
        members[connection->place] = last;
        last->place = connection->place;
    }
    stream_close(&connection->stream);
    free(connection->in);
    free(connection->out);
    free(connection);
}

static void welcome(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = calloc(1, sizeof *connection);
        if (!connection)
            fail("calloc");
        connection->stream.fd = fd;
        if (is_tls && stream_secure(&connection->stream, 1) < 0)
            fail("tls");
        connection->secured = !is_tls;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
            fail("epoll_ctl");
    }
}

/* Answer a handshake and return its length, or 0 if it is not all here. */
static size_t answer(struct connection *connection, const uint8_t *data, size_t length) {
    const char *head = (const char *)data;
    const char *end = memmem(head, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    const char *line = head;
    while (line < end) {
        static const char name[] = "sec-websocket-key:";
        const char *next = memchr(line, '\n', end + 2 - line);
        if (!next)
            break;
        if ((size_t)(next - line) > sizeof name && !strncasecmp(line, name, sizeof name - 1)) {
            line += sizeof name - 1;
            while (*line == ' ')
                line++;
            char reply[160], *to = reply;
            static const char begin[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                        "Connection: Upgrade\r\nSec-WebSocket-Accept: ";
            memcpy(to, begin, sizeof begin - 1);
            to += sizeof begin - 1;
            accept_key(to, line, next - 1 - line);
            to += ACCEPT_SIZE;
            memcpy(to, "\r\n\r\n", 4);
            transmit(connection, (uint8_t *)reply, to + 4 - reply);
            if (count == room) {
                room = room ? 2 * room : 1024;
                members = realloc(members, room * sizeof *members);
                if (!members)
                    fail("realloc");
            }
            connection->place = count;
            members[count++] = connection;
            connection->open = 1;
            return end + 4 - head;
        }
        line = next + 1;
    }
    connection->closing = 1;
    return length;
}

/* Take what is complete, and return how much that was; *needed is then the length of the next. */
static size_t take(struct connection *connection, uint8_t *data, size_t length, size_t *needed) {
    size_t done = 0, ready = 0;
    *needed = 0;
    if (!connection->open) {
        done = answer(connection, data, length);
        if (!connection->open)
            return done;
    }
    uint8_t *replies = data + done;
    struct frame frame;
    while (!connection->closing && frame_read(&frame, data + done, length - done)) {
        if (frame.size > length - done - frame.head) {
            *needed = frame.head + frame.size;
            break;
        }
        uint8_t *payload = data + done + frame.head, first = data[done];
        done += frame.head + frame.size;
        if (frame.opcode == PONG)
            continue;
        if (frame.opcode == PING)
            first = 0x80 | PONG;
        /* The answer is no longer than the frame was: replies gather where frames have been. */
        uint8_t *reply = replies + ready;
        size_t head = frame_write(reply, first, frame.size, NULL);
        mask_copy(reply + head, payload, frame.size, frame.mask);
        if (is_broadcast && frame.opcode < CLOSE)
            for (size_t i = 0; i < count; i++)
                transmit(members[i], reply, head + frame.size);
        else
            ready += head + frame.size;
        if (frame.opcode == CLOSE) {
            transmit(connection, replies, ready);
            connection->closing = 1;
        }
    }
    if (ready && !connection->closing)
        transmit(connection, replies, ready);
    return done;
}

static void hear(struct connection *connection) {
    do {
        struct pending *in = connection->in;
        uint8_t *into = buffer + HEAD_MAX;
        size_t size = BUFFER;
        if (in) {
            /* The rest of a message goes where its beginning is. */
            if (in->length == in->capacity)
                in = connection->in = keep(in, NULL, 0, 2 * in->capacity);
            into = in->data + in->length;
            size = in->capacity - in->length;
        }
        ssize_t got = stream_read(&connection->stream, into, size);
        if (got == AGAIN)
            return;
        if (got <= 0) {
            connection->closing = 1;
            return;
        }
        size_t needed;
        if (in) {
            in->length += got;
            size_t done = take(connection, in->data, in->length, &needed);
            in->length -= done;
            if (!in->length) {
                free(in);
                connection->in = NULL;
            } else if (done || needed > in->capacity) {
                memmove(in->data, in->data + done, in->length);
                connection->in = keep(in, NULL, 0, needed);
            }
        } else {
            size_t done = take(connection, into, got, &needed);
            if (done < (size_t)got)
                connection->in = keep(NULL, into + done, got - done, needed < 64 ? 64 : needed);
        }
        /* What TLS has decrypted already will not wake the poller. */
    } while (is_tls && !connection->closing && !connection->out);
}

static void serve(struct connection *connection, uint32_t events) {
    if (!connection->secured) {
        int done = stream_open(&connection->stream);
        if (done == AGAIN)
            return;
        connection->secured = 1;
        connection->closing = done == FAILED;
    }
    if (events & EPOLLOUT) {
        flush(connection);
        if (is_tls && !connection->out)
            events |= EPOLLIN;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !connection->closing)
        hear(connection);
    if (connection->closing)
        finish(connection);
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: %s echo|broadcast PORT [CERTIFICATE KEY]\n", argv[0]);
        return 2;
    }
    is_broadcast = !strcmp(argv[1], "broadcast");
    is_tls = argc == 5;
    if (is_tls && tls_begin(argv[3], argv[4]) < 0) {
        fprintf(stderr, "no TLS: no OpenSSL, or no such certificate\n");
        return 1;
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(atoi(argv[2])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        fail("bind");
    if (listen(listener, BACKLOG) < 0)
        fail("listen");
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, -1);
        if (ready < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < ready; i++) {
            /* Only its own event ends a connection, so that none in this list can be gone. */
            if (events[i].data.ptr)
                serve(events[i].data.ptr, events[i].events);
            else
                welcome(listener);
        }
    }
}
