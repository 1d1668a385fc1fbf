/* A reconnect storm: all sessions are cut off, some publications are made, and all come back.
 *
 * It ends when every session has recovered what it has missed. The clock runs from the first
 * connection's return; an operation is a session that is whole again.
 */

#include "load.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>

enum { BEFORE = 3, MISSED = 5 };
#define PAUSE 1000000000ull /* nanoseconds for the server to notice who has gone */

static enum { GATHERING, TALKING, AWAY, MISSING, RETURNING } stage;
static struct connection *publisher, **members;
static struct session *sessions;
static size_t ready, whole;
static uint64_t replies, cut, returned;

static void begin(void) {
    options.text = 1;
    payload_begin(options.size, 1);
    sessions = calloc(options.connections + 1, sizeof *sessions);
    members = calloc(options.connections + 1, sizeof *members);
    open_connections(0, options.connections + 1);
}

static void publish(int number) {
    for (int i = 0; i < number; i++)
        session_publish(publisher, publisher->sent++);
}

static void opened(struct connection *connection) {
    members[connection->id] = connection;
    if (connection->id == 0) {
        publisher = connection;
        session_connect(connection);
    } else {
        session_begin(&sessions[connection->id], connection);
    }
}

static void get_ready(void) {
    if (++ready == options.connections + 1) {
        stage = TALKING;
        publish(BEFORE);
    }
}

static void be_whole(struct session *session) {
    if (session->heard != publisher->sent)
        return;
    if (stage == RETURNING) {
        count(1);
        latency(now() - returned);
    }
    if (++whole < options.connections)
        return;
    if (stage == RETURNING)
        finish();
    whole = 0;
    stage = AWAY;
    cut = turn_time;
}

static void turn(void) {
    if (stage == AWAY && cut) {
        cut = 0;
        for (size_t i = 1; i <= options.connections; i++) {
            close_connection(members[i]);
            members[i] = NULL;
            sessions[i].returning = 1;
        }
        cut = now();
        stage = MISSING;
    } else if (stage == MISSING && cut && turn_time - cut > PAUSE) {
        cut = 0;
        publish(MISSED);
    } else if (stage == MISSING && !cut && replies == BEFORE + MISSED) {
        stage = RETURNING;
        measure_now();
        returned = now();
        open_connections(1, options.connections);
    }
}

static void receive(struct session *session, const char *line, size_t length) {
    char expected[1024];
    size_t size = publication(expected, session->heard);
    if (session->heard >= publisher->sent || !memmem(line, length, expected, size))
        fail("a session has received what is not its next publication");
    session->heard++;
    session->offset++;
    be_whole(session);
}

static void message(struct connection *connection, int opcode, const uint8_t *data, size_t size) {
    const char *line, *at = (const char *)data, *end = at + size;
    size_t length;
    struct session *session = &sessions[connection->id];
    if (opcode != TEXT)
        fail("a message is not text");
    while ((line = next_line(&at, end, &length))) {
        switch (session_line(session, connection, line, length)) {
        case CONNECTED:
            if (connection->id == 0)
                get_ready();
            break;
        case SUBSCRIBED:
            if (stage == RETURNING)
                be_whole(session);
            else
                get_ready();
            break;
        case PUBLICATION: receive(session, line, length); break;
        case REPLY: replies++; break;
        case NOTHING: break;
        }
    }
}

const struct load storm_load = {.name = "storm",
                                .unit = "session",
                                .ends_itself = 1,
                                .begin = begin,
                                .opened = opened,
                                .message = message,
                                .turn = turn};
