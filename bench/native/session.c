#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 20 };

static void say(struct connection *connection, const char *text, size_t length) {
    queue_message(connection, TEXT, (const uint8_t *)text, length);
}

void session_connect(struct connection *connection) {
    static const char words[] = "{\"id\":1,\"connect\":{\"name\":\"bench\"}}";
    say(connection, words, sizeof words - 1);
    transmit(connection);
}

void session_begin(struct session *session, struct connection *connection) {
    char words[512], recover[160] = "";
    if (session->returning)
        snprintf(recover, sizeof recover, ",\"recover\":true,\"offset\":%llu,\"epoch\":\"%s\"",
                 (unsigned long long)session->offset, session->epoch);
    int length = snprintf(words, sizeof words,
                          "{\"id\":1,\"connect\":{\"name\":\"bench\"}}\n"
                          "{\"id\":2,\"subscribe\":{\"channel\":\"%s\"%s}}",
                          options.channel, recover);
    session->recovered = 0;
    say(connection, words, length);
    transmit(connection);
}

size_t publication(char *to, uint64_t number) {
    int length = sprintf(to, "{\"n\":%llu,\"text\":\"", (unsigned long long)number);
    size_t rest = options.size > (size_t)length + 3 ? options.size - length - 2 : 1;
    memcpy(to + length, payload(number, 0), rest);
    memcpy(to + length + rest, "\"}", 2);
    return length + rest + 2;
}

void session_publish(struct connection *connection, uint64_t number) {
    static char words[LARGEST];
    if (options.size > LARGEST / 2)
        fail("a publication that large is not for here");
    int length = sprintf(words, "{\"id\":%llu,\"publish\":{\"channel\":\"%s\",\"data\":",
                         (unsigned long long)number + 3, options.channel);
    length += publication(words + length, number);
    memcpy(words + length, "}}", 2);
    say(connection, words, length + 2);
    transmit(connection);
}

const char *next_line(const char **at, const char *end, size_t *length) {
    const char *line = *at;
    if (line >= end)
        return NULL;
    const char *stop = memchr(line, '\n', end - line);
    *length = (stop ? stop : end) - line;
    *at = stop ? stop + 1 : end;
    return line;
}

static const char *find(const char *line, size_t length, const char *what) {
    const char *at = memmem(line, length, what, strlen(what));
    return at ? at + strlen(what) : NULL;
}

static void read_position(struct session *session, const char *line, size_t length) {
    const char *offset = find(line, length, "\"offset\":"), *epoch = find(line, length, "\"epoch\":\"");
    if (epoch) {
        const char *end = memchr(epoch, '"', line + length - epoch);
        if (!end || (size_t)(end - epoch) >= sizeof session->epoch)
            fail("an epoch is too long");
        memcpy(session->epoch, epoch, end - epoch);
        session->epoch[end - epoch] = 0;
    }
    session->offset = offset ? strtoull(offset, NULL, 10) : 0;
}

/* Check that what was missed has come with the answer, all of it and in order. */
static void read_missed(struct session *session, const char *line, size_t length) {
    const char *list = find(line, length, "\"publications\":[");
    const char *end = line + length;
    for (const char *offset = list; offset; session->heard++) {
        char expected[64];
        int size = sprintf(expected, "{\"n\":%llu,", (unsigned long long)session->heard);
        const char *data = memmem(offset, end - offset, expected, size);
        if (!data)
            break;
        offset = data + size;
    }
}

static enum line read_subscribed(struct session *session, const char *line, size_t length) {
    uint64_t before = session->offset;
    session->recovered = find(line, length, "\"recovered\":true") != NULL;
    if (session->returning) {
        if (!session->recovered)
            fail("a session was not recovered");
        uint64_t heard = session->heard;
        read_missed(session, line, length);
        session->offset = before + (session->heard - heard);
    } else {
        read_position(session, line, length);
    }
    return SUBSCRIBED;
}

enum line session_line(struct session *session, struct connection *connection, const char *line,
                       size_t length) {
    if (length == 2 && !memcmp(line, "{}", 2)) {
        say(connection, "{}", 2);
        return NOTHING;
    }
    if (length > 8 && !memcmp(line, "{\"push\":", 8)) {
        if (!find(line, length, "\"pub\":"))
            fail("a push that is no publication: %.*s", (int)(length < 200 ? length : 200), line);
        return PUBLICATION;
    }
    if (find(line, length < 64 ? length : 64, "\"error\":"))
        fail("the server answers with %.*s", (int)(length < 200 ? length : 200), line);
    const char *id = find(line, length < 6 ? length : 6, "{\"id\":");
    if (!id)
        fail("a line is not of this protocol: %.*s", (int)(length < 200 ? length : 200), line);
    uint64_t number = strtoull(id, NULL, 10);
    if (number == 1)
        return CONNECTED;
    if (number == 2)
        return read_subscribed(session, line, length);
    return REPLY;
}
