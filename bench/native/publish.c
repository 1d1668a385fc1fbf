/* Publications through the Centrifuge protocol: one publishes, the others are subscribed.
 *
 * What one subscriber has received is checked word by word, and must be the same bytes for all the
 * others.
 */

#include "load.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>

struct flight {
    uint64_t missing, time;
    size_t length;
    char *line; /* as the first subscriber has received it */
};

static struct connection *publisher;
static struct session *sessions;
static struct flight *flights;
static char *expected;
static size_t ready;
static uint64_t replies, first_offset;

static void begin(void) {
    options.text = 1;
    payload_begin(options.size, 1);
    sessions = calloc(options.connections + 1, sizeof *sessions);
    flights = calloc(options.in_flight, sizeof *flights);
    expected = malloc(options.size + 64);
    open_connections(0, options.connections + 1);
}

static void publish(void) {
    struct flight *flight = &flights[publisher->sent % options.in_flight];
    flight->missing = options.connections;
    flight->length = 0;
    flight->time = now();
    session_publish(publisher, publisher->sent++);
}

static void opened(struct connection *connection) {
    if (connection->id == 0) {
        publisher = connection;
        session_connect(connection);
    } else {
        session_begin(&sessions[connection->id], connection);
    }
}

static void get_ready(void) {
    if (++ready < options.connections + 1)
        return;
    first_offset = sessions[1].offset;
    measure();
    for (size_t i = 0; i < options.in_flight; i++)
        publish();
}

static void check(const char *line, size_t length, uint64_t number) {
    size_t size = publication(expected, number);
    if (!memmem(line, length, expected, size))
        fail("publication %llu is not what was published", (unsigned long long)number);
    const char *offset = memmem(line, length, "\"offset\":", 9);
    if (offset && strtoull(offset + 9, NULL, 10) != first_offset + number + 1)
        fail("publication %llu has a wrong offset", (unsigned long long)number);
    if (!offset && first_offset)
        fail("publication %llu has no offset", (unsigned long long)number);
}

static void receive(struct connection *connection, const char *line, size_t length) {
    uint64_t number = connection->heard++;
    if (!publisher || number >= publisher->sent)
        fail("connection %u has received what was not published", connection->id);
    struct flight *flight = &flights[number % options.in_flight];
    if (!flight->length) {
        check(line, length, number);
        flight->line = realloc(flight->line, length);
        memcpy(flight->line, line, length);
        flight->length = length;
    } else if (flight->length != length || memcmp(flight->line, line, length)) {
        fail("publication %llu is another one at connection %u", (unsigned long long)number,
             connection->id);
    }
    latency(turn_time > flight->time ? turn_time - flight->time : 0);
    count(1);
    if (--flight->missing == 0) {
        if (publisher->sent > replies + options.in_flight + 1000)
            fail("publications are not answered");
        publish();
    }
}

static void message(struct connection *connection, int opcode, const uint8_t *data, size_t size) {
    const char *line, *at = (const char *)data, *end = at + size;
    size_t length;
    if (opcode != TEXT)
        fail("a message is not text");
    while ((line = next_line(&at, end, &length))) {
        switch (session_line(&sessions[connection->id], connection, line, length)) {
        case CONNECTED:
            if (connection == publisher)
                get_ready();
            break;
        case SUBSCRIBED: get_ready(); break;
        case PUBLICATION: receive(connection, line, length); break;
        case REPLY: replies++; break;
        case NOTHING: break;
        }
    }
}

const struct load publish_load = {.name = "publish",
                                  .unit = "delivery",
                                  .begin = begin,
                                  .opened = opened,
                                  .message = message};
