/* Connections that are held, or sessions with a subscription where there is a channel.
 *
 * A few are opened first, so that the server has loaded and warmed whatever it needs for one. The
 * program says how many it holds in a line {"held": N}, and goes on with each line that comes in.
 */

#include "load.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>

enum { FEW = 100 };

static struct session *sessions;
static size_t held, wanted, permits;

static void open_more(size_t total) {
    wanted = total;
    open_connections(held, total - held);
}

static void begin(void) {
    sessions = calloc(options.connections, sizeof *sessions);
    open_more(options.connections < FEW ? options.connections : FEW);
}

static void go_on(void) {
    while (held == wanted && permits) {
        permits--;
        if (held == options.connections)
            finish();
        open_more(options.connections);
    }
}

static void hold_one(void) {
    count(1);
    if (++held < wanted)
        return;
    printf("{\"held\": %zu}\n", held);
    fflush(stdout);
    go_on();
}

static void opened(struct connection *connection) {
    if (!*options.channel) {
        hold_one();
        return;
    }
    session_begin(&sessions[connection->id], connection);
}

static void message(struct connection *connection, int opcode, const uint8_t *data, size_t size) {
    if (!*options.channel || opcode != TEXT)
        fail("a message was not expected");
    struct session *session = &sessions[connection->id];
    const char *line, *at = (const char *)data;
    size_t length;
    while ((line = next_line(&at, (const char *)data + size, &length)))
        if (session_line(session, connection, line, length) == SUBSCRIBED)
            hold_one();
}

static void told(size_t lines) {
    permits += lines;
    go_on();
}

const struct load idle_load = {.name = "idle",
                               .unit = "connection",
                               .ends_itself = 1,
                               .begin = begin,
                               .opened = opened,
                               .message = message,
                               .told = told};
